import numpy as np
import pytest

from emotag.report.beside import MOST_ROWS, paper_tables, scored_rows
from emotag.report.data import Entrant, TestResult
from emotag.report.differences import Conditions, differences, ruler_notes
from emotag.report.paper import TABLE_1, TABLE_1_METRICS, TABLE_2, TABLE_3, TABLE_5, printed

OPEN = {"action_units": {"engine": "open", "version": "1"}}


def scored(name: str = "ada-self", **summary) -> TestResult:
    content = {
        "clip": name,
        "frames": 60,
        "resolution": 256,
        "metrics": {"psnr": 31.234, "lmd": 2.0, "sync_c": None},
        "frozen": {"psnr": 29.0, "lmd": 3.5},
        "intervals": {"psnr": [30.5, 32.0], "lmd": [None, None]},
        "valid_frames": {"landmarks": 57, "action_units": 60, "closures": 3},
    }
    return TestResult(name, content | summary, engines=OPEN)


def tables(*tests: TestResult, methods: tuple[Entrant, ...] = ()):
    return paper_tables([Entrant("This run", tests), *methods])


def ours(group) -> list:
    return [row for row in group.rows if row.ours]


def cells(table, row) -> dict[str, object]:
    return dict(zip((metric.key for metric in table.metrics), row.cells))


@pytest.mark.parametrize(
    ("table", "method", "metric", "value"),
    [
        (TABLE_1["neutral"], "EmoTaG", "aue_upper", "0.210"),
        (TABLE_1["emotional"], "InsTaG", "lmd", "3.428"),
        (TABLE_1["emotional"], "MimicTalk", "aue_lower", "0.961"),
        (TABLE_2[1], "EmoTaG", "sync_c", "6.154"),
        (TABLE_2[3], "InsTaG", "psnr", "27.56"),
        (TABLE_3["voice"], "EmoTaG", "sync_e", "9.133"),
        (TABLE_3["language"], "InsTaG", "sync_c", "4.391"),
        (TABLE_5, "w/o residual", "lmd", "3.572"),
    ],
)
def test_the_papers_numbers_are_those_of_its_tables(table, method, metric, value):
    assert printed(table, method, metric) == value


def test_the_paper_has_no_number_that_it_does_not_print():
    assert printed(TABLE_2[1], "EmoTaG", "ssim") is None
    assert printed(TABLE_1["neutral"], "EmoTaG-2", "psnr") is None
    assert all(set(row.values) == set(TABLE_1_METRICS) for rows in TABLE_1.values() for row in rows)


def test_a_test_stands_in_the_table_and_group_of_its_protocol():
    one, two, three = tables(
        scored("a", protocol="self", emotion="neutral"),
        scored("b", protocol="self", emotion="happy", level=2),
        scored("c", protocol="intensity", emotion="happy", level=3),
        scored("d", protocol="voice", emotion="happy", level=2),
        scored("e", protocol="language"),
    )
    details = {
        (table.source, group.title): [row.detail for row in ours(group)]
        for table in (one, two, three)
        for group in table.groups
    }
    assert details == {
        ("Table 1", "Neutral clips"): ["a: neutral"],
        ("Table 1", "Emotional clips"): ["b: happy, level 2"],
        ("Table 2", "Level 1"): [],
        ("Table 2", "Level 3"): ["c: happy, level 3"],
        ("Table 3", "Another person's voice"): ["d: happy, level 2"],
        ("Table 3", "Another language"): ["e"],
    }


def test_a_level_that_the_paper_lacks_has_a_group_without_its_rows():
    table = tables(scored("c", protocol="intensity", emotion="sad", level=4))[1]
    assert [group.title for group in table.groups] == ["Level 1", "Level 3", "Level 4"]
    assert [row.ours for row in table.groups[2].rows] == [True]


def test_metrics_from_before_protocols_are_self_reconstruction_of_unstated_emotion():
    table = tables(scored())[0]
    assert table.groups[2].title == "Clips whose emotion params.yaml does not state"
    assert [row.detail for row in ours(table.groups[2])] == ["ada-self"]


def test_a_row_has_value_interval_frozen_frames_and_failures():
    table = tables(scored(emotion="happy"))[0]
    row = ours(table.groups[1])[0]
    psnr = cells(table, row)["psnr"]
    assert (psnr.value, psnr.interval, psnr.frozen) == ("31.23", "[30.50, 32.00]", "(29.00)")
    lmd = cells(table, row)["lmd"]
    assert (lmd.value, lmd.interval) == ("2.000", "")  # too few frames for an interval
    assert cells(table, row)["sync_c"].value == cells(table, row)["lpips"].value == "–"
    assert (row.frames, row.failures) == (60, 3)


