"""Teach and test the network that reads articulation off the sound: writes emotag/perception/audio/inversion.npz.

    pip install faker==37.12.0       # its lists of words make the sentences
    apt install flite                # optional: voices made of recordings, only to test on
    python -m benchmarks.inversion [--hours 4] [--steps 5000] [--jobs 2] [--dry]

It learns from espeak-ng: its human voice variants with drawn vocal tracts and pitches, 17 languages, all emotions and
levels, through rooms, filters and noise. The table tells, of the network and of pocketsphinx's phones through the table
of articulations (the same smoothing), how well the classes are found in 10 ms columns: area under the ROC curve, or
Pearson's r for the graded ones. Voice variants of the first row were held out; the file is fitted without them too.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from faker import Faker
from rich.console import Console
from rich.table import Table
from scipy.signal import butter, fftconvolve, sosfilt
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn import functional as F

from emotag.actors.performance.phones import Articulation, articulations
from emotag.actors.types import Phone
from emotag.actors.voice.espeak import variants
from emotag.actors.voice.speak import speak
from emotag.actors.voice.voices import Voice
from emotag.files import atomic
from emotag.media.audio import SAMPLE_RATE, read_audio
from emotag.perception.audio import inversion
from emotag.perception.audio.articulation import CLASSES, PHONES, SILENCE, articulation_path
from emotag.perception.audio.compiled_librosa import librosa
from emotag.perception.audio.open import OpenAudio
from emotag.perception.audio.phones import PHONE_RATE, articulation_of, decode_phones, smooth
from emotag.progress import track
from emotag.tables import FPS
from emotag.vocabulary import EMOTIONS

FIRST_SEED = 20_000
LOCALES = {
    "en-us": "en_US", "en-gb": "en_US", "de": "de_DE", "fr-fr": "fr_FR", "es": "es_ES", "it": "it_IT", "nl": "nl_NL",
    "pl": "pl_PL", "cs": "cs_CZ", "ru": "ru_RU", "uk": "uk_UA", "el": "el_GR", "da": "da_DK", "cmn": "zh_CN",
    "vi": "vi_VN", "ar": "ar_AA", "fa": "fa_IR",
}  # fmt: skip
ENGLISH_SHARE = 0.35
INHUMAN = re.compile("robo|whisper|demonic|croak", re.IGNORECASE)
HELD_OUT = ("m3", "f2", "steph", "klatt4", "pablo", "linda")
SPOKEN_S = 5.0  # an utterance, about
COPIES = 2  # of each utterance, through different rooms
CROP, BATCH, RATE = 256, 32, 3e-3
RARE = {"bilabial": 3.0, "labiodental": 3.0}  # weight of classes that matter more than they last
SHARP = ("bilabial", "labiodental", "silence")
GRADED = ("rounded", "width", "jaw")
FLITE = ("slt", "rms", "awb", "kal16")
TEST_UTTERANCES = 60


@dataclass(frozen=True)
class Heard:
    """One utterance in 10 ms columns."""

    columns: np.ndarray  # (M, BANDS)
    truth: np.ndarray  # (M, A)
    waveform: np.ndarray  # (N,) at SAMPLE_RATE


def visible(sound: Articulation) -> np.ndarray:  # (A,)
    """Tell one articulatory target by the classes of the table that a lip reader goes by."""
    row = dict.fromkeys(CLASSES, 0.0)
    if sound.kind == "pause":
        row["silence"] = 1.0
    elif sound.kind == "vowel":
        low, back, round_ = sound.openness, sound.backness, sound.rounding
        row |= {"open_vowel": max(0.0, 2 * low - 1), "close_vowel": max(0.0, 1 - 2 * low)}
        row |= {"mid_vowel": 1 - abs(2 * low - 1), "front_vowel": float(back < 0.4), "rounded": round_}
        row |= {"jaw": 0.2 + 0.8 * low, "width": (1 - round_) * (1 - 0.6 * back) * (1 - 0.5 * low)}
    else:
        row |= _consonant(sound)
    return np.array([row[name] for name in CLASSES], np.float32)


_JAW = {
    "bilabial": 0.0, "labiodental": 0.1, "sibilant": 0.05, "velar": 0.3, "uvular": 0.35, "pharyngeal": 0.4,
    "glottal": 0.4,
}  # fmt: skip
_JAW_ELSEWHERE = 0.15
_WIDTH = {"palatal": 0.8, "sibilant": 0.6, "dental": 0.3, "alveolar": 0.3}


def _consonant(sound: Articulation) -> dict[str, float]:
    place, manner = sound.place, sound.manner
    row = {name: 1.0 for name in ("bilabial", "labiodental", "dental") if name == place}
    row |= {"rounded": sound.rounding, "plosive": float(manner == "stop"), "nasal": float(manner == "nasal")}
    row |= {"jaw": _JAW.get(place, _JAW_ELSEWHERE), "width": (1 - sound.rounding) * _WIDTH.get(place, 0.0)}
    row["sibilant"] = float(place in ("sibilant", "postalveolar", "retroflex") and manner == "fricative")
    return row | {"alveolar": float(place in ("alveolar", "sibilant")), "velar": float(place in ("velar", "uvular"))}


def targets(phones: Sequence[Phone], columns: int) -> np.ndarray:  # (M, A)
    """Lay the phones' targets over the columns; a diphthong's share the phone's time by their weights."""
    truth = np.zeros((columns, len(CLASSES)), np.float32)
    truth[:, CLASSES.index("silence")] = 1.0
    times = (np.arange(columns) + 0.5) / PHONE_RATE
    for phone in phones:
        sounds = articulations(phone.ipa)
        edges = np.cumsum([0.0] + [sound.weight for sound in sounds])
        edges = phone.start_s + (phone.end_s - phone.start_s) * edges / max(edges[-1], 1e-9)
        for sound, start, stop in zip(sounds, edges, edges[1:]):
            truth[(times >= start) & (times < stop)] = visible(sound)
    return truth


