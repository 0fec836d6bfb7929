"""What only a person can tell: asked at a terminal, or read from stdin where that was said."""

from __future__ import annotations

import sys

import typer

from askcli.errors import Misused


def value(label: str, flag: str) -> str:
    """Ask the user, who must be at a terminal; `flag` is the other way to say it."""
    if not at_terminal():
        raise Misused(f"{label.lower()} is missing: give it with {flag}.")
    return str(typer.prompt(label, err=True)).strip()


def password(*, from_stdin: bool, label: str = "Password", twice: bool = False) -> str:
    """A password: the next line of stdin, or what the user types unseen."""
    if from_stdin:
        return secret_line("--password-stdin")
    if not at_terminal():
        raise Misused("the password is missing: give it with --password-stdin.")
    return str(typer.prompt(label, hide_input=True, confirmation_prompt=twice, err=True))


def secret_line(flag: str) -> str:
    """The next line of stdin, which `flag` has said to read."""
    if sys.stdin is None:
        raise Misused(f"{flag} needs a stdin, and it is closed.")
    return sys.stdin.readline().rstrip("\r\n")


def confirm(question: str, flag: str) -> None:
    """Ask whether it is meant. Raises Misused without a terminal, Abort for a no."""
    if not at_terminal():
        raise Misused(f"this cannot be undone: say {flag}.")
    typer.confirm(question, abort=True, err=True)


def at_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin is not None and sys.stdin.isatty()
