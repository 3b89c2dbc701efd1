"""Adaptation: a new person's splats and the AdaIN modulation, the network otherwise frozen (EmoTaG §3.3)."""

from pathlib import Path

import torch

from emotag.head.model import HeadModel
from emotag.motion.grmn import GRMN, free_for_adaptation, freeze_for_adaptation
from emotag.training.loop import train
from emotag.training.scene import Scene
from emotag.training.settings import AdaptSettings
from emotag.training.state import TrainingState, new_state


def adapt(
    head: HeadModel,
    scene: Scene,
    grmn: GRMN,
    settings: AdaptSettings,
    checkpoint: Path | None = None,
    key: str = "",
) -> TrainingState:
    """Adapt a pretrained network to one person. Every weight but the AdaIN modulation keeps its value bit by bit.

    Unless `settings.trained` is `all`: then every weight learns, as for a network that was not pretrained.

    Raises FloatingPointError on a loss that is not finite.
    """
    torch.manual_seed(settings.seed)
    trained = freeze_for_adaptation(grmn) if settings.trained == "adain" else free_for_adaptation(grmn)
    state = new_state(grmn, trained, [scene], settings)
    train(head, state, settings, f"adapting {scene.person.name}", checkpoint, key)
    return state
