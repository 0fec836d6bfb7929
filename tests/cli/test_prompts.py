"""Prompts at a terminal: stdout has the data alone, and no password that is typed is shown."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.support.cli import Cli, NewCli
from tests.support.processes import ServerProcess


def test_a_prompt_writes_nothing_to_stdout(cli: Cli) -> None:
    question_id = json.loads(cli.in_process("ask", "--json", "hello").out)["id"]
    terminal = cli.terminal_shell(f"askcli history delete {question_id} --json > deleted")
    terminal.expect(r"\[y/N\]: ")
    terminal.sendline("perhaps")
    terminal.expect(r"invalid input\r\n.*\[y/N\]: ")
    terminal.sendline("y")
    terminal.read()
    assert (cli.home / "deleted").read_text() == '{"deleted": 1}\n'


def test_a_prompt_for_a_value_writes_nothing_to_stdout(
    sqlite_server: ServerProcess, new_cli: NewCli
) -> None:
    cli = new_cli(sqlite_server)
    terminal = cli.terminal_shell("askcli login --json > account; echo code $?")
    for blank in ("", "  "):
        terminal.expect("Email: ")
        terminal.sendline(blank)
    terminal.expect("Email: ")
    terminal.sendline("nobody@example.org")
    terminal.expect("Password: ")
    terminal.sendline("no password of anybody")
    terminal.expect("code 4")
    assert (cli.home / "account").read_text() == ""


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_a_prompt_that_is_left_ends_its_line(
    sqlite_server: ServerProcess, new_cli: NewCli, key: str
) -> None:
    terminal = new_cli(sqlite_server).terminal("login")
    terminal.expect("Email: ")
    terminal.send(key)
    assert terminal.read().removeprefix("^C") == "\r\n"
    terminal.wait()
    assert terminal.exitstatus == 130


def test_prompts_need_no_stdout(sqlite_server: ServerProcess, new_cli: NewCli) -> None:
    terminal = new_cli(sqlite_server).terminal_shell(
        "askcli login >&-; echo code $?; askcli login >&-; echo then $?"
    )
    terminal.expect("Email: ")
    terminal.sendline("nobody@example.org")
    terminal.expect("Password: ")
    terminal.sendline("no password of anybody")
    terminal.expect("code 4")
    terminal.expect("Email: ")
    terminal.sendeof()
    terminal.expect("then 130\r\n")


@pytest.mark.parametrize("number", [None, signal.SIGSTOP])
def test_no_password_is_shown_after_its_prompt_was_suspended(
    sqlite_server: ServerProcess, new_cli: NewCli, number: int | None
) -> None:
    shell = new_cli(sqlite_server).terminal_shell("exec bash --norc -i")
    shell.expect(r"[$#] ")
    shell.sendline("PS1='prompt> '; (echo pid $BASHPID; exec askcli login --email a@example.org)")
    shell.expect(r"pid (\d+)\r\n")
    process = int(shell.match.group(1))
    shell.expect("Password: ")
    assert shell.waitnoecho(30)
    if number:
        os.kill(process, number)
    else:
        shell.send("\x1a")
    shell.expect("Stopped")
    shell.expect("prompt> ")
    shell.sendline("fg")
    shell.expect("fg\r\n")
    assert shell.waitnoecho(30)
    shell.sendline("no password of anybody")
    shell.expect("askcli: error")
    assert "anybody" not in shell.before
    shell.expect("prompt> ")
    shell.sendline("stty -a")
    shell.expect(r"(-?)echo ")
    assert shell.match.group(1) == ""
    shell.close()
