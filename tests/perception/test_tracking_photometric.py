"""Tracking by pictures and outlines, on a synthetic head painted and lit by this test."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from emotag.camera import Camera
from emotag.errors import InputError
from emotag.head.mesh_render import rasterize
from emotag.head.model import HeadModel
from emotag.head.rotation import axis_angle_to_matrix
from emotag.perception.tracking.fit import fit_track, person_rig, track_of_motion
from emotag.perception.tracking.observations import Observations
from emotag.perception.tracking.photometric.light import HARMONICS, fit_albedo, frame_lights, harmonics
from emotag.perception.tracking.photometric.motion import MotionRefinement, pose, samples_of_person
from emotag.perception.tracking.photometric.outline import Outlines, along, fit_offset, outline_points, overlap
from emotag.perception.tracking.photometric.person import PersonRefinement
from emotag.perception.tracking.photometric.pyramid import picture_level, sample
from emotag.perception.tracking.photometric.samples import sample_vertices
from emotag.perception.tracking.photometric.settings import OutlineSettings, PhotometricSettings
from emotag.perception.tracking.photometric.term import Pictures, Skin, picture_rows, with_noise
from emotag.perception.tracking.photometric.tracker import PhotometricTracker
from emotag.perception.tracking.photometric.visibility import normals, sight
from emotag.perception.tracking.rig import EXPRESSION, N_POSE, project_landmarks
from emotag.perception.tracking.settings import ShapeSettings, TrackSettings
from emotag.perception.tracking.shape import fit_shape
from emotag.perception.tracking.track import PersonShape
from emotag.perception.tracking.tracker import TrackedClip

SIZE, FOCAL, FRAMES = 192, 2.8, 10
SETTINGS = PhotometricSettings(levels=(96, 192), samples=600)
LIGHT = torch.zeros(HARMONICS, 3)
LIGHT[0], LIGHT[1], LIGHT[3] = 0.75, 0.15, 0.2


@pytest.fixture(scope="module")
def head(synthetic_head: HeadModel) -> HeadModel:
    """The head with a face (its front half) and two scalps' worth of everything else."""
    ball = torch.cat((synthetic_head.regions["left_eye"], synthetic_head.regions["right_eye"]))
    front = synthetic_head.template[:, 2] > 0.0
    front[ball] = False
    return replace(synthetic_head, regions=synthetic_head.regions | {"face": front.nonzero().squeeze(1)})


@pytest.fixture(scope="module")
def albedo(head: HeadModel) -> torch.Tensor:  # (V, 3): blotches wider than the mesh's triangles
    rng = np.random.default_rng(3)
    waves = torch.tensor(rng.normal(size=(3, 3, 6)) * 60, dtype=torch.float32)
    phase = torch.tensor(rng.uniform(0, 6.28, (3, 6)), dtype=torch.float32)
    pattern = torch.sin(torch.einsum("vc,dcw->vdw", head.template, waves) + phase).mean(-1)
    return 0.5 + 0.5 * pattern


def make_person(head: HeadModel) -> PersonShape:
    shape = 0.5 * torch.linspace(-1, 1, head.n_shape)
    return PersonShape(shape, FOCAL, torch.zeros(head.n_expression), torch.zeros(3), torch.zeros(468, 3))


def make_motion(head: HeadModel, frames: int = FRAMES) -> torch.Tensor:
    time = torch.arange(frames)[:, None] / 25
    motion = torch.zeros(frames, N_POSE + head.n_expression)
    motion[:, :3] = torch.tensor([0.08, 0.2, 0.05]) * torch.sin(time * torch.tensor([9.0, 7.0, 8.0]) + 0.5)
    motion[:, 6:7] = 0.12 + 0.1 * torch.sin(15 * time)
    motion[:, N_POSE + head.expression_names.index("mouthSmile_L")] = (0.5 + 0.4 * torch.sin(12 * time))[:, 0]
    return motion


