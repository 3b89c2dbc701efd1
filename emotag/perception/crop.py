"""The smooth, face-centred square that a clip is cropped to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from emotag.errors import InputError
from emotag.perception.crop_settings import CropSettings
from emotag.perception.detection.detector import Detection, FaceDetector, overlap
from emotag.perception.smoothing import gaussian_smooth
from emotag.tables import FPS

CHECK_EVERY = 5
"""Every so many frames the whole frame is searched (a second face, a better one); between, only near the last box."""

_WINDOW = 2.5  # side of the search window over the last face's side
_JUMP_OVERLAP = 0.05  # less overlap with the frame before is a cut, not motion


@dataclass(frozen=True)
class FaceBoxes:
    """The main face of every frame, gaps bridged."""

    centre: np.ndarray  # (T, 2) float32 pixels
    side: np.ndarray  # (T,) float32 pixels
    score: np.ndarray  # (T,) float32, 0 where the face was not found
    valid: np.ndarray  # (T,) bool: found in this very frame
    size: tuple[int, int]  # width, height of the frames


def face_boxes(faces: FaceBoxes) -> np.ndarray:  # (T, 4) x0, y0, x1, y1 pixels
    """Give the face of every frame as a box."""
    half = faces.side[:, None] / 2
    return np.concatenate((faces.centre - half, faces.centre + half), axis=1)


def find_faces(
    frames: Iterable[np.ndarray],  # each (H, W, 3) uint8 RGB
    detector: FaceDetector,
    settings: CropSettings,
    source: Path | str,  # named in errors
) -> FaceBoxes:
    """Find the main face in every frame.

    Raises InputError when a face is missing for too long, jumps (a cut), or has a second one of similar size beside it.
    """
    found: list[Detection | None] = []
    crowded: list[int] = []
    last: Detection | None = None
    last_frame = size = None
    for index, image in enumerate(frames):
        size = (image.shape[1], image.shape[0])
        near = _near(image, detector, last) if last is not None and index % CHECK_EVERY else None
        if near is None:
            detections = detector.detect(image)
            near = _main_face(detections, last, size)
            if near is not None and _has_second(detections, near, settings.second_face):
                crowded.append(index)
        if near is not None:
            if last is not None and last_frame == index - 1 and not _goes_on(last, near):
                raise InputError(
                    f"{source}: the face jumps at frame {index} ({index / FPS:.2f} s), as at a cut; "
                    "give one shot by start_s and end_s"
                )
            last, last_frame = near, index
        elif index - (-1 if last_frame is None else last_frame) > settings.max_gap_frames:
            raise _no_face(source, 0 if last_frame is None else last_frame + 1, index + 1)
        found.append(near)
    if size is None:
        raise InputError(f"{source}: holds no frames")
    _refuse_crowd(crowded, -(-len(found) // CHECK_EVERY), settings, source)
    if last is None:
        raise _no_face(source, 0, len(found))
    return _bridged(found, size)


def _near(image: np.ndarray, detector: FaceDetector, last: Detection) -> Detection | None:
    """Look for the face near where it was."""
    half = _WINDOW * last.side / 2
    height, width = image.shape[:2]
    left, top = (max(0, int(v)) for v in last.centre - half)
    right, bottom = (min(limit, int(v) + 1) for limit, v in zip((width, height), last.centre + half))
    detections = detector.detect(image[top:bottom, left:right])
    offset = np.array([left, top], dtype=np.float32)
    near = _main_face([detection.shifted(offset) for detection in detections], last, (width, height))
    return near if near is not None and _goes_on(last, near) else None


def _goes_on(last: Detection, near: Detection) -> bool:
    return bool(overlap(last.box, near.box[None])[0] > _JUMP_OVERLAP)


def _main_face(detections: list[Detection], last: Detection | None, size: tuple[int, int]) -> Detection | None:
    """Give the face that goes on from `last`, or else the largest, nearest to the middle."""
    if not detections:
        return None
    if last is not None:
        shares = overlap(last.box, np.stack([detection.box for detection in detections]))
        if shares.max() > _JUMP_OVERLAP:
            return detections[int(shares.argmax())]
    middle = np.array(size) / 2

    def prominence(detection: Detection) -> float:
        return detection.side - 0.2 * float(np.linalg.norm(detection.centre - middle))

    return max(detections, key=prominence)


def _has_second(detections: list[Detection], main: Detection, ratio: float) -> bool:
    return any(other is not main and other.side > ratio * main.side for other in detections)


def _refuse_crowd(crowded: list[int], looked_at: int, settings: CropSettings, source: Path | str) -> None:
    if len(crowded) > settings.second_face_share * looked_at:
        raise InputError(
            f"{source}: two faces of similar size in frame {crowded[0]} and in {len(crowded) / looked_at:.0%} "
            "of the clip; crop the video so that one person is in view"
        )


def _no_face(source: Path | str, first: int, end: int) -> InputError:
    return InputError(
        f"{source}: no face in frame {first} ({first / FPS:.2f} s) nor in the {end - first - 1} after it; "
        "give a stretch with the face in view by start_s and end_s"
    )


def _bridged(found: list[Detection | None], size: tuple[int, int]) -> FaceBoxes:
    valid = np.array([detection is not None for detection in found])
    known = [detection for detection in found if detection is not None]
    rows = np.array([[*detection.centre, detection.side] for detection in known])
    at = np.flatnonzero(valid)
    frames = np.arange(len(found))
    filled = np.stack([np.interp(frames, at, rows[:, k]) for k in range(3)], axis=1).astype(np.float32)
    score = np.zeros(len(found), dtype=np.float32)
    score[at] = [detection.score for detection in known]
    return FaceBoxes(filled[:, :2], filled[:, 2], score, valid, size)


def square_path(
    faces: FaceBoxes,
    resolution: int,  # pixels of the cropped square
    settings: CropSettings,
) -> np.ndarray:  # (T, 3) float32: x, y of the top left corner, side; source pixels
    """Give the square of every frame: one that stands still if the head stays near, a smooth path if it does not.

    The square lies inside of the frame always; its side is at most the frame's shorter side.
    """
    width, height = faces.size
    sigma = settings.smooth_s * FPS
    side = np.full(len(faces.side), np.median(faces.side), dtype=np.float64)
    if faces.side.max() > settings.steady_growth**2 * faces.side.min():
        side = gaussian_smooth(faces.side, sigma)
    side = np.array([_snapped(settings.face_scale * s, min(width, height), resolution, settings) for s in side])
    middle = np.median(faces.centre, axis=0)
    path = np.broadcast_to(middle, faces.centre.shape)
    if (np.abs(faces.centre - middle).max(axis=1) > settings.steady_share * side).any():
        path = gaussian_smooth(faces.centre, sigma)
    corner = path - side[:, None] / 2
    if np.ptp(side) == 0 and np.ptp(path, axis=0).max() == 0:
        corner = np.round(corner)  # whole pixels: a crop of the same size then copies them
    limit = np.array([width, height]) - side[:, None]
    corner = np.clip(corner, 0, limit)
    return np.concatenate((corner, side[:, None]), axis=1).astype(np.float32)


def _snapped(side: float, shorter: int, resolution: int, settings: CropSettings) -> float:
    if side > settings.whole_share * shorter:
        side = shorter
    if abs(side - resolution) < settings.unscaled_share * resolution and resolution <= shorter:
        return float(resolution)
    return float(round(side))


def is_whole_frame(
    boxes: np.ndarray,  # (T, 3) x, y, side in pixels
    size: tuple[int, int],  # width, height of the frames
    resolution: int,
) -> bool:
    """Tell whether cropping would change nothing, so that the video can be copied as it is."""
    return size == (resolution, resolution) and bool((boxes == np.array([0, 0, resolution])).all())


def crop_frames(
    frames: Iterable[np.ndarray],  # each (H, W, 3) uint8 RGB
    boxes: np.ndarray,  # (T, 3) x, y, side in pixels
    resolution: int,
) -> Iterator[np.ndarray]:  # each (resolution, resolution, 3) uint8
    """Cut the squares out of the frames and scale them to `resolution`."""
    for image, (x, y, side) in zip(frames, boxes.tolist(), strict=True):
        yield crop_square(image, x, y, side, resolution)


def crop_square(image: np.ndarray, x: float, y: float, side: float, resolution: int) -> np.ndarray:
    """Cut one square: area averaging when it shrinks, Lanczos when it grows, a copy when it fits."""
    if x == int(x) and y == int(y) and side == int(side):
        patch = image[int(y) : int(y + side), int(x) : int(x + side)]
        if side == resolution:
            return np.ascontiguousarray(patch)
    else:
        # A moving square lies between pixels: sample it at about the source's density first.
        dense = max(resolution, round(side))
        scale = side / dense
        to_source = np.array([[scale, 0, x + scale / 2 - 0.5], [0, scale, y + scale / 2 - 0.5]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        patch = cv2.warpAffine(image, to_source, (dense, dense), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        if dense == resolution:
            return patch
    method = cv2.INTER_AREA if patch.shape[0] > resolution else cv2.INTER_LANCZOS4
    return cv2.resize(patch, (resolution, resolution), interpolation=method)
