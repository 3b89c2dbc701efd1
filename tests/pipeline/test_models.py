import hashlib
import io
import os
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from emotag.errors import InputError
from emotag.external.need import Engine, Need
from pipeline.models import choose_engines, exit_code, fetch_models, tell
from tests.external.server import Page, Server, serve

ROOT = Path(__file__).parents[2]
BODY = bytes(range(256)) * 400
TREE = SimpleNamespace(audio=SimpleNamespace(engine="hubert"), crop=SimpleNamespace(engine="scrfd"))


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def packed(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        for name, content in members.items():
            opened.writestr(f"{name}.onnx", content)
    return file.getvalue()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.chdir(tmp_path)
    pages = {
        "wav2vec2": Page(BODY),
        "config": Page(b"{}"),
        "pack.zip": Page(packed(det=b"detector", rec=b"recogniser")),
    }
    with serve(pages) as running:
        yield running


def engines(server: Server) -> tuple[Engine, ...]:
    def file(name: str, page: str | None, **more: str) -> Need:
        url = server.url(page) if page else None
        return Need("file", name, f"the file {name}", "MIT", "https://example.org/form", url=url, **more)  # type: ignore[arg-type]

    def wav2vec2(settings: SimpleNamespace) -> tuple[Need, ...]:
        return (
            file("models/wav2vec2/model.safetensors", "wav2vec2", sha256=digest(BODY)),
            file("models/wav2vec2/config.json", "config"),
        )

    def pack(settings: SimpleNamespace) -> tuple[Need, ...]:
        return (
            file("models/insightface/det.onnx", "pack.zip", member="det.onnx", sha256=digest(b"detector")),
            file("models/insightface/rec.onnx", "pack.zip", member="rec.onnx"),
        )

    return (
        Engine("audio", "wav2vec2", "wav2vec 2.0", wav2vec2),
        Engine("audio", "hubert", "HuBERT", lambda settings: (file("models/hubert/model", "gone"),)),
        Engine("crop", "scrfd", "SCRFD", pack),
        Engine("crop", "vhap", "VHAP", lambda settings: (file("models/flame.pkl", None),)),
    )


def fetched(server: Server, *names: str) -> dict[str, tuple[str, str]]:
    outcomes = fetch_models(TREE, names, Console(file=io.StringIO()), engines(server))
    lines = tell(outcomes)
    assert all(line.count("\n") == 0 for line in lines)
    return {outcome.need.name: (outcome.what, outcome.note) for outcome in outcomes} | {
        "code": (str(exit_code(outcomes, names)), "")
    }


def test_files_go_where_the_engine_looks(server: Server) -> None:
    told = fetched(server, "wav2vec2")
    assert told["models/wav2vec2/model.safetensors"] == ("fetched", "0.1 MB, SHA-256 as expected")
    assert told["models/wav2vec2/config.json"][1].endswith("not known, not checked")
    assert told["code"][0] == "0"
    assert Path("models/wav2vec2/model.safetensors").read_bytes() == BODY
    assert Path("models/wav2vec2/config.json").read_bytes() == b"{}"


def test_what_is_there_is_not_fetched_again(server: Server) -> None:
    fetched(server, "wav2vec2")
    Path("models/wav2vec2/config.json").write_text("my own")
    asked = len(server.asked)
    told = fetched(server, "wav2vec2")
    assert told["models/wav2vec2/config.json"] == ("already there", "")
    assert len(server.asked) == asked
    assert Path("models/wav2vec2/config.json").read_text() == "my own"


def test_an_archive_is_fetched_once_for_all_that_is_in_it(server: Server) -> None:
    told = fetched(server, "scrfd")
    assert told["code"][0] == "0"
    assert Path("models/insightface/det.onnx").read_bytes() == b"detector"
    assert Path("models/insightface/rec.onnx").read_bytes() == b"recogniser"
    assert [name for name, _ in server.asked] == ["pack.zip"]
    assert sorted(path.name for path in Path("models").iterdir()) == ["insightface"]


def test_an_archive_with_another_content(server: Server) -> None:
    server.pages["pack.zip"].body = packed(det=b"something else", rec=b"recogniser")
    told = fetched(server, "scrfd")
    what, note = told["models/insightface/det.onnx"]
    assert what == "failed" and "SHA-256 in the archive" in note and "take det.onnx out of it" in note
    assert told["models/insightface/rec.onnx"][0] == "fetched"
    assert told["code"][0] == "2"


def test_without_names_everything_with_an_address_is_tried(server: Server) -> None:
    told = fetched(server)
    assert [what for name, (what, _) in told.items() if name != "code"].count("fetched") == 4
    assert told["models/hubert/model"][0] == "failed"
    assert "answers 404 Not Found" in told["models/hubert/model"][1]
    assert f"by hand: download {server.url('gone')} and put it there" in told["models/hubert/model"][1]
    assert told["models/flame.pkl"] == ("by hand", "the file models/flame.pkl: https://example.org/form")
    assert told["code"][0] == "2"


def test_what_wants_a_form_fails_only_when_it_was_asked_for(server: Server) -> None:
    server.pages["gone"] = Page(b"here")
    assert fetched(server)["code"][0] == "0"
    assert fetched(server, "vhap")["code"][0] == "2"


def test_no_network_is_one_line_a_file(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    told = fetched(server, "wav2vec2", "scrfd")
    assert told["code"][0] == "2"
    for name in ("models/wav2vec2/model.safetensors", "models/wav2vec2/config.json", "models/insightface/rec.onnx"):
        assert told[name][0] == "failed"
        assert "cannot be reached" in told[name][1] and "by hand: download http" in told[name][1]
    assert not any(path.is_file() for path in Path("models").rglob("*"))


def test_names(server: Server) -> None:
    known = engines(server)

    def names(*wanted: str) -> list[str]:
        return [engine.name for engine in choose_engines(known, wanted, TREE)]

    assert names() == ["wav2vec2", "hubert", "scrfd", "vhap"]
    assert names("audio") == ["wav2vec2", "hubert"]
    assert names("crop.vhap", "hubert", "hubert") == ["hubert", "vhap"]
    assert names("chosen") == ["hubert", "scrfd"]
    with pytest.raises(InputError, match=r"no engine or task is called 'sapiens' \(there are: wav2vec2, hubert"):
        names("sapiens")


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `emotag` where nothing outside can be reached: behind a proxy that is not there."""
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:1")
    return subprocess.run(
        [sys.executable, "-c", "from pipeline.cli import main; main()", *words],
        cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | nowhere | {"PYTHONPATH": str(ROOT), "no_proxy": "", "NO_PROXY": ""},
    )  # fmt: skip


def test_the_command_says_what_to_do_by_hand(tmp_path: Path) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    done = command(tmp_path, "models", "wav2vec2")
    assert done.returncode == 2
    lines = [line for line in done.stdout.splitlines() if line.startswith("failed")]
    assert len(lines) == 2
    for line, name in zip(lines, ("config.json", "model.safetensors")):
        assert f"models/wav2vec2/{name}" in line
        assert "huggingface.co cannot be reached (the proxy refuses); by hand: download https://" in line
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["params.yaml"]
    done = command(tmp_path, "models", "nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no engine or task is called 'nonsense'")
    done = command(tmp_path, "models", "chosen")  # the default wants nothing
    assert (done.returncode, done.stdout) == (0, "nothing is needed\n")
