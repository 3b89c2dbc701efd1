"""Audio features: time alignment, silence, locality, speaker normalisation, phones of real speech."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from emotag.media.audio import SAMPLE_RATE, read_audio
from emotag.perception.audio.articulation import CLASSES, PHONES, articulation_path
from emotag.perception.audio.open import EMOTION, PROSODY, OpenAudio, normalise
from emotag.perception.audio.phones import decode_phones, soft_phones
from emotag.perception.audio.picture import draw_audio
from emotag.perception.audio.prosody import energy, pitch, semitones, spectral_tilt
from emotag.perception.audio.protocol import AudioSettings

SHARED = Path(__file__).parents[2] / "../shared"
NO_PHONES = OpenAudio(AudioSettings(phones=False))


def harmonic(f0: np.ndarray, level: float = 0.1) -> np.ndarray:
    """A voice-like tone: eight harmonics falling 12 dB per octave."""
    phase = 2 * np.pi * np.cumsum(f0) / SAMPLE_RATE
    return (level * sum(np.sin(k * phase) / k**2 for k in range(1, 9))).astype(np.float32)


def test_rows_follow_the_frames_asked_for() -> None:
    tone = harmonic(np.full(SAMPLE_RATE * 2 + 100, 150.0))
    assert NO_PHONES.features(tone).audio.shape[0] == 50
    longer = NO_PHONES.features(tone, frames=60)
    assert longer.audio.shape[0] == len(longer.phone) == 60
    assert longer.energy_db[55] == pytest.approx(-90)


def test_layout_covers_every_column_once() -> None:
    features = NO_PHONES.features(harmonic(np.full(SAMPLE_RATE, 150.0)))
    spans = sorted(features.layout.values())
    assert spans[0][0] == 0 and spans[-1][1] == features.audio.shape[1] == features.metadata()["dim"]
    assert all(a[1] == b[0] for a, b in pairwise(spans))
    widths = {name: stop - start for name, (start, stop) in features.layout.items()}
    assert widths == {
        "mel": 4 * 40, "mel_delta": 20, "phones": len(PHONES), "articulation": len(CLASSES),
        "inversion": 2 * len(CLASSES), "prosody": len(PROSODY), "emotion": len(EMOTION),
    }  # fmt: skip


@pytest.mark.parametrize("level", [0.0, 1e-7])
def test_silence_is_finite_and_unvoiced(level: float) -> None:
    noise = np.random.default_rng(0).normal(0, level, SAMPLE_RATE).astype(np.float32)
    features = OpenAudio().features(noise)
    assert np.isfinite(features.audio).all() and not features.voiced.any()
    assert (features.f0_hz == 0).all() and set(features.phone) == {"SIL"}


def test_exception() -> None:
    with pytest.raises(ValueError, match="mono"):
        NO_PHONES.features(np.zeros((2, 100), np.float32))
    with pytest.raises(ValueError, match="less than one frame"):
        NO_PHONES.features(np.zeros(100, np.float32))


def test_pitch_of_a_gliding_voice() -> None:
    f0 = np.linspace(110, 220, SAMPLE_RATE * 2)
    found, voiced = pitch(harmonic(f0), 50, 65, 500)
    truth = f0.reshape(50, -1).mean(axis=1)
    assert voiced[2:-2].all()
    np.testing.assert_allclose(found[2:-2], truth[2:-2], rtol=0.02)


def test_a_burst_lands_in_its_own_frame() -> None:
    sound = np.zeros(SAMPLE_RATE, np.float32)
    sound[10 * 640 + 200 : 10 * 640 + 440] = 0.5
    assert energy(sound, 25).argmax() == 10
    assert NO_PHONES.log_mel(sound, 25).sum(axis=1).argmax() == 10


def test_a_row_tells_when_within_the_frame_a_burst_comes() -> None:
    noise = np.random.default_rng(0).normal(0, 1e-3, SAMPLE_RATE).astype(np.float32)
    for column in range(4):
        sound = noise.copy()
        sound[10 * 640 + 160 * column + 40 : 10 * 640 + 160 * column + 120] += 0.5
        features = NO_PHONES.features(sound)
        start, stop = features.layout["mel"]
        spectra = features.audio[10, start:stop].reshape(4, -1)
        assert spectra.mean(axis=1).argmax() == column


def test_a_row_does_not_depend_on_the_far_future_before_normalisation() -> None:
    generator = np.random.default_rng(0)
    sound = generator.normal(0, 0.1, SAMPLE_RATE * 2).astype(np.float32)
    changed = sound.copy()
    changed[SAMPLE_RATE:] = generator.normal(0, 0.3, SAMPLE_RATE)
    first, second = NO_PHONES.log_mel(sound, 50), NO_PHONES.log_mel(changed, 50)
    np.testing.assert_array_equal(first[:24], second[:24])
    assert np.abs(first[26:] - second[26:]).max() > 0.1


def test_gain_is_normalised_away_but_kept_in_the_absolute_channels() -> None:
    f0 = 150 + 40 * np.sin(np.arange(SAMPLE_RATE * 2) / 3000)
    swell = 0.3 + 0.7 * np.sin(np.arange(SAMPLE_RATE * 2) / 2500) ** 2
    loud = NO_PHONES.features(harmonic(f0) * swell.astype(np.float32))
    quiet = NO_PHONES.features(harmonic(f0) * swell.astype(np.float32) / 4)
    start, stop = loud.layout["prosody"]
    np.testing.assert_allclose(loud.audio[:, start:stop], quiet.audio[:, start:stop], atol=1e-2)
    level = loud.layout["emotion"][0] + EMOTION.index("level")
    np.testing.assert_allclose(loud.audio[:, level] - quiet.audio[:, level], 20 * np.log10(4) / 20, atol=1e-2)


def test_normalise_uses_the_masked_rows_only() -> None:
    rows = np.random.default_rng(0).normal(3, 2, (100, 4)).astype(np.float32)
    mask = np.arange(100) < 50
    rows[~mask] = -100
    done = normalise(rows, mask)
    np.testing.assert_allclose(done[mask].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(done[mask].std(axis=0), 1, atol=1e-5)
    assert done.min() >= -5


def test_semitones_and_tilt() -> None:
    np.testing.assert_allclose(semitones(np.array([0, 100, 0, 200, 0], np.float32)), [0, 0, 6, 12, 12], atol=1e-5)
    centres = np.geomspace(100, 8000, 40).astype(np.float32)
    falling = (-6 / 10 * np.log(10) * np.log2(centres / 1000))[None].astype(np.float32)  # −6 dB per octave
    np.testing.assert_allclose(spectral_tilt(falling, centres), [-6], atol=1e-3)


def test_articulation_table() -> None:
    path = articulation_path()
    assert path.shape == (len(PHONES), 2, len(CLASSES)) and path.min() >= 0 and path.max() <= 1
    value = {phone: path[i] for i, phone in enumerate(PHONES)}
    bilabial, jaw, rounded = CLASSES.index("bilabial"), CLASSES.index("jaw"), CLASSES.index("rounded")
    assert {phone for phone in PHONES if value[phone][0, bilabial] > 0} == {"B", "P", "M"}
    assert value["AA"][0, jaw] > value["EH"][0, jaw] > value["IY"][0, jaw]
    assert value["OY"][0, rounded] > value["OY"][1, rounded]
    assert len({row.tobytes() for row in path}) >= 25  # phones that look alike share a row, others do not


def test_soft_phones_sum_to_one_and_blend_at_a_boundary() -> None:
    index = np.repeat([PHONES.index("M"), PHONES.index("AA")], 20)
    weights, articulation = soft_phones(index, np.full(40, 0.5, np.float32), 12, 0.07)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
    closure = articulation[:, CLASSES.index("bilabial")]
    assert closure[0] == pytest.approx(1) and 0 < closure[5] < 0.5 and closure[8] == pytest.approx(0)
    assert weights[11, PHONES.index("SIL")] > 0.9  # past the end of the sound


def test_picture(tmp_path: Path) -> None:
    draw_audio(tmp_path / "a.png", NO_PHONES.features(harmonic(np.full(SAMPLE_RATE, 150.0))), "tone")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.shared
def test_phones_of_real_speech() -> None:
    path = SHARED / "footage/audio/english-angry.wav"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    speech = read_audio(path)
    quiet = speech / 100  # as quiet as MEAD gets
    index, position = decode_phones(speech)
    assert len(index) == len(speech) // 160 and position.min() >= 0 and position.max() <= 1
    assert len(set(index.tolist())) > 20
    again, _ = decode_phones(speech)
    np.testing.assert_array_equal(index, again)  # no state is carried from one utterance to the next
    faint, _ = decode_phones(quiet)
    assert np.mean(faint == index) > 0.99
    vowels = np.isin(index, [PHONES.index(p) for p in ("AA", "AE", "AO", "OW", "EY", "IY", "ER", "AY")])
    hiss = np.isin(index, [PHONES.index(p) for p in ("SIL", "S", "SH", "TH", "T", "K")])
    _, voiced = pitch(speech, len(index) // 4, 65, 500)
    voiced_columns = np.repeat(voiced, 4)
    assert voiced_columns[vowels[: len(voiced_columns)]].mean() > 0.6
    assert voiced_columns[vowels[: len(voiced_columns)]].mean() > 2 * voiced_columns[hiss[: len(voiced_columns)]].mean()
