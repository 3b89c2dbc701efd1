from emotag.report.ablations import ablation_table
from emotag.report.paper import TABLE_5

INTERVAL = {"mean": 2.5, "low": 2.25, "high": 2.75, "frames": 100}


def result(title: str, paper: str | None = None, **more) -> dict:
    return {
        "title": title,
        "paper": paper,
        "moves": "lmd",
        "metrics": {"lmd": INTERVAL, "aue_upper": {**INTERVAL, "low": None, "high": None}},
        "difference": {"lmd": {"mean": -0.5, "low": -0.75, "high": -0.25}},
        "verdict": "better",
        "tests": [{"test": "ada-self", "clip": "ada"}],
    } | more


def test_without_ablations_the_papers_rows_stand_alone():
    table = ablation_table([])
    assert not table.has_ours
    assert [row.title for row in table.rows] == [row.method for row in TABLE_5]
    assert {row.verdict for row in table.rows} == {"not run here"}
    assert [cell.paper for cell in table.rows[0].cells] == ["29.95", "0.022", "2.456", "6.147"]
    assert {cell.value for row in table.rows for cell in row.cells} == {"–"}


def test_a_result_stands_in_the_row_that_it_stands_for_with_both_numbers():
    table = ablation_table([result("without the gate", "w/o gate")])
    row = next(row for row in table.rows if row.ours)
    assert [one.title for one in table.rows].index("without the gate") == [r.method for r in TABLE_5].index("w/o gate")
    lmd = row.cells[[metric.key for metric in table.metrics].index("lmd")]
    assert (lmd.value, lmd.interval, lmd.paper, lmd.moved) == ("2.500", "[2.250, 2.750]", "3.358", True)
    assert row.holds is True
    assert row.difference == "LMD, full − ablated: −0.500 [−0.750, −0.250]"
    assert table.tests == ["ada-self"]


def test_own_ablations_come_last_and_bring_the_metric_that_they_move():
    table = ablation_table([result("style_dim 0", moves="aue_upper", verdict="worse", difference={})])
    assert [metric.key for metric in table.metrics][-1] == "aue_upper"
    row = table.rows[-1]
    assert (row.title, row.holds) == ("style_dim 0", False)
    assert row.cells[-1].moved
    assert (row.cells[-1].value, row.cells[-1].interval, row.cells[-1].paper) == ("2.500", "", "")


def test_verdicts_say_when_nothing_is_sure():
    rows = {
        verdict: next(row for row in ablation_table([result("x", "w/o gate", verdict=verdict)]).rows if row.ours)
        for verdict in ("ahead", "behind", "unmeasured")
    }
    assert {row.holds for row in rows.values()} == {None}
    assert "overlap" in rows["ahead"].verdict
    assert "worse" in rows["behind"].verdict
    assert rows["unmeasured"].verdict == "not measured"


def test_the_full_model_has_no_verdict():
    full = result("full", "full", moves=None, verdict=None, difference={})
    assert ablation_table([full]).rows[0].verdict == ""


def test_a_result_of_something_older_says_so():
    row = next(row for row in ablation_table([result("x", "w/o gate", current=False)]).rows if row.ours)
    assert "out of date" in row.verdict
    row = next(row for row in ablation_table([result("x", "w/o gate", current=True)]).rows if row.ours)
    assert "out of date" not in row.verdict
