"""The tracker on a synthetic head, whose motion is known."""

import itertools
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from emotag.camera import project
from emotag.errors import InputError
from emotag.head.model import HeadModel
from emotag.head.rotation import axis_angle_to_matrix
from emotag.perception.tracking.boxed import solve_boxed
from emotag.perception.tracking.energy import motion_prior, paired_names
from emotag.perception.tracking.fit import chunks, fit_frames, fit_track, smoothness
from emotag.perception.tracking.initial import first_focal_length, similarity
from emotag.perception.tracking.landmark_set import CONTOUR_PAIRS, LEFT_LID_PAIRS, RIGHT_LID_PAIRS, TIED_PAIRS
from emotag.perception.tracking.observations import Observations, interpolate
from emotag.perception.tracking.quality import measure
from emotag.perception.tracking.rig import (
    EXPRESSION,
    EYES,
    JAW,
    N_POSE,
    LandmarkRig,
    landmark_rig,
    project_landmarks,
    rotation_derivatives,
)
from emotag.perception.tracking.settings import ShapeSettings, TrackSettings
from emotag.perception.tracking.shape import fit_shape, neutral_face
from emotag.perception.tracking.systems import ArrowSystem, BandedSystem, second_difference
from emotag.perception.tracking.track import PersonShape, Track, check_head

SIZE, FOCAL = 512, 1.9
# Landmarks without error deserve trust: the priors then hardly bias what is recovered.
EXACT = {"landmark_sigma": 1e-3, "aperture_sigma": 1e-3, "iris_sigma": 1e-3, "tolerance": 1e-7, "iterations": 40}
LOOSE = {
    "rotation_acceleration": 1.0,
    "translation_acceleration": 1.0,
    "expression_acceleration": 10.0,
    "fast_acceleration": 10.0,
    "blink_acceleration": 10.0,
    "jaw_acceleration": 10.0,
    "eye_acceleration": 10.0,
}


def make_motion(head: HeadModel, frames: int = 24) -> torch.Tensor:
    time = torch.arange(frames)[:, None] / 25
    motion = torch.zeros(frames, N_POSE + head.n_expression)
    motion[:, :3] = torch.tensor([0.15, 0.35, 0.1]) * torch.sin(time * torch.tensor([3.0, 2.0, 4.0]) + 1)
    motion[:, 3:6] = torch.tensor([0.02, 0.01, 0.02]) * torch.cos(2 * time)
    motion[:, 6:7] = 0.15 + 0.12 * torch.sin(12 * time)
    motion[:, [9, 10, 12, 13]] = 0.15 * torch.sin(5 * time)
    phase = torch.linspace(0, 5, head.n_expression)
    motion[:, EXPRESSION] = (0.4 + 0.6 * torch.sin(9 * time + phase)).clamp(0, 1)
    return motion


def make_person(head: HeadModel, scale: float = 0.7) -> PersonShape:
    shape = scale * torch.linspace(-1, 1, head.n_shape)
    return PersonShape(shape, FOCAL, torch.zeros(head.n_expression), torch.zeros(3), torch.zeros(468, 3))


def observe(head: HeadModel, person: PersonShape, motion: torch.Tensor, noise: float = 0.0) -> Observations:
    """Landmarks of the posed mesh itself, not of the rig that the tracker uses."""
    neck = torch.zeros(len(motion), 3)
    vertices = head.vertices(
        person.shape, motion[:, EXPRESSION], motion[:, JAW], neck, motion[:, EYES], motion[:, :3], motion[:, 3:6]
    )
    focal = torch.as_tensor(person.focal_length)
    pixels, depth = project(head.landmarks468.points(vertices, head.faces), focal, SIZE, SIZE)
    near = (depth - depth.mean(1, keepdim=True)) * FOCAL * SIZE / depth.mean(1, keepdim=True)
    pupils = torch.stack(
        [
            vertices[:, ids[head.template[ids, 2].argmax()]]
            for ids in (head.regions["left_eye"], head.regions["right_eye"])
        ],
        dim=1,
    )
    generator = torch.Generator().manual_seed(1)
    pixels = pixels + noise * torch.randn(pixels.shape, generator=generator)
    valid = torch.ones(len(motion), dtype=torch.bool)
    return Observations(
        torch.cat((pixels, near[..., None]), -1), valid, SIZE, SIZE, project(pupils, focal, SIZE, SIZE)[0]
    )


