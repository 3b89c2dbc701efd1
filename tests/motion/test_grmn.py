import pytest
import torch

from emotag.motion.grmn import GRMN, freeze_for_adaptation
from emotag.motion.motion import Motion

from .conftest import SIZES, small_settings


def test_shapes(make, inputs) -> None:
    motion = make()(*inputs(batch=2, length=10))
    assert motion.expression.shape == (2, 10, 4)
    assert motion.jaw.shape == (2, 10, 3)
    assert motion.mouth_base.shape == motion.mouth_residual.shape == (2, 10, 8)
    assert motion.gate.shape == (2, 10)
    assert motion.emotion_logits.shape == (2, 10, 7)
    assert motion.style.shape == (2, 10, 4)


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_wrong_shapes_are_refused(make, inputs, wrong) -> None:
    values = list(inputs())
    values[wrong] = values[wrong][..., :-1]
    with pytest.raises(ValueError, match=("audio", "expression_feature", "identity")[wrong]):
        make()(*values)


def test_training_starts_at_the_neutral(make, inputs) -> None:
    grmn = make(noise=False)
    motion = grmn(*inputs())
    assert motion.expression.abs().max() == 0
    assert motion.jaw.abs().max() == 0
    offsets = grmn.mouth(motion.mouth_base, motion.mouth_residual, motion.gate, torch.randn(9, 3) * 0.02)
    assert all(part.abs().max() == 0 for part in offsets)


def test_gradients_are_finite_and_reach_every_parameter_within_two_steps(make, inputs) -> None:
    grmn = make(noise=False).train()
    optimizer = torch.optim.SGD(grmn.parameters(), lr=0.1)
    reached: set[str] = set()
    for _ in range(4):  # zero layers pass a gradient on only after their own first step
        motion = grmn(*inputs())
        offsets = grmn.mouth(motion.mouth_base, motion.mouth_residual, motion.gate, torch.randn(9, 3) * 0.02)
        loss = (motion.expression - 1).square().sum() + (motion.jaw - 1).square().sum()
        loss = loss + sum((part / 0.01 - 1).square().mean() for part in offsets)
        loss = loss + motion.emotion_logits[..., 0].sum() + (motion.gate - 0.2).abs().sum()
        optimizer.zero_grad()
        loss.backward()
        for name, parameter in grmn.named_parameters():
            assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
            if parameter.grad.abs().max() > 0:
                reached.add(name)
        torch.nn.utils.clip_grad_norm_(grmn.parameters(), 1.0)
        optimizer.step()
    assert reached == {name for name, _ in grmn.named_parameters()}


def test_base_branch_does_not_see_the_expression_feature(make, inputs) -> None:
    grmn = make()
    audio, expression, identity = inputs()
    one = grmn(audio, expression, identity)
    two = grmn(audio, expression + torch.randn_like(expression), identity)
    for name in ("expression", "jaw", "mouth"):
        assert torch.equal(getattr(one.base, name), getattr(two.base, name))
        assert (getattr(one.residual, name) - getattr(two.residual, name)).abs().max() > 1e-3
    assert (one.gate - two.gate).abs().max() > 1e-4


def test_gate_is_in_unit_interval_and_fuses(make, inputs) -> None:
    motion = make()(*(100 * value for value in inputs()))
    assert motion.gate.min() >= 0 and motion.gate.max() <= 1
    assert motion.gate.std() > 0
    torch.testing.assert_close(motion.jaw, motion.base.jaw + motion.gate[..., None] * motion.residual.jaw)
    fused = motion.base.expression + motion.gate[..., None] * motion.residual.expression
    torch.testing.assert_close(motion.expression, fused + motion.units)


def test_units_move_the_face_whatever_the_gate_and_the_voice_say(make, inputs) -> None:
    grmn = make()
    audio, expression, identity = inputs()
    one = grmn(audio, expression, identity)
    two = grmn(audio + torch.randn_like(audio), expression, -identity)
    assert one.units.abs().max() > 0.1
    torch.testing.assert_close(one.units, two.units)
    assert (one.units - grmn(audio, expression + 1, identity).units).abs().min() > 0
    without = make(use_unit_map=False)(audio, expression, identity)
    assert without.units.abs().max() == 0


def test_identity_modulates_both_branches(make, inputs) -> None:
    grmn = make()
    audio, expression, identity = inputs()
    one, two = grmn(audio, expression, identity), grmn(audio, expression, -identity)
    assert (one.base.jaw - two.base.jaw).abs().max() > 1e-3
    assert (one.residual.jaw - two.residual.jaw).abs().max() > 1e-3


def test_without_adain_identity_plays_no_part(make, inputs) -> None:
    grmn = make(use_adain=False)
    audio, expression, identity = inputs()
    one, two = grmn(audio, expression, identity), grmn(audio, expression, -identity)
    assert torch.equal(one.jaw, two.jaw) and torch.equal(one.expression, two.expression)
    assert grmn.adain_parameters() == []
    assert not any("adain" in name for name, _ in grmn.named_parameters())


