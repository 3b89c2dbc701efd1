"""Each ablation of the network changes what it says and nothing else: in training, in inference, and on disk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from emotag.motion.grmn import GRMN, free_for_adaptation, freeze_for_adaptation
from emotag.motion.store import WEIGHTS, MotionNote, load_grmn, save_grmn
from emotag.motion.windows import predict_sequence

from .conftest import SIZES, shaken, small_settings

PARTS = {
    "audio_encoder", "audio_adain", "base", "mouth",
    "expression_encoder", "expression_adain", "residual", "gate", "unit_map",
}  # fmt: skip
WITHOUT: dict[str, tuple[dict[str, Any], set[str]]] = {  # ablation: (change, parts of the network that go)
    "gate": ({"use_gate": False}, {"gate"}),
    "residual": ({"use_residual": False}, {"residual", "gate", "expression_encoder", "expression_adain", "unit_map"}),
    "unit map": ({"use_unit_map": False}, {"unit_map"}),
    "adain": ({"use_adain": False}, {"audio_adain", "expression_adain"}),
    "style": ({"style_dim": 0}, set()),
}


def parts(grmn: GRMN) -> set[str]:
    return {name.split(".")[0] for name, _ in grmn.named_parameters()}


def sequence(seed: int = 0, length: int = 40) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((length, SIZES["audio_dim"]), (length, SIZES["expression_feature_dim"]), (SIZES["identity_dim"],))
    return tuple(torch.randn(*shape, generator=generator) for shape in shapes)  # type: ignore[return-value]


@pytest.mark.parametrize("name", WITHOUT)
def test_only_the_named_parts_go(make: Callable[..., GRMN], name: str) -> None:
    changes, gone = WITHOUT[name]
    assert parts(make()) == PARTS
    assert parts(make(**changes)) == PARTS - gone


@pytest.mark.parametrize("name", WITHOUT)
def test_a_part_that_is_off_stays_off_when_the_network_is_saved_and_read(
    make: Callable[..., GRMN], name: str, tmp_path: Path
) -> None:
    changes, gone = WITHOUT[name]
    grmn = make(**changes)
    save_grmn(tmp_path, grmn, MotionNote())
    again, _ = load_grmn(tmp_path)
    assert again.settings == grmn.settings
    assert {key.split(".")[0] for key in load_file(str(tmp_path / WEIGHTS))}.isdisjoint(gone)
    audio, expression, identity = sequence()
    one, two = predict_sequence(grmn, audio, expression, identity), predict_sequence(again, audio, expression, identity)
    assert all(torch.equal(mine, other) for mine, other in zip(one.tensors(), two.tensors()))


def test_without_gate_the_residual_is_added_whole_to_face_and_mouth_of_a_sequence(make: Callable[..., GRMN]) -> None:
    grmn = make(use_gate=False)
    motion = predict_sequence(grmn, *sequence())
    torch.testing.assert_close(motion.gate, torch.ones_like(motion.gate))
    whole_face = motion.base.expression + motion.residual.expression + motion.units
    torch.testing.assert_close(motion.expression, whole_face)
    basis = grmn.mouth.basis(0.02 * torch.randn(5, 3))
    whole = grmn.mouth.fuse(motion.mouth_base, motion.mouth_residual, torch.ones(len(motion.gate)), basis)
    fused = grmn.mouth.fuse(motion.mouth_base, motion.mouth_residual, motion.gate, basis)
    for mine, other in zip(fused, whole):
        torch.testing.assert_close(mine, other)
    assert residual_reaches_the_mouth(grmn, motion, basis)


def residual_reaches_the_mouth(grmn: GRMN, motion: Any, basis: torch.Tensor) -> bool:
    off = grmn.mouth.fuse(motion.mouth_base, motion.mouth_residual, 0 * motion.gate, basis)
    on = grmn.mouth.fuse(motion.mouth_base, motion.mouth_residual, motion.gate, basis)
    return any(bool((mine - other).abs().max() > 1e-6) for mine, other in zip(on, off))


def test_without_residual_no_upper_face_and_no_code_of_it_reach_face_or_mouth(make: Callable[..., GRMN]) -> None:
    grmn = make(use_residual=False)
    audio, expression, identity = sequence()
    motion = predict_sequence(grmn, audio, expression, identity)
    other = predict_sequence(grmn, audio, -expression, identity)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(motion.tensors(), other.tensors()))
    assert torch.equal(motion.expression, motion.base.expression) and torch.equal(motion.jaw, motion.base.jaw)
    basis = grmn.mouth.basis(0.02 * torch.randn(5, 3))
    codes = (motion.mouth_residual, torch.randn_like(motion.mouth_residual))
    one, two = (grmn.mouth.fuse(motion.mouth_base, code, torch.ones_like(motion.gate), basis) for code in codes)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(one, two))


def test_without_adain_streams_are_neither_normalised_nor_modulated(make: Callable[..., GRMN]) -> None:
    grmn = make(use_adain=False)
    audio, expression, identity = (rows[None] for rows in sequence())
    streams = grmn.streams(audio, expression)
    assert torch.equal(streams.audio, grmn.audio_encoder((audio - grmn.audio_mean) / grmn.audio_std))
    assert torch.equal(grmn(audio, expression, identity).jaw, grmn(audio, expression, 3 - identity).jaw)
    assert freeze_for_adaptation(grmn) == []


def test_a_style_of_width_zero_leaves_the_decoder_the_seven_logits(make: Callable[..., GRMN]) -> None:
    grmn = make(style_dim=0)
    assert grmn.residual is not None and grmn.residual.lift.in_features == 7
    whole = make()
    assert whole.residual is not None and whole.residual.lift.in_features == 7 + 4


def test_what_an_ablation_leaves_starts_with_the_same_shapes() -> None:
    """Nothing else of the network is made larger or smaller in return."""
    whole = dict(GRMN(small_settings(), **SIZES).named_parameters())
    for name in ("gate", "residual", "adain", "unit map"):
        left = dict(GRMN(small_settings(**WITHOUT[name][0]), **SIZES).named_parameters())
        assert {key: value.shape for key, value in left.items()} == {key: whole[key].shape for key in left}, name


def test_a_free_network_learns_everywhere(make: Callable[..., GRMN], inputs: Callable[..., Any]) -> None:
    grmn = make(noise=False, dropout=0.5, channel_mask=0.5)
    freeze_for_adaptation(grmn)
    trained = free_for_adaptation(shaken(grmn.train()))
    assert {id(one) for one in trained} == {id(one) for one in grmn.parameters()}
    assert all(one.requires_grad for one in trained)
    assert torch.equal(grmn(*inputs()).jaw, grmn(*inputs()).jaw)  # neither dropout nor masks
    assert not grmn.fixed_streams and not grmn.fixed_mouth
