"""Where `emotag models` fetches from: each address is of the very file that is named, and its digest too."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from emotag.external.catalogue import available, section
from emotag.external.need import Need
from emotag.metrics.lpips_settings import LpipsSettings
from emotag.metrics.sync_settings import SyncSettings
from emotag.perception.audio.engines import ENGINES as AUDIO
from emotag.perception.audio.protocol import AudioSettings
from emotag.perception.geometry.engines import ENGINES as GEOMETRY
from emotag.perception.geometry.settings import GeometrySettings
from pipeline.profiles import with_profile

ROOT = Path(__file__).parents[2]


@pytest.fixture
def needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Need]:
    """All files with an address, as a machine sees them that has none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    settings = with_profile(ROOT, "paper")
    found = [need for engine in available(settings) for need in engine.needs(section(settings, engine.task))]
    return [need for need in found if need.kind == "file" and need.url]


def test_an_address_ends_in_the_file_or_its_archive(needs: list[Need]) -> None:
    assert len(needs) >= 10
    for need in needs:
        parts = urlsplit(need.url)
        assert parts.scheme == "https", need.url
        name = Path(need.name).name
        assert Path(parts.path).name == name or (parts.path.endswith(".zip") and need.member == name), need.url
        assert need.megabytes, need.name


def test_what_is_executed_or_large_is_checked(needs: list[Need]) -> None:
    """Digests that nobody publishes are these two files' alone (docs/engines.md)."""
    unknown = {Path(need.name).name for need in needs if not need.sha256 and need.megabytes and need.megabytes > 1}
    assert unknown == {
        "facial_expression_model_weights.onnx", "sapiens_0.3b_normal_render_people_epoch_66_torchscript.pt2",
    }  # fmt: skip
    assert all(re.fullmatch("[0-9a-f]{64}", need.sha256) for need in needs if need.sha256)


def sapiens(**files: str) -> tuple[Need, Need]:
    (engine,) = [one for one in GEOMETRY if one.name == "sapiens"]
    return engine.needs(GeometrySettings.model_validate({"sapiens": files}))


def test_a_larger_sapiens_comes_from_its_own_repository() -> None:
    depth, normal = sapiens(
        depth="models/sapiens/sapiens_1b_render_people_epoch_88_torchscript.pt2",
        normal="models/sapiens/sapiens_2b_normal_render_people_epoch_70_torchscript.pt2",
    )
    assert depth.url and "/sapiens-depth-1b-torchscript/resolve/" in depth.url and depth.sha256 is None
    assert normal.url and "/sapiens-normal-2b-torchscript/resolve/" in normal.url


def test_a_file_of_ones_own_has_no_address() -> None:
    mixed = sapiens(depth="models/sapiens_0.3b_normal_render_people_epoch_66_torchscript.pt2", normal="mine.pt2")
    assert [need.url for need in mixed] == [None, None]


def test_a_network_of_ones_own_in_the_folder_is_not_called_wrong(tmp_path: Path) -> None:
    """Any wav2vec 2.0 will do; only what is fetched has to be the published one."""
    (engine,) = [one for one in AUDIO if one.name == "wav2vec2"]
    settings = AudioSettings.model_validate({"wav2vec2": {"folder": tmp_path}})
    assert engine.needs(settings)[-1].sha256
    (tmp_path / "model.safetensors").write_bytes(b"a large one")
    assert engine.needs(settings)[-1].sha256 is None


def test_a_metric_network_of_another_name_is_ones_own(tmp_path: Path) -> None:
    from emotag.metrics.engines import ENGINES

    needs = {engine.name: engine.needs for engine in ENGINES}
    (sync,) = needs["syncnet"](SyncSettings(weights=tmp_path / "retrained.model"))
    assert sync.sha256 is None
    backbone, _ = needs["alexnet"](LpipsSettings(backbone=tmp_path / "alexnet-owt-7be5be79.pth"))
    assert backbone.sha256 and backbone.sha256.startswith("7be5be79")  # torch names its files by their digest
