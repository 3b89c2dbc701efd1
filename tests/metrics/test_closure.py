"""Phones and closures, by hand-made tables."""

from pathlib import Path

import numpy as np
import pytest

from emotag.errors import InputError
from emotag.metrics.closure import CLOSED_SHARE, MARGIN, LipScale, closures
from emotag.metrics.phones import bilabial_spans, is_bilabial, is_vowel, read_phones, vowel_spans
from emotag.tables import frame_table, write_table

PHONES = ["", "m", "m", "eɪ", "eɪ", "b", "iː", "iː", "m", "p", "ɑːɹ", "ɑːɹ", "s", "", "b", "ɪ"]
SCALE = LipScale(width=0.6, closed=0.1)


@pytest.mark.parametrize("phone", ["p", "b", "m", "pʰ", "mʲ", "P", "B", "M", "EM", "EM0"])
def test_bilabials(phone: str) -> None:
    assert is_bilabial(phone) and not is_vowel(phone)


@pytest.mark.parametrize("phone", ["iː", "ɪ", "ɑːɹ", "ɚ", "AA1", "IY", "UH0", "y", "øː", "EH2"])
def test_vowels(phone: str) -> None:
    assert is_vowel(phone) and not is_bilabial(phone)


@pytest.mark.parametrize("phone", ["", "f", "v", "w", "ʃ", "SIL", "F", "Y", "EN", "EL", "spn", "S"])
def test_neither(phone: str) -> None:
    assert not is_vowel(phone) and not is_bilabial(phone)


def test_intervals_of_phones() -> None:
    assert bilabial_spans(PHONES) == [(1, 3), (5, 6), (8, 10), (14, 15)]  # "mp" is one closure
    assert vowel_spans(PHONES) == [(3, 5), (6, 8), (10, 12), (15, 16)]


def test_closures_by_a_hand_made_table() -> None:
    #                 "" m    m    eɪ   eɪ   b    iː   iː   m    p    ɑːɹ  ɑːɹ  s    ""   b    ɪ
    truth = np.array([2, 0.5, 0.5, 4, 5, 3, 0.9, 4, 0.5, 0.2, 6, 5, 3, 3, 2, 2]) / 10
    found = np.array([2, 1.5, 0.8, 4, 5, 3, 3, 3, 2.2, 2.0, 1.6, 0.5, 3, 3, 0, 2]) / 10
    made = closures(PHONES, SCALE, truth, found)
    # m m: both close. b at 5: the truth closes a frame late, the render nowhere near. "mp": the render, even a frame
    # later, keeps 0.16. b at 14: the truth does not close, so nothing is asked.
    assert made.rate[[1, 5, 8]].tolist() == [1, 0, 0] and np.isfinite(made.rate).sum() == 3
    assert made.excess[[1, 5, 8]] == pytest.approx([0.03, 0.21, 0.14])
    # eɪ, ɪ: open in both. iː: the truth itself shuts at 6. ɑːɹ: open in truth, the render shuts at 11.
    assert made.false_rate[[3, 10, 15]].tolist() == [0, 1, 0] and np.isfinite(made.false_rate).sum() == 3


def test_a_closure_may_come_a_frame_early_or_late_and_no_more() -> None:
    phones = ["a"] * 4 + ["p"] + ["a"] * 4
    for frame in range(9):
        gap = np.full(9, 0.5)
        gap[frame] = 0.0
        made = closures(phones, SCALE, gap, gap)
        assert np.isfinite(made.rate).any() == (abs(frame - 4) <= MARGIN)


def test_frames_without_landmarks_are_left_out() -> None:
    truth, render = np.full(16, 0.05), np.full(16, np.nan)
    assert np.isnan(closures(PHONES, SCALE, truth, render).rate).all()
    render[2] = 0.05
    assert np.isfinite(closures(PHONES, SCALE, truth, render).rate).sum() == 1


def face(gaps: np.ndarray, scale: float = 1.0) -> np.ndarray:  # (T, 68, 2)
    """Eyes 100 px apart, a mouth 50 px wide."""
    points = np.zeros((len(gaps), 68, 2))
    points[:, 45, 0], points[:, 54, 0] = 100, 50
    points[:, [67, 66, 65], 1] = gaps[:, None]
    return points * scale


@pytest.mark.parametrize("scale", [1.0, 3.5])
def test_scale_by_hand(scale: float) -> None:
    """Gaps of 2 … 22 px are shares 0.04 … 0.44 of the mouth; its shut mouth is not 0."""
    gaps = np.linspace(2, 22, 41)
    made = LipScale.of(face(gaps, scale))
    assert made is not None and made.width == pytest.approx(0.5)
    shut, wide = 0.06, 0.42
    assert made.closed == pytest.approx(shut + CLOSED_SHARE * (wide - shut))
    assert made.gap(face(np.array([10.0]), scale)) == pytest.approx([0.2])


def test_no_scale_without_motion_or_frames() -> None:
    assert LipScale.of(face(np.full(60, 5.0))) is None
    assert LipScale.of(face(np.linspace(0, 9, 10))) is None


def test_actors_table(tmp_path: Path) -> None:
    path = tmp_path / "take.parquet"
    write_table(path, frame_table("take", {"phone": PHONES}), {})
    assert read_phones(path, 16) == PHONES
    assert read_phones(path, 4, start_s=5 / 25) == PHONES[5:9]
    assert read_phones(path, 18)[-2:] == ["", ""]
    with pytest.raises(InputError, match="no phone between 9"):
        read_phones(path, 4, start_s=9.0)


def test_aligners_table(tmp_path: Path) -> None:
    path = tmp_path / "clip.csv"
    path.write_text(
        "Begin,End,Label,Type,Speaker\n0.0,0.30,maybe,words,a\n0.05,0.12,M,phones,a\n0.12,0.2,EY1,phones,a\n"
        "0.2,0.22,sil,phones,a\n"
    )
    assert read_phones(path, 6) == ["", "M", "M", "EY1", "EY1", ""]


@pytest.mark.parametrize(
    ("text", "why"),
    [("Begin,End\n0,1\n", "needs numbers under Begin and End"), ("Begin,End,Label\nx,1,a\n", "needs numbers"),
     ("Begin,End,Label\n", "holds no phone")],
)  # fmt: skip
def test_exception_on_another_table(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "clip.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=why):
        read_phones(path, 6)
    with pytest.raises(InputError, match="not found"):
        read_phones(tmp_path / "none.csv", 6)
