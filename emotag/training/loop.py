"""The training loop that pretraining and adaptation share."""

import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from emotag.head.model import HeadModel
from emotag.progress import progress_bar
from emotag.training.losses.total import total
from emotag.training.scene import Scene
from emotag.training.settings import TrainingSettings
from emotag.training.state import TrainingState, decay, load_checkpoint, save_checkpoint
from emotag.training.step import (
    appearance_terms,
    draw,
    guidance_terms,
    motion_of,
    pose_from_tracker,
    predicted_motion,
    weight_table,
)

LOG_STEPS = 10
"""Steps between rows of the log."""

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
) -> None:
    """Train until `settings.frames` frames were rendered, going on from the checkpoint when there is one of this key.

    Curriculum (EmoTaG §3.3): each person's first `static_frames` frames train appearance only, posed by the tracker;
    then motion and appearance together. `before_step` is called before anything of a step is drawn (streamed clips
    change their frames there), `after_step` when its frames are counted. `reduce_gradients` gets the motion network's
    trained parameters after every backward pass, before their gradient is cut: several processes average there, and
    may find gradients that are None (a step of appearance only). `rendered_by_all` turns the frames that this process
    rendered in a step into those of all of them, which the schedules count. Raises FloatingPointError naming step and
    term when a loss is not finite.
    """
    if checkpoint is not None:
        load_checkpoint(checkpoint, state, key)
    device = state.scenes[0].person.shape.device
    table = weight_table(settings.weights)
    since_saved = state.frames_seen
    with progress_bar(description, settings.frames) as bar:
        bar.advance(min(state.frames_seen, settings.frames))
        while state.frames_seen < settings.frames:
            started = time.perf_counter()
            if before_step is not None:
                before_step(state)
            decay(state, settings.rates, settings.frames)
            scene = state.scenes[int(torch.randint(len(state.scenes), (), generator=state.generator))]
            terms, psnr, rendered = _terms(head, state, scene, settings, device)
            loss = total(terms, table, state.frames_seen)
            state.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            motion_group = state.optimizer.param_groups[0]["params"]
            if reduce_gradients is not None:
                reduce_gradients(motion_group)
            torch.nn.utils.clip_grad_norm_(motion_group, GRADIENT_LIMIT)
            state.optimizer.step()
            scene.frames_seen += rendered
            if rendered_by_all is not None:
                rendered = rendered_by_all(rendered)
            state.frames_seen += rendered
            state.seconds += time.perf_counter() - started
            _log(state, scene, settings, terms, loss, psnr, bar.advance, rendered)
            if after_step is not None:
                after_step(state)
            if checkpoint is not None and state.frames_seen - since_saved >= settings.checkpoint_frames:
                save_checkpoint(checkpoint, state, key)
                since_saved = state.frames_seen


def _terms(
    head: HeadModel, state: TrainingState, scene: Scene, settings: TrainingSettings, device: torch.device
) -> tuple[dict[str, Tensor], Tensor, int]:
    window = min(state.grmn.settings.window, min(len(shot.features) for s in state.scenes for shot in s.shots))
    sample = draw(scene, window, settings.batch, state.generator)
    background = torch.rand(3, generator=state.generator).to(device)
    terms: dict[str, Tensor] = {}
    face = pose_from_tracker(scene, sample)
    if scene.frames_seen >= settings.static_frames:
        scenes, samples = [scene], [sample]
        for _ in range(settings.motion_windows - 1):
            other = state.scenes[int(torch.randint(len(state.scenes), (), generator=state.generator))]
            scenes.append(other)
            samples.append(draw(other, window, 0, state.generator))
        motion = motion_of(state.grmn, scenes, samples)
        terms = guidance_terms(state.grmn, scenes, samples, motion)
        if float(torch.rand((), generator=state.generator)) >= settings.tracked_share:
            face = predicted_motion(state.grmn, scene, motion.frames((0, sample.inside)))
    appearance, psnr = appearance_terms(head, scene, sample, face, settings, background, state.grmn.mouth.limits)
    return {**terms, **appearance}, psnr, len(sample.inside)


def _log(
    state: TrainingState,
    scene: Scene,
    settings: TrainingSettings,
    terms: dict[str, Tensor],
    loss: Tensor,
    psnr: Tensor,
    advance: Callable[[int, str | None], None],
    rendered: int,
) -> None:
    steps = state.frames_seen // max(1, settings.batch)
    if steps % LOG_STEPS and state.frames_seen < settings.frames:
        advance(rendered, None)
        return
    row = {
        "frames_seen": state.frames_seen,
        "identity": scene.person.name,
        "stage": "joint" if scene.frames_seen > settings.static_frames else "appearance",
        "loss": float(loss.detach()),
        "psnr": float(psnr),
        "seconds": state.seconds,
    }
    state.log.append(row | {f"loss_{name}": float(value.detach()) for name, value in terms.items()})
    advance(rendered, f"loss {row['loss']:.3f}  PSNR {row['psnr']:.1f}")
