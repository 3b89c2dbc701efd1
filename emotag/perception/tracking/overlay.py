"""Contact sheets: frames with the tracked mesh and both sets of landmarks drawn on them."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from emotag.files import atomic
from emotag.head.model import HeadModel
from emotag.perception.geometry.surface import surface_faces
from emotag.perception.landmarks.ibug68 import IBUG68
from emotag.perception.tracking.observations import Observations
from emotag.perception.tracking.quality import mesh_landmarks
from emotag.perception.tracking.track import Track

DETECTED, MODELLED = (80, 255, 80), (255, 60, 200)  # RGB: green is the detector, magenta the model
_LIGHT = np.array([0.25, 0.45, 0.86])
_TINT = np.array([0.85, 0.9, 1.0])
_FRACTION_BITS = 4  # OpenCV draws at 1/16 pixel
_QUALITY = 92  # of the JPEG


def draw_mesh(
    image: np.ndarray,  # (H, W, 3) uint8 RGB
    head: HeadModel,
    track: Track,
    frame: int,
    opacity: float = 0.6,
    offset: Tensor | None = None,  # (V, 3) metres: PersonShape.static_offset
) -> np.ndarray:  # (H, W, 3) uint8 RGB
    """Lay the shaded mesh of a frame over its picture.

    Flat triangles, the nearest drawn last: for a look as good as a z-buffer, and without numba's second of start.
    """
    height, width = image.shape[:2]
    vertices = track.vertices(head, slice(frame, frame + 1), offset)[0]
    pixels, depth = track.camera(width, height).project(vertices)
    faces = surface_faces(head)
    corners = pixels.double().numpy()[faces]  # (F, 3, 2)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    front = np.flatnonzero(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0)  # y runs down
    seen = front[np.argsort(-depth.numpy()[faces[front]].mean(axis=1))]
    shade = (255 * _light(vertices.numpy()[faces[seen]])).round().astype(int).tolist()
    places = np.round((corners[seen] - 0.5) * 2**_FRACTION_BITS).astype(np.int32)  # OpenCV's centres are whole numbers
    layer, covered = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    for place, grey in zip(places, shade):
        cv2.fillConvexPoly(layer, place, grey, cv2.LINE_8, _FRACTION_BITS)
        cv2.fillConvexPoly(covered, place, 1, cv2.LINE_8, _FRACTION_BITS)
    share = opacity * covered[..., None]
    return np.round((1 - share) * image + share * layer[..., None] * _TINT).astype(np.uint8)


def _light(corners: np.ndarray) -> np.ndarray:  # (F, 3, 3) metres -> (F,) in [0, 1]
    """Light falling onto triangles."""
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
    return 0.25 + 0.75 * np.clip(normals @ _LIGHT, 0, 1)


def draw_landmarks(
    image: np.ndarray,  # (H, W, 3) uint8 RGB, drawn on
    points: np.ndarray,  # (N, 2) pixels
    colour: tuple[int, int, int],
) -> None:
    """Dot landmarks onto a picture."""
    for x, y in points:
        if np.isfinite(x) and np.isfinite(y):
            cv2.circle(image, (round(16 * float(x) - 8), round(16 * float(y) - 8)), 20, colour, -1, cv2.LINE_AA, 4)


def sheet_frames(track: Track, count: int) -> list[int]:
    """Choose frames for a sheet: spread evenly, the last one being the frame with the largest error."""
    spread = np.linspace(0, len(track) - 1, min(count, len(track))).round().astype(int).tolist()
    worst = int(np.nan_to_num(track.reprojection_px.numpy(), nan=-1).argmax())
    return [*spread[:-1], worst] if len(spread) > 1 else spread


def spread_valid(observations: Observations, count: int) -> list[int]:
    """Choose up to `count` frames with landmarks, spread evenly."""
    valid = observations.valid.nonzero().squeeze(-1).numpy()
    return valid[np.linspace(0, len(valid) - 1, min(count, len(valid))).round().astype(int)].tolist()


def contact_sheet(
    path: Path | str,
    images: Sequence[np.ndarray],  # F frames of the clip, each (H, W, 3) uint8 RGB
    frames: Sequence[int],  # their numbers
    head: HeadModel,
    track: Track,  # of these F frames
    detected: np.ndarray,  # (F, 468, 2+) pixels
    side: int = 320,
    offset: Tensor | None = None,  # (V, 3) metres: PersonShape.static_offset
) -> None:
    """Write a JPEG: each frame once with the landmarks (detector green, model magenta), below with the mesh."""
    height, width = images[0].shape[:2]
    modelled = mesh_landmarks(head, track, width, height, offset)[0].numpy()  # (F, 468, 2) pixels
    top, bottom = [], []
    for index, (frame, image) in enumerate(zip(frames, images, strict=True)):
        dotted = image.copy()
        draw_landmarks(dotted, detected[index][IBUG68, :2], DETECTED)
        draw_landmarks(dotted, modelled[index][IBUG68], MODELLED)
        label = f"{frame}: {float(track.reprojection_px[index]):.1f} px"
        cv2.putText(dotted, label, (4, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255, 255, 255), 2, cv2.LINE_AA)
        cv2.putText(dotted, label, (4, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA)
        top.append(cv2.resize(dotted, (side, side), interpolation=cv2.INTER_AREA))
        meshed = draw_mesh(image, head, track, index, offset=offset)
        bottom.append(cv2.resize(meshed, (side, side), interpolation=cv2.INTER_AREA))
    columns = max(1, (len(top) + 1) // 2)
    rows = []
    for start in range(0, len(top), columns):
        for row in (top[start : start + columns], bottom[start : start + columns]):
            blank = [np.zeros_like(top[0])] * (columns - len(row))
            rows.append(np.concatenate([*row, *blank], axis=1))
    sheet = np.concatenate(rows)
    with atomic(path) as partial:
        cv2.imwrite(str(partial), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
