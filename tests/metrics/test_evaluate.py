import json
from dataclasses import replace

import numpy as np
import pytest

from emotag.errors import InputError
from emotag.metrics.action_units import ALL_UNITS
from emotag.metrics.catalogue import BY_KEY, METRICS, PAIRED, PAIRED_LABEL, improvement
from emotag.metrics.evaluate import PROTOCOL_NOTE, Readings, evaluate_clip
from emotag.metrics.image import psnr, ssim
from emotag.metrics.intervals import pooled
from emotag.metrics.readings import Portraits
from emotag.metrics.statistics import SAME_FRAMES, STATISTICS, value
from emotag.metrics.sync_score import SyncScore
from emotag.tables import frame_table

FRAMES, SIDE = 40, 64


def speaking(opening: np.ndarray, units: float = 1.0, valid: np.ndarray | None = None) -> Readings:
    """Landmarks of a face whose inner lips are `opening` pixels apart."""
    points = np.tile(np.random.default_rng(7).uniform(5, 60, (68, 2)), (len(opening), 1, 1))
    for top, bottom in ((61, 67), (62, 66), (63, 65)):
        points[:, bottom] = points[:, top]
        points[:, bottom, 1] += opening
    ok = np.ones(len(opening), bool) if valid is None else valid
    return Readings(points, ok, {unit: np.full(len(opening), units) for unit in ALL_UNITS}, ok)


@pytest.fixture
def clip() -> dict:
    rng = np.random.default_rng(0)
    energy = -30 + 8 * np.convolve(rng.normal(size=FRAMES + 2), np.ones(3) / 3, "valid")
    opening = 5 + np.roll(energy + 30, 2) / 5
    truth = rng.integers(0, 255, (FRAMES, SIDE, SIDE, 3), dtype=np.uint8)
    masks = np.zeros((FRAMES, SIDE, SIDE), np.uint8)
    masks[:, 10:40, 20:50] = 255
    return {
        "clip": "someone",
        "truth_frames": truth,
        "render_frames": (truth * 0.9).astype(np.uint8),
        "head_masks": masks,
        "truth": speaking(opening),
        "render": speaking(opening + rng.normal(0, 0.2, FRAMES), units=1.5),
        "energy_db": energy,
        "frozen_frames": (truth * 0.5).astype(np.uint8),
        "frozen": speaking(np.full(FRAMES, 5.0), units=2.0),
    }


def test_summary_is_the_mean_of_the_columns(clip):
    result = evaluate_clip(**clip)
    for name in ("psnr", "ssim", "psnr_head", "ssim_head", "lmd"):
        assert result.summary["metrics"][name] == pytest.approx(result.columns[name].mean())
        assert result.summary["frozen"][name] == pytest.approx(result.columns[f"{name}_frozen"].mean())
    frame = 11
    truth, render, mask = (clip[name][frame] for name in ("truth_frames", "render_frames", "head_masks"))
    assert result.columns["psnr"][frame] == pytest.approx(psnr(truth, render))
    assert result.columns["ssim_head"][frame] == pytest.approx(ssim(truth, render, mask))


def test_every_metric_of_the_catalogue_is_there(clip):
    summary = evaluate_clip(**clip).summary
    always = {metric.key for metric in METRICS if not metric.optional}
    assert set(summary["metrics"]) == set(summary["frozen"]) == always
    assert summary["not_measured"] == {} and summary["note"] == PROTOCOL_NOTE
    assert set(summary["truth"]) == {"audio_lag_frames", "audio_correlation", "jitter"}


def test_a_moving_avatar_beats_the_frozen_one(clip):
    summary = evaluate_clip(**clip).summary
    assert all(summary["improvement"][name]["absolute"] > 0 for name in ("psnr", "ssim", "lmd", "aue_lower"))
    assert summary["improvement"]["aue_upper"]["relative"] == pytest.approx(0.75)
    assert summary["metrics"]["mouth_correlation"] > 0.9
    assert summary["frozen"]["mouth_correlation"] is None
    assert summary["metrics"]["audio_lag_frames"] == summary["truth"]["audio_lag_frames"] == 2


