"""What the visible mouth does in each English phone: a table that carries over to other languages.

Values are 0–1 targets in the middle of the phone, after the phonetic description of General American (place and manner
of articulation, lip rounding, vowel height). A diphthong is a path between two of them. The graded columns `jaw`,
`width` and `rounded` are what a lip reader sees; the others say by what articulator.
"""

import numpy as np
from numpy.typing import NDArray

SILENCE = "SIL"

PHONES = (
    *("AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH"),
    *("K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH"),
    SILENCE,
)
"""The phones of pocketsphinx's en-us model (ARPAbet without stress). Noises and breath count as silence."""

CLASSES = (
    "bilabial",  # lips pressed together
    "labiodental",  # lower lip against the upper teeth
    "rounded",  # lips protruded and narrowed, graded
    "width",  # lips spread sideways, graded
    "jaw",  # opening of the jaw, graded
    "open_vowel",
    "mid_vowel",
    "close_vowel",
    "front_vowel",
    "dental",  # tongue tip seen between or behind the teeth
    "alveolar",  # tongue tip at the ridge, jaw nearly closed
    "sibilant",  # teeth together
    "velar",  # back of the tongue; the lips are free
    "nasal",
    "plosive",  # closure and burst
    "silence",
)
"""Columns of the articulation table."""

_VOWELS: dict[str, dict[str, float]] = {
    "AA": {"jaw": 1.0, "open_vowel": 1, "width": 0.3},
    "AE": {"jaw": 0.85, "open_vowel": 1, "front_vowel": 1, "width": 0.6},
    "AH": {"jaw": 0.5, "mid_vowel": 1, "width": 0.3},
    "AO": {"jaw": 0.75, "open_vowel": 0.7, "mid_vowel": 0.3, "rounded": 0.6},
    "EH": {"jaw": 0.6, "mid_vowel": 1, "front_vowel": 1, "width": 0.5},
    "ER": {"jaw": 0.35, "mid_vowel": 1, "rounded": 0.4},
    "IH": {"jaw": 0.35, "close_vowel": 0.7, "mid_vowel": 0.3, "front_vowel": 1, "width": 0.6},
    "IY": {"jaw": 0.2, "close_vowel": 1, "front_vowel": 1, "width": 1.0},
    "UH": {"jaw": 0.35, "close_vowel": 0.7, "mid_vowel": 0.3, "rounded": 0.6},
    "UW": {"jaw": 0.2, "close_vowel": 1, "rounded": 1.0},
    "_E": {"jaw": 0.45, "mid_vowel": 1, "front_vowel": 1, "width": 0.7},  # onset of EY
    "_O": {"jaw": 0.5, "mid_vowel": 1, "rounded": 0.8},  # onset of OW
}

_CONSONANTS: dict[str, dict[str, float]] = {
    "B": {"bilabial": 1, "plosive": 1},
    "P": {"bilabial": 1, "plosive": 1},
    "M": {"bilabial": 1, "nasal": 1},
    "F": {"labiodental": 1, "jaw": 0.1},
    "V": {"labiodental": 1, "jaw": 0.1},
    "W": {"rounded": 1.0, "jaw": 0.15},
    "R": {"rounded": 0.6, "jaw": 0.25, "alveolar": 0.3},
    "Y": {"jaw": 0.2, "width": 0.8, "close_vowel": 0.5, "front_vowel": 0.5},
    "HH": {"jaw": 0.4},
    "DH": {"dental": 1, "jaw": 0.2},
    "TH": {"dental": 1, "jaw": 0.2},
    "T": {"alveolar": 1, "plosive": 1, "jaw": 0.15, "width": 0.3},
    "D": {"alveolar": 1, "plosive": 1, "jaw": 0.15, "width": 0.3},
    "N": {"alveolar": 1, "nasal": 1, "jaw": 0.2, "width": 0.3},
    "L": {"alveolar": 0.7, "dental": 0.3, "jaw": 0.3, "width": 0.3},
    "S": {"alveolar": 1, "sibilant": 1, "jaw": 0.05, "width": 0.6},
    "Z": {"alveolar": 1, "sibilant": 1, "jaw": 0.05, "width": 0.6},
    "SH": {"sibilant": 1, "rounded": 0.7, "jaw": 0.1},
    "ZH": {"sibilant": 1, "rounded": 0.7, "jaw": 0.1},
    "CH": {"sibilant": 1, "plosive": 1, "rounded": 0.6, "jaw": 0.1},
    "JH": {"sibilant": 1, "plosive": 1, "rounded": 0.6, "jaw": 0.1},
    "K": {"velar": 1, "plosive": 1, "jaw": 0.3},
    "G": {"velar": 1, "plosive": 1, "jaw": 0.3},
    "NG": {"velar": 1, "nasal": 1, "jaw": 0.3},
    SILENCE: {"silence": 1},
}

_DIPHTHONGS = {
    "AW": ("AA", "UH"),
    "AY": ("AA", "IH"),
    "EY": ("_E", "IY"),
    "OW": ("_O", "UW"),
    "OY": ("AO", "IH"),
}


def _row(phone: str) -> NDArray[np.float32]:
    values = (_VOWELS | _CONSONANTS)[phone]
    return np.array([values.get(name, 0.0) for name in CLASSES], np.float32)


def articulation_path() -> NDArray[np.float32]:  # (P, 2, A)
    """Give each phone's articulation at its start and its end (equal but for diphthongs), in the order of PHONES."""
    ends = [_DIPHTHONGS.get(phone, (phone, phone)) for phone in PHONES]
    return np.stack([np.stack([_row(start), _row(end)]) for start, end in ends])
