"""Depth and normals as training reads them: the head's window of what the whole files hold."""

from pathlib import Path

import numpy as np
import pytest
import torch

from emotag.errors import InputError
from emotag.files import write_json
from emotag.perception.geometry.estimator import Geometry
from emotag.perception.geometry.files import GeometryPaths, read_geometry, write_geometry
from emotag.training.clip import Window
from emotag.training.geometry import load_geometry

FRAMES, SIDE = 30, 48


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> GeometryPaths:
    folder = tmp_path_factory.mktemp("geometry")
    made = GeometryPaths(folder / "depth.mkv", folder / "normal.mkv", folder / "note.json")
    rng = np.random.default_rng(0)

    def frame(number: int) -> Geometry:
        normal = rng.normal(size=(SIDE, SIDE, 3)).astype(np.float32)
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        mask = np.zeros((SIDE, SIDE), bool)
        mask[5 + number // 4 : 30, 8:40] = True
        depth = rng.uniform(0.5, 1.5, (SIDE, SIDE)).astype(np.float32)
        return Geometry(depth * mask, normal * mask[..., None], mask)

    write_geometry(made, (frame(number) for number in range(FRAMES)), relative=True, metadata={"engine": "test"})
    return made


def test_the_window_of_the_files_is_read(paths: GeometryPaths) -> None:
    window = Window(6, 4, 32, 16)
    whole, cut = read_geometry(paths), load_geometry(paths, window, FRAMES)
    rows, columns = slice(4, 20), slice(6, 38)
    assert torch.equal(cut.mask[..., 0], torch.from_numpy(whole.mask[:, rows, columns]))
    torch.testing.assert_close(cut.depth[..., 0], torch.from_numpy(whole.depth[:, rows, columns]))
    torch.testing.assert_close(cut.normal, torch.from_numpy(whole.normal[:, rows, columns]))
    assert bool(cut.mask.any()) and not bool(cut.mask.all())


def test_files_of_something_else_are_refused(paths: GeometryPaths, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"depth.mkv: 30 frames, but the clip has 31"):
        load_geometry(paths, Window(0, 0, 16, 16), FRAMES + 1)
    with pytest.raises(InputError, match=r"does not show the clip's frames"):
        load_geometry(paths, Window(40, 40, 16, 16), FRAMES)
    note = tmp_path / "note.json"
    write_json(note, {"format": "other"})
    with pytest.raises(InputError, match=r"note.json: not a geometry file"):
        load_geometry(GeometryPaths(paths.depth, paths.normal, note), Window(0, 0, 16, 16), FRAMES)
