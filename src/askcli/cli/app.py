"""The command tree, and how a command ends."""

from __future__ import annotations

import gc
import sys
from typing import Annotated, Any

import typer

from askcli import __version__
from askcli.cli.output.terminal import console, notices, transient
from askcli.cli.reference import groups
from askcli.errors import TimedOut

INTERRUPTED = 130

_COMMANDS = "askcli.cli.commands"


def _in(section: str, target: str, summary: str) -> groups.Member:
    return groups.Member(f"{_COMMANDS}.{target}", summary, section)


# A command is loaded when it is run, or its own help is asked for.
MEMBERS = {
    "ask": _in("Ask", "ask.command:ask", "Ask a question and print the answer."),
    "chat": _in(
        "Ask",
        "chat.command:chat",
        "Converse at a prompt; the conversation stays, and goes on here or on another machine.",
    ),
    "batch": _in(
        "Ask",
        "batch.command:batch",
        "Ask many questions. If interrupted, the same command resumes.",
    ),
    "register": _in("Account", "account.account:register", "Create an account and log in to it."),
    "login": _in(
        "Account",
        "account.account:login",
        "Log in to an account; --profile gives the login a name for other commands.",
    ),
    "logout": _in("Account", "account.logout:logout", "End the session, here and on the server."),
    "passwd": _in(
        "Account",
        "account.account:passwd",
        "Change your password; your other sessions and your API tokens end.",
    ),
    "whoami": _in("Account", "account.account:whoami", "Show the account and the server."),
    "usage": _in(
        "Account", "usage:usage", "Show your tokens and their cost, by day (UTC) and by model."
    ),
    "status": _in(
        "Client",
        "status:status",
        "Show the server, the account and the local server; nothing is started for it.",
    ),
    "help": _in(
        "Client",
        "help:help_",
        "Explain a command, or a topic: exit-codes, ids, times, settings, json.",
    ),
    "completion": _in(
        "Client",
        "completion:completion",
        "Print a script that completes askcli's commands, options, ids, models and profiles.",
    ),
    "openapi": _in("Client", "status:openapi", "Print the API's OpenAPI document."),
    "serve": _in("Host", "admin.serve:serve", "Serve the API on this machine."),
    "migrate": _in("Host", "admin.serve:migrate", "Bring the database's schema to this version."),
    "audit": _in(
        "Host", "admin.audit:audit", "The host's: show the audit log, the newest entries first."
    ),
    "history": _in("History", "history.browse:app", "Your questions and their answers."),
    "conversations": _in("History", "history.conversations.browse:app", "Your conversations."),
    "token": _in("Account", "account.tokens:app", "Tokens for scripts and CI."),
    "models": _in("Client", "models:app", "The models that can answer."),
    "config": _in("Client", "config:app", "The config file."),
    "store": _in(
        "Host", "admin.store:app", "The host's: move the database, back it up and restore it."
    ),
    "users": _in("Host", "admin.users:app", "The host's: the accounts of this server."),
    "invite": _in("Host", "admin.invites:app", "The host's: codes to register with."),
}
app = groups.new(
    "Ask a language model from the terminal, through a server that your team owns.",
    MEMBERS,
    name="askcli",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(is_set: bool) -> None:
    if is_set:
        console.out(f"askcli {__version__}\n")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[  # noqa: ARG001 - `failures` looks for it
        bool, typer.Option("--debug", help="Show where an error came from.")
    ] = False,
    version: Annotated[  # noqa: ARG001 - `_version` has shown it
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Ask a language model from the terminal, through a server that your team owns."""
    # The command is loaded, and its modules stay: no collection looks at them.
    gc.freeze()
    gc.enable()


def main() -> None:
    """Run the command and end with its exit code; `askcli help exit-codes` lists them."""
    notices.install()
    try:
        code = _code()
        transient.end_soon()
        transient.clear()
    except KeyboardInterrupt:  # one more, or while an error waited for the terminal
        code = INTERRUPTED
        transient.leave()
    raise SystemExit(code if isinstance(code, int) else 0)


def _code() -> Any:
    """Run the command; return its exit code, or a value that is not one, which is success."""
    try:
        return app(standalone_mode=False)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        console.leave_closed_pipe(sys.stdout, sys.stderr)
    except typer.Abort:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a traceback is for --debug
        if isinstance(error, OSError) and sys.stdout is not None:
            console.silence(sys.stdout)  # its buffer would fail again at the exit
        from askcli.cli.output import failures  # only for an error

        failed = failures.as_askcli_error(error)
        if isinstance(failed, TimedOut):
            transient.end_soon()
        failures.show(failed)
        return failed.exit_code
