import csv
import gzip
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from emotag.media.video import stream_frames
from emotag.perception.detection.blazeface import BlazeFace
from emotag.perception.detection.detector import Detection
from emotag.perception.landmarks.face_mesh import FaceMesh
from emotag.perception.landmarks.filtering import one_euro
from emotag.perception.landmarks.ibug68 import IBUG68, to_ibug68
from emotag.perception.landmarks.iris import Eyes, IrisNetwork
from emotag.perception.landmarks.region import Region, cut_patch, region_of_detection, region_of_landmarks
from emotag.perception.landmarks.sequence import LandmarksSettings, track_landmarks
from emotag.perception.open_models import fetch_open_models

FOOTAGE = Path(__file__).parents[2] / "../shared/footage"
MIRROR68 = [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46, 39, 38,
            37, 36, 41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]  # fmt: skip


@pytest.fixture(scope="module")
def open_networks() -> Path:
    folder = Path(__file__).parents[2] / "models" / "open"
    fetch_open_models(folder)  # nothing to do when they are there
    return folder


def test_region_maps_there_and_back():
    region = Region(np.array([100.0, 60.0]), 80.0, 0.4)
    points = np.random.default_rng(0).uniform(40, 140, (20, 3))
    warp = region.to_patch(192)
    patch = np.column_stack((points[:, :2] @ warp[:, :2].T + warp[:, 2], points[:, 2] * 192 / 80))
    np.testing.assert_allclose(region.from_patch(patch, 192), points, atol=1e-3)
    np.testing.assert_allclose(region.to_patch(192)[:, :2] @ region.centre + warp[:, 2], [96, 96])


@pytest.mark.parametrize(("side", "angle"), [(64.0, 0.0), (64.0, 0.5), (300.0, -0.3), (30.0, 1.2)])
def test_patches_show_what_the_map_says(side, angle):
    """A picture whose colours are its coordinates is read back through the map, at every scale."""
    y, x = np.mgrid[0:400, 0:400] + 0.5
    image = np.stack((x, y, x + y), axis=-1) / 800
    region = Region(np.array([203.0, 190.0]), side, angle)
    patch = cut_patch((image * 255 * 2).astype(np.uint8), region, 64) / 2 * 800 / 1
    rows, columns = np.mgrid[8:56:8, 8:56:8]
    wanted = region.from_patch(np.stack((columns.ravel(), rows.ravel()), axis=1) + 0.5, 64)
    np.testing.assert_allclose(patch[rows.ravel(), columns.ravel(), 0], wanted[:, 0], atol=2.0)
    np.testing.assert_allclose(patch[rows.ravel(), columns.ravel(), 1], wanted[:, 1], atol=2.0)


def test_mirrored_patch_is_the_patch_mirrored():
    image = np.random.default_rng(0).integers(0, 255, (90, 90, 3)).astype(np.uint8)
    region = Region(np.array([45.0, 40.0]), 50.0, 0.2)
    np.testing.assert_array_equal(cut_patch(image, region, 64, mirrored=True), cut_patch(image, region, 64)[:, ::-1])


def test_region_follows_the_roll_of_the_eyes():
    keypoints = np.zeros((6, 2), dtype=np.float32)
    keypoints[0], keypoints[1] = (40, 50), (80, 90)
    region = region_of_detection(Detection(np.array([30.0, 30.0, 100.0, 110.0]), 1.0, keypoints))
    assert region.angle == pytest.approx(math.pi / 4) and region.side == 120
    np.testing.assert_allclose(region.centre, [65, 70])


def test_ibug_table_names_68_different_points():
    assert IBUG68.shape == (68,) and len(set(IBUG68.tolist())) == 68
    points = np.random.default_rng(0).normal(size=(4, 468, 3))
    np.testing.assert_array_equal(to_ibug68(points)[2, 8], points[2, 152, :2])


def test_one_euro_removes_jitter_and_does_not_lag():
    rng = np.random.default_rng(0)
    valid = np.ones(200, bool)
    noise = rng.normal(0, 0.5, (200, 3))
    calm = one_euro(100 + noise, valid, min_cutoff=1.0, beta=0.0)
    assert calm[20:-20].std() < 0.5 * noise.std() and abs(calm.mean() - 100) < 0.1
    ramp = np.arange(200.0)[:, None] * 2
    np.testing.assert_allclose(one_euro(ramp, valid, min_cutoff=1.0, beta=0.0)[60:140], ramp[60:140], atol=0.05)
    assert np.ptp(one_euro(np.full((9, 2), 3.0), np.ones(9, bool), min_cutoff=1, beta=1)) == 0


def test_one_euro_starts_anew_after_a_gap():
    values = np.concatenate((np.zeros(10), np.full(3, np.nan), np.full(10, 50.0)))[:, None]
    valid = np.isfinite(values[:, 0])
    out = one_euro(values, valid, min_cutoff=1.0, beta=0.0)
    assert np.isnan(out[10:13]).all() and (out[:10] == 0).all() and (out[13:] == 50).all()


class _Detector:
    engine = digest = "scripted"

    def __init__(self) -> None:
        self.calls = 0

    def detect(self, image: np.ndarray) -> list[Detection]:
        self.calls += 1
        keypoints = np.array([[20, 30], [40, 30], [30, 40], [30, 50], [10, 30], [50, 30]], dtype=np.float32)
        return [] if image[0, 0, 0] == 1 else [Detection(np.array([10.0, 10.0, 50.0, 60.0]), 0.9, keypoints)]


