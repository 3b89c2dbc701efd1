import hashlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from emotag.errors import InputError
from emotag.external.catalogue import MODULES, all_engines, is_chosen, section, tasks
from emotag.external.need import Engine, Need
from emotag.external.survey import instead, not_ready, require_chosen, survey
from stages.settings import load_settings

ROOT = Path(__file__).parents[2]
TREE = SimpleNamespace(
    audio=SimpleNamespace(engine="wav2vec2", folder="w"),
    metrics=SimpleNamespace(sync=SimpleNamespace(engine="none")),
)


def weights(settings: SimpleNamespace) -> tuple[Need, ...]:
    digest = hashlib.sha256(b"right").hexdigest()
    return (Need("file", f"{settings.folder}/model", "weights", "MIT", "https://example.org", sha256=digest),)


ENGINES = (
    Engine("audio", "wav2vec2", "wav2vec 2.0", weights, paper=True),
    Engine("audio", "hubert", "HuBERT", lambda settings: ()),
    Engine("audio", "open", "mel", lambda settings: (), open=True),
    Engine("metrics.sync", "none", "nothing", lambda settings: ()),
)


def test_sections_inside_sections() -> None:
    assert section(TREE, "metrics.sync").engine == "none"
    assert [engine.name for engine in ENGINES if is_chosen(engine, TREE)] == ["wav2vec2", "none"]
    assert tasks(ENGINES) == ("audio", "metrics.sync")


def test_what_is_missing_wrong_and_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [status.engine.name for status in not_ready(survey(ENGINES, TREE))] == ["wav2vec2"]
    assert instead("audio", survey(ENGINES, TREE)) == "open"
    assert instead("audio", survey(ENGINES[:1], TREE)) is None
    assert instead("audio", survey(ENGINES[:2], TREE)) == "hubert"
    with pytest.raises(InputError, match=r"^not ready: audio\.engine wav2vec2; `emotag doctor`"):
        require_chosen(survey(ENGINES, TREE))
    require_chosen(survey(ENGINES[1:], TREE))
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "model").write_bytes(b"wrong")
    assert survey(ENGINES, TREE)[0].ready  # nobody looked at the bytes
    (broken,) = not_ready(survey(ENGINES, TREE, verify=True))
    assert [(state.found, state.verified) for state in broken.lacks] == [(True, False)]
    (tmp_path / "w" / "model").write_bytes(b"right")
    assert survey(ENGINES, TREE, verify=True)[0].states[0].verified is True


def test_every_choice_of_engine_is_in_the_catalogue_and_nothing_else() -> None:
    """A name that params.yaml takes has an Engine that says what it needs; and the other way round."""
    settings = load_settings(ROOT / "params.yaml")
    assert len(MODULES) == len(set(MODULES))
    for task in tasks(all_engines()):
        field = type(section(settings, task)).model_fields["engine"].annotation
        named = [engine.name for engine in all_engines() if engine.task == task]
        assert sorted(named) == sorted(field.__args__), task
        assert len(named) == len(set(named)), task


def test_every_engine_answers_and_the_default_ones_are_open() -> None:
    statuses = survey(all_engines(), load_settings(ROOT / "params.yaml"))
    for status in statuses:
        for state in status.states:
            need = state.need
            assert need.what and need.licence and need.source and need.name, status.engine
            assert "\n" not in need.what + need.source + need.licence, status.engine
            assert need.url is None or need.kind == "file", "only files are fetched"
            assert need.sha256 is None or len(need.sha256) == 64
    for task in tasks(all_engines()):
        assert any(one.engine.open for one in statuses if one.engine.task == task), f"{task} has no open engine"
