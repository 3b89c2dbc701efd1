"""The pass that draws all strands of a frame."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from emotag.actors.look.anatomy import Anatomy, Material
from emotag.actors.look.light import Room
from emotag.actors.look.posing import Rigid
from emotag.actors.look.raster_kernels import NOTHING, project, rasterize
from emotag.actors.look.shading_kernels import Canvas
from emotag.actors.look.strand_kernels import bind, draw_strands
from emotag.actors.look.strands import Roots, Strands
from emotag.camera import CAMERA_DISTANCE

_SHINE = np.float32(0.45)
_GLIMPSE = 1.5
"""Samples, over the pitches of a view in a picture of 512, up to which a segment counts as hidden."""
_YAWS, _PITCHES = (-70, -48, -28, -9, 9, 28, 48, 70), (-22, 0, 22)
"""Degrees that the head is turned by to find which strands show; a frame uses the two next to it."""


class StrandPass:
    """Hair of one actor, ready to be drawn."""

    def __init__(self, kinds: Sequence[Strands], body: Anatomy, room: Room, canvas: Canvas) -> None:
        self._kinds = [one_layout(kind) for kind in kinds]
        self._canvas = canvas
        self._centre = body.head_centre
        self._lamps = room.axes.astype(np.float32)
        self._powers = (room.power * 2 / room.sharpness[:, None]).astype(np.float32)
        self._frames = [None if kind.roots is None else rest_frames(body, kind.roots) for kind in kinds]
        self._shown = [np.full(k.widths.shape, 255, np.uint8) if k.shown is None else k.shown for k in kinds]
        self.segments = sum(kind.segments for kind in kinds)

    def draw(
        self,
        vertices: np.ndarray,  # (V, 3) float32 posed
        skull: Rigid,
        nearness: np.ndarray,  # (2H, 2W) changed
        identity: np.ndarray,  # (2H, 2W) changed
    ) -> np.ndarray:  # (S, 6) float32 linear colour and normal of each segment, undefined where it is not seen
        """Draw over what is in the buffers; segment s has identity F + s."""
        views = np.uint8(views_near(skull.turn, skull.shift, self._centre))
        shaded = np.empty((max(self.segments, 1), 6), np.float32)
        first = 0
        for kind, frames, shown in zip(self._kinds, self._frames, self._shown):
            if frames is None or kind.roots is None:
                transforms = np.concatenate((skull.turn, skull.shift[:, None]), axis=1).astype(np.float32)[None]
            else:
                transforms = np.empty((len(kind.points), 3, 4), np.float32)
                face, weights = kind.roots.face, kind.roots.weights.astype(np.float32)
                root = kind.roots.points.astype(np.float32)
                bind(vertices, self._canvas.faces, face, weights, root, frames, transforms)
            draw_strands(
                kind.points, kind.normals, kind.colours, kind.widths, shown, views, transforms,
                self._canvas.light, self._lamps, self._powers, _SHINE, self._canvas.focal, np.float32(CAMERA_DISTANCE),
                len(self._canvas.faces) + first, nearness, identity, shaded[first : first + kind.segments],
            )  # fmt: skip
            first += kind.segments
        return shaded


def one_layout(strands: Strands) -> Strands:
    """Give strands in C order: a kernel is compiled anew for each order of its arrays, which takes seconds."""
    return replace(
        strands,
        points=np.ascontiguousarray(strands.points),
        normals=np.ascontiguousarray(strands.normals),
        colours=np.ascontiguousarray(strands.colours),
        widths=np.ascontiguousarray(strands.widths),
    )


def seen_strands(strands: Strands, body: Anatomy, room: Room, canvas: Canvas) -> Strands:
    """Find in which views each segment shows, and drop strands that never do: most lie under others.

    The head is drawn turned to a grid of views; a segment counts when it or a neighbour along the strand is nearest at
    more than a few samples.
    """
    trial = StrandPass([strands], body, room, canvas)
    height, width = canvas.backdrop.shape[:2]
    faces = canvas.faces[np.flatnonzero(canvas.material == Material.SKIN)]
    count, knots = strands.points.shape[:2]
    # The head fills the picture, far enough away that the rays are nearly parallel, as they are for a real camera.
    reach = float(np.abs(strands.points - body.head_centre).max())
    zoom = np.float32(0.4 * min(height, width) / max(canvas.focal * reach, 1e-6))
    shown = np.zeros((count, knots), np.uint8)
    for view, yaw in enumerate(_YAWS):
        seen = np.zeros(count * (knots - 1), np.int64)
        for pitch in _PITCHES:
            turn = Rotation.from_euler("xy", [pitch, yaw], degrees=True).as_matrix()
            shift = -turn @ body.head_centre
            points = np.empty((len(body.vertices), 3), np.float32)
            nearness = np.zeros((2 * height, 2 * width), np.float32)
            identity = np.full(nearness.shape, NOTHING, np.int32)
            posed = ((body.vertices @ turn.T + shift) * zoom).astype(np.float32)
            project(posed, canvas.focal, np.float32(width), np.float32(height), np.float32(CAMERA_DISTANCE), points)
            rasterize(points, faces, nearness, identity)
            trial.draw(posed, Rigid(turn * zoom, shift * zoom), nearness, identity)
            seen += np.bincount(identity[identity >= len(canvas.faces)] - len(canvas.faces), minlength=len(seen))
        grown = np.zeros((count, knots + 1), bool)
        grown[:, 1:knots] = seen.reshape(count, knots - 1) > _GLIMPSE * min(height, width) / 512
        grown[:, :-1] |= grown[:, 1:].copy()
        grown[:, 2:] |= grown[:, 1:-1].copy()
        shown |= grown[:, :knots].astype(np.uint8) << view
    keep = np.flatnonzero(shown[:, 1:].any(1))
    return Strands(
        strands.points[keep],
        strands.normals[keep],
        strands.colours[keep],
        strands.widths[keep],
        None if strands.roots is None else strands.roots.chosen(keep),
        np.ascontiguousarray(shown[keep]),
    )


def views_near(turn: np.ndarray, shift: np.ndarray, centre: np.ndarray) -> int:
    """Bits of the views next to how the head stands to the camera."""
    towards = turn.T @ (np.array([0.0, 0.0, CAMERA_DISTANCE]) - turn @ centre - shift)
    yaw = -np.degrees(np.arctan2(towards[0], towards[2]))
    nearest = int(np.abs(np.array(_YAWS) - yaw).argmin())
    other = nearest + (1 if yaw > _YAWS[nearest] else -1)
    return (1 << nearest) | (1 << min(max(other, 0), len(_YAWS) - 1))


def rest_frames(body: Anatomy, roots: Roots) -> np.ndarray:  # (N, 3, 3) float32 axes in rows
    """Axes of the rest triangles as emotag.actors.look.strand_kernels.bind builds them: edge, across, normal."""
    a, b, c = (body.vertices[body.faces[roots.face, corner]] for corner in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    edge = (b - a) / np.linalg.norm(b - a, axis=1, keepdims=True)
    return np.stack((edge, np.cross(normal, edge), normal), axis=1).astype(np.float32)
