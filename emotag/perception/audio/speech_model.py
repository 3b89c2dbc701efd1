"""wav2vec 2.0 and HuBERT from a local folder: hidden states of the speech, two steps in a frame's row (EmoTaG §3.2.1).

Arrangement in time: the networks give 50 steps a second. The waveform is padded so that step k is centred on
(k + ½) / 50 s; row i, which covers [i, i + 1) / 25 s, holds steps 2i and 2i + 1 one after the other. The window of ±8
steps that the peers cut around a frame is not stored sixteen times over: it is the reach of the motion network's
temporal CNN over rows (`motion.audio_window`, 4 frames to each side for ±8 steps).

Each pass of the network hears a chunk and its context, normalised to zero mean and unit variance by itself (the
networks were trained on single utterances), so that nothing farther away in a long file reaches a row.
"""

import json
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotag.device import choose_device
from emotag.errors import InputError
from emotag.files import sha256
from emotag.media.audio import SAMPLE_RATE
from emotag.perception.audio.chunks import Chunk, StepClock, batches, chunks
from emotag.perception.audio.open import OpenAudio
from emotag.perception.audio.protocol import AudioFeatures, AudioSettings, SpeechNetwork
from emotag.perception.audio.speech_model_settings import SpeechModelSettings
from emotag.tables import FPS

STEPS_PER_FRAME = 2
"""Hidden states of a video frame: 50 Hz against 25 fps."""

_VARIANCE_FLOOR = 1e-7  # of the unit-variance normalisation, as the networks' own feature extractor has it
_TRAINING_ONLY = ("masked_spec_embed",)  # parameters that no forward pass outside training reads


class SpeechModel:
    """Hidden states of a speech network; prosody and phones, in columns of their own, by the open engine."""

    def __init__(self, name: SpeechNetwork, settings: AudioSettings) -> None:
        """Load the network. Raises InputError when the folder does not hold one of this kind that is whole."""
        own: SpeechModelSettings = getattr(settings, name)
        self.name: str = name
        self.settings = own
        self.device = choose_device(own.device)
        self.network = _load(name, own).to(self.device)
        config = self.network.config
        self.clock = StepClock.of(config.conv_kernel, config.conv_stride)
        if self.clock.hop * STEPS_PER_FRAME * FPS != SAMPLE_RATE:
            raise InputError(
                f"{own.folder / 'config.json'}: the network makes {SAMPLE_RATE / self.clock.hop:g} steps a second, "
                f"not {STEPS_PER_FRAME * FPS}; use a wav2vec 2.0 or HuBERT of the usual strides"
            )
        layer = own.layer or config.num_hidden_layers
        self.version = f"1, layer {layer} of {config.num_hidden_layers}"
        self.weights = sha256(own.weight_file())
        self._open = OpenAudio(settings)

    def features(
        self,
        waveform: NDArray[np.float32],  # (N,) mono at SAMPLE_RATE, in [-1, 1]
        frames: int | None = None,
    ) -> AudioFeatures:
        """See AudioEngine.features. Raises ValueError on a waveform that is not (N,) or holds no frame."""
        spoken = self._open.features(waveform, frames)
        hidden = self.hidden_states(waveform, STEPS_PER_FRAME * len(spoken.phone))
        width = hidden.shape[1]
        rows = hidden.reshape(-1, STEPS_PER_FRAME * width)
        layout = {f"step_{step}": (step * width, (step + 1) * width) for step in range(STEPS_PER_FRAME)}
        return AudioFeatures(rows, spoken.f0_hz, spoken.voiced, spoken.energy_db, spoken.phone, layout)

    def hidden_states(
        self,
        waveform: NDArray[np.float32],  # (N,)
        steps: int,
    ) -> NDArray[np.float32]:  # (steps, H)
        """Give the network's hidden states at 50 Hz; sound that ends early counts as silence."""
        hop, (before, after) = self.clock.hop, self.clock.margin
        sound = np.zeros(before + steps * hop + after, np.float32)
        heard = waveform[: steps * hop + after]
        sound[before : before + len(heard)] = heard
        pieces = chunks(steps, self._steps(self.settings.chunk_s), self._steps(self.settings.context_s))
        result = np.empty((steps, self.network.config.hidden_size), np.float32)
        for group in batches(pieces, self.settings.batch):
            cut = np.stack([sound[piece.start * hop : piece.stop * hop + before + after] for piece in group])
            for piece, states in zip(group, self._pass(cut, group[0])):
                result[piece.first : piece.last] = states[piece.kept]
        return result

    def _steps(self, seconds: float) -> int:
        return round(seconds * SAMPLE_RATE / self.clock.hop)

    @torch.inference_mode()
    def _pass(
        self,
        sound: NDArray[np.float32],  # (B, n) windows of one length
        piece: Chunk,
    ) -> NDArray[np.float32]:  # (B, steps, H)
        states = self.network(unit_variance(torch.from_numpy(sound)).to(self.device)).last_hidden_state
        assert states.shape[1] == piece.stop - piece.start, (states.shape, piece)
        return states.float().cpu().numpy()


