"""Smooth local displacements on any neutral head: pulls at landmarks, measured in reference millimetres.

A pull is what a muscle does to the skin over its insertion: a direction, a strength and a Gaussian reach. Places and
lengths are given from the head's own landmarks and in millimetres of a face whose pupils are 62 mm apart, so that one
table of pulls fits every identity. Lips are told apart by the side of the mouth slit, not by distance.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree

from emotag.head.open_head.surface import HeadSurface, Part
from emotag.head.surface import unique_edges

Millimetres = tuple[float, float, float]
"""Lateral (away from the midline), up, forward."""

INTEROCULAR_MM = 62.0
"""Distance of the eyeball centres of the reference face (Dodgson 2004: mean pupillary distance 63 mm)."""

_END = 5.0
"""A pull ends at five times its reach."""
_LIP_ROOM_MM, _LIP_BLEND_MM = 9.0, 8.0
"""How far apart the lips count at the slit's middle, and over which height their sides blend beyond its corners."""
_OUTWARD_RISE = 0.3
"""How much of a bulge's direction follows the height: cheeks are rounder across than along the face."""
_MIDLINE_MM = 1.0
_NEAR_EYE = 2.0
"""Eyeball radii from its centre within which skin is kept off the ball."""
_CLEARANCE_MM = 0.35
_STILL = 1e-6
"""Metres: what moves less does not move."""

ANCHORS: dict[str, tuple[int, ...]] = {
    "brow_inner": (22,), "brow_middle": (24,), "brow_outer": (26,),
    "eye_inner": (42,), "eye_outer": (45,), "lid_upper": (43, 44), "lid_lower": (46, 47),
    "nasion": (27,), "nose_bridge": (28,), "nose_tip": (30,), "ala": (35,), "subnasale": (33,),
    "corner": (54,), "upper_lip": (51,), "upper_lip_side": (52, 53), "lower_lip": (57,), "lower_lip_side": (55, 56),
    "seam": (62, 66), "chin": (8,), "jaw_side": (11, 12), "jaw_angle": (13,),
}  # fmt: skip
"""iBUG 68 of the left side; several are averaged."""

_MIRROR = np.array([
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46, 39, 38, 37, 36,
    41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
])  # fmt: skip
"""iBUG 68: the same point of the other side."""


