"""Curves over a clip's time, drawn with OpenCV: no stage's picture is worth the second that matplotlib's import takes.

The report draws its charts with care; these are the sheets that tell at a glance if a stage worked.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from emotag.files import atomic

Colour = tuple[int, int, int]

COLOURS: tuple[Colour, ...] = (
    (31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189), (140, 86, 75), (227, 119, 194),
)  # fmt: skip
"""Colours (RGB) of the curves of a panel, in order."""

WIDTH = 1200
"""Width of a sheet, pixels."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 8, 20  # margins of a panel, pixels
_PAPER, _GRID, _INK = (255, 255, 255), (225, 225, 225), (40, 40, 40)
_FONT, _SIZE = cv2.FONT_HERSHEY_SIMPLEX, 0.4
_LEGEND_ROW = 15  # pixels
_FRACTION_BITS = 4  # OpenCV draws at 1/16 pixel
_QUALITY = 88  # of a JPEG


class Panel:
    """One plot of a sheet: time in seconds to the right, a quantity upwards."""

    def __init__(
        self,
        seconds: float,
        span: tuple[float, float],  # least and largest value
        label: str,
        height: int = 170,  # pixels
        ticks: Sequence[float] | None = None,  # None: five of them
    ) -> None:
        self.picture = np.full((height, WIDTH, 3), _PAPER, np.uint8)
        self._seconds, self._span = max(seconds, 1e-6), span
        self._box = (_LEFT, _TOP, WIDTH - _RIGHT, height - _BOTTOM)  # left, top, right, bottom
        self._names: list[tuple[str, Colour]] = []
        for second in range(int(seconds) + 1):
            x = round(float(self._x(np.array(float(second)))))
            cv2.line(self.picture, (x, self._box[1]), (x, self._box[3]), _GRID, 1)
            self._write(str(second), (x - 4, height - 6))
        for value in np.linspace(*span, 5) if ticks is None else ticks:
            y = round(float(self._y(np.array(value))))
            cv2.line(self.picture, (self._box[0], y), (self._box[2], y), _GRID, 1)
            self._write(f"{value:.3g}", (30, y + 4))
        turned = np.full((18, height, 3), _PAPER, np.uint8)
        length = cv2.getTextSize(label, _FONT, _SIZE, 1)[0][0]
        cv2.putText(turned, label, (max(0, (height - length) // 2), 13), _FONT, _SIZE, _INK, 1, cv2.LINE_AA)
        self.picture[:, 2:20] = cv2.rotate(turned, cv2.ROTATE_90_COUNTERCLOCKWISE)

    def line(
        self,
        times: np.ndarray,  # (T,) seconds
        values: np.ndarray,  # (T,) NaN leaves a gap
        colour: Colour,
        name: str | None = None,  # for the legend
    ) -> None:
        """Draw a curve."""
        points = self._points(times, np.nan_to_num(np.asarray(values, np.float64)))
        for run in _runs(np.isfinite(values)):
            if run.stop - run.start == 1:
                cv2.circle(self.picture, points[run.start].tolist(), 16, colour, -1, cv2.LINE_AA, _FRACTION_BITS)
            cv2.polylines(self.picture, [points[run][:, None]], False, colour, 1, cv2.LINE_AA, _FRACTION_BITS)
        if name is not None:
            self._names.append((name, colour))

    def band(
        self,
        times: np.ndarray,  # (T,) seconds
        low: np.ndarray,  # (T,)
        high: np.ndarray,  # (T,)
        colour: Colour,
        name: str | None = None,
    ) -> None:
        """Fill between two curves."""
        outline = np.concatenate((self._points(times, low), self._points(times, high)[::-1]))
        cv2.fillPoly(self.picture, [outline[:, None]], colour, cv2.LINE_AA, _FRACTION_BITS)
        if name is not None:
            self._names.append((name, colour))

    def image(
        self,
        cells: np.ndarray,  # (rows from the bottom, T, 3) uint8
    ) -> None:
        """Fill the panel with coloured cells, one column a frame."""
        left, top, right, bottom = self._box
        size = (right - left, bottom - top)
        self.picture[top:bottom, left:right] = cv2.resize(cells[::-1], size, interpolation=cv2.INTER_NEAREST)

    def text(self, second: float, value: float, text: str, colour: Colour = _INK) -> None:
        """Write a few letters, centred at a place of the plot."""
        width = cv2.getTextSize(text, _FONT, _SIZE, 1)[0][0]
        x, y = float(self._x(np.array(second))), float(self._y(np.array(value)))
        self._write(text, (round(x - width / 2), round(y)), colour)

    def legend(self) -> np.ndarray:  # (H, WIDTH, 3) uint8
        """Give the panel with the names of its curves in a strip above."""
        strip = np.full((_LEGEND_ROW, WIDTH, 3), _PAPER, np.uint8)
        x = _LEFT
        for name, colour in self._names:
            cv2.rectangle(strip, (x, 5), (x + 12, 11), colour, -1)
            cv2.putText(strip, name, (x + 17, 12), _FONT, _SIZE, _INK, 1, cv2.LINE_AA)
            x += 30 + cv2.getTextSize(name, _FONT, _SIZE, 1)[0][0]
        return np.concatenate((strip, self.picture)) if self._names else self.picture

    def _x(self, times: np.ndarray) -> np.ndarray:
        return self._box[0] + times / self._seconds * (self._box[2] - self._box[0])

    def _y(self, values: np.ndarray) -> np.ndarray:
        low, high = self._span
        share = np.clip((values - low) / max(high - low, 1e-9), 0, 1)
        return self._box[3] - share * (self._box[3] - self._box[1])

    def _points(self, times: np.ndarray, values: np.ndarray) -> np.ndarray:  # (T, 2) int32, 1/16 pixel
        places = np.stack((self._x(np.asarray(times)), self._y(np.asarray(values))), axis=1)
        return np.round(places * 2**_FRACTION_BITS).astype(np.int32)

    def _write(self, text: str, place: tuple[int, int], colour: Colour = _INK) -> None:
        cv2.putText(self.picture, text, place, _FONT, _SIZE, colour, 1, cv2.LINE_AA)


def heat(
    values: np.ndarray,  # (rows, T)
    low: float,
    high: float,
) -> np.ndarray:  # (rows, T, 3) uint8 RGB
    """Colour a table of values for `Panel.image`."""
    grey = np.clip((values - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(grey, cv2.COLORMAP_MAGMA)[..., ::-1])


def plot_sheet(
    path: Path | str,  # .jpg or .png
    title: str,
    panels: Sequence[Panel],
    images: Sequence[np.ndarray] = (),  # each (H, W, 3) uint8 RGB of one size: a strip above the panels
) -> None:
    """Write panels below each other, atomically."""
    head = np.full((24, WIDTH, 3), _PAPER, np.uint8)
    cv2.putText(head, title, (_LEFT, 17), _FONT, 0.5, _INK, 1, cv2.LINE_AA)
    parts: list[np.ndarray] = [head]
    if images:
        strip = np.concatenate(list(images), axis=1)
        height = round(strip.shape[0] * WIDTH / strip.shape[1])
        parts.append(cv2.resize(strip, (WIDTH, height), interpolation=cv2.INTER_AREA))
    parts += [panel.legend() for panel in panels]
    with atomic(path) as partial:
        done, encoded = cv2.imencode(
            partial.suffix, np.concatenate(parts)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        )
        if not done:
            raise ValueError(f"{path}: OpenCV writes no such image")
        partial.write_bytes(encoded.tobytes())


def _runs(kept: np.ndarray) -> list[slice]:
    """Give the stretches of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], np.asarray(kept, np.int8), [0]))))
    return [slice(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]
