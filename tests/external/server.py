"""A small HTTP server for the tests of downloads: ranges, versions, cuts, wrong answers, and what it was asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Page:
    """What the server has at a path, and how it misbehaves."""

    body: bytes = b""
    tag: str | None = '"one"'  # its ETag
    status: int = 200  # another one than 200 is all it answers
    kind: str = "application/octet-stream"
    cuts: list[int] = field(
        default_factory=list
    )  # each answer sends this many bytes and breaks, until they are used up
    ranges: bool = True  # whether it can send a part


@dataclass
class Server:
    """A running server."""

    address: str
    pages: dict[str, Page]
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # path, Range

    def url(self, name: str) -> str:
        return f"{self.address}/{name}"


@contextmanager
def serve(pages: dict[str, Page]) -> Iterator[Server]:
    """Serve `pages` by name on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.lstrip("/")
            wanted = self.headers.get("Range")
            running.asked.append((name, wanted))
            page = pages.get(name, Page(status=404))
            if page.status != 200:
                self.send_error(page.status)
                return
            start = 0
            versioned = self.headers.get("If-Range")
            if wanted and page.ranges and (versioned is None or versioned == page.tag):
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(page.body) > 0:
                self._head(416, {"Content-Range": f"bytes */{len(page.body)}", "Content-Length": "0"}, page)
                return
            body = page.body[start:]
            headers = {"Content-Length": str(len(body)), "Content-Type": page.kind}
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(page.body) - 1}/{len(page.body)}"
            self._head(206 if start else 200, headers, page)
            if page.cuts:
                self.wfile.write(body[: page.cuts.pop(0)])
                self.close_connection = True
            else:
                self.wfile.write(body)

        def _head(self, status: int, headers: dict[str, str], page: Page) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if page.tag:
                self.send_header("ETag", page.tag)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = Server(f"http://127.0.0.1:{server.server_port}", pages)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