def test_cues_other_than_the_papers_are_said_and_leave_the_mean():
    tests = [scored(name, protocol="voice", cues=cues) for name, cues in zip("abc", ("own", "reference", "reference"))]
    rows = ours(tables(*tests)[2].groups[0])
    assert [row.detail for row in rows] == ["mean of 2 clips", "b", "c", "a: with the test clip's own cues"]
    assert rows[0].frames == 120
    assert len(ours(tables(*tests[:2])[2].groups[0])) == 2


def test_several_tests_have_a_mean_weighted_by_frames():
    first, second = (
        TestResult(name, scored(name).summary, {"psnr": np.full(count, value), "psnr_frozen": np.full(count, 20.0)})
        for name, count, value in (("a", 50, 30.0), ("b", 150, 34.0))
    )
    mean, *each = scored_rows("This run", [first, second], ("psnr", "audio_lag_frames"))
    assert [row.detail for row in (mean, *each)] == ["mean of 2 clips", "a", "b"]
    assert mean.cells[0].value == "33.00"  # (50 · 30 + 150 · 34) / 200
    assert mean.cells[0].frozen == "(20.00)"
    assert mean.cells[1].value == "–"  # a lag has no mean over frames
    assert (mean.frames, mean.failures) == (120, 6)
    many = [TestResult(str(index), first.summary, first.frames) for index in range(MOST_ROWS + 1)]
    assert len(scored_rows("This run", many, ("psnr",))) == 1


def test_a_mean_needs_the_frames_of_all():
    known = TestResult("a", scored("a").summary, {"psnr": np.full(50, 30.0)})
    assert scored_rows("This run", [known, scored("b")], ("psnr",))[0].cells[0].value == "–"


def test_another_method_has_rows_beneath_ours():
    other = Entrant("InsTaG", [scored("x", protocol="self", emotion="happy")])
    rows = ours(tables(scored(emotion="happy"), methods=(other,))[0].groups[1])
    assert [(row.name, row.detail) for row in rows] == [("This run", "ada-self: happy"), ("InsTaG", "x: happy")]


def test_notes_name_what_was_measured_otherwise_of_the_tables_metrics():
    assert ruler_notes([scored()], ("psnr", "lpips", "lmd", "aue_lower")) == [
        "other people and clips",
        "PSNR, LPIPS of frames of 256², not 512²",
        "LMD in pixels of a 512² frame, but read off 256²",
        "AUE from action units of the engine 'open', not OpenFace",
        "LPIPS, AUE-L not measured",
    ]
    assert ruler_notes([scored()], ("sync_c",)) == ["other people and clips", "Sync-C not measured"]
    alike = TestResult(
        "a", {"resolution": 512, "metrics": {"psnr": 30.0}}, engines={"action_units": {"engine": "openface"}}
    )
    assert ruler_notes([alike], ("psnr",)) == ["other people and clips"]
    alike.summary["alignment_rounds"] = 2
    assert ruler_notes([alike], ("psnr",)) == ["other people and clips", "heads aligned with the avatar's own picture"]
    alike.summary["alignment_rounds"] = 0
    assert ruler_notes([alike], ("psnr",)) == ["other people and clips"]
    alike.summary["audio_lag_s"] = -0.0974
    late = "sound moved by up to 97 ms to fit its picture"
    assert ruler_notes([alike], ("psnr",)) == ["other people and clips", late]


@pytest.mark.parametrize(("aligned", "here"), [(False, "as tracked"), (True, "aligned with the avatar's own picture")])
def test_differences_say_where_heads_stand(aligned, here):
    rows = {row.what: row.here for row in differences(Conditions(aligned=aligned))}
    assert rows["Head pose under test"] == here


@pytest.mark.parametrize(
    ("lags", "here"),
    [
        ([], "as the file has it"),
        ([0.0, 0.0], "as the file has it"),
        ([0.0, 0.1, -0.12], "moved by up to 120 ms to fit its picture"),
    ],
)
def test_differences_say_whether_sound_was_moved(lags, here):
    rows = {row.what: row.here for row in differences(Conditions(lags_s=lags))}
    assert rows["Sound of a late recording"] == here


def test_differences_say_whose_clips_were_tested():
    rows = {row.what: row.here for row in differences(Conditions(consents=["synthetic"], clips=5))}
    assert rows["Test clips"] == "5 clips of 1 person (synthetic actors)"
    rows = {row.what: row.here for row in differences(Conditions(consents=["synthetic", "signed"], clips=2))}
    assert rows["Test clips"] == "2 clips of 2 people (1 of them synthetic)"
    rows = {row.what: row.here for row in differences(Conditions(consents=["signed"], clips=1, corpus=["a"]))}
    assert rows["Test clips"] == "1 clip of 1 person"
    assert rows["Pretraining"] == "none recorded"
