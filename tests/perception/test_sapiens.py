"""Sapiens' geometry with stand-ins of its networks' signature: TorchScript, (B, 3, 1024, 768) in, half of that out."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from emotag.errors import InputError
from emotag.files import read_json, sha256
from emotag.head.model import HeadModel
from emotag.perception.geometry.engines import ENGINES, make_geometry
from emotag.perception.geometry.files import GeometryPaths, read_geometry, write_geometry
from emotag.perception.geometry.sapiens import HEIGHT, WIDTH, Sapiens, preprocess, unit_normals
from emotag.perception.geometry.sapiens_settings import SapiensSettings
from emotag.perception.geometry.settings import GeometrySettings
from emotag.perception.geometry.tracked_mesh import TrackedMesh
from emotag.perception.tracking.track import Track
from emotag.training.losses.geometry import depth_loss, normal_loss

SIZE, FRAMES = 96, 5


class Stand(nn.Module):
    """Reads what was painted into the picture back out of the standardised input, at half size and any length."""

    def __init__(self, channels: int, gain: float) -> None:
        super().__init__()
        self.channels, self.gain = channels, gain
        self.register_buffer("mean", torch.tensor([123.5, 116.5, 103.5])[:, None, None])
        self.register_buffer("std", torch.tensor([58.5, 57.0, 57.5])[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[1] == 3 and x.shape[2] == 1024 and x.shape[3] == 768
        small = torch.nn.functional.avg_pool2d((x * self.std + self.mean) / 255, 2)
        painted = small * 2 - 1 if self.channels == 3 else small[:, 0:1]
        return painted * self.gain


@pytest.fixture
def files(tmp_path: Path) -> SapiensSettings:
    """Depth from the red channel; normals from RGB as in a normal picture."""
    paths = {"depth": tmp_path / "depth.pt2", "normal": tmp_path / "normal.pt2"}
    torch.jit.script(Stand(1, 4.0)).save(str(paths["depth"]))
    torch.jit.script(Stand(3, 0.3)).save(str(paths["normal"]))
    return SapiensSettings(**paths, batch=2, device="cpu", check_every=1)


def make_track(head: HeadModel) -> Track:
    zero = torch.zeros(FRAMES, 3)
    translation = zero.clone()
    translation[:, 0] = torch.linspace(0, 0.03, FRAMES)
    expression, shape = torch.zeros(FRAMES, head.n_expression), torch.zeros(head.n_shape)
    valid, none = torch.ones(FRAMES, dtype=torch.bool), torch.zeros(FRAMES)
    return Track(zero, translation, zero, zero, torch.zeros(FRAMES, 6), expression, shape, 1.9, none, valid)


@pytest.fixture
def tracked(synthetic_head: HeadModel) -> TrackedMesh:
    return TrackedMesh(synthetic_head, make_track(synthetic_head), "0")


def paint(tracked: TrackedMesh, what: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Pictures that hold the tracked head's normals (or its depth, larger is farther), and the person's alpha."""
    images, alphas = [], []
    for frame in range(FRAMES):
        truth = tracked.estimate(frame, np.zeros((SIZE, SIZE, 3), np.uint8))
        values = (
            (truth.normal + 1) / 2 if what == "normal" else np.repeat(4 * (truth.depth - 0.85)[..., None], 3, axis=2)
        )
        images.append(np.where(truth.mask[..., None], values * 255, 90).round().clip(0, 255).astype(np.uint8))
        alphas.append(np.where(truth.mask, 255, 0).astype(np.uint8))
    return images, alphas


def inner(mask: np.ndarray) -> np.ndarray:
    """The mask without its rim, where two resizings mix person and background."""
    import cv2

    return cv2.erode(mask.astype(np.uint8), np.ones((7, 7))).astype(bool)


def test_normals_come_back_in_world_axes(files: SapiensSettings, tracked: TrackedMesh) -> None:
    images, alphas = paint(tracked, "normal")
    # The painted normals' red channel serves the depth network too, which therefore is not held against the track.
    found = list(Sapiens(files, alphas).sequence(images))
    assert len(found) == FRAMES
    for frame, geometry in enumerate(found):
        truth = tracked.estimate(frame, images[frame])
        where = inner(truth.mask)
        cosine = (geometry.normal * truth.normal).sum(axis=-1)[where]
        assert np.median(cosine) > 0.999 and cosine.mean() > 0.99
        np.testing.assert_allclose(np.linalg.norm(geometry.normal[where], axis=-1), 1, atol=1e-3)
        assert (geometry.normal[~geometry.mask] == 0).all() and (geometry.depth[~geometry.mask] == 0).all()
        assert not (geometry.mask & ~truth.mask).any()  # nothing outside the person


