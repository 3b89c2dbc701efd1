import fcntl
import hashlib
import io
import socket
import zipfile
from pathlib import Path

import pytest

from emotag.external.fetch import ATTEMPTS, BLOCK, FetchError, extract, fetch
from tests.external.server import Page, serve

BODY = bytes(range(256)) * 4000  # about a megabyte
DIGEST = hashlib.sha256(BODY).hexdigest()


def nothing_but(folder: Path, *names: str) -> bool:
    return sorted(path.name for path in folder.iterdir()) == sorted(names)


def test_a_file_arrives_whole_and_is_watched(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    target = tmp_path / "wav2vec2" / "model.safetensors"
    with serve({"model": Page(BODY)}) as server:
        fetch(server.url("model"), target, DIGEST, lambda have, total: seen.append((have, total)))
    assert target.read_bytes() == BODY
    assert nothing_but(target.parent, target.name)
    assert seen[0] == (0, len(BODY)) and seen[-1] == (len(BODY), len(BODY))
    assert [have for have, _ in seen] == sorted(have for have, _ in seen)


def test_a_cut_transfer_goes_on_where_it_was(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with serve({"model": Page(BODY, cuts=[4 * BLOCK, 6 * BLOCK])}) as server:
        fetch(server.url("model"), target, DIGEST, pause_s=0)
        assert server.asked == [("model", None), ("model", f"bytes={4 * BLOCK}-"), ("model", f"bytes={10 * BLOCK}-")]
    assert target.read_bytes() == BODY


def test_the_next_call_goes_on_where_the_last_one_gave_up(tmp_path: Path) -> None:
    target = tmp_path / "model"
    page = Page(BODY, cuts=[4 * BLOCK + 5] + [0] * (ATTEMPTS - 1))
    with serve({"model": page}) as server:
        with pytest.raises(FetchError, match=f"keeps breaking .*{4 * BLOCK:,} bytes are kept"):
            fetch(server.url("model"), target, pause_s=0)
        assert not target.exists()
        assert len(server.asked) == ATTEMPTS
        fetch(server.url("model"), target, pause_s=0)
        assert server.asked[ATTEMPTS:] == [("model", f"bytes={4 * BLOCK}-")]
    assert target.read_bytes() == BODY
    assert nothing_but(tmp_path, "model")


@pytest.mark.parametrize("tag", ['"two"', None, 'W/"two"'])
def test_parts_of_two_files_are_never_joined(tmp_path: Path, tag: str | None) -> None:
    other = bytes(reversed(BODY))
    target = tmp_path / "model"
    page = Page(BODY, tag=tag and tag.replace("two", "one"), cuts=[4 * BLOCK + 5] + [0] * (ATTEMPTS - 1))
    with serve({"model": page}) as server:
        with pytest.raises(FetchError):
            fetch(server.url("model"), target, pause_s=0)
        page.body, page.tag = other, tag
        page.cuts.clear()
        fetch(server.url("model"), target, pause_s=0)
    assert target.read_bytes() == other


def test_a_server_that_knows_no_ranges_starts_again(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with serve({"model": Page(BODY, cuts=[4 * BLOCK + 5], ranges=False)}) as server:
        fetch(server.url("model"), target, DIGEST, pause_s=0)
    assert target.read_bytes() == BODY


def test_what_was_whole_but_not_yet_checked_is_not_fetched_again(tmp_path: Path) -> None:
    target = tmp_path / "model"
    (tmp_path / ".model.part").write_bytes(BODY)
    with serve({"model": Page(BODY)}) as server:
        (tmp_path / ".model.part-of").write_text(f'{server.url("model")}\n"one"')
        fetch(server.url("model"), target, DIGEST)
        assert server.asked == [("model", f"bytes={len(BODY)}-")]
    assert target.read_bytes() == BODY


def test_wrong_bytes_are_refused_and_not_kept(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with (
        serve({"model": Page(BODY[:-1] + b"x")}) as server,
        pytest.raises(FetchError, match=f"not {DIGEST[:12]}…: the server has another file"),
    ):
        fetch(server.url("model"), target, DIGEST)
    assert nothing_but(tmp_path)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (Page(status=404), "127.0.0.1 answers 404 Not Found"),
        (Page(status=403), "127.0.0.1 answers 403 Forbidden"),
        (Page(b"<html>Log in</html>", kind="text/html; charset=utf-8"), "a web page, not a file"),
    ],
)
def test_what_is_no_file_is_said(tmp_path: Path, page: Page, message: str) -> None:
    with serve({"model": page}) as server, pytest.raises(FetchError, match=message):
        fetch(server.url("model"), tmp_path / "model")
    assert nothing_but(tmp_path)


def test_no_server_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/model"
        with pytest.raises(FetchError, match=r"127\.0\.0\.1 cannot be reached \(it refuses the connection\)"):
            fetch(url, tmp_path / "model")
    assert nothing_but(tmp_path)


def test_no_network_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(FetchError, match=r"models\.example cannot be reached \(its name is not known: no network\?\)"):
        fetch("http://models.example/model", tmp_path / "model")
    assert nothing_but(tmp_path)


def test_a_full_disk_is_said_before_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=500_000))
    with serve({"model": Page(BODY)}) as server, pytest.raises(FetchError, match="needs 1 MB more, the disk has 0 MB"):
        fetch(server.url("model"), tmp_path / "model")


def test_two_at_once_do_not_write_one_file(tmp_path: Path) -> None:
    with (tmp_path / ".model.part").open("ab") as other, serve({"model": Page(BODY)}) as server:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(FetchError, match="another `emotag models`"):
            fetch(server.url("model"), tmp_path / "model")
        assert server.asked == []


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as opened:
        for name, content in members.items():
            opened.writestr(f"pack/{name}", content)
    return path


def test_a_file_is_taken_out_of_an_archive(tmp_path: Path) -> None:
    packed = archive(tmp_path / "pack.zip", model=BODY, other=b"other")
    extract(packed, "pack/model", tmp_path / "models" / "model", DIGEST)
    assert (tmp_path / "models" / "model").read_bytes() == BODY
    extract(packed, "other", tmp_path / "models" / "other")  # in whatever folder of the archive
    assert (tmp_path / "models" / "other").read_bytes() == b"other"


def test_archives_that_are_not_what_was_expected(tmp_path: Path) -> None:
    packed = archive(tmp_path / "pack.zip", model=b"something else")
    with pytest.raises(FetchError, match=r"SHA-256 in the archive is .*, not"):
        extract(packed, "pack/model", tmp_path / "model", DIGEST)
    for gone in ("pack/gone", "odel"):
        with pytest.raises(FetchError, match=f"holds no {gone}"):
            extract(packed, gone, tmp_path / "model")
    (tmp_path / "text.zip").write_bytes(io.BytesIO(b"no zip").getvalue())
    with pytest.raises(FetchError, match=r"is not a \.zip"):
        extract(tmp_path / "text.zip", "pack/model", tmp_path / "model")
    assert not (tmp_path / "model").exists()
