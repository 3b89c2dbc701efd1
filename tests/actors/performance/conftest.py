"""Hand-made utterances, the ARKit names, and heads to measure lips on."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from emotag.actors.performance.perform import SHAPES
from emotag.actors.types import Phone, Utterance
from emotag.head.ict import load_ict
from emotag.head.open_head.assemble import open_head as make_open_head

RATE = 16000
NAMES = tuple(sorted(SHAPES))
LENGTHS = {"p": 0.09, "b": 0.085, "m": 0.08, "f": 0.11, "v": 0.08, "s": 0.12, "": 0.3}
VOWELS = "aeiouæɑɔɛɪʊʌə"


def say(sounds: str, emotion: str = "neutral", level: int = 0, scale: float = 1.0) -> Utterance:
    """Phones parted by blanks ("_" is a pause, ' stands before a stressed vowel) between two pauses."""
    phones, parts, now = [], [], 0.0
    for symbol in ("_", *sounds.split(), "_"):
        ipa = symbol.lstrip("'").replace("_", "")
        vowel = ipa[:1] in VOWELS and bool(ipa)
        length = (0.12 if vowel else LENGTHS.get(ipa, 0.07)) * scale
        phones.append(Phone(ipa, now, now + length, 2 if symbol.startswith("'") else 0))
        loudness = 0.3 if vowel else 0.08 if ipa else 0.0
        parts.append((now, now + length, loudness))
        now += length
    time = np.arange(round(now * RATE)) / RATE
    samples = np.sin(2 * np.pi * 140 * time)
    for start, end, loudness in parts:
        samples[(time >= start) & (time < end)] *= loudness
    return Utterance(samples.astype(np.float32), RATE, tuple(phones), emotion, level)


SENTENCE = "m 'a m ə _ s 'ɛ v ə n b 'oʊ t s w 'ɒ t ə s 'ʌ m p 'iː p əl f 'aɪ v"
EMOTIONAL = list(itertools.product(("angry", "disgust", "fear", "happy", "sad", "surprise"), (1, 2, 3)))


def lip_landmarks(head, performance) -> np.ndarray:  # (T, 68, 3) mm, of a head that does not turn
    frames = len(performance.e)
    still = torch.zeros(frames, 3)
    with torch.no_grad():
        vertices = head.vertices(
            torch.zeros(head.n_shape),
            torch.as_tensor(performance.expression, dtype=torch.float32),
            torch.as_tensor(performance.jaw_pose, dtype=torch.float32),
            still,
            torch.zeros(frames, 6),
            still,
            still,
        )
    return head.landmarks68.points(vertices, head.faces).numpy() * 1000


def lip_gap(head, performance) -> np.ndarray:  # (T, 3) mm: inner lips left, middle, right
    points = lip_landmarks(head, performance)
    return points[:, [61, 62, 63], 1] - points[:, [67, 66, 65], 1]


def frames_of(phone: Phone, count: int) -> slice:
    """Frames from just before to just after a sound."""
    return slice(max(int(np.floor(phone.start_s * 25)), 0), min(int(np.ceil(phone.end_s * 25)) + 1, count))


@pytest.fixture(scope="session")
def open_head():
    return make_open_head()


@pytest.fixture(scope="session")
def ict_head():
    archive = Path(__file__).parents[3] / "../shared/assets/ict-facekit.tar.xz"
    if not archive.exists():
        pytest.skip("needs ../shared/assets/ict-facekit.tar.xz")
    return load_ict(archive, 6000, 1)[0]
