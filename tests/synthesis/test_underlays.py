import numpy as np
import pytest
import torch

from emotag.splats.rasterize import Render
from emotag.synthesis.compose import compose
from emotag.synthesis.footage import Footage, paste
from emotag.synthesis.settings import CompositionSettings

FRAMES, SIDE = 7, 64


@pytest.fixture
def footage() -> Footage:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (FRAMES, SIDE, SIDE, 3), dtype=np.uint8)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    matte = np.zeros((FRAMES, SIDE, SIDE, 3), np.uint8)
    for frame in range(FRAMES):
        head = np.hypot(columns - 25 - 2 * frame, rows - 24) < 11
        matte[frame, ..., 0] = 255 * (head | ((rows > 34) & (np.abs(columns - 32) < 20)))
        matte[frame, ..., 1] = 255 * (head & (rows <= 34))
    return Footage.make(frames, matte)


@pytest.fixture
def renders() -> list[Render]:
    generator = torch.Generator().manual_seed(0)
    batches = []
    for count in (3, 3, 1):
        alpha = torch.rand(count, SIDE, SIDE, 1, generator=generator)
        batches.append(Render(torch.rand(count, SIDE, SIDE, 3, generator=generator) * alpha, alpha))
    return batches


def test_a_clip_holds_what_single_frames_give(footage: Footage) -> None:
    whole = footage.underlays()
    assert len(whole) == FRAMES
    for frame in range(FRAMES):
        single = footage.underlay(frame)
        assert np.array_equal(whole.image[frame].numpy(), single.image)
        assert np.abs(whole.fade[frame].numpy() / 255 - single.fade).max() <= 0.5 / 255 + 1e-6


def test_pasting_a_clip_equals_pasting_frames(footage: Footage, renders: list[Render]) -> None:
    fast = list(paste(renders, footage.underlays(CompositionSettings(seam_strength=0, firm_share=0, crack_share=0))))
    colour = np.concatenate([render.colour.numpy() for render in renders])
    alpha = np.concatenate([render.alpha[..., 0].numpy() for render in renders])
    assert len(fast) == FRAMES
    for frame, image in enumerate(fast):
        single = footage.underlay(frame)
        expected = compose(colour[frame], alpha[frame], single.image, single.fade)
        assert np.abs(image.astype(int) - expected).max() <= 1
    slow = list(paste(renders, (footage.underlay(frame) for frame in range(FRAMES))))
    assert np.array_equal(slow, list(paste(renders, footage.underlays())))


def test_renders_go_over_the_cue_frames_they_are_given(footage: Footage, renders: list[Render]) -> None:
    whole = footage.underlays()
    cues = torch.tensor([0, 1, 2, 1, 0, 1, 2])
    images = list(paste(renders, whole, cues))
    blank = [Render(torch.zeros_like(r.colour), torch.zeros_like(r.alpha)) for r in renders]
    bare = list(paste(blank, whole, cues))
    for position, cue in enumerate(cues.tolist()):
        assert np.array_equal(bare[position], whole.image[cue].numpy())
    assert not np.array_equal(images[0], bare[0])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_device_gives_the_same(footage: Footage, renders: list[Render]) -> None:
    whole = footage.underlays()
    there = [Render(render.colour.cuda(), render.alpha.cuda()) for render in renders]
    near = np.stack(list(paste(renders, whole))).astype(int)
    assert np.abs(np.stack(list(paste(there, whole.to("cuda")))) - near).max() <= 1
