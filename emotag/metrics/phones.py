"""Which phone is spoken in each frame, where that is known: tables of phones, and what the lips do in them.

A table of phones belongs to a source video (`clips.<clip>.video`), and its times are that video's. Two kinds are read:

* Parquet with `time_s` (float, start of the frame) and `phone` (string), a row a frame at 25 fps: what actors come with
  (`data/actors/<take>.parquet`);
* CSV with `Begin`, `End` (seconds) and `Label`, a row a phone, as the Montreal Forced Aligner writes with
  `--output_format csv`; of its column `Type`, where there is one, only `phones` are read.

Phones are IPA (espeak-ng, MFA) or ARPAbet in capitals (CMU dictionary, with or without stress). "" is silence.
"""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emotag.errors import InputError
from emotag.tables import FPS, column, read_table

Span = tuple[int, int]  # frames [start, stop)

_IPA_VOWELS = frozenset("aeiouyæœøɐɑɒɔəɘɚɛɜɝɞɤɨɪɯɵɶʉʊʌʏᵻ")
_ARPABET = re.compile(r"[A-Z]{1,2}[0-2]?")


def is_bilabial(phone: str) -> bool:
    """Tell whether both lips close: p, b, m and what begins with them (pʰ, mʲ, p͡f, ARPAbet's P, B, M)."""
    return phone[:1].lower() in ("p", "b", "m") or phone.rstrip("012") == "EM"


def is_vowel(phone: str) -> bool:
    """Tell whether it is a vowel: the lips are apart."""
    if _ARPABET.fullmatch(phone):
        return phone[0] in "AEIOU" and phone.rstrip("012") not in ("EL", "EM", "EN")
    return phone[:1] in _IPA_VOWELS


def spans(
    phones: Sequence[str],  # T
    wanted: Sequence[bool],  # T: frames that count
) -> list[Span]:
    """Give the runs of wanted frames that one sound fills; bilabials that follow each other ("mb") are one closure."""
    found: list[Span] = []
    for index, (phone, one) in enumerate(zip(phones, wanted, strict=True)):
        if not one:
            continue
        joined = found and found[-1][1] == index and (phone == phones[index - 1] or is_bilabial(phone))
        if joined:
            found[-1] = (found[-1][0], index + 1)
        else:
            found.append((index, index + 1))
    return found


def bilabial_spans(phones: Sequence[str]) -> list[Span]:
    """Give the intervals in which both lips close."""
    return spans(phones, [is_bilabial(phone) for phone in phones])


def vowel_spans(phones: Sequence[str]) -> list[Span]:
    """Give the intervals of vowels."""
    return spans(phones, [is_vowel(phone) for phone in phones])


def read_phones(
    path: Path,
    frames: int,  # of the clip
    start_s: float = 0.0,  # where the clip starts in its source
) -> list[str]:  # a phone a frame, "" where none is known
    """Read a table of phones on a clip's clock. Raises InputError when it is missing or of neither kind."""
    middles = start_s + (np.arange(frames) + 0.5) / FPS
    if path.suffix == ".parquet":
        begin, labels = _frames(path)
        end = begin + 1 / FPS
    else:
        begin, end, labels = _segments(path)
    if not len(begin) or begin[0] > middles[-1] or end.max() < middles[0]:
        raise InputError(
            f"{path}: holds no phone between {middles[0]:.1f} s and {middles[-1]:.1f} s; its times must be those of "
            "the clip's source video"
        )
    rows = np.searchsorted(begin, middles, side="right") - 1
    return [labels[row] if row >= 0 and middle < end[row] else "" for row, middle in zip(rows, middles)]


def _frames(path: Path) -> tuple[np.ndarray, list[str]]:
    table = read_table(path)
    if "phone" not in table.column_names:
        raise InputError(f"{path}: has no column 'phone'; a table of phones needs 'time_s' and 'phone'")
    return column(table, "time_s").astype(np.float64), [phone or "" for phone in table["phone"].to_pylist()]


def _segments(path: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [{(key or "").strip().lower(): value for key, value in row.items()} for row in csv.DictReader(file)]
    except FileNotFoundError:
        raise InputError(f"{path}: not found; align the clip's words first, or clear the test's `phones`") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not text; a table of phones is CSV or Parquet") from None
    try:
        read = [
            (float(row["begin"]), float(row["end"]), (row["label"] or "").strip())
            for row in rows
            if (row.get("type") or "phones").strip() == "phones"
        ]
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{path}: every row needs numbers under Begin and End and a phone under Label, as the Montreal Forced "
            "Aligner writes them; export it again"
        ) from None
    read.sort()
    begin, end = (np.array([row[index] for row in read], np.float64) for index in (0, 1))
    silent = ("sil", "sp", "spn", "<eps>")
    return begin, end, ["" if row[2].lower() in silent else row[2] for row in read]
