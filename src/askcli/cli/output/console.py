"""Where output goes: stdout is the answer or the data, stderr everything else.

Text from a model or a server is data: here, and only here, its control characters are taken out
of it before a terminal can obey them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import Any, NoReturn, TextIO

from askcli.cli.output import transient
from askcli.errors import Failed

CLOSED_PIPE = 141  # 128 + SIGPIPE, what a shell reports of a program that it killed

# C0 as their pictures, DEL and C1 too; a tab and a line feed are text, a carriage return could
# overwrite the line and is dropped.
_HARMLESS = (
    {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)}
    | {0x0D: None, 0x7F: 0x2421}
    | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
    # What reverses or hides the text around it, and line ends that are none in a terminal.
    | dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029), 0xFFFD)
)
_JSON_HARMLESS = {code: f"\\u{code:04x}" for code in (0x7F, *range(0x80, 0xA0))}


def harmless(text: str) -> str:
    """The text with its control characters as visible signs."""
    return text.translate(_HARMLESS)


def is_terminal() -> bool:
    """Whether stdout is a terminal; it may also be closed."""
    return sys.stdout is not None and sys.stdout.isatty()


def out(text: str, *, raw: bool = False) -> None:
    """Write data to stdout, now; `raw` leaves it as it is, where stdout is not a terminal."""
    _say(sys.stdout, text if raw and not is_terminal() else harmless(text))


def out_json(value: Any, *, indent: int | None = None) -> None:
    """Write one JSON value and a line feed to stdout."""
    _say(sys.stdout, as_json(value, indent=indent) + "\n")


def out_json_parts(value: dict[str, Any], name: str, items: Iterable[Any]) -> None:
    """Write the object with one more field, a list whose items come one by one."""
    opening = as_json(value)[:-1]
    _say(sys.stdout, f'{opening}{", " if value else ""}"{name}": [')
    for index, item in enumerate(items):
        _say(sys.stdout, (",\n" if index else "\n") + as_json(item))
    _say(sys.stdout, "]}\n")


def as_json(value: Any, *, indent: int | None = None) -> str:
    """The value as JSON, with every control character escaped."""
    return json.dumps(value, ensure_ascii=False, indent=indent).translate(_JSON_HARMLESS)


def minute(moment: str) -> str:
    """A time of the contract as people read it: 2026-01-31 12:00."""
    return moment[:16].replace("T", " ")


def note(text: str) -> None:
    """Write a notice for the user to stderr."""
    if sys.stderr is not None:  # closed: then nobody wants to know
        _say(sys.stderr, harmless(text) + "\n")


def _say(stream: TextIO | None, text: str) -> None:
    transient.clear()
    write(stream, text)


def write(stream: TextIO | None, text: str) -> None:
    """Write to a stream as it is, now. Raises Failed when it cannot be; a closed pipe ends all."""
    if stream is None:  # closed by whoever started us
        raise Failed("there is no stdout to write to.")
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        leave_closed_pipe()
    except UnicodeEncodeError:
        stream.buffer.write(text.encode("utf-8", "replace"))
        stream.flush()
    except OSError as error:
        silence(stream)
        raise Failed(f"cannot write the output: {error.strerror}.") from error


def leave_closed_pipe() -> NoReturn:
    """Leave silently, as a program does whose reader has gone (`… | head -1`)."""
    silence(sys.stdout)
    silence(sys.stderr)
    raise SystemExit(CLOSED_PIPE)


def silence(stream: TextIO) -> None:
    """Send what the stream still holds nowhere, so that the exit does not trip over it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
