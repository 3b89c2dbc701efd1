"""Clothes: where the cloth begins, its paint in the torso's panel, and the collar."""

from dataclasses import dataclass

import cv2
import numpy as np

from emotag.actors.look.anatomy import Anatomy, Material
from emotag.actors.look.atlas import Atlas
from emotag.actors.look.colour import mix, to_linear
from emotag.actors.look.look import Clothes
from emotag.actors.look.noise import fractal, smoothstep, texture_noise
from emotag.actors.look.skin import Paint

_THICKNESS = {"t_shirt": 0.0025, "v_neck": 0.003, "sweater": 0.006, "shirt": 0.003}
_CONE = 0.8  # how much a metre further out counts as a metre down
_KNIT = 0.0042  # metres between the ribs of knitwear


@dataclass(frozen=True)
class Neckline:
    """The border of the cloth, a cone about the neck's base with a dip in front and a rise behind; metres."""

    centre: np.ndarray  # (3,) of the neck at its base
    radii: tuple[float, float]  # of the neck's ellipse, across and along
    drop: float  # how far below the neck's base the border lies at the sides
    dip: float  # how much lower the front is
    rise: float  # how much higher the back is
    sharp: float  # 1 a round neckline, less a V

    def above(self, points: np.ndarray) -> np.ndarray:  # (..., 3) -> (...) metres
        """How far inside the border (positive is bare skin)."""
        relative = points - self.centre
        angle = np.abs(np.arctan2(relative[..., 0], relative[..., 2])) / np.pi
        front = np.clip(1 - angle / 0.62, 0, 1) ** (2 * self.sharp)
        back = smoothstep(angle, 0.5, 1.0)
        reach = np.hypot(relative[..., 0] / self.radii[0], relative[..., 2] / self.radii[1])
        outside = np.maximum(reach - 1, 0) * 0.5 * sum(self.radii)
        return (relative[..., 1] + self.drop + self.dip * front - self.rise * back - _CONE * outside) / (
            1 + 0.5 * _CONE
        )


def neckline(body: Anatomy, clothes: Clothes) -> Neckline:
    """Lay the border on a person by the ring between neck and shoulders."""
    torso = np.zeros(len(body.vertices), bool)
    torso[body.faces[body.material == Material.TORSO]] = True
    skin = np.zeros(len(body.vertices), bool)
    skin[body.faces[body.material == Material.SKIN]] = True
    ring = body.vertices[torso & skin]
    if not len(ring):
        ring = body.vertices[body.vertices[:, 1] < body.neck_base + 0.03]
    s = body.scale
    drop, dip, rise, sharp = {
        "t_shirt": (0.000, 0.022, 0.010, 1.0),
        "v_neck": (0.000, 0.070, 0.010, 0.55),
        "sweater": (-0.010, 0.010, 0.008, 1.0),
        "shirt": (-0.016, 0.016, 0.006, 0.7),
    }[clothes.garment]
    middle = np.array([0.0, np.median(ring[:, 1]), 0.5 * (ring[:, 2].min() + ring[:, 2].max())])
    radii = (float(np.ptp(ring[:, 0]) / 2), float(np.ptp(ring[:, 2]) / 2))
    return Neckline(middle, radii, drop * s, dip * s, rise * s, sharp)


def cloth_offset(body: Anatomy, clothes: Clothes) -> np.ndarray:  # (V,) float32 metres
    """How far the cloth lifts each vertex off the body."""
    line = neckline(body, clothes)
    near = np.linalg.norm(body.vertices - line.centre, axis=1) < 0.6 * body.scale
    outer = np.zeros(len(body.vertices), bool)
    outer[body.faces[body.outer]] = True
    cover = smoothstep(line.above(body.vertices), 0.002 * body.scale, -0.003 * body.scale)
    return (np.where(near & outer, cover, 0) * _THICKNESS[clothes.garment] * body.scale).astype(np.float32)