class _Landmarker:
    """A face in every picture but the blank ones (1: nothing there, 2: the detector alone believes in it)."""

    engine = digest = "scripted"

    def detect(self, image: np.ndarray, region: Region) -> tuple[np.ndarray, float]:
        points = np.random.default_rng(0).uniform(10, 50, (468, 3)).astype(np.float32)
        points[33, :2], points[263, :2] = (20, 30), (40, 30)
        return points + region.side / 1000, 0.0 if image[0, 0, 0] else 0.99


class _Iris:
    engine = digest = "scripted"

    def detect(self, image: np.ndarray, points: np.ndarray) -> np.ndarray:
        return Eyes(np.zeros((2, 5, 3), dtype=np.float32), np.zeros((2, 16, 3), np.float32))


def test_a_lost_face_is_found_again_and_its_frames_say_so():
    frames = [np.full((64, 64, 3), value, np.uint8) for value in (0, 0, 1, 2, 0, 0)]
    detector = _Detector()
    series = track_landmarks(frames, detector, _Landmarker(), _Iris(), LandmarksSettings())
    assert series.valid.tolist() == [True, True, False, False, True, True]
    assert np.isnan(series.points[2:4]).all() and np.isnan(series.iris[2:4]).all()
    assert np.isfinite(series.points[series.valid]).all()
    assert detector.calls == 4  # at the start, on both lost frames, on coming back
    filtered = track_landmarks(frames, _Detector(), _Landmarker(), _Iris(), LandmarksSettings(smoothing=True))
    np.testing.assert_array_equal(np.isnan(filtered.points), np.isnan(series.points))


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    path = FOOTAGE / "adapt/anchor-de.mp4"
    if not path.exists():
        pytest.skip("needs ../shared/footage")
    return next(stream_frames(path))


@pytest.fixture(scope="module")
def place(open_networks):
    detector, mesh = BlazeFace(open_networks), FaceMesh(open_networks)

    def run(image: np.ndarray) -> tuple[np.ndarray, float]:
        points, _ = mesh.detect(image, region_of_detection(detector.detect(image)[0]))
        return mesh.detect(image, region_of_landmarks(points))

    return run


@pytest.mark.shared
def test_points_move_with_the_picture(portrait, place):
    points, score = place(portrait)
    assert score > 0.99
    turn = cv2.getRotationMatrix2D((255.5, 255.5), 14, 0.8)
    turn[:, 2] += (12.25, -9.5)
    turned, _ = place(cv2.warpAffine(portrait, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE))
    expected = (points[:, :2] - 0.5) @ turn[:, :2].T + turn[:, 2] + 0.5
    width = np.ptp(turned[:, 0])
    assert np.linalg.norm(turned[:, :2] - expected, axis=1).mean() < 0.012 * width
    assert points[4, 2] < points[[234, 454], 2].min()  # the nose is nearer to the camera than the cheeks: negative


@pytest.mark.shared
def test_a_mirrored_face_has_mirrored_landmarks(portrait, place):
    points = to_ibug68(place(portrait)[0])
    mirrored = to_ibug68(place(np.ascontiguousarray(portrait[:, ::-1]))[0])
    mirrored = np.column_stack((512 - mirrored[:, 0], mirrored[:, 1]))[MIRROR68]
    assert np.linalg.norm(points - mirrored, axis=1).mean() < 0.02 * np.ptp(points[:, 0])


@pytest.mark.shared
def test_a_picture_without_a_face_scores_low(place, open_networks):
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3)).astype(np.uint8)
    assert FaceMesh(open_networks).detect(noise, Region(np.array([128.0, 128.0]), 200.0, 0.0))[1] < 0.1


@pytest.mark.shared
def test_the_68_points_agree_with_openface(open_networks):
    """Mean distance over 20 frames, in distances between the outer eye corners."""
    truth = FOOTAGE / "openface/anchor-de.csv.gz"
    if not truth.exists():
        pytest.skip("needs ../shared/footage")
    with gzip.open(truth, "rt") as file:
        rows = [{key.strip(): value for key, value in row.items()} for row in csv.DictReader(file)][:20]
    expected = np.array([[[float(row[f"{axis}_{i}"]) for axis in "xy"] for i in range(68)] for row in rows])
    frames = stream_frames(FOOTAGE / "adapt/anchor-de.mp4")
    series = track_landmarks(
        [next(frames) for _ in range(20)], BlazeFace(open_networks), FaceMesh(open_networks),
        IrisNetwork(open_networks), LandmarksSettings(),
    )  # fmt: skip
    points = to_ibug68(series.points)
    unit = np.linalg.norm(points[:, 36] - points[:, 45], axis=1)[:, None]
    error = (np.linalg.norm(points - expected, axis=2) / unit).mean(axis=0)
    assert error[17:].mean() < 0.04 and error[:17].mean() < 0.09 and error[48:].mean() < 0.04
    assert series.valid.all()


@pytest.mark.shared
def test_irises_lie_in_their_eyes(portrait, place, open_networks):
    points, _ = place(portrait)
    eyes = IrisNetwork(open_networks).detect(portrait, points)
    corners = ((263, 362, 386, 374), (33, 133, 159, 145))
    for iris, lids, (outer, inner, upper, lower) in zip(eyes.iris, eyes.eyelids, corners):
        low, high = sorted((points[outer, 0], points[inner, 0]))
        assert low < iris[0, 0] < high
        assert points[upper, 1] - 5 < iris[0, 1] < points[lower, 1] + 5
        radius = np.linalg.norm(iris[1:, :2] - iris[0, :2], axis=1)
        assert 0.08 < radius.mean() / (high - low) < 0.35
        # The contour spans the eye from corner to corner and lies around the iris.
        assert abs(lids[:, 0].min() - low) < 0.2 * (high - low)
        assert abs(lids[:, 0].max() - high) < 0.2 * (high - low)
        assert lids[:, 1].min() < iris[0, 1] < lids[:, 1].max()
