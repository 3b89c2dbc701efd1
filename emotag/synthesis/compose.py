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
from emotag.synthesis.seam import FrameSeam, find_seam
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
    seam: FrameSeam  # where torso and render meet


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
    if not head.any():
        return Underlay(frame.copy(), np.ones(head.shape, np.float32), find_seam(frame, head, head, settings))
    solid = (person > _TORSO_ALPHA) & ~head
    box = _around(head, (settings.margin_share + settings.feather_share) * side)  # nothing else changes
    torso = np.where(head[box], 0, person[box])  # soft at its silhouette, none in the head
    ring = np.clip(1 - (distance_to(head[box]) - settings.margin_share * side) / (settings.feather_share * side), 0, 1)
    removed = np.where(head[box], 1.0, ring * (1 - torso)).astype(np.float32)

    visible = person < settings.head_threshold
    visible[box] &= removed == 0
    fill = plate[box] + _light(frame, plate, visible)[box]
    _add_collar(fill, frame[box], head[box], solid[box], person[box], settings.collar_share * side)
    image = frame.copy()
    mixed = frame[box] * (1 - removed[..., None]) + fill * removed[..., None]
    image[box] = np.clip(np.rint(mixed), 0, 255)
    seam = find_seam(frame, head, solid & (person > _OPAQUE), settings)
    return Underlay(image, _fade(head, solid, settings, side), seam)


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
    if isinstance(colour, Tensor):
        above = colour * (255 if fade is None else fade[..., None])
        rest = 1 - (alpha if fade is None else alpha * fade)
        if fade is not None:
            above.mul_(255)
        composite = under.to(colour.dtype).mul_(rest[..., None]).add_(above)  # in place: memory is what this costs
        return composite.round_().clamp_(0, 255).to(torch.uint8)
    if fade is not None:
        colour, alpha = colour * fade[..., None], alpha * fade
    composite = colour * 255 + (1 - alpha[..., None]) * under.astype(colour.dtype)
    return np.clip(np.rint(composite), 0, 255).astype(np.uint8)


Box = tuple[slice, slice]


def _around(mask: np.ndarray, margin: float) -> Box:  # (H, W) bool with a pixel in it
    """Give the rows and columns of the mask, and `margin` pixels around."""
    reach = int(np.ceil(margin)) + 1

    def span(where: np.ndarray) -> slice:
        return slice(max(int(where[0]) - reach, 0), int(where[-1]) + reach + 1)

    return span(np.flatnonzero(mask.any(axis=1))), span(np.flatnonzero(mask.any(axis=0)))


def _light(
    frame: np.ndarray,  # (H, W, 3) uint8
    plate: np.ndarray,  # (H, W, 3) uint8
    visible: np.ndarray,  # (H, W) bool: background that this frame shows
) -> np.ndarray:  # (H, W, 3) float32
    """Give the smooth shift by which the plate meets the frame's own background, whose light and place vary."""
    height, width = visible.shape
    scale = min(1.0, _MATCH_SIDE / max(height, width))
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    mask = visible.view(np.uint8)
    weight = cv2.resize(mask.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    if not (weight > 0).any():
        return np.zeros(frame.shape, np.float32)
    difference = cv2.subtract(cv2.copyTo(frame, mask), cv2.copyTo(plate, mask), dtype=cv2.CV_32F)
    coarse = cv2.resize(difference, small, interpolation=cv2.INTER_AREA) / np.maximum(weight, 1e-6)[..., None]
    shift: np.ndarray = cv2.resize(fill_smoothly(coarse, weight > 0), (width, height), interpolation=cv2.INTER_LINEAR)
    return shift


def _add_collar(
    behind: np.ndarray,  # (H, W, 3) float32, changed in place
    frame: np.ndarray,  # (H, W, 3) uint8
    head: np.ndarray,  # (H, W) bool
    torso: np.ndarray,  # (H, W) bool
    person: np.ndarray,  # (H, W) float32 0-1
    reach: float,  # pixels
) -> None:
    """Continue the torso straight upwards into the part of the removed head that stands on it, fading with height.

    Straight up and no wider than the torso is at the neck line: continued to all sides, a neck glows beside itself.
    """
    contact = np.zeros_like(head)
    contact[:-1] = head[:-1] & torso[1:]
    if not contact.any():
        return
    box = _around(contact, 2 * reach)
    head, torso, person, frame = head[box], torso[box], person[box], frame[box]
    below = _next_row(torso)  # the first row of torso at or under each pixel
    height = below - np.arange(len(torso), dtype=below.dtype)[:, None]
    standing = head & (below < _next_row(~head & ~torso)) & (height < reach)
    continued = fill_smoothly(frame.astype(np.float32), torso & (person > _OPAQUE))
    width = np.take_along_axis(person, np.minimum(below, len(torso) - 1), axis=0)  # soft where the neck's edge is
    weight = np.where(standing, width * np.clip(2 - 2 * height / reach, 0, 1), person * torso)
    # Blurred over head and torso together, the weight stays whole at the neck line: no seam of plate shows there.
    weight = cv2.GaussianBlur(weight.astype(np.float32), (0, 0), max(reach / _COLLAR_BLUR, 0.5))[..., None]
    behind[box] += (continued - behind[box]) * weight


def _next_row(mask: np.ndarray) -> np.ndarray:  # (H, W) bool -> (H, W) int64, H where there is none
    """Give the first row of the mask at or below each pixel."""
    rows = np.where(mask, np.arange(len(mask))[:, None], len(mask))
    return np.minimum.accumulate(rows[::-1], axis=0)[::-1]


def _fade(
    head: np.ndarray,  # (H, W) bool
    torso: np.ndarray,  # (H, W) bool
    settings: CompositionSettings,
    side: int,
) -> np.ndarray:  # (H, W) float32
    """Let the render show everywhere but well inside the true torso. Smooth, so half the size is enough."""
    height, width = head.shape
    half = ((width + 1) // 2, (height + 1) // 2)
    near, body = (cv2.resize(mask.view(np.uint8), half, interpolation=cv2.INTER_NEAREST) for mask in (head, torso))
    depth = (2 * distance_to(near > 0) - settings.overlap_share * side) / (settings.fade_share * side)
    hidden = (np.clip(depth, 0, 1) * body).astype(np.float32)
    softened = cv2.GaussianBlur(hidden, (0, 0), max(settings.fade_share * side / 8, 0.5))
    fade: np.ndarray = 1 - cv2.resize(softened, (width, height), interpolation=cv2.INTER_LINEAR)
    return fade
