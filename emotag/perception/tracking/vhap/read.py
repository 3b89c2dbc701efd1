"""Reading what VHAP writes: `tracked_flame_params_N.npz`, or its NeRF-style data set."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from emotag.errors import InputError
from emotag.files import read_json
from emotag.perception.tracking.vhap.recording import CAMERA, PER_FRAME, Recording

TRACKED = "tracked_flame_params_*.npz"
_REMEDY = "give VHAP's tracked_flame_params_N.npz or the folder that its export_as_nerf_dataset.py wrote"
_CENTRE = 0.51  # pixels that a principal point may lie off the middle: older exports round it


def read_recording(path: Path) -> Recording:
    """Read a tracking file, the newest tracking under a folder, or a NeRF-style data set.

    Raises InputError when there is none, or when it is damaged, of another kind, or of several cameras.
    """
    if path.is_dir() and (path / "transforms.json").is_file():
        return read_dataset(path)
    return read_tracking(latest_tracking(path) if path.is_dir() else path)


def latest_tracking(folder: Path) -> Path:
    """Find the last epoch of the newest run (VHAP names runs by their time) in or directly under a folder."""
    found = [*folder.glob(TRACKED), *folder.glob(f"*/{TRACKED}")]
    if not found:
        raise InputError(f"{folder}: holds neither transforms.json nor {TRACKED}; {_REMEDY}")
    return max(found, key=lambda file: (file.parent != folder, file.parent.name, _last_number(file.stem) or 0))


def read_tracking(path: Path) -> Recording:
    """Read tracked_flame_params_N.npz. Raises InputError."""
    arrays = _arrays(path)
    steps = _steps(arrays, path)
    count = len(steps)
    size = _wanted(arrays, "image_size", (2,), path)
    focal = _wanted(arrays, "focal_length", (1,), path)
    return Recording(
        source=path,
        steps=steps,
        **{name: _wanted(arrays, name, (count, width), path) for name, width in PER_FRAME.items()},
        expression=_wanted(arrays, "expr", (count, -1), path),
        shape=_wanted(arrays, "shape", (-1,), path),
        static_offset=_static_offset(arrays, path),
        focal_length=float(focal[0]),
        width=int(size[1]),
        height=int(size[0]),
        camera=CAMERA,
    )


def read_dataset(folder: Path) -> Recording:
    """Read a NeRF-style data set: transforms.json and flame_param/*.npz. Raises InputError."""
    path = folder / "transforms.json"
    content = read_json(path)
    frames = content.get("frames") if isinstance(content, dict) else None
    if not isinstance(frames, list) or not frames:
        raise InputError(f"{path}: lists no frames; {_REMEDY}")
    if len({frame.get("camera_index", 0) for frame in frames}) > 1:
        raise InputError(f"{path}: has several cameras; only what VHAP exports of one video can be read")
    try:
        frames = sorted(frames, key=_step)
        steps = np.array([_step(frame) for frame in frames], dtype=np.int64)
        focal, width, height, camera = _view(frames, path)
        files = [folder / frame["flame_param_path"] for frame in frames]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: a frame lacks or garbles {error}; {_REMEDY}") from None
    _check_steps(steps, path)
    tables = [_arrays(file) for file in files]
    rows = {
        name: np.concatenate([_wanted(table, name, (1, size), file) for table, file in zip(tables, files)])
        for name, size in PER_FRAME.items()
    }
    expression = [_wanted(table, "expr", (1, -1), file) for table, file in zip(tables, files)]
    if len({part.shape for part in expression}) > 1:
        raise InputError(f"{path}: its frames have different numbers of expression coefficients; {_REMEDY}")
    return Recording(
        source=path,
        steps=steps,
        **rows,
        expression=np.concatenate(expression),
        shape=_wanted(tables[0], "shape", (-1,), files[0]),
        static_offset=_static_offset(tables[0], files[0]),
        focal_length=focal / max(width, height),
        width=width,
        height=height,
        camera=camera,
    )


def _view(frames: list[dict[str, Any]], path: Path) -> tuple[float, int, int, np.ndarray]:
    """Focal length in pixels, width, height and the camera, which all frames of a video share."""
    first = frames[0]
    width, height = int(first["w"]), int(first["h"])
    camera = np.array(first["transform_matrix"], dtype=np.float64)
    for number, frame in enumerate(frames):
        if abs(frame["cx"] - width / 2) > _CENTRE or abs(frame["cy"] - height / 2) > _CENTRE:
            raise InputError(f"{path}, frame {number}: the principal point is not the image's centre; {_REMEDY}")
        same = np.allclose(frame["transform_matrix"], camera, atol=1e-6)
        if not same or not np.allclose((frame["fl_x"], frame["fl_y"]), first["fl_x"], rtol=1e-6):
            raise InputError(f"{path}, frame {number}: another camera than frame 0; {_REMEDY}")
    turn = camera[:3, :3]
    if camera.shape != (4, 4) or not np.allclose(turn @ turn.T, np.eye(3), atol=1e-4):
        raise InputError(f"{path}: transform_matrix is not a camera's pose; {_REMEDY}")
    return float(first["fl_x"]), width, height, camera


def _step(frame: Mapping[str, Any]) -> int:
    """The number of a frame in VHAP's video: its id, or its place among all frames in exports without ids."""
    number = _last_number(str(frame.get("timestep_id", "")))
    return int(frame.get("timestep_index_original", frame["timestep_index"])) if number is None else number


def _steps(arrays: Mapping[str, np.ndarray], path: Path) -> np.ndarray:
    if "timestep_id" not in arrays:
        raise InputError(f"{path}: has no timestep_id; {_REMEDY}")
    numbers = [_last_number(str(name)) for name in np.atleast_1d(arrays["timestep_id"])]
    if None in numbers:
        raise InputError(f"{path}: timestep_id {arrays['timestep_id'][numbers.index(None)]!r} is no number; {_REMEDY}")
    steps = np.array(numbers, dtype=np.int64)
    _check_steps(steps, path)
    return steps


def _check_steps(steps: np.ndarray, path: Path) -> None:
    if len(steps) == 0 or (np.diff(steps) <= 0).any():
        raise InputError(f"{path}: its frames are not numbered in rising order, each once; {_REMEDY}")


def _last_number(text: str) -> int | None:
    found = re.search(r"(\d+)$", text)
    return int(found.group(1)) if found else None


def _static_offset(arrays: Mapping[str, np.ndarray], path: Path) -> np.ndarray | None:
    dynamic = arrays.get("dynamic_offset")
    if dynamic is not None and np.abs(dynamic).max(initial=0) > 0:
        raise InputError(f"{path}: has dynamic_offset, offsets that change by the frame; track without them")
    if "static_offset" not in arrays:
        return None
    offset = _wanted(arrays, "static_offset", (1, -1, 3), path)[0]
    return offset if np.abs(offset).max(initial=0) > 0 else None


def _wanted(arrays: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...], path: Path) -> np.ndarray:
    """Give an array as float64 after checking its shape (−1: any length) and that it is finite."""
    if name not in arrays:
        raise InputError(f"{path}: has no {name}; {_REMEDY}")
    array = arrays[name]
    fits = array.ndim == len(shape) and all(want in (-1, got) for want, got in zip(shape, array.shape))
    if not fits or array.dtype.kind not in "fiu":
        wanted = "×".join("n" if size < 0 else str(size) for size in shape)
        raise InputError(f"{path}: {name} has shape {array.shape}, VHAP's has {wanted}; {_REMEDY}")
    if not np.isfinite(array).all():
        raise InputError(f"{path}: {name} holds NaN or infinity; VHAP's tracking has diverged, run it again")
    return array.astype(np.float64)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files if key not in _UNUSED}
    except FileNotFoundError:
        raise InputError(f"{path}: not found; {_REMEDY}") from None
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a .npz of arrays ({error}); {_REMEDY}") from None


_UNUSED = ("tex_extra", "tex", "lights")  # megabytes of texture
