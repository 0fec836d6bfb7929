"""HAProxy's checks of health: a slow server stays in, and one that stops gets no more requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from threading import Event

import pytest

from tests.support import plain_http, proxy_examples
from tests.support.http_servers import served
from tests.support.waiting import eventually

PLACES = 8  # for servers in haproxy.cfg: one address takes all of them


class Server(ThreadingHTTPServer):
    """A server whose `/readyz` takes `seconds`; each that has come is in `checks`."""

    daemon_threads = True

    def __init__(self, seconds: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seconds = seconds
        self.checks = SimpleQueue[None]()
        self.is_stopping = False
        self.address = f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.path == "/readyz":
            self.server.checks.put(None)
            Event().wait(self.server.seconds)
        is_refused = self.server.is_stopping and self.path == "/readyz"
        self.send_response(503 if is_refused else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def behind_haproxy(seconds: float, directory: Path) -> Iterator[tuple[Server, str]]:
    with (
        served(Server(seconds)) as server,
        proxy_examples.running("haproxy", server.address, directory) as url,
    ):
        yield server, url


def test_a_server_whose_health_takes_some_seconds_stays_in(tmp_path: Path) -> None:
    with behind_haproxy(1.5, tmp_path) as (server, url):
        for _ in range(2 * PLACES + 1):  # the first of each place has ended then
            server.checks.get(timeout=20)
            assert plain_http.get(f"{url}/api/models").status_code == 200
        assert " is DOWN" not in (tmp_path / "log").read_text()


def test_a_server_that_stops_gets_no_more_requests_and_one_that_is_back_does(
    tmp_path: Path,
) -> None:
    with behind_haproxy(0, tmp_path) as (server, url):

        def status() -> int:
            return plain_http.get(f"{url}/api/models").status_code

        assert status() == 200
        server.is_stopping = True
        eventually(lambda: status() == 503)
        server.is_stopping = False
        eventually(lambda: status() == 200)


@pytest.mark.parametrize("name", ["haproxy", "nginx", "caddy"])
def test_a_request_that_reaches_no_server_goes_to_another_one(tmp_path: Path, name: str) -> None:
    """Before a check has noticed that one is gone."""
    with served(Server(0)) as server, ExitStack() as stack:
        going = stack.enter_context(served(Server(0)))
        with proxy_examples.before(name, [server.address, going.address], tmp_path) as proxy:
            if name != "nginx":
                going.checks.get(timeout=20)
            stack.close()
            for _ in range(4):
                asked = plain_http.post(f"{proxy.url}/api/questions")
                assert asked.status_code == 200
