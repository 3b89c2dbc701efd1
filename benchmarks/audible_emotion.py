"""Can emotion be heard in the synthetic voices? Emotion and level predicted from the sound alone, for unheard speakers.

    python benchmarks/audible_emotion.py [--voices N] [--processes P]

Every voice says three sentences with six emotions at three levels, and neutral three times. Features are what a real
system can measure: F0 by pYIN, level, spectral tilt, tempo, pauses, harmonicity; the truth (phones, emotion, gain) is
not looked at. A random forest learns from some voices and is asked about others (GroupKFold by voice). `none`: the
features as they are. `neutral`: less those of one neutral sentence of the speaker, which is not among the scored.
Chance is 0.14. Takes about two minutes on two cores; 12 voices (four of them drawn) three.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from rich.console import Console
from rich.table import Table
from scipy.signal import find_peaks
from scipy.stats import spearmanr
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import GroupKFold, cross_val_predict

from emotag.actors.types import Utterance
from emotag.actors.voice.speak import speak
from emotag.actors.voice.voices import VOICES, Voice, draw_voice
from emotag.media.audio import SAMPLE_RATE
from emotag.perception.audio import prosody
from emotag.perception.audio.compiled_librosa import librosa
from emotag.perception.audio.open import OpenAudio
from emotag.progress import track
from emotag.tables import FPS
from emotag.vocabulary import EMOTIONS

SENTENCES = (
    "The paper on the table belongs to my brother.",
    "I will be back before the evening, and we can talk.",
    "Nobody told me that you were moving to Berlin.",
)
NEUTRAL_SENTENCE = "There are seven apples in the basket by the door."
SPEECH_DB = 30.0  # below the loud level (95th percentile) is a pause
HIGH_HZ = 4000.0
TREES = 300
FOLDS = 5
DRAWN_FROM = 100  # first seed of the voices beyond the named ones

Task = tuple[str, Voice, str, str, int, int]  # name, voice, sentence, emotion, level, seed


def tasks(voices: dict[str, Voice]) -> list[Task]:
    """List what is said; every utterance has its own chance."""
    wanted = [(emotion, level) for emotion in EMOTIONS if emotion != "neutral" for level in (1, 2, 3)]
    wanted += [("neutral", 0)] * 3
    result: list[Task] = []
    for name, voice in voices.items():
        result.append((name, voice, NEUTRAL_SENTENCE, "neutral", 0, 999_983))
        for sentence in SENTENCES:
            result += [
                (name, voice, sentence, emotion, level, len(result) + i) for i, (emotion, level) in enumerate(wanted)
            ]
    return result


def measure(task: Task) -> dict[str, object]:
    """Speak and measure."""
    name, voice, sentence, emotion, level, seed = task
    heard = features(speak(sentence, voice, emotion, level, seed=seed))
    return {"voice": name, "sentence": sentence, "emotion": emotion, "level": level, **heard}


def features(utterance: Utterance) -> dict[str, float]:
    """Tell a sound by twenty numbers, none of which depends on how long it is."""
    sound = librosa.resample(utterance.samples, orig_sr=utterance.rate, target_sr=SAMPLE_RATE, res_type="polyphase")
    sound = sound.astype(np.float32)
    frames = len(sound) * FPS // SAMPLE_RATE
    engine = OpenAudio()
    low, high = engine.settings.pitch_low_hz, engine.settings.pitch_high_hz
    f0, voiced = prosody.pitch(sound, frames, low, high)
    level = prosody.energy(sound, frames)
    speech = level > np.percentile(level, 95) - SPEECH_DB
    voiced &= speech
    log_mel = engine.log_mel(sound, frames)
    return (
        _melody_features(np.where(voiced, f0, np.float32(0)), speech)
        | _level_features(level, speech)
        | _tempo_features(sound, speech, voiced)
        | _timbre_features(sound, log_mel, f0, voiced)
    )


def _melody_features(f0: np.ndarray, speech: np.ndarray) -> dict[str, float]:
    at = np.flatnonzero(f0)
    if len(at) < 5:
        return dict.fromkeys(("f0", "f0_sd", "f0_low", "f0_high", "f0_slope", "f0_end", "f0_flutter"), 0.0)
    tones = 12 * np.log2(f0[at] / prosody.REFERENCE_HZ)
    steps = np.abs(np.diff(tones, 2))[np.diff(at, 2) == 0] if len(at) > 2 else np.zeros(1)
    last = tones[at >= at[0] + 0.85 * (at[-1] - at[0])]
    return {
        "f0": tones.mean(), "f0_sd": tones.std(), "f0_low": np.percentile(tones, 10),
        "f0_high": np.percentile(tones, 90), "f0_slope": np.polyfit(at / FPS, tones, 1)[0],
        "f0_end": last.mean() - tones.mean(), "f0_flutter": float(np.median(steps)) if len(steps) else 0.0,
    }  # fmt: skip


def _level_features(level: np.ndarray, speech: np.ndarray) -> dict[str, float]:
    return {
        "loudness": level[speech].mean(),
        "loudness_sd": level[speech].std(),
        "loudness_high": np.percentile(level, 95),
    }


def _tempo_features(sound: np.ndarray, speech: np.ndarray, voiced: np.ndarray) -> dict[str, float]:
    """Count nuclei of syllables as peaks of the smooth envelope (de Jong & Wempe 2009)."""
    band = librosa.feature.melspectrogram(
        y=sound, sr=SAMPLE_RATE, n_fft=512, hop_length=160, n_mels=16, fmin=300, fmax=3000
    )
    envelope = 10 * np.log10(np.convolve(band.sum(axis=0), np.hanning(9) / np.hanning(9).sum(), "same") + 1e-10)
    peaks, _ = find_peaks(envelope, prominence=2.0, height=envelope.max() - 25)
    inside = np.flatnonzero(speech)
    span = speech[inside[0] : inside[-1] + 1]
    return {
        "tempo": len(peaks) / (speech.sum() / FPS),
        "pauses": 1 - span.mean(),
        "voiced": voiced.sum() / speech.sum(),
    }


def _timbre_features(sound: np.ndarray, log_mel: np.ndarray, f0: np.ndarray, voiced: np.ndarray) -> dict[str, float]:
    settings = OpenAudio().settings
    edges = librosa.mel_frequencies(settings.mel_bands + 2, fmin=settings.mel_low_hz, fmax=SAMPLE_RATE / 2)
    centres = edges[1:-1].astype(np.float32)
    chosen = voiced if voiced.any() else np.ones(len(voiced), bool)
    tilt = prosody.spectral_tilt(log_mel[chosen], centres)
    power = np.exp(log_mel[chosen])
    high = 10 * np.log10(power[:, centres > HIGH_HZ].sum(axis=1) / power[:, centres <= HIGH_HZ].sum(axis=1))
    harmonicity = [_periodicity(sound, frame, f0[frame]) for frame in np.flatnonzero(voiced)]
    return {
        "tilt": tilt.mean(), "tilt_sd": tilt.std(), "high": high.mean(),
        "harmonic": float(np.mean(harmonicity)) if harmonicity else 0.0,
        "harmonic_low": float(np.percentile(harmonicity, 20)) if harmonicity else 0.0,
    }  # fmt: skip


def _periodicity(sound: np.ndarray, frame: int, f0: float) -> float:
    """Correlate 40 ms with the sound one period later (lags within 4 %)."""
    start, length = frame * SAMPLE_RATE // FPS, SAMPLE_RATE // FPS
    best = 0.0
    for lag in range(int(SAMPLE_RATE / f0 * 0.96), int(SAMPLE_RATE / f0 * 1.04) + 2):
        a, b = sound[start : start + length], sound[start + lag : start + lag + length]
        if len(b) == length:
            best = max(best, float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9)))
    return best


def relate(table: pd.DataFrame, names: list[str], reference: bool) -> np.ndarray:
    """Give the features, if wanted less those of the speaker's neutral sentence."""
    scored = table[table.sentence != NEUTRAL_SENTENCE]
    if not reference:
        return scored[names].to_numpy()
    neutral = table[table.sentence == NEUTRAL_SENTENCE].set_index("voice")[names]
    return scored[names].to_numpy() - neutral.loc[scored.voice].to_numpy()