def film(head: HeadModel, person: PersonShape, motion: torch.Tensor, albedo: torch.Tensor) -> list[np.ndarray]:
    """Render at twice the size and reduce."""
    vertices = pose(head, person.shape, person.static_offset, motion)
    camera = Camera(person.focal_length, 2 * SIZE, 2 * SIZE)
    pixels, depth = camera.project(vertices)
    shaded = (albedo * (harmonics(normals(vertices, head.faces)) @ LIGHT)).numpy()
    faces, images = head.faces.numpy(), []
    for place, z, colour in zip(pixels, depth, shaded, strict=True):
        raster = rasterize(torch.cat((place, z[:, None]), 1).numpy(), faces, 2 * SIZE, 2 * SIZE)
        image = np.full((2 * SIZE, 2 * SIZE, 3), 0.1)
        corners = colour[faces[raster.triangles[raster.hit]]]
        image[raster.hit] = (corners * raster.weights[raster.hit][..., None]).sum(1)
        image = image.reshape(SIZE, 2, SIZE, 2, 3).mean((1, 3))
        images.append(np.round(255 * image.clip(0, 1)).astype(np.uint8))
    return images


def observe(head: HeadModel, person: PersonShape, motion: torch.Tensor, held_back: float = 0.0) -> Observations:
    """Landmarks of the mesh; `held_back` draws each face towards the first, as a landmark network does."""
    shown = torch.lerp(motion, motion[:1].expand_as(motion), held_back)
    shown = torch.cat((motion[:, :6], shown[:, 6:]), dim=1)
    centre = torch.tensor([SIZE / 2, SIZE / 2])
    found = project_landmarks(person_rig(head, person), shown, torch.tensor(FOCAL * SIZE), centre)
    depth = (found.depth[:, :468, None] - 1) * FOCAL * SIZE
    points = torch.cat((found.pixels[:, :468], depth), dim=-1)
    return Observations(points, torch.ones(len(motion), dtype=torch.bool), SIZE, SIZE, found.pixels[:, 468:])


def test_pictures_between_pixels_and_their_slopes() -> None:
    ramp = np.zeros((40, 60, 3), np.uint8)
    ramp[...] = (2 * np.arange(60)[None, :] + 3 * np.arange(40)[:, None])[..., None]
    level = torch.from_numpy(ramp[None])
    place = torch.tensor([[[10.25, 20.75], [33.5, 7.0]]])
    value, slope = sample(level, place, 60)
    wanted = (2 * (place[..., 0] - 0.5) + 3 * (place[..., 1] - 0.5)) / 255
    torch.testing.assert_close(value[..., 1], wanted)
    torch.testing.assert_close(slope[0, 0, 1] * 255, torch.tensor([2.0, 3.0]))
    _, coarse = sample(level, 2 * place, 120)  # the same pictures seen as reduced ones of twice the size
    torch.testing.assert_close(coarse[0, 0, 1] * 255, torch.tensor([1.0, 1.5]))
    assert picture_level([np.zeros((40, 60, 3), np.uint8)], 30).shape == (1, 20, 30, 3)


def test_albedo_and_light_are_parted(head: HeadModel, albedo: torch.Tensor) -> None:
    vertices = pose(head, torch.zeros(head.n_shape), None, make_motion(head))
    around = normals(vertices, head.faces)[:, head.regions["face"]]
    paint = albedo[head.regions["face"]]
    colours = paint * (harmonics(around) @ LIGHT)
    weights = torch.ones(colours.shape[:2])
    weights[:, 5] = 0
    found, light, seen = fit_albedo(colours, around, weights)
    assert not seen[5] and int(seen.sum()) == len(paint) - 1
    again = found * (harmonics(around) @ light)
    assert float((again - colours)[:, seen].square().mean().sqrt()) < 0.02
    assert float(torch.corrcoef(torch.stack((found[seen, 0], paint[seen, 0])))[0, 1]) > 0.8  # the rest is light's
    brighter = frame_lights(1.2 * again, found, harmonics(around), 1e4 * weights, light, 0.5)
    torch.testing.assert_close(brighter, (1.2 * light).expand_as(brighter), atol=0.02, rtol=0)


def test_hidden_points_are_not_seen(head: HeadModel) -> None:
    vertices = pose(head, torch.zeros(head.n_shape), None, torch.zeros(1, N_POSE + head.n_expression))
    nose, nape = int(head.template[:, 2].argmax()), int(head.template[:, 2].argmin())
    ball = head.regions["left_eye"]
    behind = int(ball[head.template[ball, 2].argmin()])  # inside the skull
    weights = sight(head, vertices, torch.tensor([nose, nape, behind]), FOCAL, (SIZE, SIZE))
    assert weights[0].tolist() == [1.0, 0.0, 0.0]


