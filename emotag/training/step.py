"""One training step: which frames, how they are posed and rendered, what is compared."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from emotag.avatar import FaceMotion, render_posed
from emotag.motion.grmn import GRMN
from emotag.motion.motion import Motion
from emotag.motion.mouth import MouthOffsets
from emotag.posing import TrackedJoints
from emotag.splats.rasterize import Render
from emotag.timing import section
from emotag.training.lip_windows import lip_points
from emotag.training.losses.emotion import emotion_kl, gate_score
from emotag.training.losses.geometry import depth_loss, normal_loss
from emotag.training.losses.photometric import difference
from emotag.training.losses.regularisers import (
    lip_loss,
    mouth_penalty,
    position_penalty,
    scale_penalty,
    track_loss,
)
from emotag.training.losses.render import weigh
from emotag.training.prepared import Prepared
from emotag.training.scene import Scene, Shot, tracked_motion
from emotag.training.settings import LossWeights, TrainingSettings
from emotag.training.transfer import on_host, send

GEOMETRY_ALPHA = 0.5
"""Rendered opacity above which a pixel has a depth and a normal worth comparing."""


@dataclass(frozen=True)
class Sample:
    """The frames of a step, and the window of features they stand in."""

    shot: Shot
    start: int  # first frame of the window
    length: int  # frames in the window
    inside: Tensor  # (B,) frames to render, relative to `start`

    @cached_property
    def index(self) -> Tensor:
        """(B,) frames of the clip."""
        return self.inside + self.start

    @property
    def rows(self) -> slice:
        """The window's frames of the clip."""
        return slice(self.start, self.start + self.length)


@dataclass(frozen=True)
class Window:
    """One person's window of features in a step."""

    scene: Scene
    sample: Sample


def draw(scene: Scene, window: int, batch: int, generator: torch.Generator) -> Sample:
    """Draw a clip (longer ones more often), a window of its features, and `batch` valid frames in the window.

    Frames to render are drawn from those that the clip holds at the moment, and the window around them; a `batch` of 0
    asks for a window alone, which may stand anywhere in the clip.
    """
    held = [shot.frames.resident if batch else range(len(shot.features)) for shot in scene.shots]
    lengths = torch.tensor([float(len(rows)) for rows in held])
    chosen = int(torch.multinomial(lengths, 1, generator=generator))
    shot, rows = scene.shots[chosen], held[chosen]
    frames = len(shot.features)
    length = min(window, frames)
    valid = torch.zeros(frames, dtype=torch.bool)
    valid[rows.start : rows.stop] = on_host(shot.features.valid)[rows.start : rows.stop]
    # A window around a frame that is known to be valid always holds one.
    anchors = valid.nonzero().squeeze(-1)
    anchor = int(anchors[int(torch.randint(len(anchors), (), generator=generator))])
    low, high = sorted((rows.start, rows.stop - length))  # inside the held frames, or around them when they are fewer
    first, last = max(0, anchor - length + 1, low), min(anchor, frames - length, high)
    start = int(torch.randint(first, last + 1, (), generator=generator))
    usable = valid[start : start + length].nonzero().squeeze(-1)
    order = torch.randperm(len(usable), generator=generator)[:batch]
    return Sample(shot, start, length, send(usable[order], shot.features.valid.device))


def motion_of(
    grmn: GRMN,
    windows: list[Window],  # W, of one length
    prepared: Prepared,
) -> Motion:  # (W, L, …)
    """Run the motion network on the windows of several people at once."""
    identity = _stacked([window.scene.person.identity for window in windows])
    places = [(window.sample.shot.features, window.sample.start) for window in windows]
    return grmn.branches(prepared.streams(places, windows[0].sample.length), identity)


def guidance_terms(
    grmn: GRMN,
    windows: list[Window],
    motion: Motion,  # (W, L, …)
    prepared: Prepared,
) -> dict[str, Tensor]:
    """L_KL, L_score and the tracker's supervision over all frames of all windows (Eq. 12, 13)."""
    valid = _rows(windows, "valid")
    shots = [prepared.shot(window.scene, window.sample.shot) for window in windows]

    def tracked(name: str) -> Tensor:
        return _stacked([getattr(shot, name)[window.sample.rows] for shot, window in zip(shots, windows)])

    scale = (grmn.expression_scale, grmn.jaw_scale)
    terms = {"track": track_loss(motion.expression, motion.jaw, tracked("expression"), tracked("jaw"), *scale, valid)}
    people = [window.scene.person for window in windows]
    expression = _stacked([person.neutral_expression for person in people])[:, None] + motion.expression
    jaw = _stacked([person.neutral_jaw for person in people])[:, None] + motion.jaw
    terms["lips"] = lip_loss(lip_points([w.scene.lips for w in windows], expression, jaw), tracked("lips"), valid)
    if grmn.settings.use_residual:
        terms["kl"] = emotion_kl(motion.emotion_logits, _rows(windows, "emotion"), valid)
        terms["score"] = (
            gate_score(motion.gate, _rows(windows, "intensity"), valid) if grmn.settings.use_gate else 0 * terms["kl"]
        )
    return terms


