"""Lips that touch touch in the track too, whatever gap the landmarks show between them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from emotag.camera import project
from emotag.head.ibug68 import LOWER_INNER_LIP, UPPER_INNER_LIP
from emotag.head.model import HeadModel, LandmarkEmbedding
from emotag.head.open_head.assemble import open_head
from emotag.head.surface import nearest_on_surface
from emotag.perception.landmarks.ibug68 import IBUG68
from emotag.perception.tracking.bias import landmark_bias
from emotag.perception.tracking.closure import closed_gap, lip_gaps, snapped
from emotag.perception.tracking.fit import fit_frames, fit_track
from emotag.perception.tracking.initial import similarity, upright
from emotag.perception.tracking.landmark_set import INNER_LIP_PAIRS
from emotag.perception.tracking.observations import Observations
from emotag.perception.tracking.rig import EXPRESSION, JAW, N_POSE, landmark_rig
from emotag.perception.tracking.settings import ShapeSettings, TrackSettings
from emotag.perception.tracking.shape import fit_shape
from emotag.perception.tracking.track import PersonShape, Track

SIZE, FOCAL, FRAMES = 512, 1.9, 75
TOUCH_MM = 1.0
AS_SEEN = {"closed_share": 0.0}
SHAPE = ShapeSettings(frames=8, undo_prior=0, undo_usual=0, offset_rounds=1)


_NEIGHBOURS = {81: 82, 178: 87, 311: 312, 402: 317, 80: 82, 88: 87, 310: 312, 318: 317, 191: 82, 95: 87, 415: 312,
               324: 317, 181: 84, 405: 314}  # fmt: skip
"""Lip landmarks that iBUG lacks, and those in whose place they stand here."""


def with_face_mesh(head: HeadModel) -> HeadModel:
    """Lay the usual face of Face Mesh onto the head; lips are iBUG's, where it is known which one is which."""
    usual = upright(landmark_bias().mean.reshape(468, 3))
    sparse = head.landmarks68.points(head.template[None], head.faces)[0]
    inside = list(range(17, 68))  # without the jaw line
    scale, rotation, shift = similarity(usual[IBUG68[inside]], sparse[None, inside])
    points = (scale[0] * usual @ rotation[0].T + shift[0]).numpy()
    triangles, weights = nearest_on_surface(points, head.template.numpy(), head.faces.numpy())[:2]
    triangles, weights = torch.as_tensor(triangles).long(), torch.as_tensor(weights).float()
    triangles[IBUG68], weights[IBUG68] = head.landmarks68.triangles, head.landmarks68.weights
    for landmark, other in _NEIGHBOURS.items():
        triangles[landmark], weights[landmark] = triangles[other], weights[other]
    return replace(head, landmarks468=LandmarkEmbedding(triangles, weights))


@pytest.fixture(scope="module")
def head() -> HeadModel:
    """The generated head, with so few expressions and modes that a fit is quick."""
    whole = with_face_mesh(open_head())
    names = ("mouthClose", "mouthFunnel", "mouthSmile_L", "mouthSmile_R", "mouthUpperUp_L", "mouthUpperUp_R")
    rows = [whole.expression_names.index(name) for name in names]
    return replace(
        whole, expression_basis=whole.expression_basis[rows], expression_names=names, shape_basis=whole.shape_basis[:3]
    )


def talking(head: HeadModel) -> tuple[torch.Tensor, torch.Tensor]:  # (T, P), (T,) bool: where lips touch
    """A nodding head whose jaw opens between closures of four frames."""
    time = torch.arange(FRAMES) / 25
    opening = torch.sin(2 * torch.pi * 1.7 * time).clamp_min(-0.25) + 0.25
    motion = torch.zeros(FRAMES, N_POSE + head.n_expression)
    motion[:, 0] = 0.12 * torch.sin(2 * time)
    motion[:, 1] = 0.15 * torch.cos(1.3 * time)
    motion[:, JAW.start] = 0.13 * opening
    return motion, opening == 0


