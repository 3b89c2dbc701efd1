import torch

from emotag.splats.rasterize import Render
from emotag.synthesis.cracks import fill_cracks
from emotag.synthesis.settings import CompositionSettings

SIDE = 200
SKIN = torch.tensor([0.7, 0.5, 0.4])


def head(alpha: torch.Tensor) -> Render:  # (H, W) -> premultiplied
    return Render((alpha[..., None] * SKIN)[None], alpha[None, ..., None])


def test_a_crack_between_opaque_parts_is_filled_in_its_own_colour() -> None:
    alpha = torch.zeros(SIDE, SIDE)
    alpha[40:160, 50:150] = 1
    alpha[100:102, 50:150] = 0.3  # jaw over neck
    filled = fill_cracks(head(alpha), CompositionSettings(crack_share=0.02))
    torch.testing.assert_close(filled.alpha[0, 40:160, 50:150, 0], torch.ones(120, 100))
    torch.testing.assert_close(filled.colour[0, 100, 100], SKIN)


def test_outline_wide_gaps_and_hanging_strands_stay() -> None:
    alpha = torch.zeros(SIDE, SIDE)
    alpha[40:160, 50:150] = 1
    alpha[38:40, 50:150] = 0.4  # soft outline
    alpha[100:110, 50:150] = 0.3  # wider than a crack
    alpha[60:90, 60:62] = 0.2  # beside a strand
    render = head(alpha)
    filled = fill_cracks(render, CompositionSettings(crack_share=0.02))
    torch.testing.assert_close(filled.alpha, render.alpha)
    assert fill_cracks(render, CompositionSettings(crack_share=0)) is render


def test_a_hole_without_colour_is_not_made_up() -> None:
    alpha = torch.ones(SIDE, SIDE)
    alpha[100:102] = 0
    assert fill_cracks(head(alpha), CompositionSettings(crack_share=0.02)).alpha[0, 100, 100, 0] == 0
