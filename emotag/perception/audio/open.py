"""The open audio engine: log-mel, prosody, phones and articulation in one row per 25 fps frame.

Articulation comes twice, and they fail apart: from pocketsphinx's phones, which knows English and real voices, and from
this project's own inversion network, which knows many languages and was taught by synthetic voices.

Arrangement in time: row i covers [i, i + 1) / 25 s. Its spectrum is the four 10 ms columns whose centres lie inside it
(25 ms Hann windows), one after the other, since the lips part from a p or b within one of them; nothing beyond ± 8 ms
of the frame enters it. Phones look 35 ms ahead, deltas one frame, inversion and tempo about half a second. Only the
normalisation (speech mean and variance of each band, median F0, loud level) and the decoder's 12 s blocks look further.
"""

import numpy as np
from numpy.typing import NDArray

from emotag.media.audio import SAMPLE_RATE
from emotag.perception.audio import prosody
from emotag.perception.audio.articulation import CLASSES, PHONES
from emotag.perception.audio.compiled_librosa import librosa
from emotag.perception.audio.inversion import inversion
from emotag.perception.audio.phones import PHONE_RATE, decode_phones, soft_phones
from emotag.perception.audio.prosody import COLUMNS_PER_FRAME
from emotag.perception.audio.protocol import AudioFeatures, AudioSettings
from emotag.tables import FPS

_FFT = 512
_WINDOW = 400  # 25 ms
_HOP = SAMPLE_RATE // FPS // COLUMNS_PER_FRAME  # 10 ms
_FLOOR = 1e-10  # power; −100 dB
_MIN_STD = 0.5  # natural-log units: a band that hardly moves is not blown up
_CLIP = 5.0  # standard deviations; silence between words stays finite and comparable
_COLUMN_GROUP = 2  # mel bands averaged in the 10 ms columns
_DELTA_GROUP = 4  # and in the delta part
_HALVES = 2  # of a frame, each with the mean of its columns' articulation: a closure can be as short as one

PROSODY = (
    "log_f0",  # semitones from the clip's median F0, / 6
    "log_f0_delta",
    "voiced",
    "energy",  # dB from the clip's loud level, / 20
    "energy_delta",
    "onset",  # rise of energy, dB, / 20, ≥ 0
)
"""Normalised to the clip: what moves the face, whoever speaks."""

EMOTION = (
    "f0_semitones",  # above 100 Hz, / 12
    "f0_range",  # local standard deviation in semitones, / 4
    "level",  # dB re full scale: (dB + 40) / 20
    "tilt",  # dB per octave, / 10
    "phone_rate",  # phones per second, / 15
    "voiced_rate",  # share of voiced frames around
)
"""Absolute: what the mood of a voice is heard by. The clip's mean is not taken out."""


