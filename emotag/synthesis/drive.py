"""Driving an avatar: features and cue poses in, rendered heads out."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from emotag.avatar import FaceMotion, frozen_motion, optics
from emotag.camera import Camera
from emotag.head.model import HeadModel
from emotag.motion.motion import Motion
from emotag.motion.windows import predict_sequence
from emotag.posing import RestHead, TrackedJoints
from emotag.splats.posed import PosedSplats, pose_splats
from emotag.splats.rasterize import Render, rasterize
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


class HeadRenderer:
    """Renders an avatar's head in one window: what no frame changes is computed once."""

    @torch.no_grad()
    def __init__(self, head: HeadModel, avatar: Avatar, camera: Camera, window: Window) -> None:
        self.camera, self.window = camera, window
        self._faces = head.faces
        self._person, self._splats, self._mouth = avatar.person, avatar.splats, avatar.grmn.mouth
        self._rest = RestHead.of(head, avatar.person.shape, avatar.person.static_offset)
        self._basis = self._mouth.basis(self._splats.mouth_rest) if len(self._splats.mouth) else None

    def track(self, pose: HeadPose) -> TrackedJoints:
        """Work out where the joints of T frames are."""
        return self._rest.track(pose)

    def root(self, joints: TrackedJoints) -> Tensor:  # (B, 3) metres, world
        """Tell where the joint stands about which `HeadPose.rotation` turns the head."""
        return joints.turn[:, 0] @ self._rest.joints[0] + joints.shift[:, 0]

    @torch.no_grad()
    def pose(
        self,
        motion: Motion | None,  # (B, …); None keeps the face at rest (the frozen baseline)
        joints: TrackedJoints,  # B frames
    ) -> PosedSplats:
        """Move the splats."""
        face = frozen_motion(self._person, len(joints.turn))
        with section("posing"):
            if motion is not None:
                mouth = None
                if self._basis is not None:
                    mouth = self._mouth.fuse(motion.mouth_base, motion.mouth_residual, motion.gate, self._basis)
                face = FaceMotion(face.expression + motion.expression, face.jaw + motion.jaw, mouth)
            vertices = self._rest.vertices(joints, face.expression, face.jaw)
            return pose_splats(self._splats, vertices, self._faces, joints.turn[:, 0], face.mouth)

    @torch.no_grad()
    def draw(self, posed: PosedSplats, with_depth: bool = False) -> Render:  # of B frames
        """Render in one call of the rasterizer."""
        window = self.window
        view, intrinsics = optics(self.camera, window, posed.means.device)
        with section("rasterizer"):
            return rasterize(
                posed.means, posed.quaternions, posed.scales, self._splats.opacities, self._splats.sh,
                view, intrinsics, window.width, window.height, with_depth=with_depth,
            )  # fmt: skip


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
    renderer = HeadRenderer(head, avatar, camera, window)
    joints = renderer.track(pose)
    frames = len(pose.rotation)
    batch = batch or BATCHES.get(pose.rotation.device.type, CPU_BATCH)
    for start in range(0, frames, batch):
        part = slice(start, min(start + batch, frames))
        yield renderer.draw(renderer.pose(None if motion is None else motion.frames(part), joints[part]))
