"""The truth of a take: one row per frame with everything that made the picture."""

from pathlib import Path
from typing import Any

import numpy as np

from emotag.actors.posed import BATCH, posed
from emotag.actors.types import Performance, Phone
from emotag.camera import Camera
from emotag.head.model import HeadModel
from emotag.tables import FPS, frame_table, write_table
from emotag.vocabulary import ACTION_UNITS, EMOTIONS, au_column


def write_truth(
    path: Path,
    take: str,
    head: HeadModel,
    shape: np.ndarray,  # (S,)
    performance: Performance,
    phones: tuple[Phone, ...],
    camera: Camera,
    metadata: dict[str, Any],
) -> None:
    """Write the table of a take.

    Its columns are those of a track (emotag.perception.tracking.track.Track.load reads it), in the pixels of the
    take's own video, and besides: `points68`, `points468` (x, y px), `AUxx_r`, `p_<emotion>`, `e` and `phone`.
    """
    frames = len(performance.e)
    points68, points468 = _landmarks(head, shape, performance, camera)
    columns: dict[str, Any] = {
        name: getattr(performance, name).astype(np.float32)
        for name in ("rotation", "translation", "neck_pose", "jaw_pose", "eyes_pose", "expression")
    }
    columns["reprojection_px"] = np.zeros(frames, dtype=np.float32)
    columns["valid"] = np.ones(frames, dtype=bool)
    columns["shape"] = np.repeat(shape.astype(np.float32)[None], frames, axis=0)
    columns["focal_length"] = np.full(frames, camera.focal_length, dtype=np.float32)
    columns["points68"] = points68.reshape(frames, -1)
    columns["points468"] = points468.reshape(frames, -1)
    for index, unit in enumerate(ACTION_UNITS):
        columns[au_column(unit)] = performance.action_units[:, index].astype(np.float32)
    for index, emotion in enumerate(EMOTIONS):
        columns[f"p_{emotion}"] = performance.p_emo[:, index].astype(np.float32)
    columns["e"] = performance.e.astype(np.float32)
    columns["phone"] = phones_at(phones, frames)
    write_table(path, frame_table(take, columns), metadata)


def phones_at(phones: tuple[Phone, ...], frames: int) -> list[str]:  # (T,)
    """Name the phone that sounds in the middle of each frame."""
    starts = np.array([phone.start_s for phone in phones])
    at = np.searchsorted(starts, (np.arange(frames) + 0.5) / FPS, side="right") - 1
    return [phones[index].ipa for index in at.clip(0)]


def _landmarks(
    head: HeadModel, shape: np.ndarray, performance: Performance, camera: Camera
) -> tuple[np.ndarray, np.ndarray]:  # (T, 68, 2), (T, 468, 2) float32 pixels
    sparse, dense = [], []
    for start in range(0, len(performance.e), BATCH):
        vertices = posed(head, shape, performance, start, start + BATCH)
        sparse.append(camera.project(head.landmarks68.points(vertices, head.faces))[0].numpy())
        dense.append(camera.project(head.landmarks468.points(vertices, head.faces))[0].numpy())
    return np.concatenate(sparse), np.concatenate(dense)
