"""IPA symbols as articulatory features: what lips and jaw need to know of a speech sound of any language."""

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache


@dataclass(frozen=True)
class Articulation:
    """One articulatory target of a speech sound (International Phonetic Alphabet, chart of 2020)."""

    kind: str  # "vowel", "consonant", "pause"
    place: str = ""  # of consonants, see PLACES
    manner: str = ""  # of consonants, see MANNERS
    openness: float = 0.5  # of vowels: 0 close … 1 open
    backness: float = 0.5  # of vowels: 0 front … 1 back
    rounding: float = 0.0  # 0 … 1; consonants: labialisation
    weight: float = 1.0  # share of the sound's time that this target takes


PLACES = (
    "bilabial", "labiodental", "labial-velar", "labial-palatal", "dental", "alveolar", "sibilant", "postalveolar",
    "retroflex", "palatal", "velar", "uvular", "pharyngeal", "glottal",
)  # fmt: skip
"""Front to back; labial-velar and labial-palatal are glides of rounded lips; "sibilant" is the alveolar s, z."""
MANNERS = ("stop", "nasal", "trill", "tap", "fricative", "approximant")

_VOWELS = {  # symbol: openness, backness, rounding
    "i": (0.0, 0.0, 0.0), "y": (0.0, 0.0, 1.0), "ɨ": (0.0, 0.5, 0.0), "ʉ": (0.0, 0.5, 1.0),
    "ɯ": (0.0, 1.0, 0.0), "u": (0.0, 1.0, 1.0), "ɪ": (0.2, 0.2, 0.0), "ʏ": (0.2, 0.2, 0.9),
    "ᵻ": (0.2, 0.5, 0.0), "ᵿ": (0.2, 0.6, 0.6), "ʊ": (0.2, 0.8, 0.7), "e": (0.33, 0.0, 0.0),
    "ø": (0.33, 0.0, 1.0), "ɘ": (0.33, 0.5, 0.0), "ɵ": (0.33, 0.5, 0.9), "ɤ": (0.33, 1.0, 0.0),
    "o": (0.33, 1.0, 1.0), "ə": (0.45, 0.5, 0.0), "ɚ": (0.45, 0.5, 0.35), "ɛ": (0.66, 0.0, 0.0),
    "œ": (0.66, 0.0, 0.9), "ɜ": (0.60, 0.5, 0.0), "ɝ": (0.55, 0.5, 0.4), "ɞ": (0.66, 0.5, 0.7),
    "ʌ": (0.66, 0.8, 0.0), "ɔ": (0.66, 1.0, 0.8), "æ": (0.83, 0.1, 0.0), "ɐ": (0.80, 0.5, 0.0),
    "a": (1.0, 0.3, 0.0), "ɶ": (1.0, 0.1, 0.7), "ɑ": (1.0, 0.9, 0.0), "ɒ": (0.95, 1.0, 0.5),
}  # fmt: skip

_CONSONANTS = {
    ("bilabial", "stop"): "pbɓʘ", ("bilabial", "nasal"): "m", ("bilabial", "trill"): "ʙ",
    ("bilabial", "fricative"): "ɸβ",
    ("labiodental", "nasal"): "ɱ", ("labiodental", "tap"): "ⱱ", ("labiodental", "fricative"): "fv",
    ("labiodental", "approximant"): "ʋ",
    ("labial-velar", "approximant"): "w", ("labial-velar", "fricative"): "ʍ", ("labial-palatal", "approximant"): "ɥ",
    ("dental", "fricative"): "θð", ("dental", "stop"): "ǀ",
    ("alveolar", "stop"): "tdɗǃ", ("alveolar", "nasal"): "n", ("alveolar", "trill"): "r", ("alveolar", "tap"): "ɾɺ",
    ("alveolar", "fricative"): "ɬɮ", ("alveolar", "approximant"): "lɫǁ",
    ("sibilant", "fricative"): "sz",
    ("postalveolar", "fricative"): "ʃʒɕʑɧ", ("postalveolar", "approximant"): "ɹ", ("postalveolar", "stop"): "ǂ",
    ("retroflex", "stop"): "ʈɖᶑ", ("retroflex", "nasal"): "ɳ", ("retroflex", "tap"): "ɽ",
    ("retroflex", "fricative"): "ʂʐ", ("retroflex", "approximant"): "ɻɭ",
    ("palatal", "stop"): "cɟʄ", ("palatal", "nasal"): "ɲ", ("palatal", "fricative"): "çʝ",
    ("palatal", "approximant"): "jʎ",
    ("velar", "stop"): "kɡgɠ", ("velar", "nasal"): "ŋ", ("velar", "fricative"): "xɣ", ("velar", "approximant"): "ɰʟ",
    ("uvular", "stop"): "qɢʛ", ("uvular", "nasal"): "ɴ", ("uvular", "trill"): "ʀ", ("uvular", "fricative"): "χʁ",
    ("pharyngeal", "fricative"): "ħʕʜʢ", ("pharyngeal", "stop"): "ʡ",
    ("glottal", "stop"): "ʔ", ("glottal", "fricative"): "hɦ",
}  # fmt: skip

_LABIALISED, _PALATALISED, _VELARISED = "ʷ", "ʲ", "ˠ"
_MORE_OPEN, _MORE_CLOSE, _CENTRAL, _ROUNDER, _FLATTER = "\u031e", "\u031d", "\u0308", "\u0339", "\u031c"
_RHOTIC, _SHORT_GLIDE = "˞", "\u032f"
_CONSONANT_GLIDE, _VOWEL_GLIDE = 0.35, 0.6
"""Shares of time: the first part of an affricate; the second target of a diphthong against the first's 1."""
_PAUSES = ("", "_", "_:", "|", "‖")

