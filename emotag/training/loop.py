"""The training loop that pretraining and adaptation share."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from emotag.head.model import HeadModel
from emotag.progress import progress_bar
from emotag.timing import section
from emotag.training.ledger import Entry, Ledger
from emotag.training.losses.total import Terms, objective, refuse
from emotag.training.passes import Passes
from emotag.training.prepared import Prepared
from emotag.training.sample import draw
from emotag.training.scene import Scene
from emotag.training.settings import TrainingSettings
from emotag.training.state import TrainingState, decay, load_checkpoint, save_checkpoint
from emotag.training.step import Window, weight_table
from emotag.training.transfer import send

LOG_STEPS = 10
"""Steps between rows of the log, and between looks at losses on a device that computes on its own."""

GRADIENT_LIMIT = 1.0
"""Norm to which the motion network's gradient is cut."""


def train(
    head: HeadModel,
    state: TrainingState,
    settings: TrainingSettings,
    description: str,
    checkpoint: Path | None = None,
    key: str = "",
    before_step: Callable[[TrainingState], None] | None = None,
    after_step: Callable[[TrainingState], None] | None = None,
    reduce_gradients: Callable[[list[nn.Parameter]], None] | None = None,
    rendered_by_all: Callable[[int], int] | None = None,
    save: Callable[[TrainingState], None] | None = None,
) -> None:
    """Train until `settings.frames` frames were rendered, going on from the checkpoint when there is one of this key.

    Curriculum (EmoTaG §3.3): each person's first `static_frames` frames train appearance only, posed by the tracker;
    then motion and appearance together. `before_step` is called before anything of a step is drawn (streamed clips
    change their frames there), `after_step` when its frames are counted. `reduce_gradients` gets the motion network's
    trained parameters after every backward pass, before their gradient is cut: several processes average there, and
    may find gradients that are None (a step of appearance only). `rendered_by_all` turns the frames that this process
    rendered in a step into those of all of them, which the schedules count; `save` writes a checkpoint where one file
    will not do. Raises FloatingPointError naming step and term when a loss is not finite; on CUDA, where nothing waits
    for a step's numbers, up to 2 · LOG_STEPS steps later, and before any checkpoint is written.
    """
    if checkpoint is not None:
        load_checkpoint(checkpoint, state, key)
        save = partial(save_checkpoint, checkpoint, key=key)
    device = state.scenes[0].person.shape.device
    table = weight_table(settings.weights)
    passes = Passes(state.grmn, Prepared(head, state.grmn), settings)
    ledger = Ledger(LOG_STEPS if device.type == "cuda" else 1)
    since_saved = state.frames_seen
    with progress_bar(description, settings.frames) as bar:
        bar.advance(min(state.frames_seen, settings.frames))
        while state.frames_seen < settings.frames:
            started = time.perf_counter()
            if before_step is not None:
                before_step(state)
            decay(state, settings)
            scene = state.scenes[int(torch.randint(len(state.scenes), (), generator=state.generator))]
            terms, square, rendered = _terms(state, scene, settings, passes)
            loss = objective(terms, table)
            step = state.frames_seen
            numbers = torch.cat((terms.values.detach(), torch.stack((loss.detach(), square))))
            if device.type != "cuda":  # nothing is won by going on
                refuse(step, terms.names, numbers.tolist())
            _learn(state, loss, reduce_gradients)
            scene.frames_seen += rendered
            if rendered_by_all is not None:
                rendered = rendered_by_all(rendered)
            state.frames_seen += rendered
            state.seconds += time.perf_counter() - started
            ledger.add(Entry(step, terms.names, numbers, _row(state, scene, settings)))
            bar.advance(rendered, _keep(state, ledger, wait=False))
            if after_step is not None:
                after_step(state)
            if save is not None and state.frames_seen - since_saved >= settings.checkpoint_frames:
                _keep(state, ledger, wait=True)
                save(state)
                since_saved = state.frames_seen
        started = time.perf_counter()
        _keep(state, ledger, wait=True)
        state.seconds += time.perf_counter() - started


def _learn(state: TrainingState, loss: Tensor, reduce_gradients: Callable[[list[nn.Parameter]], None] | None) -> None:
    """Take one step of the optimizer."""
    state.optimizer.zero_grad(set_to_none=True)
    with section("backward"):
        loss.backward()
    motion = state.motion_parameters
    if reduce_gradients is not None:
        reduce_gradients(motion)
    with section("optimizer"):
        if motion:
            torch.nn.utils.clip_grad_norm_(motion, GRADIENT_LIMIT)
        state.optimizer.step()


def _terms(
    state: TrainingState, scene: Scene, settings: TrainingSettings, passes: Passes
) -> tuple[Terms, Tensor, int]:  # terms, mean square error, rendered frames
    """Draw a step's frames and windows, and compare."""
    with section("data"):
        length = min(state.grmn.settings.window, min(len(shot.features) for s in state.scenes for shot in s.shots))
        sample = draw(scene, length, settings.batch, state.generator)
        background = send(torch.rand(3, generator=state.generator), scene.person.shape.device)
    windows, predicted = [Window(scene, sample)], False
    joint = scene.frames_seen >= settings.static_frames
    if joint:
        for _ in range(settings.motion_windows - 1):
            other = state.scenes[int(torch.randint(len(state.scenes), (), generator=state.generator))]
            windows.append(Window(other, draw(other, length, 0, state.generator)))
        predicted = float(torch.rand((), generator=state.generator)) >= settings.tracked_share
    terms, square = passes.terms(windows, background, joint=joint, predicted=predicted)
    return terms, square, len(sample.inside)


def _row(state: TrainingState, scene: Scene, settings: TrainingSettings) -> dict[str, Any] | None:
    """Say what the log holds of this step beside its losses; None for the steps that it leaves out."""
    steps = state.frames_seen // max(1, settings.batch)
    if steps % LOG_STEPS and state.frames_seen < settings.frames:
        return None
    return {
        "frames_seen": state.frames_seen,
        "identity": scene.person.name,
        "stage": "joint" if scene.frames_seen > settings.static_frames else "appearance",
        "seconds": state.seconds,
    }


def _keep(state: TrainingState, ledger: Ledger, *, wait: bool) -> str | None:
    """Put the rows that have come into the log; give a note on the last."""
    rows = ledger.rows(wait=wait)
    state.log += rows
    return f"loss {rows[-1]['loss']:.3f}  PSNR {rows[-1]['psnr']:.1f}" if rows else None
