"""What each command loads, and that help, completion and --version know the commands without them.

The modules are counted and not the time, which a busy machine would blur.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from askcli import __version__
from askcli.cli.app import app
from askcli.cli.commands.completion import Shell
from askcli.cli.reference import tree
from askcli.cli.reference.groups import CommandGroup
from tests.support.cli import Cli

RUN = """
import sys
from askcli.__main__ import main
try:
    main()
finally:
    with open("modules", "w") as file:
        file.write("\\n".join(sys.modules))
"""

# By every command that is read; `errors.*` and such are all modules of a package.
ALWAYS = """__main__ cli cli.app cli.input cli.input.implied_command cli.output
cli.output.terminal cli.output.terminal.console cli.output.terminal.invisible
cli.output.terminal.notices cli.output.terminal.spinner cli.output.terminal.transient cli.reference
cli.reference.groups errors errors.*"""
# By commands that call a server.
CONNECTED = """cli.commands cli.input.numbers cli.input.options cli.input.variables client
client.api client.auth client.credentials client.credentials_format client.http client.http.address
client.http.bounded client.http.deadline client.http.direct client.http.events client.http.exchange
client.http.heads client.http.limit client.http.reviving client.http.transport client.login
client.server_entry client.target contract contract.bounded_json contract.health contract.limits
contract.protocol contract.shapes contract.validation event_decoder files problems settings
settings.fields settings.loopback settings.parsers settings.registration settings.sources"""
ASK = """cli.commands.ask cli.commands.ask.answering cli.commands.ask.command cli.input.attachments
cli.input.last_conversation cli.input.question cli.input.question_ids cli.input.stdin
cli.output.answer cli.output.output_file cli.reference.completion_cache client.resume"""
HISTORY = """cli.commands.history cli.commands.history.browse cli.commands.history.layout
cli.commands.history.pages cli.input.question_ids cli.input.times cli.output.terminal.pager
cli.output.times cli.reference.completion_cache files.programs"""
ACCOUNT = """cli.commands.account cli.commands.account.account cli.input.prompts cli.input.stdin
cli.input.terminal_modes cli.input.token_choice cli.output.times cli.reference.completion_cache
signals"""
STATUS = "cli.commands.status client.local_server files.pid_file server_process"
OWN = {
    "--version": "__main__",
    "--help": ALWAYS,
    "completion bash": f"{ALWAYS} cli.commands cli.commands.completion",
    "ask --help": f"{ALWAYS} {CONNECTED} {ASK}",
    "ask hello": f"{ALWAYS} {CONNECTED} {ASK}",
    "history list": f"{ALWAYS} {CONNECTED} {HISTORY}",
    "whoami": f"{ALWAYS} {CONNECTED} {ACCOUNT}",
    "status": f"{ALWAYS} {CONNECTED} {STATUS}",
}
# What is slow to load, and whether a command on loopback may: httpx2 with httpcore2, h11 and anyio
# is for TLS and proxies, rich for Markdown at a terminal.
HEAVY = {
    "alembic", "anthropic", "anyio", "asyncio", "certifi", "click", "concurrent", "dotenv",
    "fastapi", "h11", "httpcore2", "httpx2", "multiprocessing", "pydantic", "pygments", "rich",
    "sqlalchemy", "starlette", "tomlkit", "tomllib", "truststore", "typer", "uvicorn", "zoneinfo",
}  # fmt: skip
CALLING = {"typer"}
ALLOWED = {"--version": set[str](), "--help": {"typer"}, "completion bash": {"typer"}}


def loaded(cli: Cli, command: str) -> set[str]:
    """The modules that a command has loaded when it ends."""
    (cli.home / "run.py").write_text(RUN)
    done = cli.fresh_shell(f"python -P run.py {command} < /dev/null")
    assert done.code == 0, done.err
    return set((cli.home / "modules").read_text().splitlines())


def named(modules: str) -> set[str]:
    names = set[str]()
    for name in modules.split():
        package = f"askcli.{name.removesuffix('.*')}"
        names.add(package)
        if name.endswith(".*"):
            names |= {known for known in sys.modules if known.startswith(f"{package}.")}
    return names


@pytest.mark.parametrize("command", OWN)
def test_a_command_loads_what_it_needs_and_nothing_else(sqlite_cli: Cli, command: str) -> None:
    assert sqlite_cli("ask", "hello").code == 0  # it is logged in, and has a history
    modules = loaded(sqlite_cli, command)
    own = {name for name in modules if name.startswith("askcli.")}
    assert own == named(OWN[command])
    tops = {name.partition(".")[0] for name in modules}
    assert tops & HEAVY == ALLOWED.get(command, CALLING)


def groups(command: Any) -> Iterator[CommandGroup]:
    if isinstance(command, CommandGroup):
        yield command
        for name in command.list_commands(None):
            yield from groups(command.get_command(None, name))


def test_the_tables_say_what_the_commands_own_help_says() -> None:
    tables = [group for group in groups(get_command(app)) if group.members]
    assert len(tables) == 4  # askcli, history, conversations, users
    for group in tables:
        for name, member in group.members.items():
            command = group.get_command(None, name)
            assert command.name == name
            assert (command.help or "").partition("\n")[0] == member.summary, name


def test_help_knows_every_command_and_loads_none(sqlite_cli: Cli) -> None:
    modules = loaded(sqlite_cli, "--help > help")
    assert not {name for name in modules if name.startswith("askcli.cli.commands")}
    shown = (sqlite_cli.home / "help").read_text()
    names = [c.path[1] for c in tree.commands(get_command(app)) if len(c.path) == 2]
    assert len(names) > 20
    assert [name for name in names if f"\n  {name} " not in shown] == []


@pytest.mark.parametrize("shell", Shell)
def test_completion_knows_every_command_and_loads_none(sqlite_cli: Cli, shell: Shell) -> None:
    modules = loaded(sqlite_cli, f"completion {shell} > script")
    commands = {name for name in modules if name.startswith("askcli.cli.commands.")}
    assert commands == {"askcli.cli.commands.completion"}
    script = (sqlite_cli.home / "script").read_text()
    for command in tree.commands(get_command(app)):
        assert command.name in script
        assert all(name in script for name in command.commands)


def test_the_version_is_the_same_however_it_is_asked_for(sqlite_cli: Cli) -> None:
    short, long = sqlite_cli.fresh("--version"), sqlite_cli.in_process("--version")
    assert (short.code, short.out, short.err) == (0, f"askcli {__version__}\n", "")
    assert short == long
    for streams in ("", "> /dev/full", ">&-"):
        quick = sqlite_cli.fresh_shell(f"askcli --version {streams}")
        assert quick == sqlite_cli.fresh_shell(f"askcli --version --version {streams}"), streams
