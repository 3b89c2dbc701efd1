"""Phones of running speech by pocketsphinx's allphone decoder, on a 10 ms grid."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pocketsphinx
from numpy.typing import NDArray

from emotag.media.audio import SAMPLE_RATE
from emotag.perception.audio.articulation import PHONES, SILENCE, articulation_path

PHONE_RATE = 100
"""Columns per second."""

BLOCK_S = 12.0
"""Speech is decoded in blocks, so that a column depends neither on the recording's length nor on its far future."""

CONTEXT_S = 1.5
"""Sound decoded on both sides of a block and thrown away."""

TARGET_RMS = 0.08
"""Blocks are brought to this loudness (the model's cepstral mean assumes ordinary speech), but never ...
"""

MAX_GAIN = 300.0
"""... amplified more than this: MEAD has clips 50 dB below full scale; below that it is noise."""

_SILENT_RMS = 1e-5


@lru_cache(maxsize=2)
def _decoder(weight: float) -> pocketsphinx.Decoder:
    """Give the decoder of the wheel's own en-us model (1 s to load)."""
    model = Path(pocketsphinx.get_model_path()) / "en-us"
    config = pocketsphinx.Config()
    config.set_string("-hmm", str(model / "en-us"))
    config.set_string("-allphone", str(model / "en-us-phone.lm.bin"))
    config.set_float("-lw", weight)
    config.set_string("-cmn", "batch")  # the running mean would carry one utterance's voice into the next
    config.set_string("-lm", None)
    config.set_string("-loglevel", "FATAL")
    return pocketsphinx.Decoder(config)


def decode_phones(
    waveform: NDArray[np.float32],  # (N,) at SAMPLE_RATE
    weight: float = 2.0,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:  # (M,) index into PHONES, (M,) position in the phone, 0–1
    """Give the phone of every 10 ms column, and how far through that phone the column is.

    Column k is centred at (k + 0.5) · 10 ms; M = floor(N / 160). English phones: other languages come out approximated.
    """
    columns = len(waveform) * PHONE_RATE // SAMPLE_RATE
    index = np.full(columns, PHONES.index(SILENCE), np.int64)
    position = np.full(columns, 0.5, np.float32)
    block, context = int(BLOCK_S * PHONE_RATE), int(CONTEXT_S * PHONE_RATE)
    step = SAMPLE_RATE // PHONE_RATE
    for start in range(0, columns, block):
        first, stop = max(0, start - context), min(columns, start + block + context)
        ids, where = _decode_block(waveform[first * step : stop * step], weight, stop - first)
        kept = slice(start - first, min(start + block, columns) - first)
        index[start : start + block] = ids[kept]
        position[start : start + block] = where[kept]
    return index, position


def _decode_block(
    samples: NDArray[np.float32], weight: float, columns: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    silence = PHONES.index(SILENCE)
    index = np.full(columns, silence, np.int64)
    position = np.full(columns, 0.5, np.float32)
    rms = float(np.sqrt(np.mean(np.square(samples)))) if samples.size else 0.0
    if rms < _SILENT_RMS:
        return index, position
    gain = min(TARGET_RMS / rms, MAX_GAIN)
    pcm = (np.clip(samples * gain, -1, 1) * 32767).astype(np.int16)
    decoder = _decoder(weight)
    decoder.start_stream()  # forget the noise level of the last utterance
    decoder.start_utt()
    decoder.process_raw(pcm.tobytes(), full_utt=True)
    decoder.end_utt()
    known = {phone: i for i, phone in enumerate(PHONES)}
    for segment in decoder.seg() or ():
        first, stop = segment.start_frame, min(segment.end_frame + 1, columns)
        if stop <= first:
            continue
        index[first:stop] = known.get(segment.word, silence)
        position[first:stop] = (np.arange(stop - first) + 0.5) / (stop - first)
    return index, position


def articulation_of(
    index: NDArray[np.int64],  # (M,) into PHONES
    position: NDArray[np.float32],  # (M,) in the phone, 0–1
) -> NDArray[np.float32]:  # (M, A)
    """Give what each column's phone does with the mouth, on the way from its start to its end."""
    path = articulation_path()[index]  # (M, 2, A)
    share = position[:, None]
    rows: NDArray[np.float32] = path[:, 0] * (1 - share) + path[:, 1] * share
    return rows


def soft_phones(
    index: NDArray[np.int64],  # (M,)
    position: NDArray[np.float32],  # (M,)
    frames: int,
    window_s: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:  # (T, P) rows sum to 1, (T, A)
    """Pool 10 ms columns to 25 fps rows of phone weights and articulation; a Hann window softens the boundaries."""
    per_frame = PHONE_RATE // 25
    padded = np.full(frames * per_frame, PHONES.index(SILENCE), np.int64)
    where = np.full(frames * per_frame, 0.5, np.float32)
    count = min(len(index), len(padded))
    padded[:count], where[:count] = index[:count], position[:count]
    articulation = articulation_of(padded, where)
    one_hot = np.eye(len(PHONES), dtype=np.float32)[padded]
    both = smooth(np.concatenate((one_hot, articulation), axis=1), window_s)
    rows = both.reshape(frames, per_frame, -1).mean(axis=1)
    return rows[:, : len(PHONES)], rows[:, len(PHONES) :]


def smooth(
    columns: NDArray[np.float32],  # (M, C)
    window_s: float,
) -> NDArray[np.float32]:
    """Soften the 10 ms columns by a Hann window this wide."""
    half = max(1, round(window_s * PHONE_RATE / 2))
    kernel = np.hanning(2 * half + 1)
    kernel /= kernel.sum()
    padded = np.pad(columns, ((half, half), (0, 0)), mode="edge")
    smooth = np.zeros_like(columns)
    for k, weight in enumerate(kernel):
        smooth += np.float32(weight) * padded[k : k + len(columns)]
    return smooth
