"""Evaluate one test clip: the avatar, and the frozen baseline, against the true video.

The JSON of a test (`reports/metrics/<test>.json`), whose `tests` entries are `Evaluation.summary` and what the stage
knows of the test (`protocol`, `cues`, `emotion`, `level`):

    {"identity": str,
     "tests": [{"clip": str, "frames": int, "resolution": int,
                "metrics": {key of emotag.metrics.catalogue: number or null},
                "frozen":  {the same} or null,          the avatar that never moves its face
                "truth":   {"audio_lag_frames", "audio_correlation", "jitter", "sync_…", "intensity",
                            "emotion_probability", "identity_similarity"},   the true video's own
                "intervals", "frozen_intervals", "truth_intervals": {metric: [low, high]},   95 %, where there are any
                "improvement": {metric: {"absolute", "relative"}},   over frozen, positive = better
                "action_units": {"AU01_r": mean squared error, …},
                "valid_frames": {"landmarks", "action_units", "emotion", "identity": int,   in truth and render
                                 "bilabials", "closures", "open_vowels": int},   closures and open vowels: the truth's
                "failed_frames": {"truth", "avatar", "frozen": int},   without landmarks
                "not_measured": {name: why},   in words; also at the end of the note
                "note": str}],
     "training": {"seconds", "frames_seen", "device"},
     "speed": see emotag.metrics.efficiency}

A metric that cannot be computed (no valid frame, a mouth that never opens, no frames to pair) is null; one whose engine
is not there is absent. `emotag.metrics.catalogue` says what each metric means and which way is better.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from emotag.errors import InputError
from emotag.metrics.action_units import action_unit_error
from emotag.metrics.catalogue import METRICS, PAIRED_LABEL, finite_or_none, improvement
from emotag.metrics.intervals import intervals
from emotag.metrics.phones import bilabial_spans
from emotag.metrics.pictures import COLUMNS, Perceptual, compare_pictures
from emotag.metrics.readings import Readings
from emotag.metrics.series import Clip, Numbers, own_series, paired_series
from emotag.metrics.statistics import SAME_FRAMES, STATISTICS, SUFFIX, Columns, Version, value
from emotag.metrics.sync_score import MIN_TRACK

__all__ = ["Evaluation", "Perceptual", "Readings", "evaluate_clip"]

PROTOCOL_NOTE = (
    "Torso and background are the true frame's own and are scored with the rest, as the peers do; landmarks and "
    "action units are read off truth and render by the same engines."
)

_OWN_METRICS = ("jitter", "intensity", "emotion_probability", "identity_similarity")
"""Metrics that the true video has by itself, of those that follow from frames."""


@dataclass(frozen=True)
class Evaluation:
    """The numbers of one clip."""

    columns: dict[str, np.ndarray]  # per frame (T,) or (T, n), NaN where unknown; for `tables.frame_table`
    summary: dict[str, Any]  # JSON-ready; see the module's docstring


def evaluate_clip(
    clip: str,
    truth_frames: Iterable[np.ndarray],  # T of (H, W, 3) uint8 RGB
    render_frames: Iterable[np.ndarray],  # T of (H, W, 3) uint8 RGB
    head_masks: Iterable[np.ndarray],  # T of (H, W), the true head's matte, any scale >= 0
    truth: Readings,
    render: Readings,
    energy_db: np.ndarray,  # (T,) loudness of the clip's sound, dB
    *,
    frozen_frames: Iterable[np.ndarray] | None = None,  # T of (H, W, 3) uint8 RGB
    frozen: Readings | None = None,
    perceptual: Perceptual | None = None,
    lossless: Sequence[Columns] = (),  # picture columns before encoding: the render's, then the frozen baseline's
    phones: Sequence[str] | None = None,  # T; None: not known
    acted: str | None = None,  # one of EMOTIONS: what the person was asked to show
    unpaired: str = "",  # why renders do not have the pose and upper face of their true frames; "": they have
    not_measured: Mapping[str, str] | None = None,  # metric's label -> why
    note: str = PROTOCOL_NOTE,
) -> Evaluation:
    """Compute every metric of a test clip by the peers' protocol, holding one frame at a time.

    Columns are named as the metrics that they are averaged to, beside `mouth_opening`, each `AUxx_r`, `sync_distance`
    and `sync_distances` (by shift); the baseline's carry the suffix `_frozen`, the true video's `_truth`.
    `emotag.metrics.statistics` leads from columns to metrics. Where `unpaired` says why, metrics that pair frames are
    null and pictures are not looked at. Raises InputError when the clip's parts disagree in length or size.
    """
    if (frozen_frames is None) != (frozen is None):
        raise ValueError("the frozen baseline needs both its frames and its readings")
    versions: dict[Version, Readings] = {"avatar": render}
    videos = [render_frames]
    if frozen is not None and frozen_frames is not None:
        versions["frozen"] = frozen
        videos.append(frozen_frames)
    stream = iter(truth_frames)
    first = next(stream, None)
    if first is None:
        raise InputError(f"clip '{clip}': holds no frames; run stages 'crop' and 'evaluate' again")
    pictures: list[dict[str, np.ndarray]] = [
        {name: np.full(len(energy_db), np.nan) for name in COLUMNS} for _ in versions
    ]
    if not unpaired:
        pictures = compare_pictures(clip, chain((first,), stream), head_masks, videos, perceptual)
    _check_lengths(clip, len(pictures[0]["psnr"]), {"truth": truth, **_named(versions)}, energy_db, phones)

    against = Clip(truth, energy_db, max(first.shape[:2]), phones, acted)
    columns, numbers = _columns(against, versions, [seen | dict(raw) for seen, raw in _beside(pictures, lossless)])
    columns[SAME_FRAMES] = np.full(len(against), not unpaired)
    told = dict(not_measured or {})
    if unpaired:
        told[PAIRED_LABEL] = unpaired
    summary = {"clip": clip, "frames": len(against), "resolution": against.side}
    summary |= _measured(columns, numbers) | {
        "action_units": _per_unit(truth, render),
        "valid_frames": _valid_frames(against, render, columns),
        "failed_frames": {name: int((~one.points_valid).sum()) for name, one in {"truth": truth, **versions}.items()},
        "not_measured": told,
        "note": " ".join([note, *_remarks(render, len(against), told)]),
    }
    return Evaluation(columns, summary)


def _named(versions: Mapping[Version, Readings]) -> dict[str, Readings]:
    return {"render" if name == "avatar" else name: one for name, one in versions.items()}


def _beside(
    pictures: Sequence[dict[str, np.ndarray]], lossless: Sequence[Columns]
) -> Iterator[tuple[dict[str, np.ndarray], Columns]]:
    for index, seen in enumerate(pictures):
        yield seen, lossless[index] if index < len(lossless) else {}


def _columns(
    clip: Clip,
    versions: Mapping[Version, Readings],
    pictures: Sequence[Mapping[str, np.ndarray]],
) -> tuple[dict[str, np.ndarray], dict[Version, Numbers]]:
    """Gather the columns of all versions, and the numbers that do not follow from columns."""
    columns: dict[str, np.ndarray] = {}
    numbers: dict[Version, Numbers] = {}
    for (version, readings), seen in zip(versions.items(), pictures):
        own, numbers[version] = own_series(readings, clip)
        made = {**seen, **paired_series(readings, clip), **own}
        columns |= {name + SUFFIX[version]: values for name, values in made.items()}
    own, numbers["truth"] = own_series(clip.truth, clip)
    columns |= {name + SUFFIX["truth"]: values for name, values in own.items()}
    return columns, numbers


def _measured(columns: Columns, numbers: Mapping[Version, Numbers]) -> dict[str, Any]:
    """Give the metrics of every version, their intervals, and what the avatar gains over the frozen face."""
    metrics = {version: _metrics(columns, version, others) for version, others in numbers.items()}
    bounds = {version: _bounds(columns, version, found) for version, found in metrics.items()}
    frozen = metrics.get("frozen")
    return {
        "metrics": metrics["avatar"],
        "frozen": frozen,
        "truth": metrics["truth"],
        "intervals": bounds["avatar"],
        "frozen_intervals": bounds.get("frozen", {}),
        "truth_intervals": bounds["truth"],
        "improvement": improvement(metrics["avatar"], frozen) if frozen else {},
    }


def _metrics(columns: Columns, version: Version, others: Numbers) -> Numbers:
    """Give a version's metrics in the catalogue's order: those that its columns lead to, and others."""
    found = {key: one for key in STATISTICS if (one := value(key, columns, version)) is not None}
    if version == "truth":
        found = {key: found[key] for key in _OWN_METRICS if key in found}
    known = {key: finite_or_none(one) for key, one in found.items()} | others
    always = version != "truth"
    return {one.key: known.get(one.key) for one in METRICS if one.key in known or (always and not one.optional)}


def _bounds(columns: Columns, version: Version, metrics: Numbers) -> dict[str, list[float]]:
    """Give the 95 % intervals of the metrics that have a number and enough frames."""
    found = {key: one for key, one in intervals(columns, version).items() if metrics.get(key) is not None}
    return {key: [one.low, one.high] for key, one in found.items() if np.isfinite([one.low, one.high]).all()}


def _per_unit(truth: Readings, render: Readings) -> Numbers:
    units = action_unit_error(truth.action_units, render.action_units, truth.units_valid & render.units_valid)
    return {unit: finite_or_none(error) for unit, error in units.per_unit.items()}


def _valid_frames(clip: Clip, render: Readings, columns: Columns) -> dict[str, int]:
    """Count the frames, and the events, that the avatar's metrics were computed from."""
    truth = clip.truth
    counted = {
        "landmarks": int((truth.points_valid & render.points_valid).sum()),
        "action_units": int((truth.units_valid & render.units_valid).sum()),
    }
    for name, column in (
        ("emotion", "emotion_kl"),
        ("identity", "identity_similarity"),
        ("closures", "closure_rate"),
        ("open_vowels", "closure_false_rate"),
    ):
        if column in columns:
            counted[name] = int(np.isfinite(columns[column]).sum())
    if clip.phones is not None:
        counted["bilabials"] = len(bilabial_spans(clip.phones))
    return counted


