"""Two processes (gloo, on the CPU) against one that does the work of both."""

import copy
import os
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from emotag.errors import InputError
from emotag.head.model import HeadModel
from emotag.training import distributed
from emotag.training.distributed import join, share
from emotag.training.loop import train
from emotag.training.pretrain import ALONE, make_network
from emotag.training.state import new_state
from emotag.training.unit_fit import fit_unit_map
from tests.training.people import MOTION
from tests.training.together_worker import FIRST_LEAVES, SECOND_LEAVES, person, together_settings, weights

ROOT = Path(__file__).parents[2]
WORKER = Path(__file__).with_name("together_worker.py")
PATIENCE_S = 300


def run_two(folder: Path, *arguments: str) -> list[tuple[int, str]]:
    """Run both processes; give their exit codes and what they said."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = []
    for rank in range(2):
        place = {"RANK": f"{rank}", "LOCAL_RANK": f"{rank}", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
        place |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": f"{port}", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, str(WORKER), str(folder), *arguments]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, env=os.environ | place, stdout=pipe, stderr=pipe, text=True))
    try:
        return [(one.wait(), told[1]) for one in started for told in [one.communicate(timeout=PATIENCE_S)]]
    finally:
        for one in started:
            one.kill()


RESUMED_AT = 2
"""The step from which both processes go on after one was killed."""


@dataclass
class Two:
    """What two processes did, of which one was killed, and what they made when started again."""

    killed: list[tuple[int, str]]  # exit code and stderr, by rank
    left: list[str]  # files beside the checkpoints after the kill
    checkpoints: list[tuple[int, int]]  # rank and frames
    made: list[dict[str, Any]]  # by rank


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Two:
    folder = tmp_path_factory.mktemp("two")
    killed = run_two(folder, "20")
    files = {path: torch.load(path)["frames_seen"] for path in (folder / "checkpoints").iterdir()}
    ranks = {path: int("1of2" in path.name) for path in files}
    left = [path.name for path in folder.glob("*.pt")]
    # As if the second process had been killed while it wrote its last checkpoint: both go back to the one before.
    next(path for path, frames in files.items() if ranks[path] and frames == max(files.values())).unlink()
    for code, told in run_two(folder):
        assert code == 0, told
    saved = sorted((ranks[path], frames) for path, frames in files.items())
    return Two(killed, left, saved, [torch.load(folder / f"{rank}.pt") for rank in range(2)])


class Pair:
    """Two training loops in one process, taking turns; what the network's gradients become is worked out here."""

    def __init__(self) -> None:
        self.turn, self.barrier = threading.Lock(), threading.Barrier(2, timeout=PATIENCE_S)
        self.told: list[Any] = [None, None]
        self.gradients: list[list[Tensor | None]] = []

    def exchange(self, rank: int, value: Any) -> list[Any]:
        self.told[rank] = value
        noise = torch.get_rng_state()  # dropout and augmentation draw from it: each loop has its own
        self.turn.release()
        self.barrier.wait()
        self.turn.acquire()
        both = list(self.told)
        self.turn.release()
        self.barrier.wait()
        self.turn.acquire()
        torch.set_rng_state(noise)
        return both

    def reduce(self, rank: int, parameters: list[nn.Parameter]) -> None:
        both = self.exchange(rank, [None if one.grad is None else one.grad.clone() for one in parameters])
        means: list[Tensor | None] = []
        for one, grads in zip(parameters, zip(*both)):
            there = [grad for grad in grads if grad is not None]
            one.grad = torch.stack(there).mean(0) if there else None
            means.append(None if one.grad is None else one.grad.clone())
        if rank == 0:
            self.gradients.append(means)

    def run(self, rank: int, head: HeadModel, state: Any, noise: Tensor) -> None:
        with self.turn:
            torch.set_rng_state(noise)
            train(
                head,
                state,
                together_settings(),
                "reference",
                reduce_gradients=lambda parameters: self.reduce(rank, parameters),
                rendered_by_all=lambda rendered: sum(self.exchange(rank, rendered)),
            )


