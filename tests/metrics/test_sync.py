"""SyncNet's layers, window arithmetic and scores, on networks that the test builds."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from emotag.errors import InputError
from emotag.files import sha256
from emotag.media.audio import SAMPLE_RATE
from emotag.metrics.engines import Unmeasured, make_sync
from emotag.metrics.face_crop import crop_faces, face_squares
from emotag.metrics.mfcc import mfcc
from emotag.metrics.sync import MAX_SHIFT, SyncScorer, audio_windows, score, shift_distances, window_count
from emotag.metrics.sync_settings import SyncSettings
from emotag.metrics.syncnet import SyncNet, load_syncnet

PUBLISHED = {
    "netcnnaud": {0: (64, 1, 3, 3), 4: (192, 64, 3, 3), 8: (384, 192, 3, 3), 11: (256, 384, 3, 3),
                  14: (256, 256, 3, 3), 18: (512, 256, 5, 4)},
    "netcnnlip": {0: (96, 3, 5, 7, 7), 4: (256, 96, 1, 5, 5), 8: (256, 256, 1, 3, 3), 11: (256, 256, 1, 3, 3),
                  14: (256, 256, 1, 3, 3), 18: (512, 256, 1, 6, 6)},
    "netfcaud": {0: (512, 512), 3: (1024, 512)},
    "netfclip": {0: (512, 512), 3: (1024, 512)},
}  # fmt: skip
"""Weight shapes of syncnet_v2.model by tower and layer; a norm follows each layer but a tower's last linear one."""


def test_keys_and_shapes_are_those_of_the_published_file() -> None:
    expected = {}
    for tower, layers in PUBLISHED.items():
        for layer, shape in layers.items():
            expected |= {f"{tower}.{layer}.weight": shape, f"{tower}.{layer}.bias": shape[:1]}
            if layer != 3:
                for name in ("weight", "bias", "running_mean", "running_var"):
                    expected[f"{tower}.{layer + 1}.{name}"] = shape[:1]
    found = {name: tuple(value.shape) for name, value in SyncNet().state_dict().items()}
    assert {name: shape for name, shape in found.items() if not name.endswith("num_batches_tracked")} == expected


def test_windows_of_lips_are_those_cut_one_by_one() -> None:
    torch.manual_seed(0)
    network = SyncNet().eval()
    faces = torch.rand(3, 6, 224, 224) * 255
    with torch.no_grad():
        together = network.lips(faces)
        alone = torch.cat([network.lips(faces[:, start : start + 5]) for start in (0, 1)])
        sound = network.sound(torch.randn(3, 1, 13, 20))
    assert together.shape == (2, 1024) and sound.shape == (3, 1024)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_the_window_count_is_syncnets() -> None:
    assert window_count(200, 200 * 640) == 195
    assert window_count(200, 180 * 640 + 639) == 175  # the shorter of both, less five
    assert window_count(5, 16000) == 0


def test_audio_windows_start_four_columns_a_frame() -> None:
    coefficients = np.arange(60 * 13).reshape(60, 13)
    windows = audio_windows(coefficients, 10)
    assert windows.shape == (10, 13, 20)
    np.testing.assert_array_equal(windows[7], coefficients[28:48].T)


def test_distances_are_euclidean_with_zeros_beyond_the_clip() -> None:
    rng = np.random.default_rng(0)
    lips, sound = rng.normal(size=(2, 9, 6))
    found = shift_distances(torch.tensor(lips), torch.tensor(sound), 4).numpy()
    for window in range(9):
        for shift in range(-4, 5):
            other = sound[window + shift] if 0 <= window + shift < 9 else np.zeros(6)
            assert found[window, shift + 4] == pytest.approx(np.linalg.norm(lips[window] - other), abs=1e-4)


def test_score_by_hand() -> None:
    distances = torch.full((3, 2 * MAX_SHIFT + 1), 9.0)
    distances[:, MAX_SHIFT - 4] = torch.tensor([2.0, 3.0, 4.0])
    found = score(distances, 8)
    assert (found.distance, found.confidence, found.offset) == (3.0, 6.0, 4)
    np.testing.assert_array_equal(found.per_frame, [np.nan, np.nan, 2, 3, 4, np.nan, np.nan, np.nan])
    assert found.curve.shape == (31,)


# --- a network whose two towers read a planted signal -------------------------------------------------------------

