"""The pass that draws all strands of a frame."""

from collections.abc import Sequence

import numpy as np

from emotag.actors.look.anatomy import Anatomy
from emotag.actors.look.light import Room, polynomial
from emotag.actors.look.posing import Rigid
from emotag.actors.look.shading_kernels import Canvas
from emotag.actors.look.strand_kernels import bind, draw_strands
from emotag.actors.look.strands import Roots, Strands
from emotag.camera import CAMERA_DISTANCE

_SHINE = np.float32(0.30)


class StrandPass:
    """Hair of one actor, ready to be drawn."""

    def __init__(self, kinds: Sequence[Strands], body: Anatomy, room: Room, canvas: Canvas) -> None:
        self._kinds = kinds
        self._canvas = canvas
        self._light = polynomial(room.matter)
        self._lamps = room.axes.astype(np.float32)
        self._powers = (room.power * 2 / room.sharpness[:, None]).astype(np.float32)
        self._frames = [None if kind.roots is None else rest_frames(body, kind.roots) for kind in kinds]
        self.segments = sum(kind.segments for kind in kinds)

    def draw(
        self,
        vertices: np.ndarray,  # (V, 3) float32 posed
        skull: Rigid,
        nearness: np.ndarray,  # (2H, 2W) changed
        identity: np.ndarray,  # (2H, 2W) changed
    ) -> np.ndarray:  # (S, 3) float32 linear colour of each segment; those that are not seen are undefined
        """Draw over what is in the buffers; segment s has identity F + s."""
        shaded = np.empty((max(self.segments, 1), 3), np.float32)
        first = 0
        for kind, frames in zip(self._kinds, self._frames):
            if frames is None or kind.roots is None:
                transforms = np.concatenate((skull.turn, skull.shift[:, None]), axis=1).astype(np.float32)[None]
            else:
                transforms = np.empty((len(kind.points), 3, 4), np.float32)
                face, weights = kind.roots.face, kind.roots.weights.astype(np.float32)
                root = kind.roots.points.astype(np.float32)
                bind(vertices, self._canvas.faces, face, weights, root, frames, transforms)
            draw_strands(
                kind.points, kind.normals, kind.colours, kind.widths, kind.dense, transforms,
                self._light, self._lamps, self._powers, _SHINE, self._canvas.focal, np.float32(CAMERA_DISTANCE),
                len(self._canvas.faces) + first, nearness, identity, shaded[first : first + kind.segments],
            )  # fmt: skip
            first += kind.segments
        return shaded


def rest_frames(body: Anatomy, roots: Roots) -> np.ndarray:  # (N, 3, 3) float32 axes in rows
    """Axes of the rest triangles as emotag.actors.look.strand_kernels.bind builds them: edge, across, normal."""
    a, b, c = (body.vertices[body.faces[roots.face, corner]] for corner in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    edge = (b - a) / np.linalg.norm(b - a, axis=1, keepdims=True)
    return np.stack((edge, np.cross(normal, edge), normal), axis=1).astype(np.float32)
