"""One training step in two halves, with the rasterizer between: the head's motion and pose, and the pictures.

Both are functions of tensors alone, and the loop may replay them as graphs (see emotag/training/passes.py).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from emotag.avatar import FaceMotion, optics
from emotag.motion.grmn import GRMN
from emotag.motion.motion import Motion
from emotag.motion.mouth import MouthOffsets
from emotag.posing import TrackedJoints
from emotag.splats.posed import PosedSplats, pose_splats
from emotag.splats.rasterize import Render
from emotag.timing import section
from emotag.training.losses.emotion import emotion_kl, gate_score
from emotag.training.losses.geometry import depth_loss, normal_loss
from emotag.training.losses.photometric import difference
from emotag.training.losses.regularisers import (
    lid_loss,
    lip_loss,
    mouth_penalty,
    position_penalty,
    scale_penalty,
    track_loss,
)
from emotag.training.losses.render import weigh
from emotag.training.part_windows import part_points
from emotag.training.prepared import Prepared
from emotag.training.sample import Sample, gather, stacked
from emotag.training.scene import Scene, Shot, tracked_motion
from emotag.training.settings import LossWeights

GEOMETRY_ALPHA = 0.5
"""Rendered opacity above which a pixel has a depth and a normal worth comparing."""


@dataclass(frozen=True)
class Window:
    """One person's window of features in a step."""

    scene: Scene
    sample: Sample


def motion_of(
    grmn: GRMN,
    windows: list[Window],  # W, of one length
    prepared: Prepared,
) -> Motion:  # (W, L, …)
    """Run the motion network on the windows of several people at once."""
    identity = stacked([window.scene.person.identity for window in windows])
    return grmn.branches(prepared.streams([window.sample for window in windows]), identity)


def guidance_terms(
    grmn: GRMN,
    windows: list[Window],
    motion: Motion,  # (W, L, …)
    prepared: Prepared,
) -> dict[str, Tensor]:
    """L_KL, L_score and the tracker's supervision over all frames of all windows (Eq. 12, 13)."""
    samples = [window.sample for window in windows]
    valid = gather(samples, "valid")
    shots = [prepared.shot(window.scene, window.sample.shot) for window in windows]

    def tracked(name: str) -> Tensor:
        return stacked([getattr(shot, name)[sample.rows] for shot, sample in zip(shots, samples)])

    scale = (grmn.expression_scale, grmn.jaw_scale)
    terms = {"track": track_loss(motion.expression, motion.jaw, tracked("expression"), tracked("jaw"), *scale, valid)}
    people = [window.scene.person for window in windows]
    expression = stacked([person.neutral_expression for person in people])[:, None] + motion.expression
    jaw = stacked([person.neutral_jaw for person in people])[:, None] + motion.jaw
    lips, lids = [window.scene.lips for window in windows], [window.scene.lids for window in windows]
    terms["lips"] = lip_loss(part_points(lips, expression, jaw), tracked("lips"), valid)
    terms["lids"] = lid_loss(part_points(lids, expression, jaw), tracked("lids"), valid)
    if grmn.settings.use_residual:
        terms["kl"] = emotion_kl(motion.emotion_logits, gather(samples, "emotion"), valid)
        terms["score"] = (
            gate_score(motion.gate, gather(samples, "intensity"), valid) if grmn.settings.use_gate else 0 * terms["kl"]
        )
    return terms


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


def head_half(
    grmn: GRMN,
    windows: list[Window],  # the first is the one whose frames are rendered
    prepared: Prepared,
    *,
    joint: bool,
    predicted: bool,
    with_geometry: bool,
) -> tuple[PosedSplats, Tensor, dict[str, Tensor]]:  # splats of B frames, opacities (N,), terms
    """Move and pose the splats, and compare what needs no picture.

    `joint`: the motion network learns (EmoTaG §3.3); `predicted`: it also gives expression and jaw, which otherwise are
    as tracked. The mouth's offsets are the network's in both. `with_geometry` adds the splats' normals.
    """
    scene, sample = windows[0].scene, windows[0].sample
    face = tracked_motion(sample.shot.features, sample.index)
    terms: dict[str, Tensor] = {}
    if joint:
        with section("GRMN"):
            motion = motion_of(grmn, windows, prepared)
            moved = predicted_motion(grmn, scene, motion.frames((0, sample.inside)), prepared)
            face = moved if predicted else FaceMotion(face.expression, face.jaw, moved.mouth)
        with section("motion losses"):
            terms = guidance_terms(grmn, windows, motion, prepared)
    with section("posing"):
        vertices, joints = posed_vertices(scene, sample, face, prepared)
        frames = sample.shot.frames
        view, _ = optics(frames.camera, frames.window, vertices.device)
        posed = pose_splats(
            scene.splats, vertices, prepared.head.faces, joints.turn[:, 0], face.mouth, view if with_geometry else None
        )
        opacities = scene.splats.opacities
    with section("splat losses"):
        terms["position"] = position_penalty(scene.splats.means)
        terms["scale"] = scale_penalty(scene.splats.log_scales)
        if face.mouth is not None:
            terms["mouth"] = mouth_penalty(face.mouth, grmn.mouth.limits)
    return posed, opacities, terms


def picture_half(
    shot: Shot,
    index: Tensor,  # (B,) frames of the clip
    render: Render,
    background: Tensor,  # (3,)
    weights: LossWeights,
) -> tuple[dict[str, Tensor], Tensor]:  # terms, mean square error of the head's window
    """Compare the rendered frames: L_render, and L_geo where depth and normals were rendered.

    The head is compared over a plain random background on both sides, so that opacity is learnt and nothing of the
    torso or the room is.
    """
    with section("data"):
        colour, alpha = shot.frames.select(index)
        truth = torch.lerp(background, colour, alpha)
    with section("picture losses"):
        apart = difference(render.over(background), truth)
        terms = {"render": weigh(apart, weights.dssim)}
    if render.depth is not None:
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
        "lids": weights.lids,
        "depth": weights.depth,
        "normal": weights.normal,
        "position": weights.position,
        "scale": weights.scale,
        "mouth": weights.mouth,
    }