LEVEL, MIDDLE, GAIN = 10.0, 20.3, 12.0  # log energy shown as black and usual; grey levels for each unit of it
TAP = slice(8, 15)  # MFCC columns of a window that the planted sound tower reads, by its two poolings


def planted() -> SyncNet:
    """Both towers give one number: the loudest log energy in the middle of the window; the middle frame's grey."""
    network = SyncNet()
    for name, value in network.state_dict().items():
        value.fill_(1.0 if name.endswith("running_var") else 0.0)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
            module.weight.data.fill_(1.0)
    sound, lips = network.netcnnaud, network.netcnnlip
    with torch.no_grad():
        sound[0].weight[0, 0, 1, 1] = 1  # the coefficients as they are,
        sound[0].bias[1] = 1  # beside ones: above the first row the padding has none,
        sound[4].weight[0, 0, 1, 1] = 1
        sound[4].weight[0, 1, 0, 1] = -1e3  # so this leaves coefficient 0 alone
        for layer in (8, 11, 14):
            sound[layer].weight[0, 0, 1, 1] = 1
        sound[18].weight[0, 0, 0, 2] = 1
        lips[0].weight[0, :, 2] = 1 / (3 * 49 * GAIN)
        lips[0].bias[0] = LEVEL
        lips[4].weight[0, 0, 0, 2, 2] = 1
        for layer in (8, 11, 14):
            lips[layer].weight[0, 0, 0, 1, 1] = 1
        lips[18].weight[0, 0, 0, 3, 3] = 1
        for head in (network.netfcaud, network.netfclip):
            head[0].weight[0, 0] = head[3].weight[0, 0] = 1
            head[3].bias[0] = -MIDDLE  # about zero, which stands beyond the clip
    return network


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted network as its publishers save theirs: an ordered table of tensors, in torch's older format."""
    path = tmp_path_factory.mktemp("syncnet") / "syncnet_v2.model"
    state = {name: v for name, v in planted().state_dict().items() if not name.endswith("num_batches_tracked")}
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path


def face_points(frames: int) -> np.ndarray:
    """A face 60 px wide in the middle of a picture of 200."""
    points = np.zeros((68, 2))
    points[:17] = np.column_stack((np.linspace(70, 130, 17), 100 + 30 * np.sin(np.linspace(0, np.pi, 17))))
    points[17:] = (100, 90)
    return np.tile(points, (frames, 1, 1))


def clip(frames: int, late: int) -> tuple[np.ndarray, np.ndarray]:
    """Sound of changing loudness, and pictures that are as grey as it is loud, `late` frames afterwards."""
    rng = np.random.default_rng(3)
    level = np.repeat(10 ** (-0.9 - 0.9 * rng.random(frames)), 640)
    waveform = (rng.uniform(-1, 1, len(level)) * level).astype(np.float32)
    energy = mfcc(np.round(waveform * 32768), SAMPLE_RATE)[:, 0]
    heard = np.array([energy[4 * window :][TAP].max() for window in range(frames - 6)])
    shown = heard[np.clip(np.arange(frames) - 2 - late, 0, len(heard) - 1)]
    grey = ((shown - LEVEL) * GAIN).round()
    assert grey.min() > 5 and grey.max() < 250
    return np.broadcast_to(grey.astype(np.uint8)[:, None, None, None], (frames, 200, 200, 3)), waveform


@pytest.mark.parametrize("late", [5, -3])
def test_a_planted_shift_is_recovered(weights: Path, late: int) -> None:
    count = 34
    pictures, waveform = clip(count, late)
    scorer = SyncScorer(SyncSettings(weights=weights, device="cpu", batch=16))
    found = scorer.score(iter(pictures), face_points(count), np.ones(count, bool), waveform)
    assert found is not None and found.offset == late
    inside = found.per_frame[8:-10]
    assert np.median(inside) < 0.1  # half a grey level is 0.04
    assert found.distance < 0.35 * found.curve.mean() and found.confidence > 0.5
    assert np.isnan(found.per_frame[[0, 1, -1, -2, -3]]).all() and np.isfinite(found.per_frame[2:-3]).all()


def test_batches_change_nothing(weights: Path) -> None:
    pictures, waveform = clip(12, 0)
    a, b = (
        SyncScorer(SyncSettings(weights=weights, device="cpu", batch=batch)).score(
            pictures, face_points(12), np.ones(12, bool), waveform
        )
        for batch in (3, 50)
    )
    assert a is not None and b is not None
    np.testing.assert_allclose(a.curve, b.curve, rtol=1e-5)


