"""The metrics by name: what each is called, its unit, and which way is better."""

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """How one number of the metrics JSON is to be read."""

    key: str
    label: str
    unit: str
    higher_is_better: bool | None  # None: a number to compare with the truth's own, not to maximise
    decimals: int
    explanation: str
    optional: bool = False  # needs a network of its own (emotag.metrics.engines): absent where that is


METRICS = (
    Metric("psnr", "PSNR", "dB", True, 2, "whole frame, mean over frames of −10·log10(MSE), RGB in 0–1"),
    Metric("ssim", "SSIM", "", True, 4, "whole frame, Gaussian window 11×11, σ 1.5"),
    Metric("psnr_head", "PSNR, head", "dB", True, 2, "the same, weighted by the true head's matte"),
    Metric("ssim_head", "SSIM, head", "", True, 4, "the same, weighted by the true head's matte"),
    Metric("lpips", "LPIPS", "", False, 4, "whole frame, AlexNet, version 0.1", optional=True),
    Metric("lmd", "LMD", "px", False, 3, "20 mouth landmarks, each mouth mean-centred, pixels of a 512² frame"),
    Metric("aue_lower", "AUE-L", "", False, 3, "squared error of AU 10 12 14 15 17 20 23 25 26, summed"),
    Metric("aue_upper", "AUE-U", "", False, 3, "squared error of AU 01 02 04 05 06 07 09 45, summed"),
    Metric("mouth_correlation", "Mouth opening, r", "", True, 3, "correlation of rendered and true inner-lip opening"),
    Metric("audio_lag_frames", "Audio lag", "frames", None, 0, "mouth opening behind loudness; 1 frame = 40 ms"),
    Metric("audio_correlation", "Audio, r", "", None, 3, "correlation of loudness and mouth opening at that lag"),
    Metric("sync_c", "Sync-C", "", True, 3, "SyncNet's confidence: median over shifts minus smallest distance", True),
    Metric("sync_e", "Sync-E", "", False, 3, "SyncNet's distance of lips and sound at the best shift", True),
    Metric("sync_offset", "Sync offset", "frames", None, 0, "lips behind the sound, by SyncNet; 1 frame = 40 ms", True),
    Metric("jitter", "Jitter", "px/frame²", None, 3, "mean acceleration of the 68 landmarks, 512² frame"),
)
"""All metrics of a clip, in the order in which tables show them."""

BY_KEY = {metric.key: metric for metric in METRICS}


def improvement(
    metrics: Mapping[str, float | None],
    baseline: Mapping[str, float | None],
) -> dict[str, dict[str, float | None]]:
    """Compare with a baseline: per metric that has a better direction, how much better, positive = better.

    `absolute` is in the metric's unit, `relative` is divided by the baseline's magnitude (None when that is 0). A
    metric that either side lacks is left out.
    """
    gains: dict[str, dict[str, float | None]] = {}
    for metric in METRICS:
        value, reference = metrics.get(metric.key), baseline.get(metric.key)
        if metric.higher_is_better is None or value is None or reference is None:
            continue
        gain = value - reference if metric.higher_is_better else reference - value
        gains[metric.key] = {"absolute": gain, "relative": gain / abs(reference) if reference else None}
    return gains


def finite_or_none(value: float) -> float | None:
    """Give a number that JSON can hold: NaN and infinities become None."""
    return float(value) if math.isfinite(value) else None
