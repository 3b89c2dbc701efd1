"""The 68 iBUG landmarks (300-W) by part, counted from 0. Right and left are the person's own."""

EYES = slice(36, 48)
"""The rims of the right eye's lids, then of the left's."""

MOUTH = slice(48, 68)
"""Outer lips, then inner lips."""

UPPER_INNER_LIP, LOWER_INNER_LIP = (61, 62, 63), (67, 66, 65)
"""Points of the inner lips that face each other."""

UPPER_LID, LOWER_LID = (37, 38, 43, 44), (41, 40, 47, 46)
"""Points of the lids that face each other, right eye first."""
