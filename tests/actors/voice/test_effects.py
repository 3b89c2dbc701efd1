import numpy as np
import pytest

from emotag.actors.types import Phone
from emotag.actors.voice.effects import (
    active_level,
    add_breath,
    change_level,
    soften_peaks,
    stretch_pauses,
    tilt,
)

RATE = 22050


@pytest.fixture
def harmonics():
    """120 Hz and its multiples for one second, then half a second of silence."""
    time = np.arange(RATE) / RATE
    sound = sum(np.sin(2 * np.pi * 120 * k * time + k) / k for k in range(1, 70))
    return np.concatenate((0.05 * sound, np.zeros(RATE // 2))).astype(np.float32)


def band_db(sound, low_hz, high_hz):
    spectrum = np.square(np.abs(np.fft.rfft(sound)))
    hz = np.fft.rfftfreq(len(sound), 1 / RATE)
    return 10 * np.log10(spectrum[(hz >= low_hz) & (hz < high_hz)].sum())


@pytest.mark.parametrize("slope", [-4.0, -1.0, 2.0, 4.0])
def test_tilt(harmonics, slope):
    result = tilt(harmonics, RATE, slope)

    def octaves(low_hz):  # 1 kHz and 4 kHz: two octaves apart
        return band_db(result, low_hz, low_hz * 1.2) - band_db(harmonics, low_hz, low_hz * 1.2)

    assert octaves(4000) - octaves(1000) == pytest.approx(2 * slope, abs=0.4)
    assert active_level(result, RATE) == pytest.approx(active_level(harmonics, RATE), abs=0.1)
    assert not result[-RATE // 3 :].any()
    assert np.array_equal(tilt(harmonics, RATE, 0.0), harmonics)


def test_breath_takes_the_place_of_high_harmonics(harmonics):
    def harmonic_share(sound, low_hz, high_hz):  # energy within 12 Hz of a harmonic
        spectrum = np.square(np.abs(np.fft.rfft(sound[: RATE - 2000] * np.hanning(RATE - 2000))))
        hz = np.fft.rfftfreq(RATE - 2000, 1 / RATE)
        near = np.abs((hz + 60) % 120 - 60) < 12
        band = (hz > low_hz) & (hz < high_hz)
        return spectrum[near & band].sum() / spectrum[band].sum()

    shares = []
    for amount in (0.0, 0.3, 0.7, 1.0):
        result = add_breath(harmonics, RATE, amount, np.random.default_rng(0))
        assert len(result) == len(harmonics)
        assert not result[-RATE // 3 :].any()
        assert active_level(result, RATE) == pytest.approx(active_level(harmonics, RATE), abs=1.0)
        assert harmonic_share(result, 100, 700) > 0.97
        shares.append(harmonic_share(result, 3000, 7000))
    assert shares == sorted(shares, reverse=True) and shares[0] > 0.97 and shares[-1] < 0.6


def test_level_follows_its_curve(harmonics):
    db = np.where(np.arange(301) < 100, -6.0, 6.0)
    result = change_level(harmonics, RATE, db)
    for at, expected in ((0.2, -6), (0.8, 6)):
        piece = slice(round(at * RATE), round((at + 0.1) * RATE))
        assert 20 * np.log10(np.std(result[piece]) / np.std(harmonics[piece])) == pytest.approx(expected, abs=0.05)


def test_peaks_are_rounded_not_cut():
    ramp = np.linspace(-3, 3, 6001).astype(np.float32)
    result = soften_peaks(ramp)
    assert np.abs(result).max() <= 1
    quiet = np.abs(ramp) <= 0.8
    assert np.array_equal(result[quiet], ramp[quiet])
    assert np.all(np.diff(result) >= 0)
    assert np.all(np.diff(result[np.abs(ramp) < 1.5]) > 0)


def test_pauses_are_stretched_and_phones_move(harmonics):
    sound = np.concatenate((harmonics, harmonics))
    phones = (Phone("a", 0, 1, 2), Phone("", 1, 1.5, 0), Phone("o", 1.5, 2.5, 0), Phone("", 2.5, 3, 0))
    for factor in (0.5, 1.0, 2.0):
        result, moved = stretch_pauses(sound, RATE, phones, factor)
        assert [round(phone.end_s, 3) for phone in moved] == pytest.approx(
            [1, 1 + 0.5 * factor, 2 + 0.5 * factor, 2 + factor], abs=1e-3
        )
        start = round(moved[2].start_s * RATE)
        assert np.array_equal(result[start : start + RATE], harmonics[:RATE])
        assert moved[-1].end_s * RATE == pytest.approx(len(result))
        assert [(phone.ipa, phone.stress) for phone in moved] == [(phone.ipa, phone.stress) for phone in phones]
