from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from dvc_data.hashfile.meta import Meta
from pydantic import BaseModel

from emotag.errors import InputError
from stages.settings import PipelineSettings, load_settings, parse_settings

ROOT = Path(__file__).parents[2]
PEOPLE = {
    "clips": {
        "ada-adapt": {"identity": "ada", "video": "data/raw/ada.mp4", "end_s": 5.0},
        "bob": {"identity": "bob", "video": "data/raw/bob.mp4"},
    },
    "identities": {
        "ada": {"consent": "yes", "reference": "ada-adapt"},
        "bob": {"consent": "yes", "reference": "bob"},
    },
    "corpus": ["bob"],
    "avatars": {"ada": {"reference": "ada-adapt"}},
    "pretrain": {"frames": 10, "static_frames": 5},
    "adapt": {"frames": 10, "static_frames": 5},
}


def changed(**changes: Any) -> PipelineSettings:
    return parse_settings(PEOPLE | changes, Path("params.yaml"))


def test_the_committed_parameters_are_valid_and_show_no_real_person() -> None:
    settings = load_settings(ROOT / "params.yaml")
    assert settings.corpus
    assert {person.consent for person in settings.identities.values()} == {"synthetic"}
    assert {clip.video for clip in settings.clips.values()} == {Path(f"data/raw/{take}.mp4") for take in settings.takes}
    assert settings.resolution % 16 == 0


def names(model: type[BaseModel]) -> set[str]:
    """Give the names of all settings below a class."""
    found = set(model.model_fields)
    for field in model.model_fields.values():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found |= names(kind)
    return found


def test_no_setting_is_invisible_to_the_run_cache_of_dvc() -> None:
    # DVC leaves keys of these names out when it looks whether a stage has run before with the same parameters.
    assert "picture_size" in names(PipelineSettings)
    assert not names(PipelineSettings) & {Meta.PARAM_SIZE, Meta.PARAM_NFILES}


@pytest.mark.parametrize("profile", sorted((ROOT / "profiles").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_profile_is_valid_over_the_parameters(profile: Path) -> None:
    from pipeline.params import overlay, read_params

    params = read_params(ROOT / "params.yaml")
    overlay(params, read_params(profile))
    parse_settings(params, profile)


def test_every_section_that_dvc_watches_is_in_params() -> None:
    """DVC fails on a parameter that params.yaml lacks."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    watched = {key for stage in stages.values() for key in stage.get("do", stage).get("params", [])}
    assert {key for key in watched if "." not in key} <= set(params)


def test_the_corpus_may_have_fewer_splats_than_an_avatar() -> None:
    one = changed(splats={"count": 500})
    assert one.pretraining_splats() == one.splats
    pretrain = PEOPLE["pretrain"] | {"splats": 200}
    other = changed(splats={"count": 500, "sh_degree": 1}, pretrain=pretrain)
    assert (other.pretraining_splats().count, other.splats.count) == (200, 500)
    assert other.pretraining_splats().sh_degree == 1


def test_lookups_name_what_there_is() -> None:
    settings = changed()
    assert settings.corpus_clips() == ["bob"]
    assert settings.clip("bob").start_s == 0.0
    with pytest.raises(InputError, match=r"no clip 'eve' \(there are: ada-adapt, bob\)"):
        settings.clip("eve")
    with pytest.raises(InputError, match=r"no test 'ada' \(there are: none yet\)"):
        settings.test("ada")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "colour: Extra inputs"),
        ({"resolution": 100}, "resolution: .*multiple of 16"),
        ({"corpus": ["eve"]}, "corpus names 'eve', which is not there"),
        ({"corpus": ["ada"]}, "'ada' is in the corpus and an avatar"),
        ({"avatars": {"ada": {"reference": "bob"}}}, "is not the person's reference clip"),
        ({"tests": {"ada": {"identity": "ada", "clip": "gone"}}}, r"tests\.ada\.clip names 'gone'"),
        ({"sounds": {"bob": {"file": "b.wav"}}}, "'bob' names a clip and a sound"),
        ({"clips": {"Ada": PEOPLE["clips"]["bob"]}}, "'Ada' cannot be a name"),  # type: ignore[index]
        ({"identities": {"ada": {"consent": "", "reference": "ada-adapt"}}}, r"identities\.ada\.consent"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        changed(**changes)
    assert "\n" not in str(caught.value)
