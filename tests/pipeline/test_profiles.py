"""Profiles, and every number and engine of the paper's against METHOD.md's tables, written out here by hand."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from emotag.errors import InputError
from emotag.external.catalogue import available, section, tasks
from emotag.training.settings import LossWeights
from pipeline.overlay import lay_over
from pipeline.params import read_params, write_params
from pipeline.profiles import apply_profile, with_profile
from stages.settings import PipelineSettings, parse_settings

ROOT = Path(__file__).parents[2]
PROFILES = sorted((ROOT / "profiles").glob("*.yaml"))
METHOD = ROOT.parent / "shared" / "docs" / "METHOD.md"

PAPER = {  # setting: (value, where the paper says so)
    "resolution": (512, "§4: face-centred, 512×512"),
    "splats.count": (60_000, "§3.1"),
    "splats.allocation": ("equal", "§3.1, Eq. 3: the same number per triangle"),
    "splats.outline_reach": (0.0, "§3.1, Eq. 3: centres by barycentric weights, on the mesh"),
    "splats.rigid_teeth": (False, "§3.2.3, Eq. 8: all splats of the mouth region receive offsets"),
    "pretrain.frames": (250_000, "§4: 250 000 iterations"),
    "adapt.frames": (20_000, "§4: 20 000 iterations"),
    "pretrain.batch": (1, "§4: one frame an iteration, by its 11 minutes"),
    "adapt.batch": (1, "§4: one frame an iteration, by its 11 minutes"),
    "pretrain.static_frames": (1000, "§3.3: the first 1 000 iterations"),
    "adapt.static_frames": (1000, "§3.3: the first 1 000 iterations"),
    "pretrain.rates.motion": (5e-3, "§4"),
    "adapt.rates.motion": (5e-4, "§4"),
    "pretrain.motion_windows": (1, "§4: what is rendered is what is learnt from"),
    "adapt.motion_windows": (1, "§4: what is rendered is what is learnt from"),
    "pretrain.tracked_share": (0.0, "§3.3: joint after the static stage"),
    "adapt.tracked_share": (0.0, "§3.3: joint after the static stage"),
    "pretrain.weights.dssim": (0.2, "Eq. 11"),
    "adapt.weights.dssim": (0.2, "Eq. 11"),
    "pretrain.weights.kl": (1.0, "Eq. 10, 12"),
    "adapt.weights.kl": (1.0, "Eq. 10, 12"),
    "pretrain.weights.score": (1.0, "Eq. 10, 13"),
    "adapt.weights.score": (1.0, "Eq. 10, 13"),
    "pretrain.weights.depth": (0.0, "§3.4: L_geo only in adaptation"),
    "pretrain.weights.normal": (0.0, "§3.4: L_geo only in adaptation"),
    "adapt.weights.depth": (1e-2, "Eq. 14: λ_D"),
    "adapt.weights.normal": (1e-3, "Eq. 14: λ_N"),
    "pretrain.weights.track": (0.0, "Eq. 10 has no such term"),
    "adapt.weights.track": (0.0, "Eq. 10 has no such term"),
    "pretrain.weights.lips": (0.0, "Eq. 10 has no such term"),
    "pretrain.weights.lids": (0.0, "Eq. 10 has no such term"),
    "adapt.weights.lips": (0.0, "Eq. 10 has no such term"),
    "adapt.weights.lids": (0.0, "Eq. 10 has no such term"),
    "pretrain.weights.mouth": (0.0, "Eq. 10 has no such term"),
    "adapt.weights.mouth": (0.0, "Eq. 10 has no such term"),
    "motion.audio_layers": (4, "§3.2.1: 4-layer Transformer encoder"),
    "motion.audio_window": (4, "§3.2.1: ±8 steps of wav2vec 2.0, which are two a frame"),
    "motion.keep_level": (False, "Eq. 4: γ · InstanceNorm(F) + β and nothing else"),
    "motion.use_adain": (True, "Eq. 4–5"),
    "motion.use_residual": (True, "Eq. 6"),
    "motion.use_gate": (True, "Eq. 6"),
    "motion.use_unit_map": (False, "Eq. 6: δ_b + g · δ_r and nothing else"),
    "compose.alignment.rounds": (0, "§4: head pose as the cue frames' tracking gives it"),
    "identity.frames": (50, "§3.2.1: the 50 most neutral frames"),
    "head.identity_modes": (300, "§3.1: VHAP's shape"),
    "head.expression_modes": (100, "§3.1: VHAP's expression"),
}

DECIDED = {  # setting: (value, METHOD.md's open point or the project's reason)
    "motion.style_dim": (16, "open point 1"),
    "splats.sh_degree": (0, "no degree is named; what the paper builds on advises 0 for one camera"),
    "pretrain.weights.position": (1e-2, "of the rig that the paper takes over [34]"),
    "pretrain.weights.scale": (1.0, "of the rig that the paper takes over [34]"),
    "adapt.weights.position": (1e-2, "of the rig that the paper takes over [34]"),
    "adapt.weights.scale": (1.0, "of the rig that the paper takes over [34]"),
}

ENGINES = {  # section of params.yaml: (engine, where the paper names it)
    "head": ("flame", "§3.1"),
    "crop": ("insightface", "§4"),
    "track": ("vhap", "§3.1"),
    "action_units": ("openface", "§3.2.1"),
    "emotion": ("deepface", "§3.2.4"),
    "identity": ("adaface", "§3.2.1"),
    "audio": ("wav2vec2", "§3.2.1"),
    "geometry": ("sapiens", "§3.4"),
    "metrics.lpips": ("alexnet", "§4.1, Table 1"),
    "metrics.sync": ("syncnet", "§4.1, Table 1"),
}


def value(settings: PipelineSettings, name: str) -> Any:
    where, _, field = name.rpartition(".")
    return getattr(section(settings, where) if where else settings, field)


@pytest.fixture(scope="module")
def paper() -> PipelineSettings:
    return with_profile(ROOT, "paper")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (tmp_path / "profiles").mkdir()
    for path in PROFILES:
        (tmp_path / "profiles" / path.name).write_text(path.read_text())
    return tmp_path


@pytest.mark.parametrize("name", [*PAPER, *DECIDED])
def test_a_number_of_the_paper(paper: PipelineSettings, name: str) -> None:
    expected, where = (PAPER | DECIDED)[name]
    found = value(paper, name)
    assert found == expected and type(found) is type(expected), f"{name}: {where}"


@pytest.mark.parametrize("task", ENGINES)
def test_an_engine_of_the_paper(paper: PipelineSettings, task: str) -> None:
    name, where = ENGINES[task]
    assert section(paper, task).engine == name, where
    (engine,) = [one for one in available(paper) if (one.task, one.name) == (task, name)]
    assert engine.paper


@pytest.mark.parametrize("run", ["pretrain", "adapt"])
def test_every_term_of_the_objective_is_decided(run: str) -> None:
    """A term that is added to the objective later needs an answer here: is it in Eq. 10?"""
    content = yaml.safe_load((ROOT / "profiles" / "paper.yaml").read_text())
    assert set(content[run]["weights"]) == set(LossWeights.model_fields)
    decided = {name.rpartition(".")[2] for name in PAPER | DECIDED if name.startswith(f"{run}.weights.")}
    assert decided == set(LossWeights.model_fields)


def test_the_shape_is_vhaps_too(paper: PipelineSettings) -> None:
    assert paper.shape.engine == "vhap", "VHAP's motions are of its own shapes"


def test_the_profile_takes_the_papers_engine_wherever_there_is_one(paper: PipelineSettings) -> None:
    for task in tasks(available(paper)):
        named = [engine.name for engine in available(paper) if engine.task == task and engine.paper]
        if named:
            assert section(paper, task).engine in named, task


@pytest.mark.shared
def test_the_numbers_here_are_those_of_the_method_page() -> None:
    if not METHOD.is_file():
        pytest.skip("needs ../shared/docs/METHOD.md")
    text = " ".join(METHOD.read_text(encoding="utf-8").replace("\n", " ").split())
    for said in (
        "| iterations | 250 000 | 20 000 |",
        "| learning rate (AdamW) | 5e-3 | 5e-4 |",
        "first 1 000 iterations: static appearance only",
        "60 000 splats, the same number per triangle",
        "`λ_dssim = 0.2` (Eq. 11)",
        "`λ_D = 1e-2`, `λ_N = 1e-3`",
        "`L_geo` only in adaptation",
        "512×512, 25 fps",
        "4-layer Transformer encoder",
        "of the 50 most neutral frames",
        "The paper's figures imply one frame an iteration",
        "0 in the paper profile",
    ):
        assert said in text, said


@pytest.mark.parametrize("name", [path.stem for path in PROFILES])
def test_what_was_laid_over_before_does_not_show(project: Path, name: str) -> None:
    trees = []
    for before in (None, *(path.stem for path in PROFILES)):
        (project / "params.yaml").write_text((ROOT / "params.yaml").read_text())
        if before:
            apply_profile(project, before)
        apply_profile(project, name)
        trees.append(with_profile(project, None))
    assert all(tree == trees[0] for tree in trees[1:])


def comments(text: str) -> list[tuple[str, str]]:
    """Give each comment line with the next line that is none: what it speaks of."""
    lines = text.splitlines()
    found = []
    for index, line in enumerate(lines):
        if line.lstrip().startswith("#"):
            spoken_of = next(
                (after for after in lines[index:] if after.strip() and not after.lstrip().startswith("#")), ""
            )
            found.append((line, spoken_of.split(":")[0]))
    return found


def test_a_profile_is_written_and_comments_and_people_stay(project: Path) -> None:
    before = (project / "params.yaml").read_text()
    seen = with_profile(project, "paper")
    assert (project / "params.yaml").read_text() == before  # looking writes nothing
    apply_profile(project, "paper")
    assert with_profile(project, None) == seen
    after = (project / "params.yaml").read_text()
    assert len(comments(before)) > 10
    assert comments(after) == comments(before)
    old, new = yaml.safe_load(before), yaml.safe_load(after)
    for name in ("actors", "takes", "clips", "identities", "corpus", "avatars", "tests", "sounds", "videos"):
        assert new[name] == old[name]
    apply_profile(project, "paper")
    assert (project / "params.yaml").read_text() == after
    started = parse_settings(old, project / "params.yaml")
    apply_profile(project, "demo")
    assert with_profile(project, None) == started
    assert comments((project / "params.yaml").read_text()) == comments(before)


def test_what_only_one_profile_names_goes_with_it(project: Path) -> None:
    (project / "params.yaml").write_text("# first\na: {x: 1}\n# second\nb:\n  y: 2\n# third\nc:\n  z: 3\n")
    (project / "one.yaml").write_text("b: {y: 5, w: {v: 7}}\n")
    (project / "two.yaml").write_text("c: {z: 4}\n")
    params, one, two = (read_params(project / f"{name}.yaml") for name in ("params", "one", "two"))
    lay_over(params, one, two, [one, two])
    write_params(project / "params.yaml", params)
    text = "# first\na: {x: 1}\n# second\nb:\n  y: 5\n  w: {v: 7}\n# third\nc:\n  z: 4\n"
    assert (project / "params.yaml").read_text() == text
    params = read_params(project / "params.yaml")
    lay_over(params, two, two, [one, two])
    write_params(project / "params.yaml", params)
    text = "# first\na: {x: 1}\n# second\nb: {}\n# third\nc:\n  z: 4\n"
    assert (project / "params.yaml").read_text() == text


def test_settings_of_ones_own_stay(project: Path) -> None:
    params = read_params(project / "params.yaml")
    params["action_units"]["openface"] = {"program": "/opt/openface/FeatureExtraction"}
    params["adapt"]["seed"] = 5
    write_params(project / "params.yaml", params)
    for name in ("paper", "smoke", "demo"):
        apply_profile(project, name)
        settings = with_profile(project, None)
        assert settings.action_units.openface.program == "/opt/openface/FeatureExtraction"
        assert settings.adapt.seed == 5


def test_a_profile_that_is_wrong_changes_nothing(project: Path) -> None:
    before = (project / "params.yaml").read_bytes()
    (project / "profiles" / "bad.yaml").write_text("splats: {colour: red}\n")
    with pytest.raises(InputError, match=r"bad\.yaml: splats\.colour"):
        apply_profile(project, "bad")
    with pytest.raises(InputError, match=r"there is no profile 'gone' \(there are: bad, demo"):
        apply_profile(project, "gone")
    assert (project / "params.yaml").read_bytes() == before


def test_numbers_are_numbers_for_every_reader_of_yaml() -> None:
    """YAML 1.1 (PyYAML) takes 5e-3 for text where YAML 1.2 (ruamel, DVC) reads a number."""
    for path in PROFILES:
        assert yaml.safe_load(path.read_text()) == read_params(path), path.name
