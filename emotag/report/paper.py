"""What the paper reports, to stand beside this run's numbers (EmoTaG, Table 1 and §4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emotag.report.data import Engine

TABLE_1: Mapping[str, tuple[str, str]] = {
    "psnr": ("30.02", "29.95"),
    "lpips": ("0.019", "0.022"),
    "ssim": ("0.883", "0.877"),
    "lmd": ("2.221", "2.456"),
    "aue_lower": ("0.685", "0.702"),
    "aue_upper": ("0.210", "0.236"),
    "sync_c": ("6.212", "6.147"),
}
"""EmoTaG's self-reconstruction after five seconds, on neutral and on emotional clips, as printed."""

TRAINING = "11 min on an A6000, 76.4 frames a second"
"""Adaptation time and rendering speed."""

_ENGINES = (
    ("Head tracking", "track", "VHAP with FLAME"),
    ("Speech features", "audio", "wav2vec 2.0"),
    ("Action units", "action_units", "OpenFace"),
    ("Emotion", "emotion", "DeepFace"),
    ("Identity", "identity", "AdaFace"),
    ("Depth and normals", "geometry", "Sapiens"),
)


@dataclass(frozen=True)
class Difference:
    """One condition of the measurement, in the paper and here."""

    what: str
    paper: str
    here: str


def differences(
    engines: Sequence[Engine],
    *,
    resolutions: Sequence[int],
    corpus: Sequence[str],
    pretraining_frames: int | None,
    adaptation_frames: Sequence[int],
    devices: Sequence[str],
) -> list[Difference]:
    """List what the paper's conditions were and what they are here, so that nobody compares the numbers blindly."""
    names = {stage: " + ".join(_names(engines, stage)) for _, stage, _ in _ENGINES}
    people = f"{len(corpus)} {'person' if len(corpus) == 1 else 'people'}"
    pretraining = f"{people}, {pretraining_frames:,} frames" if pretraining_frames else "none recorded"
    adaptation = ", ".join(f"{frames:,} frames" for frames in sorted(set(adaptation_frames)))
    return [
        Difference("Frame", "512²", ", ".join(f"{side}²" for side in sorted(set(resolutions))) or "unknown"),
        Difference("Pretraining", "70 people (HDTF), 250,000 iterations", pretraining),
        Difference("Adaptation", "5 s of video, 20,000 iterations", adaptation or "none recorded"),
        *(Difference(what, paper, names[stage] or "not recorded") for what, stage, paper in _ENGINES),
        Difference("Hardware", "A6000", ", ".join(sorted(set(devices))) or "not recorded"),
    ]


def _names(engines: Sequence[Engine], stage: str) -> list[str]:
    return list(dict.fromkeys(engine.engine for engine in engines if engine.stage == stage))
