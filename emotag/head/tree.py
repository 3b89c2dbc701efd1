"""The joints that every head model has."""

JOINTS = ("root", "neck", "jaw", "left_eye", "right_eye")
PARENTS = (-1, 0, 1, 1, 1)
"""FLAME's kinematic tree. `left` is the person's own left."""

JAW_OPENING_ENTRY = 9 + 7
"""Row of pose_basis: joint jaw (after the neck's nine), entry (2, 1) of R − I, which is sin θ for a turn about x."""
