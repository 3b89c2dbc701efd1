"""Geometry on disk: a 16-bit depth video, an 8-bit normal video, and a JSON that says how to read them."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotag.errors import InputError
from emotag.files import read_json, write_json
from emotag.media.video import read_lossless, write_lossless
from emotag.perception.geometry.estimator import Geometry

_FORMAT = "emotag-geometry-1"
_LEVELS = 65535


@dataclass(frozen=True)
class GeometryPaths:
    """The three files of a clip."""

    depth: Path  # .mkv, FFV1, 16-bit grey
    normal: Path  # .mkv, FFV1, 8-bit RGB
    note: Path  # .json


@dataclass(frozen=True)
class GeometryClip:
    """Geometry of T frames; depth and normal are 0 outside the mask."""

    depth: np.ndarray  # (T, H, W) float32 metres (or relative)
    normal: np.ndarray  # (T, H, W, 3) float32 unit, world axes
    mask: np.ndarray  # (T, H, W) bool
    relative: bool  # whether depth has an unknown scale and shift per frame


def encode_depth(
    depth: np.ndarray,  # (H, W)
    mask: np.ndarray,  # (H, W) bool
    scale: float,
    offset: float,
) -> np.ndarray:  # (H, W) uint16
    """Quantise: depth = offset + scale · (value − 1); 0 is background."""
    levels = np.rint((depth.astype(np.float64) - offset) / scale).clip(0, _LEVELS - 1) + 1
    return np.where(mask, levels, 0).astype(np.uint16)


def decode_depth(values: np.ndarray, scale: float, offset: float) -> np.ndarray:
    """Invert `encode_depth`; background becomes 0."""
    return np.where(values > 0, offset + scale * (values.astype(np.float64) - 1), 0).astype(np.float32)


def encode_normal(
    normal: np.ndarray,  # (H, W, 3) unit
    mask: np.ndarray,  # (H, W) bool
) -> np.ndarray:  # (H, W, 3) uint8
    """Map [−1, 1] to [0, 255]; background is (0, 0, 0), which no unit vector maps to."""
    return np.where(mask[..., None], np.rint((normal + 1) * 127.5), 0).clip(0, 255).astype(np.uint8)


def decode_normal(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Invert `encode_normal` to unit vectors; background becomes 0."""
    normal = values.astype(np.float32) / 127.5 - 1
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    return np.where(mask[..., None], normal, 0).astype(np.float32)


def write_geometry(
    paths: GeometryPaths,
    frames: Iterable[Geometry],
    *,
    relative: bool,
    metadata: dict[str, Any]
    | Callable[[], dict[str, Any]],  # engine, digest …; a function is asked after the last frame
) -> int:
    """Write a clip's geometry a frame at a time and give the number of frames.

    Depth waits in a temporary file until its range over the clip is known, so that memory stays that of one frame.
    Raises ValueError when there are no frames or nothing is seen in any of them.
    """
    with tempfile.TemporaryFile() as spool:
        low, high, shape = np.inf, -np.inf, (0, 0)

        def normals() -> Iterator[np.ndarray]:
            nonlocal low, high, shape
            for frame in frames:
                shape = frame.depth.shape
                if frame.mask.any():
                    seen = frame.depth[frame.mask]
                    low, high = min(low, float(seen.min())), max(high, float(seen.max()))
                spool.write(np.where(frame.mask, frame.depth, np.nan).astype(np.float32).tobytes())
                yield encode_normal(frame.normal, frame.mask)
            if not np.isfinite(low):
                raise ValueError("no frame shows any geometry")

        count = write_lossless(paths.normal, normals())
        scale = max((high - low) / (_LEVELS - 1), 1e-9)
        spool.seek(0)
        write_lossless(paths.depth, _depths(spool, count, shape, scale, low))
    note = {
        "format": _FORMAT,
        **(metadata() if callable(metadata) else metadata),
        "frames": count,
        "height": shape[0],
        "width": shape[1],
        "depth": {"scale": scale, "offset": low, "relative": relative, "unit": "relative" if relative else "metre"},
        "depth_formula": "depth = offset + scale * (value - 1); value 0 is background",
        "normal_formula": "normal = value / 127.5 - 1; world axes (x right, y up, z to the camera); 0 0 0: background",
    }
    write_json(paths.note, note)
    return count


def _depths(spool: Any, count: int, shape: tuple[int, ...], scale: float, offset: float) -> Iterator[np.ndarray]:
    for _ in range(count):
        depth = np.frombuffer(spool.read(4 * shape[0] * shape[1]), dtype=np.float32).reshape(shape)
        mask = np.isfinite(depth)
        yield encode_depth(np.where(mask, depth, offset), mask, scale, offset)


def read_geometry(paths: GeometryPaths) -> GeometryClip:
    """Read what `write_geometry` wrote. Raises InputError when a file is missing, is something else or disagrees."""
    note = read_json(paths.note)
    if not isinstance(note, dict) or note.get("format") != _FORMAT:
        raise InputError(f"{paths.note}: not a geometry file; delete it and run `dvc repro geometry`")
    values, colours = read_lossless(paths.depth), read_lossless(paths.normal)
    wanted = (note["frames"], note["height"], note["width"])
    if values.shape != wanted or colours.shape != (*wanted, 3):
        raise InputError(
            f"{paths.note}: says {wanted} but the depth is {values.shape} and the normals are {colours.shape}; "
            "run the `geometry` stage again"
        )
    mask = values > 0
    depth = decode_depth(values, note["depth"]["scale"], note["depth"]["offset"])
    return GeometryClip(depth, decode_normal(colours, mask), mask, bool(note["depth"]["relative"]))