def test_depth_is_relative_and_the_losses_align_it(files: SapiensSettings, tracked: TrackedMesh) -> None:
    images, alphas = paint(tracked, "depth")
    sapiens = Sapiens(files, alphas)
    found = list(sapiens.sequence(images))
    assert sapiens.relative
    truth = [tracked.estimate(frame, image) for frame, image in enumerate(images)]
    where = torch.from_numpy(np.stack([inner(one.mask) for one in truth]))
    metres, relative = (torch.from_numpy(np.stack([one.depth for one in many])) for many in (truth, found))
    assert torch.corrcoef(torch.stack((metres[where], relative[where])))[0, 1] > 0.99  # larger is farther
    assert depth_loss(metres, relative, where) < 0.08  # in units of the depth's spread
    assert depth_loss(metres, relative.flip(2), where) > 0.3


def test_batches_change_nothing(files: SapiensSettings, tracked: TrackedMesh) -> None:
    images, alphas = paint(tracked, "normal")
    one, many = (list(Sapiens(files.model_copy(update={"batch": batch}), alphas).sequence(images)) for batch in (1, 4))
    for a, b in zip(one, many, strict=True):
        np.testing.assert_allclose(a.normal, b.normal, atol=1e-5)
        np.testing.assert_allclose(a.depth, b.depth, atol=1e-5)


def test_preprocessing_is_sapiens_own() -> None:
    image = np.zeros((1, 64, 32, 3), np.uint8)
    image[0, :32, :, 0] = 200  # the upper half is red
    x = preprocess(image)
    assert x.shape == (1, 3, HEIGHT, WIDTH) == (1, 3, 1024, 768) and x.dtype == torch.float32
    expected = torch.tensor([(200 - 123.5) / 58.5, -116.5 / 57.0, -103.5 / 57.5])
    torch.testing.assert_close(x[0, :, 100, 300], expected)
    torch.testing.assert_close(x[0, 0, 900, 300], torch.tensor(-123.5 / 58.5))


def test_normals_are_divided_by_their_length_plus_epsilon() -> None:
    raw = torch.tensor([[0.0, 3e-5, 4.0]])[:, :, None, None]
    torch.testing.assert_close(unit_normals(raw)[0, 2, 0, 0], torch.tensor(4 / (4 + 1e-5)))
    assert unit_normals(torch.zeros(1, 3, 1, 1)).abs().max() == 0


def test_a_flipped_axis_is_an_error_that_names_the_setting(files: SapiensSettings, tracked: TrackedMesh) -> None:
    images, alphas = paint(tracked, "normal")
    wrong = files.model_copy(update={"normal_signs": (1, -1, 1)})
    with pytest.raises(InputError, match=r"in y \(r = -[01].\d\d\).*normal_signs to \[1, 1, 1\]") as error:
        list(OnlyNormals(wrong, alphas, tracked).sequence(images))
    assert "\n" not in str(error.value)
    right = OnlyNormals(files, alphas, tracked)
    list(right.sequence(images))
    assert all(right.agreement()[axis] > 0.9 for axis in "xyz")


def test_depth_that_shrinks_with_distance_is_an_error_too(files: SapiensSettings, tracked: TrackedMesh) -> None:
    images, alphas = paint(tracked, "depth")
    wrong = OnlyDepth(files.model_copy(update={"depth_sign": -1}), alphas, tracked)
    with pytest.raises(InputError, match=r"in depth .*depth_sign to 1 and normal_signs to \[1, 1, 1\]"):
        list(wrong.sequence(images))
    right = OnlyDepth(files, alphas, tracked)
    list(right.sequence(images))
    assert right.agreement()["depth"] > 0.95


class OnlyNormals(Sapiens):
    """A picture can carry three numbers a pixel: here they are normals, and depth is left out of the comparison."""

    def agreement(self) -> dict[str, float]:
        return {axis: value for axis, value in super().agreement().items() if axis != "depth"}


class OnlyDepth(Sapiens):
    def agreement(self) -> dict[str, float]:
        return {axis: value for axis, value in super().agreement().items() if axis == "depth"}