def test_what_cannot_be_scored_is_none(weights: Path) -> None:
    scorer = SyncScorer(SyncSettings(weights=weights, device="cpu"))
    pictures, waveform = clip(12, 0)
    assert scorer.score(pictures[:5], face_points(5), np.ones(5, bool), waveform) is None
    assert scorer.score(pictures, face_points(12), np.zeros(12, bool), waveform) is None
    assert scorer.score(pictures, face_points(12), np.ones(12, bool), waveform[:640]) is None


def test_the_square_is_the_pipelines() -> None:
    points, valid = face_points(30), np.ones(30, bool)
    points[:, 17:27, 1] = 60  # brows: 70 px above the chin at y = 130
    points[11:14] = 1e6
    valid[11:14] = False
    squares = face_squares(points, valid, forehead=0.5)
    np.testing.assert_allclose(squares, np.tile([100, (25 + 130) / 2, 105 / 2], (30, 1)))
    jump = points.copy()
    jump[20] += 40  # one frame's fault is no movement
    np.testing.assert_allclose(face_squares(jump, valid, forehead=0.5), squares)
    with pytest.raises(ValueError, match="no frame"):
        face_squares(points, np.zeros(30, bool), 0.5)


def test_crops_are_bgr_reach_below_the_chin_and_past_the_edge() -> None:
    frame = np.zeros((200, 200, 3), np.uint8)
    frame[..., 0] = np.arange(200)[:, None]  # red tells the row
    frame[..., 2] = np.arange(200)[None, :]  # blue the column
    crop = next(crop_faces([frame], np.array([[100.0, 80.0, 30.0]])))
    assert crop.shape == (224, 224, 3) and crop.dtype == np.uint8
    # Half side 30, scale 0.4: rows 50 … 134, columns 58 … 142.
    np.testing.assert_allclose(crop[[0, -1], 112, 2], [50, 133], atol=1)
    np.testing.assert_allclose(crop[112, [0, -1], 0], [58, 141], atol=1)
    expected = cv2.resize(frame[50:134, 58:142], (224, 224))[..., ::-1]
    np.testing.assert_array_equal(crop, expected)
    outside = next(crop_faces([frame], np.array([[10.0, 10.0, 30.0]])))
    assert (outside[0, 0] == 110).all() and (outside[-1, -1] != 110).any()


def test_factory_says_what_is_lacking(weights: Path, tmp_path: Path) -> None:
    absent = tmp_path / "syncnet_v2.model"
    told = make_sync(SyncSettings(weights=absent))
    assert isinstance(told, Unmeasured) and told.reason == f"lacks SyncNet's weights ({absent})"
    told = make_sync(SyncSettings(engine="none", weights=weights))
    assert isinstance(told, Unmeasured) and "switched off" in told.reason
    with pytest.raises(InputError, match=r"metrics.sync.engine 'syncnet' lacks SyncNet's weights: put it at") as error:
        make_sync(SyncSettings(engine="syncnet", weights=absent))
    assert "\n" not in str(error.value)
    made = make_sync(SyncSettings(weights=weights, device="cpu"))
    assert isinstance(made, SyncScorer) and made.weights == sha256(weights)


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def test_exception_on_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"netcnnaud.0.weight": torch.zeros(2)}, "other.model")
    with pytest.raises(InputError, match=r"other.model: has no netcnnaud.0.weight of shape \(64, 1, 3, 3\)"):
        load_syncnet(Path("other.model"))
    torch.save({"a": Evil()}, "evil.model")
    with pytest.raises(InputError, match=r"evil.model: cannot be read as PyTorch weights") as error:
        load_syncnet(Path("evil.model"))
    assert "\n" not in str(error.value) and not Path("executed").exists()
    with pytest.raises(InputError, match=r"absent.model: cannot be read"):
        load_syncnet(Path("absent.model"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_device_changes_nothing(weights: Path) -> None:
    pictures, waveform = clip(60, 2)
    here, there = (
        SyncScorer(SyncSettings(weights=weights, device=device)).score(
            pictures, face_points(60), np.ones(60, bool), waveform
        )
        for device in ("cpu", "cuda")
    )
    assert here is not None and there is not None and here.offset == there.offset == 2
    np.testing.assert_allclose(there.curve, here.curve, rtol=1e-2, atol=1e-2)
