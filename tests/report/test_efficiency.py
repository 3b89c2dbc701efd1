import pytest

from emotag.metrics.efficiency import Speed
from emotag.report.data import IdentityResult, TestResult
from emotag.report.efficiency import STEPS, cost_rows, frame_speed


def timed(frames: int, **seconds: float) -> TestResult:
    parts = {
        "audio": 1.0,
        "grmn": 0.5,
        "skinning": 1.0,
        "splatting": 2.0,
        "composition": 0.5,
        "encoding": 4.0,
    } | seconds
    speed = Speed(frames, *(parts[step] for step in STEPS)).summary(25)
    return TestResult("t", {"frames": frames}, speed=speed | {"device": "cuda"})


def test_steps_are_milliseconds_a_frame():
    speed = frame_speed([timed(100)])
    assert speed == pytest.approx(
        {"fps": 25, "audio": 10, "grmn": 5, "skinning": 10, "splatting": 20, "composition": 5, "encoding": 40}
    )


def test_several_tests_are_weighted_by_their_frames():
    speed = frame_speed([timed(100), timed(300, splatting=18.0)])
    assert speed["splatting"] == pytest.approx(50)  # 20 s for 400 frames
    assert speed["fps"] == pytest.approx(400 / 24)


def test_rows_are_the_papers_then_ours():
    one = IdentityResult(
        "ada", None, tests=[timed(100)], training={"seconds": 61, "frames_seen": 20000, "device": "cuda"}
    )
    rows = cost_rows([one, IdentityResult("untrained", None)])
    emotag, ours = rows[-2:]
    assert (emotag.name, emotag.training, emotag.fps) == ("EmoTaG", "11 min", "76.4")
    assert emotag.steps == ["25 *", "6", "–", "7", "–", "–"]
    assert (ours.name, ours.hardware, ours.training, ours.frames_seen) == (
        "ada, this run",
        "cuda",
        "1 min 01 s",
        "20,000",
    )
    assert (ours.fps, ours.steps[STEPS.index("splatting")]) == ("25.0", "20.00")


def test_metrics_from_before_the_split_have_their_frames_a_second():
    old = TestResult("t", {"frames": 100}, speed={"fps": 50.0, "motion_seconds": 0.01})
    row = cost_rows([IdentityResult("ada", None, tests=[old])])[-1]
    assert row.fps == "50.0"
    assert set(row.steps) == {"–"}
