"""wav2vec 2.0 and HuBERT from a local folder: small random networks that transformers itself writes and runs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from emotag.errors import InputError
from emotag.files import sha256
from emotag.media.audio import SAMPLE_RATE
from emotag.perception.audio.chunks import StepClock, batches, chunks
from emotag.perception.audio.engines import make_audio
from emotag.perception.audio.picture import draw_audio
from emotag.perception.audio.protocol import AudioSettings

WIDTH, LAYERS = 16, 3
SMALL = {
    "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 2, "intermediate_size": 24,
    "conv_dim": (8,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2, "vocab_size": 8,
}  # fmt: skip
"""Strides and kernels stay those of every released network: they decide where a step stands in time."""

KINDS = {"wav2vec2": ("Wav2Vec2Config", "Wav2Vec2Model"), "hubert": ("HubertConfig", "HubertModel")}


def make_network(kind: str, seed: int = 0, **changed):
    import transformers

    config_kind, model_kind = KINDS[kind]
    torch.manual_seed(seed)
    return getattr(transformers, model_kind)(getattr(transformers, config_kind)(**(SMALL | changed))).eval()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A network of each kind, and one of the large models' architecture (layer norms first), as transformers saves."""
    made = {}
    for name, kind, changed in (
        ("wav2vec2", "wav2vec2", {}),
        ("hubert", "hubert", {}),
        ("large", "wav2vec2", {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}),
    ):
        made[name] = tmp_path_factory.mktemp(name)
        make_network(kind, **changed).save_pretrained(made[name])
    return made


def settings(folder: Path, engine: str = "wav2vec2", **changed) -> AudioSettings:
    own = {"folder": folder, "device": "cpu"} | changed
    return AudioSettings.model_validate({"engine": engine, "phones": False, engine: own})


