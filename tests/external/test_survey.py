import hashlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from emotag.errors import InputError
from emotag.external.catalogue import AUTO, MODULES, available, choice, described, names, section, tasks
from emotag.external.need import Engine, Need
from emotag.external.survey import instead, not_ready, require_chosen, survey
from stages.settings import PipelineSettings, load_settings

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
    assert [choice(TREE, task, ENGINES) for task in tasks(ENGINES)] == ["wav2vec2", "none"]
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


def test_auto_takes_the_first_engine_that_lacks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tree = SimpleNamespace(audio=SimpleNamespace(engine=AUTO, folder="w"))
    assert choice(tree, "audio", ENGINES) == "hubert"
    assert [status.chosen for status in survey(ENGINES[:3], tree)] == [False, True, False]
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "model").touch()
    assert choice(tree, "audio", ENGINES) == "wav2vec2"
    assert not_ready(survey(ENGINES[:3], tree)) == ()


@pytest.fixture(scope="module")
def settings() -> PipelineSettings:
    return load_settings(ROOT / "params.yaml")


def test_every_name_of_an_engine_is_described(settings: PipelineSettings) -> None:
    """Whatever params.yaml can choose has an Engine that says what it needs."""
    assert len(MODULES) == len(set(MODULES))
    engines = available(settings)
    assert len({(engine.task, engine.name) for engine in engines}) == len(engines)
    for task in tasks(engines):
        assert {one.name for one in engines if one.task == task} == set(names(settings, task)) - {AUTO}, task


def test_every_task_with_a_choice_is_described(settings: PipelineSettings) -> None:
    choices = {name for name in PipelineSettings.model_fields if len(names(settings, name)) > 1}
    assert choices - {"shape"} <= set(tasks(available(settings)))  # `shape` takes what `track` brings


def test_every_described_engine_can_be_chosen(settings: PipelineSettings) -> None:
    assert described() == available(settings)


def test_needs_are_told_in_full(settings: PipelineSettings) -> None:
    for status in survey(available(settings), settings):
        for state in status.states:
            need = state.need
            assert need.what and need.licence and need.source and need.name, status.engine
            assert "\n" not in need.what + need.source + need.licence, status.engine
            assert need.url is None or (need.kind == "file" and need.url.startswith("https://")), (
                "only files are fetched"
            )
            assert need.sha256 is None or len(need.sha256) == 64
            assert need.member is None or need.url, "a member of nothing"


def test_every_task_has_an_engine_that_works_from_a_bare_install(settings: PipelineSettings) -> None:
    engines = available(settings)
    for task in tasks(engines):
        works = [one for one in engines if one.task == task and one.open]
        assert works, task
        assert all(one.needs(section(settings, task)) == () for one in works), task
