"""What the training stages put together from a workspace's files."""

from pathlib import Path

import pytest
import torch

from benchmarks.synthetic_workspace import SyntheticWorkspace
from emotag.errors import InputError
from emotag.head.model import HeadModel
from emotag.training.clip import ClipFrames
from emotag.training.stream import StreamedFrames
from stages.assemble import frames_of, load_person, load_shot, open_shots
from stages.workspace import Workspace

TRAINING = {"frames": 8, "static_frames": 4}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def workspace(synthetic_head: HeadModel, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("project")
    synthetic_head.save(root / "head.npz")
    settings = {"pretrain": TRAINING, "adapt": TRAINING}
    people = {"ada": 2.0, "bob": 1.0}
    return SyntheticWorkspace(root, root / "head.npz", 64, 5, people, "ada", settings).write()


def test_footage_beyond_the_limit_is_streamed(workspace: Workspace) -> None:
    assert (frames_of(workspace, "ada"), frames_of(workspace, "bob")) == (50, 25)
    for limit in (None, 75):
        assert all(isinstance(shot.frames, ClipFrames) for shot in open_shots(workspace, ["ada", "bob"], CPU, limit))
    streamed = open_shots(workspace, ["ada", "bob"], CPU, 74)
    assert all(isinstance(shot.frames, StreamedFrames) for shot in streamed)
    held = load_shot(workspace, "ada", CPU)
    index = torch.tensor([3, 30])
    for got, expected in zip(streamed[0].frames.select(index), held.frames.select(index)):
        assert torch.equal(got, expected)


def test_a_shot_with_geometry_has_that_of_its_window(workspace: Workspace) -> None:
    shot = load_shot(workspace, "ada", CPU, with_geometry=True)
    window = shot.frames.window
    assert shot.geometry is not None
    assert shot.geometry.depth.shape == (50, window.height, window.width, 1)
    alpha = shot.frames.select(torch.arange(50))[1]
    assert torch.equal(shot.geometry.mask, alpha > 0.5)


def test_parts_that_disagree_are_named(workspace: Workspace, synthetic_head: HeadModel, tmp_path: Path) -> None:
    other = Workspace(tmp_path)
    for stage, suffix in (("crop", "mp4"), ("matte", "mkv"), ("features", "parquet"), ("shape", "json")):
        target = other.file(stage, "ada", suffix)
        target.parent.mkdir(parents=True)
        target.write_bytes(workspace.file(stage, "ada", suffix).read_bytes())
    other.file("features", "ada", "parquet").write_bytes(workspace.file("features", "bob", "parquet").read_bytes())
    with pytest.raises(InputError, match=r"features/ada.parquet: 25 rows, but .*ada.mp4 has 50 frames"):
        load_shot(other, "ada", CPU)
    with pytest.raises(InputError, match=r"features/eva.parquet: not found"):
        frames_of(other, "eva")
    with pytest.raises(InputError, match=r"identity/ada.parquet: not found"):
        load_person(other, "ada", synthetic_head)
