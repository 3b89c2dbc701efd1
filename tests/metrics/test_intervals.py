"""Bootstrap intervals: against the textbook's, against brute force, and on frames that look alike."""

import numpy as np
import pytest

from emotag.metrics.action_units import ALL_UNITS, LOWER_FACE, action_unit_error
from emotag.metrics.intervals import BLOCK, REPLICATES, block_counts, difference, intervals, pooled
from emotag.metrics.statistics import SAME_FRAMES, STATISTICS, evaluate, value


def series(frames: int, seed: int, likeness: float = 0.0) -> np.ndarray:
    """Noise of variance 1 around 0 whose neighbours correlate."""
    rng = np.random.default_rng(seed)
    values = np.empty(frames)
    values[0] = rng.normal()
    for index in range(1, frames):
        values[index] = likeness * values[index - 1] + np.sqrt(1 - likeness**2) * rng.normal()
    return values


def clip(frames: int = 90, seed: int = 0) -> dict[str, np.ndarray]:
    """Columns of a test as the stage writes them."""
    rng = np.random.default_rng(seed)
    columns = {"psnr": 30 + rng.normal(size=frames), "mouth_opening_truth": rng.uniform(0, 1, frames)}
    columns["mouth_opening"] = columns["mouth_opening_truth"] + rng.normal(0, 0.3, frames)
    columns |= {"jitter": rng.uniform(1, 2, frames), "jitter_truth": rng.uniform(2, 3, frames)}
    columns["jitter"][[0, -1]] = np.nan
    columns |= {unit: rng.uniform(0, 5, frames) for unit in ALL_UNITS}
    columns |= {f"{unit}_truth": rng.uniform(0, 5, frames) for unit in ALL_UNITS}
    columns["sync_distances"] = rng.uniform(5, 15, (frames, 31))
    columns["sync_distances"][:2] = np.nan
    return columns


def test_the_mean_is_the_metric_and_the_width_is_the_textbooks() -> None:
    values = series(4000, 1)
    found = pooled([{"psnr": values}], "psnr")
    assert found.mean == pytest.approx(values.mean()) and found.frames == 4000
    half = 1.96 * values.std() / np.sqrt(4000)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.1)
    assert (found.high + found.low) / 2 == pytest.approx(values.mean(), abs=0.1 * half)


def test_it_covers_the_truth_where_neighbours_look_alike() -> None:
    """Of an autoregressive series of mean 0; drawn one by one, frames would look independent and cover far less."""
    covered = []
    narrow = []
    for seed in range(60):
        values = series(300, seed, likeness=0.8)
        one = pooled([{"psnr": values}], "psnr")
        covered.append(one.low <= 0 <= one.high)
        half = 1.96 * values.std() / np.sqrt(len(values))
        narrow.append(abs(values.mean()) <= half)
    assert np.mean(covered) > 0.8 > 0.7 > np.mean(narrow)


def test_blocks_hold_neighbours_and_every_frame_counts_the_same() -> None:
    counts = block_counts(90, np.random.default_rng(0))
    assert counts.shape == (REPLICATES, 90) and np.all(counts.sum(axis=1) == 90)
    assert counts.mean(axis=0) == pytest.approx(np.ones(90), abs=0.1)
    drawn = counts > 0
    assert np.mean(drawn[:, 1:][drawn[:, :-1]]) > 1 - 1.5 / BLOCK


@pytest.mark.parametrize("metric", ["mouth_correlation", "aue_lower", "jitter_ratio", "sync_c"])
def test_replicates_equal_what_the_drawn_frames_give(metric: str) -> None:
    """Counted frames against frames really repeated, and each metric computed as it is anywhere else."""
    columns = clip()
    counts = block_counts(90, np.random.default_rng(3), replicates=5)
    found = evaluate(STATISTICS[metric], columns, counts)
    assert found is not None
    for row, one in zip(counts.astype(int), found):
        drawn = {name: np.repeat(values, row, axis=0) for name, values in columns.items()}
        assert one == pytest.approx(by_hand(metric, drawn))


