"""A rendered head over a frame from which the true head was removed.

The peers score the whole frame with the true torso and background. For that to be honest no pixel of the true head
may reach the composite, so the head is taken out of the frame first (`underlay`) and the render laid over the rest.
"""

from dataclasses import dataclass
from typing import overload

import cv2
import numpy as np
import torch
from torch import Tensor

from emotag.synthesis.plate import as_unit, distance_to, fill_smoothly
from emotag.synthesis.settings import CompositionSettings

_MATCH_SIDE = 96  # pixels: the plate is matched to the frame's light at this size; light is smooth
_OPAQUE = 0.9  # person alpha above which a pixel's colour is the torso's own
_COLLAR_BLUR = 16  # the collar's weight is softened by its reach over this
_TORSO_ALPHA = 0.5  # person alpha above which a pixel below the neck line is torso, not backdrop


@dataclass(frozen=True)
class Underlay:
    """What lies under the rendered head."""

    image: np.ndarray  # (H, W, 3) uint8 RGB, without the true head
    fade: np.ndarray  # (H, W) float32 0-1: how much of the rendered head shows (0 well below the neck line)


def underlay(
    frame: np.ndarray,  # (H, W, 3) uint8 RGB
    head_alpha: np.ndarray,  # (H, W) float 0-1 or uint8: the person above the neck line
    person_alpha: np.ndarray,  # (H, W) float 0-1 or uint8
    plate: np.ndarray,  # (H, W, 3) uint8 RGB, from `background_plate`
    settings: CompositionSettings | None = None,
) -> Underlay:
    """Remove the true head from a frame: neck, torso and background stay the frame's own, the plate shows elsewhere.

    The head and a ring around it are replaced; the torso below the neck line is not touched by the ring. The plate is
    first matched to the light around the head, and the torso's colours are continued a little into where the neck was.
    Pixels of the head (alpha above the threshold) have no influence on any pixel of the result, and what lies in the
    ring none but through the feather. Raises ValueError when the sizes differ.
    """
    settings = settings or CompositionSettings()
    if frame.shape != plate.shape or not frame.shape[:2] == head_alpha.shape == person_alpha.shape:
        raise ValueError(
            f"sizes differ: frame {frame.shape}, plate {plate.shape}, head {head_alpha.shape}, "
            f"person {person_alpha.shape}"
        )
    side = max(frame.shape[:2])
    person = as_unit(person_alpha)
    head = as_unit(head_alpha) > settings.head_threshold
    torso = np.where(head, 0, person)  # soft at its silhouette, none in the head
    away = distance_to(head)
    ring = np.clip(1 - (away - settings.margin_share * side) / (settings.feather_share * side), 0, 1)
    removed = np.where(head, 1.0, ring * (1 - torso)).astype(np.float32)[..., None]

    behind = _matched_plate(frame, plate, (removed[..., 0] == 0) & (person < settings.head_threshold))
    solid = (torso > _TORSO_ALPHA) & ~head
    fill = _with_collar(frame, behind, head, solid, person, settings.collar_share * side)
    image = frame * (1 - removed) + fill * removed
    return Underlay(
        image=np.clip(np.rint(image), 0, 255).astype(np.uint8),
        fade=_fade(away, solid, settings, side),
    )


@overload
def compose(colour: np.ndarray, alpha: np.ndarray, under: np.ndarray, fade: np.ndarray | None = None) -> np.ndarray: ...
@overload
def compose(colour: Tensor, alpha: Tensor, under: Tensor, fade: Tensor | None = None) -> Tensor: ...
def compose(colour, alpha, under, fade=None):  # type: ignore[no-untyped-def]
    """Lay premultiplied renders over underlays: colour + (1 − alpha) · under, as uint8.

    All arrays, or all tensors on one device: `colour` (…, H, W, 3) premultiplied float 0-1, `alpha` (…, H, W) float
    0-1, `under` (…, H, W, 3) uint8, `fade` (…, H, W) float 0-1 or None, which scales the render. The result is
    (…, H, W, 3) uint8. Raises ValueError when the sizes differ.
    """
    if colour.shape[:-1] != alpha.shape or colour.shape[-3:] != under.shape[-3:]:
        raise ValueError(f"sizes differ: colour {colour.shape}, alpha {alpha.shape}, under {under.shape}")
    if fade is not None:
        colour, alpha = colour * fade[..., None], alpha * fade
    below = under.to(colour.dtype) if isinstance(under, Tensor) else under.astype(colour.dtype)
    composite = colour * 255 + (1 - alpha[..., None]) * below
    if isinstance(composite, Tensor):
        return composite.round().clamp(0, 255).to(torch.uint8)
    return np.clip(np.rint(composite), 0, 255).astype(np.uint8)


