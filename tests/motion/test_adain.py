import torch

from emotag.motion.adain import AdaIN, adain, instance_norm


def test_instance_norm_is_zero_mean_unit_variance_over_time() -> None:
    features = 3 + 5 * torch.randn(2, 50, 4, generator=torch.Generator().manual_seed(0))
    normed = instance_norm(features, floor=1e-4)
    torch.testing.assert_close(normed.mean(dim=1), torch.zeros(2, 4), atol=1e-5, rtol=0)
    torch.testing.assert_close(normed.std(dim=1, correction=0), torch.ones(2, 4), atol=1e-4, rtol=0)


def test_adain_by_hand() -> None:
    # One channel with values 1, 3: mean 2, variance 1, floor 0.75 -> divided by sqrt(1 + 0.5625) = 1.25.
    features = torch.tensor([[[1.0], [3.0]]])
    result = adain(features, torch.tensor([[2.0]]), torch.tensor([[0.5]]), floor=0.75)
    torch.testing.assert_close(result, torch.tensor([[[0.5 - 1.6], [0.5 + 1.6]]]))


def test_constant_channel_does_not_blow_up() -> None:
    features = torch.full((1, 20, 3), 7.0, requires_grad=True)
    normed = instance_norm(features, floor=0.1)
    assert normed.abs().max() < 1e-4
    normed.square().sum().backward()
    assert features.grad is not None and torch.isfinite(features.grad).all()


def test_faint_noise_is_amplified_at_most_by_the_floor() -> None:
    noise = 1e-3 * torch.randn(1, 200, 2, generator=torch.Generator().manual_seed(1))
    assert instance_norm(noise, floor=0.1).std() <= 1e-3 / 0.1 * 1.2


def _module(keep_level: bool, dropout: float = 0.0) -> AdaIN:
    torch.manual_seed(0)
    return AdaIN(4, 6, 8, 0.1, keep_level, dropout)


def test_starts_as_plain_normalisation() -> None:
    features, identity = torch.randn(2, 30, 4), torch.randn(2, 6)
    torch.testing.assert_close(_module(False)(features, identity), instance_norm(features, 0.1))


def test_level_is_erased_literally_and_kept_on_request() -> None:
    features, identity = torch.randn(1, 30, 4), torch.randn(1, 6)
    literal, keeping = _module(False), _module(True)
    torch.testing.assert_close(literal(features + 2, identity), literal(features, identity), atol=1e-5, rtol=1e-5)
    shift = keeping(features + 2, identity) - keeping(features, identity)
    torch.testing.assert_close(shift, torch.ones_like(shift), atol=1e-5, rtol=1e-5)  # half of 2: rho starts at 0.5


def test_identity_modulates_after_training_and_scale_of_embedding_does_not_matter() -> None:
    module = _module(False)
    torch.nn.init.normal_(module.modulation[-1].weight)
    features = torch.randn(2, 30, 4)
    first, second = torch.randn(2, 6), torch.randn(2, 6)
    assert (module(features, first) - module(features, second)).abs().max() > 0.1
    torch.testing.assert_close(module(features, first), module(features, 20 * first), atol=1e-3, rtol=1e-3)


def test_identity_dropout_falls_back_to_the_average_in_training_only() -> None:
    module = _module(False, dropout=1.0)
    torch.nn.init.normal_(module.modulation[-1].weight)
    features, identity = torch.randn(2, 30, 4), torch.randn(2, 6)
    torch.testing.assert_close(module.train()(features, identity), instance_norm(features, 0.1))
    assert (module.eval()(features, identity) - instance_norm(features, 0.1)).abs().max() > 0.1
