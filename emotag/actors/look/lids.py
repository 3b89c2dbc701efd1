"""The lids as the eyeball's shadow needs them: curves between the eye's corners in the picture."""

import numpy as np

from emotag.actors.look.anatomy import LEFT_EYE, RIGHT_EYE

LID_TERMS = 8
"""Corner x, y; unit axis x, y to the other corner; 1 / length; upper lid t (1 − t) (p + q t); lower lid t (1 − t) r."""


def lid_curves(landmarks: np.ndarray) -> np.ndarray:  # (68, 2) samples -> (2, LID_TERMS) float32
    """Fit both eyes' lids, left first. `below` the axis is towards the chin."""
    return np.stack([_curve(landmarks[LEFT_EYE]), _curve(landmarks[RIGHT_EYE])]).astype(np.float32)


def _curve(eye: np.ndarray) -> np.ndarray:  # (6, 2): corner, two of the upper lid, corner, two of the lower
    start, step = eye[0], eye[3] - eye[0]
    length = max(float(np.linalg.norm(step)), 1e-3)
    axis = step / length
    across = np.array([-axis[1], axis[0]])
    t, below = (eye - start) @ axis / length, (eye - start) @ across
    weight = t * (1 - t)
    upper = np.linalg.lstsq(np.stack((weight[1:3], weight[1:3] * t[1:3]), axis=1), below[1:3], rcond=None)[0]
    lower = float((weight[4:6] @ below[4:6]) / (weight[4:6] @ weight[4:6] + 1e-9))
    return np.array([*start, *axis, 1 / length, *upper, lower])
