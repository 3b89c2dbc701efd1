"""One training step: which frames, how they are posed and rendered, what is compared."""

from dataclasses import dataclass

import torch
from torch import Tensor

from emotag.avatar import FaceMotion, pose_head, render_head
from emotag.head.model import HeadModel
from emotag.motion.grmn import GRMN
from emotag.motion.motion import Motion
from emotag.training.losses.emotion import emotion_kl, gate_score
from emotag.training.losses.geometry import depth_loss, normal_loss
from emotag.training.losses.regularisers import (
    lip_loss,
    mouth_penalty,
    position_penalty,
    scale_penalty,
    track_loss,
)
from emotag.training.losses.render import render_loss
from emotag.training.scene import Scene, Shot, tracked_motion
from emotag.training.settings import LossWeights, TrainingSettings

GEOMETRY_ALPHA = 0.5
"""Rendered opacity above which a pixel has a depth and a normal worth comparing."""


@dataclass(frozen=True)
class Sample:
    """The frames of a step, and the window of features they stand in."""

    shot: Shot
    start: int  # first frame of the window
    length: int  # frames in the window
    inside: Tensor  # (B,) frames to render, relative to `start`

    @property
    def index(self) -> Tensor:
        """(B,) frames of the clip."""
        return self.inside + self.start


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
    valid[rows.start : rows.stop] = shot.features.valid[rows.start : rows.stop].cpu()
    # A window around a frame that is known to be valid always holds one.
    anchors = valid.nonzero().squeeze(-1)
    anchor = int(anchors[int(torch.randint(len(anchors), (), generator=generator))])
    low, high = sorted((rows.start, rows.stop - length))  # inside the held frames, or around them when they are fewer
    first, last = max(0, anchor - length + 1, low), min(anchor, frames - length, high)
    start = int(torch.randint(first, last + 1, (), generator=generator))
    usable = valid[start : start + length].nonzero().squeeze(-1)
    order = torch.randperm(len(usable), generator=generator)[:batch]
    inside = usable[order].to(shot.features.valid.device)
    return Sample(shot, start, length, inside)


def motion_of(grmn: GRMN, scenes: list[Scene], samples: list[Sample]) -> Motion:  # (W, L, …)
    """Run the motion network on the windows of several people at once; all windows have one length."""

    def rows(name: str) -> Tensor:
        return torch.stack([getattr(s.shot.features, name)[s.start : s.start + s.length] for s in samples])

    return grmn(rows("audio"), rows("upper_face"), torch.stack([scene.person.identity for scene in scenes]))


def guidance_terms(grmn: GRMN, scenes: list[Scene], samples: list[Sample], motion: Motion) -> dict[str, Tensor]:
    """L_KL, L_score and the tracker's supervision over all frames of all windows (Eq. 12, 13)."""

    def rows(name: str) -> Tensor:
        return torch.stack([getattr(s.shot.features, name)[s.start : s.start + s.length] for s in samples])

    valid = rows("valid")
    pairs = list(zip(scenes, samples))
    expression = rows("expression") - torch.stack([s.person.neutral_expression for s in scenes])[:, None]
    jaw = rows("jaw") - torch.stack([s.person.neutral_jaw for s in scenes])[:, None]
    scale = (grmn.expression_scale, grmn.jaw_scale)
    terms = {"track": track_loss(motion.expression, motion.jaw, expression, jaw, *scale, valid)}
    terms["lips"] = torch.stack([_lips(scene, sample, motion, k) for k, (scene, sample) in enumerate(pairs)]).mean()
    if grmn.settings.use_residual:
        terms["kl"] = emotion_kl(motion.emotion_logits, rows("emotion"), valid)
        terms["score"] = (
            gate_score(motion.gate, rows("intensity"), valid) if grmn.settings.use_gate else 0 * terms["kl"]
        )
    return terms


def _lips(scene: Scene, sample: Sample, motion: Motion, window: int) -> Tensor:
    """Compare the lips that one window's motion makes on its person with the tracked ones."""
    rows, person, features = slice(sample.start, sample.start + sample.length), scene.person, sample.shot.features
    expression = person.neutral_expression + motion.expression[window]
    points = scene.lips.points(expression, person.neutral_jaw + motion.jaw[window])
    return lip_loss(points, scene.lips.points(features.expression[rows], features.jaw[rows]), features.valid[rows])


def predicted_motion(grmn: GRMN, scene: Scene, motion: Motion) -> FaceMotion:
    """Give the face that the network's motion (B, …) makes on this person: offsets to the resting face."""
    person = scene.person
    offsets = None
    if len(scene.splats.mouth):
        offsets = grmn.mouth(motion.mouth_base, motion.mouth_residual, motion.gate, scene.splats.mouth_rest)
    return FaceMotion(person.neutral_expression + motion.expression, person.neutral_jaw + motion.jaw, offsets)


def appearance_terms(
    head: HeadModel,
    scene: Scene,
    sample: Sample,
    face: FaceMotion,
    settings: TrainingSettings,
    background: Tensor,  # (3,)
    mouth_limits: Tensor,  # (10,) MouthDecoder.limits
) -> tuple[dict[str, Tensor], Tensor]:  # terms, PSNR of the head's window
    """Render the frames and compare: L_render, L_geo where the clip has geometry, and what keeps splats sane.

    The head is compared over a plain random background on both sides, so that opacity is learnt and nothing of the
    torso or the room is.
    """
    shot, index, weights = sample.shot, sample.index, settings.weights
    pose = shot.features.pose[index]
    vertices = pose_head(head, scene.person, face, pose)
    with_geometry = shot.geometry is not None and (weights.depth > 0 or weights.normal > 0)
    frames = shot.frames
    render = render_head(
        head, scene.splats, vertices, face, pose, frames.camera, frames.window, with_geometry=with_geometry
    )
    colour, alpha = frames.select(index)
    truth = colour * alpha + background * (1 - alpha)
    image = render.over(background)
    terms = {
        "render": render_loss(image, truth, weights.dssim),
        "position": position_penalty(scene.splats.means),
        "scale": scale_penalty(scene.splats.log_scales),
    }
    if face.mouth is not None:
        terms["mouth"] = mouth_penalty(face.mouth, mouth_limits)
    if with_geometry and shot.geometry is not None and render.depth is not None and render.features is not None:
        seen = shot.geometry.mask[index] & (render.alpha.detach() > GEOMETRY_ALPHA) & (alpha > GEOMETRY_ALPHA)
        mask = seen.squeeze(-1)
        terms["depth"] = depth_loss(render.depth.squeeze(-1), shot.geometry.depth[index].squeeze(-1), mask)
        terms["normal"] = normal_loss(render.features, shot.geometry.normal[index], mask)
    error = (image.detach() - truth).square().mean()
    return terms, -10 * torch.log10(error.clamp_min(1e-10))


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
