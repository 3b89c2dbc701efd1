"""What training and rendering cost, beside the paper's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotag.report.data import IdentityResult, TestResult
from emotag.report.paper import COST_MS, EFFICIENCY, EMOTAG, HARDWARE
from emotag.report.tables import MISSING, duration, number
from emotag.tables import FPS

STEPS = ("audio", "grmn", "skinning", "splatting", "composition", "encoding")
"""The steps that a frame's time is split into, in order (emotag.metrics.efficiency)."""

STEP_LABELS = {
    "audio": "audio",
    "grmn": "GRMN",
    "skinning": "skinning",
    "splatting": "splatting",
    "composition": "composition",
    "encoding": "encoding",
}


@dataclass(frozen=True)
class CostRow:
    """One method, or one avatar of this run."""

    name: str
    hardware: str
    training: str  # adaptation to a new person
    frames_seen: str
    fps: str
    steps: Sequence[str]  # milliseconds a frame, in the order of STEPS
    ours: bool = False
    paper_method: bool = False


def cost_rows(identities: Sequence[IdentityResult]) -> list[CostRow]:
    """Give the paper's rows, then one for each avatar that was trained or timed here."""
    rows = [
        CostRow(
            row.method,
            HARDWARE,
            row.training,
            MISSING,
            row.fps,
            [COST_MS.get(step, MISSING) if row.method == EMOTAG else MISSING for step in STEPS],
            paper_method=row.method == EMOTAG,
        )
        for row in EFFICIENCY
    ]
    return rows + [_avatar_row(one) for one in identities if one.training.get("seconds") or _timed(one.tests)]


def frame_speed(tests: Sequence[TestResult]) -> dict[str, float]:
    """Give frames a second over all frames of the tests, and each step's mean milliseconds a frame."""
    timed = _timed(tests)
    frames = sum(_frames(test) for test in timed)
    seconds = sum(_frames(test) / float(test.speed["fps"]) for test in timed)
    if not frames or not seconds:
        return {}
    found = {"fps": frames / seconds}
    for step in STEPS:
        known = [(float(ms), _frames(test)) for test in timed if (ms := _step(test.speed, step)) is not None]
        if known:
            found[step] = sum(ms * count for ms, count in known) / sum(count for _, count in known)
    return found


def _avatar_row(identity: IdentityResult) -> CostRow:
    speed = frame_speed(identity.tests)
    seen = identity.training.get("frames_seen")
    devices = [identity.training.get("device"), *(test.speed.get("device") for test in identity.tests)]
    return CostRow(
        f"{identity.name}, this run",
        ", ".join(dict.fromkeys(str(device) for device in devices if device)) or MISSING,
        duration(identity.training.get("seconds")),
        f"{seen:,}" if seen else MISSING,
        number(speed.get("fps"), 1),
        [number(speed.get(step), 2) for step in STEPS],
        ours=True,
    )


def _timed(tests: Sequence[TestResult]) -> list[TestResult]:
    return [test for test in tests if test.speed.get("fps") and _frames(test)]


def _frames(test: TestResult) -> int:
    return int(test.summary.get("frames") or 0)


def _step(speed: Mapping[str, Any], step: str) -> float | None:
    """Give the milliseconds a frame of one step; audio is kept as seconds of computing for a second of sound."""
    if step == "audio":
        ratio = speed.get("audio_s_per_s")
        return None if ratio is None else 1000 * float(ratio) / FPS
    value = (speed.get("ms_per_frame") or {}).get(step)
    return None if value is None else float(value)