def paint_clothes(paint: Paint, body: Anatomy, atlas: Atlas, clothes: Clothes, rng: np.random.Generator) -> None:
    """Dress everything below the neckline, in place."""
    where, s = atlas.skin, body.scale
    line = neckline(body, clothes)
    below_chin = where[..., 1] < body.landmarks[8, 1] - 0.014 * s
    above = np.where(below_chin, line.above(where), 1.0)
    cover = smoothstep(above, 0.0006 * s, -0.0006 * s)
    colour, weave, relief = _fabric(where, above, line, clothes, rng, s)
    paint.albedo[:] = mix(paint.albedo, colour * weave[..., None], cover)
    paint.gloss[:] = paint.gloss * (1 - cover) + 0.04 * cover
    paint.relief[:] = paint.relief * (1 - cover) + relief * cover
    # The collar's edge throws a thin shadow on the neck.
    shadow = np.exp(-((np.maximum(above, 0) / (0.0045 * s)) ** 2)) * (1 - cover) * below_chin
    paint.albedo *= (1 - 0.45 * shadow)[..., None]
    paint.albedo *= 1 - 0.3 * (cover * np.exp(-(((above + 0.001 * s) / (0.0012 * s)) ** 2)))[..., None]


def _fabric(
    where: np.ndarray, above: np.ndarray, line: Neckline, clothes: Clothes, rng: np.random.Generator, s: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colour, shade of the weave, and relief (metres) of cloth at rest positions."""
    shape = where.shape[:2]
    below, knitted = -above, clothes.garment == "sweater"
    relative = where - line.centre
    around = np.arctan2(relative[..., 0], relative[..., 2])
    first, second = to_linear(clothes.colour), to_linear(clothes.second)
    colour = np.broadcast_to(first, where.shape)
    if clothes.stripes:
        stripe = smoothstep(np.cos(2 * np.pi * where[..., 1] / (0.030 * s)), -0.15, 0.15)
        colour = mix(colour, np.broadcast_to(second, where.shape), stripe)
    band_width = {"t_shirt": 0.014, "v_neck": 0.016, "sweater": 0.024, "shirt": 0.034}[clothes.garment] * s
    band = smoothstep(below, band_width + 0.0004 * s, band_width - 0.0004 * s)
    if clothes.stripes:
        colour = mix(colour, np.broadcast_to(first, where.shape), band)
    weave = 1 + 0.05 * texture_noise(rng, shape, 2) + 0.03 * fractal(rng, shape, 12, 3)
    # Folds fall from the neck over the shoulders and across the chest.
    turns = 7 * around + 0.8 * np.sin(30 * below) + 0.8 * fractal(rng, shape, 0.25 * shape[0], 2)
    folds = np.sin(turns) * smoothstep(below, 0.02 * s, 0.10 * s)
    folds += 0.7 * fractal(rng, shape, 0.12 * shape[0], 2) * smoothstep(below, 0.015 * s, 0.06 * s)
    relief = 0.0030 * s * clothes.folds * folds * (1 - band)
    ribs = np.cos(2 * np.pi * around * 0.060 / _KNIT)
    if knitted:
        rows = np.cos(2 * np.pi * where[..., 0] / (_KNIT * s)) * (1 - band) + ribs * band
        relief = relief + 0.0005 * s * rows
        weave = weave * (1 + 0.10 * rows)
    else:
        relief = relief + 0.00022 * s * ribs * band * (clothes.garment != "shirt")
        weave = weave * (1 + 0.05 * ribs * band * (clothes.garment != "shirt"))
    relief = relief + 0.0012 * s * band
    seam = np.exp(-(((below - band_width) / (0.0009 * s)) ** 2))
    if clothes.garment == "shirt":
        placket = smoothstep(np.abs(where[..., 0]), 0.0008 * s, 0.0002 * s) * (relative[..., 2] > 0)
        seam = np.maximum(seam, placket)
    relief = cv2.GaussianBlur(relief.astype(np.float32), (0, 0), 0.8)
    return colour, weave * (1 - 0.30 * seam), relief
