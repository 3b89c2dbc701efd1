"""A person and a clip for benchmarks, made of the open head and noise: needs no footage, no network, no codec.

The frames are renders of the open head under splats with a procedural texture, moved by a random smooth function of
random audio features: something to learn, with a truth. Train and test clips show the same person.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from emotag.avatar import FaceMotion, Person, neutral_head, pose_head, render_head
from emotag.camera import Camera
from emotag.head.face_part import FacePart
from emotag.head.ibug68 import EYES, MOUTH
from emotag.head.model import HeadModel
from emotag.head.open_head.assemble import open_head
from emotag.head.trim import without
from emotag.splats.sampling import sample_splats
from emotag.splats.settings import SplatSettings
from emotag.splats.splats import Splats
from emotag.training.clip import ClipFeatures, ClipFrames, HeadPose, Window
from emotag.training.scene import Geometry, Scene, Shot

FOCAL_LENGTH = 2.2
AUDIO_CHANNELS = 768  # as many as wav2vec 2.0 gives
IDENTITY_CHANNELS = 512
MOTIONS = 24  # expressions that the audio moves
JAW_RADIANS = 0.12
MARGIN = 16  # pixels around the head
TILE = 16
TEXTURE = ((0.055, 0.10), (0.017, 0.12), (0.006, 0.10), (0.0025, 0.06))  # wavelength in metres, contrast
SKIN = (0.72, 0.55, 0.47)
RENDERED = 16  # frames at a time


@dataclass(frozen=True)
class World:
    """What a benchmark works with."""

    head: HeadModel
    scene: Scene
    test: Shot
    camera: Camera
    mouth: Tensor  # (20,) rows of the 68 landmarks that LMD measures


def make_world(size: int, splats: int, frames: int, device: torch.device, seed: int = 0) -> World:
    """Make a person of `splats` splats, a clip of `frames` frames to train on and one as long to test on."""
    generator = torch.Generator().manual_seed(seed)
    head = without(open_head(), "shoulders")
    shape = 0.5 * torch.randn(head.n_shape, generator=generator)
    identity = F.normalize(torch.randn(IDENTITY_CHANNELS, generator=generator), dim=0)
    person = Person("bench", shape, FOCAL_LENGTH, torch.zeros(head.n_expression), torch.zeros(3), identity)
    features = _features(head, person, 2 * frames, generator)
    truth = _textured(head, person, 2 * splats, generator)
    mine = sample_splats(head, neutral_head(head, person), SplatSettings(count=splats))

    head, person, features, truth, mine = (_to(item, device) for item in (head, person, features, truth, mine))
    camera = Camera(FOCAL_LENGTH, size, size)
    colour, alpha, depth, normal = _film(head, person, truth, features, camera)
    window = _window(alpha)
    cut = (slice(None), slice(window.y, window.y + window.height), slice(window.x, window.x + window.width))

    def shot(rows: slice) -> Shot:
        pixels = ClipFrames(window, camera, colour[cut][rows].contiguous(), alpha[cut][rows].contiguous())
        geometry = Geometry(
            3 * depth[cut][rows] + 1, normal[cut][rows].contiguous(), (alpha[cut][rows] > 127).contiguous()
        )
        return Shot(_rows(features, rows), pixels, geometry)

    scene = Scene(
        person,
        mine,
        [shot(slice(0, frames))],
        FacePart.of(head, person.shape, MOUTH),
        FacePart.of(head, person.shape, EYES),
    )
    return World(head, scene, shot(slice(frames, 2 * frames)), camera, torch.arange(48, 68, device=device))


def fresh_scene(world: World) -> Scene:
    """Give the scene with untrained grey splats."""
    splats = sample_splats(
        world.head.to("cpu"),
        neutral_head(world.head, world.scene.person),
        SplatSettings(count=len(world.scene.splats.binding)),
    )
    person = world.scene.person
    return Scene(person, splats.to(person.shape.device), world.scene.shots, world.scene.lips, world.scene.lids)


def _to(item: object, device: torch.device) -> object:
    from emotag.device import move

    return item.to(device) if isinstance(item, Splats | HeadModel) else move(item, device)


def _features(head: HeadModel, person: Person, frames: int, generator: torch.Generator) -> ClipFeatures:
    def smooth(channels: int, seconds: float) -> Tensor:  # (T, C), unit variance
        reach = max(1, round(25 * seconds))
        kernel = torch.exp(-0.5 * (torch.arange(-3 * reach, 3 * reach + 1) / reach) ** 2)
        noise = torch.randn(channels, 1, frames + 6 * reach, generator=generator)
        return (F.conv1d(noise, (kernel / kernel.norm())[None, None]))[:, 0].T

    source = smooth(16, 0.06)  # what the voice does, fewer dimensions than it is heard in
    audio = source @ torch.randn(16, AUDIO_CHANNELS, generator=generator) / 4
    upper = smooth(8, 0.2)
    mixing = torch.randn(24, head.n_expression, generator=generator) * (torch.arange(head.n_expression) < MOTIONS) / 4
    expression = torch.sigmoid(torch.cat((source, upper), dim=1) @ mixing - 1.5)
    jaw = torch.stack((JAW_RADIANS * torch.sigmoid(2 * source[:, 0]), *torch.zeros(2, frames)), dim=1)
    pose = HeadPose(0.08 * smooth(3, 0.5), 0.004 * smooth(3, 0.5), torch.zeros(frames, 3), 0.05 * smooth(6, 0.3))
    emotion = torch.softmax(smooth(7, 1.0), dim=1)
    return ClipFeatures(
        "bench", person.name, pose, expression, jaw, person.shape, FOCAL_LENGTH, audio, upper, emotion,
        1 - emotion[:, -1], torch.ones(frames, dtype=torch.bool),
    )  # fmt: skip


def _rows(features: ClipFeatures, rows: slice) -> ClipFeatures:
    f = features
    return ClipFeatures(
        f.name, f.identity, f.pose[rows], f.expression[rows], f.jaw[rows], f.shape, f.focal_length, f.audio[rows],
        f.upper_face[rows], f.emotion[rows], f.intensity[rows], f.valid[rows],
    )  # fmt: skip


def _textured(head: HeadModel, person: Person, count: int, generator: torch.Generator) -> Splats:
    """Give dense splats whose colour is waves in space, from shading down to pores."""
    neutral = neutral_head(head, person)
    splats = sample_splats(head, neutral, SplatSettings(count=count, allocation="area", seed=1, initial_opacity=0.95))
    with torch.no_grad():
        places, _, _ = splats.pose(neutral[None], head.faces, torch.zeros(1, 3))
        rgb = torch.tensor(SKIN).repeat(len(places[0]), 1)
        for wavelength, contrast in TEXTURE:
            direction = F.normalize(torch.randn(3, 3, generator=generator), dim=1)
            phase = 6.2832 * torch.rand(3, generator=generator)
            rgb = rgb + contrast * torch.sin(6.2832 / wavelength * places[0] @ direction.T + phase)
        splats.sh[:, 0] = (rgb.clamp(0.05, 0.95) - 0.5) / 0.28209479177387814
    return splats


@torch.no_grad()
def _film(
    head: HeadModel, person: Person, splats: Splats, features: ClipFeatures, camera: Camera
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # (T, H, W, 3) uint8, (T, H, W, 1) uint8, (T, H, W, 1), (T, H, W, 3)
    whole = Window(0, 0, camera.width, camera.height)
    parts: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for start in range(0, len(features), RENDERED):
        rows = slice(start, start + RENDERED)
        face, pose = FaceMotion(features.expression[rows], features.jaw[rows]), features.pose[rows]
        vertices = pose_head(head, person, face, pose)
        render = render_head(head, splats, vertices, face, pose, camera, whole, with_geometry=True)
        assert render.depth is not None and render.features is not None
        bytes_ = (
            (value.clamp(0, 1) * 255).round().byte() for value in (render.over(render.colour.new_ones(3)), render.alpha)
        )
        parts.append((*bytes_, render.depth, F.normalize(render.features, dim=-1)))
    colour, alpha, depth, normal = (torch.cat(pieces) for pieces in zip(*parts))
    return colour, alpha, depth, normal


def _window(alpha: Tensor) -> Window:
    """Give the rectangle that holds the head in every frame, on the grid of tiles."""
    covered = (alpha > 127).any(dim=0).squeeze(-1)
    height, width = covered.shape
    spans = []
    for occupied, limit in ((covered.any(dim=0), width), (covered.any(dim=1), height)):
        where = occupied.nonzero().squeeze(-1)
        first = max(0, (int(where[0]) - MARGIN) // TILE * TILE)
        last = min(limit, -(-(int(where[-1]) + 1 + MARGIN) // TILE) * TILE)
        spans.append((first, last - first))
    (x, columns), (y, rows) = spans
    return Window(x, y, columns, rows)
