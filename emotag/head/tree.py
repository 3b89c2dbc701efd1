"""The joints that every head model has."""

JOINTS = ("root", "neck", "jaw", "left_eye", "right_eye")
PARENTS = (-1, 0, 1, 1, 1)
"""FLAME's kinematic tree. `left` is the person's own left."""
