"""Everything that is done once per splat and frame, in one pass over the splats: projection and channels, and back."""

import numpy as np

from emotag.splats.cpu.compilation import kernel
from emotag.splats.cpu.dealing import take_turn
from emotag.splats.cpu.layout import CHUNK, D_CENTRE_X, D_CHANNELS, D_OPACITY, REACH_X
from emotag.splats.cpu.projection import project_splat, project_splat_backward
from emotag.splats.cpu.shading import shade_splat, shade_splat_backward


@kernel
def prepare_splats(
    counter: np.ndarray,  # (1,) int64, see dealing
    means: np.ndarray,  # (B, N, 3) float32, metres
    quaternions: np.ndarray,  # (B, N, 4) float32
    scales: np.ndarray,  # (B, N, 3) float32, metres
    opacities: np.ndarray,  # (1 | B, N) float32
    sh: np.ndarray,  # (1 | B, N, K, 3) float32
    features: np.ndarray,  # (1 | B, N, F) float32; F may be 0
    camera: np.ndarray,  # (4, 4) float64
    place: np.ndarray,  # (3,) float64, the camera's, metres
    intrinsics: np.ndarray,  # (3, 3) float64, pixels
    width: int,
    height: int,
    near: float,  # metres
    with_depth: bool,
    geometry: np.ndarray,  # out (B, N, 8) float64, see layout
    depth: np.ndarray,  # out (B, N) float32, metres
    bounds: np.ndarray,  # out (B, N) int64: tiles of the bounding box, 0 if not visible
    channels: np.ndarray,  # out (B, N, 3 [+ 1] + F) float32: r, g, b, depth, features; only where visible
) -> None:
    """Project all splats and fill the channels of the visible ones."""
    frames, splats = means.shape[0], means.shape[1]
    first_feature = 4 if with_depth else 3
    scratch, basis = np.empty((2, 3, 3)), np.empty(16)
    start = take_turn(counter) * CHUNK
    while start < frames * splats:
        for index in range(start, min(start + CHUNK, frames * splats)):
            frame, splat = index // splats, index % splats
            mean, row = means[frame, splat], geometry[frame, splat]
            opacity = opacities[frame if opacities.shape[0] > 1 else 0, splat]
            z, tiles = project_splat(
                mean, quaternions[frame, splat], scales[frame, splat], opacity, camera, intrinsics, width, height,
                near, scratch, row,
            )  # fmt: skip
            depth[frame, splat] = z
            bounds[frame, splat] = tiles
            if tiles == 0:
                continue
            out = channels[frame, splat]
            shade_splat(mean, sh[frame if sh.shape[0] > 1 else 0, splat], place, basis, out)
            if with_depth:
                out[3] = z
            source = features[frame if features.shape[0] > 1 else 0, splat]
            for feature in range(source.shape[0]):
                out[first_feature + feature] = source[feature]
        start = take_turn(counter) * CHUNK


@kernel
def splats_backward(
    counter: np.ndarray,  # (1,) int64, see dealing
    means: np.ndarray,  # as in prepare_splats
    quaternions: np.ndarray,
    scales: np.ndarray,
    sh: np.ndarray,
    camera: np.ndarray,
    place: np.ndarray,
    intrinsics: np.ndarray,
    width: int,
    height: int,
    with_depth: bool,
    geometry: np.ndarray,
    channels: np.ndarray,
    first_slot: np.ndarray,  # (B, N) int64
    slot_count: np.ndarray,  # (B, N) int32
    slot_gradients: np.ndarray,  # (M, 6 + C) float32, see layout
    d_means: np.ndarray,  # out (B, N, 3) float32
    d_quaternions: np.ndarray,  # out (B, N, 4) float32
    d_scales: np.ndarray,  # out (B, N, 3) float32
    d_opacities: np.ndarray,  # out (1 | B, N) float32
    d_sh: np.ndarray,  # out (1 | B, N, K, 3) float32
    d_features: np.ndarray,  # out (1 | B, N, F) float32
) -> None:
    """Sum each splat's gradient over the tiles that it met, and carry it back to the splat's parameters.

    A thread takes all frames of a splat, so that parameters which the frames share are summed without locks.
    """
    frames, splats = means.shape[0], means.shape[1]
    first_feature = D_CHANNELS + (4 if with_depth else 3)
    matrices, bases, total = np.empty((4, 3, 3)), np.empty((2, 16)), np.empty(slot_gradients.shape[1])
    start = take_turn(counter) * CHUNK
    while start < splats:
        for splat in range(start, min(start + CHUNK, splats)):
            d_opacities[:, splat] = 0.0
            d_sh[:, splat] = 0.0
            d_features[:, splat] = 0.0
            for frame in range(frames):
                d_mean = d_means[frame, splat]
                d_mean[:] = 0.0
                row = geometry[frame, splat]
                if row[REACH_X] == 0.0:
                    d_quaternions[frame, splat] = 0.0
                    d_scales[frame, splat] = 0.0
                    continue
                _sum_slots(slot_gradients, first_slot[frame, splat], slot_count[frame, splat], total)
                mean = means[frame, splat]
                d_opacities[frame if d_opacities.shape[0] > 1 else 0, splat] += total[D_OPACITY]
                d_feature = d_features[frame if d_features.shape[0] > 1 else 0, splat]
                for feature in range(d_feature.shape[0]):
                    d_feature[feature] += total[first_feature + feature]
                for channel in range(3):
                    if channels[frame, splat, channel] == 0.0:  # clamped
                        total[D_CHANNELS + channel] = 0.0
                shared = frame if sh.shape[0] > 1 else 0
                shade_splat_backward(
                    mean, sh[shared, splat], place, bases, total[D_CHANNELS:], d_mean, d_sh[shared, splat]
                )  # fmt: skip
                project_splat_backward(
                    mean, quaternions[frame, splat], scales[frame, splat], camera, intrinsics, width, height,
                    matrices, row, total[D_CENTRE_X:], total[D_CHANNELS + 3] if with_depth else 0.0,
                    d_mean, d_quaternions[frame, splat], d_scales[frame, splat],
                )  # fmt: skip
        start = take_turn(counter) * CHUNK


@kernel
def _sum_slots(slot_gradients: np.ndarray, first: int, count: int, out: np.ndarray) -> None:
    """Sum rows of (M, 6 + C) float32 in double precision."""
    out[:] = 0.0
    for slot in range(first, first + count):
        for column in range(out.shape[0]):
            out[column] += slot_gradients[slot, column]
