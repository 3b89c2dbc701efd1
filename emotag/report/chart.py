"""Line charts as inline SVG: a few kilobytes, no script, coloured by the page's style sheet (light and dark)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

WIDTH = 520
"""Width of a chart's own coordinates; the page scales it, text included."""

NARROW = 350
"""Width for charts that stand three in a row."""

MOST_POINTS = 700
"""A longer series is thinned to its extremes, which keeps every peak."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 14, 8, 34
_SIDE_ROOM, _APART = 0.35, 0.08  # of an interval chart's steps: room at the ends, between series


@dataclass(frozen=True)
class Line:
    """One series of a chart."""

    label: str
    values: np.ndarray  # (T,) NaN where unknown
    style: str  # truth, avatar, frozen, first, second, third, fourth: the style sheet's colours
    dots: bool = False  # a dot a value, and nothing between them


@dataclass(frozen=True)
class Points:
    """One series of means, each with its interval."""

    label: str
    x: np.ndarray  # (N,)
    means: np.ndarray  # (N,)
    low: np.ndarray  # (N,) NaN where a mean has no interval
    high: np.ndarray  # (N,)
    style: str  # as a Line's


@dataclass(frozen=True)
class Marker:
    """A vertical line at x with a label."""

    x: float
    label: str


def line_chart(
    x: np.ndarray,  # (T,)
    lines: Sequence[Line],
    *,
    label: str,  # what it shows, for screen readers
    x_label: str = "",
    width: int = WIDTH,
    height: int = 200,
    logarithmic: bool = False,  # the y axis; values <= 0 are left out
    y_range: tuple[float, float] | None = None,
    markers: Sequence[Marker] = (),
) -> Markup:
    """Draw lines over a common x axis. A chart without one finite point is an empty string."""
    series = [_log(line.values) if logarithmic else np.asarray(line.values, np.float64) for line in lines]
    x = np.asarray(x, np.float64)
    finite = [values[np.isfinite(values)] for values in series]
    if not len(x) or not any(len(values) for values in finite):
        return Markup("")
    low, high = y_range or _padded(np.concatenate(finite), logarithmic)
    frame = _Frame(float(np.nanmin(x)), float(np.nanmax(x)), low, high, height, width=width)
    parts = [_axes(frame, x_label, logarithmic)]
    parts += [_marker(frame, marker) for marker in markers]
    parts += [(_dots if line.dots else _path)(frame, x, values, line.style) for line, values in zip(lines, series)]
    kind = "chart narrow" if width <= NARROW else "chart"
    return Markup(
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def interval_chart(
    series: Sequence[Points],
    *,
    label: str,
    x_label: str = "",
    y_range: tuple[float, float] | None = None,
    width: int = NARROW,
    height: int = 210,
) -> Markup:
    """Draw means joined by lines, a whisker each, beside each other at the whole numbers of a short x axis."""
    ends = [np.concatenate([one.means, one.low, one.high]) for one in series]
    known = np.concatenate(ends) if ends else np.zeros(0)
    known = known[np.isfinite(known)]
    if not len(known):
        return Markup("")
    steps = np.unique(np.concatenate([one.x for one in series]))
    low, high = y_range or _padded(known, logarithmic=False)
    frame = _Frame(steps[0] - _SIDE_ROOM, steps[-1] + _SIDE_ROOM, low, high, height, width=width)
    parts = [_axes(frame, x_label, False, steps.tolist())]
    for index, one in enumerate(series):
        x = one.x + _APART * (index - (len(series) - 1) / 2)
        parts += [_path(frame, x, one.means, one.style)]
        parts += [_whisker(frame, *point, one.style) for point in zip(x, one.means, one.low, one.high)]
    return Markup(
        f'<svg class="chart narrow" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def sparkline(
    lines: Sequence[Line],
    *,
    label: str,
    y_range: tuple[float, float],
    width: int = 240,
    height: int = 56,
) -> Markup:
    """Draw small lines without axes over a stated range, for rows of many like charts."""
    longest = max((len(line.values) for line in lines), default=0)
    if longest < 2:
        return Markup("")
    frame = _Frame(0, longest - 1, *y_range, height, left=1, right=1, top=2, bottom=2, width=width)
    x = np.arange(longest, dtype=np.float64)
    base = f'<line class="grid" x1="0" x2="{width}" y1="{height - 1}" y2="{height - 1}"/>'
    paths = "".join(_path(frame, x, np.clip(line.values, *y_range), line.style) for line in lines)
    return Markup(
        f'<svg class="spark" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}" '
        f'preserveAspectRatio="none">{base}{paths}</svg>'
    )


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Give round numbers (1, 2, 5 times a power of ten) that cover low … high from inside."""
    if not math.isfinite(low) or not math.isfinite(high) or high <= low:
        return [low]
    rough = (high - low) / about
    power = 10 ** math.floor(math.log10(rough))
    steps = [factor * power for factor in (0.5, 1, 2, 5, 10)]
    fitting = next(index for index, step in enumerate(steps) if step >= rough)
    ticks = _multiples(low, high, steps[fitting])
    # One number does not tell how far apart two heights are.
    return ticks if len(ticks) > 1 or not fitting else _multiples(low, high, steps[fitting - 1])


def _multiples(low: float, high: float, step: float) -> list[float]:
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


