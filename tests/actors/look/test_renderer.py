from dataclasses import replace

import numpy as np
import pytest
import torch

from emotag.actors.look.draw import draw_look
from emotag.actors.look.look import HAIR_STYLES, Hair, Lens, Look, Skin
from emotag.actors.look.renderer import Renderer
from emotag.actors.look.strand_kernels import draw_strands
from emotag.camera import Camera
from emotag.head.mesh_render import rasterize, vertex_normals
from emotag.head.model import HeadModel
from tests.actors.look.conftest import posed

SHARE = 0.15  # of the strands: tests need no dense hair
BARE = Hair(style="shaved", length=0.0)
QUIET = Lens(noise=0.0, softness=0.0)


@pytest.fixture(scope="module")
def bare(head: HeadModel, shape: torch.Tensor, camera: Camera) -> Renderer:
    return Renderer(head, shape, Look(hair=BARE, lens=QUIET), camera)


def test_same_look_gives_the_same_frames(head, shape, camera, still, bare):
    again = Renderer(head, shape, Look(hair=BARE, lens=QUIET), camera)
    np.testing.assert_array_equal(again.frame(still).rgb, bare.frame(still).rgb)


def test_noise_differs_between_frames_and_repeats(head, shape, camera, still):
    actor = Renderer(head, shape, Look(hair=BARE), camera)
    first, second = actor.frame(still, 0).rgb, actor.frame(still, 1).rgb
    assert (first != second).mean() > 0.2
    np.testing.assert_array_equal(actor.frame(still, 1).rgb, second)


def test_threads_give_the_same_clip_in_order(head, bare):
    clip = [posed(head, yaw) for yaw in (-0.4, 0.0, 0.4, 0.2, -0.1)]
    alone = [frame.rgb for frame in bare.frames(clip)]
    for index, frame in enumerate(bare.frames(clip, workers=2)):
        np.testing.assert_array_equal(frame.rgb, alone[index])


def test_outside_the_person_is_the_background(head, shape, camera, still):
    for lens in (QUIET, Lens(noise=0.0, softness=1.0)):
        actor = Renderer(head, shape, replace(draw_look(3), lens=lens), camera, strand_share=SHARE)
        frame = actor.frame(still, truth=True)
        outside = frame.truth.person == 0
        assert 0.2 < outside.mean() < 0.9
        np.testing.assert_array_equal(frame.rgb[outside], actor.background()[outside])
        inside = frame.truth.person == 255
        assert (np.abs(frame.rgb.astype(int) - actor.background()).sum(2)[inside] > 20).mean() > 0.8


def test_head_is_part_of_the_person_and_torso_is_not(head, bare, still, camera):
    truth = bare.frame(still, truth=True).truth
    assert (truth.head <= truth.person).all()
    assert truth.head[-3:].max() == 0  # the picture ends at the chest
    assert truth.person[-3:].max() == 255
    nose = camera.project(head.landmarks68.points(torch.from_numpy(still), head.faces)[30])[0]
    assert truth.head[int(nose[1]), int(nose[0])] == 255


@pytest.mark.parametrize("yaw", [0.0, 0.5])
def test_depth_and_normals_are_the_mesh_renderer_s(head, shape, yaw):
    camera = Camera(3.0, 256, 256)
    actor = Renderer(head, shape, Look(hair=BARE, lens=QUIET), camera)
    vertices = posed(head, yaw, jaw=0.2)
    truth = actor.frame(vertices, truth=True).truth
    pixels, depth = camera.project(torch.from_numpy(vertices))
    projected = np.concatenate((pixels.numpy(), depth.numpy()[:, None]), axis=1)
    faces = head.faces.numpy()
    raster = rasterize(projected, faces, camera.height, camera.width)
    # Brows and lashes hide a little of the mesh, cloth stands off it, and borders fall on other samples.
    same = (truth.head == 255) & raster.hit
    gap = np.abs(truth.depth - raster.depth)[same]
    assert np.median(gap) < 1e-5
    assert np.quantile(gap, 0.85) < 2e-4
    normals = vertex_normals(vertices, faces)
    expected = np.einsum("nkc,nk->nc", normals[faces[raster.triangles[same]]], raster.weights[same])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.quantile((truth.normal[same] * expected).sum(1), 0.1) > 0.995
    outside = truth.person == 0
    assert (truth.depth[outside] == 0).all() and (truth.normal[outside] == 0).all()


