"""Downloads that continue where they were cut, are checked, and are whole or absent."""

import fcntl
import shutil
import time
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from emotag.files import atomic, sha256

if TYPE_CHECKING:
    import requests

CONNECT_S = 10.0
"""Longest wait for a server to answer the call."""

READ_S = 60.0
"""Longest silence of a server that is sending."""

ATTEMPTS = 5
"""How often a transfer that is cut is taken up again, without a single new byte in between."""

PAUSE_S = 1.0
"""Wait before the second attempt; each further one waits as long again."""

BLOCK = 1 << 16
"""Bytes written at a time; less than this is lost when a transfer is cut."""


class FetchError(Exception):
    """Why a file could not be fetched, in one line."""


class Watch(Protocol):
    """Sees a transfer grow."""

    def __call__(
        self,
        have: int,  # bytes so far
        total: int | None,  # bytes of the whole, where the server says
    ) -> None:
        """Take note."""
        ...


class _Cut(Exception):
    """The connection broke while the server was sending."""


def fetch(
    url: str,
    target: Path,
    digest: str | None = None,  # hex SHA-256 of the file
    watch: Watch = lambda have, total: None,
    pause_s: float = PAUSE_S,
) -> None:
    """Download `url` to `target`.

    What has arrived stays beside the target (`.NAME.part`) when the transfer is cut, and the next call continues there
    if the server still has the same file. The target appears only when it is whole and its digest is right. Raises
    FetchError.
    """
    import requests

    target.parent.mkdir(parents=True, exist_ok=True)
    partial = _Partial(target)
    with partial.path.open("ab") as file, requests.Session() as session:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FetchError("another `emotag models` is fetching it") from None
        try:
            _persist(session, url, partial, file, digest is not None, watch, pause_s)
        except OSError as error:  # requests' own are told before they come here
            raise FetchError(f"it cannot be written: {error.strerror}") from None
        finally:
            file.flush()
            if not file.tell():
                partial.remove()
        if digest is not None and (found := sha256(partial.path)) != digest:
            partial.remove()
            raise FetchError(f"its SHA-256 is {found[:12]}…, not {digest[:12]}…: the server has another file")
        partial.finish()


def extract(archive: Path, member: str, target: Path, digest: str | None = None) -> None:
    """Take one file out of a .zip, from whatever folder it is in there when `member` names none.

    Raises FetchError when it is not there or has other bytes than its digest says.
    """
    try:
        with zipfile.ZipFile(archive) as opened, atomic(target) as partial:
            inside = [name for name in opened.namelist() if f"/{name}".endswith(f"/{member}")]
            if len(inside) != 1:
                raise FetchError(f"the archive holds {len(inside) or 'no'} {member}")
            with opened.open(inside[0]) as source, partial.open("wb") as file:
                shutil.copyfileobj(source, file)
            if digest is not None and (found := sha256(partial)) != digest:
                raise FetchError(f"its SHA-256 in the archive is {found[:12]}…, not {digest[:12]}…")
    except zipfile.BadZipFile:
        raise FetchError("what the server has is not a .zip") from None


class _Partial:
    """The bytes that have arrived, and the server's name (ETag or date) for the file that they are of."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name}.part")
        self._note = target.with_name(f".{target.name}.part-of")

    def version(self, url: str) -> str | None:
        """Give the server's name of the version that the bytes are of; None when it gave none, or of another URL."""
        if not self._note.is_file():
            return None
        noted, _, version = self._note.read_text(encoding="utf-8").partition("\n")
        return version if noted == url and version else None

    def note(self, url: str, version: str | None) -> None:
        self._note.write_text(f"{url}\n{version or ''}", encoding="utf-8")

    def is_of(self, url: str) -> bool:
        return self._note.is_file() and self._note.read_text(encoding="utf-8").partition("\n")[0] == url

    def finish(self) -> None:
        self.path.replace(self.target)
        self._note.unlink(missing_ok=True)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def _persist(
    session: "requests.Session",
    url: str,
    partial: _Partial,
    file: IO[bytes],
    checked: bool,
    watch: Watch,
    pause_s: float,
) -> None:
    """Take a cut transfer up again for as long as it grows."""
    fruitless = 0
    while True:
        before = file.tell()
        try:
            return _transfer(session, url, partial, file, checked, watch)
        except _Cut as cut:
            fruitless = 0 if file.tell() > before else fruitless + 1
            if fruitless == ATTEMPTS - 1:
                kept = f"; {file.tell():,} bytes are kept, run it again" if file.tell() else ""
                raise FetchError(f"the connection keeps breaking ({cut}){kept}") from None
            time.sleep(pause_s * (fruitless + 1))