@dataclass(frozen=True)
class _Frame:
    """The plot's rectangle and the data's range."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float
    height: int
    left: int = _LEFT
    right: int = _RIGHT
    top: int = _TOP
    bottom: int = _BOTTOM
    width: int = WIDTH

    def x(self, value: np.ndarray | float) -> np.ndarray | float:
        span = (self.x_high - self.x_low) or 1.0
        return self.left + (value - self.x_low) / span * (self.width - self.left - self.right)

    def y(self, value: np.ndarray | float) -> np.ndarray | float:
        span = (self.y_high - self.y_low) or 1.0
        return self.height - self.bottom - (value - self.y_low) / span * (self.height - self.top - self.bottom)


def _padded(values: np.ndarray, logarithmic: bool) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = (high - low) * 0.06 or max(abs(high) * 0.05, 0.5 if not logarithmic else 0.1)
    # A quantity that is never negative keeps its zero: a curve just above it must not look far from it.
    bottom = low - room if logarithmic or low < 0 or low > 0.4 * high else 0.0
    return bottom, high + room


def _log(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    return np.log10(np.where(values > 0, values, np.nan))


def _axes(frame: _Frame, x_label: str, logarithmic: bool, x_ticks: Sequence[float] | None = None) -> str:
    bottom = frame.height - frame.bottom
    right = frame.width - frame.right
    parts = []
    for value in _log_ticks(frame) if logarithmic else nice_ticks(frame.y_low, frame.y_high, 4):
        y = frame.y(value)
        text = _number(10**value if logarithmic else value)
        parts.append(f'<line class="grid" x1="{frame.left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{frame.left - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    for value in x_ticks or nice_ticks(frame.x_low, frame.x_high, frame.width // 80):
        x = frame.x(value)
        parts.append(f'<line class="notch" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 4}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{_number(value)}</text>')
    parts.append(f'<line class="axis" x1="{frame.left}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
    if x_label:
        parts.append(
            f'<text class="axis-label" x="{right}" y="{frame.height - 3}" text-anchor="end">{escape(x_label)}</text>'
        )
    return "".join(parts)


def _log_ticks(frame: _Frame) -> list[float]:
    decades = range(math.floor(frame.y_low), math.ceil(frame.y_high) + 1)
    marks = [exponent + math.log10(factor) for exponent in decades for factor in (1, 2, 5)]
    inside = [value for value in marks if frame.y_low <= value <= frame.y_high]
    return inside if len(inside) <= 6 else [value for value in inside if abs(value - round(value)) < 1e-9]


def _marker(frame: _Frame, marker: Marker) -> str:
    if not frame.x_low <= marker.x <= frame.x_high:
        return ""
    x = frame.x(marker.x)
    bottom = frame.height - frame.bottom
    return (
        f'<line class="marker" x1="{x:.1f}" x2="{x:.1f}" y1="{frame.top}" y2="{bottom}"/>'
        f'<text class="axis-label" x="{x + 4:.1f}" y="{bottom - 6}">{escape(marker.label)}</text>'
    )


def _whisker(frame: _Frame, x: float, mean: float, low: float, high: float, style: str) -> str:
    if not math.isfinite(mean):
        return ""
    across = frame.x(x)
    dot = f'<circle class="dot {escape(style)}" cx="{across:.1f}" cy="{frame.y(mean):.1f}" r="4"/>'
    if not (math.isfinite(low) and math.isfinite(high)):
        return dot
    top, bottom = frame.y(high), frame.y(low)
    ends = "".join(f"M{across - 5:.1f} {y:.1f}h10" for y in (top, bottom))
    return f'<path class="whisker {escape(style)}" d="M{across:.1f} {top:.1f}V{bottom:.1f}{ends}"/>{dot}'


def _dots(frame: _Frame, x: np.ndarray, y: np.ndarray, style: str) -> str:
    known = np.isfinite(y)
    places = zip(np.atleast_1d(frame.x(x[known])), np.atleast_1d(frame.y(y[known])))
    return "".join(f'<circle class="dot {escape(style)}" cx="{a:.1f}" cy="{b:.1f}" r="3.4"/>' for a, b in places)


def _path(frame: _Frame, x: np.ndarray, y: np.ndarray, style: str) -> str:
    """Draw the finite runs; a single point between gaps becomes a dot."""
    x, y = _thin(x[: len(y)], np.asarray(y, np.float64))
    known = np.isfinite(y) & np.isfinite(x)
    across, down = np.atleast_1d(frame.x(x)), np.atleast_1d(frame.y(y))
    commands: list[str] = []
    for index in np.flatnonzero(known):
        starts = index == 0 or not known[index - 1]
        commands.append(f"{'M' if starts else 'L'}{across[index]:.1f} {down[index]:.1f}")
        if starts and (index + 1 == len(known) or not known[index + 1]):
            commands.append("h0.1")
    return f'<path class="line {escape(style)}" d="{"".join(commands)}"/>' if commands else ""


def _thin(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(y) <= MOST_POINTS:
        return x, y
    picked: set[int] = set()
    for block in np.array_split(np.arange(len(y)), MOST_POINTS // 2):
        values = y[block]
        if np.isfinite(values).any():
            picked |= {int(block[np.nanargmin(values)]), int(block[np.nanargmax(values)])}
        else:
            picked.add(int(block[0]))
    order = np.array(sorted(picked))
    return x[order], y[order]


def _number(value: float) -> str:
    if value != 0 and (abs(value) >= 1e4):
        return f"{value / 1000:g} k" if abs(value) < 1e6 else f"{value / 1e6:g} M"
    return f"{value:.6g}".replace("-", "−")
