"""The question: the words, the files, and what stdin holds."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable
from pathlib import Path

from askcli.cli.input import attachments
from askcli.cli.output import transient
from askcli.contract import MAX_QUESTION_CHARACTERS
from askcli.errors import Misused, PayloadTooLarge

# A stdin that has sent nothing for so long may have been left open by mistake.
HINT_SECONDS = 1.0


def read(
    words: list[str], files: list[Path], tell: Callable[[str], None], *, stdin: bool = True
) -> str:
    """The question to ask. Raises Misused when there is none, PayloadTooLarge when it is too long.

    `-` is stdin alone; otherwise stdin, where it is not a terminal, follows the words and the
    files after an empty line. `tell` gets a hint when stdin sends nothing.
    """
    alone = words == ["-"]
    if alone and not stdin:
        raise Misused("`-` is stdin, and --no-stdin says not to read it.")
    said = "" if alone else " ".join(words)
    piped = _stdin(tell, wanted=alone) if stdin else ""
    question = "\n\n".join(part for part in (said, *attachments.read(files), piped) if part.strip())
    _check(question)
    return question


def _check(question: str) -> None:
    if not question:
        raise Misused('there is no question: askcli ask "why is the sky blue?"')
    if not question.isprintable() and any("\ud800" <= sign <= "\udfff" for sign in question):
        raise Misused("the question is not UTF-8 text.")
    if "\0" in question:
        raise Misused("the question contains a NUL byte; only text can be asked about.")
    if len(question) > MAX_QUESTION_CHARACTERS:
        raise PayloadTooLarge(_too_long())


def _stdin(tell: Callable[[str], None], *, wanted: bool) -> str:
    if sys.stdin is None or (sys.stdin.isatty() and not wanted):
        return ""
    _hint_when_silent(tell)
    content = sys.stdin.buffer.read(attachments.MAX_BYTES + 1)
    if len(content) > attachments.MAX_BYTES:
        raise PayloadTooLarge(_too_long())
    return attachments.decoded(content, "stdin")


def _hint_when_silent(tell: Callable[[str], None]) -> None:
    if sys.stdin.isatty():
        transient.clear()  # what is typed stands where the sign of life is
        tell("askcli: type the question; Ctrl-D on a line of its own ends it.")
        return
    try:
        heard, _, _ = select.select([sys.stdin], [], [], HINT_SECONDS)
    except (OSError, ValueError):  # not to be waited for: reading it tells what is wrong
        return
    if not heard:
        tell(
            "askcli: waiting for stdin, which is open but sends nothing; "
            "end it with Ctrl-D, or say --no-stdin."
        )


def _too_long() -> str:
    return f"the question is too long: at most {MAX_QUESTION_CHARACTERS:,} characters."
