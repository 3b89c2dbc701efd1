import pytest
import torch

from emotag.motion.windows import cross_fade, fade, predict_sequence, window_starts


@pytest.mark.parametrize(
    ("length", "expected"),
    [(1, [0]), (16, [0]), (17, [0, 1]), (28, [0, 12]), (30, [0, 12, 14]), (40, [0, 12, 24])],
)
def test_window_starts(length, expected) -> None:
    assert window_starts(length, window=16, overlap=4) == expected


def test_fade_rises_and_falls_over_the_overlap() -> None:
    torch.testing.assert_close(fade(6, 2), torch.tensor([1 / 3, 2 / 3, 1.0, 1.0, 2 / 3, 1 / 3]))
    torch.testing.assert_close(fade(3, 0), torch.ones(3))
    assert (fade(5, 4) > 0).all()


def test_cross_fade_gives_back_what_the_windows_agree_on() -> None:
    sequence = torch.randn(30, 2, 3)
    starts = window_starts(30, 16, 4)
    windows = torch.stack([sequence[start : start + 16] for start in starts])
    torch.testing.assert_close(cross_fade(windows, starts, 30, fade(16, 4)), sequence)


def test_cross_fade_by_hand() -> None:
    windows = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    blended = cross_fade(windows, [0, 2], 5, torch.tensor([1.0, 1.0, 0.25]))
    torch.testing.assert_close(blended, torch.tensor([0.0, 0.0, 1.0 / 1.25, 1.0, 1.0]))


def test_a_frame_does_not_depend_on_how_long_the_file_is(make, inputs) -> None:
    grmn = make()  # windows of 16 frames
    (audio,), (expression,), (identity,) = inputs(batch=1, length=300)
    long = predict_sequence(grmn, audio, expression, identity)
    for length in (200, 201, 207):
        short = predict_sequence(grmn, audio[:length], expression[:length], identity)
        safe = length - 16
        for name in ("jaw", "expression", "gate", "emotion_logits", "style", "mouth_base", "mouth_residual"):
            one, two = getattr(long, name)[:safe], getattr(short, name)[:safe]
            torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-5)
        assert short.jaw.shape == (length, 3)


def test_default_windows_hold_it_too(make, inputs) -> None:
    grmn = make(window=64, overlap=16)
    (audio,), (expression,), (identity,) = inputs(batch=1, length=300)
    long = predict_sequence(grmn, audio, expression, identity)
    short = predict_sequence(grmn, audio[:200], expression[:200], identity)
    torch.testing.assert_close(long.jaw[:136], short.jaw[:136], atol=1e-5, rtol=1e-5)


def test_what_happens_far_away_changes_nothing(make, inputs) -> None:
    grmn = make()
    (audio,), (expression,), (identity,) = inputs(batch=1, length=100)
    before = predict_sequence(grmn, audio, expression, identity)
    audio, expression = audio.clone(), expression.clone()
    audio[:20] += 5
    expression[90:] -= 5
    after = predict_sequence(grmn, audio, expression, identity)
    torch.testing.assert_close(before.jaw[36:74], after.jaw[36:74], atol=1e-5, rtol=1e-5)
    assert (before.jaw[:20] - after.jaw[:20]).abs().max() > 1e-3
    assert (before.jaw[90:] - after.jaw[90:]).abs().max() > 1e-3


def test_one_window_equals_the_network_itself(make, inputs) -> None:
    grmn = make()
    audio, expression, identity = inputs(batch=1, length=16)
    whole = predict_sequence(grmn, audio[0], expression[0], identity[0])
    torch.testing.assert_close(whole.jaw, grmn(audio, expression, identity).jaw[0])


@pytest.mark.parametrize("length", [1, 3, 17])
def test_short_sequences(make, inputs, length) -> None:
    (audio,), (expression,), (identity,) = inputs(batch=1, length=length)
    motion = predict_sequence(make(), audio, expression, identity)
    assert motion.expression.shape == (length, 4)
    assert torch.isfinite(motion.expression).all()


def test_fusion_holds_in_the_result_and_mode_is_restored(make, inputs) -> None:
    grmn = make(dropout=0.5).train()
    (audio,), (expression,), (identity,) = inputs(batch=1, length=40)
    motion = predict_sequence(grmn, audio, expression, identity)
    assert grmn.training
    assert not motion.jaw.requires_grad
    assert torch.equal(motion.jaw, predict_sequence(grmn, audio, expression, identity).jaw)
    assert motion.gate.min() >= 0 and motion.gate.max() <= 1


def test_an_empty_sequence_is_refused(make, inputs) -> None:
    (audio,), (expression,), (identity,) = inputs(batch=1, length=4)
    with pytest.raises(ValueError, match="no frames"):
        predict_sequence(make(), audio[:0], expression[:0], identity)
