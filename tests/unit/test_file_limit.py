"""How many of the files that a process may have open are for its clients' connections."""

from __future__ import annotations

import errno
import logging
import resource
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from askcli.answerers.messages_api import failures
from askcli.errors import Failed, Interrupted, ProviderFailed
from askcli.server.process import file_limit


@pytest.mark.parametrize(
    ("files", "running", "left", "is_little"),
    [
        (65_536, 64, 49_152, False),
        (1024, 64, 768, False),
        (256, 64, 136, False),
        (128, 64, 16, True),
        (64, 64, 8, True),
        (1024, 1000, 128, True),
        (1024, 600, 368, True),
    ],
)
def test_the_files_of_answers_and_of_the_database_are_reserved_before_those_of_clients(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    files: int,
    running: int,
    left: int,
    is_little: bool,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    with caplog.at_level(logging.WARNING):
        assert file_limit.connections(running) == left
    assert [f"{left} of its {files} files" in line for line in caplog.messages] == [
        True
    ] * is_little


def test_a_server_that_may_have_too_few_files_open_does_not_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (32, 63))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    with pytest.raises(Failed, match=r"63 files open at most, and needs 64.*ulimit -n"):
        file_limit.connections(1)


def raised_from(cause: Exception) -> Exception:
    """The error of a request that was not sent for this cause."""
    error = failures.NotSent()
    error.__cause__ = cause
    return error


def test_a_connection_that_lacks_a_file_is_the_servers_own_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    key: Any = SimpleNamespace(host="h", port=1, ssl=None, is_ssl=False)
    for number in (errno.EMFILE, errno.ENFILE):
        failed = aiohttp.ClientConnectorError(key, OSError(number, "Too many open files"))
        answer = failures.translate(raised_from(failed))
        assert isinstance(answer, ProviderFailed)
        assert "too many files open" in answer.detail
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 2


def test_what_nobody_expects_of_the_sdk_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    for expected in (
        ConnectionResetError(),
        aiohttp.ClientPayloadError(),
        OSError(),
    ):
        assert isinstance(failures.translate(expected), Interrupted)
    assert not caplog.records
    text = "SECRET".lower()
    try:
        raise RuntimeError(text)
    except RuntimeError as error:
        assert isinstance(failures.translate(error), Interrupted)
    assert "RuntimeError" in caplog.text
    assert "test_file_limit.py" in caplog.text
    assert text not in caplog.text
