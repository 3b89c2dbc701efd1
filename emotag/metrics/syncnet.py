"""SyncNet (Chung & Zisserman, 2016), version 2: two towers that put lips and sound into one space.

Layers stand in the order, and under the names, of the published weights (`syncnet_v2.model`): netcnnaud, netfcaud,
netcnnlip, netfclip.
"""

from pathlib import Path

from torch import Tensor, nn

from emotag.errors import InputError
from emotag.metrics.weights import load_tensors

Size = tuple[int, int, int]  # frames, rows, columns

WINDOW = 5
"""Frames of a window of lips."""

AUDIO_COLUMNS, AUDIO_STEP = 20, 4
"""MFCC columns of a window, and of a video frame."""

SIDE = 224
"""Side of a face crop, pixels."""

FEATURES = 1024
"""Width of the space in which lips and sound are compared."""


def _normed(convolution: nn.Module, norm: nn.Module) -> list[nn.Module]:
    return [convolution, norm, nn.ReLU()]


def _sound(inputs: int, outputs: int, kernel: int | tuple[int, int] = 3, padding: int = 1) -> list[nn.Module]:
    return _normed(nn.Conv2d(inputs, outputs, kernel, padding=padding), nn.BatchNorm2d(outputs))


def _lips(
    inputs: int, outputs: int, kernel: Size, stride: Size = (1, 1, 1), padding: Size = (0, 0, 0)
) -> list[nn.Module]:
    return _normed(nn.Conv3d(inputs, outputs, kernel, stride, padding), nn.BatchNorm3d(outputs))


def _head() -> nn.Sequential:
    return nn.Sequential(*_normed(nn.Linear(512, 512), nn.BatchNorm1d(512)), nn.Linear(512, FEATURES))


class SyncNet(nn.Module):
    """Both towers. In evaluation mode every window is judged by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_sound(1, 64), nn.MaxPool2d(1, stride=1),
            *_sound(64, 192), nn.MaxPool2d(3, stride=(1, 2)),
            *_sound(192, 384),
            *_sound(384, 256),
            *_sound(256, 256), nn.MaxPool2d(3, stride=2),
            *_sound(256, 512, kernel=(5, 4), padding=0),
        )  # fmt: skip
        half, spread = (1, 2, 2), (0, 1, 1)
        self.netcnnlip = nn.Sequential(
            *_lips(3, 96, (WINDOW, 7, 7), half), nn.MaxPool3d((1, 3, 3), stride=half),
            *_lips(96, 256, (1, 5, 5), half, spread), nn.MaxPool3d((1, 3, 3), stride=half, padding=spread),
            *_lips(256, 256, (1, 3, 3), padding=spread),
            *_lips(256, 256, (1, 3, 3), padding=spread),
            *_lips(256, 256, (1, 3, 3), padding=spread), nn.MaxPool3d((1, 3, 3), stride=half),
            *_lips(256, 512, (1, 6, 6)),
        )  # fmt: skip
        self.netfcaud = _head()
        self.netfclip = _head()

    def sound(
        self,
        coefficients: Tensor,  # (B, 1, 13, 20) MFCC
    ) -> Tensor:  # (B, 1024)
        """Embed windows of sound."""
        return self.netfcaud(self.netcnnaud(coefficients).flatten(1))

    def lips(
        self,
        faces: Tensor,  # (3, 4 + B, 224, 224) BGR in 0–255, consecutive frames
    ) -> Tensor:  # (B, 1024)
        """Embed every window of five consecutive frames.

        Only the first convolution reaches over frames, so the windows are not cut out one by one.
        """
        return self.netfclip(self.netcnnlip(faces[None])[0, :, :, 0, 0].T)


def load_syncnet(path: Path) -> SyncNet:
    """Read the published weights, in evaluation mode. Raises InputError when the file is something else."""
    network = SyncNet()
    wanted = network.state_dict()
    state = load_tensors(path)
    for name, value in wanted.items():
        counter = name.endswith("num_batches_tracked")  # younger than the published file, and of no use here
        if name not in state and counter:
            continue
        if not isinstance(state.get(name), Tensor) or state[name].shape != value.shape:
            raise InputError(f"{path}: has no {name} of shape {tuple(value.shape)}; it is not SyncNet v2")
        wanted[name] = state[name].to(value.dtype)
    network.load_state_dict(wanted)
    return network.eval().requires_grad_(False)
