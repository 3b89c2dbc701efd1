"""Tests as data: what they vary, where cues come from, which phones are known."""

from pathlib import Path

import pytest
import yaml

from emotag.errors import InputError
from emotag.metrics.protocols import DEFAULT_CUES, PROTOCOLS
from emotag.tables import frame_table, write_table
from stages.known import phones_of
from stages.settings import PipelineSettings, TestEntry, load_settings, parse_settings
from stages.workspace import Workspace

PARAMS = Path(__file__).parents[2] / "params.yaml"


def test_every_protocol_has_its_cues_as_the_paper_takes_them() -> None:
    assert dict(DEFAULT_CUES) == {"self": "own", "intensity": "own", "voice": "reference", "language": "reference"}
    assert set(PROTOCOLS) == set(DEFAULT_CUES)
    assert TestEntry(identity="a", clip="b").cues_from() == "own"
    assert TestEntry(identity="a", clip="b", protocol="voice").cues_from() == "reference"
    assert TestEntry(identity="a", clip="b", protocol="voice", cues="own").cues_from() == "own"


def test_the_demos_tests_say_what_its_takes_do() -> None:
    settings = load_settings(PARAMS)
    calm, adapted = settings.takes["mira-adapt"].lines
    assert calm.level == 0, "action units are told from a face at rest"
    for name, test in settings.tests.items():
        take = settings.takes[test.clip]
        line = take.lines[0]
        assert (test.emotion, test.level) == (line.emotion, line.level), name
        assert (test.protocol == "voice") == (take.voice != take.actor), name
        assert (test.protocol == "language") == (line.language != adapted.language), name
        assert (test.protocol == "intensity") == (line.level != adapted.level), name
    assert {test.protocol for test in settings.tests.values()} == set(PROTOCOLS)


@pytest.mark.parametrize("wrong", [{"protocol": "other"}, {"cues": "none"}, {"emotion": "joy"}, {"level": 4}])
def test_exception_on_what_is_none(wrong: dict) -> None:
    content = yaml.safe_load(PARAMS.read_text())
    content["tests"]["mira-same"] |= wrong
    with pytest.raises(InputError, match=f"tests.mira-same.{next(iter(wrong))}"):
        parse_settings(content, PARAMS)


def settings_of(**clip: object) -> PipelineSettings:
    content = yaml.safe_load(PARAMS.read_text())
    content["clips"]["mira-same"] |= clip
    return parse_settings(content, PARAMS)


def test_an_actors_phones_are_known_and_others_are_told(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write_table(workspace.file("actors", "mira-same", "parquet"), frame_table("x", {"phone": ["m", "a", "p", "b"]}), {})
    test = TestEntry(identity="mira", clip="mira-same")
    assert phones_of(workspace, settings_of(), test, 4) == ["m", "a", "p", "b"]
    assert phones_of(workspace, settings_of(start_s=0.04), test, 3) == ["a", "p", "b"]
    assert phones_of(workspace, settings_of(video="somewhere.mp4"), test, 4) is None
    (tmp_path / "aligned.csv").write_text("Begin,End,Label\n0,0.08,M\n")
    told = test.model_copy(update={"phones": Path("aligned.csv")})
    assert phones_of(workspace, settings_of(video="somewhere.mp4"), told, 4) == ["M", "M", "", ""]
