"""Files that go along with a question: text, each under its name."""

from __future__ import annotations

import os
from pathlib import Path

from askcli.contract import MAX_QUESTION_CHARACTERS
from askcli.errors import Misused, PayloadTooLarge

# A character takes at most 4 bytes in UTF-8; reading one byte more shows that it is too much.
MAX_BYTES = MAX_QUESTION_CHARACTERS * 4


def read(paths: list[Path]) -> list[str]:
    """The files as parts of a question. Raises Misused, or PayloadTooLarge, naming the file."""
    return [f'<file name="{_name(path)}">\n{_text(path)}\n</file>' for path in paths]


def _name(path: Path) -> str:
    """What the model is told the file is called: never where it is on this machine."""
    return os.fsencode(path.name).decode("utf-8", "replace").replace('"', "'")


def _text(path: Path) -> str:
    content = _content(path)
    if len(content) > MAX_BYTES:
        raise PayloadTooLarge(
            f"{path} is too long: a question has at most {MAX_QUESTION_CHARACTERS:,} characters."
        )
    if b"\0" in content:
        raise Misused(f"{path} is not text but binary (it has NUL bytes); only text can be sent.")
    return decoded(content, str(path), "utf-8-sig")


def decoded(content: bytes, name: str, encoding: str = "utf-8") -> str:
    """The text, without line feeds at its end. Raises Misused, naming what holds none."""
    try:
        return content.decode(encoding).rstrip("\n")
    except UnicodeDecodeError as error:
        raise Misused(
            f"{name} is not UTF-8 text (byte {error.start}); convert it, for example with iconv."
        ) from None


def _content(path: Path) -> bytes:
    """The file's beginning, as much as may be sent and one byte more: it may have no end."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Misused(f"cannot read {path}: {error.strerror}.") from None
