"""A user without a home directory, as in a container: no HOME, and no entry in passwd."""

from __future__ import annotations

import pwd
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.cli import Cli, NewCli
from tests.support.fake_anthropic import FakeAnthropic


@pytest.fixture(autouse=True)
def nobody_in_passwd(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: object) -> NoReturn:
        raise KeyError("not found")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(pwd, "getpwnam", unknown)


def test_commands_succeed_without_a_home_where_the_directories_are_set(
    sqlite_cli: Cli, fake: FakeAnthropic, tmp_path: Path
) -> None:
    home = Path(sqlite_cli.environment.pop("HOME"))
    sqlite_cli.environment |= {
        "ASKCLI_CONFIG_DIR": str(home / ".config/askcli"),
        "ASKCLI_DATA_DIR": str(tmp_path / "data"),
    }
    fake.on("homeless", "an answer")
    for words in (("ask", "homeless"), ("history",), ("models",), ("whoami",), ("logout",)):
        done = sqlite_cli.in_process(*words)
        assert (done.code, done.err.count("unexpected")) == (0, 0), done


@pytest.mark.parametrize("home", [None, "", "relative"])
@pytest.mark.parametrize("names", [(), ("ASKCLI_CONFIG_DIR",), ("ASKCLI_DATA_DIR",)])
@pytest.mark.parametrize("words", [("ask", "hi"), ("status",), ("history",), ("serve",)])
def test_a_home_that_is_none_is_told_in_one_line(
    new_cli: NewCli, tmp_path: Path, home: str | None, names: tuple[str], words: tuple[str, ...]
) -> None:
    cli = new_cli(ASKCLI_ANSWERER="scripted", **dict.fromkeys(names, str(tmp_path / "own")))
    del cli.environment["HOME"]
    if home is not None:
        cli.environment["HOME"] = home
    done = cli.in_process(*words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
    for name in ("HOME", "ASKCLI_CONFIG_DIR", "ASKCLI_DATA_DIR"):
        assert name in done.err
    assert "unexpected" not in done.err


def test_a_tilde_without_a_home_is_told_in_one_line(new_cli: NewCli, tmp_path: Path) -> None:
    own = str(tmp_path / "own")
    for name in ("ASKCLI_CONFIG_DIR", "ASKCLI_DATA_DIR", "ASKCLI_SCRIPT", "ASKCLI_LOCAL_MODEL"):
        cli = new_cli(ASKCLI_CONFIG_DIR=own, ASKCLI_DATA_DIR=own)
        cli.environment[name] = "~/x"
        del cli.environment["HOME"]
        done = cli.in_process("status")
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
        assert "HOME" in done.err
        assert "unexpected" not in done.err


def test_a_page_needs_a_home(sqlite_cli: Cli, fake: FakeAnthropic, tmp_path: Path) -> None:
    home = Path(sqlite_cli.environment.pop("HOME"))
    sqlite_cli.environment |= {
        "ASKCLI_CONFIG_DIR": str(home / ".config/askcli"),
        "ASKCLI_DATA_DIR": str(tmp_path / "data"),
        "BROWSER": "true",
    }
    fake.on("homeless", "an answer")
    done = sqlite_cli.in_process("ask", "--open", "homeless")
    assert (done.code, done.out) == (1, "an answer\n")
    assert "no home directory for the page: set HOME or XDG_CACHE_HOME" in done.err
