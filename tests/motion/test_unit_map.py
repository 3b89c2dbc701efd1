import torch

from emotag.motion.unit_map import UnitMap, unit_features


def sums_of(units: torch.Tensor, targets: torch.Tensor, mean: torch.Tensor, std: torch.Tensor):
    shown = unit_features(units, mean, std).double()
    targets = targets.double()
    return shown.T @ shown, shown.sum(0), shown.T @ targets, targets.sum(0)


def test_fit_finds_a_map_that_is_linear_in_units_and_their_roots() -> None:
    units = torch.rand(4000, 3, generator=torch.Generator().manual_seed(0))
    mean, std = units.mean(0), units.std(0)
    targets = torch.stack((2 * units[:, 0] - 1, units[:, 1].sqrt() + units[:, 2]), dim=1)
    unit_map = UnitMap(3, 2)
    unit_map.fit(*sums_of(units, targets, mean, std), len(units))
    error = (unit_map(units, mean, std) - targets).square().mean(0) / targets.var(0)
    assert error.max() < 0.01  # the ridge shrinks a little


def test_sums_of_parts_add_up_to_the_fit_of_the_whole() -> None:
    generator = torch.Generator().manual_seed(1)
    units, targets = torch.rand(600, 3, generator=generator), torch.randn(600, 2, generator=generator)
    mean, std = units.mean(0), units.std(0)
    whole, parts = UnitMap(3, 2), UnitMap(3, 2)
    whole.fit(*sums_of(units, targets, mean, std), 600)
    halves = [sums_of(units[part], targets[part], mean, std) for part in (slice(0, 200), slice(200, 600))]
    parts.fit(*(one + two for one, two in zip(*halves)), 600)
    torch.testing.assert_close(parts.linear.weight, whole.linear.weight)
    torch.testing.assert_close(parts.linear.bias, whole.linear.bias)


def test_a_unit_that_never_varies_and_two_that_always_go_together_do_no_harm() -> None:
    one = torch.rand(500, 1, generator=torch.Generator().manual_seed(2))
    units = torch.cat((one, one, torch.zeros_like(one)), dim=1)
    mean, std = units.mean(0), units.std(0).clamp_min(1e-3)
    unit_map = UnitMap(3, 1)
    unit_map.fit(*sums_of(units, 3 * one, mean, std), len(units))
    assert unit_map.linear.weight.isfinite().all()
    assert (unit_map(units, mean, std) - 3 * one).abs().max() < 0.3


def test_channels_of_the_lower_face_stay_still() -> None:
    unit_map = UnitMap(3, 2)
    torch.nn.init.ones_(unit_map.linear.weight)
    unit_map.channels.copy_(torch.tensor([1.0, 0.0]))
    found = unit_map(torch.rand(5, 3), torch.zeros(3), torch.ones(3))
    assert found[:, 0].min() > 0 and found[:, 1].abs().max() == 0


def test_no_unit_below_zero_has_a_root() -> None:
    features = unit_features(torch.tensor([[-1.0, 4.0]]), torch.zeros(2), torch.ones(2))
    assert features.tolist() == [[-1.0, 4.0, 0.0, 2.0]]