def draw(rng: np.random.Generator, held_out: bool) -> tuple[str, Voice, str, str, int]:
    """Draw what is said, by whom, in which language, with which emotion and level."""
    human = [name for name in variants() if not INHUMAN.search(name) and (name in HELD_OUT) == held_out]
    voice = Voice(
        str(rng.choice(human)), float(np.exp(rng.uniform(np.log(80), np.log(280)))), float(rng.uniform(0.6, 1.4)),
        float(rng.uniform(130, 220)), round(float(rng.uniform(0.86, 1.18)), 2), float(rng.uniform(0, 0.4)),
        float(rng.uniform(-3, 2)),
    )  # fmt: skip
    language = "en-us" if rng.random() < ENGLISH_SHARE else str(rng.choice(list(LOCALES)))
    faker = Faker(LOCALES[language])
    faker.seed_instance(int(rng.integers(2**31)))
    emotion = str(rng.choice(EMOTIONS))
    return faker.sentence(12), voice, language, emotion, 0 if emotion == "neutral" else int(rng.integers(1, 4))


def room(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # (N,)
    """Send speech through a drawn room, microphone and noise."""
    power = np.square(waveform).mean()
    if rng.random() < 0.5:  # reverberation: noise that dies away, under the direct sound
        length = int(rng.uniform(0.08, 0.5) * SAMPLE_RATE)
        tail = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
        tail *= 10 ** (-rng.uniform(4, 18) / 20) / np.linalg.norm(tail)
        tail[0] = 1.0
        waveform = fftconvolve(waveform, tail)[: len(waveform)]
    if rng.random() < 0.5:  # a smooth colour of ± 8 dB
        spectrum = np.fft.rfft(waveform)
        gains = np.interp(np.linspace(0, 5, len(spectrum)), np.arange(6), rng.uniform(-8, 8, 6))
        waveform = np.fft.irfft(spectrum * 10 ** (gains / 20), len(waveform))
    if rng.random() < 0.3:  # a codec's band
        waveform = sosfilt(butter(6, rng.uniform(3400, 7400), fs=SAMPLE_RATE, output="sos"), waveform)
    if rng.random() < 0.7:
        noise = np.fft.rfft(rng.standard_normal(len(waveform)))
        noise = np.fft.irfft(noise / np.maximum(np.arange(len(noise)), 1) ** rng.uniform(0, 0.7), len(waveform))
        waveform = waveform + noise * np.sqrt(power / np.square(noise).mean()) * 10 ** (-rng.uniform(8, 45) / 20)
    return (waveform * 10 ** (rng.uniform(-25, 0) / 20)).astype(np.float32)


def hear(waveform: np.ndarray) -> np.ndarray:  # (M, BANDS)
    """Give what the open engine shows the network."""
    return OpenAudio().spectra(waveform, len(waveform) * FPS // SAMPLE_RATE)


def utter(seed: int, held_out: bool = False, copies: int = COPIES) -> list[Heard]:
    """Speak one drawn utterance, and hear it through drawn rooms."""
    rng = np.random.default_rng(seed)
    text, voice, language, emotion, level = draw(rng, held_out)
    said = speak(text, voice, emotion, level, language, seed)
    sound = librosa.resample(said.samples, orig_sr=said.rate, target_sr=SAMPLE_RATE, res_type="polyphase")
    result = []
    for _ in range(copies):
        waveform = room(sound.astype(np.float64), rng)
        columns = hear(waveform)
        result.append(Heard(columns, targets(said.phones, len(columns)), waveform))
    return result


def compact(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Give an utterance's columns and targets in half precision."""
    heard = utter(seed)
    return tuple(np.concatenate(part).astype(np.float16) for part in zip(*((one.columns, one.truth) for one in heard)))  # type: ignore[return-value]


def learn(columns: Tensor, truth: Tensor, steps: int) -> inversion.Inversion:
    """Fit the network to random stretches; context is heard but not scored."""
    torch.manual_seed(0)
    network = inversion.Inversion().train()
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    reach, weights = inversion.REACH, torch.tensor([RARE.get(name, 1.0) for name in CLASSES])
    span = torch.arange(CROP + 2 * reach)
    for _ in track(range(steps), "learn"):
        at = torch.randint(len(columns) - len(span), (BATCH, 1)) + span
        logits = network(columns[at].float())[:, reach:-reach]
        loss = F.binary_cross_entropy_with_logits(logits, truth[at].float()[:, reach:-reach], reduction="none")
        optimizer.zero_grad()
        (loss * weights).mean().backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def by_phones(waveform: np.ndarray, columns: int) -> np.ndarray:  # (M, A)
    """Give pocketsphinx's phones through the table of articulations."""
    rows = articulation_of(*decode_phones(waveform))
    result = np.zeros((columns, len(CLASSES)), np.float32)
    result[: len(rows)] = smooth(rows, OpenAudio().settings.phone_window_s)[:columns]
    return result


def flite(voice: str, text: str) -> Heard:
    """Let flite speak; it tells where its phones end."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "speech.wav"
        command = ["flite", "-voice", voice, "-psdur", "-t", text, "-o", str(file)]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        waveform = np.ascontiguousarray(read_audio(file))
    columns = hear(waveform)
    path = {name: path.mean(axis=0) for name, path in zip(PHONES, articulation_path())}
    truth = np.tile(path[SILENCE], (len(columns), 1))
    start = 0.0
    for name, end in (pair.split(":") for pair in told.stdout.split()):
        span = slice(round(start * PHONE_RATE), round(float(end) * PHONE_RATE))
        truth[span] = path.get({"AX": "AH", "AXR": "ER"}.get(name.upper(), name.upper()), path[SILENCE])
        start = float(end)
    return Heard(columns, truth, waveform)


def score(heard: Sequence[Heard], answers: Sequence[np.ndarray]) -> dict[str, float]:
    """Compare column by column."""
    truth, told = np.concatenate([one.truth for one in heard]), np.concatenate(list(answers))
    result = {name: float(roc_auc_score(truth[:, k] > 0.5, told[:, k])) for k, name in _columns(SHARP)}
    return result | {name: float(np.corrcoef(truth[:, k], told[:, k])[0, 1]) for k, name in _columns(GRADED)}


def _columns(names: Sequence[str]) -> list[tuple[int, str]]:
    return [(CLASSES.index(name), name) for name in names]


def main(
    hours: Annotated[float, typer.Option(help="Speech to learn from, heard through two rooms each.")] = 4.0,
    steps: Annotated[int, typer.Option(help="Steps of learning.")] = 5000,
    jobs: Annotated[int, typer.Option(help="Processes that speak.")] = 2,
    dry: Annotated[bool, typer.Option(help="Print the table of the file that is there; learn nothing.")] = False,
) -> None:
    """Speak, learn, test and write."""
    if dry:
        network = inversion.inversion()
    else:
        seeds = range(FIRST_SEED, FIRST_SEED + round(hours * 3600 / SPOKEN_S))
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            spoken = list(track(pool.map(compact, seeds, chunksize=8), "speak", len(seeds)))
        columns, truth = (torch.from_numpy(np.concatenate(part)) for part in zip(*spoken))
        torch.set_num_threads(jobs)
        network = learn(columns, truth, steps)
        with atomic(Path(inversion.__file__).with_name(inversion.FILE)) as path, path.open("wb") as file:
            inversion.save(network, file)
    tests = {"espeak-ng, voices held out": [utter(seed, True, 1)[0] for seed in range(TEST_UTTERANCES)]}
    if shutil.which("flite"):
        faker = Faker("en_US")
        faker.seed_instance(0)
        texts = [faker.sentence(12) for _ in range(TEST_UTTERANCES // len(FLITE))]
        tests |= {f"flite {voice}": [flite(voice, text) for text in texts] for voice in FLITE}
    table = Table("voices", "by", *SHARP, *GRADED)
    for name, heard in tests.items():
        answers = {
            "this network": [network.articulation(one.columns) for one in heard],
            "pocketsphinx": [by_phones(one.waveform, len(one.columns)) for one in heard],
        }
        for by, told in answers.items():
            table.add_row(name, by, *(f"{value:.2f}" for value in score(heard, told).values()))
    Console(width=110).print(table)


if __name__ == "__main__":
    typer.run(main)
