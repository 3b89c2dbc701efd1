"""Training one network in several processes: each renders its own people, the network's gradients are averaged."""

from pathlib import Path

import torch

from emotag.head.model import HeadModel
from emotag.training.distributed import Ranks
from emotag.training.loop import train
from emotag.training.settings import TrainingSettings
from emotag.training.state import TrainingState, load_checkpoint, save_checkpoint
from emotag.training.stream import Stream

GENERATIONS = ("a", "b")
"""A process keeps its last two checkpoints: one may be killed before it has written what another has."""


def train_together(
    head: HeadModel,
    state: TrainingState,
    settings: TrainingSettings,
    description: str,
    stream: Stream,
    ranks: Ranks,
    checkpoint: Path | None = None,
    key: str = "",
) -> None:
    """Train until all processes together have rendered `settings.frames` frames.

    A step renders a batch in every process, so the network takes fewer steps of more frames each. Every process draws
    with a generator of its own. Raises InputError when another process ends.
    """
    seed = settings.seed + ranks.rank
    if ranks.rank:  # the first one goes on as a single process would
        torch.manual_seed(seed)
        state.generator.manual_seed(seed)
    saved = None if checkpoint is None else _Checkpoints(checkpoint, key, ranks)
    if saved is not None:
        saved.resume(state)
    train(
        head,
        state,
        settings,
        description,
        before_step=stream.before_step,
        reduce_gradients=ranks.reduce_gradients,
        rendered_by_all=ranks.total,
        save=None if saved is None else saved.save,
    )


def remove_checkpoints(checkpoint: Path, ranks: Ranks) -> None:
    """Delete this process's checkpoints, once what they were for is written."""
    ranks.gather(None)
    for path in [checkpoint] if ranks.count == 1 else _files(checkpoint, ranks):
        path.unlink(missing_ok=True)


class _Checkpoints:
    def __init__(self, checkpoint: Path, key: str, ranks: Ranks) -> None:
        self._files, self._ranks = _files(checkpoint, ranks), ranks
        self._key = f"{key} process {ranks.rank} of {ranks.count}"
        self._next = 0

    def resume(self, state: TrainingState) -> None:
        """Go on from the last moment that every process has a checkpoint of."""
        mine = {frames: k for k, path in enumerate(self._files) if (frames := self._frames_in(path)) is not None}
        common = set.intersection(*map(set, self._ranks.gather(list(mine))))
        if not common:
            return
        chosen = mine[max(common)]
        load_checkpoint(self._files[chosen], state, self._key)
        self._next = 1 - chosen

    def save(self, state: TrainingState) -> None:
        """Write a checkpoint in place of the last but one. Raises RuntimeError when the processes' networks differ."""
        with torch.no_grad():
            mark = float(torch.stack([one.double().sum() for one in state.grmn.parameters()]).sum())
        if len(set(self._ranks.gather(mark))) > 1:
            raise RuntimeError("the processes' motion networks have drifted apart: gradients were not shared")
        save_checkpoint(self._files[self._next], state, self._key)
        self._next = 1 - self._next

    def _frames_in(self, path: Path) -> int | None:
        if not path.is_file():
            return None
        content = torch.load(path, weights_only=True, map_location="cpu", mmap=True)
        return int(content["frames_seen"]) if content["key"] == self._key else None


def _files(checkpoint: Path, ranks: Ranks) -> list[Path]:
    return [checkpoint.with_stem(f"{checkpoint.stem}-{ranks.rank}of{ranks.count}-{one}") for one in GENERATIONS]
