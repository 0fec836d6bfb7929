"""Files in which workers share their metrics, and the models that these may name."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from askcli.files import try_lock
from askcli.metrics import exposition
from askcli.server.process import shared_metrics
from askcli.server.process.workers import Workers
from askcli.services.runs.reports import label


def test_a_workers_files_are_on_disk_before_it_starts_and_its_counters_stay(tmp_path: Path) -> None:
    exposition.reserve(tmp_path, 0)
    exposition.reserve(tmp_path, 1)
    sizes = [path.stat() for path in tmp_path.iterdir()]
    assert len(sizes) == 10
    assert all(one.st_blocks * 512 >= one.st_size > 0 for one in sizes)
    assert {one.st_mode & 0o777 for one in sizes} == {0o600}
    (tmp_path / "counter_1.db").write_bytes(b"counts")
    exposition.forget(tmp_path, 1)
    exposition.reserve(tmp_path, 1)
    assert (tmp_path / "counter_1.db").read_bytes().startswith(b"counts")
    exposition.forget(tmp_path, 1)
    assert {path.name for path in tmp_path.glob("*_1.db")} == {"counter_1.db", "histogram_1.db"}


def test_workers_start_where_there_is_no_room_for_their_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with socket.socket() as sock:
        workers = Workers(sock, 1, [], tmp_path)
        assert workers._sharing(0) == ["--metrics-dir", str(tmp_path), "--worker", "0"]
        monkeypatch.setattr(os, "posix_fallocate", full)
        assert workers._sharing(1) == []
        assert not [*tmp_path.glob("*_1.db")]  # half of a file would fail the others' pages
    monkeypatch.setattr(shared_metrics, "TemporaryDirectory", full)
    with shared_metrics.directory() as directory:
        assert directory is None


def test_workers_start_where_no_directory_takes_temporary_files(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As in a container whose root is read-only, without a tmpfs."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [])
    with shared_metrics.directory() as directory:
        assert directory is None
    assert "Each worker counts its metrics alone: No usable temporary directory" in caplog.text


def test_a_model_that_is_none_of_the_servers_is_counted_as_another() -> None:
    models = {"claude-sonnet-5-5"}
    names = ("claude-sonnet-5-5", "claude-sonnet-5-5-20261122", "made-up")
    assert [label(name, models) for name in names] == [*models, *models, "other"]


def test_what_killed_servers_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    names = ("askcli-metrics-killed01", "askcli-metrics-stopped1", "askcli-metrics-just_now")
    killed, stopped, just_now = (tmp_path / name for name in names)
    for directory in (killed, stopped, just_now):
        directory.mkdir()
        (directory / "counter_0.db").touch()
    for directory in (killed, stopped):
        os.utime(directory, (time.time() - 7200,) * 2)
    handle = os.open(stopped, os.O_RDONLY)  # as its server has it, which may be stopped by Ctrl-Z
    assert try_lock(handle)
    with shared_metrics.directory() as ours:
        assert ours
        assert {*tmp_path.iterdir()} == {stopped, just_now, ours}
        os.utime(ours, (time.time() - 7200,) * 2)
        with shared_metrics.directory():
            assert ours.is_dir()
    assert {*tmp_path.iterdir()} == {stopped, just_now}
    os.close(handle)
