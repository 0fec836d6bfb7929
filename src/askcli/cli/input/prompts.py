"""Prompts at a terminal, and secrets from stdin."""

from __future__ import annotations

import typer

from askcli.cli.input import stdin
from askcli.cli.output import console
from askcli.contract.limits import MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARACTERS
from askcli.errors import Misused


def value(label: str, flag: str) -> str:
    """Prompt for a value. Raises Misused without a terminal, naming the flag to use instead."""
    if not stdin.is_terminal():
        raise Misused(f"{label.lower()} is missing: give it with {flag}.")
    return str(typer.prompt(label, err=True)).strip()


def new_password(*, from_stdin: bool, label: str = "Password") -> str:
    """Return a password to set: its rules are shown before it is typed, twice."""
    if not from_stdin and stdin.is_terminal():
        console.note(
            f"A password has {MIN_PASSWORD_CHARACTERS} characters or more, "
            f"{MAX_PASSWORD_BYTES} bytes at most, and is no common one."
        )
    return password(from_stdin=from_stdin, label=label, twice=True)


def password(*, from_stdin: bool, label: str = "Password", twice: bool = False) -> str:
    """Return a password: the next line of stdin, or typed without echo."""
    if from_stdin:
        return stdin.line("--password-stdin")
    if not stdin.is_terminal():
        raise Misused("the password is missing: give it with --password-stdin.")
    return str(typer.prompt(label, hide_input=True, confirmation_prompt=twice, err=True))


def check_confirmable(flag: str, *, is_given: bool) -> None:
    """Raise Misused where a confirmation is needed and there is no terminal to ask at."""
    if not is_given and not stdin.is_terminal():
        raise Misused(f"this cannot be undone; add {flag} to confirm.")


def confirm(question: str, flag: str) -> None:
    """Ask for confirmation. Raises Misused without a terminal, Abort when refused."""
    check_confirmable(flag, is_given=False)
    typer.confirm(question, abort=True, err=True)
