"""An eyeball: sclera and cornea as one surface of revolution about the gaze axis."""

import numpy as np

from emotag.head.open_head.mesh import Mesh, fan_faces, grid_faces

EYE_RADIUS = 0.0120
"""Metres. The adult globe is 24 mm across (Bekerman, Gottlieb & Vaiman, J. Ophthalmology 2014)."""
CORNEA_RADIUS = 0.0078
"""Metres: radius of curvature of the front of the cornea (Gullstrand's schematic eye: 7.7–7.8 mm)."""
LIMBUS_RADIUS = 0.0059
"""Metres from the gaze axis to where cornea meets sclera; half the white-to-white distance of 11.7 mm (Rüfer 2005)."""
PUPIL_RADIUS = 0.0020
"""Metres: pupil in room light."""


def eyeball(
    centre: np.ndarray | tuple[float, float, float],  # (3,) metres
    radius: float = EYE_RADIUS,
    segments: int = 18,
) -> Mesh:
    """Give a closed eyeball that looks along +z, the first vertex at the front pole, the last at the back pole.

    All sizes scale with `radius`. Rings lie exactly at the pupil's border and at the limbus, so that iris and pupil can
    be painted by the distance from the gaze axis (`iris_coordinate`).
    """
    scale = radius / EYE_RADIUS
    pole = np.array([[0.0, _cornea_height(np.zeros(1))[0]]])
    back = np.array([[0.0, -EYE_RADIUS]])
    front_radii = np.array(_FRONT_RINGS)
    front = np.stack((front_radii, _cornea_height(front_radii)), axis=1)
    angles = np.radians(_SCLERA_RINGS)
    sclera = EYE_RADIUS * np.stack((np.sin(angles), np.cos(angles)), axis=1)
    profile = scale * np.concatenate((front, sclera))  # (R, 2): distance from the axis, height along it

    turn = 2 * np.pi * np.arange(segments) / segments
    rings = np.empty((len(profile), segments, 3))
    rings[..., 0] = profile[:, :1] * np.sin(turn)
    rings[..., 1] = profile[:, :1] * np.cos(turn)
    rings[..., 2] = profile[:, 1:]
    poles = scale * np.array([[0.0, 0.0, pole[0, 1]], [0.0, 0.0, back[0, 1]]])
    vertices = np.concatenate((poles[:1], rings.reshape(-1, 3), poles[1:])) + np.asarray(centre)

    ids = 1 + np.arange(rings.shape[0] * segments).reshape(-1, segments)
    faces = (
        fan_faces(ids[0, ::-1], 0),  # turn runs clockwise seen from the front
        grid_faces(ids, closed=True)[:, ::-1],
        fan_faces(ids[-1], len(vertices) - 1),
    )
    return Mesh(vertices, np.concatenate(faces))


def iris_coordinate(
    vertices: np.ndarray,  # (V, 3) metres
    centre: np.ndarray | tuple[float, float, float],  # (3,)
    radius: float = EYE_RADIUS,
) -> np.ndarray:  # (V,) 0 on the gaze axis, 1 at the limbus, larger on the sclera
    """Give where a vertex of an eyeball at rest lies between the gaze axis and the limbus; the back is > 1 as well."""
    offset = vertices - np.asarray(centre)
    distance = np.hypot(offset[:, 0], offset[:, 1]) / (LIMBUS_RADIUS * radius / EYE_RADIUS)
    return np.where(offset[:, 2] > 0, distance, np.maximum(distance, 2.0))


def _cornea_height(distance: np.ndarray) -> np.ndarray:
    """Height along the gaze axis of the cornea, which meets the sclera's sphere at the limbus."""
    limbus = np.sqrt(EYE_RADIUS**2 - LIMBUS_RADIUS**2)
    middle = limbus - np.sqrt(CORNEA_RADIUS**2 - LIMBUS_RADIUS**2)
    return middle + np.sqrt(CORNEA_RADIUS**2 - distance**2)


_FRONT_RINGS = (PUPIL_RADIUS, 0.0040, LIMBUS_RADIUS)
"""Metres from the axis, to the limbus: its border stays sharp, as the limbal sulcus is."""
_SCLERA_RINGS = (37.0, 48.0, 62.0, 78.0, 97.0, 120.0, 148.0)
"""Degrees from the front pole: denser where the lids uncover it."""
