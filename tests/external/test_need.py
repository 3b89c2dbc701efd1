import sys
from pathlib import Path

import pytest

from emotag.errors import InputError
from emotag.external.need import Engine, Kind, Need, missing, require


def need(kind: Kind, name: str) -> Need:
    return Need(kind, name, f"the {kind}", "MIT", "https://example.org")


@pytest.mark.parametrize(
    ("kind", "name", "there"),
    [
        ("file", "weights.onnx", True),
        ("file", "folder", True),
        ("file", "gone.onnx", False),
        ("package", "emotag", True),
        ("package", "emotag.external.need", True),
        ("package", "emotag.external.gone", False),
        ("package", "no_such_package_at_all", False),
        ("package", "no_such_package_at_all.inside", False),
        ("program", sys.executable, True),
        ("program", "no-such-program-at-all", False),
    ],
)
def test_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind, name: str, there: bool) -> None:
    (tmp_path / "weights.onnx").touch()
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    assert need(kind, name).found() is there


def test_looking_for_a_package_imports_none_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "heavy_thing"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "part.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert need("package", "heavy_thing").found()
    assert need("package", "heavy_thing.part").found()
    assert not need("package", "heavy_thing.gone").found()
    assert "heavy_thing" not in sys.modules


def test_an_engine_that_lacks_something_says_what_and_what_works(tmp_path: Path) -> None:
    there, gone = need("file", str(tmp_path)), need("file", str(tmp_path / "gone.ckpt"))
    engine = Engine("identity", "adaface", "AdaFace", lambda settings: (there, gone))
    assert missing(engine, None) == (gone,)
    with pytest.raises(InputError) as caught:
        require(engine, None, "descriptor")
    told = str(caught.value)
    assert "\n" not in told
    for part in (
        "identity.engine 'adaface'",
        "the file",
        str(tmp_path / "gone.ckpt"),
        "MIT",
        "set identity.engine to 'descriptor'",
    ):
        assert part in told
    require(Engine("identity", "adaface", "AdaFace", lambda settings: (there,)), None, "descriptor")