def _transfer(
    session: "requests.Session",
    url: str,
    partial: _Partial,
    file: IO[bytes],
    checked: bool,  # a digest will tell if the bytes are of two files
    watch: Watch,
) -> None:
    """Ask for what is still wanted and write it. Raises _Cut when the connection breaks, else FetchError."""
    import requests

    version = partial.version(url)
    have = file.seek(0, 2)
    if have and not (version or (checked and partial.is_of(url))):
        have = _empty(file)  # of what they are a part cannot be known
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if version:
            headers["If-Range"] = version
    try:
        answer = session.get(url, headers=headers, stream=True, timeout=(CONNECT_S, READ_S))
    except requests.exceptions.RequestException as error:
        raise FetchError(f"{_host(url)} cannot be reached ({_plain(error)})") from None
    with answer:
        if answer.status_code == 416 and answer.headers.get("Content-Range") == f"bytes */{have}":
            return  # whole already: it was cut between the last byte and the check
        if answer.status_code == 416 and have:
            _empty(file)
            raise _Cut("the server has a shorter file now")
        _check(answer)
        if answer.status_code != 206 or not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            have = _empty(file)
            if answer.status_code == 206:
                raise _Cut("the server sends another part than was asked for")
        partial.note(url, _version(answer))
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length and length.isdigit() else None
        _check_room(partial.target.parent, total, have)
        watch(have, total)
        try:
            for block in answer.iter_content(BLOCK):
                file.write(block)
                have += len(block)
                watch(have, total)
        except requests.exceptions.RequestException as error:
            raise _Cut(_plain(error)) from None
        finally:
            file.flush()
    if total is not None and have < total:
        raise _Cut(f"it ended after {have:,} of {total:,} bytes")


def _empty(file: IO[bytes]) -> int:
    file.truncate(0)
    return file.seek(0)


def _check(answer: "requests.Response") -> None:
    """Raise FetchError when the answer is no file."""
    if answer.status_code not in (200, 206):
        raise FetchError(f"{_host(answer.url)} answers {answer.status_code} {answer.reason}")
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        raise FetchError(f"{_host(answer.url)} sends a web page, not a file: it may want a form, or a log-in")


def _check_room(folder: Path, total: int | None, have: int) -> None:
    free = shutil.disk_usage(folder).free
    if total is not None and total - have > free:
        raise FetchError(f"it needs {(total - have) / 1e6:,.0f} MB more, the disk has {free / 1e6:,.0f} MB")


def _version(answer: "requests.Response") -> str | None:
    """Give what If-Range can ask for: a strong ETag, or the date of the last change."""
    tag = answer.headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified")


def _host(url: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(url).hostname or url


def _plain(error: Exception) -> str:
    """Give the innermost cause of an error of requests, in a few words."""
    import requests

    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"no answer in {CONNECT_S:g} s"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy refuses"
    if isinstance(error, requests.exceptions.ReadTimeout):
        return f"silence for {READ_S:g} s"
    text = str(error)
    for known, told in (
        ("certificate", "its certificate is not trusted"),
        ("resolve", "its name is not known: no network?"),
        ("Connection refused", "it refuses the connection"),
        ("unreachable", "no network"),
        ("timed out", f"silence for {READ_S:g} s"),
        ("IncompleteRead", "it ended early"),
        ("reset", "it was reset"),
        ("Connection broken", "it broke"),
    ):
        if known in text:
            return told
    return type(error).__name__
