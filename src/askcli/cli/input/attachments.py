"""Text files sent with a question, each under its name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from askcli.contract.limits import MAX_QUESTION_CHARACTERS
from askcli.errors import Misused, PayloadTooLarge

# A character takes at most 4 bytes in UTF-8; one byte more shows that the file is too long.
MAX_BYTES = MAX_QUESTION_CHARACTERS * 4


class Attachment(NamedTuple):
    """A text file as a part of a question; as text it is what the model reads."""

    name: str
    text: str

    def __str__(self) -> str:
        return f'<file name="{self.name}">\n{self.text}\n</file>'


def read(paths: list[Path], stdin: str | None = None) -> list[Attachment]:
    """Return the files; `stdin` is the text of the file `-`.

    Raises Misused or PayloadTooLarge with the name.
    """
    return [
        Attachment("stdin", stdin)
        if str(path) == "-" and stdin is not None
        else Attachment(_name(path), _text(path))
        for path in paths
    ]


def _name(path: Path) -> str:
    """Return the file's name for the model, without its directory."""
    return os.fsencode(path.name).decode("utf-8", "replace").replace('"', "'")


def _text(path: Path) -> str:
    content = _content(path)
    if len(content) > MAX_BYTES:
        raise PayloadTooLarge(
            f"{path} is too long: a question has at most {MAX_QUESTION_CHARACTERS:,} characters."
        )
    if b"\0" in content:
        raise Misused(f"{path} is not text but binary (it has NUL bytes); only text can be sent.")
    return decoded(content, str(path))


def decoded(content: bytes, name: str) -> str:
    """Return the text without trailing line feeds, and without a byte order mark before it.

    Raises Misused, with the name, if it is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig").rstrip("\n")
    except UnicodeDecodeError as error:
        raise Misused(
            f"{name} is not UTF-8 text (byte {error.start}); convert it, for example with iconv."
        ) from None


def _content(path: Path) -> bytes:
    """Read at most MAX_BYTES and one byte more: the file may be endless."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Misused(f"cannot read {path}: {error.strerror}.") from None
    except ValueError as error:  # a NUL in its name
        raise Misused(f"cannot read {path}: {error}.") from None
