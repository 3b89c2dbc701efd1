"""The IR network of AdaFace's checkpoints (He et al., CVPR 2016; Deng et al., ArcFace, CVPR 2019, §3.2.2).

Units of batch norm, 3×3 convolution, batch norm, PReLU, 3×3 convolution, batch norm beside a shortcut; four stages of
64, 128, 256 and 512 channels, each halving the picture; a fully connected layer between batch norms at the end. Modules
are named as the checkpoints' keys are, so that they load as they stand.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

CHANNELS = (64, 128, 256, 512)
"""Of the four stages."""

EMBEDDING = 512
_LAST_SIDE = 7  # 112 / 2⁴
_DROPOUT = 0.4  # does nothing outside of training


class Unit(nn.Module):
    """A residual unit; the shortcut takes every stride-th pixel, and changes the channels where they change."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.shortcut_layer: nn.Module = nn.MaxPool2d(1, stride)
        if channels_in != channels_out:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out)
            )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(channels_in),
            nn.Conv2d(channels_in, channels_out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.PReLU(channels_out),
            nn.Conv2d(channels_out, channels_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels_out),
        )

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> (B, C', H / stride, W / stride)
        """Add the residual to the shortcut."""
        return self.res_layer(x) + self.shortcut_layer(x)


class IRNetwork(nn.Module):
    """An aligned face to 512 numbers."""

    def __init__(
        self,
        units: Sequence[int],  # of the four stages: 3 4 14 3 is IR-50
    ) -> None:
        super().__init__()
        width = CHANNELS[0]
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.PReLU(width)
        )
        body = []
        for channels, count in zip(CHANNELS, units, strict=True):
            for index in range(count):
                body.append(Unit(width, channels, 1 if index else 2))
                width = channels
        self.body = nn.Sequential(*body)
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.Dropout(_DROPOUT),
            nn.Flatten(),
            nn.Linear(width * _LAST_SIDE**2, EMBEDDING),
            nn.BatchNorm1d(EMBEDDING, affine=False),
        )

    @property
    def layers(self) -> int:
        """Give the number by which such networks are called: two convolutions a unit, one before, one layer after."""
        return 2 * len(self.body) + 2

    def forward(
        self,
        x: Tensor,  # (B, 3, 112, 112) in [-1, 1]
    ) -> Tensor:  # (B, 512), not normalised: its length tells the picture's quality
        """Give the embedding before it is normalised."""
        return self.output_layer(self.body(self.input_layer(x)))


def units_of(
    state: Mapping[str, Tensor],  # by names of IRNetwork
) -> tuple[int, int, int, int]:
    """Count the units of each stage in a checkpoint. Raises ValueError when it is no IR network of two 3×3 a unit."""
    counts = dict.fromkeys(CHANNELS, 0)
    index = 0
    while (name := f"body.{index}.res_layer.4.weight") in state:
        channels, _, *kernel = state[name].shape
        if channels not in counts or kernel != [3, 3] or f"body.{index}.res_layer.7.weight" in state:
            raise ValueError(f"{name} is {tuple(state[name].shape)}")
        counts[channels] += 1
        index += 1
    if "input_layer.0.weight" not in state or not all(counts.values()):
        raise ValueError("not the layers of an IR network")
    first, second, third, fourth = (counts[channels] for channels in CHANNELS)
    return first, second, third, fourth


def load_ir(state: Mapping[str, Tensor]) -> IRNetwork:
    """Make the network of a checkpoint's state, ready to run. Raises ValueError when the state is not one's."""
    with torch.device("meta"):
        network = IRNetwork(units_of(state))
    try:
        network.load_state_dict(dict(state), assign=True)
    except RuntimeError as error:
        raise ValueError(str(error).splitlines()[-1].strip()) from None
    return network.eval().requires_grad_(False)