def _matched_plate(
    frame: np.ndarray,  # (H, W, 3) uint8
    plate: np.ndarray,  # (H, W, 3) uint8
    visible: np.ndarray,  # (H, W) bool: background that this frame shows
) -> np.ndarray:  # (H, W, 3) float32
    """Shift the plate smoothly so that it meets the frame's own background, whose light and place vary."""
    height, width = visible.shape
    scale = min(1.0, _MATCH_SIDE / max(height, width))
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    weight = cv2.resize(visible.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    if not (weight > 0).any():
        return plate.astype(np.float32)
    difference = (frame.astype(np.float32) - plate) * visible[..., None]
    coarse = cv2.resize(difference, small, interpolation=cv2.INTER_AREA) / np.maximum(weight, 1e-6)[..., None]
    shift = fill_smoothly(coarse, weight > 0)
    return plate + cv2.resize(shift, (width, height), interpolation=cv2.INTER_LINEAR)


def _with_collar(
    frame: np.ndarray,  # (H, W, 3) uint8
    behind: np.ndarray,  # (H, W, 3) float32
    head: np.ndarray,  # (H, W) bool
    torso: np.ndarray,  # (H, W) bool
    person: np.ndarray,  # (H, W) float32 0-1
    reach: float,  # pixels
) -> np.ndarray:  # (H, W, 3) float32
    """Continue the torso straight upwards into the part of the removed head that stands on it, fading with height.

    Straight up and no wider than the torso is at the neck line: continued to all sides, a neck glows beside itself.
    """
    below = _next_row(torso)  # the first row of torso at or under each pixel
    rows = np.arange(len(torso))[:, None]
    standing = head & (below < _next_row(~head & ~torso)) & (below - rows < reach)
    if not standing.any():
        return behind
    margin = int(reach)
    spots = np.argwhere(standing)
    top, left = np.maximum(spots.min(axis=0) - margin, 0)
    bottom, right = spots.max(axis=0) + margin + 1
    box = (slice(top, bottom), slice(left, right))
    continued = fill_smoothly(frame[box].astype(np.float32), (torso & (person > _OPAQUE))[box])
    contact = np.take_along_axis(person, np.minimum(below, len(torso) - 1), axis=0)  # soft where the neck's edge is
    weight = np.where(standing, contact * np.clip(2 - 2 * (below - rows) / reach, 0, 1), person * torso)[box]
    # Blurred over head and torso together, the weight stays whole at the neck line: no seam of plate shows there.
    weight = cv2.GaussianBlur(weight.astype(np.float32), (0, 0), max(reach / _COLLAR_BLUR, 0.5))[..., None]
    result = behind.copy()
    result[box] += (continued - result[box]) * weight
    return result


def _next_row(mask: np.ndarray) -> np.ndarray:  # (H, W) bool -> (H, W) int, H where there is none
    """Give the first row of the mask at or below each pixel."""
    rows = np.where(mask, np.arange(len(mask))[:, None], len(mask))
    return np.minimum.accumulate(rows[::-1], axis=0)[::-1]


def _fade(away: np.ndarray, torso: np.ndarray, settings: CompositionSettings, side: int) -> np.ndarray:
    """Let the render show everywhere but well inside the true torso."""
    if not np.isfinite(away).any():
        return np.ones(torso.shape, np.float32)
    depth = (away - settings.overlap_share * side) / (settings.fade_share * side)
    hidden = np.clip(depth, 0, 1) * torso
    softened = cv2.GaussianBlur(hidden.astype(np.float32), (0, 0), max(settings.fade_share * side / 4, 0.5))
    return 1 - softened