@pytest.fixture(scope="module")
def one(synthetic_head: HeadModel) -> tuple[Pair, list[dict[str, Tensor]]]:
    """What one process makes of the same draws."""
    settings, scenes = together_settings(), [person(synthetic_head, rank) for rank in range(2)]
    torch.manual_seed(settings.seed)
    grmn = make_network(MOTION, scenes)
    fit_unit_map(grmn, scenes, ALONE)
    pair, states, noise = Pair(), [], [torch.get_rng_state()]
    noise.append(torch.manual_seed(settings.seed + 1).get_state())
    for rank, scene in enumerate(scenes):
        network = copy.deepcopy(grmn).train()
        states.append(new_state(network, network.parameters(), [scene], settings))
        states[-1].generator.manual_seed(settings.seed + rank)
    threads = [
        threading.Thread(target=pair.run, args=(rank, synthetic_head, states[rank], noise[rank])) for rank in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return pair, [weights(state) for state in states]


def test_averaged_gradients_are_those_of_both_losses_in_one_process(
    two: Two, one: tuple[Pair, list[dict[str, Tensor]]]
) -> None:
    pair, _ = one
    for step in range(RESUMED_AT, len(pair.gradients)):
        expected = pair.gradients[step]
        # First nobody has gradients, then one process, then both.
        assert any(gradient is not None and gradient.abs().max() > 0 for gradient in expected) == (step >= FIRST_LEAVES)
        for made in two.made:
            for got, wanted in zip(made["gradients"][step - RESUMED_AT], expected, strict=True):
                assert (got is None) == (wanted is None)
                if got is not None and wanted is not None:
                    torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-6)
    assert RESUMED_AT < FIRST_LEAVES < SECOND_LEAVES < len(pair.gradients)


def learnt(name: str, value: Tensor) -> Tensor:
    """Leave out the bias of attention's keys: it cancels in the softmax, and AdamW walks along its rounding errors."""
    if not name.endswith("query_key_value.bias"):
        return value
    query, _, values = value.chunk(3)
    return torch.cat((query, values))


def test_two_processes_train_the_network_that_one_trains(
    two: Two, one: tuple[Pair, list[dict[str, Tensor]]], synthetic_head: HeadModel
) -> None:
    _, expected = one
    people = [person(synthetic_head, rank) for rank in range(2)]
    start = {f"grmn.{name}": value for name, value in make_network(MOTION, people).state_dict().items()}
    moved = 0
    for rank in range(2):
        got = two.made[rank]["weights"]
        assert set(got) == set(expected[rank])
        for name, value in got.items():
            wanted = expected[rank][name]
            torch.testing.assert_close(learnt(name, value), learnt(name, wanted), rtol=1e-3, atol=1e-5, msg=name)
            moved += name in start and not torch.equal(value, start[name])
    assert moved > 20
    # Both hold the same network, bit by bit, which takes its units from both people.
    first, second = ({k: v for k, v in made["weights"].items() if k.startswith("grmn.")} for made in two.made)
    assert all(torch.equal(first[name], second[name]) for name in first)
    mean = torch.cat([scene.shots[0].features.audio for scene in people]).mean(0)
    torch.testing.assert_close(first["grmn.audio_mean"], mean)
    assert {made["log"][-1]["frames_seen"] for made in two.made} == {together_settings().frames}


def test_a_killed_process_ends_the_other_and_the_same_command_goes_on(two: Two) -> None:
    (code, told), (killed, _) = two.killed
    assert killed < 0
    assert code == 1
    assert "process 0 of 2: another process of this run ended" in told
    assert not two.left
    assert two.checkpoints == [(0, 8), (0, 16), (1, 8), (1, 16)]
    steps = together_settings().frames // 4
    assert [len(made["gradients"]) for made in two.made] == [steps - RESUMED_AT] * 2


def test_people_are_shared_out_by_number_and_then_by_frames() -> None:
    frames = [100, 900, 300, 500, 200]
    shares = share(frames, 2)
    assert sorted(place for places in shares for place in places) == [0, 1, 2, 3, 4]
    assert sorted(map(len, shares)) == [2, 3]
    loads = [sum(frames[place] for place in places) for places in shares]
    assert max(loads) - min(loads) <= 200
    assert share(frames, 1) == [[0, 1, 2, 3, 4]]
    assert share([5, 5, 5, 5], 4) == [[0], [1], [2], [3]]
    with pytest.raises(InputError, match="3 processes for 2 people"):
        share([1, 1], 3)


def test_a_process_that_nothing_launched_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert not distributed.launched()
    with join("cpu") as ranks:
        assert (ranks.rank, ranks.count) == (0, 1)
        assert ranks.total(3) == 3
        assert ranks.gather("here") == ["here"]
        parameter = nn.Parameter(torch.ones(2))
        ranks.reduce_gradients([parameter])
        assert parameter.grad is None


def test_processes_beyond_the_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("RANK", "1"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match="2 processes but 1 GPUs"), join("cuda"):
        pass


def test_launching_becomes_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, arguments: became.append(arguments))
    distributed.launch("stages.pretrain", 2)
    assert became[0][1:] == [
        "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "stages.pretrain",
    ]  # fmt: skip
