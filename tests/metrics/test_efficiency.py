from collections.abc import Iterator

import pytest
import torch

from emotag.metrics.efficiency import Speed, timed
from emotag.timing import Stopwatch


class Clock(Stopwatch):
    """A stopwatch of a clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(torch.device("cpu"))

    def _now(self) -> float:
        return self.now


def test_only_making_is_measured_and_nothing_is_made_ahead() -> None:
    clock, made = Clock(), []

    def slow() -> Iterator[int]:
        for index in range(3):
            clock.now += 2
            made.append(index)
            yield index

    for index in timed(slow(), clock, "making"):
        assert made == list(range(index + 1))
        clock.now += 50
    assert clock.seconds["making"] == 6


def test_nested_parts_are_taken_apart() -> None:
    seconds = {
        "audio": 1.0,
        "grmn": 0.5,
        "rasterizer": 2.0,
        "renders": 5.0,
        "frames": 6.0,
        "scoring": 3.0,
        "writing": 13.0,
    }
    speed = Speed.of(seconds, 50)
    assert (speed.skinning, speed.splatting, speed.composition, speed.encoding) == (3.0, 2.0, 1.0, 4.0)
    told = speed.summary(fps=25)
    assert told["fps"] == pytest.approx(50 / 6.5) and told["fps_in_all"] == pytest.approx(50 / 11.5)
    assert told["audio_s_per_s"] == pytest.approx(0.5)
    assert told["ms_per_frame"] == pytest.approx(
        {"grmn": 10, "skinning": 60, "splatting": 40, "composition": 20, "encoding": 80}
    )
    assert told["motion_seconds"] == 0.5
