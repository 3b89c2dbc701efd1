"""What differs between the paper's measurement and this run's, so that nobody compares the numbers blindly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emotag.metrics.catalogue import BY_KEY
from emotag.report.data import Engine, TestResult
from emotag.report.paper import HARDWARE

PAPER_SIDE = 512
"""Side of the paper's frames, pixels."""

SYNTHETIC = "synthetic"
"""Consent of people who do not exist."""

_ENGINES = (
    ("Head tracking", "track", "VHAP with FLAME"),
    ("Speech features", "audio", "wav2vec 2.0"),
    ("Action units", "action_units", "OpenFace"),
    ("Emotion", "emotion", "DeepFace"),
    ("Identity", "identity", "AdaFace"),
    ("Depth and normals", "geometry", "Sapiens"),
)
_PAPER_UNITS = "openface"
_PIXELS = frozenset({"psnr", "ssim", "lpips"})
_UNITS = frozenset({"aue_lower", "aue_upper"})
_ALIGNED = "aligned with the avatar's own picture"


@dataclass(frozen=True)
class Difference:
    """One condition of the measurement, in the paper and here."""

    what: str
    paper: str
    here: str


@dataclass(frozen=True)
class Conditions:
    """Under which conditions this run trained and measured."""

    engines: Sequence[Engine] = ()
    resolutions: Sequence[int] = ()  # side of the scored frames, pixels
    corpus: Sequence[str] = ()  # people the motion network was pretrained on
    pretraining_frames: int | None = None
    adaptation_frames: Sequence[int] = ()
    devices: Sequence[str] = ()
    consents: Sequence[str] = ()  # of the people under test
    clips: int = 0  # under test
    lags_s: Sequence[float] = ()  # by which tests' sound was moved (emotag/sync)
    aligned: bool = False  # whether heads were aligned with the avatar (emotag/synthesis/align.py)


def differences(here: Conditions) -> list[Difference]:
    """List what the paper's conditions were and what they are here."""
    names = {stage: " + ".join(_names(here.engines, stage)) for _, stage, _ in _ENGINES}
    people = _count(len(here.corpus), "person", "people")
    frames = here.pretraining_frames
    adaptation = ", ".join(f"{seen:,} frames" for seen in sorted(set(here.adaptation_frames)))
    sides = ", ".join(f"{side}²" for side in sorted(set(here.resolutions)))
    return [
        Difference("Test clips", "real people: HDTF (neutral) and MEAD (emotional)", _clips(here)),
        Difference("Frame", f"{PAPER_SIDE}²", sides or "unknown"),
        Difference(
            "Pretraining",
            "70 people (HDTF), 250,000 iterations",
            f"{people}, {frames:,} frames" if frames else "none recorded",
        ),
        Difference("Adaptation", "5 s of video, 20,000 iterations", adaptation or "none recorded"),
        *(Difference(what, paper, names[stage] or "not recorded") for what, stage, paper in _ENGINES),
        Difference("Head pose under test", "of the cue frames, as tracked", _ALIGNED if here.aligned else "as tracked"),
        Difference("Sound of a late recording", "as the file has it", _moved(here.lags_s) or "as the file has it"),
        Difference("Hardware", HARDWARE, ", ".join(sorted(set(here.devices))) or "not recorded"),
    ]


def ruler_notes(
    tests: Sequence[TestResult],
    metrics: Sequence[str],  # keys of emotag.metrics.catalogue
) -> list[str]:
    """Say what was measured otherwise than in the paper, in these tests and of these metrics."""
    notes = ["other people and clips"]
    if any(test.summary.get("alignment_rounds") for test in tests):
        notes.append(f"heads {_ALIGNED}")
    if moved := _moved([float(test.summary.get("audio_lag_s", 0.0)) for test in tests]):
        notes.append(f"sound {moved}")
    sides = sorted({int(test.summary["resolution"]) for test in tests if test.summary.get("resolution")})
    if other := [f"{side}²" for side in sides if side != PAPER_SIDE]:
        scored = " and ".join(other)
        if pixels := [BY_KEY[key].label for key in metrics if key in _PIXELS]:
            notes.append(f"{', '.join(pixels)} of frames of {scored}, not {PAPER_SIDE}²")
        if "lmd" in metrics:
            notes.append(f"LMD in pixels of a {PAPER_SIDE}² frame, but read off {scored}")
    units = sorted({engine for test in tests if (engine := _engine(test, "action_units"))} - {_PAPER_UNITS})
    if units and _UNITS & set(metrics):
        notes.append(f"AUE from action units of the engine '{', '.join(units)}', not OpenFace")
    missing = [BY_KEY[key].label for key in metrics if all(_value(test, key) is None for test in tests)]
    return [*notes, *([f"{', '.join(missing)} not measured"] if missing else [])]


def _value(test: TestResult, metric: str) -> float | None:
    return (test.summary.get("metrics") or {}).get(metric)


def _moved(lags_s: Sequence[float]) -> str:
    """Say by how much sound was moved to fit its picture; nothing where none was."""
    most = max(map(abs, lags_s), default=0.0)
    return f"moved by up to {1000 * most:.0f} ms to fit its picture" if most > 0 else ""


def _clips(here: Conditions) -> str:
    clips = _count(here.clips, "clip", "clips")
    if not here.consents:
        return clips
    made_up = sum(consent == SYNTHETIC for consent in here.consents)
    who = _count(len(here.consents), "person", "people")
    kind = "synthetic actors" if made_up == len(here.consents) else f"{made_up} of them synthetic" if made_up else ""
    return f"{clips} of {who}" + (f" ({kind})" if kind else "")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _engine(test: TestResult, task: str) -> str:
    entry = test.engines.get(task)
    return str(entry.get("engine", "")) if isinstance(entry, Mapping) else ""


def _names(engines: Sequence[Engine], stage: str) -> list[str]:
    return list(dict.fromkeys(engine.engine for engine in engines if engine.stage == stage))
