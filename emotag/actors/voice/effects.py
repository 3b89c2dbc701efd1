"""Changes of the signal that keep every time: vocal effort, breath, level; and pauses of another length."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, uniform_filter1d
from scipy.signal import istft, stft

from emotag.actors.types import Phone
from emotag.actors.voice.pitch import STEP_S

Signal = NDArray[np.float32]

_TILT_FROM_HZ, _TILT_TO_HZ = 500.0, 5000.0
_FRAME = 512  # samples of a short-time spectrum, 23 ms
_HOP = 128
_BREATH_FROM_HZ = 1500.0  # breath is heard above the first formant (Klatt & Klatt 1990)
_BREATH_FULL_DB = -2.0  # noise re voice in its band at breath 1
_ENVELOPE_BINS = 3.0
_KNEE = 0.8  # of full scale: above it peaks are rounded
_SILENCE_DB = -60.0  # of the loudest sample: the ringing of filters
_GATE_S = 0.004  # room for zero crossings, and the length of a ramp
_ACTIVE_DB = -30.0  # below the loudest block is a pause
_BLOCK_S = 0.02


def tilt(samples: Signal, rate: int, db_per_octave: float) -> Signal:
    """Raise or lower the spectrum above 500 Hz, by a filter without phase: a harder or softer voice.

    The level of the speech stays as it is.
    """
    if db_per_octave == 0:
        return samples
    size = next_fast_len(len(samples) + rate // 10)  # the filter's ringing must not wrap around to the start
    frequencies = np.fft.rfftfreq(size, 1 / rate)
    octaves = np.log2(np.clip(frequencies, _TILT_FROM_HZ, _TILT_TO_HZ) / _TILT_FROM_HZ)
    gain = 10 ** (db_per_octave * octaves / 20)
    result = np.fft.irfft(np.fft.rfft(samples, size) * gain, size)[: len(samples)].astype(np.float32)
    change_db = active_level(samples, rate) - active_level(result, rate)
    return result * np.float32(10 ** (change_db / 20)) * _gate(samples, rate)


def add_breath(samples: Signal, rate: int, amount: float, rng: np.random.Generator) -> Signal:
    """Mix the voice with air: noise under the voice's own spectral envelope, above 1.5 kHz.

    Harmonics there give way to the noise, so that the level stays. `amount` is 0 to 1.
    """
    if amount <= 0:
        return samples
    frequencies, _, spectrum = stft(samples, rate, nperseg=_FRAME, noverlap=_FRAME - _HOP)
    _, _, noise = stft(rng.standard_normal(len(samples)), rate, nperseg=_FRAME, noverlap=_FRAME - _HOP)
    noise = noise[:, : spectrum.shape[1]]
    envelope = np.sqrt(gaussian_filter1d(np.square(np.abs(spectrum)), _ENVELOPE_BINS, axis=0))
    level = np.sqrt(np.mean(np.square(np.abs(noise))))
    high = 1 / (1 + (_BREATH_FROM_HZ / np.maximum(frequencies, 1.0)) ** 4)
    share = np.clip(amount, 0, 1) * high[:, None]
    mixed = spectrum * np.sqrt(1 - 0.8 * share) + 10 ** (_BREATH_FULL_DB / 20) * share * envelope * noise / level
    _, result = istft(mixed, rate, nperseg=_FRAME, noverlap=_FRAME - _HOP)
    out = np.zeros(len(samples), np.float32)
    kept = result[: len(samples)]
    out[: len(kept)] = kept
    return out * _gate(samples, rate)


def _gate(samples: Signal, rate: int) -> Signal:
    """Give 1 where there is sound and 0 in silence, with short ramps: noise must not run into a pause."""
    loud = np.abs(samples) > 10 ** (_SILENCE_DB / 20) * np.abs(samples).max()
    width = round(_GATE_S * rate)
    near = maximum_filter1d(loud.astype(np.float32), 2 * width + 1)
    return uniform_filter1d(near, width)


def change_level(samples: Signal, rate: int, db: NDArray[np.float64]) -> Signal:
    """Amplify by a curve in dB at k · STEP_S."""
    smooth = gaussian_filter1d(db, 2)
    times = np.arange(len(samples)) / rate
    return (samples * 10 ** (np.interp(times, np.arange(len(db)) * STEP_S, smooth) / 20)).astype(np.float32)


def soften_peaks(samples: Signal) -> Signal:
    """Round peaks above 0.8 of full scale; they stay below 1. Softer sound passes unchanged."""
    size = np.abs(samples)
    room = 1 - _KNEE
    rounded = _KNEE + room * np.tanh((size - _KNEE) / room)
    return np.where(size > _KNEE, np.sign(samples) * rounded, samples).astype(np.float32)


def active_level(samples: Signal, rate: int) -> float:
    """Give the RMS level of speech without its pauses, dB re full scale (the idea of ITU-T P.56)."""
    block = round(_BLOCK_S * rate)
    power = np.square(samples[: len(samples) // block * block].reshape(-1, block)).mean(axis=1)
    active = power > power.max() * 10 ** (_ACTIVE_DB / 10)
    return float(10 * np.log10(power[active].mean() + 1e-12))


def stretch_pauses(
    samples: Signal, rate: int, phones: tuple[Phone, ...], factor: float
) -> tuple[Signal, tuple[Phone, ...]]:
    """Lengthen or shorten the pauses between phones by a factor, and move the phones with the sound."""
    pieces: list[Signal] = []
    result: list[Phone] = []
    now = 0
    for phone in phones:
        piece = samples[round(phone.start_s * rate) : round(phone.end_s * rate)]
        if not phone.ipa:
            piece = _resize_pause(piece, max(1, round(len(piece) * factor)))
        pieces.append(piece)
        result.append(replace(phone, start_s=now / rate, end_s=(now + len(piece)) / rate))
        now += len(piece)
    return np.concatenate(pieces), tuple(result)


def _resize_pause(piece: Signal, length: int) -> Signal:
    """Keep both ends of a pause (a decaying sound may reach into it) and give its middle another length."""
    kept = min(len(piece), length) // 2
    middle = np.zeros(length - 2 * kept, np.float32)
    return np.concatenate((piece[:kept], middle, piece[len(piece) - kept :]))
