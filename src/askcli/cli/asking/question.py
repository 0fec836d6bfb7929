"""The question: the words, what stdin holds, or both."""

from __future__ import annotations

import sys

from askcli.contract import MAX_QUESTION_CHARACTERS
from askcli.errors import Misused, PayloadTooLarge

# A character takes at most 4 bytes in UTF-8; reading one byte more shows that it is too much.
_MAX_BYTES = MAX_QUESTION_CHARACTERS * 4


def read(words: list[str]) -> str:
    """The question to ask. Raises Misused when there is none, PayloadTooLarge when it is too long.

    `-` is stdin alone; otherwise stdin, where it is not a terminal, follows the words after an
    empty line.
    """
    alone = words == ["-"]
    said = "" if alone else " ".join(words)
    piped = _stdin(wanted=alone)
    question = "\n\n".join(part for part in (said, piped) if part.strip())
    if not question:
        raise Misused('there is no question: askcli ask "why is the sky blue?"')
    if not question.isprintable() and any("\ud800" <= sign <= "\udfff" for sign in question):
        raise Misused("the question is not UTF-8 text.")
    if "\0" in question:
        raise Misused("the question contains a NUL byte; only text can be asked about.")
    if len(question) > MAX_QUESTION_CHARACTERS:
        raise PayloadTooLarge(_too_long())
    return question


def _stdin(*, wanted: bool) -> str:
    if sys.stdin is None or (sys.stdin.isatty() and not wanted):
        return ""
    content = sys.stdin.buffer.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise PayloadTooLarge(_too_long())
    try:
        return content.decode("utf-8").rstrip("\n")
    except UnicodeDecodeError as error:
        raise Misused(
            f"stdin is not UTF-8 text (byte {error.start}); convert it, for example with iconv."
        ) from None


def _too_long() -> str:
    return f"the question is too long: at most {MAX_QUESTION_CHARACTERS:,} characters."