def smoothstep(
    values: np.ndarray,  # any shape
    low: float,
    high: float,
) -> np.ndarray:
    """Rise from 0 at `low` to 1 at `high` with flat ends."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


@dataclass(frozen=True)
class Pull:
    """One smooth displacement: Gaussian around a landmark (or the middle of several)."""

    at: str | Sequence[str]  # ANCHORS
    by: Millimetres = (0.0, 0.0, 0.0)
    reach: float | Millimetres = 10.0  # standard deviation, millimetres
    shift: Millimetres = (0.0, 0.0, 0.0)  # of the centre from the landmark
    lip: Literal["both", "upper", "lower"] = "both"
    out: float = 0.0  # millimetres away from the head's axis (Face.outward), on top of `by`


@dataclass(frozen=True)
class Face:
    """A neutral head with what every field asks of it, computed once."""

    surface: HeadSurface

    @property
    def points(self) -> np.ndarray:  # (V, 3)
        """Neutral vertices, metres."""
        return self.surface.vertices

    @cached_property
    def mm(self) -> float:
        """Metres of one reference millimetre on this head."""
        left, right = self.surface.eye_centres
        return float(np.linalg.norm(left - right)) / INTEROCULAR_MM

    @cached_property
    def soft(self) -> np.ndarray:  # (V,) bool
        """What muscles move: skin and the lining of the mouth. Eyes, teeth, gums, tongue and ears stay."""
        return np.isin(self.surface.part, (Part.SKIN, Part.SOCKET))

    @cached_property
    def skin(self) -> np.ndarray:  # (V,) bool
        """Skin without ears."""
        return self.surface.part == Part.SKIN

    @cached_property
    def outward(self) -> np.ndarray:  # (V, 3) unit vectors
        """Away from an axis through the head: the skin's normal without its folds, the same on lips that touch."""
        seam = self.anchor("seam")
        middle = np.array([0.0, seam[1], (self.surface.jaw_hinge[2] + seam[2]) / 2])
        return unit((self.points - middle) * (1.0, _OUTWARD_RISE, 1.0))

    @cached_property
    def upper_lip(self) -> np.ndarray:  # (V,) in [0, 1]
        """1 on the side of the upper lip, 0 on the lower: sharp along the slit, soft beyond its corners."""
        inner = self.surface.landmarks[60:68]
        corner = np.abs(inner[[0, 4], 0]).mean()
        across = np.abs(self.points[:, 0]) / corner
        height = self.points[:, 1] - slit_height(self.surface, self.points[:, 0])
        room = _LIP_ROOM_MM * self.mm * np.sqrt(np.clip(1 - across**2, 0, None))
        reach = (_LIP_BLEND_MM + 0.6 * _LIP_BLEND_MM * np.clip(across - 1, 0, 2)) * self.mm
        # Inside the mouth the lips roll past each other: there the side counts and the height does not.
        sided = np.sign(self.surface.mouth_side) * np.maximum(room, 0)
        agreeing = np.where(np.sign(height) == np.sign(self.surface.mouth_side), height, 0)
        apart = sided + np.where(across < 1, agreeing, height)
        return smoothstep(apart / reach, -1, 1)

    def anchor(
        self,
        at: str | Sequence[str],  # ANCHORS
        side: int = 1,
    ) -> np.ndarray:  # (3,) metres
        """A landmark of the left (+1) or right (−1) side, or the middle of several."""
        names = (at,) if isinstance(at, str) else at
        ids = [np.array(ANCHORS[name]) for name in names]
        ids = [one if side > 0 else _MIRROR[one] for one in ids]
        return np.mean([self.surface.landmarks[one].mean(0) for one in ids], axis=0)

    def half(
        self,
        side: int,  # +1 left, −1 right
        blend: float,  # millimetres on either side of the midline
    ) -> np.ndarray:  # (V,) in [0, 1]
        """Share of one side of the face; both sides sum to 1 everywhere."""
        return smoothstep(side * self.points[:, 0] / self.mm, -blend, blend)

    def near(
        self,
        centre: np.ndarray,  # (3,) metres
        reach: float | Millimetres,
    ) -> np.ndarray:  # (V,) in [0, 1]
        """1 at the centre, a Gaussian of standard deviation `reach` close by, 0 from five reaches on.

        Farther out it falls like an exponential: skin is elastic, what is dragged drags its surroundings.
        """
        scaled = (self.points - centre) / (np.broadcast_to(reach, 3) * self.mm)
        return np.clip((_fall((scaled**2).sum(1)) - _fall(_END**2)) / (1 - _fall(_END**2)), 0, None)

    def pulled(
        self,
        pulls: Iterable[Pull],
        side: int = 1,
    ) -> np.ndarray:  # (V, 3) metres
        """Sum of pulls on one side; what muscles do not move stays."""
        mirror = np.array([side, 1, 1])
        total = np.zeros_like(self.points)
        for pull in pulls:
            centre = self.anchor(pull.at, side) + mirror * pull.shift * self.mm
            weight = self.near(centre, pull.reach) * self._lip_weight(pull.lip)
            total += weight[:, None] * (mirror * np.array(pull.by) + pull.out * self.outward) * self.mm
        total[~self.soft] = 0
        return total

    def symmetric(self, pulls: Iterable[Pull]) -> np.ndarray:  # (V, 3) metres
        """Sum of pulls on both sides; those on the midline count once."""
        pulls = list(pulls)
        middle = [pull for pull in pulls if abs(self.anchor(pull.at)[0] / self.mm + pull.shift[0]) < _MIDLINE_MM]
        beside = [pull for pull in pulls if pull not in middle]
        return self.pulled(middle) + self.pulled(beside, 1) + self.pulled(beside, -1)

    def _lip_weight(self, lip: str) -> np.ndarray | float:
        if lip == "both":
            return 1.0
        return self.upper_lip if lip == "upper" else 1 - self.upper_lip

    def smoothed(
        self,
        values: np.ndarray,  # (V, C)
        times: int,
        where: np.ndarray | None = None,  # (V,) bool: what may change
    ) -> np.ndarray:  # (V, C)
        """Average with the neighbours along edges, `times` times."""
        start, end = unique_edges(self.surface.faces).T
        count = np.maximum(np.bincount(np.concatenate((start, end)), minlength=len(values)), 1)[:, None]
        for _ in range(times):
            total = np.zeros_like(values)
            np.add.at(total, start, values[end])
            np.add.at(total, end, values[start])
            mixed = 0.5 * values + 0.5 * total / count
            values = mixed if where is None else np.where(where[:, None], mixed, values)
        return values


