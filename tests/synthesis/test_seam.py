import numpy as np
import pytest
import torch

from emotag.splats.rasterize import Render
from emotag.synthesis.seam import Seam, find_seam, meet_torso
from emotag.synthesis.settings import CompositionSettings

SIDE, LINE = 128, 80
SETTINGS = CompositionSettings(seam_strength=1.0, firm_share=0)
FIRST = torch.tensor([0])
SKIN = np.array([200, 150, 120])


def scene(slope: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A neck that grows darker by `slope` levels a row: frame, head, torso."""
    frame = np.zeros((SIDE, SIDE, 3), np.uint8)
    frame[:, 44:84] = (SKIN - slope * (np.arange(SIDE)[:, None, None] - LINE)).clip(0, 255)
    head, torso = np.zeros((2, SIDE, SIDE), bool)
    head[30:LINE, 44:84] = True
    torso[LINE:, 44:84] = True
    return frame, head, torso


def seam_of(frame: np.ndarray, head: np.ndarray, torso: np.ndarray) -> Seam:
    return Seam.stack([find_seam(frame, head, torso, SETTINGS)])


def render_of(frame: np.ndarray, head: np.ndarray, light: float) -> Render:
    alpha = torch.from_numpy(head.astype(np.float32))[None, ..., None]
    return Render(torch.from_numpy(frame.astype(np.float32))[None] / 255 * alpha * light, alpha)


def test_the_seam_is_where_torso_meets_head() -> None:
    frame, head, torso = scene()
    row, level, valid = find_seam(frame, head, torso, SETTINGS)
    assert (row[44:84] == LINE).all()
    assert valid.sum() == 40
    assert level[50] == pytest.approx(SKIN / 255, abs=1e-3)
    assert not row[:44].any()


def test_it_reads_no_pixel_of_the_head() -> None:
    frame, head, torso = scene(1.0)
    other = frame.copy()
    other[~torso] = np.random.default_rng(0).integers(0, 255, (int((~torso).sum()), 3))
    for one, two in zip(find_seam(frame, head, torso, SETTINGS), find_seam(other, head, torso, SETTINGS)):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("light", [0.9, 1.1])
def test_a_render_in_other_light_meets_the_torso(light: float) -> None:
    frame, head, torso = scene()
    render = render_of(frame, head, light)
    matched = meet_torso(render, seam_of(frame, head, torso), FIRST, SETTINGS).colour
    at_line, wrong = matched[0, LINE - 1, 64] * 255, render.colour[0, LINE - 1, 64] * 255
    assert (at_line - torch.from_numpy(SKIN)).abs().max() < 0.55 * (wrong - torch.from_numpy(SKIN)).abs().max()
    assert torch.equal(matched[0, 30 : LINE - 20], render.colour[0, 30 : LINE - 20])  # faded out further up
    weaker = CompositionSettings(seam_strength=0.5, firm_share=0)
    half = meet_torso(render, seam_of(frame, head, torso), FIRST, weaker).colour
    between = sorted((float(render.colour[0, LINE - 1, 64, 0]), float(matched[0, LINE - 1, 64, 0])))
    assert between[0] < float(half[0, LINE - 1, 64, 0]) < between[1]


def test_a_shadow_across_the_line_is_no_step() -> None:
    frame, head, torso = scene(slope=2.0)
    render = render_of(frame, head, 1.0)
    matched = meet_torso(render, seam_of(frame, head, torso), FIRST, SETTINGS).colour
    assert (matched - render.colour).abs().max() * 255 < 2


def test_skin_is_not_matched_to_a_collar() -> None:
    frame, head, torso = scene()
    frame[LINE:] = 250
    frame[LINE:, :, 2] = 20
    render = render_of(frame, head, 1.0)
    matched = meet_torso(render, seam_of(frame, head, torso), FIRST, SETTINGS).colour
    assert (matched - render.colour).abs().max() * 255 < 8


def test_without_a_seam_nothing_changes() -> None:
    frame, head, _ = scene()
    render = render_of(frame, head, 0.5)
    assert meet_torso(render, seam_of(frame, head, head & ~head), FIRST, SETTINGS) is render


def test_the_soft_lower_edge_is_made_firm_and_keeps_its_colour() -> None:
    frame, head, torso = scene()
    render = render_of(frame, head, 1.0)
    ramp = torch.linspace(1, 0, 9)[1:-1]
    soft = render.alpha.clone()
    soft[0, LINE - 4 : LINE + 3, 44:84] = ramp[:, None, None]
    render = Render(torch.from_numpy(frame)[None] / 255 * soft, soft)
    met = meet_torso(render, seam_of(frame, head, torso), FIRST, CompositionSettings(seam_strength=0, firm_share=0.08))
    assert (met.alpha[0, LINE - 4 : LINE, 64, 0] > 0.99).all()
    assert met.alpha.max() <= 1 + 1e-6
    inside = met.alpha > 0.01
    seen = (met.colour / met.alpha.clamp_min(0.01) * 255)[inside.expand(-1, -1, -1, 3)].reshape(-1, 3)
    assert (seen - torch.from_numpy(SKIN)).abs().max() < 1
    assert torch.equal(met.alpha[:, : LINE - 12], render.alpha[:, : LINE - 12])