def predict(values: np.ndarray, scored: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Predict emotion and level for voices that were not learnt from."""
    folds = GroupKFold(min(FOLDS, scored.voice.nunique()))
    common = {"n_estimators": TREES, "min_samples_leaf": 2, "random_state": 0, "n_jobs": 1}
    classes = cross_val_predict(RandomForestClassifier(**common), values, scored.emotion, groups=scored.voice, cv=folds)
    levels = cross_val_predict(
        RandomForestRegressor(max_features=0.4, **common), values, scored.level, groups=scored.voice, cv=folds
    )
    return classes, levels


def show(console: Console, scored: pd.DataFrame, classes: np.ndarray, levels: np.ndarray, title: str) -> None:
    """Print confusion and predicted level."""
    counts = confusion_matrix(scored.emotion, classes, labels=list(EMOTIONS), normalize="true")
    table = Table(title=f"{title}: what is heard (columns) of what was meant (rows), per cent", title_justify="left")
    for column in ("", *EMOTIONS):
        table.add_column(column, justify="right")
    for emotion, row in zip(EMOTIONS, counts):
        table.add_row(emotion, *(f"{100 * value:.0f}" for value in row))
    console.print(table)

    table = Table(title=f"{title}: predicted level at the true level", title_justify="left")
    for column in ("", "0", "1", "2", "3", "rising"):
        table.add_column(column, justify="right")
    for emotion in (*EMOTIONS, "all"):
        chosen = np.ones(len(scored), bool) if emotion == "all" else (scored.emotion == emotion).to_numpy()
        means = [levels[chosen & (scored.level == level).to_numpy()] for level in range(4)]
        cells = [f"{values.mean():.2f}" if len(values) else "" for values in means]
        rising = "" if emotion == "neutral" else "yes" if _rises(means[1:]) else "NO"
        table.add_row(emotion, *cells, rising)
    console.print(table)


def _rises(values: list[np.ndarray]) -> bool:
    means = [value.mean() for value in values]
    return bool(np.all(np.diff(means) > 0))


def main(
    voices: Annotated[int, typer.Option(help="speakers: the named ones, then drawn ones")] = 8,
    processes: Annotated[int, typer.Option(help="parallel processes")] = 2,
    out: Annotated[str, typer.Option(help="write the features to this CSV file")] = "",
) -> None:
    """Render, measure, predict, print."""
    console = Console(width=120)
    people = dict(list(VOICES.items())[:voices])
    for i in range(voices - len(people)):
        people[f"drawn {i}"] = draw_voice(DRAWN_FROM + i, ("female", "male")[i % 2])
    plan = tasks(people)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        table = pd.DataFrame(track(pool.map(measure, plan, chunksize=8), "speak", total=len(plan)))
    if out:
        table.to_csv(out, index=False)
    names = [name for name in table.columns if name not in ("voice", "sentence", "emotion", "level")]
    scored = table[table.sentence != NEUTRAL_SENTENCE]

    result = Table(title=f"{len(scored)} utterances of {len(people)} voices, unheard voices", title_justify="left")
    for column in ("normalised by", "accuracy of 7", "at level 1", "2", "3", "level: Spearman"):
        result.add_column(column, justify="right")
    for title, reference in (("none", False), ("neutral", True)):
        classes, levels = predict(relate(table, names, reference), scored)
        right = classes == scored.emotion.to_numpy()
        per_level = [f"{right[(scored.level == level).to_numpy()].mean():.2f}" for level in (1, 2, 3)]
        rank = spearmanr(levels, scored.level)[0]
        result.add_row(title, f"{right.mean():.3f}", *per_level, f"{rank:.2f}")
        show(console, scored, classes, levels, f"normalised by {title}")
    console.print(result)


if __name__ == "__main__":
    typer.run(main)
