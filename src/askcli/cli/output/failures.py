"""How an error is shown: in one line, as JSON under --json, where it came from under --debug."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import typer

from askcli.cli.output.terminal import console, transient
from askcli.errors import AskcliError, Failed, Misused
from askcli.files import NO_SPACE


def as_askcli_error(error: Exception) -> AskcliError:
    """Return what the error is to the user; one that nobody has foreseen is a failure."""
    if isinstance(error, AskcliError):
        return error
    if isinstance(error, typer.TyperException):
        return Misused(_with_help(error))
    if isinstance(error, UnicodeError):
        # Bytes in an argument, a variable or on stdin that are not UTF-8.
        return Misused("the input is not valid UTF-8 text.")
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        # Errors of files with a name are raised with it where they are written; this one has none.
        return Failed(f"{error.strerror} for a temporary file: make room, or set TMPDIR.")
    failed = Failed(_message(error))
    failed.__cause__ = error
    return failed


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and isinstance(error.filename, str):
        return f"cannot use {error.filename}: {error.strerror}."  # such as in another's directory
    return f"unexpected {type(error).__name__}: {error} (askcli --debug … shows where)."


def _with_help(error: typer.TyperException) -> str:
    """Return the message, which names the help of the command whose words are wrong."""
    message, context = error.format_message(), getattr(error, "ctx", None)
    return f"{message.rstrip('.')}; see `{context.command_path} --help`." if context else message


def show(error: AskcliError) -> None:
    """Print the error."""
    transient.clear()
    arguments = sys.argv[1:]
    try:
        if "--debug" in itertools.takewhile(lambda word: word.startswith("-"), arguments):
            import traceback

            console.note("".join(traceback.format_exception(error)), wrap=False)
        options = {*itertools.takewhile(lambda word: word != "--", arguments)}
        if options & {"--json", "--ndjson"}:
            console.note(console.as_json(_as_dict(error)), wrap=False)
        else:
            console.note(f"askcli: error: {' '.join(error.detail.split())}")
    except AskcliError:
        pass  # stderr has failed too; the exit code remains


def _as_dict(error: AskcliError) -> dict[str, Any]:
    from askcli.problems import extensions  # only for an error

    fields = {"code": error.code, "detail": error.detail, "exit_code": error.exit_code}
    return {"error": fields | extensions(error)}
