"""Does the avatar show more emotion where the person shows more? Intensity over levels, truth beside render."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from emotag.metrics.intervals import Interval, pooled
from emotag.metrics.statistics import Version
from emotag.report.beside import protocol
from emotag.report.chart import Points, interval_chart
from emotag.report.data import IdentityResult, TestResult
from emotag.report.figures import Figure

MEASURES = {"intensity": "mean e", "emotion_probability": "mean p of the acted emotion"}
"""What the emotion teacher sees per frame: e = 1 − p(neutral) (Eq. 9), which any emotion raises, and the share of
the one that was acted."""

_PROTOCOLS = ("self", "intensity")  # the person's own voice, in its own language


def intensity_figures(identities: Sequence[IdentityResult]) -> list[Figure]:
    """Give a chart of each measure for each person and emotion that was tested at two levels or more."""
    return [figure for metric in MEASURES for figure in _figures(identities, metric)]


def _figures(identities: Sequence[IdentityResult], metric: str) -> list[Figure]:
    figures = []
    for identity in identities:
        by_emotion: dict[str, dict[int, list[TestResult]]] = {}
        for test in identity.tests:
            emotion, level = test.summary.get("emotion"), test.summary.get("level")
            if emotion and level is not None and protocol(test) in _PROTOCOLS and metric in (test.frames or {}):
                by_emotion.setdefault(str(emotion), {}).setdefault(int(level), []).append(test)
        figures += [
            _figure(f"{identity.name}, {emotion}", levels, metric)
            for emotion, levels in by_emotion.items()
            if len(levels) > 1
        ]
    return figures


def monotone_note(who: str, intervals: Sequence[Interval]) -> str:
    """Say whether the means rise from level to level, and whether neighbouring intervals are apart."""
    means = " → ".join(f"{one.mean:.2f}" for one in intervals)
    pairs = list(pairwise(intervals))
    if not all(low.mean < high.mean for low, high in pairs):
        return f"{who}: {means}, not rising with every level."
    apart = all(low.high < high.low for low, high in pairs)
    known = all(np.isfinite([one.low, one.high]).all() for one in intervals)
    how = "no interval of so few frames" if not known else "intervals apart" if apart else "intervals overlap"
    return f"{who}: {means}, rising ({how})."


def _figure(title: str, levels: dict[int, list[TestResult]], metric: str) -> Figure:
    steps = sorted(levels)
    versions: dict[str, Version] = {"truth": "truth", "avatar": "avatar", "frozen face": "frozen"}
    series, notes = [], []
    for label, version in versions.items():
        found = [pooled([test.frames or {} for test in levels[step]], metric, version=version) for step in steps]
        if not any(one.frames for one in found):
            continue
        series.append(_points(label, version, steps, found))
        notes.append(monotone_note(label.capitalize(), found))
    chart = interval_chart(series, label=f"{MEASURES[metric]} over levels: {title}", x_label="level", y_range=(0, 1.02))
    legend = [(one.label, one.style) for one in series]
    return Figure(title, f"{MEASURES[metric]}, 95 % interval", chart, legend, " ".join(notes))


def _points(label: str, style: str, steps: Sequence[int], found: Sequence[Interval]) -> Points:
    means, low, high = (np.array([getattr(one, end) for one in found]) for end in ("mean", "low", "high"))
    return Points(label, np.array(steps, np.float64), means, low, high, style)
