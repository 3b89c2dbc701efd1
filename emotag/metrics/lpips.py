"""LPIPS (Zhang et al., 2018, Eq. 1), version 0.1 with AlexNet: the perceptual distance that the peers report."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from emotag.device import choose_device
from emotag.errors import InputError
from emotag.files import sha256
from emotag.metrics.lpips_settings import LpipsSettings
from emotag.metrics.weights import load_tensors

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Standardisation of RGB in −1…1: ImageNet's, moved there."""

TAPS = (1, 4, 7, 9, 11)
"""Layers of AlexNet's features whose outputs are compared: its five rectified convolutions."""

CHANNELS = (64, 192, 384, 256, 256)
"""Their channels."""

MIN_SIDE = 63
"""Smallest frame from which five convolutions leave something, pixels."""

_EPSILON = 1e-10  # added to a feature's length, as LPIPS 0.1 does


def alexnet_features() -> nn.Sequential:
    """Give AlexNet's convolutional part under torchvision's layer numbers (its last pooling is not needed)."""
    pool = nn.MaxPool2d(3, stride=2)
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), pool,
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), pool,
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
    )  # fmt: skip


class Lpips:
    """Compares frames with the true one."""

    engine = "alexnet"
    version = "0.1"

    def __init__(self, settings: LpipsSettings) -> None:
        """Load both weight files. Raises InputError when one holds something else."""
        backbone, linear = settings.backbone_file(), settings.linear_file()
        self.device = choose_device(settings.device)
        features = alexnet_features()
        keys = {f"features.{name}": name for name in features.state_dict()}
        features.load_state_dict(_pick(backbone, keys, features.state_dict()))
        self._features = features.eval().requires_grad_(False).to(self.device)
        wanted = {str(index): torch.empty(1, count, 1, 1) for index, count in enumerate(CHANNELS)}
        weights = _pick(linear, {f"lin{index}.model.1.weight": index for index in wanted}, wanted)
        self._linear = [weights[index].flatten().to(self.device) for index in wanted]
        self.weights = f"{sha256(backbone)}+{sha256(linear)}"

    @torch.inference_mode()
    def distances(
        self,
        truth: np.ndarray,  # (H, W, 3) uint8 RGB
        renders: Sequence[np.ndarray],  # each (H, W, 3) uint8 RGB
    ) -> list[float]:
        """Give the distance of each render from the true frame. Raises ValueError on shapes that differ or are tiny."""
        if min(truth.shape[:2]) < MIN_SIDE:
            raise ValueError(f"LPIPS needs frames of at least {MIN_SIDE} pixels a side, not {truth.shape[:2]}")
        if any(render.shape != truth.shape for render in renders):
            raise ValueError(f"frames differ in shape: {truth.shape} and {[render.shape for render in renders]}")
        images = torch.from_numpy(np.stack([truth, *renders])).to(self.device)
        taps = self._taps(images.permute(0, 3, 1, 2).float() / 127.5 - 1)
        return lpips(taps, self._linear).tolist()

    def _taps(
        self,
        images: Tensor,  # (B, 3, H, W) in −1…1
    ) -> list[Tensor]:  # (B, C, h, w) each
        x = (images - images.new_tensor(SHIFT)[:, None, None]) / images.new_tensor(SCALE)[:, None, None]
        found = []
        for index, layer in enumerate(self._features):
            x = layer(x)
            if index in TAPS:
                found.append(x)
        return found


def lpips(
    taps: Sequence[Tensor],  # L of (1 + B, C, h, w): the truth's features first, then the renders'
    linear: Sequence[Tensor],  # L of (C,), not negative
) -> Tensor:  # (B,)
    """Sum over layers the mean over pixels of the weighted squared difference of unit-length features."""
    total = taps[0].new_zeros(len(taps[0]) - 1)
    for features, weights in zip(taps, linear, strict=True):
        unit = features / (features.square().sum(dim=1, keepdim=True).sqrt() + _EPSILON)
        squared = (unit[1:] - unit[:1]).square()
        total = total + (squared * weights[:, None, None]).sum(dim=1).mean(dim=(1, 2))
    return total


def _pick(path: Path, keys: dict[str, str], like: dict[str, Tensor]) -> dict[str, Tensor]:
    """Take tensors out of a file of weights under new names, with the shapes of `like`."""
    state = load_tensors(path)
    found = {}
    for key, name in keys.items():
        if not isinstance(state.get(key), Tensor) or state[key].shape != like[name].shape:
            has = tuple(state[key].shape) if isinstance(state.get(key), Tensor) else "nothing"
            raise InputError(f"{path}: holds {has} for {key}, not {tuple(like[name].shape)}; it is another network")
        found[name] = state[key].float()
    return found
