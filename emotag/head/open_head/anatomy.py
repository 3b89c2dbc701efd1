"""The frame of the open head: where eyes, joints and the middle of its chart are.

Millimetres in the design frame (x to the person's left, y up, z out of the face). Everything about the skin is drawn by
hand on the half x ≥ 0 in the files drawing_*.py; coordinates are rounded, and proportions lie between or near the male
and female means of young adults of L. G. Farkas, *Anthropometry of the Head and Face*, 2nd ed., Raven Press 1994:
nasion–gnathion 125 / 112, bizygomatic breadth 137 / 130, nasal width 35 / 31, mouth width 54 / 50, intercanthal width
33 / 32, upper and lower vermilion 8.0 / 8.7 and 9.3 / 9.4, head length 197 / 187 and breadth 151 / 144 mm (measured
with pressure on the bone: the skin's surface lies some millimetres further out).
"""

Point = tuple[float, float, float]
Line = tuple[Point, ...]

EYE_CENTRE: Point = (31.0, 7.5, 58.0)
EYE_RADIUS = 13.0
JAW_HINGE: Point = (0.0, -34.0, -4.0)
NECK_JOINT: Point = (0.0, -107.0, -40.0)
NECK_BASE: Point = (0.0, -149.0, -42.0)
HEART: Point = (0.0, -15.0, 30.0)
"""The point from which the whole skin down to the throat is seen: the centre of the spherical chart."""
