"""What an audio engine takes and gives."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from emotag.perception.audio.speech_model_settings import HubertSettings, Wav2Vec2Settings
from emotag.settings import Settings

SpeechNetwork = Literal["wav2vec2", "hubert"]
"""Engines that are self-supervised speech networks."""


class AudioSettings(Settings):
    """How sound becomes one feature row per video frame."""

    engine: Literal["open", "wav2vec2", "hubert"] = "open"
    """open: log-mel, prosody and English phones. wav2vec2 (the paper's), hubert: hidden states of these networks."""
    wav2vec2: Wav2Vec2Settings = Wav2Vec2Settings()
    """The engine wav2vec2."""
    hubert: HubertSettings = HubertSettings()
    """The engine hubert."""
    mel_bands: int = 80
    """Mel bands between `mel_low_hz` and 8 kHz."""
    mel_low_hz: float = 60.0
    """Lower edge of the lowest mel band, Hz."""
    pitch_low_hz: float = 65.0
    """Lowest F0 looked for, Hz."""
    pitch_high_hz: float = 500.0
    """Highest F0 looked for, Hz (acted emotion reaches 450)."""
    speech_range_db: float = 35.0
    """Frames within this many dB of the clip's loud level (95th percentile) count as speech."""
    phones: bool = True
    """Decode phones; without them the phone and articulation columns are 0 and `phone` is empty."""
    phone_weight: float = 2.0
    """Weight of the phone language model against the acoustics (pocketsphinx `lw`)."""
    phone_window_s: float = 0.07
    """Width of the Hann window that softens phone boundaries, seconds."""

    def note(self) -> dict[str, Any]:
        """Give the settings that made a table: without those of engines that were not chosen."""
        others = {"wav2vec2", "hubert"} - {self.engine}
        return self.model_dump(mode="json", exclude=others)


@dataclass(frozen=True)
class AudioFeatures:
    """One row per 25 fps frame. Row i describes the sound of [i / 25, (i + 1) / 25) s."""

    audio: NDArray[np.float32]  # (T, D) what the motion network reads; `layout` names its columns
    f0_hz: NDArray[np.float32]  # (T,) Hz, 0 where unvoiced
    voiced: NDArray[np.bool_]  # (T,)
    energy_db: NDArray[np.float32]  # (T,) dB re full scale, floored at −90
    phone: list[str]  # (T,) most frequent phone of the frame (ARPAbet, "SIL"), "" without a decoder
    layout: dict[str, tuple[int, int]]  # group -> [start, stop) columns of `audio`

    def metadata(self) -> dict[str, Any]:
        """Give what a table must say about the columns of `audio`."""
        return {"layout": {name: list(span) for name, span in self.layout.items()}, "dim": self.audio.shape[1]}


class AudioEngine(Protocol):
    """Turns a waveform into rows at the video's rate."""

    name: str
    version: str
    weights: str  # digest of the network; "" where there is none

    def features(
        self,
        waveform: NDArray[np.float32],  # (N,) mono, emotag.media.audio.SAMPLE_RATE, in [-1, 1]
        frames: int | None = None,  # rows wanted (the video's frames); None: floor(N / 16000 · 25)
    ) -> AudioFeatures:
        """Give one row per frame; sound that ends early counts as silence."""
        ...