def _rows(windows: list[Window], name: str) -> Tensor:  # (W, L, …)
    """Give the windows of a feature."""
    return _stacked([getattr(window.sample.shot.features, name)[window.sample.rows] for window in windows])


def _stacked(tensors: list[Tensor]) -> Tensor:
    return tensors[0][None] if len(tensors) == 1 else torch.stack(tensors)


def predicted_motion(
    grmn: GRMN,
    scene: Scene,
    motion: Motion,  # (B, …)
    prepared: Prepared,
) -> FaceMotion:
    """Give the face that the network's motion makes on this person: offsets to the resting face."""
    person = scene.person
    offsets: MouthOffsets | None = None
    if len(scene.splats.mouth):
        basis = prepared.mouth_basis(scene)
        offsets = grmn.mouth.fuse(motion.mouth_base, motion.mouth_residual, motion.gate, basis)
    return FaceMotion(person.neutral_expression + motion.expression, person.neutral_jaw + motion.jaw, offsets)


def posed_vertices(
    scene: Scene, sample: Sample, face: FaceMotion, prepared: Prepared
) -> tuple[Tensor, TrackedJoints]:  # (B, V, 3) metres; the joints of the B frames
    """Pose the head of a step's frames."""
    joints = prepared.shot(scene, sample.shot).joints[sample.index]
    return prepared.rest(scene).vertices(joints, face.expression, face.jaw), joints


def appearance_terms(
    scene: Scene,
    sample: Sample,
    face: FaceMotion,
    settings: TrainingSettings,
    background: Tensor,  # (3,)
    mouth_limits: Tensor,  # (10,) MouthDecoder.limits
    prepared: Prepared,
) -> tuple[dict[str, Tensor], Tensor]:  # terms, mean square error of the head's window
    """Render the frames and compare: L_render, L_geo where the clip has geometry, and what keeps splats sane.

    The head is compared over a plain random background on both sides, so that opacity is learnt and nothing of the
    torso or the room is.
    """
    shot, index, weights = sample.shot, sample.index, settings.weights
    with section("posing"):
        vertices, joints = posed_vertices(scene, sample, face, prepared)
    with_geometry = shot.geometry is not None and (weights.depth > 0 or weights.normal > 0)
    frames = shot.frames
    render = render_posed(
        scene.splats, vertices, prepared.head.faces, joints.turn[:, 0], face.mouth, frames.camera, frames.window,
        with_geometry=with_geometry,
    )  # fmt: skip
    with section("data"):
        colour, alpha = frames.select(index)
        truth = torch.lerp(background, colour, alpha)
    with section("picture losses"):
        apart = difference(render.over(background), truth)
        terms = {
            "render": weigh(apart, weights.dssim),
            "position": position_penalty(scene.splats.means),
            "scale": scale_penalty(scene.splats.log_scales),
        }
        if face.mouth is not None:
            terms["mouth"] = mouth_penalty(face.mouth, mouth_limits)
    if with_geometry:
        with section("geometry losses"):
            terms |= geometry_terms(shot, index, render, alpha)
    return terms, apart.square


def geometry_terms(
    shot: Shot,
    index: Tensor,  # (B,) frames of the clip
    render: Render,
    alpha: Tensor,  # (B, H, W, 1) of the true head
) -> dict[str, Tensor]:
    """L_D and L_N where both the true and the rendered head are opaque (Eq. 14)."""
    truth, depth, normals = shot.geometry, render.depth, render.features
    assert truth is not None and depth is not None and normals is not None
    seen = truth.mask[index] & (render.alpha.detach() > GEOMETRY_ALPHA) & (alpha > GEOMETRY_ALPHA)
    mask = seen.squeeze(-1)
    return {
        "depth": depth_loss(depth.squeeze(-1), truth.depth[index].squeeze(-1), mask),
        "normal": normal_loss(normals, truth.normal[index], mask),
    }


def weight_table(weights: LossWeights) -> dict[str, float]:
    """Weights by term."""
    return {
        "render": 1.0,
        "kl": weights.kl,
        "score": weights.score,
        "track": weights.track,
        "lips": weights.lips,
        "depth": weights.depth,
        "normal": weights.normal,
        "position": weights.position,
        "scale": weights.scale,
        "mouth": weights.mouth,
    }


def pose_from_tracker(scene: Scene, sample: Sample) -> FaceMotion:
    """Give the face of a step's frames as tracked (the appearance stage of the curriculum)."""
    return tracked_motion(sample.shot.features, sample.index)
