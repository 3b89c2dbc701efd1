"""One of two processes that train together: `python together_worker.py FOLDER [KILL_AT]`, for test_distributed.py.

Writes FOLDER/<rank>.pt: weights, the network's averaged gradients of every step, and the log.
With KILL_AT the second process kills itself at that number of frames.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch

from emotag.errors import InputError
from emotag.head.model import HeadModel
from emotag.training import together
from emotag.training.distributed import Ranks, join
from emotag.training.pretrain import pretrain
from emotag.training.scene import Scene
from emotag.training.settings import PretrainSettings
from emotag.training.state import TrainingState
from tests.conftest import make_head
from tests.training.people import MOTION, film, training_settings

FIRST_LEAVES, SECOND_LEAVES = 3, 4
"""The steps (from 0) in which the processes' people leave the appearance stage."""


def together_settings() -> PretrainSettings:
    return training_settings(frames=40, static_frames=8, batch=2, checkpoint_frames=8)


def person(head: HeadModel, rank: int) -> Scene:
    """The person of a process."""
    scene = film(head, ("ada", "bob")[rank], seed=5 * rank).scene(head)
    scene.frames_seen = (2, 0)[rank]
    return scene


def weights(state: TrainingState) -> dict[str, torch.Tensor]:
    made = {f"grmn.{name}": value for name, value in state.grmn.state_dict().items()}
    for scene in state.scenes:
        made |= {f"{scene.person.name}.{name}": value for name, value in scene.splats.state_dict().items()}
    return made


class Recorder(Ranks):
    """Keeps the averaged gradients of every step."""

    kept: list[list[torch.Tensor | None]] = []

    def reduce_gradients(self, parameters: Any) -> None:
        super().reduce_gradients(parameters)
        self.kept.append([None if one.grad is None else one.grad.clone() for one in parameters])


def main(folder: Path, kill_at: int | None) -> None:
    train = together.train

    def watched(*args: Any, before_step: Any, **kwargs: Any) -> None:
        def step(state: TrainingState) -> None:
            if kill_at is not None and ranks.rank == 1 and state.frames_seen >= kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            before_step(state)

        train(*args, **kwargs, before_step=step)

    together.train = watched
    head = make_head()
    with join("cpu") as joined:
        ranks = Recorder(joined.rank, joined.count, joined.device, joined.control)
        scenes = [person(head, ranks.rank)]
        checkpoint = folder / "checkpoints" / "pretrain.pt"
        state = pretrain(head, scenes, MOTION, together_settings(), checkpoint, "key", ranks)
        torch.save({"weights": weights(state), "gradients": ranks.kept, "log": state.log}, folder / f"{ranks.rank}.pt")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
