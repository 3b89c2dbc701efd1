"""From espeak-ng's phoneme marks to phones that agree with the sound.

espeak-ng marks a phoneme where its own sound begins, which is not always where a phonetician would put the boundary:

* the closure of p, t, k, b, … is silence *before* the mark, so that the lips would seem open in it. The closure is
  given to its stop;
* after a nasal, a liquid or a voiced stop, the vowel's mark follows the transition out of the consonant, 20 to 40 ms
  after the release. The boundary is moved to the release, the steepest change of the spectrum there.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emotag.actors.types import Phone
from emotag.actors.voice.espeak import Mark, Speech

VOWELS = frozenset("aeiouyæøœɐɑɒɔɘəɚɛɜɝɞɤɨɪɯɵɶʉʊʌʏᵻ")
"""Letters with which a vowel begins."""
STOPS = frozenset("pbtdkɡqɢcɟʔʈɖʦ")
"""Letters with which a stop or an affricate begins."""
VOICELESS = frozenset("ptkcqfsʃθxχhçɕʂħʔɸʈʦ")
"""Letters with which a voiceless phone begins."""
SONORANTS_AND_VOICED_STOPS = frozenset("mnŋɲɳɴlɫɭʎbdɡɖɟ")
"""Letters with which a consonant begins whose release is a step of the spectrum."""

_LONGEST_CLOSURE_S = 0.12
_CLOSURE_AFTER_PAUSE_S = 0.06  # a voiceless closure at the start of a phrase cannot be heard: a usual length
_SHORTEST_PAUSE_S = 0.04  # shorter silence inside a word is part of the phone before or after
_LATEST_MARK_S = 0.06  # so far behind the release may a vowel's mark be
_SHORTEST_PHONE_S = 0.012
_SILENCE = 10 ** (-50 / 20)  # of the loudest sample
_STEP_S, _LOOK_S = 0.002, 0.008

_LANGUAGE_SWITCH = re.compile(r"\([a-z0-9-]*\)?")
_OTHER_NAMES = str.maketrans({"g": "ɡ", ":": "ː", "S": "ʃ", "Z": "ʒ", "?": "ʔ", "A": "ɑ", "^": "ʲ"})
_NO_SOUND = re.compile(r"[^\w\u0300-\u036f]|[0-9_ˈˌ]")  # all but letters and the diacritics that combine with them


def parse_name(name: str) -> tuple[str, int]:
    """Split espeak-ng's name of a phoneme into IPA without stress marks, and stress (2 primary, 1 secondary, 0 none).

    The length mark ː and diacritics stay; marks of language switches, tone digits and ties of notation go; the few
    phonemes that espeak-ng tells in its own notation become IPA.
    """
    stress = 2 if "ˈ" in name else 1 if "ˌ" in name else 0
    plain = _LANGUAGE_SWITCH.sub("", name).translate(_OTHER_NAMES)
    return _NO_SOUND.sub("", plain), stress


def is_voiced(ipa: str) -> bool:
    """Tell whether the vocal folds swing in a phone (in "ʔe" they do)."""
    return bool(ipa) and (ipa[0] not in VOICELESS or not VOWELS.isdisjoint(ipa))


def find_phones(speech: Speech) -> tuple[Phone, ...]:
    """Give phones that follow each other without gaps from 0 to the end of the sound; pauses are ""."""
    marks = _with_pauses(speech)
    starts = np.array([mark.sample for mark in marks] + [len(speech.samples)], float) / speech.rate
    names = [parse_name(mark.name) for mark in marks]
    spectrum = _log_spectrum(speech)
    for i in range(1, len(marks)):
        before, here = names[i - 1][0], names[i][0]
        if here[:1] in VOWELS and before[:1] in SONORANTS_AND_VOICED_STOPS:
            earliest = max(starts[i - 1] + _SHORTEST_PHONE_S, starts[i] - _LATEST_MARK_S)
            starts[i] = _steepest_change(spectrum, earliest, starts[i])
    return _merge(names, starts)


def _with_pauses(speech: Speech) -> list[Mark]:
    """Move stops to the start of their closure and mark silences that espeak-ng does not."""
    quiet = np.abs(speech.samples) <= _SILENCE * np.abs(speech.samples).max()
    loud = np.flatnonzero(~quiet)
    result = [] if speech.marks and speech.marks[0].sample == 0 else [Mark(0, "")]
    ends = [mark.sample for mark in speech.marks[1:]] + [len(speech.samples)]
    for mark, end in zip(speech.marks, ends):
        last = np.searchsorted(loud, mark.sample) - 1
        gap_start = int(loud[last]) + 1 if last >= 0 else 0
        gap_s = (mark.sample - gap_start) / speech.rate
        name, _ = parse_name(mark.name)
        if not name:  # a pause; a tone or a switch of language has no name either, but sounds
            if quiet[mark.sample : end].all():
                result.append(Mark(max(gap_start, result[-1].sample) if result else 0, ""))
            continue
        closure_s = 0.0
        if name[0] in STOPS:
            usual = _CLOSURE_AFTER_PAUSE_S if result and not result[-1].name else _LONGEST_CLOSURE_S
            closure_s = min(gap_s, usual)
        start = mark.sample - round(closure_s * speech.rate)
        if gap_s - closure_s > _SHORTEST_PAUSE_S and result and result[-1].name:
            result.append(Mark(gap_start, ""))
        result.append(Mark(start, mark.name))
    return result


def _merge(names: Sequence[tuple[str, int]], starts: NDArray[np.float64]) -> tuple[Phone, ...]:
    """Make phones; neighbouring pauses become one, and a phone without duration goes."""
    phones: list[Phone] = []
    for (ipa, stress), start, end in zip(names, starts, starts[1:]):
        begin = phones[-1].end_s if phones else 0.0
        if end <= begin or end <= start:
            continue
        if phones and not ipa and not phones[-1].ipa:
            phones[-1] = Phone("", phones[-1].start_s, float(end), 0)
        else:
            phones.append(Phone(ipa, float(begin), float(end), stress if ipa else 0))
    return tuple(phones)


def _log_spectrum(speech: Speech) -> NDArray[np.float64]:  # (T, F) every _STEP_S
    """Give log power in 16 bands under a short window centred at k · _STEP_S."""
    window = round(2 * _LOOK_S * speech.rate)
    hop = round(_STEP_S * speech.rate)
    padded = np.pad(speech.samples, (window // 2, window))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(window), axis=1)))
    bands = np.array_split(power[:, 1 : power.shape[1] // 2], 16, axis=1)
    return np.log(np.stack([band.mean(axis=1) for band in bands], axis=1) + 1e-7)


def _steepest_change(spectrum: NDArray[np.float64], earliest_s: float, latest_s: float) -> float:
    """Find the time between two times at which the spectrum 4 ms before and after differ most."""
    reach = round(_LOOK_S / 2 / _STEP_S)
    first, last = round(earliest_s / _STEP_S), round(latest_s / _STEP_S)
    candidates = np.arange(max(first, reach), min(last, len(spectrum) - 1 - reach) + 1)
    if not candidates.size:
        return latest_s
    change = np.abs(spectrum[candidates + reach] - spectrum[candidates - reach]).mean(axis=1)
    return float(min(latest_s, candidates[change.argmax()] * _STEP_S))
