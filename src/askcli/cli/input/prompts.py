"""Prompts at a terminal, and secrets from stdin."""

from __future__ import annotations

import os
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType

import typer

from askcli.cli.input import stdin
from askcli.cli.input.terminal_modes import Modes
from askcli.cli.output.terminal import console, transient
from askcli.contract.limits import MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARACTERS
from askcli.errors import Failed, Misused
from askcli.signals import handled


def value(label: str, flag: str) -> str:
    """Prompt for a value. Raises Misused without a terminal, naming the flag to use instead."""
    if not stdin.is_terminal():
        raise Misused(f"{label.lower()} is missing: give it with {flag}.")
    while not (typed := _typed(f"{label}: ").strip()):
        pass
    return typed


def _typed(prompt: str) -> str:
    """Return the line that is typed at a prompt, all of which goes to stderr.

    Those of typer write the last character to stdout, which may be a file, and `input` fails where
    stdout is closed. Raises Abort at a Ctrl-C or Ctrl-D, with the line ended for the shell.
    """
    typer.echo(console.visible(prompt), nl=False, err=True)
    try:
        line = sys.stdin.readline()
    except KeyboardInterrupt:
        line = ""
    if not line:
        console.note("")
        raise typer.Abort
    return line.rstrip("\n")


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
    with _echo_after_a_signal():
        return str(typer.prompt(label, hide_input=True, confirmation_prompt=twice, err=True))


@contextmanager
def _echo_after_a_signal() -> Iterator[None]:
    """Turn the echo on again where a signal ends the process in the block, which turns it off."""
    try:  # as getpass chooses the terminal
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        descriptor = os.dup(sys.stdin.fileno())
    stack = ExitStack()
    try:
        with suppress(termios.error):
            modes = Modes(descriptor)
            transient.clear()
            transient.change(modes)
            stack.enter_context(_hidden_when_continued(modes))
        yield
    finally:
        transient.change(None)
        stack.close()
        os.close(descriptor)


@contextmanager
def _hidden_when_continued(modes: Modes) -> Iterator[None]:
    """Restore the modes where the process is suspended; turn the echo off when it goes on."""

    def suspend(_number: int, _frame: FrameType | None) -> None:
        modes.restore()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        # The process is stopped here until it is continued.
        signal.signal(signal.SIGTSTP, suspend)
        modes.hide()

    # After SIGSTOP, too, or a read in the background.
    handlers = {signal.SIGTSTP: suspend, signal.SIGCONT: lambda *_: modes.hide()}
    try:
        with handled(handlers):
            yield
    finally:
        modes.restore()


def check_confirmable(flag: str, *, is_given: bool) -> None:
    """Raise Misused where a confirmation is needed and there is no terminal to ask at."""
    if not is_given and not stdin.is_terminal():
        raise Misused(f"this cannot be undone; add {flag} to confirm.")


def confirm(question: str, flag: str) -> None:
    """Ask for confirmation. Raises Misused without a terminal, Failed when refused."""
    check_confirmable(flag, is_given=False)
    if not is_agreed(question, default=False):
        raise Failed("not confirmed: nothing was done.")


def is_agreed(question: str, *, default: bool) -> bool:
    """Ask a question at the terminal until it is answered with yes or no."""
    choices = {"y": True, "yes": True, "n": False, "no": False, "": default}
    prompt = f"{question} [{'Y/n' if default else 'y/N'}]: "
    while (typed := _typed(prompt).lower().strip()) not in choices:
        console.note("Error: invalid input")
    return choices[typed]
