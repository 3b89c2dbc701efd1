"""Five points of a face, and the 112² picture that recognition networks were trained on."""

import cv2
import numpy as np
from numpy.typing import NDArray

from emotag.perception.identity.protocol import Array

SIDE = 112
"""Pixels of the aligned picture."""

TEMPLATE = np.array([(38.29, 51.70), (73.53, 51.50), (56.03, 71.74), (41.55, 92.37), (70.73, 92.20)])
"""Where the five points belong on it, in OpenCV's pixels (the first centre is 0): the eye on the image's left, the
other, the tip of the nose, the mouth's corner on the image's left, the other (ArcFace's and AdaFace's own template)."""

POINTS = ((33, 133, 159, 145), (263, 362, 386, 374), (1, 4), (61,), (291,))
"""Which Face Mesh points, averaged, are the five (the eye on the image's left is the person's right one).

The detectors of those networks mark the eye's middle wherever it looks, so corners and lids are taken and not the iris;
with 1 and 4 the nose lies between the template's sides on the footage's faces (rms of all five 2.1 of 112 pixels)."""


def five_points(
    points: NDArray[np.floating],  # (..., 468, 2 or 3) pixels
) -> Array:  # (..., 5, 2) pixels
    """Give the five points of Face Mesh landmarks."""
    return np.stack([points[..., list(ids), :2].mean(axis=-2) for ids in POINTS], axis=-2).astype(np.float64)


def similarity(
    source: Array,  # (N, 2)
    target: Array,  # (N, 2)
) -> Array:  # (2, 3)
    """Give the least squares similarity of the plane from `source` to `target`: turn, scale, shift, never a mirror.

    In complex numbers it is a line: target ≈ a · source + b (Umeyama, PAMI 1991, in two dimensions). Raises ValueError
    when all source points are one.
    """
    z, w = source @ (1, 1j), target @ (1, 1j)
    centred = z - z.mean()
    spread = float(np.square(np.abs(centred)).sum())
    if spread < 1e-12:
        raise ValueError("the points of a face lie on one spot")
    a = (centred.conj() * (w - w.mean())).sum() / spread
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def align(
    image: NDArray[np.uint8],  # (H, W, 3)
    points: NDArray[np.floating],  # (468, 2 or 3) pixels
) -> NDArray[np.uint8]:  # (112, 112, 3), channels as given
    """Lay a face on TEMPLATE; what lies outside of the image is black, as in training."""
    to_template = similarity(five_points(points) - 0.5, TEMPLATE)  # our first pixel's centre is 0.5
    scale = float(np.hypot(to_template[0, 0], to_template[1, 0]))
    if scale < 0.5:  # bilinear sampling would skip pixels: shrink by areas first
        share = 2 * scale
        image = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA).astype(np.uint8)
        to_template = similarity(five_points(points) * share - 0.5, TEMPLATE)
    return np.asarray(cv2.warpAffine(image, to_template, (SIDE, SIDE), flags=cv2.INTER_LINEAR), np.uint8)