def test_identical_render_is_perfect(clip):
    clip |= {"render_frames": clip["truth_frames"], "render": clip["truth"]}
    metrics = evaluate_clip(**clip).summary["metrics"]
    assert metrics["psnr"] == metrics["psnr_head"] == 100
    assert metrics["ssim"] == pytest.approx(1)
    assert metrics["lmd"] == metrics["aue_lower"] == metrics["aue_upper"] == 0
    assert metrics["mouth_correlation"] == pytest.approx(1)


def test_it_streams_and_goes_to_json_and_parquet(clip):
    for name in ("truth_frames", "render_frames", "frozen_frames", "head_masks"):
        clip[name] = iter(clip[name])
    result = evaluate_clip(**clip)
    json.dumps(result.summary, allow_nan=False)
    table = frame_table("someone", result.columns)
    assert table.num_rows == FRAMES
    assert {"psnr", "psnr_frozen", "mouth_opening_truth", "AU12_r", "AU12_r_truth", "AU12_r_frozen"} <= set(
        table.column_names
    )


def test_without_a_baseline(clip):
    clip |= {"frozen": None, "frozen_frames": None}
    summary = evaluate_clip(**clip).summary
    assert summary["frozen"] is None
    assert summary["improvement"] == {}


def test_failed_frames_are_left_out(clip):
    """A row that failed may hold anything; it must not move the clip's value."""
    valid = np.ones(FRAMES, bool)
    valid[4] = False
    expected = evaluate_clip(**clip).columns["lmd"][valid].mean()
    broken = clip["render"]
    points = broken.points68.copy()
    points[4] = 1e6
    clip["render"] = Readings(points, valid, broken.action_units, valid)
    result = evaluate_clip(**clip)
    assert result.summary["metrics"]["lmd"] == pytest.approx(expected)
    assert result.summary["valid_frames"] == {"landmarks": FRAMES - 1, "action_units": FRAMES - 1}
    assert np.isnan(result.columns["AU12_r"][4])


@pytest.mark.parametrize("part", ["truth_frames", "render_frames", "frozen_frames", "head_masks"])
def test_exception_on_a_video_that_ends_early(clip, part):
    clip[part] = clip[part][:-1]
    with pytest.raises(InputError, match=f"ends at frame {FRAMES - 1}"):
        evaluate_clip(**clip)


def test_exception_names_the_clip_and_the_short_table(clip):
    clip["render"] = speaking(np.full(FRAMES - 1, 5.0))
    with pytest.raises(InputError, match="'someone': 40 frames, but render has 39 rows of landmarks"):
        evaluate_clip(**clip)


def test_exception_on_audio_length(clip):
    clip["energy_db"] = clip["energy_db"][:-3]
    with pytest.raises(InputError, match="37 rows"):
        evaluate_clip(**clip)


def test_exception_on_another_size(clip):
    clip["render_frames"] = clip["render_frames"][:, :32]
    with pytest.raises(InputError, match="frame 0: truth is"):
        evaluate_clip(**clip)


def test_improvement_knows_the_direction():
    gains = improvement({"psnr": 30.0, "lmd": 2.0, "jitter": 1.0}, {"psnr": 25.0, "lmd": 4.0, "jitter": 0.5})
    assert gains["psnr"] == {"absolute": 5.0, "relative": 0.2}
    assert gains["lmd"] == {"absolute": 2.0, "relative": 0.5}
    assert "jitter" not in gains
    assert improvement({"lmd": 1.0}, {"lmd": 0.0})["lmd"]["relative"] is None


class Brightness:
    """Stands for LPIPS: a number that a hand can check."""

    def distances(self, truth: np.ndarray, renders: list[np.ndarray]) -> list[float]:
        return [abs(float(truth.mean()) - float(render.mean())) for render in renders]


