"""ablations.yaml: what this project's says, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from emotag.errors import InputError
from emotag.report.paper import TABLE_5
from pipeline.ablation.known import SECTIONS, changed, read_ablations, resolved, select
from pipeline.params import read_params
from stages.settings import load_settings

from .conftest import ROOT

ABLATIONS = read_ablations(ROOT)


def flat(model: Any, name: str = "") -> dict[str, Any]:
    """Give settings by their dotted names."""
    if not hasattr(type(model), "model_fields"):
        return {name: model}
    found: dict[str, Any] = {}
    for field in type(model).model_fields:
        found |= flat(getattr(model, field), f"{name}.{field}" if name else field)
    return found


def test_every_row_of_the_papers_table_is_there() -> None:
    assert {one.paper for one in ABLATIONS.values()} - {None} == {row.method for row in TABLE_5} - {"full"}
    assert {"style-0", "no-pretraining", "no-geometry", "batch-1", "batch-8"} <= set(ABLATIONS)


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_changes_the_settings_that_it_names_and_no_other(name: str) -> None:
    settings = load_settings(ROOT / "params.yaml")
    changes = resolved(ABLATIONS[name], settings)
    before, after = flat(settings), flat(changed(read_params(ROOT / "params.yaml"), changes, ROOT / "ablations.yaml"))
    differ = {setting for setting in before if before[setting] != after[setting]}
    assert differ and differ <= set(changes)
    assert all(after[setting] == value for setting, value in changes.items())


def test_a_reference_is_the_settings_value() -> None:
    settings = load_settings(ROOT / "params.yaml")
    changes = resolved(ABLATIONS["no-pretraining"], settings)
    assert changes["adapt.rates.motion"] == settings.pretrain.rates.motion


def test_no_stage_before_pretraining_reads_what_ablations_may_change() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    readers = {
        name
        for name, stage in stages.items()
        for read in (stage.get("do", stage)).get("params", ())
        if read in SECTIONS
    }
    assert readers == {"pretrain", "adapt"}


def entry(**changes: Any) -> dict[str, Any]:
    return {"title": "t", "description": "d", "moves": "lmd", "changes": {"motion.width": 8}} | changes


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"full": entry()}, "'full' cannot name an ablation"),
        ({"A": entry()}, "'A' cannot name an ablation"),
        ({"a": entry(changes={"crop.engine": "x"})}, "'crop.engine' is not below motion, splats, pretrain, adapt"),
        ({"a": entry(changes={"motion": {}})}, "'motion' is not below"),
        ({"a": entry(changes={})}, "changes"),
        ({"a": entry(moves="beauty")}, "'beauty' is no metric"),
        ({"a": entry(moves="audio_lag_frames")}, "no metric that has a better direction"),
        ({"a": entry(paper="w/o hair")}, "Table 5 has no row 'w/o hair'"),
        ({"a": entry(extra=1)}, "extra"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, content: dict[str, Any], words: str) -> None:
    (tmp_path / "ablations.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=words) as caught:
        read_ablations(tmp_path)
    assert "\n" not in str(caught.value) and "ablations.yaml" in str(caught.value)


def test_a_setting_that_is_none_is_one_line() -> None:
    settings, params = load_settings(ROOT / "params.yaml"), read_params(ROOT / "params.yaml")
    with pytest.raises(InputError, match=r"motion\.wdth"):
        changed(params, {"motion.wdth": 8}, Path("ablations.yaml"))
    one = ABLATIONS["no-gate"].model_copy(update={"changes": {"adapt.batch": "${adapt.btch}"}})
    with pytest.raises(InputError, match=r"no setting 'adapt\.btch'"):
        resolved(one, settings)
    with pytest.raises(InputError, match="no ablation 'no-hair'"):
        select(ABLATIONS, ["no-hair"])
