"""Private files: modes, whole replacement, locks that end with their holder."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from askcli.cli.output import output_file
from askcli.client import local_server
from askcli.errors import Failed, Misused, TimedOut
from askcli.files import (
    Replacement,
    belongs_to_another_sharer,
    create_private,
    is_trusted_directory,
    leftovers,
    locked,
    private_directory,
    read,
    write_private,
)
from askcli.files.pid_file import LEAVING, FileIdentities, PidFile
from askcli.settings import Settings
from tests.support.special_files import KINDS, make_special


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    path, day = tmp_path / "file", time.time() - 86_400
    names = (".file.abcd_012.askcli", ".file.new01234.askcli", ".files.abcd_012.askcli")
    left, new, other = (tmp_path / name for name in names)
    swap, settings = tmp_path / ".file.swp", tmp_path / ".file.settings"  # others' own
    for one in (left, new, other, swap, settings):
        one.touch()
    os.mkfifo(tmp_path / ".file.abcd_345.askcli")
    with Replacement(path) as replacement:
        for one in tmp_path.iterdir():
            if one != new:
                os.utime(one, (day, day))
        leftovers.remove(path)  # of a process that may have been stopped for a day
        assert not left.exists()
        assert all(one.exists() for one in (new, other, swap, settings))
        replacement.commit(b"content")
    assert path.read_bytes() == b"content"
    leftovers.remove(tmp_path / "missing" / "file")


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


@pytest.mark.parametrize("content", ["-1 0", "0 0", "1 0", "12", "12 x", "+12 0", "9" * 20 + " 0"])
def test_a_pid_file_with_anything_but_a_pid_is_ignored(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.pid"
    path.write_text(content)
    with path.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert PidFile(path).content() is None
        path.write_text("12 3")
        assert PidFile(path).content() == (12, 3)


def test_only_this_users_regular_files_are_pid_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = PidFile(tmp_path / "x.pid")
    assert holder.claim()
    (tmp_path / "link").symlink_to("x.pid")
    os.mkfifo(tmp_path / "pipe")
    assert PidFile(tmp_path / "link").content() is None
    assert PidFile(tmp_path / "pipe").content() is None
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert PidFile(tmp_path / "x.pid").content() is None
    monkeypatch.undo()
    assert holder.holder() == os.getpid()
    holder.release()


def test_no_local_server_is_looked_for_where_others_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "run"
    directory.mkdir(mode=0o700)
    settings, file = Settings(runtime_dir=directory), PidFile(directory / "x.pid")
    assert file.claim()
    assert local_server.running(settings) == [os.getpid()]
    directory.chmod(0o777)
    assert local_server.running(settings) == []
    directory.chmod(0o700)
    (tmp_path / "link").symlink_to("run")
    assert local_server.running(Settings(runtime_dir=tmp_path / "link")) == [os.getpid()]
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert not is_trusted_directory(directory)
    monkeypatch.undo()
    file.release()


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


def test_a_file_that_comes_later_is_known_from_then_on(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files = FileIdentities([], later=[path])
    assert files.are_intact()
    path.touch()
    assert files.are_intact()
    path.unlink()
    assert not files.are_intact()


@pytest.mark.parametrize("is_link", [True, False])
def test_what_another_user_puts_into_a_shared_directory_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_link: bool
) -> None:
    path = tmp_path / "answer"
    if is_link:
        path.symlink_to("elsewhere")
    else:
        path.write_text("")
    tmp_path.chmod(0o1777)
    assert not belongs_to_another_sharer(path)
    assert not belongs_to_another_sharer(tmp_path / "new")
    lstat = Path.lstat
    foreign = SimpleNamespace(st_uid=os.getuid() + 1)  # only root could make such a file
    monkeypatch.setattr(Path, "lstat", lambda self: foreign if self == path else lstat(self))
    assert belongs_to_another_sharer(path)
    tmp_path.chmod(0o755)
    assert not belongs_to_another_sharer(path)


def test_an_output_follows_no_link_of_another_user_in_a_shared_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_file, "belongs_to_another_sharer", lambda path: path.is_symlink())
    (tmp_path / "link").symlink_to("target")
    with pytest.raises(Misused):
        output_file.checked(tmp_path / "link")
    output = output_file.checked(tmp_path / "new")
    (tmp_path / "new").symlink_to("target")  # after the check
    output.write(b"answer")
    assert ((tmp_path / "new").read_bytes(), (tmp_path / "target").exists()) == (b"answer", False)


def test_an_output_takes_over_no_permissions_of_what_comes_after_its_check(tmp_path: Path) -> None:
    """In a directory that users share anybody can make a file while the answer comes."""
    kept, replaced, new = (tmp_path / name for name in ("kept", "replaced", "new"))
    for path in (kept, replaced):
        path.touch()
        path.chmod(0o640)
    outputs = [output_file.checked(path) for path in (kept, replaced, new)]
    replaced.rename(tmp_path / "elsewhere")
    for path in (replaced, new):
        path.touch()
        path.chmod(0o777)
    umask = os.umask(0o027)
    try:
        for output in outputs:
            output.write(b"answer")
    finally:
        os.umask(umask)
    assert [mode(path) for path in (kept, replaced, new)] == [0o640] * 3
    kept.chmod(0o600)
    output = output_file.checked(kept)
    kept.chmod(0o666)  # as a new file may be that has the number of the old one
    output.write(b"answer")
    assert mode(kept) == 0o600


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_ordinary_file_is_not_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    make_special(path, kind)
    before = mode(path)
    with pytest.raises(OSError, match="not an ordinary file"):
        read(path)
    with pytest.raises(Failed, match="not an ordinary file"):
        create_private(path, b"new")
    assert mode(path) == before  # root could change that of a device, for all
