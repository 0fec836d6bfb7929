"""Output: the answer or the data to stdout, everything else to stderr.

Text from a model or a server is data: its control characters are replaced here, and only here,
before a terminal can interpret them.
"""

from __future__ import annotations

import json
import os
import select
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NoReturn, TextIO

from askcli.cli.output.terminal import invisible, transient
from askcli.errors import Failed

CLOSED_PIPE = 141  # 128 + SIGPIPE, what a shell reports of a program that it killed

# C0 as their pictures, DEL and C1 too; a tab and a line feed are text, a carriage return could
# overwrite the line and is dropped.
_HARMLESS = (
    {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)}
    | {0x0D: None, 0x7F: 0x2421}
    | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
    # What reverses or hides the text around it, and line separators that a terminal ignores.
    | dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029), 0xFFFD)
)
# And what ends a line to readers that go by Unicode, though not to JSON.
_JSON_HARMLESS = {code: f"\\u{code:04x}" for code in (0x7F, *range(0x80, 0xA0), 0x2028, 0x2029)}


def harmless(text: str) -> str:
    """Return the text with its control characters replaced by visible ones."""
    return text.translate(_HARMLESS)


def visible(text: str, before: str = "") -> str:
    """Return the text as a terminal shows it: invisible characters as <U+200B>, too.

    `before` is the character before the text.
    """
    return harmless(invisible.replaced(text, lambda char: f"<U+{ord(char):04X}>", before))


def one_line(text: str) -> str:
    """Return the text as a terminal shows it, in one line."""
    return " ".join(visible(text).split())


def is_terminal() -> bool:
    """Whether stdout is open and a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def out(text: str, *, raw: bool = False, before: str = "") -> None:
    """Write data to stdout, now; `raw` leaves it as it is, where stdout is not a terminal.

    `before` is the character that was written before.
    """
    if is_terminal():
        text = visible(text, before)
    elif not raw:
        text = harmless(text)
    _say(sys.stdout, text)


def out_json(value: Any, *, indent: int | None = None) -> None:
    """Write one JSON value and a line feed to stdout."""
    _say(sys.stdout, as_json(value, indent=indent) + "\n")


def out_json_parts(value: dict[str, Any], name: str, items: Iterable[Any]) -> None:
    """Write the object with one more field: a list, written item by item.

    Nothing is written before its first item is there, as its error may come instead.
    """
    before = f'{as_json(value)[:-1]}{", " if value else ""}"{name}": ['
    separator = "\n"
    for item in items:
        _say(sys.stdout, before + separator + as_json(item))
        before, separator = "", ",\n"
    _say(sys.stdout, before + "]}\n")


def as_json(value: Any, *, indent: int | None = None) -> str:
    """The value as JSON, with every control character and invisible one escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent).translate(_JSON_HARMLESS)
    return invisible.replaced(text, lambda char: json.dumps(char)[1:-1])


def format_time(timestamp: str, stream: TextIO | None = None, timespec: str = "minutes") -> str:
    """Format a time of the contract for stdout or another stream.

    On a terminal it is local, 2026-01-31 12:00; elsewhere it stays as it is, RFC 3339 in UTC.
    """
    stream = stream or sys.stdout
    if stream is None or not stream.isatty():
        return timestamp
    from datetime import datetime  # only where a time is shown

    local = datetime.fromisoformat(timestamp).astimezone().replace(tzinfo=None)
    return local.isoformat(" ", timespec)


def note(text: str, *, wrap: bool = True) -> None:
    """Write a notice for the user to stderr, wrapped at blanks on a terminal.

    At the end of a command it is dropped where the terminal is paused and stays so.
    """
    if sys.stderr is None:  # closed by the parent
        return
    text = visible(text)
    if wrap and sys.stderr.isatty():
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
        text = "\n".join(_wrapped(line, columns) for line in text.split("\n"))
    with transient.lifted():
        if transient.takes(sys.stderr, transient.patience()):
            write(sys.stderr, text + "\n")


def _wrapped(line: str, columns: int) -> str:
    """Return the line in rows of at most `columns`; a longer word, such as a path, stays whole."""
    if len(line) <= columns or not columns:  # a terminal may not know its size
        return line
    import textwrap  # only for long lines

    indent = line[: len(line) - len(line.lstrip(" "))]
    wrapper = textwrap.TextWrapper(
        columns, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return wrapper.fill(line)


def _say(stream: TextIO | None, text: str) -> None:
    if not _is_file(stream):  # what leads anywhere else may be seen on the terminal
        transient.clear()
    write(stream, text)


def _is_file(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:  # in memory, or closed
        return False


def write(stream: TextIO | None, text: str) -> None:
    """Write to a stream and flush. Raises Failed; a closed pipe ends the process."""
    if stream is None:  # closed by the parent
        raise Failed("there is no stdout to write to.")
    with errors(stream):
        stream.flush()
        # Below Python's buffers: unbuffered, these drop what does not fit at once.
        write_all(getattr(stream.buffer, "raw", stream.buffer), encoded(stream, text))


@contextmanager
def errors(stream: TextIO) -> Iterator[None]:
    """Raise Failed where a write fails; a closed pipe ends the process."""
    try:
        yield
    except BrokenPipeError:
        leave_closed_pipe(stream)
    except OSError as error:
        silence(stream)
        raise Failed(f"cannot write the output: {error.strerror}.") from error


def encoded(stream: TextIO, text: str) -> bytes:
    """Return the text as the stream encodes it; what that cannot is UTF-8, `?` on a terminal.

    To a terminal of another encoding, bytes of UTF-8 may be control characters.
    """
    try:
        return text.encode(stream.encoding, stream.errors or "strict")
    except UnicodeEncodeError:
        return text.encode(stream.encoding if stream.isatty() else "utf-8", "replace")


def write_all(raw: BinaryIO, data: bytes) -> None:
    """Write all bytes to an unbuffered file. Raises OSError."""
    remaining = memoryview(data)
    while remaining:
        written = raw.write(remaining)
        if written is None:  # a non-blocking pipe that is full
            select.select([], [raw], [])
        else:
            remaining = remaining[written:]


def leave_closed_pipe(*streams: TextIO) -> NoReturn:
    """Exit silently after the reader of a pipe has exited (`… | head -1`).

    Only these streams are silenced: on a terminal a progress bar is still to be ended.
    """
    for stream in streams:
        silence(stream)
    raise SystemExit(CLOSED_PIPE)


def silence(stream: TextIO) -> None:
    """Redirect the stream to /dev/null, so that its buffer causes no error at the exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