PAUSE = Articulation("pause")
NEUTRAL_SOUND = Articulation("vowel", openness=0.35, backness=0.5, weight=1.0)
"""What a symbol without any known letter looks like: lips slightly apart."""


def _symbols() -> dict[str, Articulation]:
    table = {
        letter: Articulation("vowel", openness=openness, backness=backness, rounding=rounding)
        for letter, (openness, backness, rounding) in _VOWELS.items()
    }
    for (place, manner), letters in _CONSONANTS.items():
        rounding = 1.0 if place.startswith("labial-") else 0.0
        table |= {letter: Articulation("consonant", place, manner, rounding=rounding) for letter in letters}
    table["ɹ"] = replace(table["ɹ"], rounding=0.45)  # English r is made with rounded lips
    for letter in "ʃʒ":
        table[letter] = replace(table[letter], rounding=0.6)
    return table


SYMBOLS = _symbols()
"""IPA letter -> features."""


def known(ipa: str) -> bool:
    """Say whether a sound is understood: a pause, or letters of the IPA (or built on them); marks are not looked at."""
    return ipa in _PAUSES or NEUTRAL_SOUND not in articulations(ipa)


@lru_cache(maxsize=4096)
def articulations(ipa: str) -> tuple[Articulation, ...]:
    """Give the targets of one sound in order: two for a diphthong or an affricate, one for most.

    Letters outside the table fall back by their base letter (ŕ → r), then to a neutral opening; tone letters, digits,
    stress and length marks are skipped. A modifier on its own is its letter (ʲ is j). Empty when the symbol is only a
    mark of length, tone or the like: the sound before it goes on.
    """
    if ipa in _PAUSES:
        return (PAUSE,)
    found: list[Articulation] = []
    marks = _decompose(ipa)
    for mark in marks:
        symbol = SYMBOLS.get(mark) or _by_base_letter(mark)
        if symbol is not None:
            found.append(symbol)
        elif found:
            found[-1] = _modified(found[-1], mark)
    if not found:
        found = [SYMBOLS[_LONE[mark]] for mark in marks if mark in _LONE]
    return tuple(_shares(found))


_LONE = {_LABIALISED: "w", _PALATALISED: "j", _VELARISED: "ɰ", "ʰ": "h", "ʱ": "ɦ", "ⁿ": "n", "ˡ": "l", "ᵊ": "ə"}
_MODIFIERS = "".join(_LONE) + _RHOTIC + "ˤʼːˑˈˌᵝ"
_SPELLINGS = {
    "c\u0327": "ç", "ʦ": "ts", "ʣ": "dz", "ʧ": "tʃ", "ʤ": "dʒ", "ʨ": "tɕ", "ʥ": "dʑ", "ε": "ɛ", "ɩ": "ɪ", "ɷ": "ʊ",
}  # fmt: skip
"""Older or other ways to write IPA letters."""


def _decompose(ipa: str) -> str:
    """Split diacritics off, and write every letter as the table does."""
    plain = unicodedata.normalize("NFD", re.sub(r"\([^)]*\)", "", ipa))  # espeak-ng marks a switched language: (en)
    for other, ours in _SPELLINGS.items():
        plain = plain.replace(other, ours)
    return plain


def _by_base_letter(mark: str) -> Articulation | None:
    if mark in _MODIFIERS or unicodedata.category(mark) not in ("Ll", "Lu", "Lo"):
        return None
    base = unicodedata.normalize("NFKD", mark)[0].lower()
    if base in SYMBOLS:
        return SYMBOLS[base]
    named = re.search(r"LETTER (?:SMALL |CAPITAL )*([A-Z])\b", unicodedata.name(mark, ""))
    return SYMBOLS.get(named.group(1).lower(), NEUTRAL_SOUND) if named else NEUTRAL_SOUND


def _modified(sound: Articulation, mark: str) -> Articulation:
    vowel = sound.kind == "vowel"
    if mark == _LABIALISED:
        return replace(sound, rounding=max(sound.rounding, 0.8))
    if mark == _RHOTIC:
        return replace(sound, rounding=max(sound.rounding, 0.35))
    if mark == _ROUNDER:
        return replace(sound, rounding=min(sound.rounding + 0.3, 1.0))
    if mark == _FLATTER:
        return replace(sound, rounding=max(sound.rounding - 0.3, 0.0))
    if vowel and mark == _MORE_OPEN:
        return replace(sound, openness=min(sound.openness + 0.15, 1.0))
    if vowel and mark == _MORE_CLOSE:
        return replace(sound, openness=max(sound.openness - 0.15, 0.0))
    if vowel and mark == _CENTRAL:
        return replace(sound, backness=(sound.backness + 0.5) / 2)
    if mark == _SHORT_GLIDE:
        return replace(sound, weight=sound.weight * _VOWEL_GLIDE)
    return sound


def _shares(found: list[Articulation]) -> list[Articulation]:
    """Weigh the parts of an affricate or a diphthong."""
    if len(found) == 1:
        return found
    shared = []
    for index, sound in enumerate(found):
        last = index == len(found) - 1
        if sound.kind == "consonant" and not last and found[index + 1].kind == "consonant":
            sound = replace(sound, weight=sound.weight * _CONSONANT_GLIDE)
        elif sound.kind == "vowel" and index > 0:
            sound = replace(sound, weight=sound.weight * _VOWEL_GLIDE)
        shared.append(sound)
    return shared
