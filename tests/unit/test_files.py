"""Private files: modes, whole replacement, locks that end with their holder."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from askcli.errors import Failed, TimedOut
from askcli.files import (
    Replacement,
    create_private,
    locked,
    private_directory,
    write_private,
)
from askcli.files.pid_file import LEAVING, FileIdentities, PidFile


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_private_directory_is_made_or_tightened(tmp_path: Path) -> None:
    assert mode(private_directory(tmp_path / "a/b")) == 0o700
    (tmp_path / "loose").mkdir(mode=0o755)
    assert mode(private_directory(tmp_path / "loose")) == 0o700
    (tmp_path / "file").write_text("")
    with pytest.raises(Failed):
        private_directory(tmp_path / "file")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, b"old")
    assert (path.read_bytes(), mode(path)) == (b"old", 0o600)
    with pytest.raises(RuntimeError), Replacement(path, reserve=1000):
        raise RuntimeError
    assert path.read_bytes() == b"old"
    with Replacement(path, reserve=1000) as replacement:
        assert path.read_bytes() == b"old"
        replacement.commit(b"new")
    assert path.read_bytes() == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_of_many_creators_one_wins_and_all_read_the_same(tmp_path: Path) -> None:
    path = tmp_path / "kept/secret"
    with ThreadPoolExecutor(8) as pool:
        contents = set(pool.map(lambda n: create_private(path, b"%d" % n), range(8)))
    assert contents == {path.read_bytes()}
    path.chmod(0o644)
    create_private(path, b"late")
    assert mode(path) == 0o600


def test_a_lock_is_waited_for_until_a_deadline(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path), pytest.raises(TimedOut) as error, locked(path, 0.01):
        pass
    assert str(path) in error.value.detail
    with locked(path, 0.01):
        pass


def test_a_pid_file_is_one_holders(tmp_path: Path) -> None:
    first, second = PidFile(tmp_path / "pid"), PidFile(tmp_path / "pid")
    assert second.holder() is None
    assert first.claim()
    assert (second.claim(), second.holder()) == (False, os.getpid())
    first.release()
    assert not (tmp_path / "pid").exists()
    assert second.claim()
    second.release()


def test_a_pid_file_that_is_set_aside_leaves_its_name_to_another(tmp_path: Path) -> None:
    first, second = PidFile(tmp_path / "x.pid"), PidFile(tmp_path / "x.pid")
    assert first.claim()
    first.set_aside(3)
    assert second.claim()
    (aside,) = (PidFile(path) for path in tmp_path.glob(f"*{LEAVING}"))
    assert (aside.content(), second.content()) == ((os.getpid(), 3), (os.getpid(), 0))
    first.release()
    assert [path.name for path in tmp_path.iterdir()] == ["x.pid"]
    second.release()


def test_a_pid_file_that_was_replaced_is_left_alone(tmp_path: Path) -> None:
    first, second = PidFile(tmp_path / "pid"), PidFile(tmp_path / "pid")
    assert first.claim()
    (tmp_path / "pid").unlink()
    assert second.claim()
    first.set_aside(1)
    first.release()
    assert second.holder() == os.getpid()
    second.release()


def test_a_deleted_or_replaced_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    files = FileIdentities([path])
    assert files.are_intact()
    path.rename(tmp_path / "elsewhere")
    assert not files.are_intact()
    path.touch()
    assert not files.are_intact()
    files.unlink(path)
    assert path.exists()
