"""The neck line, where the render meets the frame's own torso: no edge that shines through, no step of light."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from emotag.splats.rasterize import Render
from emotag.synthesis.settings import CompositionSettings

_LEAST_ALPHA = 0.5  # of a band of the render: below, there is nothing to compare
_FAINT = 1e-3  # alpha below which a render has no colour to speak of
_DARK = 0.02  # of 0-1: added to both levels, so that black on black is no ratio
_TOLERANCE = 0.25  # log ratio beyond which two levels are not one material: collar and skin


class FrameSeam(NamedTuple):
    """Where the torso begins in every column of a frame, and how light it is there."""

    row: np.ndarray  # (W,) int64: first row of torso under the head; 0 where none is
    level: np.ndarray  # (W, 3) float32 0-1: the torso's colour, carried on to the line
    valid: np.ndarray  # (W,) float32: 1 where torso stands under head


@dataclass(frozen=True)
class Seam:
    """The seams of T frames."""

    row: Tensor  # (T, W) int64
    level: Tensor  # (T, W, 3) float32
    valid: Tensor  # (T, W) float32
    rows: tuple[int, int]  # first and last row of them all; last under first when there are none

    @staticmethod
    def stack(frames: Iterable[FrameSeam]) -> "Seam":
        """Gather the seams of frames."""
        row, level, valid = (np.stack(part) for part in zip(*frames))
        found = row[valid > 0]
        span = (int(found.min()), int(found.max())) if found.size else (0, -1)
        return Seam(torch.from_numpy(row), torch.from_numpy(level), torch.from_numpy(valid), span)

    def to(self, device: torch.device | str) -> "Seam":
        """Give it on `device`."""
        return Seam(self.row.to(device), self.level.to(device), self.valid.to(device), self.rows)


def find_seam(
    frame: np.ndarray,  # (H, W, 3) uint8
    head: np.ndarray,  # (H, W) bool: removed
    torso: np.ndarray,  # (H, W) bool: opaque torso, none of it head
    settings: CompositionSettings,
) -> FrameSeam:
    """Find one frame's seam. Reads no pixel of the head."""
    height, width = head.shape
    band = _pixels(settings.seam_band_share, max(height, width), 2)
    meets = np.zeros_like(head)
    meets[1:] = head[:-1] & torso[1:]
    row = np.where(meets.any(axis=0), height - 1 - meets[::-1].argmax(axis=0), 0)  # the lowest place
    rows = np.minimum(row + np.arange(2 * band)[:, None], height - 1)  # (2 band, W)
    columns = np.arange(width)
    valid = (row > 0) & torso[rows, columns].all(axis=0)
    near, far = frame[rows, columns].reshape(2, band, width, 3).mean(axis=1) / 255
    level = (near + 0.5 * (near - far)).clip(0, 1) * valid[:, None]  # a shadow that grows across the line is no step
    return FrameSeam(np.where(valid, row, 0).astype(np.int64), level.astype(np.float32), valid.astype(np.float32))


def meet_torso(render: Render, seam: Seam, frames: Tensor, settings: CompositionSettings) -> Render:
    """Change B renders near the neck lines of the frames (B,) that they will be laid over.

    Their lower edge, soft because the mattes they learnt from are, is made firm: what lies under it is a guess. Their
    light is brought to the torso's by a gain that is smooth along the line, fades upwards, and is only found where both
    sides can be one material: the edge of a collar stays.
    """
    side = max(render.colour.shape[1:3])
    first = max(0, seam.rows[0] - round(settings.seam_reach_share * side))
    last = min(render.colour.shape[1], seam.rows[1] + 1 + round(settings.firm_share * side))
    if last <= first:
        return render
    row, valid = seam.row[frames], seam.valid[frames]
    colour, alpha = render.colour[:, first:last], render.alpha[:, first:last]
    height = (row[:, None] - torch.arange(first, last, device=row.device)[None, :, None])[..., None]  # (B, h, W, 1)
    if settings.seam_strength > 0:
        gain, share = light_gain(render, row, seam.level[frames], valid, settings)
        decay = (1 - height / (settings.seam_reach_share * side)).clamp(0, 1) * share[:, None]
        colour = colour * torch.exp(gain[:, None] * decay)
    if settings.firm_share > 0:
        firm = (1.5 - 2 * height.abs() / (settings.firm_share * side)).clamp(0, 1) * valid[:, None, :, None]
        scale = torch.minimum(1 + firm, 1 / alpha.clamp_min(_FAINT))
        colour, alpha = colour * scale, alpha * scale

    def replaced(whole: Tensor, part: Tensor) -> Tensor:
        return torch.cat((whole[:, :first], part, whole[:, last:]), dim=1)

    return Render(replaced(render.colour, colour), replaced(render.alpha, alpha))


def light_gain(
    render: Render,  # of B frames
    row: Tensor,  # (B, W)
    level: Tensor,  # (B, W, 3)
    valid: Tensor,  # (B, W)
    settings: CompositionSettings,
) -> tuple[Tensor, Tensor]:  # (B, W, 3) log gain, (B, W, 1) 0-1: how much of a neighbourhood says so
    """Compare the render's light at the line with the torso's, both carried on to it from two bands."""
    side = max(render.colour.shape[1:3])
    band = _pixels(settings.seam_band_share, side, 2)
    gap = _pixels(settings.seam_gap_share, side, 1)
    rows = (row[:, None] - gap - torch.arange(1, 2 * band + 1, device=row.device)[:, None]).clamp_min(0)[..., None]
    covered = render.alpha.gather(1, rows).unflatten(1, (2, band)).sum(2)  # (B, 2, W, 1): near and far band
    levels = render.colour.gather(1, rows.expand(-1, -1, -1, 3)).unflatten(1, (2, band)).sum(2)
    near, far = (levels / covered.clamp_min(_FAINT)).unbind(1)
    found = (near + (0.5 + gap / band) * (near - far)).clamp(0, 1)
    ratio = ((level + _DARK) / (found + _DARK)).log()
    alike = torch.exp(-(ratio / _TOLERANCE).square().sum(-1, keepdim=True))
    weight = valid[..., None] * (covered.amin(1) > _LEAST_ALPHA * band) * alike
    sigma = settings.seam_smooth_share * side
    share = _smooth(weight, sigma)
    return settings.seam_strength * _smooth(ratio * weight, sigma) / share.clamp_min(_FAINT), share


def _pixels(share: float, side: int, least: int) -> int:
    return max(least, round(share * side))


def _smooth(values: Tensor, sigma: float) -> Tensor:  # (B, W, C), along W
    radius = max(1, round(3 * sigma))
    offsets = torch.arange(-radius, radius + 1, device=values.device, dtype=values.dtype)
    kernel = torch.exp(-0.5 * (offsets / max(sigma, 0.3)).square())
    flat = values.transpose(1, 2).reshape(-1, 1, values.shape[1])
    blurred = F.conv1d(flat, (kernel / kernel.sum())[None, None], padding=radius)
    return blurred.reshape(values.shape[0], values.shape[2], -1).transpose(1, 2)