def test_picture_jacobian_is_the_slope_of_its_residuals(head: HeadModel, albedo: torch.Tensor) -> None:
    person, motion = make_person(head), make_motion(head)[:2]
    pictures = Pictures(
        picture_level(film(head, person, motion, albedo), SIZE), SIZE, FOCAL * SIZE, torch.tensor([SIZE / 2, SIZE / 2])
    )
    ids = sample_vertices(head, 300)
    rig = samples_of_person(head, person.shape, None, ids)
    seen = sight(head, pose(head, person.shape, None, motion), ids, FOCAL, (SIZE, SIZE))
    skin = Skin(albedo[ids], LIGHT)
    at = picture_rows(rig, motion, pictures, seen, skin, SETTINGS, derivatives=True)
    for entry, step in ((0, 1e-4), (3, 2e-5), (6, 1e-3), (N_POSE + 4, 1e-2)):
        moved = motion.clone()
        moved[:, entry] += step
        after = picture_rows(rig, moved, pictures, seen, skin, SETTINGS, frozen=at.frozen)
        change, wanted = (after.residual - at.residual) / step, at.jacobian[..., entry]
        agree = (change * wanted).sum() / (change.norm() * wanted.norm())
        assert float(agree) > 0.98, entry  # not 1: shading is held while normals turn
        assert 0.9 < float(change.norm() / wanted.norm()) < 1.1


def test_noise_of_a_clip_is_added() -> None:
    errors = torch.zeros(3, 50, 2)
    errors[..., 0] = 0.1 * torch.randn(3, 50, generator=torch.Generator().manual_seed(0))
    sigma = with_noise(SETTINGS, errors, torch.ones(3, 50)).sigma
    assert 0.06 < sigma[0] < 0.15 and sigma[1] == pytest.approx(SETTINGS.sigma[1])


def test_pictures_bring_back_what_landmarks_hold_back(head: HeadModel, albedo: torch.Tensor) -> None:
    person, motion = make_person(head), make_motion(head)
    images = film(head, person, motion, albedo)
    seen = observe(head, person, motion, held_back=0.5)
    settings, trusting = TrackSettings(), SETTINGS.model_copy(update={"effective_samples": 1000.0})
    by_landmarks = fit_track(seen, head, person, settings)
    painted = replace(person, albedo=albedo, light=LIGHT)
    refine = MotionRefinement(lambda frames: images[frames], head, painted, SIZE, SIZE, trusting)
    told: list[int] = []
    by_pictures = fit_track(seen, head, painted, settings, advance=told.append, refine=refine)
    before, after = refine.residuals()
    assert sum(told) == FRAMES and after < before
    for errors in (
        [(one.jaw_pose[:, 0] - motion[:, 6]).square().mean().sqrt() for one in (by_landmarks, by_pictures)],
        [(one.expression - motion[:, EXPRESSION])[:, 4].square().mean().sqrt() for one in (by_landmarks, by_pictures)],
    ):
        assert float(errors[1]) < 0.75 * float(errors[0])


def test_a_person_without_albedo_cannot_be_compared(head: HeadModel, tmp_path: Path) -> None:
    person = make_person(head)
    with pytest.raises(ValueError, match="albedo"):
        MotionRefinement(lambda frames: [], head, person, SIZE, SIZE, SETTINGS)
    tracker = PhotometricTracker(head, ShapeSettings(), TrackSettings(engine="photometric"), tmp_path)
    clip = TrackedClip("hill", tmp_path / "a.mp4", observe(head, person, make_motion(head)), "hill", tmp_path / "a.mp4")
    with pytest.raises(
        InputError, match=r"^hill: track\.engine 'photometric' needs the person's albedo.*shape\.engine"
    ):
        tracker.fit_track(clip, person, lambda n: None)


