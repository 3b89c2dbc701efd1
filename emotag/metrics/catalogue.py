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
    optional: bool = False  # absent where what it needs is: a network (emotag.metrics.engines), frames before encoding


METRICS = (
    Metric("psnr", "PSNR", "dB", True, 2, "whole frame, mean over frames of −10·log10(MSE), RGB in 0–1"),
    Metric("ssim", "SSIM", "", True, 4, "whole frame, Gaussian window 11×11, σ 1.5"),
    Metric("psnr_head", "PSNR, head", "dB", True, 2, "the same, weighted by the true head's matte"),
    Metric("ssim_head", "SSIM, head", "", True, 4, "the same, weighted by the true head's matte"),
    Metric("psnr_lossless", "PSNR, lossless", "dB", True, 2, "before the H.264 that the others go through", True),
    Metric("ssim_lossless", "SSIM, lossless", "", True, 4, "before H.264", True),
    Metric("psnr_head_lossless", "PSNR, head, lossless", "dB", True, 2, "before H.264", True),
    Metric("ssim_head_lossless", "SSIM, head, lossless", "", True, 4, "before H.264", True),
    Metric("lpips", "LPIPS", "", False, 4, "whole frame, AlexNet, version 0.1", optional=True),
    Metric("lmd", "LMD", "px", False, 3, "20 mouth landmarks, each mouth mean-centred, pixels of a 512² frame"),
    Metric("aue_lower", "AUE-L", "", False, 3, "squared error of AU 10 12 14 15 17 20 23 25 26, summed"),
    Metric("aue_upper", "AUE-U", "", False, 3, "squared error of AU 01 02 04 05 06 07 09 45, summed"),
    Metric("mouth_correlation", "Mouth opening, r", "", True, 3, "correlation of rendered and true inner-lip opening"),
    Metric("closure_rate", "Closures", "", True, 3, "share of the true closures at p, b, m that the render closes"),
    Metric("closure_false_rate", "False closures", "", False, 3, "share of truly open vowels that the render closes"),
    Metric("closure_excess", "Closure gap", "mouth widths", False, 4, "lip gap above the truth's at true closures"),
    Metric("audio_lag_frames", "Audio lag", "frames", None, 0, "mouth opening behind loudness; 1 frame = 40 ms"),
    Metric("audio_correlation", "Audio, r", "", None, 3, "correlation of loudness and mouth opening at that lag"),
    Metric("sync_c", "Sync-C", "", True, 3, "SyncNet's confidence: median over shifts minus smallest distance", True),
    Metric("sync_e", "Sync-E", "", False, 3, "SyncNet's distance of lips and sound at the best shift", True),
    Metric("sync_offset", "Sync offset", "frames", None, 0, "lips behind the sound, by SyncNet; 1 frame = 40 ms", True),
    Metric("jitter", "Jitter", "px/frame²", None, 3, "mean acceleration of the 68 landmarks, 512² frame"),
    Metric("jitter_ratio", "Jitter over truth's", "", None, 3, "1 moves as restlessly as the true head"),
    Metric("emotion_kl", "Emotion, KL", "nats", False, 3, "KL(truth ‖ render) of the teacher's distributions", True),
    Metric("emotion_top1", "Emotion, top-1", "", True, 3, "share of frames with the same likeliest emotion", True),
    Metric("intensity_correlation", "Intensity, r", "", True, 3, "correlation of e over frames with the truth's", True),
    Metric("intensity", "Intensity", "", None, 3, "mean e = 1 − p(neutral) that the emotion teacher predicts", True),
    Metric("emotion_probability", "Acted emotion", "", None, 3, "mean probability of the emotion that was acted", True),
    Metric("identity_similarity", "Identity", "", True, 4, "cosine of identity with other frames of the truth", True),
)
"""All metrics of a clip, in the order in which tables show them."""

BY_KEY = {metric.key: metric for metric in METRICS}

PAIRED = frozenset(
    {key for key in BY_KEY if key.startswith(("psnr", "ssim"))}
    | {"lpips", "lmd", "aue_upper", "jitter_ratio", "intensity_correlation"}
)
"""What compares a frame with the true one: null when head pose and upper face are not the test clip's own."""

PAIRED_LABEL = "PSNR, SSIM, LPIPS, LMD, AUE-U, jitter over truth's, intensity r"
"""Their names together, where it is said why they are null."""


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
