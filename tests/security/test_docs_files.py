"""The files of the documentation's page, which anybody may request."""

from __future__ import annotations

from contextlib import ExitStack

import psutil

from askcli.server.http.unsent import MAX_UNSENT_BYTES
from askcli.server.protocol.protocol import WRITE_SECONDS
from tests.support import plain_http
from tests.support.processes import ServerProcess
from tests.support.raw_http import connection
from tests.support.waiting import eventually

DOWNLOADS = 80
FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png")
BUNDLE = "/docs/files/swagger-ui-bundle.js"


def test_downloads_of_docs_that_nobody_takes_hold_no_files_and_are_bounded(
    sqlite_server: ServerProcess,
) -> None:
    url = f"{sqlite_server.url}{BUNDLE}"
    whole = plain_http.get(url).content
    process, logged = psutil.Process(sqlite_server.pid), len(sqlite_server.log)
    most = MAX_UNSENT_BYTES // len(whole) + 10
    before = process.num_fds()
    with ExitStack() as connections:
        for _ in range(DOWNLOADS):
            sock = connections.enter_context(connection(sqlite_server, window=4096))
            sock.sendall(f"GET {BUNDLE} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
            assert sock.recv(12) == b"HTTP/1.1 200"
        # Long before the deadline of a response that nobody takes.
        eventually(lambda: process.num_fds() - before <= most, WRITE_SECONDS / 2)
        assert plain_http.get(url).content == whole
    assert "Traceback" not in "".join(sqlite_server.log[logged:])


def test_files_of_docs_are_served_by_their_names_alone(sqlite_server: ServerProcess) -> None:
    for name in FILES:
        url = f"{sqlite_server.url}/docs/files/{name}"
        served = plain_http.get(url, headers={"range": "bytes=0-9,20-29"})
        assert (served.status_code, len(served.content) > 1000) == (200, True), name
        tag = served.headers["etag"]
        assert plain_http.get(url, headers={"if-none-match": tag}).status_code == 304
    types = [plain_http.get(f"{url[: url.rindex('/')]}/{n}").headers["content-type"] for n in FILES]
    assert types == ["text/javascript; charset=utf-8", "text/css; charset=utf-8", "image/png"]
    for other in ("", "redoc.standalone.js", "%2e%2e%2fcore.py", "favicon.png/a"):
        url = f"{sqlite_server.url}/docs/files/{other}"
        assert plain_http.get(url).status_code == 404, other
