"""Text written in the user's editor."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from askcli.cli.output.answer import Noted
from askcli.cli.output.terminal import transient
from askcli.client.http.events import Event
from askcli.contract.protocol import EVENT_QUESTION
from askcli.errors import AskcliError, Failed, Misused
from askcli.files import private_directory, programs

log = logging.getLogger("askcli.notices")

DEFAULTS = ("vi", "nano")


def edited(text: str) -> str:
    """Return what the user makes of the text in $VISUAL or $EDITOR, without blanks at its end.

    The file is private, and gone afterwards. Raises Misused without a terminal or an editor, Failed
    where the editor fails, as by `:cq`, or leaves the file unsaved or empty; where it was killed,
    or saved another encoding, the file stays, and the error says where.
    """
    name, command = _command()
    with _kept_if_left() as directory:
        path = directory / "question.md"
        path.write_text(text, encoding="utf-8")
        os.utime(path, (1, 1))  # so that any saving shows, however soon, and of the same text
        before = _version(path)
        with transient.as_found():
            _edit(name, command, path)
        # Also an editor with a window of its own, which has returned before anything was written.
        if _version(path) == before:
            raise Failed(
                "the text was not saved, and nothing was asked. An editor that opens a window has "
                "to wait for it: EDITOR='code --wait'."
            )
        return _content(path, name)


@contextmanager
def kept(text: str, directory: Path) -> Iterator[Noted]:
    """Keep the text in a file until the server has a question of it, however the process ends.

    Yields a function through which the question's events pass. If the block fails before that, a
    notice says where the file is.
    """
    path, is_stored = _saved(text, directory / "editor"), False

    def noted(events: Iterator[Event]) -> Iterator[Event]:
        nonlocal is_stored
        for event in events:
            if event.name == EVENT_QUESTION:
                is_stored = True
                _remove(path)
            yield event

    try:
        yield noted
    except (AskcliError, KeyboardInterrupt):
        if not is_stored and path:
            log.warning("askcli: your text is in %s", shlex.quote(str(path)))
        elif not is_stored:
            log.warning("askcli: your text, which cannot be kept in %s:\n%s", directory, text)
        raise


def _saved(text: str, directory: Path) -> Path | None:
    """Return the path of a new private file with the text, None where there can be none."""
    path = None
    try:
        private_directory(directory)
        descriptor, name = tempfile.mkstemp(".md", "unsent-", directory)
        path = Path(name)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except (OSError, Failed):
        _remove(path)
        return None
    return path


def _remove(path: Path | None) -> None:
    with suppress(OSError):
        if path:
            path.unlink()


class _LeftError(Failed):
    """The editor left something other than a question, which may be the only copy of a text."""


@contextmanager
def _kept_if_left() -> Iterator[Path]:
    """Make a directory for the block, of mode 0700; it stays if the block raises _LeftError.

    It then has what a killed editor had saved, or the editor's own copy, or a text that is not
    UTF-8.
    """
    directory = Path(tempfile.mkdtemp(prefix="askcli-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        try:
            yield directory
        except _LeftError as error:
            stack.pop_all()
            place = shlex.quote(str(directory))
            raise Failed(f"{error.detail}; what it left is in {place}.") from None


def _command() -> tuple[str, programs.Command]:
    """Return the editor as the user has set it, and what runs it."""
    given = (os.environ.get("VISUAL") or "").strip() or (os.environ.get("EDITOR") or "").strip()
    for text in [given] if given else DEFAULTS:
        with suppress(LookupError):
            try:
                return text, programs.command(text)
            except ValueError:
                raise Misused(f"EDITOR is not a command: {given!r}.") from None
    name = given or DEFAULTS[0]
    raise Misused(f"cannot start the editor {name}: set EDITOR to another one.")


def _edit(name: str, command: programs.Command, path: Path) -> None:
    words = [*command.words, str(path)]
    with _terminal() as (stdin, stdout), _interrupts_left_alone():
        try:
            process = subprocess.Popen(words, stdin=stdin, stdout=stdout, env=command.environment)
            code = process.wait()
        except OSError as error:
            raise Misused(f"cannot start the editor {name}: {error.strerror}.") from error
    if code == -signal.SIGINT:
        raise KeyboardInterrupt
    if code < 0:
        raise _LeftError(f"the editor {name} was killed, and nothing was asked")
    if code:
        raise Failed(f"the editor {name} ended with {code}; nothing was asked.")


@contextmanager
def _terminal() -> Iterator[list[int | None]]:
    """Yield stdin and stdout for a program that needs a terminal; None for one that is one."""
    are_terminals = [_is_terminal(number) for number in (0, 1)]
    if all(are_terminals):
        yield [None, None]
        return
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        raise Misused(
            "an editor needs a terminal; give the question as words or on stdin."
        ) from None
    try:
        yield [None if is_terminal else terminal for is_terminal in are_terminals]
    finally:
        os.close(terminal)


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


@contextmanager
def _interrupts_left_alone() -> Iterator[None]:
    """Do nothing at a Ctrl-C in the block: it is the editor's, which begins with no handler."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _version(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when the file is saved; None if there is no file."""
    with suppress(OSError):
        status = path.stat()
        return status.st_ino, status.st_mtime_ns, status.st_size
    return None


def _content(path: Path, program: str) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig").rstrip()
    except UnicodeDecodeError:
        raise _LeftError(
            f"the editor {program} saved no UTF-8 text, and nothing was asked"
        ) from None
    except OSError as error:
        raise Failed(f"the editor {program} left no text; nothing was asked.") from error
    if not text.strip():
        raise Failed("the text is empty; nothing was asked.")
    return text
