"""Evaluate one test clip: the avatar, and the frozen baseline, against the true video.

The JSON of an identity (`reports/metrics/<identity>.json`), whose `tests` entries are `Evaluation.summary`:

    {"identity": str,
     "tests": [{"clip": str, "frames": int, "resolution": int,
                "metrics": {"psnr", "ssim", "psnr_head", "ssim_head", "lmd", "aue_lower", "aue_upper",
                            "mouth_correlation", "audio_lag_frames", "audio_correlation", "jitter",
                            "lpips", "sync_c", "sync_e", "sync_offset" (these where their networks are)},
                "frozen":  {the same} or null,          the avatar that never moves its face
                "truth":   {"audio_lag_frames", "audio_correlation", "jitter", "sync_…"},   the true video's own
                "improvement": {metric: {"absolute", "relative"}},   over frozen, positive = better
                "action_units": {"AU01_r": mean squared error, …},
                "valid_frames": {"landmarks": int, "action_units": int},
                "not_measured": {name: why},   in words; also at the end of the note
                "note": str}],
     "training": {"seconds", "frames_seen", "device"},
     "speed": {"fps", …}}

A metric that cannot be computed (no valid frame, a mouth that never opens) is null. `training` and `speed` are the
stage's own to fill. `emotag.metrics.catalogue` says what each metric means and which way is better.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Protocol

import numpy as np

from emotag.errors import InputError
from emotag.metrics.action_units import ALL_UNITS, ActionUnitError, action_unit_error
from emotag.metrics.audio_mouth import audio_mouth_lag
from emotag.metrics.catalogue import finite_or_none, improvement
from emotag.metrics.image import mean_similarity, psnr, ssim_map
from emotag.metrics.landmarks import correlation, jitter, lmd, mouth_opening
from emotag.metrics.sync_score import MIN_TRACK, SyncScore

PROTOCOL_NOTE = (
    "Torso and background are the true frame's own and are scored with the rest, as the peers do; landmarks and "
    "action units are read off truth and render by the same engines."
)


@dataclass(frozen=True)
class Readings:
    """What perception read off one version of the clip (truth, render or frozen). T rows, one per frame."""

    points68: np.ndarray  # (T, 68, 2) pixels of the evaluated frame; rows that failed may hold anything
    points_valid: np.ndarray  # (T,) bool
    action_units: Mapping[str, np.ndarray]  # "AU01_r" … -> (T,) intensities 0-5
    units_valid: np.ndarray  # (T,) bool
    sync: SyncScore | None = None  # of this version's lips and the clip's sound; None where it is not measured


class Perceptual(Protocol):
    """Compares pictures as people do (emotag.metrics.lpips)."""

    def distances(
        self,
        truth: np.ndarray,  # (H, W, 3) uint8 RGB
        renders: Sequence[np.ndarray],  # each (H, W, 3) uint8 RGB
    ) -> list[float]:
        """Give the distance of each render from the true frame."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """The numbers of one clip."""

    columns: dict[str, np.ndarray]  # per frame (T,), NaN where unknown; for `tables.frame_table`
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
    not_measured: Mapping[str, str] | None = None,  # metric's label -> why
    note: str = PROTOCOL_NOTE,
) -> Evaluation:
    """Compute every metric of a test clip by the peers' protocol, holding one frame at a time.

    Per-frame columns: psnr, ssim, psnr_head, ssim_head, lmd, jitter, mouth_opening and each `AUxx_r` of the render,
    lpips and sync_distance where they are measured; the baseline's carry the suffix `_frozen`, the true video's
    `mouth_opening_truth`, `jitter_truth`, `AUxx_r_truth` and `sync_distance_truth`. Raises InputError when the clip's
    parts disagree in length or size.
    """
    if (frozen_frames is None) != (frozen is None):
        raise ValueError("the frozen baseline needs both its frames and its readings")
    parts = [render_frames] if frozen_frames is None else [render_frames, frozen_frames]
    images, side = _image_columns(clip, truth_frames, head_masks, parts, perceptual)
    frames = len(images[0]["psnr"])
    for name, readings in (("truth", truth), ("render", render), ("frozen", frozen)):
        if readings is not None:
            _check_rows(clip, name, readings, frames)
    if len(energy_db) != frames:
        raise InputError(
            f"clip '{clip}': {frames} frames, but the audio table has {len(energy_db)} rows; run stage 'audio' again"
        )
    avatar = _compare(truth, render, images[0], energy_db, side)
    baseline = None if frozen is None else _compare(truth, frozen, images[1], energy_db, side)
    true_columns, true_metrics = _own_series(truth, energy_db, side)
    columns = avatar.columns | {f"{name}_truth": values for name, values in true_columns.items()}
    if baseline is not None:
        columns |= {f"{name}_frozen": values for name, values in baseline.columns.items()}
    summary = {
        "clip": clip,
        "frames": frames,
        "resolution": side,
        "metrics": avatar.metrics,
        "frozen": baseline and baseline.metrics,
        "truth": true_metrics,
        "improvement": improvement(avatar.metrics, baseline.metrics) if baseline else {},
        "action_units": {unit: finite_or_none(value) for unit, value in avatar.units.per_unit.items()},
        "valid_frames": avatar.valid_frames,
        "not_measured": dict(not_measured or {}),
        "note": " ".join([note, *_remarks(render, frames, not_measured or {})]),
    }
    return Evaluation(columns, summary)


def _remarks(render: Readings, frames: int, not_measured: Mapping[str, str]) -> Iterator[str]:
    """Say what a reader must know to read the numbers right."""
    if render.sync is not None and frames < MIN_TRACK:
        yield f"SyncNet's own pipeline drops clips under {MIN_TRACK} frames; this one has {frames} and is scored."
    for name, why in not_measured.items():
        yield f"{name} is not measured: {why}."


@dataclass(frozen=True)
class _Version:
    """The series and the summary of the render or of the frozen baseline."""

    columns: dict[str, np.ndarray]
    metrics: dict[str, float | None]
    units: ActionUnitError
    valid_frames: dict[str, int]


def _image_columns(
    clip: str,
    truth_frames: Iterable[np.ndarray],
    head_masks: Iterable[np.ndarray],
    versions: list[Iterable[np.ndarray]],
    perceptual: Perceptual | None,
) -> tuple[list[dict[str, np.ndarray]], int]:
    names = ("psnr", "ssim", "psnr_head", "ssim_head", *(("lpips",) if perceptual else ()))
    rows: list[list[tuple[float, ...]]] = [[] for _ in versions]
    side = 0
    for truth, mask, *others in _in_step(clip, truth_frames, head_masks, *versions):
        side = max(truth.shape[:2])
        for values, image in zip(rows, others):
            if image.shape != truth.shape or mask.shape != truth.shape[:2]:
                raise InputError(
                    f"clip '{clip}', frame {len(values)}: truth is {truth.shape}, render {image.shape}, head mask "
                    f"{mask.shape}; render and matte must have the size of the crop"
                )
        apart = [[distance] for distance in perceptual.distances(truth, others)] if perceptual else [[] for _ in others]
        for values, image, seen in zip(rows, others, apart):
            similarity = ssim_map(truth, image)
            values.append(
                (
                    psnr(truth, image),
                    mean_similarity(similarity),
                    psnr(truth, image, mask),
                    mean_similarity(similarity, mask),
                    *seen,
                )
            )
    if side == 0:
        raise InputError(f"clip '{clip}': holds no frames; run stages 'crop' and 'evaluate' again")
    return [dict(zip(names, np.array(values).T)) for values in rows], side


def _in_step(clip: str, *streams: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, ...]]:
    """Walk the streams together; one that ends early is bad input, not a shorter clip."""
    for index, items in enumerate(zip_longest(*streams)):
        if any(item is None for item in items):
            ended = ("truth", "head masks", "render", "frozen render")[[item is None for item in items].index(True)]
            raise InputError(
                f"clip '{clip}': {ended} ends at frame {index} while other videos go on; run its stage again"
            )
        yield items


def _check_rows(clip: str, name: str, readings: Readings, frames: int) -> None:
    lengths = {
        "landmarks": len(readings.points68),
        "landmarks' valid": len(readings.points_valid),
        "action units' valid": len(readings.units_valid),
    } | {unit: len(values) for unit, values in readings.action_units.items()}
    if readings.sync is not None:
        lengths["sync distances"] = len(readings.sync.per_frame)
    for part, length in lengths.items():
        if length != frames:
            raise InputError(f"clip '{clip}': {frames} frames, but {name} has {length} rows of {part}; run it again")


def _own_series(
    readings: Readings,
    energy_db: np.ndarray,
    side: int,
) -> tuple[dict[str, np.ndarray], dict[str, float | None]]:
    """Give what one version says by itself, per frame and per clip: opening, jitter, units, lag behind the sound."""
    points = np.where(readings.points_valid[:, None, None], readings.points68.astype(np.float64), np.nan)
    opening = mouth_opening(points)
    trembling = jitter(points, side)
    lag = audio_mouth_lag(energy_db, opening)
    columns = {"mouth_opening": opening, "jitter": trembling} | {
        unit: np.where(readings.units_valid, readings.action_units[unit], np.nan)
        for unit in ALL_UNITS
        if unit in readings.action_units
    }
    metrics = {
        "audio_lag_frames": finite_or_none(lag.lag_frames),
        "audio_correlation": finite_or_none(lag.correlation),
        "jitter": _mean(trembling),
    }
    if readings.sync is not None:
        columns["sync_distance"] = readings.sync.per_frame
        metrics |= {
            "sync_c": finite_or_none(readings.sync.confidence),
            "sync_e": finite_or_none(readings.sync.distance),
            "sync_offset": float(readings.sync.offset),
        }
    return columns, metrics


def _compare(
    truth: Readings,
    version: Readings,
    images: dict[str, np.ndarray],
    energy_db: np.ndarray,
    side: int,
) -> _Version:
    columns, own = _own_series(version, energy_db, side)
    seen = truth.points_valid & version.points_valid
    distance = np.where(seen, lmd(truth.points68, version.points68, side), np.nan)
    units_seen = truth.units_valid & version.units_valid
    units = action_unit_error(truth.action_units, version.action_units, units_seen)
    opening_truth = np.where(truth.points_valid, mouth_opening(truth.points68), np.nan)
    metrics = {name: _mean(values) for name, values in images.items()} | {
        "lmd": _mean(distance),
        "aue_lower": finite_or_none(units.lower),
        "aue_upper": finite_or_none(units.upper),
        "mouth_correlation": finite_or_none(correlation(opening_truth, columns["mouth_opening"])),
    }
    valid = {"landmarks": int(seen.sum()), "action_units": int(units_seen.sum())}
    return _Version(images | {"lmd": distance} | columns, metrics | own, units, valid)


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None
