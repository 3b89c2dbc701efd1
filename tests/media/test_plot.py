from pathlib import Path

import cv2
import numpy as np
import pytest

from emotag.media.plot import WIDTH, Panel, heat, plot_sheet

RED, BLUE = (255, 0, 0), (0, 0, 255)


def columns_of(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Columns in which a pixel of about that colour stands."""
    near = (np.abs(picture.astype(int) - colour) < 60).all(axis=2)
    return np.flatnonzero(near.any(axis=0))


def test_a_line_rises_with_its_values_and_breaks_at_nan() -> None:
    panel = Panel(4.0, (0.0, 1.0), "share")
    times = np.arange(100) / 25
    values = times / 4
    values[40:60] = np.nan
    panel.line(times, values, RED)
    drawn = columns_of(panel.picture, RED)
    left, right = drawn.min(), drawn.max()
    gap = np.diff(drawn).max() / (right - left)
    assert gap == pytest.approx(20 / 99, abs=0.03)
    rows = [
        np.flatnonzero((np.abs(panel.picture[:, x].astype(int) - RED) < 60).all(axis=1)).mean() for x in (left, right)
    ]
    assert rows[0] > rows[1] + 100  # y runs down


def test_values_beyond_the_span_stay_in_the_plot() -> None:
    panel = Panel(1.0, (0.0, 1.0), "share")
    before = panel.picture.copy()
    panel.line(np.array([0.0, 0.9]), np.array([-50.0, 50.0]), RED)
    changed = np.flatnonzero((panel.picture != before).any(axis=(1, 2)))
    assert changed.min() >= 6 and changed.max() <= panel.picture.shape[0] - 18


def test_bands_fill_and_a_single_point_shows() -> None:
    panel = Panel(1.0, (0.0, 1.0), "share")
    times = np.arange(25) / 25
    panel.band(times, np.zeros(25), np.full(25, 0.5), BLUE)
    blue = (np.abs(panel.picture.astype(int) - BLUE) < 10).all(axis=2).mean()
    assert 0.35 < blue < 0.5
    lonely = np.full(25, np.nan)
    lonely[12] = 0.9
    panel.line(times, lonely, RED)
    assert len(columns_of(panel.picture, RED))


def test_an_image_stands_upright() -> None:
    panel = Panel(1.0, (0, 2), "rows", ticks=())
    panel.image(heat(np.array([[0.0, 0.0], [1.0, 1.0]]), 0, 1))  # the second row is the upper one
    height = panel.picture.shape[0]
    assert panel.picture[height // 4, WIDTH // 2].mean() > panel.picture[3 * height // 4, WIDTH // 2].mean() + 100


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_sheet_holds_images_panels_and_legend(tmp_path: Path, suffix: str) -> None:
    panel = Panel(1.0, (0.0, 1.0), "share")
    plain = panel.legend().shape[0]
    panel.line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), RED, "rise")
    path = tmp_path / f"sheet.{suffix}"
    plot_sheet(path, "title", [panel, panel], [np.zeros((64, 64, 3), np.uint8)] * 4)
    written = cv2.imread(str(path))
    assert written.shape == (24 + WIDTH // 4 + 2 * panel.legend().shape[0], WIDTH, 3)
    assert panel.legend().shape[0] > plain


def test_an_unknown_kind_of_file_is_told(tmp_path: Path) -> None:
    with pytest.raises((ValueError, cv2.error)):
        plot_sheet(tmp_path / "sheet.nothing", "title", [Panel(1.0, (0, 1), "x")])
    assert not list(tmp_path.iterdir())
