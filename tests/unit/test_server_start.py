"""A server that cannot write its files says which one, and why."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from askcli.errors import Failed
from askcli.server import __main__ as server
from askcli.server.process.local import serve_socket
from askcli.settings import Settings

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def no_room(*_: Any) -> None:
    raise FULL


@pytest.mark.parametrize(("call", "file"), [("pwrite", "run/a.pid"), ("fsync", "data/jwt_secret")])
def test_a_full_disk_is_told_with_the_file_that_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, file: str
) -> None:
    monkeypatch.setattr(os, call, no_room)
    settings = Settings(data_dir=tmp_path / "data", answerer="scripted")
    with pytest.raises(Failed, match=f"{tmp_path / file}: No space left on device"):
        serve_socket(settings, tmp_path / "run/a.sock", Mock())


def test_another_error_of_a_file_is_reported_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ready, end = os.pipe()
    monkeypatch.setattr("sys.argv", ["server", "--socket", "/s", "--ready-fd", str(end)])
    monkeypatch.setattr(server, "_serve", no_room)
    with pytest.raises(OSError, match="No space"):
        server.main()
    with os.fdopen(ready) as report:
        assert "No space left on device" in report.read()
