"""Filming a take: the video with its sound, and the maps of its truth."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emotag.actors.actor import Actor
from emotag.actors.look.renderer import Renderer
from emotag.actors.look.truth import Truth
from emotag.actors.posed import posed_frames
from emotag.actors.settings import FilmSettings
from emotag.actors.take import Take
from emotag.camera import Camera
from emotag.head.model import HeadModel
from emotag.media.video import AI_MARK, write_lossless, write_video
from emotag.perception.geometry.estimator import Geometry
from emotag.perception.geometry.files import GeometryPaths, write_geometry


class Film:
    """One take before the camera."""

    def __init__(self, head: HeadModel, actor: Actor, take: Take, settings: FilmSettings) -> None:
        self.head, self.actor, self.take, self.settings = head, actor, take, settings
        self.camera = Camera(settings.focal_length, settings.picture_size, settings.picture_size)
        self._renderer = Renderer(head, torch.from_numpy(actor.shape), actor.look, self.camera)

    def shoot(
        self,
        video: Path,
        maps: Path | None,  # folder for matte.mkv (R = person alpha, G = head alpha) and depth, normals
        metadata: dict[str, Any],  # of the maps
        keep: tuple[int, ...] = (),
        progress: Callable[[], None] = lambda: None,
    ) -> dict[int, np.ndarray]:  # the frames to keep, (H, W, 3) uint8
        """Write the video with its sound, and the maps; give some of the frames.

        Depth and normals are of the nearest surface, hair and cloth included, `maps_size` pixels wide.
        """
        kept: dict[int, np.ndarray] = {}
        with _Spool() as mattes, _Spool() as depths, _Spool() as normals:

            def pictures() -> Iterator[np.ndarray]:
                for index, vertices in enumerate(posed_frames(self.head, self.actor.shape, self.take.performance)):
                    frame = self._renderer.frame(vertices, index, truth=maps is not None)
                    if frame.truth is not None:
                        mattes.add(_matte(frame.truth))
                        depth, normal = self._sampled(frame.truth)
                        depths.add(depth)
                        normals.add(normal)
                    if index in keep:
                        kept[index] = frame.rgb
                    progress()
                    yield frame.rgb

            sound = (self.take.samples, self.take.rate)
            write_video(video, pictures(), crf=self.settings.crf, intra=False, audio=sound, comment=AI_MARK)
            if maps is not None:
                maps.mkdir(parents=True, exist_ok=True)
                write_lossless(maps / "matte.mkv", mattes)
                paths = GeometryPaths(maps / "depth.mkv", maps / "normal.mkv", maps / "geometry.json")
                geometry = (Geometry(d, n.astype(np.float32), d > 0) for d, n in zip(depths, normals))
                write_geometry(paths, geometry, relative=False, metadata=metadata)
        return kept

    def _sampled(self, truth: Truth) -> tuple[np.ndarray, np.ndarray]:  # (h, w) float32, (h, w, 3) float16
        """Take the nearest pixels: depths of two surfaces have no meaningful mean."""
        side = min(self.settings.maps_size, self.settings.picture_size)
        at = ((np.arange(side) + 0.5) * self.settings.picture_size / side).astype(int)
        return truth.depth[at][:, at], truth.normal[at][:, at].astype(np.float16)


def _matte(truth: Truth) -> np.ndarray:  # (H, W, 3) uint8
    return np.stack((truth.person, truth.head, np.zeros_like(truth.head)), axis=2)


class _Spool:
    """Arrays of one shape and type that wait on disk, so that a long take needs no more memory than a short one."""

    def __enter__(self) -> "_Spool":
        self._file = tempfile.TemporaryFile()
        self._like = np.zeros(0)
        self._count = 0
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, array: np.ndarray) -> None:
        """Append an array."""
        self._like = array
        self._count += 1
        self._file.write(np.ascontiguousarray(array).data)

    def __iter__(self) -> Iterator[np.ndarray]:
        self._file.seek(0)
        for _ in range(self._count):
            block = self._file.read(self._like.nbytes)
            yield np.frombuffer(block, dtype=self._like.dtype).reshape(self._like.shape)