def unit_variance(
    sound: Tensor,  # (B, n)
) -> Tensor:  # (B, n)
    """Give each row zero mean and unit variance."""
    centred = sound - sound.mean(dim=1, keepdim=True)
    return centred / (centred.square().mean(dim=1, keepdim=True) + _VARIANCE_FLOOR).sqrt()


def _load(name: SpeechNetwork, settings: SpeechModelSettings) -> Any:  # transformers' Wav2Vec2Model or HubertModel
    """Read the network with the layers that are needed, in evaluation mode."""
    folder, weights = settings.folder, settings.weight_file()
    _check_kind(name, settings)
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    kind: Any = {"wav2vec2": transformers.Wav2Vec2Model, "hubert": transformers.HubertModel}[name]
    try:
        network, report = kind.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=weights.suffix == ".safetensors",
            weights_only=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # transformers, safetensors and pickle each have their own errors for a bad file
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"{weights}: cannot be read as {name} weights ({reason}); fetch it again") from None
    absent = [key for key in sorted(report["missing_keys"]) if not key.endswith(_TRAINING_ONLY)]
    if absent or report["mismatched_keys"]:
        wrong = absent[0] if absent else sorted(map(str, report["mismatched_keys"]))[0]
        raise InputError(f"{weights}: does not hold {wrong} of the network in config.json; fetch both from one place")
    return _cut(network.eval().requires_grad_(False), settings)


def _check_kind(name: SpeechNetwork, settings: SpeechModelSettings) -> None:
    path = settings.folder / "config.json"
    try:
        config: Any = json.loads(path.read_text(encoding="utf-8"))
        kind = config.get("model_type")
    except FileNotFoundError:
        raise InputError(f"{path}: not found; put the model's config.json beside its weights") from None
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError):
        raise InputError(f"{path}: not a model's config; fetch it again") from None
    if kind != name:
        raise InputError(f"{path}: describes a '{kind}' network, not {name}; point audio.{name}.folder at one")


def _cut(network: Any, settings: SpeechModelSettings) -> Any:
    """Leave out what stands behind the wanted layer, so that `last_hidden_state` is that layer's output."""
    network.adapter = None  # of some fine-tuned networks: it would thin out the steps
    depth = len(network.encoder.layers)
    wanted = settings.layer or depth
    if wanted > depth:
        raise InputError(f"{settings.folder}: has {depth} layers, layer {wanted} was asked for; set a lower `layer`")
    network.encoder.layers = network.encoder.layers[:wanted]
    if wanted < depth and getattr(network.config, "do_stable_layer_norm", False):
        network.encoder.layer_norm = nn.Identity()  # it belongs to the last layer's output
    return network
