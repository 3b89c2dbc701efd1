"""Contact sheets: a few frames of a clip with the result drawn on them, to see at a glance if it worked."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from emotag.files import atomic

TILE = 320
"""Width of a picture on a sheet, pixels."""

GREEN, RED, BLUE, YELLOW = (60, 230, 90), (240, 60, 60), (80, 140, 255), (250, 220, 60)
"""Colours (RGB) that read well on faces."""

_CAPTION_HEIGHT = 22
_GAP = 4
_PAPER, _INK = 24, (235, 235, 235)
_QUALITY = 88
_FRACTION_BITS = 4  # OpenCV draws at 1/16 pixel


def spread(frames: int, count: int = 12) -> list[int]:
    """Give up to `count` frame numbers spread evenly over a clip, first and last among them."""
    if frames <= count:
        return list(range(frames))
    return [round(index) for index in np.linspace(0, frames - 1, count)]


def contact_sheet(
    path: Path | str,  # .jpg or .png
    images: Sequence[np.ndarray],  # each (H, W, 3) uint8 RGB
    captions: Sequence[str],
    columns: int = 4,
) -> None:
    """Write the images as a grid, each with its caption below, atomically. All are scaled to the width TILE."""
    if len(images) != len(captions) or not images:
        raise ValueError(f"{len(images)} images with {len(captions)} captions make no sheet")
    tiles = [_tile(image, caption) for image, caption in zip(images, captions)]
    columns = min(columns, len(tiles))
    height = max(tile.shape[0] for tile in tiles)
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * (height + _GAP) + _GAP, columns * (TILE + _GAP) + _GAP, 3), _PAPER, dtype=np.uint8)
    for index, tile in enumerate(tiles):
        top = _GAP + index // columns * (height + _GAP)
        left = _GAP + index % columns * (TILE + _GAP)
        sheet[top : top + tile.shape[0], left : left + TILE] = tile
    with atomic(path) as partial:
        done, encoded = cv2.imencode(partial.suffix, sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if not done:
            raise ValueError(f"{path}: OpenCV writes no such image")
        partial.write_bytes(encoded.tobytes())


def _tile(image: np.ndarray, caption: str) -> np.ndarray:
    height = round(image.shape[0] * TILE / image.shape[1])
    method = cv2.INTER_AREA if image.shape[1] > TILE else cv2.INTER_CUBIC
    picture = cv2.resize(image, (TILE, height), interpolation=method)
    strip = np.full((_CAPTION_HEIGHT, TILE, 3), _PAPER, dtype=np.uint8)
    cv2.putText(strip, caption, (4, _CAPTION_HEIGHT - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
    return np.concatenate((picture, strip))


def draw_points(
    image: np.ndarray,  # (H, W, 3) uint8
    points: np.ndarray,  # (N, 2 or 3) pixels; NaN rows are left out
    color: tuple[int, int, int] = GREEN,
    radius: float | None = None,  # pixels; None fits the image
) -> np.ndarray:
    """Give a copy with a dot at every point."""
    image = image.copy()
    radius = max(0.8, image.shape[1] / 450) if radius is None else radius
    for point in points[np.isfinite(points[:, :2]).all(axis=1)]:
        centre = _fixed(point[:2] - 0.5)  # OpenCV puts pixel centres at whole numbers
        cv2.circle(image, centre, round(radius * 2**_FRACTION_BITS), color, -1, cv2.LINE_AA, _FRACTION_BITS)
    return image


def draw_line(
    image: np.ndarray,  # (H, W, 3) uint8
    points: np.ndarray,  # (N, 2) pixels
    color: tuple[int, int, int] = GREEN,
    *,
    closed: bool = False,
) -> np.ndarray:
    """Give a copy with a polyline through the points."""
    image = image.copy()
    corners = np.round((points[:, :2] - 0.5) * 2**_FRACTION_BITS).astype(np.int32)
    cv2.polylines(image, [corners[:, None]], closed, color, _thickness(image), cv2.LINE_AA, _FRACTION_BITS)
    return image


def draw_box(
    image: np.ndarray,  # (H, W, 3) uint8
    box: np.ndarray,  # (4,) x0, y0, x1, y1 pixels
    color: tuple[int, int, int] = GREEN,
) -> np.ndarray:
    """Give a copy with a rectangle."""
    x0, y0, x1, y1 = box
    return draw_line(image, np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]), color, closed=True)


def draw_mask(
    image: np.ndarray,  # (H, W, 3) uint8
    alpha: np.ndarray,  # (H, W) uint8 or float in [0, 1]
    color: tuple[int, int, int] = GREEN,
    strength: float = 0.45,
) -> np.ndarray:
    """Give a copy tinted where the mask is."""
    share = alpha.astype(np.float32) / (255 if alpha.dtype == np.uint8 else 1)
    share = share[..., None] * strength
    return np.round(image * (1 - share) + np.array(color, dtype=np.float32) * share).astype(np.uint8)


def over_checkerboard(
    image: np.ndarray,  # (H, W, 3) uint8
    alpha: np.ndarray,  # (H, W) uint8
    cell: int = 16,  # pixels
) -> np.ndarray:
    """Give the image laid over a checkerboard, as editors show what is transparent."""
    y, x = np.indices(alpha.shape) // cell
    board = np.where((x + y) % 2 == 0, 200, 120)[..., None]
    share = alpha[..., None].astype(np.float32) / 255
    return np.round(image * share + board * (1 - share)).astype(np.uint8)


def _fixed(point: np.ndarray) -> tuple[int, int]:
    x, y = np.round(point * 2**_FRACTION_BITS).astype(int)
    return int(x), int(y)


def _thickness(image: np.ndarray) -> int:
    return max(1, round(image.shape[1] / 300))
