"""Articulation read off the sound: reach, storage, and that it hears p, b, m and silence in voices it never heard."""

import io

import numpy as np
import torch

from emotag.actors.voice.speak import speak
from emotag.actors.voice.voices import Voice
from emotag.media.audio import SAMPLE_RATE
from emotag.perception.audio.articulation import CLASSES
from emotag.perception.audio.compiled_librosa import librosa
from emotag.perception.audio.inversion import BANDS, REACH, Inversion, inversion, save
from emotag.perception.audio.open import OpenAudio


def test_a_column_hears_its_reach_and_no_further() -> None:
    columns = np.random.default_rng(0).normal(size=(3 * REACH, BANDS)).astype(np.float32)
    changed = columns.copy()
    changed[2 * REACH] += 3
    before, after = (inversion().articulation(one) for one in (columns, changed))
    assert before.shape == (3 * REACH, len(CLASSES)) and before.min() >= 0 and before.max() <= 1
    np.testing.assert_allclose(before[: REACH - 1], after[: REACH - 1], atol=1e-5)
    assert np.abs(before - after)[2 * REACH].max() > 1e-3


def test_the_file_gives_back_what_was_saved() -> None:
    torch.manual_seed(0)
    network, buffer = Inversion().eval(), io.BytesIO()
    save(network, buffer)
    buffer.seek(0)
    with np.load(buffer) as arrays:
        stored = {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays.files}
    again = Inversion().eval()
    missing, unexpected = again.load_state_dict(stored, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    columns = np.random.default_rng(0).normal(size=(50, BANDS)).astype(np.float32)
    np.testing.assert_allclose(network.articulation(columns), again.articulation(columns), atol=5e-3)


def test_closed_lips_are_heard_in_a_voice_and_languages_it_never_heard() -> None:
    voice = Voice("m3", 118.0, tract=1.03)  # held out by benchmarks/inversion.py
    says = {
        "en-us": "My brother bought a map of the big park in May.",
        "sv": "Pappa bar med sig mat och bröd hem till mamma.",
    }
    for language, text in says.items():
        said = speak(text, voice, language=language, seed=5)
        waveform = librosa.resample(said.samples, orig_sr=said.rate, target_sr=SAMPLE_RATE, res_type="polyphase")
        spectra = OpenAudio().spectra(waveform.astype(np.float32), len(waveform) * 25 // SAMPLE_RATE)
        heard = inversion().articulation(spectra)
        times = (np.arange(len(heard)) + 0.5) / 100
        shut, quiet = (heard[:, CLASSES.index(name)] for name in ("bilabial", "silence"))
        labial = np.zeros(len(heard), bool)
        for phone in said.phones:
            labial |= (times >= phone.start_s) & (times < phone.end_s) & (phone.ipa[:1] in ("p", "b", "m"))
        assert labial.sum() > 40
        assert shut[labial].mean() > 0.5 and shut[~labial].mean() < 0.1
        assert quiet[times > said.phones[-1].start_s + 0.1].mean() > 0.7
