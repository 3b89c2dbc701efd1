"""What the tracker knows about Face Mesh's 468 points: the pairs that open and close, and the trust in each."""

import torch
from torch import Tensor

INNER_LIP_PAIRS = (
    (13, 14), (82, 87), (312, 317), (81, 178), (311, 402), (80, 88), (310, 318), (191, 95), (415, 324),
)  # fmt: skip
"""Upper and lower inner rim, from the middle of the mouth outwards."""

OUTER_LIP_PAIRS = ((0, 17), (37, 84), (267, 314), (39, 181), (269, 405))
"""The same of the outer rims."""

LIP_PAIRS = INNER_LIP_PAIRS + OUTER_LIP_PAIRS

RIGHT_LID_PAIRS = ((159, 145), (160, 144), (158, 153), (161, 163), (157, 154))
LEFT_LID_PAIRS = ((386, 374), (385, 380), (387, 373), (384, 381), (388, 390))
"""Upper and lower lid of the person's own right and left eye."""

MOUTH_CORNERS = (61, 291)
"""The person's right and left."""

WIDTH_PAIRS = (MOUTH_CORNERS, (78, 308))
"""Mouth corners, outer and inner: spread and pucker."""

PAIRS = LIP_PAIRS + LEFT_LID_PAIRS + RIGHT_LID_PAIRS + WIDTH_PAIRS

INNER_LIP_ROWS = slice(0, len(INNER_LIP_PAIRS))
LEFT_LID_ROWS = slice(len(LIP_PAIRS), len(LIP_PAIRS) + len(LEFT_LID_PAIRS))
RIGHT_LID_ROWS = slice(LEFT_LID_ROWS.stop, LEFT_LID_ROWS.stop + len(RIGHT_LID_PAIRS))
"""Where inner lips and lids stand among PAIRS."""

TIED_PAIRS = LIP_PAIRS + LEFT_LID_PAIRS + RIGHT_LID_PAIRS
"""Pairs whose landmarks share one offset (see `shape`): an offset must not open or close a mouth or an eye."""

CONTOUR_PAIRS = ((12, 4), (11, 3), (13, 5), (10, 2), (14, 6))
"""The same lid pairs among the iris network's eye contour: 0-8 the lower rim from the outer to the inner corner,
9-15 the upper one."""

CONTOUR_CORNERS = (0, 8)

OUTER_EYES = (33, 263)
"""Outer corners of the person's right and left eye: their distance is the unit of errors."""

INNER_LIPS = (13, 14)
MIDDLE_LIDS = ((386, 374), (159, 145))
"""Left, right."""

FOREHEAD_TOP = (10, 338, 297, 332, 284, 251, 21, 54, 103, 67, 109)
"""The oval's upper part: Face Mesh guesses it under hair, so it counts for little."""

_FOREHEAD_WEIGHT = 0.2

GROUPS = {
    "jaw line": slice(0, 17),
    "brows": slice(17, 27),
    "nose": slice(27, 36),
    "eyes": slice(36, 48),
    "mouth": slice(48, 68),
}
"""Parts of the iBUG 68."""


def landmark_trust(n_landmarks: int) -> Tensor:  # (L,) mean 1
    """Relative weight of each landmark."""
    trust = torch.ones(n_landmarks)
    trust[list(FOREHEAD_TOP)] = _FOREHEAD_WEIGHT
    return trust / trust.mean()


def pair_indices(pairs: tuple[tuple[int, int], ...]) -> tuple[Tensor, Tensor]:
    """Give first and second members of pairs as index tensors."""
    first, second = zip(*pairs)
    return torch.tensor(first), torch.tensor(second)