def double(rig: LandmarkRig) -> LandmarkRig:
    return replace(rig, **{f.name: getattr(rig, f.name).double() for f in fields(rig) if f.name != "has_iris"})


def test_rig_places_landmarks_as_the_mesh_does(synthetic_head: HeadModel) -> None:
    person, motion = make_person(synthetic_head), make_motion(synthetic_head)
    seen = observe(synthetic_head, person, motion)
    centre = torch.tensor([SIZE / 2, SIZE / 2])
    rig = landmark_rig(synthetic_head).of_person(person.shape)
    found = project_landmarks(rig, motion, torch.tensor(FOCAL * SIZE), centre)
    assert rig.has_iris
    torch.testing.assert_close(found.pixels[:, :468], seen.points[..., :2], atol=2e-3, rtol=0)
    torch.testing.assert_close(found.pixels[:, 468:], seen.iris, atol=2e-3, rtol=0)


def test_rig_derivatives_are_those_of_autograd(synthetic_head: HeadModel) -> None:
    rig = double(landmark_rig(synthetic_head))
    shape = make_person(synthetic_head).shape.double()
    motion = make_motion(synthetic_head)[7:8].double()
    lens = (torch.tensor(900.0, dtype=torch.float64), torch.tensor([250.0, 260.0], dtype=torch.float64))
    found = project_landmarks(
        rig.of_person(shape), motion, *lens, derivatives=True, shape_derivatives=True, depth_derivatives=True
    )

    def of_motion(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        projection = project_landmarks(rig.of_person(shape), x, *lens)
        return projection.pixels[0], projection.depth[0]

    by_pixels, by_depth = torch.autograd.functional.jacobian(of_motion, motion)
    by_shape = torch.autograd.functional.jacobian(
        lambda s: project_landmarks(rig.of_person(s), motion, *lens).pixels[0], shape
    )
    torch.testing.assert_close(found.jacobian[0], by_pixels[:, :, 0], atol=1e-8, rtol=1e-8)
    torch.testing.assert_close(found.depth_jacobian[0], by_depth[:, 0], atol=1e-8, rtol=1e-8)
    torch.testing.assert_close(found.shape_jacobian[0], by_shape, atol=1e-8, rtol=1e-8)


def test_offset_moves_a_landmark_with_the_surface(synthetic_head: HeadModel) -> None:
    rig, motion = landmark_rig(synthetic_head), make_motion(synthetic_head)[:3]
    offset = torch.zeros(468, 3)
    offset[5] = torch.tensor([0.0, 0.0, 0.004])
    lens = (torch.tensor(FOCAL * SIZE), torch.tensor([256.0, 256.0]))
    none = torch.zeros(synthetic_head.n_shape)
    plain = project_landmarks(rig.of_person(none), motion, *lens)
    moved = project_landmarks(rig.of_person(none, offset), motion, *lens)
    assert (moved.depth[:, 5] < plain.depth[:, 5] - 0.002).all()
    others = torch.arange(468) != 5
    torch.testing.assert_close(moved.pixels[:, :468][:, others], plain.pixels[:, :468][:, others])


def spd(rng: np.random.Generator, *shape: int) -> np.ndarray:
    matrix = rng.normal(size=shape)
    return matrix @ np.swapaxes(matrix, -1, -2) + 0.1 * np.eye(shape[-1])


def dense_banded(blocks: np.ndarray, smoothness: np.ndarray) -> np.ndarray:
    frames, count, _ = blocks.shape
    difference = second_difference(frames)
    dense = np.kron(difference.T @ difference, np.diag(smoothness))
    for t in range(frames):
        dense[t * count : (t + 1) * count, t * count : (t + 1) * count] += blocks[t]
    return dense


@pytest.mark.parametrize("frames", [1, 2, 3, 7])
def test_banded_system_agrees_with_a_dense_one(frames: int) -> None:
    rng = np.random.default_rng(0)
    blocks, smoothness = spd(rng, frames, 4, 4), rng.uniform(0, 3, 4)
    right, more = rng.normal(size=(frames, 4)), rng.uniform(size=(frames, 4))
    system, dense = BandedSystem(blocks, smoothness), dense_banded(blocks, smoothness)
    np.testing.assert_allclose(system.apply(right).ravel(), dense @ right.ravel(), atol=1e-10)
    np.testing.assert_allclose(system.diagonal().ravel(), np.diag(dense))
    expected = np.linalg.solve(dense + np.diag(more.ravel()), right.ravel())
    np.testing.assert_allclose(system.solve(right, more).ravel(), expected, atol=1e-10)


def test_arrow_system_agrees_with_a_dense_one() -> None:
    rng = np.random.default_rng(1)
    dense = spd(rng, 14, 14)  # 3 frames of 4 unknowns, 2 shared
    for one in range(3):
        for other in range(3):
            if one != other:
                dense[4 * one : 4 * one + 4, 4 * other : 4 * other + 4] = 0
    dense += 20 * np.eye(14)
    frames = np.stack([dense[4 * f : 4 * f + 4, 4 * f : 4 * f + 4] for f in range(3)])
    mixed = np.stack([dense[4 * f : 4 * f + 4, 12:] for f in range(3)])
    system = ArrowSystem(frames, mixed, dense[12:, 12:])
    right, more = rng.normal(size=14), rng.uniform(size=14)
    np.testing.assert_allclose(system.apply(right), dense @ right)
    np.testing.assert_allclose(system.diagonal(), np.diag(dense))
    np.testing.assert_allclose(system.solve(right, more), np.linalg.solve(dense + np.diag(more), right))


def test_boxed_minimum_meets_the_optimality_conditions() -> None:
    rng = np.random.default_rng(2)
    system = BandedSystem(spd(rng, 6, 8, 8), rng.uniform(0, 2, 8))
    gradient = 3 * rng.normal(size=(6, 8))
    low, high = np.full((6, 8), -0.3), np.full((6, 8), 0.2)
    low[:, 0], high[:, 1] = -np.inf, np.inf
    x = solve_boxed(system, gradient, low, high)
    slope = system.apply(x) + gradient
    inside = (x > low) & (x < high)
    assert (x >= low).all() and (x <= high).all() and inside.any() and (~inside).any()
    assert np.abs(slope[inside]).max() < 1e-3
    assert (slope[x == low] > -1e-3).all() and (slope[x == high] < 1e-3).all()


def test_rotation_derivatives_are_those_of_autograd() -> None:
    for vector in (torch.zeros(3), torch.tensor([1e-5, 0, 2e-5]), torch.tensor([0.3, -0.8, 1.1])):
        expected = torch.autograd.functional.jacobian(axis_angle_to_matrix, vector.double())
        found = rotation_derivatives(vector.double(), axis_angle_to_matrix(vector.double()))
        torch.testing.assert_close(found, expected.permute(2, 0, 1), atol=1e-6, rtol=0)


def test_similarity_recovers_scale_rotation_and_shift() -> None:
    generator = torch.Generator().manual_seed(0)
    source = torch.randn(30, 3, generator=generator)
    turn = torch.linalg.qr(torch.randn(2, 3, 3, generator=generator))[0]
    turn = turn * torch.linalg.det(turn)[:, None, None]
    shift = torch.randn(2, 3, generator=generator)
    target = 2.5 * source @ turn.transpose(1, 2) + shift[:, None]
    scale, rotation, found = similarity(source, target)
    torch.testing.assert_close(scale, torch.full((2,), 2.5))
    torch.testing.assert_close(rotation, turn, atol=1e-5, rtol=0)
    torch.testing.assert_close(found, shift, atol=1e-4, rtol=0)


def test_motion_is_recovered(synthetic_head: HeadModel) -> None:
    person, motion = make_person(synthetic_head), make_motion(synthetic_head)
    track = fit_track(observe(synthetic_head, person, motion), synthetic_head, person, TrackSettings(**EXACT, **LOOSE))
    assert float(track.reprojection_px.max()) < 0.1
    torch.testing.assert_close(track.rotation, motion[:, :3], atol=2e-3, rtol=0)
    torch.testing.assert_close(track.translation, motion[:, 3:6], atol=1e-3, rtol=0)
    torch.testing.assert_close(track.jaw_pose, motion[:, 6:9], atol=6e-3, rtol=0)
    torch.testing.assert_close(track.eyes_pose, motion[:, 9:15], atol=1e-2, rtol=0)
    torch.testing.assert_close(track.expression, motion[:, EXPRESSION], atol=0.06, rtol=0)
    assert float(track.neck_pose.abs().max()) == 0


def test_frames_on_their_own_do_not_hold_each_other(synthetic_head: HeadModel) -> None:
    person, motion = make_person(synthetic_head), make_motion(synthetic_head)
    order = torch.tensor([0, len(motion) - 1, 1, len(motion) // 2, 2])  # a smooth path would not meet these
    seen = observe(synthetic_head, person, motion).select(order)
    alone = fit_frames(seen, synthetic_head, person, TrackSettings(**EXACT))
    torch.testing.assert_close(alone.rotation, motion[order, :3], atol=2e-3, rtol=0)
    held = fit_track(seen, synthetic_head, person, TrackSettings(**EXACT))
    assert float(alone.reprojection_px.max()) < 0.1 < float(held.reprojection_px.max())


def test_named_expressions_and_jaw_stay_in_their_box(synthetic_head: HeadModel) -> None:
    person, motion = make_person(synthetic_head), make_motion(synthetic_head)
    motion[:, EXPRESSION] = 3 * motion[:, EXPRESSION] - 1  # more than the box holds
    motion[:, 6] -= 0.5  # a jaw pushed up through the skull
    settings = TrackSettings(**EXACT)
    track = fit_track(observe(synthetic_head, person, motion), synthetic_head, person, settings)
    assert float(track.expression.min()) == 0 and float(track.expression.max()) == 1
    assert float(track.jaw_pose[:, 0].min()) == pytest.approx(settings.jaw_limits[0])


def with_lids(head: HeadModel) -> HeadModel:
    """Put Face Mesh's lids onto the lids of the synthetic head: upper ones move with the blink, lower ones do not."""
    points = head.template[head.faces].mean(dim=1)
    points[points[:, 2] < 0.02] = 9.0  # the back
    is_skin = head.faces.max(dim=1).values < int(head.regions["left_eye"].min())
    points[~is_skin] = 9.0
    embedding = head.landmarks468
    triangles, weights = embedding.triangles.clone(), embedding.weights.clone()
    for side, pairs in ((1, LEFT_LID_PAIRS), (-1, RIGHT_LID_PAIRS)):
        for row, pair in enumerate(pairs):
            for landmark, height in zip(pair, (0.030, 0.012), strict=True):
                wanted = torch.tensor([side * (0.026 + 0.003 * row), height])
                triangles[landmark] = (points[:, :2] - wanted).norm(dim=1).argmin()
                weights[landmark] = 1 / 3
    return replace(head, landmarks468=replace(embedding, triangles=triangles, weights=weights))


def blinking(head: HeadModel, frames: int = 31) -> torch.Tensor:
    motion = torch.zeros(frames, N_POSE + head.n_expression)
    for name in ("eyeBlink_L", "eyeBlink_R"):
        motion[14:17, N_POSE + head.expression_names.index(name)] = torch.tensor([0.5, 1.0, 0.5])
    return motion


def test_smoothness_quiets_noise_and_keeps_a_blink(synthetic_head: HeadModel) -> None:
    head, person = with_lids(synthetic_head), make_person(synthetic_head, 0.0)
    seen = observe(head, person, blinking(head), noise=0.5)
    smooth, rough = (fit_track(seen, head, person, settings) for settings in (TrackSettings(), TrackSettings(**LOOSE)))

    def shake(values: torch.Tensor) -> float:
        return float((values[2:] - 2 * values[1:-1] + values[:-2]).norm(dim=-1).mean())

    assert shake(smooth.rotation) < 0.5 * shake(rough.rotation)
    blink = smooth.expression[:, head.expression_names.index("eyeBlink_L")]
    assert float(blink[15]) > 0.75
    assert float(blink[:12].max()) < 0.25


def test_lid_contours_shut_an_eye_that_face_mesh_leaves_half_open(synthetic_head: HeadModel) -> None:
    head, person = with_lids(synthetic_head), make_person(synthetic_head, 0.0)
    motion = blinking(head)
    half = motion.clone()
    half[:, EXPRESSION] *= 0.3  # what Face Mesh makes of a blink
    seen = observe(head, person, half)
    usual, shut = 0.1, TrackSettings().closed_lids
    opening = usual - (usual - shut) * motion[:, N_POSE + head.expression_names.index("eyeBlink_L")]
    eyelids = torch.zeros(len(motion), 2, 16, 2)
    for upper, _ in CONTOUR_PAIRS:
        eyelids[:, :, upper, 1] = -opening[:, None] * seen.eye_distance()
    person = replace(person, lid_opening=torch.full((2, 5), usual))
    name = head.expression_names.index("eyeBlink_L")
    without = fit_track(seen, head, person, TrackSettings()).expression[:, name]
    found = fit_track(replace(seen, eyelids=eyelids), head, person, TrackSettings()).expression[:, name]
    assert float(without[15]) < 0.45
    assert float(found[15]) > 0.8
    assert float(found[:12].max()) < 0.1


def test_smoothness_is_weaker_where_speech_and_blinks_are(synthetic_head: HeadModel) -> None:
    precision = smoothness(synthetic_head, TrackSettings())
    names = synthetic_head.expression_names
    brow, blink = (precision[N_POSE + names.index(name)] for name in ("browInnerUp", "eyeBlink_L"))
    assert blink < brow
    anonymous = replace(synthetic_head, expression_names=())
    assert len(smoothness(anonymous, TrackSettings())) == len(precision)


def test_anonymous_expressions_may_be_negative(synthetic_head: HeadModel) -> None:
    head = replace(synthetic_head, expression_names=())
    person, motion = make_person(head), make_motion(head)
    motion[:, EXPRESSION] = 1.5 * motion[:, EXPRESSION] - 0.7
    track = fit_track(observe(head, person, motion), head, person, TrackSettings(**EXACT, **LOOSE))
    torch.testing.assert_close(track.expression, motion[:, EXPRESSION], atol=0.1, rtol=0)


def test_long_clips_in_chunks_meet_the_fit_in_one_piece(synthetic_head: HeadModel) -> None:
    person, motion = make_person(synthetic_head), make_motion(synthetic_head, 70)
    seen = observe(synthetic_head, person, motion, noise=0.3)
    told: list[int] = []
    whole = fit_track(seen, synthetic_head, person, TrackSettings(tolerance=1e-7, iterations=40))
    parts = fit_track(
        seen, synthetic_head, person,
        TrackSettings(chunk_frames=30, overlap_frames=12, tolerance=1e-7, iterations=40), advance=told.append,
    )  # fmt: skip
    assert sum(told) == 70
    torch.testing.assert_close(parts.rotation, whole.rotation, atol=2e-3, rtol=0)
    torch.testing.assert_close(parts.expression, whole.expression, atol=0.05, rtol=0)


@pytest.mark.parametrize(("frames", "length", "overlap"), [(10, 20, 4), (1258, 750, 40), (61, 20, 8), (2000, 750, 740)])
def test_chunks_cover_and_overlap(frames: int, length: int, overlap: int) -> None:
    made = chunks(frames, length, overlap)
    assert made[0][0] == 0 and made[-1][1] == frames
    assert all(stop - start <= length for start, stop in made)
    for (_, stop), (start, _) in itertools.pairwise(made):
        assert 0 < stop - start <= overlap
    for (_, stop), (start, _) in zip(made, made[2:], strict=False):
        assert start >= stop  # never three at once


def test_frames_without_landmarks_are_interpolated(synthetic_head: HeadModel) -> None:
    person, motion = make_person(synthetic_head), make_motion(synthetic_head)
    seen = observe(synthetic_head, person, motion)
    lost = torch.tensor([0, 9, 10, 23])
    seen.valid[lost] = False
    seen.points[lost], seen.iris[lost] = torch.nan, torch.nan
    track = fit_track(seen, synthetic_head, person, TrackSettings(**EXACT, **LOOSE))
    assert not track.valid[lost].any() and int(track.valid.sum()) == 20
    assert track.reprojection_px[lost].isnan().all() and track.reprojection_px[track.valid].isfinite().all()
    torch.testing.assert_close(track.rotation[9], torch.lerp(track.rotation[8], track.rotation[11], 1 / 3))
    torch.testing.assert_close(track.rotation[0], track.rotation[1])
    torch.testing.assert_close(track.expression[23], track.expression[22])
    assert all(getattr(track, f).isfinite().all() for f in ("translation", "jaw_pose", "eyes_pose", "expression"))


def test_interpolate_holds_the_ends() -> None:
    values = torch.tensor([[9.0], [1.0], [9.0], [9.0], [4.0], [9.0]])
    valid = torch.tensor([False, True, False, False, True, False])
    assert interpolate(values, valid).squeeze(1).tolist() == [1, 1, 2, 3, 4, 4]


def test_too_few_landmarks_is_one_clear_line(synthetic_head: HeadModel) -> None:
    person, motion = make_person(synthetic_head), make_motion(synthetic_head)
    seen = observe(synthetic_head, person, motion)
    seen.valid[:10] = False
    with pytest.raises(InputError, match=r"^hill: only 14 of 24 frames have face landmarks.*contact sheet") as error:
        fit_track(seen, synthetic_head, person, TrackSettings(), "hill")
    assert "\n" not in str(error.value)
    seen.valid[:] = False
    with pytest.raises(InputError, match="only 0 of 24"):
        fit_shape(seen, synthetic_head, ShapeSettings(undo_prior=0, undo_usual=0))


def test_landmarks_of_something_else_are_refused(synthetic_head: HeadModel) -> None:
    person, motion = make_person(synthetic_head), make_motion(synthetic_head)
    seen = observe(synthetic_head, person, motion)
    generator = torch.Generator().manual_seed(0)
    shuffled = replace(seen, points=seen.points[:, torch.randperm(468, generator=generator)], iris=None)
    with pytest.raises(InputError, match="does not meet the landmarks") as error:
        fit_track(shuffled, synthetic_head, person, TrackSettings(iterations=5), "hill")
    assert "\n" not in str(error.value)


def test_shape_is_recovered_up_to_what_an_image_shows(synthetic_head: HeadModel) -> None:
    person, motion = make_person(synthetic_head), make_motion(synthetic_head)
    seen = observe(synthetic_head, person, motion)
    found = fit_shape(
        seen, synthetic_head, ShapeSettings(undo_prior=0, undo_usual=0, **EXACT, effective_frames=24, offset_sigma=0)
    )
    assert float(found.landmark_offset.abs().max()) == 0

    def proportions(shape: torch.Tensor) -> torch.Tensor:  # size and distance cannot be told apart in an image
        points = landmark_rig(synthetic_head).of_person(shape).base.sum(0)[:468]
        points = points - points.mean(0)
        return points / points.norm()

    wrong = (proportions(torch.zeros(synthetic_head.n_shape)) - proportions(person.shape)).norm()
    assert float((proportions(found.shape) - proportions(person.shape)).norm()) < 0.15 * float(wrong)
    track = fit_track(seen, synthetic_head, found, TrackSettings(**EXACT, **LOOSE))
    assert float(track.reprojection_px.mean()) < 0.2


def test_offsets_explain_what_the_shape_cannot(synthetic_head: HeadModel) -> None:
    person, motion = make_person(synthetic_head), make_motion(synthetic_head)
    generator = torch.Generator().manual_seed(3)
    moved = replace(person, landmark_offset=0.002 * torch.randn(468, 3, generator=generator))
    rig = landmark_rig(synthetic_head).of_person(moved.shape, moved.landmark_offset)
    lens = (torch.tensor(FOCAL * SIZE), torch.tensor([SIZE / 2, SIZE / 2]))
    seen = observe(synthetic_head, person, motion)
    points = torch.cat((project_landmarks(rig, motion, *lens).pixels[:, :468], seen.points[..., 2:]), dim=-1)
    seen = replace(seen, points=points)
    errors = []
    for sigma in (0.0, 0.002):
        found = fit_shape(seen, synthetic_head, ShapeSettings(undo_prior=0, undo_usual=0, offset_sigma=sigma))
        track = fit_track(seen, synthetic_head, found, TrackSettings())
        errors.append(float(track.reprojection_px.mean()))
    assert errors[1] < 0.6 * errors[0]
    for upper, lower in TIED_PAIRS:  # an offset must not open a mouth
        torch.testing.assert_close(found.landmark_offset[upper], found.landmark_offset[lower])


def test_focal_length_follows_from_the_size_in_the_image(synthetic_head: HeadModel) -> None:
    person, motion = make_person(synthetic_head, 0.0), make_motion(synthetic_head) * 0.0
    seen = observe(synthetic_head, person, motion)
    assert first_focal_length(landmark_rig(synthetic_head), seen) == pytest.approx(FOCAL, rel=0.03)


def test_neutral_face_is_the_mean_of_the_calmest_frames() -> None:
    expression = torch.tensor([[0.1, 0.0], [0.9, 0.9], [0.3, 0.2], [0.0, 0.0]])
    jaw = torch.tensor([[0.02, 0, 0], [0.0, 0, 0], [0.04, 0, 0], [0.44, 0, 0]])  # the last frame shouts
    rest, rest_jaw = neutral_face(expression, jaw, 0.5)
    torch.testing.assert_close(rest, torch.tensor([0.2, 0.1]))
    torch.testing.assert_close(rest_jaw, torch.tensor([0.03, 0, 0]))


def test_paired_names_leave_gaze_and_whole_shapes_out() -> None:
    names = ("eyeBlink_L", "eyeBlink_R", "eyeLookIn_L", "eyeLookIn_R", "jawLeft", "jawRight", "mouthPucker")
    assert paired_names(names) == [(0, 1)]


def test_quality_of_a_perfect_track(synthetic_head: HeadModel) -> None:
    person, motion = make_person(synthetic_head), make_motion(synthetic_head)
    seen = observe(synthetic_head, person, motion)
    track = fit_track(seen, synthetic_head, person, TrackSettings(**EXACT, **LOOSE))
    quality = measure(synthetic_head, track, seen)
    assert quality.error468 < 0.1 and quality.error68 < 0.1 and quality.worst_frame >= quality.error468
    assert quality.mouth_correlation > 0.99
    assert quality.tracked_jitter == pytest.approx(quality.raw_jitter, rel=0.1)
    worse = replace(track, jaw_pose=track.jaw_pose + 0.1)
    assert measure(synthetic_head, worse, seen).error468 > 1


def test_track_file_round_trip(synthetic_head: HeadModel, tmp_path) -> None:
    person, motion = make_person(synthetic_head), make_motion(synthetic_head)
    track = fit_track(observe(synthetic_head, person, motion), synthetic_head, person, TrackSettings(iterations=2))
    path = tmp_path / "hill.parquet"
    track.save(path, "hill", {"engine": "landmarks", "head": "0123"})
    again = Track.load(path)
    for field in fields(Track):
        value = getattr(track, field.name)
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(getattr(again, field.name), value, equal_nan=True)
    assert again.focal_length == pytest.approx(FOCAL)
    torch.testing.assert_close(again.vertices(synthetic_head, slice(3, 5)), track.vertices(synthetic_head)[3:5])
    check_head(path, "0123")
    with pytest.raises(InputError, match="head model 0123, not 4567"):
        check_head(path, "4567")


def test_shape_file_round_trip(synthetic_head: HeadModel, tmp_path) -> None:
    person = replace(make_person(synthetic_head), landmark_offset=torch.full((468, 3), 1e-3))
    path = tmp_path / "anna.json"
    person.save(path, {"identity": "anna"})
    again = PersonShape.load(path)
    torch.testing.assert_close(again.shape, person.shape)
    torch.testing.assert_close(again.landmark_offset, person.landmark_offset)
    assert again.focal_length == person.focal_length
    again.check(synthetic_head, path)
    with pytest.raises(InputError, match=r"shape and .* expression coefficients"):
        replace(again, shape=torch.zeros(3)).check(synthetic_head, path)
    path.write_text("{}")
    with pytest.raises(InputError, match="not a person's shape"):
        PersonShape.load(path)


def test_observations_are_read_from_the_table(tmp_path) -> None:
    from emotag.tables import frame_table, write_table

    points = np.random.default_rng(0).normal(size=(3, 468, 3)).astype(np.float32)
    points[1] = np.nan
    iris = np.arange(90, dtype=np.float32).reshape(3, 2, 5, 3)
    columns = {"points468": points, "iris": iris, "valid": np.array([True, True, True])}
    write_table(tmp_path / "a.parquet", frame_table("a", columns), {})
    seen = Observations.load(tmp_path / "a.parquet", 256, 256)
    np.testing.assert_array_equal(seen.points.numpy(), points)
    assert seen.valid.tolist() == [True, False, True]
    assert seen.iris.tolist()[0] == [[0, 1], [15, 16]]
    with pytest.raises(InputError, match="not found"):
        Observations.load(tmp_path / "b.parquet", 256, 256)


def test_lids_follow_the_gaze(synthetic_head: HeadModel) -> None:
    names = ("eyeLookUp_L", "eyeLookDown_L", "eyeLookOut_R", "eyeLookIn_R", "eyeBlink_L", "eyeBlink_R")
    prior = motion_prior(replace(synthetic_head, expression_names=names), TrackSettings(eye_sigma=100.0))

    def cost(pitch: float, yaw: float, up: float, right_in: float) -> float:
        motion = torch.zeros(1, N_POSE + len(names))
        motion[0, EYES] = torch.tensor([pitch, 0.0, 0.0, 0.0, yaw, 0.0])
        motion[0, N_POSE + 0], motion[0, N_POSE + 3] = up, right_in
        return float(prior.cost(motion))

    assert cost(-0.25, 0.0, 0.5, 0.0) < cost(-0.25, 0.0, 0.0, 0.0)  # looking up lifts the lid
    assert cost(0.25, 0.0, 0.5, 0.0) > cost(0.25, 0.0, 0.0, 0.0)
    assert cost(0.0, 0.25, 0.0, 0.5) < cost(0.0, 0.25, 0.0, 0.0)  # the right eye looks in when it looks to the left
    assert cost(0.0, -0.25, 0.0, 0.5) > cost(0.0, -0.25, 0.0, 0.0)


def test_free_brows_go_three_times_as_far_for_the_cost_of_another_expression(synthetic_head: HeadModel) -> None:
    names = ("browDown_L", "mouthSmile_L", *(f"x{index}" for index in range(synthetic_head.n_expression - 2)))
    prior = motion_prior(replace(synthetic_head, expression_names=names), TrackSettings(brow_freedom=3.0))

    def cost(index: int, value: float) -> float:
        motion = torch.zeros(1, N_POSE + synthetic_head.n_expression)
        motion[0, N_POSE + index] = value
        return float(prior.cost(motion))

    assert cost(0, 0.6) == pytest.approx(cost(1, 0.2))
    assert cost(1, 0.2) == pytest.approx(cost(2, 0.2))
