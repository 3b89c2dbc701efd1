"""The part of a head model that a camera sees."""

import numpy as np

from emotag.head.model import HeadModel


def surface_faces(head: HeadModel) -> np.ndarray:  # (F', 3)
    """Give the faces of the head's visible surface: all but those that lie in the mouth's interior altogether.

    Behind open lips nothing is left, so that the mouth's hole is outside the mask: teeth and tongue are not tracked
    well enough to supervise depth there.
    """
    interior = np.zeros(head.n_vertices, dtype=bool)
    interior[head.regions["mouth_interior"].numpy()] = True
    faces = head.faces.numpy()
    return faces[~interior[faces].all(axis=1)]
