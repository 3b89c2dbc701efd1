"""Pretraining: one motion network over many people (EmoTaG §3.3)."""

from pathlib import Path

import torch
from torch import Tensor

from emotag.head.model import HeadModel
from emotag.motion.grmn import GRMN
from emotag.motion.settings import MotionSettings
from emotag.training.loop import train
from emotag.training.scene import Scene
from emotag.training.settings import PretrainSettings
from emotag.training.state import TrainingState, new_state
from emotag.training.stream import Stream

JAW_FLOOR = 0.01
"""Radians below which an axis of the jaw that hardly moves is not scaled further up."""

EXPRESSION_FLOOR = 0.02
"""The same for expression coefficients."""


def make_network(settings: MotionSettings, scenes: list[Scene]) -> GRMN:
    """Make a motion network for a corpus: its sizes, input statistics and output units come from the data."""
    features = [shot.features for scene in scenes for shot in scene.shots]
    first = features[0]
    grmn = GRMN(
        settings,
        audio_dim=first.audio.shape[1],
        expression_feature_dim=first.upper_face.shape[1],
        identity_dim=len(scenes[0].person.identity),
        n_expression=first.expression.shape[1],
    )

    def spread(rows: list[Tensor]) -> tuple[Tensor, Tensor]:
        joined = torch.cat(rows).cpu()
        return joined.mean(0), joined.std(0)

    grmn.set_input_statistics(
        *spread([clip.audio for clip in features]), *spread([clip.upper_face[clip.valid] for clip in features])
    )
    offsets, jaws = [], []
    for scene in scenes:
        for shot in scene.shots:
            valid = shot.features.valid
            offsets.append(shot.features.expression[valid] - scene.person.neutral_expression)
            jaws.append(shot.features.jaw[valid] - scene.person.neutral_jaw)
    grmn.set_output_scale(
        spread(offsets)[1].clamp_min(EXPRESSION_FLOOR),
        spread(jaws)[1].clamp_min(JAW_FLOOR),
    )
    return grmn


def pretrain(
    head: HeadModel,
    scenes: list[Scene],
    motion: MotionSettings,
    settings: PretrainSettings,
    checkpoint: Path | None = None,
    key: str = "",
) -> TrainingState:
    """Train a motion network and every person's splats. Raises FloatingPointError when a loss is not finite."""
    torch.manual_seed(settings.seed)
    device = scenes[0].person.shape.device
    grmn = make_network(motion, scenes).to(device).train()
    state = new_state(grmn, grmn.parameters(), scenes, settings)
    with Stream(scenes, settings) as stream:
        train(head, state, settings, "pretraining", checkpoint, key, before_step=stream.before_step)
    grmn.eval()
    return state
