"""Driving an avatar: features and cue poses in, rendered heads out."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from emotag.avatar import FaceMotion, frozen_motion, render_posed
from emotag.camera import Camera
from emotag.head.model import HeadModel
from emotag.motion.motion import Motion
from emotag.motion.windows import predict_sequence
from emotag.posing import RestHead
from emotag.splats.rasterize import Render
from emotag.synthesis.store import Avatar
from emotag.timing import section
from emotag.training.clip import HeadPose, Window

CPU_BATCH = 8
BATCHES = {"cuda": 16}
"""Frames rendered at a time, by device: a GPU is full with so many."""


@dataclass(frozen=True)
class Cues:
    """What comes from cue frames: head pose and upper face (EmoTaG §4, inference)."""

    pose: HeadPose
    upper_face: Tensor  # (T, 8) action units

    def __len__(self) -> int:
        return len(self.upper_face)

    def looped(self, frames: int) -> tuple["Cues", Tensor]:
        """Give cues for any number of frames by going back and forth, and the cue frame (frames,) of each.

        Back and forth, because the head would jump where a plain loop starts again.
        """
        index = ping_pong(len(self), frames).to(self.upper_face.device)
        return Cues(self.pose[index], self.upper_face[index]), index


def ping_pong(length: int, frames: int) -> Tensor:
    """Give frames 0, 1, …, length − 1, length − 2, …, 1, 0, 1, … for as long as asked: (frames,)."""
    if length == 1:
        return torch.zeros(frames, dtype=torch.int64)
    phase = torch.arange(frames) % (2 * (length - 1))
    return torch.where(phase < length, phase, 2 * (length - 1) - phase)


def speak(avatar: Avatar, audio: Tensor, cues: Cues) -> Motion:
    """Predict the motion for audio features (T, Da) and as many cue frames. Raises ValueError when they differ."""
    if len(audio) != len(cues):
        raise ValueError(f"{len(audio)} frames of audio, {len(cues)} cue frames")
    return predict_sequence(avatar.grmn, audio, cues.upper_face, avatar.person.identity)


@torch.no_grad()
def render_sequence(
    head: HeadModel,
    avatar: Avatar,
    motion: Motion | None,  # (T, …); None keeps the face at rest (the frozen baseline)
    pose: HeadPose,
    camera: Camera,
    window: Window,
    batch: int | None = None,
) -> Iterator[Render]:
    """Render the frames in order, inside `window`, `batch` at a time (None: as many as suit the device)."""
    person, splats, grmn = avatar.person, avatar.splats, avatar.grmn
    frames = len(pose.rotation)
    batch = batch or BATCHES.get(pose.rotation.device.type, CPU_BATCH)
    rest = RestHead.of(head, person.shape)
    tracked = rest.track(pose)
    basis = grmn.mouth.basis(splats.mouth_rest) if len(splats.mouth) else None
    for start in range(0, frames, batch):
        part = slice(start, min(start + batch, frames))
        face = frozen_motion(person, part.stop - part.start)
        with section("posing"):
            if motion is not None:
                now = motion.frames(part)
                mouth = None
                if basis is not None:
                    mouth = grmn.mouth.fuse(now.mouth_base, now.mouth_residual, now.gate, basis)
                face = FaceMotion(face.expression + now.expression, face.jaw + now.jaw, mouth)
            joints = tracked[part]
            vertices = rest.vertices(joints, face.expression, face.jaw)
        yield render_posed(splats, vertices, head.faces, joints.turn[:, 0], face.mouth, camera, window)
