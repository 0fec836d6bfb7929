"""ask -e: a question from the user's editor."""

from __future__ import annotations

import shutil
import signal
import socket
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic


def editor(cli: Cli, script: str, arguments: str = "") -> None:
    """Set the user's editor to a script; `$1` is the file."""
    path = cli.home / "my editor"
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)
    cli.environment["EDITOR"] = f"'{path}' {arguments}"


def drafts(cli: Cli) -> list[Path]:
    """The texts that are kept."""
    return [*cli.home.rglob("unsent-*.md")]


def test_a_question_is_what_the_editor_saves(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    fake.on(marker, "Yes.")
    editor(
        sqlite_cli,
        f'[ -t 0 ] && [ -t 1 ] && [ $(stat -c %a "${{2%/*}}") = 700 ] && '
        f'echo "$2" > "$HOME/file" && printf "\\r\\n{marker}\\r\\n\\n" >> "$2"',
        "--wait",
    )
    done = sqlite_cli.terminal_shell("echo piped | askcli ask -e why -q > answer; echo code $?")
    assert "code 0" in done.read()
    assert (sqlite_cli.home / "answer").read_text() == "Yes.\n"
    (asked,) = fake.asked(marker)
    assert asked["messages"][0]["content"] == f"why\n{marker}\n\npiped"
    assert not drafts(sqlite_cli)
    assert not Path((sqlite_cli.home / "file").read_text().strip()).parent.exists()


def test_an_editor_may_be_any_command_of_a_shell(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    fake.on(marker, "Yes.")
    editor(sqlite_cli, f'echo "{marker} $WORD" > "$1"')
    sqlite_cli.environment["EDITOR"] = "WORD=$((40 + 2)) " + sqlite_cli.environment["EDITOR"]
    assert "Yes." in sqlite_cli.terminal("ask", "-e").read()
    assert [asked["messages"][0]["content"] for asked in fake.asked(marker)] == [f"{marker} 42"]


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("exit 0", 1, "not saved"),
        ('> "$1"', 1, "the text is empty"),
        ('echo x > "$1"; exit 3', 1, "ended with 3"),
        (r'printf "\xff" > "$1"', 1, "no UTF-8"),
        ('rm "$1"', 1, "left no text"),
        ("kill -INT $$", 130, ""),
    ],
)
def test_nothing_is_asked_of_no_text(sqlite_cli: Cli, script: str, code: int, said: str) -> None:
    editor(sqlite_cli, script)
    shown = sqlite_cli.terminal_shell("askcli ask -e a few words; echo code $?").read()
    assert f"code {code}" in shown
    assert said in " ".join(shown.split())
    assert sqlite_cli.in_process("history").out == ""


def test_an_editor_has_its_own_time_and_its_text_is_kept(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    """A Ctrl-C is the editor's, --timeout begins after it, and a failure loses no text."""
    editor(sqlite_cli, "trap \"echo long > '$1'; exit 0\" INT; kill -INT 0; exit 1")
    sqlite_cli.environment["ASKCLI_SERVER"] = "http://127.0.0.1:9"
    sqlite_cli.environment["ASKCLI_TOKEN"] = "any"
    terminal = sqlite_cli.terminal("ask", "-e", "--timeout", "1")
    shown = " ".join(terminal.read().split())
    terminal.wait()
    assert terminal.exitstatus == 6, shown
    (kept,) = drafts(sqlite_cli)
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("long", 0o600)
    assert kept.name in shown
    sqlite_cli.terminal("ask", "-e", "--timeout", "1").read()
    assert [draft.read_text() for draft in drafts(sqlite_cli)] == ["long", "long"]
    shutil.rmtree(kept.parent)
    kept.parent.write_text("no directory")
    shown = " ".join(sqlite_cli.terminal("ask", "-qe", "--timeout", "1").read().split())
    assert "cannot be kept in" in shown
    assert "long askcli: error" in shown


def test_what_a_killed_editor_left_stays(sqlite_cli: Cli) -> None:
    """Its own copy of what was not saved, too."""
    sqlite_cli.environment["TMPDIR"] = str(sqlite_cli.home)
    editor(sqlite_cli, 'echo saved > "$1"; echo more > "${1%/*}/.swp"; kill -KILL $$')
    terminal = sqlite_cli.terminal("ask", "-e", columns=500)
    shown = terminal.read()
    terminal.wait()
    (left,) = sqlite_cli.home.glob("askcli-*")
    assert (terminal.exitstatus, f"what it left is in {left}." in shown) == (1, True), shown
    assert (left / "question.md").read_text() + (left / ".swp").read_text() == "saved\nmore\n"
    assert left.stat().st_mode & 0o777 == 0o700


def test_without_a_terminal_there_is_no_editor(sqlite_cli: Cli) -> None:
    sqlite_cli.environment["VISUAL"] = "true"
    done = sqlite_cli.shell("setsid -w askcli ask -e hello < /dev/null")
    assert (done.code, "an editor needs a terminal" in done.err) == (2, True)
    sqlite_cli.environment["VISUAL"] = "no-such-editor -f"
    done = sqlite_cli.in_process("ask", "-e", "hello")
    assert (done.code, "cannot start the editor no-such-editor" in done.err) == (2, True)


def test_what_is_no_utf_8_stays(sqlite_cli: Cli) -> None:
    sqlite_cli.environment["TMPDIR"] = str(sqlite_cli.home)
    editor(sqlite_cli, r'printf "caf\xe9" > "$1"')
    shown = sqlite_cli.terminal("ask", "-e", columns=500).read()
    (left,) = sqlite_cli.home.glob("askcli-*")
    assert f"no UTF-8 text, and nothing was asked; what it left is in {left}." in shown
    assert (left / "question.md").read_bytes() == b"caf\xe9"


def test_a_text_stays_where_a_signal_ends_the_command_before_it_is_a_question(
    sqlite_cli: Cli,
) -> None:
    editor(sqlite_cli, 'echo long > "$1"')
    with socket.create_server(("127.0.0.1", 0)) as tarpit:
        url = f"http://127.0.0.1:{tarpit.getsockname()[1]}"
        sqlite_cli.environment |= {"ASKCLI_SERVER": url, "ASKCLI_TOKEN": "any"}
        terminal = sqlite_cli.terminal("ask", "-e")
        connection, _ = tarpit.accept()
        with connection:
            terminal.kill(signal.SIGTERM)
            terminal.read()
    (kept,) = drafts(sqlite_cli)
    assert kept.read_text() == "long"


def test_a_text_of_which_there_is_a_question_is_not_kept(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    """Its answer is stopped with Ctrl-C."""
    marker = uuid4().hex
    held = fake.on(marker, "The beginning.", "The end.", hold_after=1)
    editor(sqlite_cli, f'echo {marker} > "$1"')
    terminal = sqlite_cli.terminal("ask", "-e")
    terminal.expect_exact("The beginning.")
    terminal.sendintr()
    shown = terminal.read()
    held.release()
    terminal.wait()
    assert (terminal.exitstatus, drafts(sqlite_cli)) == (130, []), shown
