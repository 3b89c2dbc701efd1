"""Pictures of a training run: true head and rendered head side by side."""

import numpy as np
import torch

from emotag.avatar import render_posed
from emotag.head.model import HeadModel
from emotag.training.prepared import Prepared
from emotag.training.sample import Sample
from emotag.training.scene import Scene
from emotag.training.state import TrainingState
from emotag.training.step import Window, motion_of, posed_vertices, predicted_motion

PICTURES = 4
"""Frames shown of each person."""

BACKGROUND = 1.0
"""White, as GaussianAvatars shows its heads."""


@torch.no_grad()
def training_pictures(head: HeadModel, state: TrainingState) -> tuple[list[np.ndarray], list[str]]:
    """Give (h, 2w, 3) uint8 pictures, truth left and render right, of frames spread over each person's first clip."""
    images, captions = [], []
    prepared = Prepared(head, state.grmn)
    for scene in state.scenes:
        shot = scene.shots[0]
        length = min(state.grmn.settings.window, len(shot.features))
        for frame in torch.linspace(0, len(shot.features) - 1, PICTURES).round().long().tolist():
            start = min(max(0, frame - length // 2), len(shot.features) - length)
            images.append(_pair(state, scene, Sample.of(shot, start, length, torch.tensor([frame - start])), prepared))
            captions.append(f"{scene.person.name}  frame {frame}")
    return images, captions


def _pair(state: TrainingState, scene: Scene, sample: Sample, prepared: Prepared) -> np.ndarray:
    motion = motion_of(state.grmn, [Window(scene, sample)], prepared).frames((0, sample.inside))
    face = predicted_motion(state.grmn, scene, motion, prepared)
    vertices, joints = posed_vertices(scene, sample, face, prepared)
    frames = sample.shot.frames
    render = render_posed(
        scene.splats, vertices, prepared.head.faces, joints.turn[:, 0], face.mouth, frames.camera, frames.window
    )
    colour, alpha = frames.select(sample.index)
    white = colour.new_full((3,), BACKGROUND)
    pair = torch.cat((torch.lerp(white, colour, alpha), render.over(white)), dim=2)[0]
    return (pair.clamp(0, 1) * 255).round().byte().cpu().numpy()
