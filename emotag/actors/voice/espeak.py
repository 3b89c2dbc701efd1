"""The espeak-ng speech synthesizer through ctypes: sound and the moments at which its phonemes begin.

The library and its data come with the package `espeakng_loader`; the calls are those of its public header
speak_lib.h (espeak-ng 1.52).

espeak-ng keeps oscillator phases, a random state and filter memories between calls in variables of the library, so the
same call gives other samples the second time. Therefore every call here loads the library, speaks, and unloads it
again: 10 ms, and the result depends on nothing but the arguments. A lock makes it safe among threads.
"""

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

from emotag.errors import InputError

SLOWEST_WPM, FASTEST_WPM = 80, 450
NORMAL_PITCH = 50

_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: sound is given to the callback before the call returns
_PHONEME_EVENTS, _IPA_NAMES, _DO_NOT_EXIT = 1, 2, 1 << 15
_UTF8, _END_PAUSE = 1, 0x1000
_LAST_EVENT, _PHONEME_EVENT = 0, 7
_RATE, _VOLUME, _PITCH, _RANGE, _WORD_GAP = 1, 2, 3, 4, 7
_NAME_BYTES = 8  # of a phoneme's name in an event
_RANDOM_SEED = 1
_QUIET = 50  # 100 is the usual volume; loud variants reach 16-bit full scale above 60
_EXTERNAL_SYNTHESIZER = "mb/"  # voices in this folder call the program mbrola
_LOCK = threading.Lock()


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * _NAME_BYTES))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _Id),
    )  # fmt: skip


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p), ("languages", ctypes.c_void_p), ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte), ("age", ctypes.c_ubyte), ("variant", ctypes.c_ubyte), ("spare", ctypes.c_ubyte),
        ("score", ctypes.c_int), ("data", ctypes.c_void_p),
    )  # fmt: skip


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Manner:
    """The parameters that espeak-ng itself offers."""

    rate_wpm: int = 175
    """Words per minute, SLOWEST_WPM to FASTEST_WPM."""
    pitch: int = NORMAL_PITCH
    """0 to 99; 50 is the variant's own, 0 an octave lower, 99 an octave higher."""
    pitch_range: int = 50
    """0 to 99; 0 is monotone, 50 the variant's own, 99 twice that."""
    word_gap: int = 0
    """Pause between words in units of 10 ms at the usual rate."""


@dataclass(frozen=True)
class Mark:
    """The moment at which espeak-ng begins a phoneme."""

    sample: int
    name: str  # IPA with stress marks; "" is a pause


@dataclass(frozen=True)
class Speech:
    """What espeak-ng gives."""

    samples: NDArray[np.float32]  # (N,) in [−1, 1]
    rate: int  # Hz
    marks: tuple[Mark, ...]  # in order of time


def synthesize(text: str, language: str, variant: str, manner: Manner) -> Speech:
    """Speak a text. The same arguments always give the same samples.

    Raises:
        InputError: the language or the variant is unknown, the text is empty, or espeak-ng finds nothing to say in it.

    """
    name = f"{resolve(language)}+{check_variant(variant)}"
    text = text.replace("\0", " ")  # would end a C string
    if not text.strip():
        raise InputError("text to speak is empty: give at least one word")
    chunks: list[NDArray[np.int16]] = []
    marks: list[Mark] = []

    @_Callback
    def collect(wave: Any, count: int, events: Any) -> int:
        if wave and count > 0:
            chunks.append(np.ctypeslib.as_array(wave, (count,)).copy())
        marks.extend(_read_marks(events))
        return 0

    with _LOCK, _library() as (library, rate):
        library.espeak_SetSynthCallback(collect)
        library.espeak_ng_SetRandSeed(ctypes.c_long(_RANDOM_SEED))
        if library.espeak_ng_SetVoiceByName(name.encode()) != 0:
            raise InputError(f"espeak-ng cannot load the voice {name}")
        values = {_RATE: manner.rate_wpm, _PITCH: manner.pitch, _RANGE: manner.pitch_range, _WORD_GAP: manner.word_gap}
        for parameter, value in (values | {_VOLUME: _QUIET}).items():
            library.espeak_SetParameter(parameter, int(value), 0)
        encoded = text.encode()
        size = ctypes.c_size_t(len(encoded) + 1)
        library.espeak_Synth(encoded, size, 0, 0, 0, _UTF8 | _END_PAUSE, None, None)
        library.espeak_Synchronize()
    samples = np.concatenate([np.zeros(0, np.int16), *chunks]).astype(np.float32) / np.float32(32768)
    if not np.any(samples):
        raise InputError(f"espeak-ng finds nothing to say in {text[:40]!r} in language {language}: another language?")
    return Speech(samples, rate, tuple(sorted(marks, key=lambda mark: mark.sample)))


@lru_cache(maxsize=1)
def languages() -> tuple[str, ...]:
    """Give every language code that can be spoken, sorted: "en-us", "de", "cmn", "zh", …"""
    return tuple(sorted(_language_table()))


