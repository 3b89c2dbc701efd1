import csv
import gzip
from pathlib import Path

import av
import numpy as np
import pytest

from emotag.metrics.audio_mouth import DYNAMIC_RANGE_DB, audio_mouth_lag, speech_envelope
from emotag.metrics.landmarks import mouth_opening

FOOTAGE = Path(__file__).parents[2] / "../shared/footage"


def speech(frames: int, seed: int = 0) -> np.ndarray:
    """Loudness with a syllable's rhythm, in dB."""
    noise = np.random.default_rng(seed).normal(size=frames + 4)
    return -30 + 10 * np.convolve(noise, np.ones(5) / 5, "valid")


@pytest.mark.parametrize("lag", [-9, -3, 0, 2, 11, 15])
def test_finds_a_known_lag(lag):
    energy = speech(260)
    opening = 0.02 * np.roll(energy, lag) + 1
    found = audio_mouth_lag(energy, opening)
    assert found.lag_frames == lag
    assert found.correlation == pytest.approx(1, abs=1e-6)


def test_finds_the_lag_under_noise_and_gaps():
    energy = speech(300)
    opening = np.roll(energy, 4) + np.random.default_rng(9).normal(0, 5, 300)
    opening[50:60] = np.nan
    found = audio_mouth_lag(energy, opening)
    assert found.lag_frames == 4
    assert 0.4 < found.correlation < 0.95


def test_opposite_motion_is_not_taken_for_agreement():
    energy = speech(400)
    assert audio_mouth_lag(energy, -energy).curve[15] == pytest.approx(-1)


def test_a_mouth_that_never_opens_has_no_lag():
    found = audio_mouth_lag(speech(200), np.zeros(200))
    assert np.isnan(found.lag_frames)
    assert np.isnan(found.correlation)


def test_digital_silence_is_the_floor():
    energy = np.array([-np.inf, -90.0, -30.0, -20.0, np.nan])
    assert speech_envelope(energy) == pytest.approx([0, 0, DYNAMIC_RANGE_DB - 10, DYNAMIC_RANGE_DB, 0])
    assert (
        speech_envelope(np.full(3, -np.inf)).tolist() == [0, 0, 0] or np.ptp(speech_envelope(np.full(3, -np.inf))) == 0
    )


def test_short_clips_look_only_at_lags_with_enough_overlap():
    curve = audio_mouth_lag(speech(30), speech(30, seed=1)).curve
    assert np.isfinite(curve[15 - 5 : 15 + 6]).all()
    assert np.isnan(curve[: 15 - 5]).all()


def test_exception_on_length():
    with pytest.raises(ValueError, match="must both be"):
        audio_mouth_lag(np.zeros(5), np.zeros(6))


@pytest.mark.shared
def test_mouth_leads_in_the_french_address():
    """A 50 s clip whose mouth is known to lead its sound by about 100 ms: two to four frames."""
    if not FOOTAGE.exists():
        pytest.skip("needs ../shared/footage")
    energy = loudness(FOOTAGE / "corpus/president-fr.mp4")
    times, points = openface(FOOTAGE / "openface/president-fr.csv.gz")
    frames = min(len(energy), int(times[-1] * 25))
    opening = np.interp(np.arange(frames) / 25, times, mouth_opening(points))
    found = audio_mouth_lag(energy[:frames], opening)
    assert -4 <= found.lag_frames <= -2
    assert found.correlation > 0.25


def loudness(video: Path) -> np.ndarray:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=16000)
    with av.open(str(video)) as container:
        blocks = [out.to_ndarray()[0] for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    samples = np.concatenate(blocks)
    frames = samples[: len(samples) // 640 * 640].reshape(-1, 640)
    return 10 * np.log10((frames.astype(np.float64) ** 2).mean(axis=1) + 1e-10)


def openface(table: Path) -> tuple[np.ndarray, np.ndarray]:
    with gzip.open(table, "rt") as file:
        rows = list(csv.reader(file))
    names = [name.strip() for name in rows[0]]
    values = np.array(rows[1:], dtype=np.float64)
    at = {name: values[:, index] for index, name in enumerate(names)}
    points = np.stack([[at[f"{axis}_{point}"] for point in range(68)] for axis in "xy"]).transpose(2, 1, 0)
    return at["timestamp"], points
