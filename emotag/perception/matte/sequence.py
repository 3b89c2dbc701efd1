"""The person's alpha over a whole clip: segmented, steadied in time, with the picture's own edges."""

import math
from collections import deque
from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from emotag.perception.matte.guided import guided_filter
from emotag.perception.matte.segmenter import PersonSegmenter
from emotag.perception.matte.settings import MatteSettings

_ISLAND_LEVEL = 0.3  # probability that separates the person from islands of something else
_ISLAND_GROWTH = 9  # pixels of the mask by which the person's region is widened, so that soft edges stay


def person_alphas(
    frames: Iterable[np.ndarray],  # each (H, W, 3) uint8 RGB
    segmenter: PersonSegmenter,
    settings: MatteSettings,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:  # the frame, its (H, W) uint8 alpha
    """Yield every frame with the person's alpha. Holds a few frames at a time."""
    reach = settings.smooth_frames
    weights = np.array([math.comb(2 * reach, k) for k in range(2 * reach + 1)], np.float32)
    window: deque[tuple[np.ndarray, np.ndarray]] = deque()  # (frame, probability), around the frame to be given
    centre = 0  # its place in the window
    for frame in frames:
        window.append((frame, without_islands(segmenter.probability(frame))))
        if len(window) - centre > reach:
            yield window[centre][0], _alpha(window, centre, weights, settings)
            if centre == reach:
                window.popleft()
            else:
                centre += 1
    while centre < len(window):
        yield window[centre][0], _alpha(window, centre, weights, settings)
        if centre == reach:
            window.popleft()
        else:
            centre += 1


def _alpha(
    window: deque[tuple[np.ndarray, np.ndarray]], centre: int, weights: np.ndarray, settings: MatteSettings
) -> np.ndarray:
    offsets = np.arange(len(window)) - centre + len(weights) // 2
    used = [k for k, offset in enumerate(offsets) if 0 <= offset < len(weights)]
    shares = weights[offsets[used]]
    mask = np.tensordot(shares / shares.sum(), np.stack([window[k][1] for k in used]), axes=1)
    guide = window[centre][0].astype(np.float32) / 255
    alpha = guided_filter(guide, mask.astype(np.float32), settings.edge_radius, settings.edge_epsilon)
    alpha = np.clip((alpha - 0.5) * settings.edge_contrast + 0.5, 0, 1)
    return np.round(alpha * 255).astype(np.uint8)


def without_islands(
    probability: np.ndarray,  # (h, w) float32
) -> np.ndarray:  # (h, w) float32
    """Keep the largest connected person; flags and other people at the edge go."""
    solid = (probability > _ISLAND_LEVEL).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid, connectivity=4)
    if count <= 2:
        return probability
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    kernel = np.ones((2 * _ISLAND_GROWTH + 1,) * 2, dtype=np.uint8)
    near = cv2.dilate((labels == largest).astype(np.uint8), kernel)
    other = (solid > 0) & (labels != largest)
    return np.where((near > 0) & ~other, probability, 0).astype(np.float32)
