from itertools import pairwise

import numpy as np
import pytest

from emotag.errors import InputError
from emotag.perception.crop import (
    CropSettings,
    FaceBoxes,
    crop_frames,
    crop_square,
    find_faces,
    is_whole_frame,
    square_path,
)
from emotag.perception.detection.detector import Detection

SETTINGS = CropSettings()


class ScriptedDetector:
    """Finds what the script says: a frame's number is in its first pixel; faces are (centre x, centre y, side)."""

    engine, version, digest = "scripted", "1", "0"

    def __init__(self, script: list[list[tuple[float, float, float]]]) -> None:
        self.script = script
        self.seen_whole = 0

    def detect(self, image: np.ndarray) -> list[Detection]:
        left, top, number = (int(v) for v in image[0, 0])  # frames are made so that a window knows its place
        self.seen_whole += image.shape[:2] == (200, 250)
        found = []
        for x, y, side in self.script[number]:
            box = np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2]) - [left, top, left, top]
            inside = (box[:2] > -side / 2).all() and box[2] < image.shape[1] + side / 2
            if inside:
                found.append(Detection(box.astype(np.float32), 0.9, np.zeros((6, 2), dtype=np.float32)))
        return found


def _frames(count: int):
    y, x = np.mgrid[0:200, 0:250]
    for number in range(count):
        yield np.stack((x, y, np.full_like(x, number)), axis=-1).astype(np.uint8)


def _find(script, settings=SETTINGS) -> FaceBoxes:
    return find_faces(_frames(len(script)), ScriptedDetector(script), settings, "clip.mp4")


def _still(count: int) -> list[list[tuple[float, float, float]]]:
    return [[(120.0, 90.0, 50.0)] for _ in range(count)]


def test_faces_are_followed_near_the_last_place():
    script = [[(60.0 + 2 * i, 80.0, 50.0)] for i in range(40)]
    detector = ScriptedDetector(script)
    faces = find_faces(_frames(40), detector, SETTINGS, "clip.mp4")
    np.testing.assert_allclose(faces.centre[:, 0], 60 + 2 * np.arange(40), atol=1e-3)
    assert faces.valid.all() and faces.size == (250, 200)
    assert detector.seen_whole == 8  # of 40: every fifth


def test_short_gaps_are_bridged_and_marked():
    script = [[(100.0 + i, 90.0, 50.0)] for i in range(30)]
    for gap in (0, 1, 12, 13, 14, 29):
        script[gap] = []
    faces = _find(script)
    assert np.flatnonzero(~faces.valid).tolist() == [0, 1, 12, 13, 14, 29]
    np.testing.assert_allclose(faces.centre[2:29, 0], 100 + np.arange(2, 29), atol=1e-3)
    assert faces.centre[0, 0] == 102 and (faces.score[~faces.valid] == 0).all()


def test_a_long_gap_is_refused_with_its_frames():
    script = _still(40)
    script[9:21] = [[]] * 12
    with pytest.raises(InputError, match=r"no face in frame 9 \(0.36 s\) nor in the 10 after it"):
        _find(script)


def test_no_face_at_all_is_refused():
    for count in (5, 30):
        with pytest.raises(InputError, match="no face") as caught:
            _find([[]] * count)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no frames"):
        _find([])


def test_a_second_face_is_refused_when_it_stays():
    two = [(80.0, 90.0, 50.0), (180.0, 90.0, 40.0)]
    with pytest.raises(InputError, match="two faces of similar size in frame 0"):
        _find([list(two) for _ in range(25)])
    _find([list(two), *_still(24)])  # in one looked-at frame only
    _find([[two[0], (180.0, 90.0, 20.0)] for _ in range(25)])  # a small one, far behind


def test_a_cut_is_refused():
    script = [[(60.0, 80.0, 40.0)]] * 10 + [[(200.0, 150.0, 40.0)]] * 10
    with pytest.raises(InputError, match="jumps at frame 10"):
        _find(script)


def _faces(centre: np.ndarray, side: np.ndarray | float, size=(1920, 1080)) -> FaceBoxes:
    count = len(centre)
    sides = np.broadcast_to(np.asarray(side, dtype=np.float32), count)
    return FaceBoxes(centre.astype(np.float32), sides, np.ones(count, np.float32), np.ones(count, bool), size)