@pytest.mark.parametrize("style", [style for style in HAIR_STYLES if style != "shaved"])
def test_every_style_covers_the_scalp_and_leaves_the_face(head, shape, camera, still, bare, style):
    look = Look(hair=Hair(style=style, colour=(0.9, 0.1, 0.1)), lens=QUIET)
    actor = Renderer(head, shape, look, camera, strand_share=2 * SHARE)
    frame, bald = actor.frame(still, truth=True), bare.frame(still, truth=True)
    marks = camera.project(head.landmarks68.points(torch.from_numpy(still), head.faces))[0].numpy()
    crown = still[still[:, 1].argmax()] + [0, -0.012, 0]
    top = camera.project(torch.from_numpy(crown[None]).float())[0][0].numpy()
    redness = frame.rgb.astype(int)[..., 0] - frame.rgb[..., 1]
    x, y = top.astype(int)
    assert np.median(redness[y - 2 : y + 3, x - 6 : x + 7]) > 60
    assert frame.truth.head.sum() >= 0.99 * bald.truth.head.sum()
    for point in marks[[27, 30, 33, 51, 57, 8]]:  # bridge, tip and base of the nose, lips, chin
        column, row = point.astype(int)
        np.testing.assert_allclose(frame.rgb[row, column].astype(int), bald.rgb[row, column], atol=45)
    assert len(draw_strands.signatures) == 1  # each other order of arrays would cost seconds of compilation


def test_hair_moves_with_the_head(head, shape, camera):
    look = Look(hair=Hair(style="short", colour=(0.9, 0.1, 0.1)), lens=QUIET)
    actor = Renderer(head, shape, look, camera, strand_share=SHARE)

    def red_middle(yaw: float) -> float:
        rgb = actor.frame(posed(head, yaw)).rgb.astype(int)
        columns = np.nonzero((rgb[: camera.height // 3, :, 0] - rgb[: camera.height // 3, :, 1]) > 60)[1]
        return float(columns.mean())

    # Turning to the person's left (+x) brings the forehead's hair to the image's right.
    assert red_middle(0.6) > red_middle(0.0) + 0.5 > red_middle(-0.6) + 1.0


@pytest.mark.parametrize("tone", [0.0, 1.0])
def test_the_lightest_and_the_darkest_skin_are_well_exposed(head, shape, camera, still, tone):
    drawn = draw_look(5)
    exposure = 0.99 * (0.84 + 0.62 * tone)
    look = Look(skin=Skin(tone=tone), hair=BARE, light=replace(drawn.light, exposure=exposure), lens=QUIET)
    actor = Renderer(head, shape, look, camera)
    frame = actor.frame(still, truth=True)
    marks = camera.project(head.landmarks68.points(torch.from_numpy(still), head.faces))[0].numpy().astype(int)
    face = frame.rgb[marks[19, 1] : marks[8, 1], marks[2, 0] + 3 : marks[14, 0] - 3].reshape(-1, 3)
    assert (face.max(1) >= 254).mean() < 0.01
    assert (face.max(1) <= 12).mean() < 0.02
    middle = np.median(face @ [0.30, 0.59, 0.11])
    assert 120 < middle < 235 if tone == 0.0 else 25 < middle < 110


def test_eyes_turn(head, bare, camera):
    """The iris goes where the eye looks: to the image's right for a positive turn about y."""

    def dark_column(gaze: float) -> float:
        vertices = posed(head, eyes=gaze)
        marks = camera.project(head.landmarks68.points(torch.from_numpy(vertices), head.faces))[0].numpy()
        columns = slice(int(marks[42, 0]), int(marks[45, 0]) + 1)
        rows = slice(int(marks[43:45, 1].mean()) + 1, int(marks[46:48, 1].mean()) + 1)
        darkness = 255 - bare.frame(vertices).rgb[rows, columns].mean((0, 2))
        darkness -= darkness.min()
        return float((darkness * np.arange(len(darkness))).sum() / darkness.sum())

    assert dark_column(0.4) > dark_column(-0.4) + 0.3


@pytest.mark.parametrize(("width", "height"), [(32, 32), (64, 48), (48, 80)])
def test_small_and_oblong_pictures(head, shape, still, width, height):
    look = Look(hair=Hair(style="side_part", beard="full"))
    actor = Renderer(head, shape, look, Camera(2.0, width, height), strand_share=SHARE)
    frame = actor.frame(still, truth=True)
    assert frame.rgb.shape == (height, width, 3)
    assert frame.truth.person.max() == 255
    assert frame.truth.normal.shape == (height, width, 3)


def test_glasses_frame_the_eyes_and_leave_them_seen(head, shape, camera, still, bare):
    worn = Renderer(head, shape, Look(hair=BARE, lens=QUIET, glasses=True), camera).frame(still).rgb
    changed = np.abs(worn.astype(int) - bare.frame(still).rgb).sum(2) > 30
    marks = camera.project(head.landmarks68.points(torch.from_numpy(still), head.faces))[0].numpy()
    for eye in (slice(36, 42), slice(42, 48)):
        x, y = marks[eye].mean(0).astype(int)
        assert not changed[y, x]
        assert changed[y : y + 12, x].any()  # the rim below
    assert not changed[int(marks[33, 1]) + 3 :].any()
