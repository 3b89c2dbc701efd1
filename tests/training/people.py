"""People of a few frames whose pictures a test renders itself, held in memory or written as files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emotag.avatar import FaceMotion, Person, pose_head, render_head
from emotag.camera import Camera
from emotag.head.model import HeadModel
from emotag.media.video import write_lossless, write_video
from emotag.motion.settings import MotionSettings
from emotag.splats.sampling import sample_splats
from emotag.splats.settings import SplatSettings
from emotag.training.clip import ClipFeatures, ClipFrames, HeadPose, Window
from emotag.training.scene import Scene, Shot, make_scene
from emotag.training.settings import LossWeights, PretrainSettings
from emotag.training.stream import StreamedFrames

SIDE, SPLATS, FOCAL = 48, 300, 2.2
MOTION = MotionSettings(
    width=16, heads=2, audio_layers=1, audio_window=2, window=12, overlap=4, style_dim=2, mouth_code=4, mouth_width=8
)


def training_settings(**changes: object) -> PretrainSettings:
    weights = LossWeights(track=1.0, lips=1.0)
    return PretrainSettings(
        **{"frames": 24, "static_frames": 8, "batch": 2, "motion_windows": 2, "weights": weights} | changes
    )


@dataclass
class Filmed:
    """A person and a clip of them."""

    person: Person
    features: ClipFeatures
    colour: Tensor  # (T, S, S, 3) uint8
    alpha: Tensor  # (T, S, S, 1) uint8

    def scene(self, head: HeadModel) -> Scene:
        """All frames held."""
        frames = ClipFrames(Window(0, 0, SIDE, SIDE), Camera(FOCAL, SIDE, SIDE), self.colour, self.alpha)
        return make_scene(head, self.person, [Shot(self.features, frames)], SplatSettings(count=SPLATS))

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write crop and matte; the person's alpha is all of the picture, the head's is what was rendered."""
        name = self.features.name
        video, matte = folder / f"{name}.mp4", folder / f"{name}.mkv"
        write_video(video, iter(self.colour.numpy()), crf=4)
        head = self.alpha.numpy()[..., 0]
        write_lossless(matte, (np.stack((np.full_like(one, 255), one, 0 * one), axis=-1) for one in head))
        return video, matte

    def streamed_scene(self, head: HeadModel, folder: Path) -> Scene:
        """A stretch at a time from files."""
        video, matte = self.write(folder)
        frames = StreamedFrames(video, matte, FOCAL, len(self.features), torch.device("cpu"))
        return make_scene(head, self.person, [Shot(self.features, frames)], SplatSettings(count=SPLATS))


@torch.no_grad()
def film(head: HeadModel, name: str = "ada", seed: int = 0, frames: int = 24) -> Filmed:
    """Draw a person and render their clip."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    shape = 0.3 * noise(head.n_shape)
    embedding = torch.nn.functional.normalize(noise(6), dim=0)
    person = Person(name, shape, FOCAL, torch.zeros(head.n_expression), torch.zeros(3), embedding)
    audio = noise(frames, 5)
    pose = HeadPose(0.05 * noise(frames, 3), 0.003 * noise(frames, 3), torch.zeros(frames, 3), torch.zeros(frames, 6))
    expression = torch.rand(frames, head.n_expression, generator=generator)
    jaw = torch.stack((0.1 * audio[:, 0].abs(), torch.zeros(frames), torch.zeros(frames)), dim=1)
    emotion = torch.softmax(noise(frames, 7), dim=1)
    features = ClipFeatures(
        f"{name}-clip", name, pose, expression, jaw, shape, FOCAL, audio, torch.rand(frames, 8, generator=generator),
        emotion, 1 - emotion[:, -1], torch.ones(frames, dtype=torch.bool),
    )  # fmt: skip
    true = sample_splats(head, head.shaped(shape), SplatSettings(count=SPLATS, seed=seed + 1))
    true.sh.copy_(0.8 * noise(*true.sh.shape))
    colours, alphas = [], []
    for part in torch.arange(frames).split(24):
        face = FaceMotion(expression[part], jaw[part])
        vertices = pose_head(head, person, face, pose[part])
        window = Window(0, 0, SIDE, SIDE)
        render = render_head(head, true, vertices, face, pose[part], Camera(FOCAL, SIDE, SIDE), window)
        colours.append((render.colour.clamp(0, 1) * 255).byte())
        alphas.append((render.alpha.clamp(0, 1) * 255).byte())
    return Filmed(person, features, torch.cat(colours), torch.cat(alphas))