def test_a_head_that_stays_near_gets_one_still_square_on_whole_pixels():
    rng = np.random.default_rng(0)
    path = square_path(_faces(np.array([900.0, 500.0]) + rng.normal(0, 12, (100, 2)), 200), 256, SETTINGS)
    assert np.ptp(path, axis=0).max() == 0 and (path == np.round(path)).all()
    np.testing.assert_allclose(path[0, 2], 520)
    np.testing.assert_allclose(path[0, :2] + 260, [900, 500], atol=4)


def test_a_head_that_wanders_is_followed_smoothly():
    rng = np.random.default_rng(0)
    walk = np.stack((np.linspace(500, 1300, 200), np.full(200, 500)), axis=1)
    path = square_path(_faces(walk + rng.normal(0, 4, walk.shape), 150), 256, SETTINGS)
    assert np.ptp(path[:, 2]) == 0
    centre = path[:, :2] + path[:, 2:] / 2
    assert np.abs(centre - walk)[20:-20].max() < 8
    steps = np.diff(centre, axis=0)
    assert np.abs(np.diff(steps, axis=0)).max() < 0.5  # pixels a frame²: no jitter of the detector is left


@pytest.mark.parametrize("size", [(512, 512), (640, 480), (1080, 1920), (200, 200)])
def test_the_square_lies_inside_of_the_frame(size):
    corners = [(0, 0), (size[0], 0), (size[0] / 2, size[1]), size]
    for corner in corners:
        x, y, side = square_path(_faces(np.tile(corner, (5, 1)).astype(float), 90, size), 256, SETTINGS)[0]
        assert x >= 0 and y >= 0 and x + side <= size[0] and y + side <= size[1]


@pytest.mark.parametrize("face", [200, 240, 302])
def test_square_talking_head_clips_come_out_whole(face):
    path = square_path(_faces(np.tile([280.0, 290.0], (10, 1)), face, (512, 512)), 512, SETTINGS)
    assert is_whole_frame(path, (512, 512), 512)
    assert not is_whole_frame(path, (512, 512), 256)
    image = np.random.default_rng(0).integers(0, 255, (512, 512, 3)).astype(np.uint8)
    np.testing.assert_array_equal(next(crop_frames([image], path[:1], 512)), image)


def test_a_square_near_the_wanted_size_is_not_resampled():
    path = square_path(_faces(np.tile([900.0, 500.0], (10, 1)), 100), 256, SETTINGS)
    assert path[0, 2] == 256
    image = np.random.default_rng(0).integers(0, 255, (1080, 1920, 3)).astype(np.uint8)
    x, y, side = path[0].astype(int)
    np.testing.assert_array_equal(crop_square(image, *path[0], 256), image[y : y + side, x : x + side])


def test_cropping_keeps_places_and_brightness():
    y, x = np.mgrid[0:250, 0:250]
    image = np.stack((x, y, np.full_like(x, 77)), axis=-1).astype(np.uint8)
    for left, top, side, size in ((40, 30, 200, 50), (40.4, 30.7, 200.5, 50), (40, 30, 60, 240), (40.3, 30.6, 60, 240)):
        patch = crop_square(image, left, top, side, size).astype(float)
        ticks = (np.arange(size) + 0.5) * side / size - 0.5  # source index of each patch pixel's centre
        inner = slice(size // 10, -size // 10)
        np.testing.assert_allclose(patch[size // 2, inner, 0], left + ticks[inner], atol=0.75)
        np.testing.assert_allclose(patch[inner, size // 2, 1], top + ticks[inner], atol=0.75)
        assert abs(patch[..., 2].mean() - 77) < 0.5


def test_frames_and_boxes_must_agree():
    frames = [np.zeros((64, 64, 3), np.uint8)] * 3
    with pytest.raises(ValueError):
        list(crop_frames(frames, np.tile([0, 0, 64], (2, 1)), 32))
    assert all(a is not b for a, b in pairwise(crop_frames(frames, np.tile([0, 0, 64], (3, 1)), 32)))
