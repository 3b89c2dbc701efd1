import numpy as np
import pytest
from scipy.signal import lfilter

from emotag.actors.voice.pitch import STEP_S, Irregularity, find_pulses, respace, track_pitch

RATE = 22050


def vowel(f0: np.ndarray) -> np.ndarray:
    """A pulse train through two resonances, between silences of 0.2 s; f0 (Hz) per sample."""
    phase = np.cumsum(f0 / RATE)
    pulses = np.diff(np.floor(phase), prepend=0.0)
    sound = pulses
    for hz, width in ((600, 80), (1400, 120)):
        radius = np.exp(-np.pi * width / RATE)
        sound = lfilter([1.0], [1, -2 * radius * np.cos(2 * np.pi * hz / RATE), radius**2], sound)
    silence = np.zeros(RATE // 5)
    return np.concatenate((silence, 0.3 * sound / np.abs(sound).max(), silence)).astype(np.float32)


def middle(track: np.ndarray) -> np.ndarray:
    voiced = np.flatnonzero(track)
    return track[voiced[5:-5]]


@pytest.mark.parametrize("hz", [80.0, 120.0, 210.0, 330.0])
def test_track(hz):
    f0 = track_pitch(vowel(np.full(RATE, hz)), RATE, 60, 450)
    assert np.allclose(middle(f0), hz, rtol=0.01)
    assert 180 <= np.count_nonzero(f0) <= 216  # one second
    assert not f0[:30].any() and not f0[-30:].any()


def test_track_follows_a_glide():
    true = np.linspace(100, 180, RATE)
    f0 = track_pitch(vowel(true), RATE, 60, 300)
    at = np.flatnonzero(f0)[8:-8]
    expected = np.interp(at * STEP_S - 0.2, np.arange(RATE) / RATE, true)
    assert np.abs(f0[at] / expected - 1).max() < 0.03


def test_noise_and_silence_have_no_pitch():
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 0.1
    assert np.mean(track_pitch(noise, RATE, 60, 400) > 0) < 0.1
    assert not track_pitch(np.zeros(RATE, np.float32), RATE, 60, 400).any()


def test_pulses_stand_on_every_period():
    sound = vowel(np.full(RATE, 140.0))
    runs = find_pulses(sound, RATE, track_pitch(sound, RATE, 60, 400))
    assert len(runs) == 1
    assert abs(len(runs[0]) - 140) <= 4
    assert np.allclose(np.diff(runs[0]), RATE / 140, atol=2)


@pytest.mark.parametrize("semitones", [-5.0, 0.0, 4.0, 8.0])
def test_respace_shifts_pitch_and_keeps_time_and_level(semitones):
    sound = vowel(np.linspace(120, 180, RATE))
    f0 = track_pitch(sound, RATE, 60, 400)
    rng = np.random.default_rng(0)
    shifted = respace(
        sound, RATE, find_pulses(sound, RATE, f0), np.full(len(f0), semitones), Irregularity(), np.zeros(len(f0)), rng
    )
    assert shifted.shape == sound.shape and shifted.dtype == np.float32
    new = track_pitch(shifted, RATE, 60, 400)
    both = np.flatnonzero((f0 > 0) & (new > 0))[8:-8]
    assert len(both) > 180
    assert np.allclose(new[both] / f0[both], 2 ** (semitones / 12), rtol=0.025)
    inside = slice(RATE // 4, RATE)
    level_db = 20 * np.log10(np.std(shifted[inside]) / np.std(sound[inside]))
    assert abs(level_db) < 3
    assert not shifted[: RATE // 6].any()  # silence stays silent


def test_respace_leaves_voiceless_sound_alone():
    noise = np.random.default_rng(0).standard_normal(RATE // 2).astype(np.float32) * 0.05
    sound = np.concatenate((vowel(np.full(RATE, 150.0)), noise))
    f0 = track_pitch(sound, RATE, 60, 400)
    f0[round(1.42 / STEP_S) :] = 0
    rng = np.random.default_rng(0)
    result = respace(
        sound, RATE, find_pulses(sound, RATE, f0), np.full(len(f0), 5.0), Irregularity(), np.zeros(len(f0)), rng
    )
    assert np.array_equal(result[-len(noise) :], noise)


def periodicity(sound: np.ndarray, hz: float) -> float:
    piece, lag = sound[RATE // 3 : RATE], round(RATE / hz)
    return float(np.corrcoef(piece[:-lag], piece[lag:])[0, 1])


def test_irregularities_are_heard():
    sound = vowel(np.full(RATE, 150.0))
    f0 = track_pitch(sound, RATE, 60, 400)
    runs = find_pulses(sound, RATE, f0)

    def render(**values):
        return respace(
            sound, RATE, runs, np.zeros(len(f0)), Irregularity(**values), np.ones(len(f0)), np.random.default_rng(1)
        )

    steady = render()
    assert periodicity(steady, 150) > 0.95
    assert periodicity(render(jitter=0.03), 150) < periodicity(render(jitter=0.01), 150) < periodicity(steady, 150)
    assert periodicity(render(shimmer=0.2), 150) < periodicity(steady, 150)
    creaky = render(creak=0.6)
    assert periodicity(creaky, 75) > periodicity(creaky, 150) + 0.1  # a subharmonic
    quiver = middle(track_pitch(render(tremor_semitones=0.7, tremor_hz=6.0), RATE, 60, 400))
    tones = 12 * np.log2(quiver / 150)
    spectrum = np.abs(np.fft.rfft((tones - tones.mean()) * np.hanning(len(tones)), 4096))
    assert abs(np.fft.rfftfreq(4096, STEP_S)[spectrum.argmax()] - 6) < 0.7
    assert 0.45 < np.percentile(tones, 95) < 0.9