def _check_lengths(
    clip: str,
    frames: int,
    readings: Mapping[str, Readings],
    energy_db: np.ndarray,
    phones: Sequence[str] | None,
) -> None:
    for name, one in readings.items():
        for part, length in _lengths(one).items():
            if length != frames:
                raise InputError(
                    f"clip '{clip}': {frames} frames, but {name} has {length} rows of {part}; run it again"
                )
    if len(energy_db) != frames:
        raise InputError(
            f"clip '{clip}': {frames} frames, but the audio table has {len(energy_db)} rows; run stage 'audio' again"
        )
    if phones is not None and len(phones) != frames:
        raise ValueError(f"{len(phones)} phones for {frames} frames")


def _lengths(readings: Readings) -> dict[str, int]:
    lengths = {
        "landmarks": len(readings.points68),
        "landmarks' valid": len(readings.points_valid),
        "action units' valid": len(readings.units_valid),
    } | {unit: len(values) for unit, values in readings.action_units.items()}
    if readings.sync is not None:
        lengths["sync distances"] = len(readings.sync.per_frame)
    if readings.emotions is not None:
        lengths["emotions"] = len(readings.emotions)
    return lengths


def _remarks(render: Readings, frames: int, not_measured: Mapping[str, str]) -> Iterator[str]:
    """Say what a reader must know to read the numbers right."""
    if render.sync is not None and frames < MIN_TRACK:
        yield f"SyncNet's own pipeline drops clips under {MIN_TRACK} frames; this one has {frames} and is scored."
    for name, why in not_measured.items():
        yield f"{name} is not measured: {why}."
