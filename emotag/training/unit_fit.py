"""The unit map's start: a regression of the corpus' tracked upper faces on their action units."""

import torch
from torch import Tensor

from emotag.motion.grmn import GRMN
from emotag.motion.unit_map import unit_features
from emotag.training.distributed import Ranks
from emotag.training.scene import Scene

UPPER_SHARE = 0.2
"""An expression that moves the lids by this share of what it moves the lips is one of the upper face."""


def moves_upper_face(scene: Scene) -> Tensor:  # (E,) bool
    """Find the expressions that reach the lids: brows, lids, cheeks, but no smile."""
    return scene.lids.reach() > UPPER_SHARE * scene.lips.reach()


def fit_unit_map(grmn: GRMN, scenes: list[Scene], ranks: Ranks) -> None:
    """Fit a network's unit map, if it has one, to all tracked frames of all clips of all processes."""
    if grmn.unit_map is None:
        return
    grmn.unit_map.channels.copy_(moves_upper_face(scenes[0]))
    units, targets = 2 * grmn.expression_feature_dim, grmn.n_expression
    shapes = ((units, units), (units,), (units, targets), (targets,))
    sums, frames = [torch.zeros(shape, dtype=torch.float64) for shape in shapes], 0
    for scene in scenes:
        neutral = scene.person.neutral_expression
        for shot in scene.shots:
            clip = shot.features
            shown = unit_features(clip.upper_face[clip.valid].cpu(), grmn.expression_mean, grmn.expression_std).double()
            target = ((clip.expression[clip.valid] - neutral).cpu() / grmn.expression_scale).double()
            for total, part in zip(sums, (shown.T @ shown, shown.sum(0), shown.T @ target, target.sum(0)), strict=True):
                total += part
            frames += len(shown)
    features, feature_sum, products, target_sum = map(ranks.sum, sums)
    frames = ranks.total(frames)
    if frames:
        grmn.unit_map.fit(features, feature_sum, products, target_sum, frames)
        ranks.equalise(grmn.unit_map)