def by_hand(metric: str, columns: dict[str, np.ndarray]) -> float:
    match metric:
        case "mouth_correlation":
            return np.corrcoef(columns["mouth_opening"], columns["mouth_opening_truth"])[0, 1]
        case "aue_lower":
            truth = {unit: columns[f"{unit}_truth"] for unit in ALL_UNITS}
            return action_unit_error(truth, columns).lower
        case "jitter_ratio":
            known = np.isfinite(columns["jitter"])
            return columns["jitter"][known].mean() / columns["jitter_truth"][known].mean()
        case _:
            curve = np.nanmean(columns["sync_distances"], axis=0)
            return np.median(curve) - curve.min()


def test_a_constant_series_correlates_with_nothing() -> None:
    columns = {"mouth_opening": np.full(60, 0.1), "mouth_opening_truth": series(60, 2)}
    assert np.isnan(value("mouth_correlation", columns) or 0.0) and "mouth_correlation" not in intervals(columns)


def test_several_tests_are_weighed_by_their_frames() -> None:
    short, long = {"psnr": np.full(40, 20.0) + series(40, 1)}, {"psnr": np.full(120, 30.0) + series(120, 2)}
    found = pooled([short, long], "psnr")
    assert found.frames == 160
    assert found.mean == pytest.approx(np.concatenate([short["psnr"], long["psnr"]]).mean())
    assert found.low < found.mean < found.high
    # Frames are drawn within each test: that the two differ by 10 dB does not widen the interval.
    assert found.high - found.low < 1


def test_gaps_do_not_count() -> None:
    values = series(100, 4)
    values[::3] = np.nan
    found = pooled([{"lmd": values}], "lmd")
    assert found.mean == pytest.approx(np.nanmean(values)) and found.frames == 66


def test_a_test_whose_frames_cannot_be_paired_is_left_out() -> None:
    paired, unpaired = clip(seed=1), clip(seed=2) | {SAME_FRAMES: np.zeros(90, bool)}
    assert pooled([paired, unpaired], "psnr") == pooled([paired], "psnr")
    assert pooled([paired, unpaired], "aue_lower").frames == 180
    assert pooled([unpaired], "jitter_ratio").frames == 0


def test_no_interval_without_enough_to_draw_from() -> None:
    for values in (series(3 * BLOCK - 1, 0), np.full(60, 7.0), np.where(np.arange(60) < 4, series(60, 0), np.nan)):
        found = pooled([{"psnr": values}], "psnr")
        assert found.mean == pytest.approx(np.nanmean(values)) and np.isnan([found.low, found.high]).all()
    nothing = pooled([{"psnr": np.full(60, np.nan)}], "psnr")
    assert nothing.frames == 0 and np.isnan(nothing.mean)
    assert pooled([], "psnr").frames == 0 and intervals({"time_s": np.zeros(50)}) == {}


def test_a_difference_of_the_same_frames_is_sharper_than_two_intervals() -> None:
    hard = 3 * series(200, 5, likeness=0.9)
    first, second = {"psnr": 30 + hard + 0.1 * series(200, 6)}, {"psnr": 29.5 + hard + 0.1 * series(200, 7)}
    one, other = pooled([first], "psnr"), pooled([second], "psnr")
    assert one.low < other.high, "alone they overlap"
    apart = difference([first], [second], "psnr")
    assert 0 < apart.low < 0.5 < apart.high or apart.low == pytest.approx(0.5, abs=0.1)
    assert apart.mean == pytest.approx(one.mean - other.mean)
    with pytest.raises(ValueError, match="must be the same"):
        difference([first], [{"psnr": hard[:-1]}], "psnr")


def test_versions_have_columns_of_their_own() -> None:
    columns = {"intensity": series(60, 1), "intensity_truth": 5 + series(60, 2), "intensity_frozen": 9 + series(60, 3)}
    for version, name in (("avatar", "intensity"), ("truth", "intensity_truth"), ("frozen", "intensity_frozen")):
        assert pooled([columns], "intensity", version=version).mean == pytest.approx(columns[name].mean())
    assert set(intervals(columns, "truth")) >= {"intensity"}


def test_exception_on_what_does_not_follow_from_frames() -> None:
    with pytest.raises(ValueError, match="'audio_lag_frames' does not follow from frames"):
        pooled([clip()], "audio_lag_frames")


def test_the_sets_of_units_are_those_of_the_metric() -> None:
    assert STATISTICS["aue_lower"].columns == LOWER_FACE  # type: ignore[union-attr]
