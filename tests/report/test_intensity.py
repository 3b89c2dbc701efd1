import re

import numpy as np
import pytest

from emotag.metrics.intervals import Interval
from emotag.report.chart import Points, interval_chart
from emotag.report.data import IdentityResult, TestResult
from emotag.report.intensity import intensity_figures, monotone_note


def at_level(level: int, mean: float, protocol: str = "intensity", emotion: str = "happy") -> TestResult:
    noise = np.random.default_rng(level).normal(0, 0.02, 80)
    frames = {"intensity": mean + noise, "intensity_truth": mean + 0.1 + noise}
    return TestResult(f"level-{level}", {"protocol": protocol, "emotion": emotion, "level": level}, frames)


def test_levels_of_one_emotion_make_a_chart_of_truth_and_avatar():
    tests = [at_level(3, 0.7), at_level(1, 0.2), at_level(2, 0.4, "self")]
    (figure,) = intensity_figures([IdentityResult("ada", "synthetic", tests=tests)])
    assert figure.title == "ada, happy"
    assert figure.legend == [("truth", "truth"), ("avatar", "avatar")]
    assert figure.chart.count('<circle class="dot avatar"') == 3
    assert figure.chart.count('class="whisker truth"') == 3
    heights = [float(y) for y in re.findall(r'<circle class="dot avatar" cx="[\d.]+" cy="([\d.]+)"', figure.chart)]
    assert heights == sorted(heights, reverse=True)  # upwards is less in SVG
    assert "Avatar: 0.20 → 0.40 → 0.70, rising (intervals apart)." in figure.note


def test_the_share_of_the_acted_emotion_has_a_chart_of_its_own():
    tests = [at_level(1, 0.2), at_level(3, 0.7)]
    for test, share in zip(tests, (0.1, 0.6)):
        noise = np.random.default_rng(0).normal(0, 0.01, 80)
        test.frames.update({"emotion_probability": share + noise, "emotion_probability_frozen": 0.1 + noise})
    e, share = intensity_figures([IdentityResult("ada", "synthetic", tests=tests)])
    assert "mean e," in e.unit and "acted" in share.unit
    assert share.legend == [("avatar", "avatar"), ("frozen face", "frozen")]
    assert "Avatar: 0.10 → 0.60, rising (intervals apart)." in share.note
    assert "Frozen face: 0.10 → 0.10, not rising" in share.note


def test_other_voices_single_levels_and_missing_frames_make_none():
    tests = [at_level(1, 0.2), at_level(2, 0.4, "voice"), at_level(2, 0.5, emotion="sad")]
    bare = TestResult("x", {"protocol": "intensity", "emotion": "happy", "level": 3})
    assert intensity_figures([IdentityResult("ada", "synthetic", tests=[*tests, bare])]) == []


@pytest.mark.parametrize(
    ("intervals", "words"),
    [
        ([Interval(0.2, 0.1, 0.3, 9), Interval(0.4, 0.25, 0.5, 9)], "rising (intervals overlap)"),
        ([Interval(0.2, 0.1, 0.3, 9), Interval(0.4, np.nan, np.nan, 9)], "rising (no interval of so few frames)"),
        ([Interval(0.4, 0.3, 0.5, 9), Interval(0.4, 0.3, 0.5, 9)], "not rising with every level"),
    ],
)
def test_the_note_says_how_sure_the_rise_is(intervals, words):
    assert words in monotone_note("Avatar", intervals)


def test_interval_chart_puts_whiskers_around_their_means():
    one = np.array([1.0])
    points = Points("a", one, one * 0.5, one * 0.25, one * 1.0, "avatar")
    chart = interval_chart([points], label="<a>", y_range=(0, 1))
    mean = float(re.search(r'cy="([\d.]+)"', chart).group(1))
    top, bottom = map(float, re.search(r'whisker avatar" d="M[\d.]+ ([\d.]+)V([\d.]+)', chart).groups())
    assert bottom - mean == pytest.approx((mean - top) / 2, abs=0.2)
    assert "<a>" not in chart
    assert interval_chart([], label="a") == ""
