import cv2
import numpy as np
import pytest

from emotag.media.sheet import (
    TILE,
    contact_sheet,
    draw_box,
    draw_line,
    draw_mask,
    draw_points,
    over_checkerboard,
    spread,
)


def test_spread_reaches_both_ends():
    assert spread(5, 12) == [0, 1, 2, 3, 4]
    assert spread(100, 4) == [0, 33, 66, 99]
    assert spread(0, 4) == []


def test_contact_sheet_is_a_grid_in_the_right_colours(tmp_path):
    red = np.zeros((100, 100, 3), np.uint8)
    red[..., 0] = 250
    contact_sheet(tmp_path / "a.jpg", [red] * 5, [str(i) for i in range(5)], columns=3)
    sheet = cv2.imread(str(tmp_path / "a.jpg"))[..., ::-1]
    assert sheet.shape[1] > 3 * TILE and sheet.shape[0] > 2 * TILE
    np.testing.assert_allclose(sheet[100, 100], [250, 0, 0], atol=6)
    assert sheet[TILE + 60, 2 * TILE + 100].max() < 60  # the sixth place is empty
    with pytest.raises(ValueError, match="captions"):
        contact_sheet(tmp_path / "b.jpg", [red], [])


def test_drawing_leaves_the_original_and_marks_the_place():
    image = np.zeros((64, 64, 3), np.uint8)
    points = np.array([[20.5, 30.5], [np.nan, np.nan]])
    drawn = draw_points(image, points, (0, 255, 0), radius=2)
    assert not image.any()
    y, x = np.nonzero(drawn[..., 1])
    assert abs(x.mean() - 20) < 0.3 and abs(y.mean() - 30) < 0.3
    assert draw_box(image, np.array([10, 10, 50, 40]))[10, 30].any()
    assert draw_line(image, np.array([[0, 5.5], [64, 5.5]]))[5, 32].any()


def test_masks():
    image = np.full((32, 32, 3), 100, np.uint8)
    alpha = np.zeros((32, 32), np.uint8)
    alpha[:16] = 255
    tinted = draw_mask(image, alpha, (255, 0, 0), 0.5)
    assert tinted[0, 0].tolist() == [178, 50, 50] and tinted[31, 0].tolist() == [100, 100, 100]
    board = over_checkerboard(image, alpha)
    assert (board[:16] == 100).all() and set(np.unique(board[16:])) == {120, 200}
