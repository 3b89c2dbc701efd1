"""What each step's losses were: read when they have come from the device, so that no step waits for its numbers."""

from collections import deque
from dataclasses import dataclass
from math import log10
from typing import Any

import torch
from torch import Tensor

from emotag.training.losses.total import refuse
from emotag.training.transfer import Arrival

SMALLEST_ERROR = 1e-10
"""Mean square below which PSNR does not rise further: 100 dB."""


@dataclass(frozen=True)
class Entry:
    """One step."""

    step: int  # frames seen before it
    names: tuple[str, ...]  # of the terms
    values: Tensor  # (terms + 2,) the terms, the loss, the mean square error of the picture
    row: dict[str, Any] | None  # what else the log says of it; None: the step is only checked


class Ledger:
    """Collects entries; every `interval` steps they travel to the host together."""

    def __init__(self, interval: int) -> None:
        self._interval = interval
        self._gathered: list[Entry] = []
        self._sent: deque[tuple[list[Entry], Arrival]] = deque()

    def add(self, entry: Entry) -> None:
        """Take a step's numbers, which may still be being computed."""
        self._gathered.append(entry)
        if len(self._gathered) >= self._interval:
            self._send()

    def rows(self, *, wait: bool = False) -> list[dict[str, Any]]:
        """Give the log rows that have come, in order; with `wait`, of all steps so far.

        Raises FloatingPointError naming step and term when a loss was not finite.
        """
        if wait:
            self._send()
        found: list[dict[str, Any]] = []
        while self._sent and (wait or self._sent[0][1].is_here):
            entries, arrival = self._sent.popleft()
            numbers = iter(arrival.read())
            for entry in entries:
                found += _row(entry, [next(numbers) for _ in range(len(entry.values))])
        return found

    def _send(self) -> None:
        if self._gathered:
            self._sent.append((self._gathered, Arrival(torch.cat([entry.values for entry in self._gathered]))))
            self._gathered = []


def _row(entry: Entry, numbers: list[float]) -> list[dict[str, Any]]:
    *terms, loss, square = numbers
    refuse(entry.step, entry.names, terms)
    if entry.row is None:
        return []
    measured = {"loss": loss, "psnr": -10 * log10(max(square, SMALLEST_ERROR))}
    return [entry.row | measured | {f"loss_{name}": value for name, value in zip(entry.names, terms)}]
