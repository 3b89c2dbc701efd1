"""What a training run is made of, and how it is saved so that a killed run goes on as if it had not been."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import cos, pi
from pathlib import Path
from typing import Any

import torch
from torch import nn

from emotag.files import atomic
from emotag.motion.grmn import GRMN
from emotag.training.scene import Scene
from emotag.training.settings import TrainingSettings

SPLAT_PARAMETERS = ("means", "quaternions", "log_scales", "opacity_logits", "sh")


@dataclass
class TrainingState:
    """Everything that changes while training."""

    grmn: GRMN
    scenes: list[Scene]
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    frames_seen: int = 0
    seconds: float = 0.0
    log: list[dict[str, Any]] = field(default_factory=list)

    @property
    def motion_parameters(self) -> list[nn.Parameter]:
        """The motion network's trained parameters."""
        groups = [group["params"] for group in self.optimizer.param_groups if group["name"] == "motion"]
        return list(groups[0]) if groups else []


def new_state(
    grmn: GRMN, trained: Iterable[nn.Parameter], scenes: list[Scene], settings: TrainingSettings
) -> TrainingState:
    """Start a run: `trained` are the motion network's parameters that may change."""
    rates = settings.rates
    groups: list[dict[str, Any]] = [
        {"params": list(trained), "lr": rates.motion, "weight_decay": settings.weight_decay, "name": "motion"}
    ]
    for name in SPLAT_PARAMETERS:
        parameters = [getattr(scene.splats, name) for scene in scenes]
        groups.append({"params": parameters, "lr": getattr(rates, name), "weight_decay": 0.0, "name": name})
    fused = scenes[0].person.shape.is_cuda or None  # None: as torch chooses
    used = [group for group in groups if group["params"]]
    optimizer = torch.optim.AdamW(used, eps=1e-15, betas=(0.9, 0.99), fused=fused)
    # Sampling is done on the CPU, so that a run on another device sees the same frames.
    return TrainingState(grmn, scenes, optimizer, torch.Generator().manual_seed(settings.seed))


def decay(state: TrainingState, settings: TrainingSettings) -> None:
    """Set every learning rate for the frames seen so far: a cosine from its start to `final` times it.

    Rates are scaled to the batch as `rate_batch` says.
    """
    rates = settings.rates
    progress = min(1.0, state.frames_seen / settings.frames)
    share = settings.rate_scale * (rates.final + (1 - rates.final) * 0.5 * (1 + cos(pi * progress)))
    for group in state.optimizer.param_groups:
        group["lr"] = getattr(rates, group["name"]) * share


def save_checkpoint(path: Path, state: TrainingState, key: str) -> None:
    """Write the whole state atomically. `key` names the settings and data that it belongs to."""
    device = state.scenes[0].person.shape.device
    content = {
        "key": key,
        "grmn": state.grmn.state_dict(),
        "splats": [scene.splats.state_dict() for scene in state.scenes],
        "scene_frames": [scene.frames_seen for scene in state.scenes],
        "optimizer": state.optimizer.state_dict(),
        "generator": state.generator.get_state(),
        "torch_generator": torch.get_rng_state(),
        "device_generator": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "frames_seen": state.frames_seen,
        "seconds": state.seconds,
        "log": state.log,
    }
    with atomic(path) as partial:
        torch.save(content, partial)


def load_checkpoint(path: Path, state: TrainingState, key: str) -> bool:
    """Put a saved run's state into `state`. Gives False, and changes nothing, when there is none of this `key`."""
    if not path.is_file():
        return False
    content = torch.load(path, weights_only=True, map_location="cpu")
    if content["key"] != key:
        return False
    state.grmn.load_state_dict(content["grmn"])
    for scene, splats, frames in zip(state.scenes, content["splats"], content["scene_frames"], strict=True):
        scene.splats.load_state_dict(splats)
        scene.frames_seen = frames
    state.optimizer.load_state_dict(content["optimizer"])
    state.generator.set_state(content["generator"])
    torch.set_rng_state(content["torch_generator"])
    device = state.scenes[0].person.shape.device
    drawn = content.get("device_generator")  # None: saved on a CPU
    if device.type == "cuda" and drawn is not None:
        torch.cuda.set_rng_state(drawn, device)
    state.frames_seen, state.seconds, state.log = content["frames_seen"], content["seconds"], content["log"]
    return True
