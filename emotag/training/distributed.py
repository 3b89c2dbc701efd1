"""One training run in several processes: starting them, sharing people out, and what they tell each other.

The environment that `torchrun` sets (RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT) says whether a process is
one of several. Counts and objects go over gloo on the CPU, so that a process that ends is noticed at once and no count
waits for a GPU; gradients go over NCCL where the network is on CUDA.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from emotag.device import choose_device
from emotag.errors import InputError

PATIENCE = timedelta(minutes=30)
"""How long a process waits for one that lives but does not answer: the others' clips may take so long to open."""


def launched() -> bool:
    """Whether `torchrun` (or something that sets its environment) started this process."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def launch(module: str, processes: int) -> None:
    """Become `torchrun` over so many processes of `python -m module` on this machine. Does not come back."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    os.execv(sys.executable, [*command, "-m", module])


@dataclass(frozen=True)
class Ranks:
    """This process among those of a run. A run of one process has a `count` of 1 and talks to nobody."""

    rank: int
    count: int
    device: torch.device
    control: Any = None  # gloo group

    def total(self, value: int) -> int:
        """Sum a count over all processes."""
        return int(self.sum(torch.tensor(value)))

    def sum(self, values: Tensor) -> Tensor:
        """Sum a tensor in host memory over all processes; gives a new one."""
        values = values.clone()
        if self.count > 1:
            with self._together():
                dist.all_reduce(values, group=self.control)
        return values

    def gather(self, value: Any) -> list[Any]:
        """Give every process what each has, by rank. Anything that can be pickled."""
        if self.count == 1:
            return [value]
        gathered: list[Any] = [None] * self.count
        with self._together():
            dist.all_gather_object(gathered, value, group=self.control)
        return gathered

    def equalise(self, module: nn.Module) -> None:
        """Give a module in all processes the values that the first one has."""
        for tensor in (*module.parameters(), *module.buffers()) if self.count > 1 else ():
            with self._together():
                dist.broadcast(tensor.data, src=0)

    def reduce_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Average gradients, each over the processes that have one.

        A process whose person is still in the appearance stage has none, and does not thin out the others' mean: what
        the network sees is the same whether one process draws appearance steps in between or another beside it. Where
        nobody has one it stays None, so that the optimizer leaves the parameter alone as in a single process.
        """
        if self.count == 1:
            return
        owners = self.sum(torch.tensor([parameter.grad is not None for parameter in parameters], dtype=torch.int32))
        shared = [(one, int(n)) for one, n in zip(parameters, owners) if n > 0]
        if not shared:
            return
        grads = [torch.zeros_like(one) if one.grad is None else one.grad for one, _ in shared]
        flat = torch.cat([grad.flatten().float() for grad in grads])
        with self._together():
            dist.all_reduce(flat)
        owned = torch.repeat_interleave(
            torch.tensor([float(n) for _, n in shared]), torch.tensor([grad.numel() for grad in grads])
        )
        flat /= owned.to(flat.device) if len({n for _, n in shared}) > 1 else shared[0][1]
        for (parameter, _), mean in zip(shared, flat.split([grad.numel() for grad in grads])):
            parameter.grad = mean.view_as(parameter).to(parameter.dtype)

    @contextmanager
    def _together(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:  # gloo: "Connection closed by peer …", or a timeout; NCCL: DistBackendError
            reason = str(error).strip().splitlines()[0]
            raise InputError(
                f"process {self.rank} of {self.count}: another process of this run ended or hangs ({reason}); "
                "its own message says why, and the same command goes on from the last checkpoint"
            ) from error


@contextmanager
def join(device: str) -> Iterator[Ranks]:
    """Take this process's place among those of a run, and its device: one GPU a process.

    `device` is auto, cpu or cuda. Alone when nothing launched this process. Raises InputError when there are fewer GPUs
    than processes.
    """
    chosen = choose_device(device)
    if not launched() or int(os.environ["WORLD_SIZE"]) == 1:
        yield Ranks(0, 1, chosen)
        return
    rank, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    local, here = int(os.environ.get("LOCAL_RANK", rank)), int(os.environ.get("LOCAL_WORLD_SIZE", count))
    if chosen.type == "cuda":
        if local >= torch.cuda.device_count():
            raise InputError(f"{here} processes but {torch.cuda.device_count()} GPUs; start one process a GPU")
        chosen = torch.device("cuda", local)
        torch.cuda.set_device(chosen)
        # torchrun allows one thread a process: right for computing on the CPU, but here threads decode video.
        torch.set_num_threads(max(torch.get_num_threads(), (os.cpu_count() or 1) // here))
    if here == count:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # one machine: its name need not be known to a name server
    dist.init_process_group("cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo", timeout=PATIENCE)
    control = dist.new_group(backend="gloo", timeout=PATIENCE)
    ranks = Ranks(rank, count, chosen, control)
    yield ranks
    # Only after success: a process that failed must end at once, which the others notice.
    ranks.gather(None)
    dist.destroy_process_group()


def share(frames: Sequence[int], count: int) -> list[list[int]]:
    """Share people out to `count` processes by their frames: gives each process's people, by place in `frames`.

    Every process gets as many people as any other (one more at most), because each draws from its own alike; among
    those, the longest footage goes first to whoever has least. Raises InputError when a process would have nobody.
    """
    if count > len(frames):
        raise InputError(f"{count} processes for {len(frames)} people: each needs one of its own; start fewer")
    each, spare = divmod(len(frames), count)
    shares: list[list[int]] = [[] for _ in range(count)]
    for place in sorted(range(len(frames)), key=lambda place: (-frames[place], place)):
        larger = sum(len(places) > each for places in shares)
        open_to = [rank for rank in range(count) if len(shares[rank]) < each + (larger < spare)]
        least = min(open_to, key=lambda rank: (sum(frames[one] for one in shares[rank]), rank))
        shares[least].append(place)
    return [sorted(places) for places in shares]
