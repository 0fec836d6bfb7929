"""The download of a local model, within the time that a command has."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from askcli.signals import ENDINGS
from tests.support.cli import Cli, NewCli
from tests.support.http_servers import served

PAUSE_SECONDS = 0.1


class DrippingIndex(ThreadingHTTPServer):
    """A package index whose pages never end; `left` is set when a client has gone."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), DrippingHandler)
        self.reached, self.left = threading.Event(), threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/simple"


class DrippingHandler(BaseHTTPRequestHandler):
    server: DrippingIndex

    def do_GET(self) -> None:
        self.server.reached.set()
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b" ")
                time.sleep(PAUSE_SECONDS)
        self.server.left.set()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def index() -> Iterator[DrippingIndex]:
    with served(DrippingIndex()) as server:
        yield server


@pytest.fixture
def cli(new_cli: NewCli, index: DrippingIndex) -> Cli:
    """A user whose model the index has."""
    cli = new_cli(
        ASKCLI_LOCAL_MODEL="smollm2-135m", PIP_INDEX_URL=index.url, PIP_CONFIG_FILE="/dev/null"
    )
    del cli.environment["PYTHONWARNINGS"]  # pip does not stand errors for them
    return cli


@pytest.mark.parametrize(
    ("command", "stdin"), [(("ask", "hi"), ""), (("batch", "--failures", "f", "-"), '"hi"\n')]
)
def test_a_download_that_drips_ends_with_the_command_at_its_time_out(
    cli: Cli, index: DrippingIndex, command: tuple[str, ...], stdin: str
) -> None:
    done = cli(*command, "--timeout", "4", stdin=stdin)
    assert (done.code, done.out) == (6, ""), done
    assert " 4 s" in done.err
    assert not index.reached.is_set() or index.left.wait(30)


@pytest.mark.parametrize("number", ENDINGS)
def test_a_download_ends_with_the_command_that_a_signal_ends(
    cli: Cli, index: DrippingIndex, number: signal.Signals
) -> None:
    process = cli.fresh_start("ask", "hi", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert index.reached.wait(60)
    process.send_signal(number)
    assert process.wait(60) == -number
    assert index.left.wait(30)
