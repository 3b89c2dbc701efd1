import numpy as np
import pytest

from emotag.errors import InputError
from emotag.media.audio import SAMPLE_RATE, read_audio, stream_audio, write_wav


def test_wav_comes_back(tmp_path):
    samples = np.random.default_rng(0).uniform(-1, 1, 5000).astype(np.float32)
    assert write_wav(tmp_path / "a.wav", samples) == 5000
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav"), samples, atol=1e-4)


def test_blocks_are_written_as_one(tmp_path):
    samples = np.linspace(-0.5, 0.5, 4000, dtype=np.float32)
    write_wav(tmp_path / "a.wav", samples)
    write_wav(tmp_path / "b.wav", iter(np.split(samples, 8)))
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
def test_resampling_keeps_time_and_loudness(tmp_path, rate):
    seconds, hertz = 2.0, 300.0
    write_wav(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate), rate)
    heard = read_audio(tmp_path / "a.wav")
    assert abs(len(heard) - seconds * SAMPLE_RATE) <= 32
    clock = np.arange(4000, 28_000) / SAMPLE_RATE
    sine, cosine = (2 * np.mean(heard[4000:28_000] * f(2 * np.pi * hertz * clock)) for f in (np.sin, np.cos))
    assert np.hypot(sine, cosine) == pytest.approx(0.5, abs=0.005)
    assert abs(np.arctan2(cosine, sine)) / (2 * np.pi * hertz) < 0.5 / SAMPLE_RATE


def test_stereo_is_averaged_and_does_not_clip(tmp_path, kit):
    loud = np.clip(kit.tone(1.0, channels=2) * 2.4, -0.95, 0.95)
    path = kit.write(tmp_path / "a.mp4", np.arange(30) / 30, sound=loud)
    assert 0.9 < np.abs(read_audio(path)).max() < 1.05
    opposed = kit.tone(1.0, channels=2) * np.array([[1.0], [-1.0]], dtype=np.float32)
    path = kit.write(tmp_path / "b.mp4", np.arange(30) / 30, sound=opposed)
    assert np.abs(read_audio(path)[2000:-2000]).max() < 0.05


def test_start_is_on_the_containers_clock(tmp_path):
    samples = np.zeros(SAMPLE_RATE, dtype=np.float32)
    samples[5000] = 0.9
    write_wav(tmp_path / "a.wav", samples)
    later = np.concatenate(list(stream_audio(tmp_path / "a.wav", 0.25)))
    earlier = np.concatenate(list(stream_audio(tmp_path / "a.wav", -0.5)))
    assert int(np.argmax(later)) == 1000 and int(np.argmax(earlier)) == 13_000
    assert len(later) == 12_000 and len(earlier) == 24_000


def test_late_sound_is_preceded_by_silence(tmp_path, kit):
    path = kit.write(tmp_path / "a.mkv", np.arange(60) / 30, sound=kit.tone(1.0), sound_start=0.5)
    heard = np.concatenate(list(stream_audio(path, 0.0)))
    assert not heard[: int(0.45 * SAMPLE_RATE)].any()
    assert np.abs(heard[int(0.55 * SAMPLE_RATE) : int(0.6 * SAMPLE_RATE)]).max() > 0.3


def test_what_is_no_sound_is_told_in_one_line(tmp_path, kit):
    silent = kit.write(tmp_path / "mute.mp4", np.arange(10) / 30)
    junk = tmp_path / "junk.wav"
    junk.write_bytes(b"RIFFnothing")
    for path in (silent, junk, tmp_path / "absent.wav", tmp_path):
        with pytest.raises(InputError) as caught:
            read_audio(path)
        assert path.name in str(caught.value) and "\n" not in str(caught.value)
