"""Anchor centres of a single-shot detector."""

from collections.abc import Sequence

import numpy as np


def anchor_centres(
    input_size: int,  # pixels of the square input
    grids: Sequence[tuple[int, int]],  # (stride in pixels, anchors in each cell), in the order of the outputs
) -> np.ndarray:  # (N, 2) float32 x, y in [0, 1]
    """Give the centre of every anchor, row by row; a cell's anchors share its middle.

    BlazeFace predicts sizes directly, so that an anchor is no more than its centre (arXiv:1907.05047 §3.2).
    """
    centres = []
    for stride, per_cell in grids:
        cells = -(-input_size // stride)
        ticks = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        x, y = np.meshgrid(ticks, ticks)
        centres.append(np.repeat(np.stack((x.ravel(), y.ravel()), axis=1), per_cell, axis=0))
    return np.concatenate(centres)
