"""Reading the pseudo ground truth of depth and normals: the head's window of it, a frame at a time."""

from itertools import islice
from pathlib import Path

import numpy as np
import torch

from emotag.errors import InputError
from emotag.files import read_json
from emotag.media.video import count_frames, decode_frames
from emotag.perception.geometry.files import GeometryPaths, decode_depth, decode_normal
from emotag.training.clip import Window
from emotag.training.frames import in_parallel, split
from emotag.training.scene import Geometry


def load_geometry(
    paths: GeometryPaths,
    window: Window,
    count: int,  # frames of the clip
) -> Geometry:
    """Read a clip's depth and normals inside the window of its head, with as many threads as torch has.

    Raises InputError when a file is missing, is something else, or does not have the clip's frames.
    """
    note = read_json(paths.note)
    try:
        scale, offset = float(note["depth"]["scale"]), float(note["depth"]["offset"])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{paths.note}: not a geometry file; delete it and run `dvc repro geometry`") from None
    for path in (paths.depth, paths.normal):
        if (found := count_frames(path)) != count:
            raise InputError(f"{path}: {found} frames, but the clip has {count}; run the `geometry` stage again")
    shape = (count, window.height, window.width)
    depth, mask = np.empty(shape, np.float32), np.empty(shape, bool)
    normal = np.empty((*shape, 3), np.float32)

    def fill(part: range) -> None:
        for row, values in zip(part, _stretch(paths.depth, "gray16le", window, part)):
            mask[row] = values > 0
            depth[row] = decode_depth(values, scale, offset)
        for row, colours in zip(part, _stretch(paths.normal, "rgb24", window, part)):
            normal[row] = decode_normal(colours, mask[row])

    in_parallel(fill, split(count, torch.get_num_threads()))
    return Geometry(torch.from_numpy(depth)[..., None], torch.from_numpy(normal), torch.from_numpy(mask)[..., None])


def _stretch(path: Path, pixels: str, window: Window, part: range) -> list[np.ndarray]:
    decoded = islice(decode_frames(path, part.start), len(part))
    images = [window.cut(frame.to_ndarray(format=pixels)).copy() for frame in decoded]
    if len(images) != len(part) or images[0].shape[:2] != (window.height, window.width):
        raise InputError(f"{path}: does not show the clip's frames; run the `geometry` stage again")
    return images
