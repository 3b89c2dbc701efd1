"""An avatar that answers at once: one new frame for the features of the last seconds."""

import torch
from torch import Tensor

from emotag.camera import Camera
from emotag.head.model import HeadModel
from emotag.replay import Replay
from emotag.splats.posed import PosedSplats
from emotag.splats.rasterize import Render
from emotag.synthesis.drive import Cues, HeadRenderer, speak
from emotag.synthesis.store import Avatar
from emotag.timing import section
from emotag.training.clip import HeadPose, Window


class Live:
    """Renders the newest frame of a window of features; on CUDA network and posing are replayed as one graph."""

    def __init__(self, head: HeadModel, avatar: Avatar, camera: Camera, window: Window) -> None:
        self._avatar = avatar
        self._renderer = HeadRenderer(head, avatar, camera, window)
        self._replays: dict[int, Replay] = {}  # length of the window -> graph

    @torch.no_grad()
    def render(
        self,
        audio: Tensor,  # (L, Da) the last L frames, at most the network's window; fewer when the speech has just begun
        cues: Cues,  # the same L frames
    ) -> Render:  # one frame, the last
        """Render the last frame. On CUDA the result lives until the next call."""
        pose = cues.pose
        inputs = (audio, cues.upper_face, pose.rotation, pose.translation, pose.neck_pose, pose.eyes_pose)
        with section("GRMN and posing"):
            if audio.is_cuda:
                replay = self._replays.setdefault(len(audio), Replay(self._posed))
                posed = PosedSplats(*replay(*inputs))
            else:
                posed = PosedSplats(*self._posed(*inputs))
        return self._renderer.draw(posed)

    def _posed(self, audio: Tensor, upper_face: Tensor, *pose: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        cues = Cues(HeadPose(*pose), upper_face)
        motion = speak(self._avatar, audio, cues)
        last = slice(len(audio) - 1, len(audio))
        posed = self._renderer.pose(motion.frames(last), self._renderer.track(cues.pose[last]))
        return posed.means, posed.quaternions, posed.scales
