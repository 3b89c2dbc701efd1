from pathlib import Path

import cv2
import numpy as np
import pytest

from emotag.media.video import stream_frames
from emotag.perception.detection.anchors import anchor_centres
from emotag.perception.detection.blazeface import BlazeFace
from emotag.perception.detection.detector import Detection, merge_detections, overlap
from emotag.perception.open_models import fetch_open_models

FOOTAGE = Path(__file__).parents[2] / "../shared/footage"


@pytest.fixture(scope="module")
def open_networks() -> Path:
    folder = Path(__file__).parents[2] / "models" / "open"
    fetch_open_models(folder)  # nothing to do when they are there
    return folder


def _detection(x: float, y: float, side: float, score: float = 0.9) -> Detection:
    box = np.array([x, y, x + side, y + side], dtype=np.float32)
    return Detection(box, score, np.full((6, 2), (x, y), dtype=np.float32))


def test_anchors_of_the_two_networks():
    short = anchor_centres(128, ((8, 2), (16, 6)))
    assert short.shape == (896, 2)
    np.testing.assert_allclose(short[0], short[1])
    np.testing.assert_allclose(short[:4], [[1 / 32, 1 / 32]] * 2 + [[3 / 32, 1 / 32]] * 2)
    np.testing.assert_allclose(short[512], [1 / 16, 1 / 16])
    assert anchor_centres(192, ((4, 1),)).shape == (2304, 2)


def test_overlap_of_boxes():
    boxes = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [2, 2, 4, 4]], dtype=np.float32)
    np.testing.assert_allclose(overlap(boxes[0], boxes), [1, 1 / 3, 0])


def test_merging_averages_by_score_and_keeps_others_apart():
    merged = merge_detections([_detection(0, 0, 10, 0.9), _detection(2, 0, 10, 0.3), _detection(50, 0, 10, 0.6)], 0.3)
    assert [round(d.score, 3) for d in merged] == [0.9, 0.6]
    np.testing.assert_allclose(merged[0].box, [0.5, 0, 10.5, 10], atol=1e-5)
    np.testing.assert_allclose(merged[0].keypoints, np.tile([0.5, 0], (6, 1)), atol=1e-5)
    assert merge_detections([], 0.3) == []


def test_noise_has_no_face(open_networks):
    noise = np.random.default_rng(0).integers(0, 255, (360, 640, 3)).astype(np.uint8)
    assert BlazeFace(open_networks).detect(noise) == []
    assert BlazeFace(open_networks).detect(np.zeros((90, 50, 3), np.uint8)) == []


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    path = FOOTAGE / "adapt/anchor-de.mp4"
    if not path.exists():
        pytest.skip("needs ../shared/footage")
    return next(stream_frames(path))


@pytest.fixture(scope="module")
def detector(open_networks) -> BlazeFace:
    return BlazeFace(open_networks)


@pytest.mark.shared
def test_keypoints_lie_where_their_names_say(portrait, detector):
    (face,) = detector.detect(portrait)
    right_eye, left_eye, nose, mouth, right_ear, left_ear = face.keypoints
    assert right_ear[0] < right_eye[0] < nose[0] < left_eye[0] < left_ear[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < mouth[1] < face.box[3]
    assert face.score > 0.8


@pytest.mark.shared
@pytest.mark.parametrize(("side", "left", "top"), [(700, 100, 50), (300, 1500, 600), (130, 300, 800), (110, 1700, 30)])
def test_faces_of_any_size_anywhere_in_a_wide_picture(portrait, detector, side, left, top):
    """From a face that fills the frame to one of 50 pixels, which only the tiles can find."""
    wide = np.full((1080, 1920, 3), 90, dtype=np.uint8)
    wide[top : top + side, left : left + side] = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA)
    (alone,) = detector.detect(portrait)
    (face,) = detector.detect(wide)
    expected = alone.box * side / 512 + np.array([left, top, left, top])
    assert overlap(face.box, expected[None])[0] > 0.6


@pytest.mark.shared
def test_two_faces_are_two(portrait, detector):
    assert len(detector.detect(np.concatenate((portrait, portrait[:, ::-1]), axis=1))) == 2
