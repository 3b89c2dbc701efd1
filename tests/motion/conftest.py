from collections.abc import Callable
from typing import Any

import pytest
import torch

from emotag.motion.grmn import GRMN
from emotag.motion.settings import MotionSettings

SIZES = {"audio_dim": 6, "expression_feature_dim": 3, "identity_dim": 5, "n_expression": 4}


def small_settings(**changes: Any) -> MotionSettings:
    small = {"width": 16, "heads": 2, "audio_layers": 2, "audio_window": 3, "window": 16, "overlap": 4, "style_dim": 4}
    plain = {"dropout": 0.0, "identity_dropout": 0.0, "feature_noise": 0.0, "channel_gain": 0.0}
    masks = {"channel_mask": 0.0, "time_mask": 0.0, "mouth_code": 8, "mouth_rank": 6, "mouth_width": 12}
    return MotionSettings(**{**small, **plain, **masks, **changes})


def shaken(grmn: GRMN) -> GRMN:
    """Fill every parameter with noise, so that no zero initialisation hides a dependency."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in grmn.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return grmn


@pytest.fixture
def make() -> Callable[..., GRMN]:
    def build(noise: bool = True, **changes: Any) -> GRMN:
        torch.manual_seed(0)
        grmn = GRMN(small_settings(**changes), **SIZES).eval()
        return shaken(grmn) if noise else grmn

    return build


@pytest.fixture
def inputs() -> Callable[..., tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    def draw(batch: int = 2, length: int = 16, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(seed)
        return (
            torch.randn(batch, length, SIZES["audio_dim"], generator=generator),
            torch.randn(batch, length, SIZES["expression_feature_dim"], generator=generator),
            torch.randn(batch, SIZES["identity_dim"], generator=generator),
        )

    return draw
