"""Prompts at a terminal: stdout has the data alone, and no password that is typed is shown."""

from __future__ import annotations

import json

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
    terminal.expect("Email: ")
    terminal.sendline("")
    terminal.expect("Email: ")
    terminal.sendline("nobody@example.org")
    terminal.expect("Password: ")
    terminal.sendline("no password of anybody")
    terminal.expect("code 4")
    assert (cli.home / "account").read_text() == ""