class OpenAudio:
    """Log-mel and prosody by librosa, phones by pocketsphinx, articulation from them and from `inversion`."""

    name = "open"
    version = "3"
    weights = ""

    def __init__(self, settings: AudioSettings | None = None) -> None:
        self.settings = settings or AudioSettings()

    def features(
        self,
        waveform: NDArray[np.float32],  # (N,) mono at SAMPLE_RATE, in [-1, 1]
        frames: int | None = None,
    ) -> AudioFeatures:
        """See AudioEngine.features. Silence gives finite rows. Raises ValueError on a waveform that is not (N,)."""
        if waveform.ndim != 1:
            raise ValueError(f"waveform must be mono (N,), got {waveform.shape}")
        if frames is None:
            frames = len(waveform) * FPS // SAMPLE_RATE
        if frames < 1:
            raise ValueError("less than one frame of sound")
        columns, energy_db = self.log_mel_columns(waveform, frames), prosody.energy(waveform, frames)
        log_mel = columns.mean(axis=1)
        f0_hz, voiced = prosody.pitch(waveform, frames, self.settings.pitch_low_hz, self.settings.pitch_high_hz)
        speech = speech_mask(energy_db, self.settings.speech_range_db)
        voiced &= speech  # the hum of a quiet room is periodic too
        f0_hz = np.where(voiced, f0_hz, np.float32(0))
        names, phones, articulation, changes = self._phones(waveform, frames)
        spectra = _normalised_columns(columns, speech)
        heard = inversion().articulation(spectra)
        groups = {
            "mel": spectra.reshape(frames, -1),
            "mel_delta": _mel_delta(log_mel),
            "phones": phones,
            "articulation": articulation,
            "inversion": heard.reshape(frames, _HALVES, -1, len(CLASSES)).mean(axis=2).reshape(frames, -1),
            "prosody": _relative(f0_hz, voiced, energy_db, speech),
            "emotion": self._absolute(f0_hz, voiced, energy_db, log_mel, changes),
        }
        stops = np.cumsum([group.shape[1] for group in groups.values()])
        layout = {name: (int(stop) - group.shape[1], int(stop)) for (name, group), stop in zip(groups.items(), stops)}
        audio = np.concatenate(list(groups.values()), axis=1).astype(np.float32)
        return AudioFeatures(audio, f0_hz, voiced, energy_db, names, layout)

    def spectra(self, waveform: NDArray[np.float32], frames: int) -> NDArray[np.float32]:  # (4 · T, M // 2)
        """Give the normalised log-mel spectra every 10 ms: what `inversion` hears."""
        speech = speech_mask(prosody.energy(waveform, frames), self.settings.speech_range_db)
        return _normalised_columns(self.log_mel_columns(waveform, frames), speech)

    def log_mel(self, waveform: NDArray[np.float32], frames: int) -> NDArray[np.float32]:  # (T, M) natural log of power
        """Give the mean log-mel spectrum of each frame, before normalisation."""
        return self.log_mel_columns(waveform, frames).mean(axis=1)

    def log_mel_columns(self, waveform: NDArray[np.float32], frames: int) -> NDArray[np.float32]:  # (T, 4, M)
        """Give the log-mel spectra every 10 ms, natural log of power."""
        padded = prosody.centred_columns(waveform, frames * COLUMNS_PER_FRAME, _FFT, _HOP)
        power = librosa.feature.melspectrogram(
            y=padded, sr=SAMPLE_RATE, n_fft=_FFT, win_length=_WINDOW, hop_length=_HOP, center=False,
            n_mels=self.settings.mel_bands, fmin=self.settings.mel_low_hz, fmax=SAMPLE_RATE / 2,
        )  # fmt: skip
        columns = np.log(np.maximum(power.T, _FLOOR))
        return columns.reshape(frames, COLUMNS_PER_FRAME, -1).astype(np.float32)

    def _phones(
        self, waveform: NDArray[np.float32], frames: int
    ) -> tuple[list[str], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Give the phone name, phone weights (T, P), articulation (T, A) and phone onsets (T,) of every frame."""
        if not self.settings.phones:
            zeros = np.zeros((frames, len(PHONES) + len(CLASSES)), np.float32)
            return [""] * frames, zeros[:, : len(PHONES)], zeros[:, len(PHONES) :], np.zeros(frames, np.float32)
        index, position = decode_phones(waveform, self.settings.phone_weight)
        weights, articulation = soft_phones(index, position, frames, self.settings.phone_window_s)
        onsets = np.zeros(frames, np.float32)
        starts = np.flatnonzero(np.diff(index)) + 1
        starts = starts[index[starts] != PHONES.index("SIL")]
        np.add.at(onsets, np.minimum(starts * FPS // PHONE_RATE, frames - 1), 1.0)
        return [PHONES[i] for i in weights.argmax(axis=1)], weights, articulation, onsets

    def _absolute(
        self,
        f0_hz: NDArray[np.float32],
        voiced: NDArray[np.bool_],
        energy_db: NDArray[np.float32],
        log_mel: NDArray[np.float32],
        changes: NDArray[np.float32],
    ) -> NDArray[np.float32]:  # (T, len(EMOTION))
        tones = prosody.semitones(f0_hz)
        share = prosody.local_rate(voiced.astype(np.float32)) / FPS
        mean = prosody.local_rate(tones) / FPS
        spread = np.sqrt(np.maximum(prosody.local_rate(np.square(tones - mean)) / FPS, 0.0))
        centres = librosa.mel_frequencies(
            self.settings.mel_bands + 2, fmin=self.settings.mel_low_hz, fmax=SAMPLE_RATE / 2
        )[1:-1]
        tilt = prosody.spectral_tilt(log_mel, centres.astype(np.float32))
        rate = prosody.local_rate(changes)
        columns = (tones / 12, spread / 4, (energy_db + 40) / 20, tilt / 10, rate / 15, share)
        return np.stack(columns, axis=1).astype(np.float32)


def speech_mask(
    energy_db: NDArray[np.float32],  # (T,)
    range_db: float,
) -> NDArray[np.bool_]:  # (T,)
    """Mark frames within `range_db` of the loud level; all of them when the clip is silent."""
    loud = float(np.percentile(energy_db, 95))
    mask: NDArray[np.bool_] = energy_db > max(loud - range_db, prosody.SILENCE_DB)
    return mask if mask.any() else np.ones_like(mask)


def normalise(
    rows: NDArray[np.float32],  # (T, M)
    mask: NDArray[np.bool_],  # (T,)
) -> NDArray[np.float32]:
    """Bring each column to zero mean and unit variance over the masked rows: takes out voice, room and microphone."""
    mean = rows[mask].mean(axis=0)
    std = np.maximum(rows[mask].std(axis=0), _MIN_STD)
    return np.clip((rows - mean) / std, -_CLIP, _CLIP).astype(np.float32)


def _delta(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Central difference per frame over the neighbours."""
    padded = np.pad(values, [(1, 1)] + [(0, 0)] * (values.ndim - 1), mode="edge")
    return ((padded[2:] - padded[:-2]) / 2).astype(np.float32)


def _normalised_columns(
    columns: NDArray[np.float32],  # (T, 4, M) log-mel
    speech: NDArray[np.bool_],  # (T,)
) -> NDArray[np.float32]:  # (4 · T, M // 2)
    """Normalise the 10 ms columns as one series, pairs of bands together."""
    frames, count, _ = columns.shape
    grouped = _grouped(columns.reshape(frames * count, -1), _COLUMN_GROUP)
    return normalise(grouped, np.repeat(speech, count))


def _grouped(log_mel: NDArray[np.float32], size: int) -> NDArray[np.float32]:  # (T, M // size)
    bands = log_mel.shape[1] // size
    means: NDArray[np.float32] = log_mel[:, : bands * size].reshape(len(log_mel), bands, size).mean(axis=2)
    return means


def _mel_delta(log_mel: NDArray[np.float32]) -> NDArray[np.float32]:  # (T, M // _DELTA_GROUP)
    return np.clip(_delta(_grouped(log_mel, _DELTA_GROUP)) / 2, -_CLIP, _CLIP)


def _relative(
    f0_hz: NDArray[np.float32],
    voiced: NDArray[np.bool_],
    energy_db: NDArray[np.float32],
    speech: NDArray[np.bool_],
) -> NDArray[np.float32]:  # (T, len(PROSODY))
    tones = prosody.semitones(f0_hz)
    tones = tones - np.median(tones[voiced]) if voiced.any() else tones
    loud = np.percentile(energy_db[speech], 95)
    level = np.maximum(energy_db - loud, -60.0)
    rise = _delta(level)
    columns = (
        np.clip(tones / 6, -3, 3), np.clip(_delta(tones) / 6, -3, 3), voiced.astype(np.float32),
        level / 20, rise / 20, np.maximum(rise, 0) / 20,
    )  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float32)