def observe(head: HeadModel, motion: torch.Tensor, parted_mm: float, noise: float = 0.4) -> Observations:
    """Landmarks of the posed head as a detector draws them that parts the inner lips by as much more, and errs."""
    vertices = head.vertices(
        torch.zeros(head.n_shape), motion[:, EXPRESSION], motion[:, JAW], torch.zeros(len(motion), 3),
        torch.zeros(len(motion), 6), motion[:, :3], motion[:, 3:6],
    )  # fmt: skip
    points = head.landmarks468.points(vertices, head.faces)
    pixels, depth = project(points, torch.as_tensor(FOCAL), SIZE, SIZE)
    scale = FOCAL * SIZE / depth.mean(dim=1, keepdim=True)  # pixels per metre
    upper, lower = (list(row) for row in zip(*INNER_LIP_PAIRS, strict=True))
    pixels[:, upper, 1] -= parted_mm / 2000 * scale
    pixels[:, lower, 1] += parted_mm / 2000 * scale
    pixels = pixels + noise * torch.randn(pixels.shape, generator=torch.Generator().manual_seed(3))
    near = (depth - depth.mean(dim=1, keepdim=True)) * scale
    valid = torch.ones(len(motion), dtype=torch.bool)
    return Observations(torch.cat((pixels, near[..., None]), dim=-1), valid, SIZE, SIZE)


def lip_gap(head: HeadModel, track: Track) -> torch.Tensor:  # (T,) mm, negative when the lips cross
    still = torch.zeros_like(track.rotation)
    vertices = replace(track, rotation=still, translation=still).vertices(head)
    height = 1000 * head.landmarks68.points(vertices, head.faces)[..., 1]
    return (height[:, list(UPPER_INNER_LIP)] - height[:, list(LOWER_INNER_LIP)]).mean(dim=1)


def tracked(head: HeadModel, seen: Observations, **changes: float) -> tuple[PersonShape, torch.Tensor]:
    person = fit_shape(seen, head, SHAPE.model_copy(update=changes))
    return person, lip_gap(head, fit_track(seen, head, person, TrackSettings(**changes)))


def true_gap(head: HeadModel, motion: torch.Tensor) -> torch.Tensor:
    person = PersonShape(torch.zeros(head.n_shape), FOCAL, torch.zeros(head.n_expression), torch.zeros(3),
                         torch.zeros(468, 3))  # fmt: skip
    exact = TrackSettings(landmark_sigma=1e-3, aperture_sigma=1e-3, tolerance=1e-6)
    return lip_gap(head, fit_frames(observe(head, motion, 0.0, 0.0), head, person, exact))


@pytest.mark.parametrize("parted_mm", [-2.0, 0.0, 4.0])
def test_lips_touch_where_a_detector_parts_or_crosses_them(head: HeadModel, parted_mm: float) -> None:
    motion, shut = talking(head)
    truth = true_gap(head, motion)
    assert float(truth[shut].max()) < TOUCH_MM and float(truth.max()) > 10
    _, gap = tracked(head, observe(head, motion, parted_mm))
    assert float((gap[shut] < TOUCH_MM).float().mean()) > 0.9
    assert float(gap[shut].mean()) < 0.6
    assert float(gap.min()) > -TOUCH_MM, "lips go through each other"
    wide = truth > 6
    assert abs(float((gap - truth)[wide].mean())) < 1.5
    assert float(torch.corrcoef(torch.stack((gap, truth)))[0, 1]) > 0.97


def test_lips_as_seen_stay_parted(head: HeadModel) -> None:
    """The test above can fail."""
    motion, shut = talking(head)
    person, gap = tracked(head, observe(head, motion, 4.0), **AS_SEEN)
    assert person.closed_lips is None
    assert float(gap[shut].mean()) > 2


def test_lips_touch_on_a_head_without_names(head: HeadModel) -> None:
    motion, shut = talking(head)
    _, gap = tracked(replace(head, expression_names=()), observe(head, motion, 3.0))
    assert float((gap[shut] < TOUCH_MM).float().mean()) > 0.9


def test_a_clip_may_part_lips_by_more_than_the_reference(head: HeadModel) -> None:
    motion, shut = talking(head)
    person, _ = tracked(head, observe(head, motion, 1.0))
    gap = lip_gap(head, fit_track(observe(head, motion, 3.0), head, person, TrackSettings()))
    assert float((gap[shut] < TOUCH_MM).float().mean()) > 0.9


