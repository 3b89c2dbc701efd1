"""Pretraining: one motion network over many people (EmoTaG §3.3)."""

from pathlib import Path

import torch
from torch import Tensor

from emotag.head.model import HeadModel
from emotag.motion.grmn import GRMN
from emotag.motion.settings import MotionSettings
from emotag.training.distributed import Ranks
from emotag.training.loop import train
from emotag.training.scene import Scene
from emotag.training.settings import PretrainSettings
from emotag.training.state import TrainingState, new_state
from emotag.training.stream import Stream
from emotag.training.together import train_together
from emotag.training.unit_fit import fit_unit_map

JAW_FLOOR = 0.01
"""Radians below which an axis of the jaw that hardly moves is not scaled further up."""

EXPRESSION_FLOOR = 0.02
"""The same for expression coefficients."""

ALONE = Ranks(0, 1, torch.device("cpu"))
"""A run of one process, on whatever device its scenes are."""


def make_network(settings: MotionSettings, scenes: list[Scene], ranks: Ranks = ALONE) -> GRMN:
    """Make a motion network for a corpus: its sizes, input statistics and output units come from the data of all."""
    features = [shot.features for scene in scenes for shot in scene.shots]
    first = features[0]
    grmn = GRMN(
        settings,
        audio_dim=first.audio.shape[1],
        expression_feature_dim=first.upper_face.shape[1],
        identity_dim=len(scenes[0].person.identity),
        n_expression=first.expression.shape[1],
    )
    grmn.set_input_statistics(
        *_spread([clip.audio for clip in features], ranks),
        *_spread([clip.upper_face[clip.valid] for clip in features], ranks),
    )
    offsets, jaws = [], []
    for scene in scenes:
        for shot in scene.shots:
            valid = shot.features.valid
            offsets.append(shot.features.expression[valid] - scene.person.neutral_expression)
            jaws.append(shot.features.jaw[valid] - scene.person.neutral_jaw)
    grmn.set_output_scale(
        _spread(offsets, ranks)[1].clamp_min(EXPRESSION_FLOOR),
        _spread(jaws, ranks)[1].clamp_min(JAW_FLOOR),
    )
    ranks.equalise(grmn)
    return grmn


def _spread(
    clips: list[Tensor],  # each (T, D)
    ranks: Ranks,
) -> tuple[Tensor, Tensor]:  # (D,), (D,) float32
    """Mean and standard deviation over the frames of all clips of all processes, without joining the clips."""
    count = ranks.total(sum(map(len, clips)))
    mean = ranks.sum(torch.stack([clip.double().sum(0).cpu() for clip in clips]).sum(0)) / count
    away = [(clip.double() - mean.to(clip.device)).square().sum(0).cpu() for clip in clips]
    deviation = (ranks.sum(torch.stack(away).sum(0)) / max(1, count - 1)).sqrt()
    return mean.float(), deviation.float()


def pretrain(
    head: HeadModel,
    scenes: list[Scene],
    motion: MotionSettings,
    settings: PretrainSettings,
    checkpoint: Path | None = None,
    key: str = "",
    ranks: Ranks = ALONE,
) -> TrainingState:
    """Train a motion network and the splats of these people, beside the people of other processes if there are any.

    Raises FloatingPointError when a loss is not finite, InputError when a streamed clip cannot be read or another
    process ends.
    """
    torch.manual_seed(settings.seed)
    device = scenes[0].person.shape.device
    grmn = make_network(motion, scenes, ranks)
    if settings.frames:
        fit_unit_map(grmn, scenes, ranks)
    grmn.to(device).train()
    state = new_state(grmn, grmn.parameters(), scenes, settings)
    with Stream(scenes, settings) as stream:
        if ranks.count == 1:
            train(head, state, settings, "pretraining", checkpoint, key, before_step=stream.before_step)
        else:
            train_together(head, state, settings, "pretraining", stream, ranks, checkpoint, key)
    grmn.eval()
    return state
