"""The names that every table shares: emotions and action units."""

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""DeepFace's order."""

ACTION_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
"""The 17 action units whose intensity OpenFace gives."""

UPPER_ACTION_UNITS = (1, 2, 4, 5, 6, 7, 9, 45)
"""The upper face, the input E of the motion network (the AUE-U set of the peers)."""

LOWER_ACTION_UNITS = (10, 12, 14, 15, 17, 20, 23, 25, 26)
"""The lower face (the AUE-L set of the peers)."""


def au_column(unit: int) -> str:
    """Give OpenFace's column name of an intensity: 1 -> "AU01_r"."""
    return f"AU{unit:02d}_r"
