"""Files and directories of the user's choice: links stay links, shared directories as they are."""

from __future__ import annotations

import stat
import time
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.cli import Cli, NewCli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import change_account, token_file
from tests.support.processes import ServerProcess
from tests.support.servers import WITHOUT_RIGHTS, customized


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def directory(cli: Cli, permissions: int) -> Path:
    """A directory of the user's with a file of somebody else's."""
    path = cli.home / "directory"
    path.mkdir()
    path.chmod(permissions)
    (path / "others").touch()
    return path


LOGIN = ("login", "--server", "http://127.0.0.1:1", "--email", "a@b.c", "--password-stdin")


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("ASKCLI_CONFIG_DIR", ("config", "set", "timeout", "60")),
        ("ASKCLI_CONFIG_DIR", LOGIN),
        ("ASKCLI_DATA_DIR", ("ask", "hi")),
    ],
)
@pytest.mark.parametrize("permissions", [0o1777, 0o1775])
def test_a_directory_that_users_share_is_refused_and_left_as_it_is(
    new_cli: NewCli, variable: str, words: tuple[str, ...], permissions: int
) -> None:
    cli = new_cli()
    shared = directory(cli, permissions)
    cli.environment |= {variable: str(shared), "ASKCLI_ANSWERER": "scripted"}
    done = cli(*words, stdin="x\n")
    assert done.code == 1, done
    assert f"{shared} is shared with other users: name a directory of your own." in done.err
    assert mode(shared) == permissions
    assert [path.name for path in shared.iterdir()] == ["others"]


@pytest.mark.parametrize("name", ["50%41", "a?mode=x", "100% mine #1"])
def test_the_database_is_in_the_data_directory_whatever_its_name(
    new_cli: NewCli, name: str
) -> None:
    cli = new_cli(DB_CONN_STRING="")
    directory_ = cli.home / name
    cli.environment["ASKCLI_DATA_DIR"] = str(directory_)
    assert cli("migrate").code == 0
    assert (directory_ / "askcli.db").is_file()
    cli.environment["DB_CONN_STRING"] = "sqlite:///own%25.db"  # a URL, in the working directory
    cli.home = directory_
    assert cli("migrate").code == 0
    assert {path.name for path in directory_.iterdir()} >= {"askcli.db", "own%.db"}
    assert [path.name for path in directory_.parent.iterdir() if path.name[0] != "."] == [name]


def test_a_terminal_keeps_its_conversation_within_a_directory_that_users_share(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker, shared = uuid4().hex, directory(sqlite_cli, 0o1777)
    fake.on(marker, "an answer")
    sqlite_cli.environment["ASKCLI_DATA_DIR"] = str(shared)
    terminal = sqlite_cli.terminal("ask", marker)
    assert "an answer" in terminal.read()
    terminal.wait()
    assert (terminal.exitstatus, mode(shared)) == (0, 0o1777)
    assert mode(shared / "terminals") == 0o700


@pytest.mark.parametrize("permissions", [0o755, 0o777, 0o2770, 0o1700])
def test_a_directory_of_the_users_own_is_made_private(new_cli: NewCli, permissions: int) -> None:
    cli = new_cli()
    own = directory(cli, permissions)
    cli.environment["ASKCLI_CONFIG_DIR"] = str(own)
    assert cli.in_process("config", "set", "timeout", "60").code == 0
    assert mode(own) & 0o777 == 0o700
    assert cli.in_process("config", "get", "timeout").out == "60\n"


def test_a_token_file_that_is_a_link_stays_one(
    sqlite_cli: Cli, sqlite_server: ServerProcess
) -> None:
    file, vault = token_file(sqlite_cli), sqlite_cli.home / "vault"
    vault.mkdir()
    target = file.rename(vault / "tokens")
    file.symlink_to(target)
    change_account(sqlite_cli, sqlite_server, expires_at=time.time() - 10)
    before = target.read_bytes()
    assert sqlite_cli.in_process("whoami").code == 0  # it refreshes
    assert (file.is_symlink(), target.read_bytes() == before, mode(target)) == (True, False, 0o600)
    target.write_text("{")
    assert sqlite_cli.in_process("whoami").code == 4
    (aside,) = vault.iterdir()
    assert (aside.name.startswith("tokens.damaged-"), aside.read_text()) == (True, "{")
    assert file.is_symlink()


HOSTS_COMMANDS = [
    ("users", "list"),
    ("migrate",),
    ("serve", "--port", "0"),
    ("store", "backup", "copy.db"),
    ("store", "restore", "copy.db"),
]


@pytest.mark.parametrize("words", HOSTS_COMMANDS)
@pytest.mark.parametrize("reason", ["Permission denied", "File name too long"])
def test_a_database_whose_path_is_not_to_be_used_is_named_with_the_reason(
    new_cli: NewCli, tmp_path: Path, reason: str, words: tuple[str, ...]
) -> None:
    """As the service's own one is for the host's account."""
    (private := tmp_path / "private").mkdir(mode=0)
    path = tmp_path / ("x" * 300) if reason == "File name too long" else private / "askcli.db"
    cli = new_cli(DB_CONN_STRING=f"sqlite:///{path}", **customized(tmp_path, WITHOUT_RIGHTS))
    cli.home.mkdir(exist_ok=True)
    (cli.home / "copy.db").touch()
    done = cli(*words)
    assert (done.code, done.out, "unexpected" in done.err) == (1, "", False), done
    assert f"error: cannot use {path}: {reason}." in done.err
