"""Writing a track as VHAP's NeRF-style data set, which GaussianAvatars trains on (docs/engines/track.md)."""

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from emotag.errors import InputError
from emotag.files import write_json
from emotag.head.model import HeadModel
from emotag.media.video import stream_frames, stream_lossless
from emotag.perception.tracking.track import Track
from emotag.perception.tracking.vhap.convert import N_EXPRESSION, N_SHAPE, FlameMotion, from_track
from emotag.perception.tracking.vhap.recording import CAMERA

TRAIN_SHARE = 0.7
"""VHAP's own split: the first 70 % of the frames train, the rest test; one camera leaves none to validate on."""

_CANONICAL_JAW = 0.3  # radians: GaussianAvatars' canonical mouth is open


def export_dataset(
    folder: Path,  # made; must not exist
    track: Track,
    head: HeadModel,
    offset: Tensor | None,  # (V, 3) metres: PersonShape.static_offset
    video: Path,  # the crop
    matte: Path,  # of the matte stage: its second channel is the head's alpha
    train_share: float = TRAIN_SHARE,
) -> FlameMotion:
    """Write images over white, masks, FLAME parameters and transforms of the tracked frames, not of interpolated ones.

    The folder is whole or absent. Raises InputError when it exists, the head is not FLAME, or the files disagree.
    """
    if folder.exists():
        raise InputError(f"{folder}: exists already; name a new folder, or remove it")
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        images = _write_images(partial, track, video, matte)
        motion = from_track(track, head, offset, images)
        centre = motion.translation[track.valid].mean(dim=0)
        _write_parameters(partial, track, head, offset, motion, centre)
        _write_transforms(partial, track, images, centre.numpy(), train_share)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return motion


def _write_images(folder: Path, track: Track, video: Path, matte: Path) -> int:  # side in pixels
    """images/ (head over white) and fg_masks/ (head alpha), one PNG per tracked frame."""
    for name in ("images", "fg_masks", "flame_param"):
        (folder / name).mkdir(parents=True)
    valid, side, index, count = track.valid.tolist(), 0, 0, 0
    for frame, alpha in _pairs(video, matte):
        if count < len(valid) and valid[count]:
            side = frame.shape[1]
            share = alpha[..., None] / 255.0
            over_white = np.round(share * frame + (1 - share) * 255).astype(np.uint8)
            _write_png(folder / "images" / _picture(index), over_white[..., ::-1])
            _write_png(folder / "fg_masks" / _picture(index), alpha)
            index += 1
        count += 1
    if count != len(valid) or index == 0:
        raise InputError(f"{video}: {count} frames, but {len(valid)} tracked ({sum(valid)} well); run `dvc repro`")
    return side


def _pairs(video: Path, matte: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    masks = stream_lossless(matte)
    for frame in stream_frames(video):
        mask = next(masks, None)
        if mask is None or mask.shape[:2] != frame.shape[:2] or frame.shape[0] != frame.shape[1]:
            raise InputError(f"{matte}: does not belong to {video}; run `dvc repro` to remake it")
        yield frame, np.ascontiguousarray(mask[..., 1])


def _write_png(path: Path, image: np.ndarray) -> None:
    if not cv2.imwrite(str(path), image):
        raise InputError(f"{path}: cannot be written; is the disk full?")


def _write_parameters(
    folder: Path, track: Track, head: HeadModel, offset: Tensor | None, motion: FlameMotion, centre: Tensor
) -> None:
    constant: dict[str, Any] = {
        "shape": _padded(track.shape, N_SHAPE),
        "static_offset": _array((torch.zeros(head.n_vertices, 3) if offset is None else offset)[None]),
    }
    rows: dict[str, Tensor] = {
        "translation": motion.translation - centre,
        "rotation": motion.rotation,
        "neck_pose": track.neck_pose,
        "jaw_pose": track.jaw_pose,
        "eyes_pose": track.eyes_pose,
    }
    for index, frame in enumerate(track.valid.nonzero().squeeze(1).tolist()):
        values: dict[str, Any] = {name: _array(row[frame : frame + 1]) for name, row in rows.items()}
        values["expr"] = _padded(track.expression[frame : frame + 1], N_EXPRESSION)
        np.savez(folder / "flame_param" / f"{index:05d}.npz", **values, **constant)
    rest: dict[str, Any] = {name: np.zeros((1, row.shape[1]), np.float32) for name, row in rows.items()}
    rest |= {
        "jaw_pose": np.array([[_CANONICAL_JAW, 0, 0]], np.float32),
        "expr": np.zeros((1, N_EXPRESSION), np.float32),
    }
    np.savez(folder / "canonical_flame_param.npz", **rest, **constant)


def _write_transforms(folder: Path, track: Track, side: int, centre: np.ndarray, train_share: float) -> None:
    """transforms.json of all frames, and the three divisions of it."""
    camera = CAMERA.copy()
    camera[:3, 3] -= centre  # head and camera move together
    focal = track.focal_length * side
    angle = 2 * math.atan(side / (2 * focal))
    view = {
        "cx": side / 2, "cy": side / 2, "fl_x": focal, "fl_y": focal, "h": side, "w": side,
        "camera_angle_x": angle, "camera_angle_y": angle,
    }  # fmt: skip
    frames: list[dict[str, Any]] = [
        {
            "timestep_index": index,
            "timestep_index_original": frame,
            "timestep_id": f"{frame:06d}",
            "camera_index": 0,
            "camera_id": "0",
            **view,
            "transform_matrix": camera.tolist(),
            "file_path": f"images/{_picture(index)}",
            "fg_mask_path": f"fg_masks/{_picture(index)}",
            "flame_param_path": f"flame_param/{index:05d}.npz",
        }
        for index, frame in enumerate(track.valid.nonzero().squeeze(1).tolist())
    ]
    train = max(1, math.ceil(len(frames) * train_share))
    divisions = {
        "": (frames, range(len(frames)), [0]),
        "_train": (frames[:train], range(train), [0]),
        "_val": ([], range(train), []),
        "_test": (frames[train:], range(train, len(frames)), [0]),
    }
    for name, (kept, steps, cameras) in divisions.items():
        content = {"frames": kept, **view, "timestep_indices": list(steps), "camera_indices": cameras}
        write_json(folder / f"transforms{name}.json", content)


def _picture(index: int) -> str:
    return f"{index:05d}_00.png"


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.float().cpu().numpy()


def _padded(values: Tensor, count: int) -> np.ndarray:
    return _array(torch.nn.functional.pad(values, (0, count - values.shape[-1])))
