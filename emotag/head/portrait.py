"""Simple make-up for renders of a head: skin, lips, brows, lashes, eyes, hair, so that a face network sees a face."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from emotag.head.mesh_render import Raster, interpolate
from emotag.head.model import HeadModel
from emotag.head.surface import unique_edges

Rgb = tuple[float, float, float]

SKIN: Rgb = (0.92, 0.74, 0.65)
LIPS: Rgb = (0.76, 0.42, 0.41)
HAIR: Rgb = (0.27, 0.20, 0.17)
INTERIOR: Rgb = (0.45, 0.16, 0.17)
GUMS: Rgb = (0.74, 0.36, 0.37)
TONGUE: Rgb = (0.80, 0.42, 0.43)
TEETH: Rgb = (0.97, 0.95, 0.90)
SCLERA: Rgb = (0.95, 0.95, 0.96)
IRIS: Rgb = (0.33, 0.43, 0.50)
PUPIL: Rgb = (0.05, 0.05, 0.06)

BROWS: tuple[Sequence[int], ...] = (range(17, 22), range(22, 27))
UPPER_LIDS: tuple[Sequence[int], ...] = (range(36, 40), range(42, 46))
LOWER_LIDS: tuple[Sequence[int], ...] = ((39, 40, 41, 36), (45, 46, 47, 42))
"""iBUG 68."""
_BROW_HALF_WIDTH = 0.0042
_LASH_HALF_WIDTH = 0.0011
_STROKES = ((BROWS, _BROW_HALF_WIDTH, 0.85), (UPPER_LIDS, _LASH_HALF_WIDTH, 0.9), (LOWER_LIDS, _LASH_HALF_WIDTH, 0.4))
_MASK_SMOOTHING, _MASK_SHARPNESS = 3, 5.0
_PUPIL_OF_EYE, _IRIS_OF_EYE = 0.15, 0.42
"""Radii of pupil and iris over the eyeball's."""


def vertex_colours(model: HeadModel) -> np.ndarray:  # (V, 3) RGB in 0–1
    """Colours by region; the eyeballs are white, lips and scalp still skin (see `portrait`)."""
    colours = np.tile(np.array(SKIN), (model.n_vertices, 1))
    painted = {
        "mouth_interior": INTERIOR,
        "gums": GUMS,
        "tongue": TONGUE,
        "upper_teeth": TEETH,
        "lower_teeth": TEETH,
        "left_eye": SCLERA,
        "right_eye": SCLERA,
    }
    for name, colour in painted.items():
        if name in model.regions:
            colours[model.regions[name].cpu().numpy()] = colour
    return colours


def portrait(
    model: HeadModel,
    landmarks: np.ndarray | None,  # (68, 3) on the template, metres; None paints no brows and lashes
) -> Callable[[Raster], np.ndarray]:
    """Give a `paint` for emotag.head.mesh_render.render; it paints on the template, so it follows any pose."""
    faces = model.faces.cpu().numpy()
    template = model.template.cpu().double().numpy()
    colours = vertex_colours(model)
    soft = np.stack([_soft_mask(model, name) for name in ("scalp", "lips")], axis=1)
    values = np.concatenate((colours, template, soft), axis=1)  # gathered together: that is most of the work
    eyes = [model.regions[side].cpu().numpy() for side in ("left_eye", "right_eye") if side in model.regions]

    def paint(raster: Raster) -> np.ndarray:
        colour, rest, amounts = np.split(interpolate(raster, faces, values), (3, 6), axis=1)
        seen = faces[raster.triangles[raster.hit], 0]
        inner = np.isin(seen, model.regions["mouth_interior"].cpu().numpy())
        for amount, tint in zip(amounts.T, (HAIR, LIPS)):
            weight = np.where(inner, 0, np.clip((amount - 0.5) * _MASK_SHARPNESS + 0.5, 0, 1))[:, None]
            colour += weight * (np.array(tint) - colour)
        for eye in eyes:
            if len(eye):
                _paint_eye(colour, rest, np.isin(seen, eye), template[eye])
        if landmarks is not None:
            skin = ~inner & ~np.isin(seen, np.concatenate(eyes))
            for lines, half_width, strength in _STROKES:
                for line in lines:
                    _stroke(colour, rest, skin, landmarks[list(line)], half_width, strength)
        return colour

    return paint


def _soft_mask(model: HeadModel, region: str) -> np.ndarray:  # (V,) in [0, 1]
    """A region's membership, averaged over neighbours, so that its 0.5 line is smooth where the mesh is not."""
    edges = unique_edges(model.faces.cpu().numpy())
    mask = np.zeros(model.n_vertices)
    if region in model.regions:
        mask[model.regions[region].cpu().numpy()] = 1
    degree = np.bincount(edges.ravel(), minlength=len(mask))
    for _ in range(_MASK_SMOOTHING):
        total = np.bincount(edges[:, 0], mask[edges[:, 1]], len(mask)) + np.bincount(
            edges[:, 1], mask[edges[:, 0]], len(mask)
        )
        mask = 0.5 * mask + 0.5 * total / np.maximum(degree, 1)
    return mask


def _paint_eye(colour: np.ndarray, rest: np.ndarray, where: np.ndarray, ball: np.ndarray) -> None:
    centre = (ball.min(0) + ball.max(0)) / 2
    radius = (ball[:, 0].max() - ball[:, 0].min()) / 2
    off_axis = np.linalg.norm(rest[where][:, :2] - centre[:2], axis=1) / radius
    front = rest[where][:, 2] > centre[2]
    part = colour[where]
    part[front & (off_axis < _IRIS_OF_EYE)] = IRIS
    part[front & (off_axis < _PUPIL_OF_EYE)] = PUPIL
    colour[where] = part


def _stroke(
    colour: np.ndarray,  # (N, 3), changed
    rest: np.ndarray,  # (N, 3)
    where: np.ndarray,  # (N,) bool
    line: np.ndarray,  # (K, 3)
    half_width: float,
    strength: float,
) -> None:
    """A soft dark stroke of hair along a polyline."""
    low, high = line.min(0) - 3 * half_width, line.max(0) + 3 * half_width
    near = where & ((rest > low) & (rest < high)).all(1)
    points = rest[near]
    distance = np.full(len(points), np.inf)
    for start, end in itertools.pairwise(line):
        step = end - start
        along = np.clip((points - start) @ step / (step @ step), 0, 1)
        distance = np.minimum(distance, np.linalg.norm(points - start - along[:, None] * step, axis=1))
    weight = strength / (1 + np.exp((distance / half_width - 1) * 5))
    colour[near] += weight[:, None] * (np.array(HAIR) - colour[near])