def test_without_residual_only_the_base_is_left(make, inputs) -> None:
    grmn = make(use_residual=False)
    audio, expression, identity = inputs()
    motion = grmn(audio, expression, identity)
    assert torch.equal(motion.jaw, motion.base.jaw)
    assert motion.gate.abs().max() == 0 and motion.residual.jaw.abs().max() == 0
    assert torch.equal(motion.jaw, grmn(audio, -expression, identity).jaw)
    parts = {name.split(".")[0] for name, _ in grmn.named_parameters()}
    assert parts == {"audio_encoder", "audio_adain", "base", "mouth"}
    assert not any(name.startswith("mouth.residual") for name, _ in grmn.named_parameters())


def test_without_gate_the_residual_is_added_whole(make, inputs) -> None:
    grmn = make(use_gate=False)
    motion = grmn(*inputs())
    assert torch.equal(motion.gate, torch.ones_like(motion.gate))
    torch.testing.assert_close(motion.jaw, motion.base.jaw + motion.residual.jaw)
    assert not any(name.startswith("gate") for name, _ in grmn.named_parameters())


def test_style_of_width_zero_is_the_paper_literally(make, inputs) -> None:
    motion = make(style_dim=0)(*inputs())
    assert motion.style.shape == (2, 16, 0)
    assert motion.emotion_logits.shape == (2, 16, 7)


def test_residual_motion_passes_through_the_latent_only(make, inputs) -> None:
    """Equal z_e must give equal δ_r: the decoder has no other input."""
    grmn = make()
    assert grmn.residual is not None
    streams = torch.randn(2, 5, 32)
    part, logits, style = grmn.residual(streams)
    latent = torch.cat((logits, style), dim=-1)
    again = grmn.residual.decoder(torch.nn.functional.gelu(grmn.residual.lift(latent)))
    assert torch.equal(part.jaw, again.jaw)
    assert latent.shape[-1] == 7 + 4


def test_inputs_are_standardised_by_stored_statistics(make, inputs) -> None:
    audio, expression, identity = inputs()
    plain = make()
    expected = plain(audio, expression, identity).jaw
    scaled = make()
    scaled.set_input_statistics(
        torch.full((6,), 3.0), torch.full((6,), 2.0), torch.full((3,), -1.0), torch.full((3,), 5.0)
    )
    torch.testing.assert_close(scaled(audio * 2 + 3, expression * 5 - 1, identity).jaw, expected, atol=1e-5, rtol=1e-4)


def test_channel_that_never_varies_in_the_corpus_does_not_explode(make, inputs) -> None:
    grmn = make()
    grmn.set_input_statistics(torch.zeros(6), torch.zeros(6), torch.zeros(3), torch.zeros(3))
    assert torch.isfinite(grmn(*inputs()).jaw).all()


def test_output_scale(make, inputs) -> None:
    one, two = make(), make()
    two.set_output_scale(torch.full((4,), 3.0), 2 * two.jaw_scale)
    first, second = one(*inputs()), two(*inputs())
    torch.testing.assert_close(second.expression, 3 * first.expression)
    torch.testing.assert_close(second.jaw, 2 * first.jaw)


@pytest.mark.parametrize("name", ["dropout", "feature_noise", "channel_gain", "channel_mask", "time_mask"])
def test_each_augmentation_acts_in_training_only(make, inputs, name) -> None:
    grmn = make(**{name: 0.5})
    values = inputs()
    assert torch.equal(grmn(*values).jaw, grmn(*values).jaw)
    grmn.train()
    assert (grmn(*values).jaw - grmn(*values).jaw).abs().max() > 1e-4


def test_freeze_changes_only_the_modulation(make, inputs) -> None:
    grmn = make().train()
    optimizer = torch.optim.AdamW(
        grmn.parameters(), lr=0.1, weight_decay=0.5
    )  # all of them, as a careless caller would
    grmn(*inputs()).jaw.sum().backward()  # stale gradients
    trained = freeze_for_adaptation(grmn)
    before = {name: value.clone() for name, value in grmn.state_dict().items()}
    for _ in range(3):
        optimizer.zero_grad(set_to_none=False)
        motion = grmn(*inputs())
        (motion.jaw.square().sum() + motion.expression.square().sum()).backward()
        optimizer.step()
    names = {name for name, _ in grmn.adain_parameters()}
    assert len(trained) == len(names) > 0
    for name, value in grmn.state_dict().items():
        assert torch.equal(value, before[name]) == (name not in names), name


def test_adain_parameters_are_the_identity_mlps_of_both_streams(make) -> None:
    names = {name for name, _ in make().adain_parameters()}
    linear = {f"{stream}_adain.modulation.{layer}" for stream in ("audio", "expression") for layer in (1, 3)}
    assert names == {f"{layer}.{kind}" for layer in linear for kind in ("weight", "bias")}


def test_frames_picks_of_batches_and_sequences(make, inputs) -> None:
    motion = make()(*inputs())
    windows, frames = torch.tensor([1, 0, 1]), torch.tensor([3, 5, 7])
    picked = motion.frames((windows, frames))
    assert isinstance(picked, Motion)
    torch.testing.assert_close(picked.jaw[2], motion.jaw[1, 7])
    torch.testing.assert_close(picked.frames(1).expression, motion.expression[0, 5])


def test_settings_refuse_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="divide"):
        small_settings(width=15)
    with pytest.raises(ValueError, match="overlap"):
        small_settings(overlap=16)


def test_default_size_builds() -> None:
    from emotag.motion.settings import MotionSettings

    grmn = GRMN(MotionSettings(), **{**SIZES, "audio_dim": 768})
    assert len(grmn.audio_encoder.layers) == 4