def scored(distance: float) -> SyncScore:
    per_frame = np.full(FRAMES, distance, np.float32)
    per_frame[[0, 1, -1, -2, -3]] = np.nan
    return SyncScore(3 / distance, distance, 2, per_frame, np.zeros(31))


def test_optional_metrics_stand_beside_the_others_where_they_are_measured(clip):
    for name, distance in (("truth", 1.0), ("render", 2.0), ("frozen", 4.0)):
        clip[name] = replace(clip[name], sync=scored(distance))
    result = evaluate_clip(**clip, perceptual=Brightness())
    metrics, frozen = result.summary["metrics"], result.summary["frozen"]
    networks = {"lpips", "sync_c", "sync_e", "sync_offset"}
    assert set(metrics) == set(frozen) == {metric.key for metric in METRICS if not metric.optional} | networks
    assert (metrics["sync_c"], metrics["sync_e"], metrics["sync_offset"]) == (1.5, 2.0, 2.0)
    assert result.summary["truth"]["sync_c"] == 3.0
    assert result.summary["improvement"]["sync_c"] == {"absolute": 0.75, "relative": 1.0}
    assert result.summary["improvement"]["sync_e"]["absolute"] == 2.0
    assert "sync_offset" not in result.summary["improvement"]
    truth, render = clip["truth_frames"][7], clip["render_frames"][7]
    assert result.columns["lpips"][7] == pytest.approx(abs(truth.mean() - render.mean()))
    assert metrics["lpips"] == pytest.approx(result.columns["lpips"].mean())
    assert (
        frozen["lpips"] == pytest.approx(result.columns["lpips_frozen"].mean()) and frozen["lpips"] > metrics["lpips"]
    )
    assert {"sync_distance", "sync_distance_frozen", "sync_distance_truth"} <= set(result.columns)
    assert f"under 100 frames; this one has {FRAMES}" in result.summary["note"]
    json.dumps(result.summary, allow_nan=False)
    assert frame_table("someone", result.columns).num_rows == FRAMES


def test_what_is_not_measured_is_said_and_has_no_number(clip):
    summary = evaluate_clip(**clip, not_measured={"LPIPS": "lacks AlexNet's weights"}).summary
    assert summary["not_measured"] == {"LPIPS": "lacks AlexNet's weights"}
    assert summary["note"].endswith("LPIPS is not measured: lacks AlexNet's weights.")
    assert "lpips" not in summary["metrics"] and "sync_c" not in summary["truth"]


def test_exception_on_a_sync_score_of_another_length(clip):
    clip["render"] = replace(clip["render"], sync=replace(scored(1.0), per_frame=np.zeros(FRAMES - 1, np.float32)))
    with pytest.raises(InputError, match="render has 39 rows of sync distances"):
        evaluate_clip(**clip)


def felt(readings: Readings, seed: int) -> Readings:
    """With what the emotion teacher and the identity engine say."""
    rng = np.random.default_rng(seed)
    faces = Portraits(np.array([3, 12, 30]), rng.normal(size=(3, 8)))
    return replace(readings, emotions=rng.dirichlet(np.ones(7), FRAMES), portraits=faces)