def speech(seconds: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    loudness = 0.02 + 0.1 * np.abs(np.sin(np.arange(int(seconds * SAMPLE_RATE)) / 4000))
    return (rng.normal(size=len(loudness)) * loudness).astype(np.float32)


def padded_input(sound: np.ndarray, steps: int) -> torch.Tensor:
    """The whole sound as one utterance, normalised, by the definition: 40 samples of silence to each side."""
    whole = np.zeros(steps * 320 + 80)
    heard = sound[: steps * 320 + 40]
    whole[40 : 40 + len(heard)] = heard
    return torch.tensor((whole - whole.mean()) / np.sqrt(whole.var() + 1e-7), dtype=torch.float32)[None]


@pytest.mark.parametrize("engine", ["wav2vec2", "hubert"])
def test_rows_are_the_networks_own_hidden_states(folders: dict[str, Path], engine: str) -> None:
    import transformers

    sound = speech(1.3)
    made = make_audio(settings(folders[engine], engine))
    found = made.features(sound)
    network = getattr(transformers, KINDS[engine][1]).from_pretrained(folders[engine]).eval()
    with torch.no_grad():
        expected = network(padded_input(sound, 64)).last_hidden_state[0]
    assert found.audio.shape == (32, 2 * WIDTH) and found.audio.dtype == np.float32
    np.testing.assert_allclose(found.audio.reshape(64, WIDTH), expected, atol=2e-5)
    assert found.layout == {"step_0": (0, WIDTH), "step_1": (WIDTH, 2 * WIDTH)} and found.metadata()["dim"] == 2 * WIDTH
    assert made.name == engine and made.weights == sha256(folders[engine] / "model.safetensors")
    assert made.version == "1, layer 3 of 3"


@pytest.mark.parametrize(("architecture", "layer"), [("wav2vec2", 1), ("wav2vec2", 3), ("large", 2), ("large", 3)])
def test_any_layer_can_be_chosen(folders: dict[str, Path], architecture: str, layer: int) -> None:
    import transformers

    sound = speech(0.8)
    found = make_audio(settings(folders[architecture], layer=layer)).features(sound).audio.reshape(40, WIDTH)
    network = transformers.Wav2Vec2Model.from_pretrained(folders[architecture]).eval()
    kept = []
    network.encoder.layers[layer - 1].register_forward_hook(
        lambda module, given, made: kept.append(made[0] if isinstance(made, tuple) else made)
    )
    with torch.no_grad():
        last = network(padded_input(sound, 40)).last_hidden_state
    # The large models put one more norm behind their last layer: that is their last hidden state.
    expected = last if layer == LAYERS else kept[0]
    np.testing.assert_allclose(found, expected[0], atol=2e-5)


def test_prosody_is_the_open_engines(folders: dict[str, Path]) -> None:
    sound = speech(1.0)
    found = make_audio(settings(folders["wav2vec2"])).features(sound, frames=30)
    open_found = make_audio(AudioSettings(phones=False)).features(sound, frames=30)
    assert len(found.audio) == 30 and len(found.phone) == 30
    np.testing.assert_array_equal(found.energy_db, open_found.energy_db)
    np.testing.assert_array_equal(found.f0_hz, open_found.f0_hz)


def test_a_step_stands_where_the_sound_is(folders: dict[str, Path]) -> None:
    """The last sample that the encoder of frame 12 sees lies 40 samples behind the frame, the first 40 before it."""
    clock = StepClock.of(SMALL_KERNELS, SMALL_STRIDES)
    assert (clock.hop, clock.field, clock.margin) == (320, 400, (40, 40))
    made = make_audio(settings(folders["wav2vec2"]))
    encoder = made.network.feature_extractor.conv_layers  # type: ignore[attr-defined]
    weights = [layer.conv.weight for layer in encoder]
    impulse = np.zeros(80 + 100 * 320)
    seen = []
    for place in (640 * 12 - 1, 640 * 12, 640 * 13 - 1, 640 * 13):
        moved = impulse.copy()
        moved[40 + place] = 1
        x = torch.tensor(moved, dtype=torch.float32)[None, None]
        for layer, weight in zip(encoder, weights):
            x = torch.nn.functional.conv1d(x, weight.abs(), stride=layer.conv.stride)
        seen.append(x[0].sum(0).nonzero().squeeze(-1).tolist())
    assert seen == [[23, 24], [23, 24], [25, 26], [25, 26]]


SMALL_KERNELS, SMALL_STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)


def test_long_files_do_not_change_a_frame(folders: dict[str, Path]) -> None:
    """Chunks of 1 s with 0.4 s of context: what a row says is settled 1.4 s later at most, to the last bit."""
    made = make_audio(settings(folders["wav2vec2"], chunk_s=1.0, context_s=0.4, batch=3))
    long = speech(6.0)
    whole = made.features(long).audio
    assert whole.shape == (150, 2 * WIDTH) and np.isfinite(whole).all()
    shorter = made.features(long[: 4 * SAMPLE_RATE]).audio
    np.testing.assert_allclose(shorter[:75], whole[:75], atol=1e-5)
    assert np.abs(shorter[75:100] - whole[75:100]).max() > 1e-3  # this chunk hears the end of the file
    louder = long.copy()
    louder[5 * SAMPLE_RATE :] *= 8
    np.testing.assert_allclose(made.features(louder).audio[:75], whole[:75], atol=1e-5)


def test_context_reaches_over_a_chunks_edge(folders: dict[str, Path]) -> None:
    sound = speech(2.0)
    whole = make_audio(settings(folders["wav2vec2"], chunk_s=2.0)).features(sound).audio
    cut = {
        context: make_audio(settings(folders["wav2vec2"], chunk_s=1.0, context_s=context)).features(sound).audio
        for context in (0.0, 0.6)
    }
    error = {context: float(np.abs(rows[24:26] - whole[24:26]).mean()) for context, rows in cut.items()}
    assert error[0.6] < 0.7 * error[0.0]


