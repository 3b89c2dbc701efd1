"""Spectacles: two rims, a bridge and two temples, drawn as thick strands that ride on the skull. Lenses are clear."""

import numpy as np
from scipy.interpolate import CubicSpline

from emotag.actors.look.anatomy import Anatomy
from emotag.actors.look.colour import to_linear
from emotag.actors.look.look import Rgb
from emotag.actors.look.strands import Strands

_KNOTS = 49
_HALF_WIDTH, _HALF_HEIGHT = 0.0245, 0.0185  # metres, of a rim
_BEFORE_EYE = 0.0165  # metres from the eyeball's front to the lens (vertex distance is 12–14 mm from the cornea)
_SQUARE = (2.2, 3.6)
"""Exponents of the rims' superellipse: from round to square."""
_WIDTHS = (0.0011, 0.0030)  # metres, from wire to horn
_COLOURS: tuple[Rgb, ...] = ((0.10, 0.09, 0.09), (0.24, 0.15, 0.09), (0.50, 0.46, 0.40), (0.30, 0.12, 0.13))


def make_glasses(body: Anatomy, rng: np.random.Generator) -> Strands:
    """Fit spectacles of a random shape and colour to a head."""
    s = body.scale
    power, width = rng.uniform(*_SQUARE), rng.uniform(*_WIDTHS) * s
    colour = to_linear(_COLOURS[rng.integers(len(_COLOURS))])
    turn = np.linspace(0, 2 * np.pi, _KNOTS)
    circle = np.stack((np.cos(turn), np.sin(turn)))
    flat = np.sign(circle) * np.abs(circle) ** (2 / power)
    lines = []
    for eye in body.eye_centres:
        side = np.sign(eye[0])
        depth = eye[2] + body.eye_radius + _BEFORE_EYE * s
        middle = np.array([eye[0] + 0.002 * s * side, eye[1] - 0.004 * s, depth])
        rim = middle + np.stack((_HALF_WIDTH * s * flat[0], _HALF_HEIGHT * s * flat[1], 0 * turn), axis=1)
        rim[:, 2] -= 4.0 * (np.abs(rim[:, 0]) / s) ** 2 * s  # wraps around the face
        hinge = rim[np.argmax(side * rim[:, 0])] + np.array([side * 0.001, 0.006, -0.001]) * s
        ear = np.array([side * (body.ear_centre[0] + 0.001 * s), body.ear_top - 0.004 * s, body.ear_centre[2]])
        out = np.array([side * (body.ear_centre[0] + 0.002 * s), 0.5 * (hinge[1] + ear[1]), 0.5 * (hinge[2] + ear[2])])
        lines += [rim, CubicSpline([0, 0.5, 1], np.stack((hinge, out, ear)))(np.linspace(0, 1, _KNOTS))]
    inner = [rim[np.argmin(np.abs(rim[:, 0]))] for rim in lines[::2]]
    arch = 0.5 * (inner[0] + inner[1]) + np.array([0, 0.004, 0.003]) * s
    bridge = np.stack((inner[0] + [0, 0.003 * s, 0], arch, inner[1] + [0, 0.003 * s, 0]))
    lines.append(CubicSpline([0, 0.5, 1], bridge)(np.linspace(0, 1, _KNOTS)))
    points = np.stack(lines).astype(np.float32)
    colours = np.empty((*points.shape[:2], 4), np.float32)
    colours[..., :3], colours[..., 3] = colour, 1.2
    normals = np.tile(np.array([0, 0.5, 0.87], np.float32), (*points.shape[:2], 1))
    normals[1::2][:2] = np.sign(points[1::2][:2, :, :1]) * np.array([0.9, 0.3, 0.3], np.float32)
    return Strands(points, normals, colours, np.full(points.shape[:2], width, np.float32), None)
