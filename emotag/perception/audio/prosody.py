"""Pitch, loudness, tilt and tempo: the parts of a voice that carry emotion."""

import numpy as np
from numpy.typing import NDArray

from emotag.media.audio import SAMPLE_RATE
from emotag.perception.audio.compiled_librosa import librosa

SILENCE_DB = -90.0
"""Floor of energy, dB re full scale."""

REFERENCE_HZ = 100.0
"""F0 is told in semitones above this."""

COLUMNS_PER_FRAME = 4
"""Rows of the 10 ms grid in a video frame."""

_HOP = SAMPLE_RATE // 100
_PITCH_WINDOW = 1024  # 64 ms: two periods at 31 Hz, four at 65 Hz
_EDGE = 1.03  # an F0 this close to the lower bound is hum that the bound has clipped


def pitch(
    waveform: NDArray[np.float32],  # (N,)
    frames: int,
    low_hz: float,
    high_hz: float,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:  # (T,) Hz, 0 where unvoiced; (T,)
    """Estimate F0 by probabilistic YIN on a 10 ms grid; a frame is voiced when half of its columns are.

    The frame's F0 is the median of its voiced columns.
    """
    columns = frames * COLUMNS_PER_FRAME
    if not np.any(waveform):
        return np.zeros(frames, np.float32), np.zeros(frames, bool)
    centred = centred_columns(waveform, columns, _PITCH_WINDOW, _HOP)
    f0, voiced, _ = librosa.pyin(
        centred, sr=SAMPLE_RATE, fmin=low_hz, fmax=high_hz, frame_length=_PITCH_WINDOW, hop_length=_HOP,
        resolution=0.2, center=False,
    )  # fmt: skip
    f0 = np.where(voiced & (f0 > low_hz * _EDGE), f0, np.nan)[:columns].reshape(frames, COLUMNS_PER_FRAME)
    is_voiced = np.isfinite(f0).sum(axis=1) >= COLUMNS_PER_FRAME // 2
    result = np.zeros(frames, np.float32)
    if is_voiced.any():
        result[is_voiced] = np.nanmedian(f0[is_voiced], axis=1)
    return result, is_voiced


def centred_columns(
    waveform: NDArray[np.float32], columns: int, window: int, hop: int
) -> NDArray[np.float32]:  # (window + (columns - 1) · hop,)
    """Pad the waveform with silence so that column k of an uncentred analysis is centred at (k + 0.5) · hop."""
    left = (window - hop) // 2
    length = window + (columns - 1) * hop
    padded = np.zeros(length, np.float32)
    kept = waveform[: length - left]
    padded[left : left + len(kept)] = kept
    return padded


def energy(
    waveform: NDArray[np.float32],  # (N,)
    frames: int,
) -> NDArray[np.float32]:  # (T,)
    """Give the RMS level of each frame's 40 ms, dB re full scale, floored at SILENCE_DB."""
    samples = SAMPLE_RATE // 25
    padded = np.zeros(frames * samples, np.float32)
    kept = waveform[: len(padded)]
    padded[: len(kept)] = kept
    rms = np.sqrt(np.mean(np.square(padded.reshape(frames, samples)), axis=1))
    return np.maximum(20 * np.log10(rms + 1e-12), SILENCE_DB).astype(np.float32)


def semitones(
    f0_hz: NDArray[np.float32],  # (T,) 0 where unvoiced
) -> NDArray[np.float32]:  # (T,)
    """Give F0 in semitones above REFERENCE_HZ, carried over unvoiced stretches by linear interpolation.

    A clip without a voiced frame gives 0 throughout.
    """
    voiced = np.flatnonzero(f0_hz > 0)
    if not voiced.size:
        return np.zeros_like(f0_hz)
    tones = 12 * np.log2(f0_hz[voiced] / REFERENCE_HZ)
    return np.interp(np.arange(len(f0_hz)), voiced, tones).astype(np.float32)


def spectral_tilt(
    log_mel: NDArray[np.float32],  # (T, M) natural log power
    centres_hz: NDArray[np.float32],  # (M,)
) -> NDArray[np.float32]:  # (T,)
    """Give the slope of the spectrum between 200 Hz and 5 kHz in dB per octave (pressed voices fall less)."""
    band = (centres_hz > 200) & (centres_hz < 5000)
    octave = np.log2(centres_hz[band])
    octave = octave - octave.mean()
    level = log_mel[:, band] * (10 / np.log(10))
    return ((level - level.mean(axis=1, keepdims=True)) @ octave / np.square(octave).sum()).astype(np.float32)


def local_rate(
    events: NDArray[np.float32],  # (T,) events per frame
    window_s: float = 1.2,
) -> NDArray[np.float32]:  # (T,) events per second
    """Give a tempo: events per second under a Hann window centred on the frame."""
    half = max(1, round(window_s * 25 / 2))
    kernel = np.hanning(2 * half + 3)[1:-1]
    weight = np.convolve(np.ones(len(events)), kernel, mode="full")[half : half + len(events)]
    total = np.convolve(events, kernel, mode="full")[half : half + len(events)]
    return (25 * total / weight).astype(np.float32)