def _fall(square: np.ndarray | float) -> np.ndarray:  # square of distance over reach
    return np.exp(2 * (1 - np.sqrt(1 + 0.5 * np.asarray(square))))


def slit_height(
    surface: HeadSurface,
    x: np.ndarray,  # (N,) metres
) -> np.ndarray:  # (N,) metres
    """Height of the mouth slit at x: between the inner lips, level beyond the corners."""
    marks = surface.landmarks
    line = np.stack((marks[60], (marks[61] + marks[67]) / 2, (marks[62] + marks[66]) / 2, (marks[63] + marks[65]) / 2,
                     marks[64]))  # fmt: skip
    return np.interp(x, line[:, 0], line[:, 1])


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale rows to length 1; zero rows stay zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def ball_radius(
    surface: HeadSurface,
    side: int,
    directions: np.ndarray,  # (N, 3) unit vectors from the eye's centre
) -> np.ndarray:  # (N,) metres
    """How far the eyeball (with its cornea) reaches in each direction."""
    part = Part.LEFT_EYE if side > 0 else Part.RIGHT_EYE
    ball = surface.vertices[surface.part == part] - surface.eye_centres[0 if side > 0 else 1]
    if len(ball) == 0:
        return np.full(len(directions), surface.eye_radius)
    distance, near = cKDTree(unit(ball)).query(directions, k=3)
    weight = 1 / np.maximum(distance, 1e-6)
    radius = np.linalg.norm(ball, axis=1)[near]
    return (weight * radius).sum(1) / weight.sum(1)


def kept_clear(
    face: Face,
    side: int,
    displacement: np.ndarray,  # (V, 3) metres
) -> np.ndarray:  # (V, 3)
    """Push skin that comes too near the eyeball out again: to a third of a millimetre, or what it had if less."""
    surface = face.surface
    offset = face.points - surface.eye_centres[0 if side > 0 else 1]
    moved = (np.linalg.norm(displacement, axis=1) > _STILL) & face.skin & (offset[:, 2] > 0)
    moved &= np.linalg.norm(offset, axis=1) < _NEAR_EYE * surface.eye_radius
    ids = np.flatnonzero(moved)
    if len(ids) == 0:
        return displacement
    before, after = offset[ids], offset[ids] + displacement[ids]
    clearance = np.linalg.norm(before, axis=1) - ball_radius(surface, side, unit(before))
    wanted = ball_radius(surface, side, unit(after)) + np.clip(clearance, 0, _CLEARANCE_MM * face.mm)
    distance = np.linalg.norm(after, axis=1)
    radial = np.where(clearance > 0, np.maximum(distance, wanted), distance)
    result = displacement.copy()
    result[ids] = unit(after) * radial[:, None] - before
    return result