@pytest.fixture
def full(clip: dict) -> dict:
    """A clip of which everything is known that needs no network of its own."""
    for seed, name in enumerate(("truth", "render", "frozen")):
        clip[name] = felt(clip[name], seed)
    phones = ["m", "a", "a", "a", "p"] * (FRAMES // 5)
    raw = {f"{name}_lossless": np.linspace(20, 30, FRAMES) for name in ("psnr", "ssim", "psnr_head", "ssim_head")}
    return clip | {"phones": phones, "acted": "happy", "lossless": [raw, {name: one - 1 for name, one in raw.items()}]}


def test_everything_that_can_be_known_has_a_number_and_an_interval(full):
    summary = evaluate_clip(**full).summary
    without = {"lpips", "sync_c", "sync_e", "sync_offset"}
    assert set(summary["metrics"]) == set(summary["frozen"]) == set(BY_KEY) - without
    assert list(summary["metrics"]) == [key for key in BY_KEY if key not in without], "in the catalogue's order"
    assert set(summary["truth"]) == {
        "audio_lag_frames", "audio_correlation", "jitter", "intensity", "emotion_probability", "identity_similarity"
    }  # fmt: skip
    assert [summary[name]["psnr_lossless"] for name in ("metrics", "frozen")] == pytest.approx([25, 24])
    for name, version in (("intervals", "metrics"), ("frozen_intervals", "frozen"), ("truth_intervals", "truth")):
        assert summary[name], name
        for key, (low, high) in summary[name].items():
            assert low < high and low - 1e-9 <= summary[version][key] <= high + 1e-9, (name, key)
    assert summary["valid_frames"] == {
        "landmarks": FRAMES, "action_units": FRAMES, "emotion": FRAMES, "identity": 3, "bilabials": 9,
        "closures": summary["valid_frames"]["closures"], "open_vowels": summary["valid_frames"]["open_vowels"],
    }  # fmt: skip
    assert summary["failed_frames"] == {"truth": 0, "avatar": 0, "frozen": 0}
    json.dumps(summary, allow_nan=False)


def test_numbers_follow_from_the_columns_that_are_written(full):
    """What others pool from the Parquet file is what the JSON says."""
    result = evaluate_clip(**full)
    table = {name: np.asarray(frame_table("x", {name: values})[name]) for name, values in result.columns.items()}
    for key in STATISTICS:
        if result.summary["metrics"].get(key) is not None:
            assert pooled([table], key).mean == pytest.approx(result.summary["metrics"][key], rel=1e-4), key
            assert value(key, result.columns) == pytest.approx(result.summary["metrics"][key]), key


def test_frames_that_cannot_be_paired_give_no_wrong_number(full):
    full |= {"unpaired": "head pose is another clip's", "lossless": [], "head_masks": iter(())}
    result = evaluate_clip(**full)
    summary = result.summary
    always = {key for key in PAIRED if not BY_KEY[key].optional} | {"intensity_correlation"}
    assert {key for key, one in summary["metrics"].items() if one is None} == always
    still = {"mouth_correlation", "audio_lag_frames", "audio_correlation"}  # of a mouth that never moves
    assert {key for key, one in summary["frozen"].items() if one is None} == always | still
    assert not always & set(summary["intervals"]) and not always & set(summary["improvement"])
    assert summary["not_measured"] == {PAIRED_LABEL: "head pose is another clip's"}
    assert summary["note"].endswith("is not measured: head pose is another clip's.")
    assert np.isnan(result.columns["psnr"]).all() and not result.columns[SAME_FRAMES].any()
    for name in ("mouth_correlation", "aue_lower", "closure_rate", "emotion_kl", "identity_similarity"):
        assert summary["metrics"][name] is not None, name


def test_failures_are_counted(full):
    valid = np.ones(FRAMES, bool)
    valid[[4, 9]] = False
    full["frozen"] = replace(full["frozen"], points_valid=valid)
    assert evaluate_clip(**full).summary["failed_frames"] == {"truth": 0, "avatar": 0, "frozen": 2}


def test_the_label_of_what_is_paired_names_it_all():
    for key in PAIRED:
        short = BY_KEY[key].label.split(",")[0].casefold()
        assert short in PAIRED_LABEL.casefold(), key


def test_exception_on_phones_and_emotions_of_another_length(full):
    with pytest.raises(ValueError, match="3 phones for 40 frames"):
        evaluate_clip(**full | {"phones": ["m", "a", "p"]})
    full["render"] = replace(full["render"], emotions=np.ones((FRAMES - 1, 7)))
    with pytest.raises(InputError, match="render has 39 rows of emotions"):
        evaluate_clip(**full)