def test_a_mouth_held_open_is_not_shut(head: HeadModel) -> None:
    """What a clip says of closures counts as far as it agrees with the reference."""
    motion, _ = talking(head)
    person, _ = tracked(head, observe(head, motion, 1.0))
    motion[:, JAW.start] = 0.15
    gap = lip_gap(head, fit_track(observe(head, motion, 1.0), head, person, TrackSettings()))
    assert float(gap.min()) > 6


def test_short_clips_tell_no_closure(head: HeadModel) -> None:
    motion, _ = talking(head)
    seen = observe(head, motion, 3.0).select(slice(0, 20))
    assert fit_shape(seen, head, SHAPE).closed_lips is None
    gaps = lip_gaps(landmark_rig(head), seen, 0.0)
    assert closed_gap(gaps, 0.05) is None
    assert closed_gap(lip_gaps(landmark_rig(head), observe(head, motion, 3.0), 0.0), 0.0) is None


def test_gap_of_touching_lips_does_not_depend_on_how_the_head_turns(head: HeadModel) -> None:
    embedding = head.landmarks468
    triangles, weights = embedding.triangles.clone(), embedding.weights.clone()
    for _, lower in INNER_LIP_PAIRS:  # landmarks on the skin below and before the slit
        triangles[lower], weights[lower] = triangles[17], weights[17]
    low = replace(head, landmarks468=LandmarkEmbedding(triangles, weights))
    motion, _ = talking(low)
    motion[:, JAW.start] = 0
    motion[:, 0] = torch.linspace(-0.35, 0.35, FRAMES)
    motion[:, 2] = torch.linspace(0.3, -0.3, FRAMES)
    seen = observe(low, motion, 0.0, 0.0)
    excess = lip_gaps(landmark_rig(low), seen, 0.0).excess
    upper, lower = (list(row) for row in zip(*INNER_LIP_PAIRS, strict=True))
    raw = (seen.points[:, lower, :2] - seen.points[:, upper, :2]).norm(dim=-1) / seen.eye_distance()
    assert float(excess.abs().max()) < 0.008 < 0.02 < float((raw.max(0).values - raw.min(0).values).max())


def test_a_smile_parts_lips_only_in_the_landmarks(head: HeadModel) -> None:
    motion, _ = talking(head)
    motion[:, JAW.start] = 0
    smile = head.expression_names.index("mouthSmile_L")
    motion[30:60, N_POSE + smile : N_POSE + smile + 2] = 0.8
    seen, rig = observe(head, motion, 2.0, 0.0), landmark_rig(head)
    plain, less = (lip_gaps(rig, seen, parting).excess[:, 0] for parting in (0.0, 0.12))
    assert float((plain - less)[45] - (plain - less)[5]) > 0.003


def test_snapping_is_monotone_and_leaves_wide_openings() -> None:
    opening = torch.linspace(-0.02, 0.1, 200)
    shut = snapped(opening, torch.tensor(0.005), torch.tensor(0.02))
    assert float(shut.min()) == 0 and bool((shut.diff() >= 0).all())
    assert bool((shut[opening < 0.005] == 0).all())
    torch.testing.assert_close(shut[opening > 0.02], opening[opening > 0.02])
    silent = snapped(opening, torch.tensor(0.0), torch.tensor(0.0))  # a mouth that never opens
    assert bool(silent.isfinite().all())


def test_the_gap_of_touching_lips_is_saved_with_the_person(head: HeadModel, tmp_path: Path) -> None:
    motion, _ = talking(head)
    person = fit_shape(observe(head, motion, 3.0), head, SHAPE)
    person.save(tmp_path / "shape.json", {})
    loaded = PersonShape.load(tmp_path / "shape.json").closed_lips
    assert person.closed_lips is not None and loaded is not None
    np.testing.assert_allclose(loaded.numpy(), person.closed_lips.numpy(), rtol=1e-6)
    assert 0.02 < float(loaded[:3].mean()) < 0.05  # 3 mm of 90 mm
