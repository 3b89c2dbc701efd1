"""Filming a take: the video with its sound, and the maps of its truth."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emotag.actors.actor import Actor
from emotag.actors.look.renderer import Renderer
from emotag.actors.settings import FilmSettings
from emotag.actors.take import Take
from emotag.actors.truth import posed
from emotag.camera import Camera
from emotag.head.mesh_render import rasterize, vertex_normals
from emotag.head.model import HeadModel
from emotag.media.video import AI_MARK, write_lossless, write_video
from emotag.perception.geometry.estimator import Geometry
from emotag.perception.geometry.files import GeometryPaths, write_geometry
from emotag.perception.geometry.tracked_mesh import shade, surface_faces

_BATCH = 32  # frames posed at once


class Film:
    """One take before the camera."""

    def __init__(self, head: HeadModel, actor: Actor, take: Take, settings: FilmSettings) -> None:
        self.head, self.actor, self.take, self.settings = head, actor, take, settings
        self.camera = Camera(settings.focal_length, settings.size, settings.size)
        self._renderer = Renderer(head, torch.from_numpy(actor.shape), actor.look, self.camera)

    def shoot(
        self,
        video: Path,
        matte: Path | None,  # lossless .mkv: R = person alpha, G = head alpha, as the matte stage's
        keep: tuple[int, ...] = (),
        progress: Callable[[], None] = lambda: None,
    ) -> dict[int, np.ndarray]:  # the frames to keep, (H, W, 3) uint8
        """Write the video with its sound, and the mattes; give some of the frames."""
        mattes: list[np.ndarray] = []
        kept: dict[int, np.ndarray] = {}

        def pictures() -> Iterator[np.ndarray]:
            for index, vertices in enumerate(self._poses()):
                frame = self._renderer.frame(vertices, index, truth=matte is not None)
                if frame.person is not None and frame.head is not None:
                    mattes.append(np.stack((frame.person, frame.head, np.zeros_like(frame.head)), axis=2))
                if index in keep:
                    kept[index] = frame.rgb
                progress()
                yield frame.rgb

        sound = (self.take.samples, self.take.rate)
        write_video(video, pictures(), crf=self.settings.crf, intra=False, audio=sound, comment=AI_MARK)
        if matte is not None:
            write_lossless(matte, mattes)
        return kept

    def survey(
        self,
        paths: GeometryPaths,
        metadata: dict[str, Any],
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Write depth and normals of the mesh (without hair, as every head model is), `maps_size` pixels wide."""
        side = self.settings.maps_size
        camera = self.camera.resized(side, side)
        faces, surface = self.head.faces.numpy(), surface_faces(self.head)

        def frames() -> Iterator[Geometry]:
            for vertices in self._poses():
                pixels, depth = camera.project(torch.from_numpy(vertices))
                projected = np.concatenate((pixels.numpy(), depth.numpy()[:, None]), axis=1)
                raster = rasterize(projected, surface, side, side)
                normals = vertex_normals(vertices, faces)
                progress()
                yield shade(raster.triangles, raster.weights, raster.depth, surface, normals)

        write_geometry(paths, frames(), relative=False, metadata=metadata)

    def _poses(self) -> Iterator[np.ndarray]:  # each (V, 3) float32 metres, world
        for start in range(0, self.take.frames, _BATCH):
            yield from posed(self.head, self.actor.shape, self.take.performance, start, start + _BATCH).numpy()