def test_a_person_is_fitted_with_her_looks(head: HeadModel, albedo: torch.Tensor) -> None:
    person, motion = make_person(head), make_motion(head)
    images = film(head, person, motion, albedo)
    refine = PersonRefinement(lambda frames: [images[i] for i in frames], None, head, SETTINGS, OutlineSettings())
    settings = ShapeSettings(undo_usual=0, undo_prior=0, frames=FRAMES)
    told: list[int] = []
    found = fit_shape(observe(head, person, motion), head, settings, advance=told.append, refine=refine)
    assert sum(told) == 2 + settings.offset_rounds and found.static_offset is None
    assert found.albedo is not None and found.light is not None and found.light.shape == (HARMONICS, 3)
    nose, nape = int(head.template[:, 2].argmax()), int(head.template[:, 2].argmin())
    assert found.albedo[nose].isfinite().all() and found.albedo[nape].isnan().all()
    known = found.albedo[:, 0].isfinite() & (head.template[:, 2] > 0.05)
    assert float(torch.corrcoef(torch.stack((found.albedo[known, 0], albedo[known, 0])))[0, 1]) > 0.8


def big_hair(head: HeadModel) -> torch.Tensor:  # (V, 3) metres
    """Two centimetres more on top and behind."""
    height = ((head.template[:, 1] - 0.05) / 0.04).clamp(0, 1)
    back = (-head.template[:, 2] / 0.04 + 1).clamp(0, 1)
    return 0.02 * (height * back)[:, None] * torch.nn.functional.normalize(head.template, dim=1)