@lru_cache(maxsize=1)
def variants() -> tuple[str, ...]:
    """Give the names of the voice variants in espeak-ng's data, sorted: "f1", "m3", "Annie", …"""
    return tuple(sorted(path.name for path in _variant_folder().iterdir() if path.is_file()))


def resolve(language: str) -> str:
    """Give the name of the voice that speaks a language ("zh" -> "cmn").

    Raises:
        InputError: there is none.

    """
    table = _language_table()
    if language.lower() not in table:
        raise InputError(f"unknown language {language!r}: choose one of espeak-ng's, such as en-us, de, fr, cmn")
    return table[language.lower()]


def check_variant(variant: str) -> str:
    """Give the name back when espeak-ng has the variant (itself it would speak with another voice in silence).

    Raises:
        InputError: it has not.

    """
    if variant not in variants():
        raise InputError(f"unknown voice variant {variant!r}: choose one of espeak-ng's, such as f1, Annie, m3, m7")
    return variant


@lru_cache
def variant_pitch(variant: str) -> tuple[float, float]:
    """Read the low and high F0 (Hz) of a variant at pitch 50 and range 50."""
    for line in (_variant_folder() / check_variant(variant)).read_text(encoding="utf-8").splitlines():
        words = line.split()
        if len(words) >= 3 and words[0] == "pitch":
            return float(words[1]), float(words[2])
    return 82.0, 118.0  # espeak-ng's own default


def _variant_folder() -> Path:
    return Path(espeakng_loader.get_data_path()) / "voices" / "!v"


@contextlib.contextmanager
def _library() -> Iterator[tuple[Any, int]]:
    """Load a fresh espeak-ng; give it and its sample rate (Hz); unload it."""
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        folder = espeakng_loader.get_data_path().encode()
        options = _PHONEME_EVENTS | _IPA_NAMES | _DO_NOT_EXIT
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, folder, options)
        if rate <= 0:
            raise RuntimeError(f"espeak-ng does not start with its data in {espeakng_loader.get_data_path()}")
        yield library, rate
        library.espeak_Terminate()
    finally:
        _unload(library)


def _unload(library: ctypes.CDLL) -> None:
    if sys.platform == "win32":
        import _ctypes

        _ctypes.FreeLibrary(library._handle)
        return
    system = ctypes.CDLL(None)
    system.dlclose.argtypes = (ctypes.c_void_p,)
    system.dlclose(library._handle)
    try:
        ctypes.CDLL(espeakng_loader.get_library_path(), mode=os.RTLD_NOLOAD | os.RTLD_NOW)
    except OSError:
        return  # it is gone, as it should be
    raise RuntimeError("another part of this process holds espeak-ng: its voice would differ from call to call")


def _read_marks(events: Any) -> Iterator[Mark]:
    """Read the phonemes of an array of events that ends with an event of type 0."""
    index = 0
    while events[index].type != _LAST_EVENT:
        event = events[index]
        if event.type == _PHONEME_EVENT:
            raw = ctypes.string_at(ctypes.addressof(event) + _Event.id.offset, _NAME_BYTES)
            yield Mark(event.sample, raw.split(b"\0")[0].decode("utf-8", errors="ignore"))
        index += 1


@lru_cache(maxsize=1)
def _language_table() -> dict[str, str]:
    """Map every language code to the voice that speaks it best: espeak-ng tells a priority, the lowest is best."""
    best: dict[str, tuple[int, bool, int, str]] = {}
    with _LOCK, _library() as (library, _):
        library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        voices = library.espeak_ListVoices(None)
        index = 0
        while voices[index]:
            voice = voices[index].contents
            identifier = voice.identifier.decode()
            codes = list(_read_codes(voice.languages))
            known = codes[0][1] not in _CRASHING and _has_dictionary(identifier, codes[0][1])
            if known and not identifier.startswith(_EXTERNAL_SYNTHESIZER):
                for priority, code in codes:
                    offer = (priority, code != codes[0][1], index, identifier)
                    best[code] = min(best.get(code, offer), offer)
            index += 1
    return {code: offer[-1] for code, offer in best.items()}


_CRASHING = ("kl",)
"""Left out: the library of espeakng-loader 0.2.4 dies on some of their text (on digits in Kalaallisut)."""


def _has_dictionary(identifier: str, code: str) -> bool:
    """Tell whether the data has the pronunciation rules of a language (of Faroese, for one, it has only the voice)."""
    data = Path(espeakng_loader.get_data_path())
    name = code.split("-")[0]
    for line in (data / "lang" / identifier).read_text(encoding="utf-8").splitlines():
        if line.startswith("dictionary "):
            name = line.split()[1]
    return (data / f"{name}_dict").exists()


def _read_codes(address: int) -> Iterator[tuple[int, str]]:
    """Read a voice's list of languages: a byte of priority, a string, …, a zero byte."""
    while (priority := ctypes.string_at(address, 1)[0]) != 0:
        code = ctypes.string_at(address + 1)
        yield priority, code.decode().lower()
        address += 1 + len(code) + 1
