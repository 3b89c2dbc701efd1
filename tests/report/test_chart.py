import re

import numpy as np
import pytest

from emotag.report.chart import MOST_POINTS, Line, Marker, line_chart, nice_ticks


def path_of(chart: str) -> list[tuple[str, float, float]]:
    commands = re.search(r'<path class="line avatar" d="([^"]*)"', chart).group(1)
    return [(kind, float(x), float(y)) for kind, x, y in re.findall(r"([ML])([\d.]+) ([\d.]+)", commands)]


def test_chart_puts_points_where_they_belong():
    chart = line_chart(np.array([0.0, 1.0, 2.0]), [Line("a", np.array([0.0, 5.0, 10.0]), "avatar")], label="a")
    (_, x0, y0), (_, x1, y1), (_, x2, y2) = path_of(chart)
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y0 - y1 == pytest.approx(y1 - y2, abs=0.2)
    assert y0 > y2  # upwards is less in SVG
    assert ">10<" in chart


def test_chart_breaks_at_unknown_values_and_shows_a_lone_point():
    values = np.array([1.0, np.nan, 2.0, np.nan, 3.0, 4.0])
    chart = line_chart(np.arange(6.0), [Line("a", values, "avatar")], label="a")
    assert [kind for kind, *_ in path_of(chart)] == ["M", "M", "M", "L"]
    assert chart.count("h0.1") == 2


def test_chart_thins_a_long_series_but_keeps_its_peak():
    values = np.zeros(20_000)
    values[12_345] = 7.0
    points = path_of(line_chart(np.arange(20_000.0), [Line("a", values, "avatar")], label="a"))
    assert len(points) <= MOST_POINTS
    assert min(y for *_, y in points) < 30


def test_logarithmic_chart_leaves_out_what_has_no_logarithm():
    chart = line_chart(
        np.arange(4.0), [Line("a", np.array([0.0, 0.1, 1.0, 10.0]), "avatar")], label="a", logarithmic=True
    )
    (_, _, y0), (_, _, y1), (_, _, y2) = path_of(chart)
    assert y0 - y1 == pytest.approx(y1 - y2, abs=0.2)


def test_dots_stand_alone():
    line = Line("a", np.array([1.0, np.nan, 2.0, 3.0]), "avatar", dots=True)
    chart = line_chart(np.arange(4.0), [line], label="a")
    assert chart.count('<circle class="dot avatar"') == 3
    assert "<path" not in chart


def test_chart_of_nothing_is_empty():
    assert line_chart(np.arange(3.0), [Line("a", np.full(3, np.nan), "avatar")], label="a") == ""
    assert line_chart(np.array([]), [], label="a") == ""


def test_chart_escapes_its_words():
    lines = [Line("a", np.ones(3), "avatar")]
    chart = line_chart(np.arange(3.0), lines, label='<"a">', markers=[Marker(1, "<b>")])
    assert "<b>" not in chart
    assert '<"a">' not in chart


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (27.3, 31.2, [28, 29, 30, 31]),
        (-3, 3, [-2, 0, 2]),
        (2, 2, [2]),
        (26.2, 34.4, [28, 30, 32, 34]),
    ],
)
def test_ticks_are_round_numbers_inside_the_range(low, high, ticks):
    assert nice_ticks(low, high) == pytest.approx(ticks)