def test_chunks_and_batches() -> None:
    found = chunks(23, core=10, context=4)
    assert [(c.start, c.first, c.last, c.stop) for c in found] == [(0, 0, 10, 14), (6, 10, 20, 23), (16, 20, 23, 23)]
    assert [step for c in found for step in range(c.start, c.stop)[c.kept]] == list(range(23))
    middle = chunks(200, core=10, context=4)
    groups = list(batches(middle, 3))
    assert [c for group in groups for c in group] == middle and max(map(len, groups)) == 3
    assert all(len({c.stop - c.start for c in group}) == 1 for group in groups)


def test_silence_and_short_sounds_are_finite(folders: dict[str, Path]) -> None:
    made = make_audio(settings(folders["wav2vec2"]))
    assert np.isfinite(made.features(np.zeros(SAMPLE_RATE, np.float32)).audio).all()
    assert made.features(speech(0.05)).audio.shape == (1, 2 * WIDTH)
    assert made.features(speech(0.1), frames=10).audio.shape == (10, 2 * WIDTH)
    with pytest.raises(ValueError, match="less than one frame"):
        made.features(speech(0.03))


def test_a_bin_file_of_tensors_is_read_too(folders: dict[str, Path], tmp_path: Path) -> None:
    network = make_network("hubert", seed=0)
    (tmp_path / "config.json").write_text((folders["hubert"] / "config.json").read_text())
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    sound = speech(0.5)
    made = make_audio(settings(tmp_path, "hubert"))
    assert made.weights == sha256(tmp_path / "pytorch_model.bin")
    expected = make_audio(settings(folders["hubert"], "hubert")).features(sound).audio
    np.testing.assert_allclose(made.features(sound).audio, expected, atol=1e-6)


class Evil:
    """What a pickle may hold; a file that is loaded without executing code refuses it."""

    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def test_no_code_is_executed(folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text((folders["hubert"] / "config.json").read_text())
    torch.save({"weight": Evil()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"pytorch_model.bin: cannot be read"):
        make_audio(settings(tmp_path, "hubert"))
    assert not (tmp_path / "executed").exists()


def test_exception_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"audio.engine 'wav2vec2' lacks .*: put it at .*config.json .*'open'"
    ) as error:
        make_audio(settings(tmp_path / "nowhere"))
    assert "\n" not in str(error.value)


def test_exception_on_another_network(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="describes a 'hubert' network, not wav2vec2"):
        make_audio(settings(folders["hubert"]))
    with pytest.raises(InputError, match="has 3 layers, layer 9"):
        make_audio(settings(folders["wav2vec2"], layer=9))
    config = json.loads((folders["wav2vec2"] / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(InputError, match=r"model.safetensors: cannot be read") as error:
        make_audio(settings(tmp_path))
    assert "\n" not in str(error.value)


def test_exception_on_weights_of_another_size(folders: dict[str, Path], tmp_path: Path) -> None:
    config = json.loads((folders["wav2vec2"] / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": LAYERS + 1}))
    (tmp_path / "model.safetensors").write_bytes((folders["wav2vec2"] / "model.safetensors").read_bytes())
    with pytest.raises(InputError, match=r"does not hold encoder.layers.3"):
        make_audio(settings(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps(config | {"conv_stride": [5, 2, 2, 2, 2, 2, 4]}))
    with pytest.raises(InputError, match="makes 25 steps a second, not 50"):
        make_audio(settings(tmp_path))


def test_picture(folders: dict[str, Path], tmp_path: Path) -> None:
    draw_audio(tmp_path / "a.png", make_audio(settings(folders["wav2vec2"])).features(speech(1.0)), "noise")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_device_changes_nothing(folders: dict[str, Path]) -> None:
    sound = speech(3.0)
    here, there = (
        make_audio(settings(folders["wav2vec2"], device=device, chunk_s=1.0)).features(sound).audio
        for device in ("cpu", "cuda")
    )
    np.testing.assert_allclose(there, here, atol=2e-2)