def outlines_of(head: HeadModel, offset: torch.Tensor) -> Outlines:
    person, motion = make_person(head), make_motion(head)[::2]
    track = track_of_motion(motion, person, torch.zeros(len(motion)), torch.ones(len(motion), dtype=torch.bool))
    vertices = track.vertices(head, offset=offset)
    pixels, depth = track.camera(SIZE, SIZE).project(vertices)
    masks = [
        rasterize(torch.cat((p, z[:, None]), 1).numpy(), head.faces.numpy(), SIZE, SIZE).hit
        for p, z in zip(pixels, depth, strict=True)
    ]
    above = np.ones((len(masks), SIZE, SIZE), np.float32)
    above[:, SIZE * 3 // 4 :] = 0
    return Outlines(np.stack(masks).astype(np.float32) * above, above, track)


def test_the_offset_covers_hair_and_leaves_the_face(head: HeadModel) -> None:
    wanted = big_hair(head)
    seen = outlines_of(head, wanted)
    settings = OutlineSettings(resolution=SIZE)
    told: list[int] = []
    found = fit_offset(head, seen, settings, told.append)
    before, after = overlap(head, seen, None), overlap(head, seen, found)
    assert sum(told) == settings.rounds
    assert after > 0.985 and 1 - after < 0.4 * (1 - before)
    top = int(head.template[:, 1].argmax())
    assert 0.008 < float(found[top].norm()) < 0.03
    assert float(found[head.regions["left_eye"]].norm(dim=1).max()) < 1e-6
    moved = head.landmarks468.points(found, head.faces).norm(dim=1)
    assert float(moved.max()) < 0.003 and float(moved.median()) < 0.0005
    exact = outlines_of(head, torch.zeros_like(wanted))
    assert float(fit_offset(head, exact, settings).norm(dim=1).max()) < 0.0025  # a pixel


def test_outlines_are_found_along_normals() -> None:
    disc = (np.hypot(*np.mgrid[-32:32, -32:32]) < 20).astype(np.float32)
    above = np.ones_like(disc)
    above[50:] = 0
    cells, around = outline_points(disc, above)
    radial = cells[:, ::-1] - 32
    assert len(cells) > 60 and cells[:, 0].max() < 50
    assert float(((radial * around).sum(1) / np.linalg.norm(radial, axis=1)).min()) > 0.9
    place = 32.5 + np.array([[15.0, 0.0], [0.0, -25.0], [0.0, 0.0]])
    normal = np.array([[1.0, 0.0], [0.0, -1.0], [1.0, 0.0]])
    distance = along(disc, place, normal, 10)
    np.testing.assert_allclose(distance[:2], [5.0, -5.0], atol=0.8)
    assert np.isnan(distance[2])


def test_offset_rides_on_the_head_and_leaves_the_joints(synthetic_head: HeadModel) -> None:
    head, person = synthetic_head, make_person(synthetic_head)
    motion = make_motion(head)[:1]
    plain = pose(head, person.shape, None, motion)
    top = int(head.template[:, 1].argmax())
    offset = torch.zeros_like(head.template)
    offset[top] = torch.tensor([0.0, 0.03, 0.0])
    moved = pose(head, person.shape, offset, motion) - plain
    torch.testing.assert_close(moved[0, top], axis_angle_to_matrix(motion[:, :3])[0] @ offset[top], atol=1e-5, rtol=0)
    others = torch.arange(head.n_vertices) != top
    assert float(moved[0, others].abs().max()) < 1e-7


def test_landmarks_stay_when_the_mesh_under_them_moves(synthetic_head: HeadModel) -> None:
    head, person = synthetic_head, make_person(synthetic_head)
    offset = 0.001 * torch.randn(head.template.shape, generator=torch.Generator().manual_seed(0))
    own = person.landmark_offset - head.landmarks468.points(offset, head.faces)
    moved = replace(person, static_offset=offset, landmark_offset=own)
    torch.testing.assert_close(person_rig(head, moved).base.sum(0), person_rig(head, person).base.sum(0))


def test_looks_survive_the_file(head: HeadModel, albedo: torch.Tensor, tmp_path: Path) -> None:
    paint = albedo.clone()
    paint[3] = torch.nan
    person = replace(
        make_person(head), static_offset=0.01 * torch.ones_like(albedo), albedo=paint, light=LIGHT, undone=(0.5, 0.25)
    )
    person.save(tmp_path / "anna.json", {"identity": "anna"})
    again = PersonShape.load(tmp_path / "anna.json")
    torch.testing.assert_close(again.albedo, paint, atol=1e-4, rtol=0, equal_nan=True)
    torch.testing.assert_close(again.static_offset, person.static_offset, atol=1e-6, rtol=0)
    torch.testing.assert_close(again.light, LIGHT)
    assert again.undone == (0.5, 0.25)
    again.check(head, tmp_path / "anna.json")
    with pytest.raises(InputError, match=r"offsets of 7 vertices, the head model 'synthetic' has \d+"):
        replace(again, static_offset=torch.zeros(7, 3)).check(head, tmp_path / "anna.json")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_what_the_cpu_gives(head: HeadModel, albedo: torch.Tensor) -> None:
    person, motion = make_person(head), make_motion(head)
    images = film(head, person, motion, albedo)
    found = []
    for device in ("cpu", "cuda"):
        painted = replace(person, albedo=albedo, light=LIGHT).to(device)
        there = head.to(device)
        refine = MotionRefinement(lambda frames: images[frames], there, painted, SIZE, SIZE, SETTINGS)
        seen = observe(head, person, motion, held_back=0.5).to(device)
        found.append(fit_track(seen, there, painted, TrackSettings(), refine=refine).to("cpu"))
    torch.testing.assert_close(found[0].rotation, found[1].rotation, atol=2e-3, rtol=0)
    torch.testing.assert_close(found[0].expression, found[1].expression, atol=0.03, rtol=0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_undoes_the_networks_prior_and_shuts_lips_as_the_cpu_does(head: HeadModel) -> None:
    person, motion = make_person(head), make_motion(head, 40)
    shapes, tracks = [], []
    for device in ("cpu", "cuda"):
        seen, there = observe(head, person, motion, held_back=0.5).to(device), head.to(device)
        found = fit_shape(seen, there, ShapeSettings(undo_usual=0.5, undo_prior=0.7), "anna")
        assert found.usual_face is not None and found.usual_face.device.type == device
        shapes.append(found.to("cpu"))
        tracks.append(fit_track(seen, there, found, TrackSettings(), "anna").to("cpu"))
    torch.testing.assert_close(shapes[0].shape, shapes[1].shape, atol=0.02, rtol=0)
    torch.testing.assert_close(shapes[0].usual_face, shapes[1].usual_face, atol=1e-3, rtol=0)
    torch.testing.assert_close(tracks[0].rotation, tracks[1].rotation, atol=2e-3, rtol=0)
    torch.testing.assert_close(tracks[0].expression, tracks[1].expression, atol=0.03, rtol=0)
