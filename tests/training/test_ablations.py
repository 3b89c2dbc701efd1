"""Ablations of the objective and of the recipe: what is left out has no effect, everything else is as before."""

from collections.abc import Callable

import pytest
import torch

from emotag.head.model import HeadModel
from emotag.motion.settings import MotionSettings
from emotag.training.adapt import adapt
from emotag.training.losses.total import Terms
from emotag.training.passes import Passes
from emotag.training.prepared import Prepared
from emotag.training.pretrain import make_network, pretrain
from emotag.training.sample import draw
from emotag.training.scene import Scene
from emotag.training.settings import AdaptSettings, LossWeights
from emotag.training.step import Window

from .people import MOTION, film, training_settings

WEIGHTS = LossWeights(track=1.0, lips=1.0)
LEFT_OUT = {  # ablation: (weights that are 0, terms that go)
    "score": ({"score": 0.0}, {"score"}),
    "kl": ({"kl": 0.0}, {"kl"}),
    "seg": ({"score": 0.0, "kl": 0.0}, {"score", "kl"}),
}


@pytest.fixture
def scene(synthetic_head: HeadModel) -> Callable[[], Scene]:
    filmed = film(synthetic_head)
    return lambda: filmed.scene(synthetic_head)


def first_step(head: HeadModel, scene: Scene, motion: MotionSettings, weights: LossWeights) -> Terms:
    """Give the terms of a joint step, drawn the same way every time."""
    torch.manual_seed(0)
    grmn = make_network(motion, [scene]).eval()
    settings = training_settings(weights=weights)
    sample = draw(scene, motion.window, 2, torch.Generator().manual_seed(1))
    passes = Passes(grmn, Prepared(head, grmn), settings)
    return passes.terms([Window(scene, sample)], torch.zeros(3), joint=True, predicted=True)[0]


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_term_that_is_left_out_leaves_the_others_as_they_are(
    synthetic_head: HeadModel, scene: Callable[[], Scene], name: str
) -> None:
    changes, gone = LEFT_OUT[name]
    whole = first_step(synthetic_head, scene(), MOTION, WEIGHTS)
    left = first_step(synthetic_head, scene(), MOTION, WEIGHTS.model_copy(update=changes))
    before, after = (dict(zip(terms.names, terms.values.tolist())) for terms in (whole, left))
    assert before.keys() - after.keys() == gone
    assert after == {term: before[term] for term in after}


def test_without_a_residual_nothing_is_left_for_the_teacher_to_guide(
    synthetic_head: HeadModel, scene: Callable[[], Scene]
) -> None:
    motion = MOTION.model_copy(update={"use_residual": False})
    assert {"kl", "score"}.isdisjoint(first_step(synthetic_head, scene(), motion, WEIGHTS).names)


def test_without_adain_adaptation_trains_the_splats_alone(
    synthetic_head: HeadModel, scene: Callable[[], Scene]
) -> None:
    one = scene()
    grmn = make_network(MOTION.model_copy(update={"use_adain": False}), [one])
    before = {name: value.clone() for name, value in grmn.state_dict().items()}
    means = one.splats.means.detach().clone()
    adapt(synthetic_head, one, grmn, AdaptSettings(frames=16, static_frames=4, batch=2, motion_windows=1))
    assert all(torch.equal(value, before[name]) for name, value in grmn.state_dict().items())
    assert not torch.equal(one.splats.means, means)


def test_a_network_that_was_not_pretrained_is_as_it_was_made(
    synthetic_head: HeadModel, scene: Callable[[], Scene]
) -> None:
    settings = training_settings(frames=0)
    state = pretrain(synthetic_head, [scene()], MOTION, settings)
    torch.manual_seed(settings.seed)
    fresh = make_network(MOTION, [scene()])
    assert all(torch.equal(value, fresh.state_dict()[name]) for name, value in state.grmn.state_dict().items())
    assert state.log == [] and state.frames_seen == 0 and not state.grmn.training


def test_adaptation_of_all_trains_every_part_of_the_network(
    synthetic_head: HeadModel, scene: Callable[[], Scene]
) -> None:
    one = scene()
    grmn = make_network(MOTION, [one])
    before = {name: value.clone() for name, value in grmn.named_parameters()}
    settings = AdaptSettings(frames=24, static_frames=4, batch=2, motion_windows=1, trained="all")
    adapt(synthetic_head, one, grmn, settings)
    same = {name for name, value in grmn.named_parameters() if torch.equal(value, before[name])}
    # InstanceNorm takes out what a bias before it adds to all frames; everything else has moved.
    assert not {name for name in same if not name.endswith("bias")}
    assert not grmn.training
