"""How a sound of any length goes through a network a piece at a time, and how its steps stand in time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Chunk:
    """Steps that one pass of a network hears, and those of them that are kept."""

    start: int  # first step that is heard
    stop: int  # one past the last step that is heard
    first: int  # first step that is kept
    last: int  # one past the last step that is kept

    @property
    def kept(self) -> slice:
        """The kept steps among those that are heard."""
        return slice(self.first - self.start, self.last - self.start)


def chunks(
    steps: int,  # of the whole sound
    core: int,  # steps kept of a pass
    context: int,  # steps heard before and after them
) -> list[Chunk]:
    """Cut a sound on a fixed grid, so that a step's chunk follows from its place alone.

    What a step hears ends `context` steps before and after its chunk, or at the ends of the sound: a step's feature
    changes with the length of the sound only when the sound ends within that reach.
    """
    found = []
    for first in range(0, steps, core):
        last = min(first + core, steps)
        found.append(Chunk(max(0, first - context), min(steps, last + context), first, last))
    return found


def batches(
    pieces: Sequence[Chunk],
    limit: int,  # chunks in a batch
) -> Iterator[list[Chunk]]:
    """Group neighbouring chunks of one length, so that a batch needs no padding (padding would change the result)."""
    group: list[Chunk] = []
    for piece in pieces:
        if group and (len(group) == limit or piece.stop - piece.start != group[0].stop - group[0].start):
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


@dataclass(frozen=True)
class StepClock:
    """Where a convolutional feature encoder's steps lie in the waveform."""

    hop: int  # samples from one step to the next
    field: int  # samples that one step sees

    @staticmethod
    def of(kernels: Sequence[int], strides: Sequence[int]) -> "StepClock":
        """Compute hop and receptive field of a stack of unpadded convolutions."""
        hop, field = 1, 1
        for kernel, stride in zip(kernels, strides, strict=True):
            field += (kernel - 1) * hop
            hop *= stride
        return StepClock(hop, field)

    @property
    def margin(self) -> tuple[int, int]:
        """Samples to hear before the first and after the last step, so that step k is centred on (k + ½) · hop."""
        before = (self.field - self.hop) // 2
        return before, self.field - self.hop - before
