"""The command tree, and how a command ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from askcli import __version__
from askcli.cli.commands import config, models, status, usage
from askcli.cli.commands import help as reference
from askcli.cli.commands.account import account, logout, tokens
from askcli.cli.commands.admin import audit, invites, quotas, serve, users
from askcli.cli.commands.ask import command as ask
from askcli.cli.commands.batch import command as batch
from askcli.cli.commands.history import browse, delete, export
from askcli.cli.output import console, notices, transient
from askcli.cli.reference import groups
from askcli.errors import AskcliError, Failed, Misused
from askcli.problems import extensions

INTERRUPTED = 130

app = groups.new(
    "Ask a language model from the terminal, through a server that your team owns.",
    name="askcli",
    no_args_is_help=True,
    add_completion=False,  # typer's starts Python at every key: ours is `askcli completion`
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# By the section of the help that shows them.
_COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Ask": {"ask": ask.ask, "batch": batch.batch},
    "Account": {
        "register": account.register,
        "login": account.login,
        "logout": logout.logout,
        "passwd": account.passwd,
        "whoami": account.whoami,
        "usage": usage.usage,
    },
    "Client": {
        "status": status.status,
        "help": reference.help_,
        "completion": reference.completion,
        "openapi": status.openapi,
    },
    "Host": {"serve": serve.serve, "migrate": serve.migrate, "audit": audit.audit},
}
_GROUPS = {
    "History": {"history": browse.app},
    "Account": {"token": tokens.app},
    "Client": {"models": models.app, "config": config.app},
    "Host": {"users": users.app, "invite": invites.app},
}
for section, commands in _COMMANDS.items():
    for name, function in commands.items():
        app.command(name, rich_help_panel=section)(function)
browse.app.command("export")(export.export)
browse.app.command("delete")(delete.delete)
users.app.command("quota")(quotas.quota)
for section, members in _GROUPS.items():
    for name, group in members.items():
        app.add_typer(group, name=name, rich_help_panel=section)


def _version(is_set: bool) -> None:
    if is_set:
        console.out(f"askcli {__version__}\n")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Ask a language model from the terminal, through a server that your team owns."""


def main() -> None:
    """Run the command and end with its exit code; `askcli help exit-codes` lists them."""
    console.buffer_stdout()
    notices.install()
    try:
        code = app(standalone_mode=False)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        console.leave_closed_pipe()
    except typer.Abort:
        code = INTERRUPTED
    except (AskcliError, typer.TyperException, UnicodeError) as error:
        code = fail(_as_askcli_error(error))
    except Exception as error:  # noqa: BLE001 - a traceback is for --debug
        if isinstance(error, OSError) and sys.stdout is not None:
            console.silence(sys.stdout)  # its buffer would fail again at the exit
        failed = Failed(f"unexpected {type(error).__name__}: {error} (--debug shows where).")
        failed.__cause__ = error
        code = fail(failed)
    transient.clear()
    raise SystemExit(code if isinstance(code, int) else 0)


def _as_askcli_error(error: Exception) -> AskcliError:
    if isinstance(error, AskcliError):
        return error
    if isinstance(error, typer.TyperException):
        return Misused(error.format_message())
    # Bytes in an argument, a variable or on stdin that are not UTF-8.
    return Misused("the input is not valid UTF-8 text.")


def fail(error: AskcliError) -> int:
    """Print the error in one line, or as JSON under --json; return its exit code."""
    transient.clear()
    arguments = sys.argv[1:]
    if "--debug" in arguments:
        import traceback

        console.note("".join(traceback.format_exception(error)), wrap=False)
    try:
        if "--json" in arguments or "--ndjson" in arguments:
            console.note(console.as_json(_as_dict(error)), wrap=False)
        else:
            console.note(f"askcli: error: {' '.join(error.detail.split())}")
    except AskcliError:
        pass  # stderr has failed too; the exit code remains
    return error.exit_code


def _as_dict(error: AskcliError) -> dict[str, Any]:
    fields = {"code": error.code, "detail": error.detail, "exit_code": error.exit_code}
    return {"error": fields | extensions(error)}
