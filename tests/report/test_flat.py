import csv
import io

import numpy as np

from emotag.metrics.catalogue import BY_KEY
from emotag.report.data import TestResult, TrainingLog
from emotag.report.flat import LOG_ROWS, METRICS, flat_metrics, frame_rows, to_tsv, training_rows


def test_metrics_are_numbers_one_level_deep():
    summary = {"metrics": {"psnr": 31.23456789, "lmd": None, "made_up": 1.0}, "frozen": {"psnr": 3.0}}
    flat = flat_metrics(
        TestResult("a", summary, speed={"fps": 50, "device": "cpu"}), {"seconds": 12.5, "device": "cpu"}
    )
    assert flat == {"psnr": 31.2346, "fps": 50.0, "adaptation_seconds": 12.5}


def test_metrics_are_known_ones():
    assert set(METRICS) <= set(BY_KEY)


def test_frames_of_several_tests_are_told_apart_and_gaps_are_empty():
    first = TestResult("a", {}, {"time_s": np.array([0, 0.04]), "psnr": np.array([30.0, np.nan])})
    second = TestResult("b", {}, {"time_s": np.array([0.0]), "lmd": np.array([1.5])})
    rows = list(csv.DictReader(io.StringIO(to_tsv(frame_rows([first, second, TestResult("c", {})]))), delimiter="\t"))
    assert rows == [
        {"name": "a", "time_s": "0", "psnr": "30", "lmd": ""},
        {"name": "a", "time_s": "0.04", "psnr": "", "lmd": ""},
        {"name": "b", "time_s": "0", "psnr": "", "lmd": "1.5"},
    ]


def test_a_long_log_is_averaged_and_ends_where_it_ends():
    count = 10 * LOG_ROWS
    columns = {"frames_seen": np.arange(1.0, count + 1), "loss": np.arange(count) % 2.0, "seconds": np.zeros(count)}
    rows = training_rows({"ada": TrainingLog(columns)})
    assert len(rows) == LOG_ROWS
    assert {row["loss"] for row in rows} == {"0.5"}
    assert rows[-1]["frames_seen"] == str(count)
    assert "seconds" not in rows[0]


def test_logs_with_other_terms_share_a_header():
    logs = {
        "ada": TrainingLog({"frames_seen": np.array([1.0]), "loss": np.array([0.5])}),
        "ben": TrainingLog({"frames_seen": np.array([1.0]), "loss_kl": np.array([np.nan])}),
    }
    assert training_rows(logs) == [
        {"name": "ada", "frames_seen": "1", "loss": "0.5", "loss_kl": ""},
        {"name": "ben", "frames_seen": "1", "loss": "", "loss_kl": ""},
    ]


def test_nothing_is_an_empty_file():
    assert to_tsv(frame_rows([])) == to_tsv(training_rows({})) == ""
