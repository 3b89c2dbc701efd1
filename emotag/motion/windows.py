"""A whole sequence through windows of the training length, so that a frame does not depend on the file's length."""

import torch
from torch import Tensor

from emotag.motion.grmn import GRMN
from emotag.motion.motion import Motion


def window_starts(length: int, window: int, overlap: int) -> list[int]:
    """First frames of the windows that cover `length` frames, each of `window` frames (or all, if there are fewer).

    They stand on a fixed grid of absolute frames; where the grid's last window would pass the end, one that ends with
    the sequence takes its place. So every frame but those of the last window sees the same windows in a longer file.
    """
    if length <= window:
        return [0]
    starts = list(range(0, length - window + 1, window - overlap))
    if starts[-1] + window < length:
        starts.append(length - window)
    return starts


def fade(window: int, overlap: int, device: torch.device | None = None) -> Tensor:  # (window,)
    """Weights of a window's frames in the cross-fade: rising linearly over the overlap, falling over it at the end."""
    ramp = (torch.arange(window, device=device) + 1) / (overlap + 1)
    return torch.minimum(ramp, ramp.flip(0)).clamp_max(1)


def cross_fade(
    windows: Tensor,  # (K, W, ...)
    starts: list[int],  # K first frames
    length: int,
    weights: Tensor,  # (W,)
) -> Tensor:  # (length, ...)
    """Blend overlapping windows into one sequence; weights are normalised at every frame."""
    flat = windows.reshape(*windows.shape[:2], -1)
    share = weights[:, None].expand(*flat.shape[:2], 1)
    blended = flat.new_zeros(length, flat.shape[2] + 1)  # the last column sums the weights
    for values, start in zip(torch.cat((flat * share, share), dim=-1), starts):
        blended[start : start + len(weights)] += values
    return (blended[:, :-1] / blended[:, -1:]).reshape(length, *windows.shape[2:])


@torch.no_grad()
def predict_sequence(
    grmn: GRMN,
    audio: Tensor,  # (T, Da)
    expression_feature: Tensor,  # (T, De)
    identity: Tensor,  # (Di,)
) -> Motion:  # (T, ...)
    """Give the motion of a whole sequence, without gradients and without dropout.

    All windows run as one batch. The branches' parts, the gate and the latent are cross-faded and then fused, so that
    Eq. 6 holds in the result. A frame more than one window before the end does not change when the file grows.
    """
    settings = grmn.settings
    length = len(audio)
    if length == 0:
        raise ValueError("the sequence has no frames")
    window = min(settings.window, length)
    starts = window_starts(length, settings.window, settings.overlap)

    def cut(rows: Tensor) -> Tensor:  # (K, W, …); slices, since the host would wait for an index to reach the device
        return torch.stack([rows[start : start + window] for start in starts])

    was_training = grmn.training
    grmn.eval()
    try:
        motion = grmn(cut(audio), cut(expression_feature), identity.expand(len(starts), -1))
    finally:
        grmn.train(was_training)
    # All parts are faded together, as channels of one sequence.
    parts = [part if part.ndim == 3 else part[..., None] for part in motion.tensors()]
    faded = cross_fade(torch.cat(parts, dim=-1), starts, length, fade(window, settings.overlap, audio.device))
    split = faded.split([part.shape[-1] for part in parts], dim=-1)
    return Motion.of_tensors([rows.reshape(length, *like.shape[2:]) for rows, like in zip(split, motion.tensors())])
