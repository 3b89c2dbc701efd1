"""Pictures of a training run: true head and rendered head side by side."""

import numpy as np
import torch

from emotag.avatar import FaceMotion, pose_head, render_head
from emotag.head.model import HeadModel
from emotag.training.scene import Scene, Shot
from emotag.training.state import TrainingState
from emotag.training.step import Sample, motion_of, predicted_motion

PICTURES = 4
"""Frames shown of each person."""

BACKGROUND = 1.0
"""White, as GaussianAvatars shows its heads."""


@torch.no_grad()
def training_pictures(head: HeadModel, state: TrainingState) -> tuple[list[np.ndarray], list[str]]:
    """Give (h, 2w, 3) uint8 pictures, truth left and render right, of frames spread over each person's first clip."""
    images, captions = [], []
    for scene in state.scenes:
        shot = scene.shots[0]
        length = min(state.grmn.settings.window, len(shot.features))
        for frame in torch.linspace(0, len(shot.features) - 1, PICTURES).round().long().tolist():
            start = min(max(0, frame - length // 2), len(shot.features) - length)
            inside = torch.tensor([frame - start], device=shot.features.valid.device)
            sample = Sample(shot, start, length, inside)
            motion = motion_of(state.grmn, [scene], [sample]).frames((0, inside))
            images.append(_pair(head, scene, shot, sample, predicted_motion(state.grmn, scene, motion)))
            captions.append(f"{scene.person.name}  frame {frame}")
    return images, captions


def _pair(head: HeadModel, scene: Scene, shot: Shot, sample: Sample, face: FaceMotion) -> np.ndarray:
    pose = shot.features.pose[sample.index]
    vertices = pose_head(head, scene.person, face, pose)
    render = render_head(head, scene.splats, vertices, face, pose, shot.frames.camera, shot.frames.window)
    colour, alpha = shot.frames.select(sample.index)
    white = colour.new_full((3,), BACKGROUND)
    pair = torch.cat((colour * alpha + white * (1 - alpha), render.over(white)), dim=2)[0]
    return (pair.clamp(0, 1) * 255).round().byte().cpu().numpy()
