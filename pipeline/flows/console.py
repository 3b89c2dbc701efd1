"""Reading what a stage prints while it runs: plain lines, and how far its progress bar is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

LIVE = {"TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1", "NO_COLOR": "1", "TERM": "xterm", "COLUMNS": "160"}
"""Environment in which rich draws its bars into a pipe as it would on a terminal (its documented variables)."""

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|[\x00-\x08\x0b\x0c\x0e-\x1f]")
_BAR = re.compile(r"^(?P<what>.*?) [━╸╺ ]{10,} (?P<done>\d+)/(?P<total>\d+|\?)(?: +[-\d:]+)?(?P<note>.*)$")
_BREAK = re.compile(r"[\r\n]|\x1b\[2K|\x1b\[1A")


@dataclass(frozen=True)
class Reading:
    """How far a progress bar is."""

    what: str  # what is being done
    done: int  # steps
    total: int | None  # steps; None where nobody knows
    note: str  # what stands behind the bar: "loss 0.123  PSNR 24.1"

    @property
    def percent(self) -> float:
        """Done, of 100; 0 where the total is not known."""
        return 100.0 * self.done / self.total if self.total else 0.0


@dataclass
class Output:
    """The output of a stage, as it comes in pieces of bytes."""

    _rest: bytes = field(default=b"", repr=False)

    def feed(self, piece: bytes) -> Iterator[str | Reading]:
        """Give the whole lines that have come: text without control codes, and readings of bars. b"" ends it."""
        content = self._rest + piece
        whole = content
        self._rest = b""
        if piece:
            cut = max(content.rfind(b"\n"), content.rfind(b"\r")) + 1
            whole, self._rest = content[:cut], content[cut:]
        for part in _BREAK.split(whole.decode("utf-8", errors="replace")):
            line = _CONTROL.sub("", part).rstrip()
            if line:
                bar = _BAR.match(line)
                yield line if bar is None else _reading(bar)


def _reading(bar: re.Match[str]) -> Reading:
    total = None if bar["total"] == "?" else int(bar["total"])
    return Reading(bar["what"].strip(), int(bar["done"]), total, bar["note"].strip())