def test_it_is_stored_as_the_other_engines_geometry(files: SapiensSettings, tracked: TrackedMesh, tmp_path) -> None:
    images, alphas = paint(tracked, "normal")
    sapiens = OnlyNormals(files, alphas, tracked)
    paths = GeometryPaths(tmp_path / "a-depth.mkv", tmp_path / "a-normal.mkv", tmp_path / "a.json")
    assert write_geometry(paths, sapiens.sequence(images), relative=True, metadata=sapiens.metadata) == FRAMES
    note = read_json(paths.note)
    assert note["engine"] == "sapiens" and note["depth"]["unit"] == "relative"
    assert note["weights"] == f"{sha256(files.depth)}+{sha256(files.normal)}"
    assert set(note["agreement"]) == set("xyz")  # asked for after the last frame
    clip = read_geometry(paths)
    expected = list(Sapiens(files, alphas).sequence(images))
    assert clip.relative
    spread = max(one.depth[one.mask].max() for one in expected) - min(one.depth[one.mask].min() for one in expected)
    for frame, one in enumerate(expected):
        np.testing.assert_array_equal(clip.mask[frame], one.mask)
        assert np.abs(clip.depth[frame] - one.depth).max() <= spread / 65534
        truth, normal, mask = (torch.from_numpy(a)[None] for a in (clip.normal[frame], one.normal, one.mask))
        assert normal_loss(normal, truth, mask) < 1e-4


def test_factory(files: SapiensSettings, tracked: TrackedMesh, tmp_path: Path) -> None:
    assert make_geometry(GeometrySettings(), tracked, []) is tracked
    made = make_geometry(GeometrySettings(engine="sapiens", sapiens=files), tracked, [])
    assert isinstance(made, Sapiens) and made.metadata()["engine"] == "sapiens"
    absent = files.model_copy(update={"normal": tmp_path / "sapiens_normal.pt2"})
    with pytest.raises(InputError, match=r"lacks Sapiens' normal network: put it at .*'tracked-mesh'") as error:
        make_geometry(GeometrySettings(engine="sapiens", sapiens=absent), tracked, [])
    assert "\n" not in str(error.value)
    assert [engine.name for engine in ENGINES] == ["tracked-mesh", "sapiens"]


def test_exceptions(files: SapiensSettings, tracked: TrackedMesh, tmp_path: Path) -> None:
    images, alphas = paint(tracked, "normal")
    with pytest.raises(InputError, match="frame 3: the matte ends"):
        list(Sapiens(files, alphas[:3]).sequence(images))
    with pytest.raises(InputError, match=r"frame 0: the matte is \(48, 48\)"):
        list(Sapiens(files, [alpha[::2, ::2] for alpha in alphas]).sequence(images))
    swapped = files.model_copy(update={"depth": files.normal, "normal": files.depth})
    with pytest.raises(InputError, match="are depth and normal mixed up"):
        list(Sapiens(swapped, alphas).sequence(images))
    (tmp_path / "other.pt2").write_bytes(b"no network")
    with pytest.raises(InputError, match="not a TorchScript network"):
        Sapiens(files.model_copy(update={"depth": tmp_path / "other.pt2"}), alphas)
    torch.jit.script(nn.Conv2d(5, 1, 3)).save(str(tmp_path / "five.pt2"))
    with pytest.raises(InputError, match=r"five.pt2: fails on .* is it Sapiens") as error:
        list(Sapiens(files.model_copy(update={"depth": tmp_path / "five.pt2"}), alphas).sequence(images))
    assert "\n" not in str(error.value)


def test_a_crop_longer_than_the_track_is_an_error(tracked: TrackedMesh) -> None:
    with pytest.raises(InputError, match="the track has 5 frames, the crop has more"):
        list(tracked.sequence([np.zeros((32, 32, 3), np.uint8)] * (FRAMES + 1)))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_device_changes_nothing(files: SapiensSettings, tracked: TrackedMesh) -> None:
    images, alphas = paint(tracked, "normal")
    there = Sapiens(files.model_copy(update={"device": "cuda", "normal_signs": (1, -1, 1)}), alphas)
    here = Sapiens(files.model_copy(update={"normal_signs": (1, -1, 1)}), alphas)
    for a, b in zip(there.sequence(images), here.sequence(images), strict=True):
        np.testing.assert_allclose(a.normal, b.normal, atol=1e-3)
        np.testing.assert_allclose(a.depth, b.depth, atol=1e-3)
