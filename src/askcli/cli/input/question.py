"""The text of a question: the words, the files and stdin."""

from __future__ import annotations

import logging
import select
import sys
from pathlib import Path

from askcli.cli.input import attachments
from askcli.cli.output import transient
from askcli.contract.limits import MAX_QUESTION_CHARACTERS
from askcli.errors import Misused, PayloadTooLarge

log = logging.getLogger("askcli.notices")

# A stdin that sends nothing for this long may have been left open by mistake.
HINT_SECONDS = 1.0
STDIN = Path("-")


def read(words: list[str], files: list[Path], *, stdin: bool = True) -> str:
    """Return the question. Raises Misused for an empty one, PayloadTooLarge for a too long one.

    `-` is stdin alone; otherwise stdin, where it is not a terminal, follows the words and the
    files after an empty line. The file `-` is stdin as a file.
    """
    is_stdin_alone, is_stdin_file = words == ["-"], STDIN in files
    if (is_stdin_alone or is_stdin_file) and not stdin:
        raise Misused("`-` reads stdin, which --no-stdin excludes.")
    text = "" if is_stdin_alone else " ".join(words)
    piped = _stdin(is_required=is_stdin_alone or is_stdin_file) if stdin else ""
    attached = attachments.read(files, piped if is_stdin_file else None)
    parts = (text, *attached, "" if is_stdin_file else piped)
    question = "\n\n".join(part for part in parts if part.strip())
    _check(question)
    return question


def _check(question: str) -> None:
    if not question:
        raise Misused('there is no question: askcli ask "why is the sky blue?"')
    if not question.isprintable() and any("\ud800" <= char <= "\udfff" for char in question):
        raise Misused("the question is not UTF-8 text.")
    if "\0" in question:
        raise Misused("the question contains a NUL byte; only text can be asked about.")
    if len(question) > MAX_QUESTION_CHARACTERS:
        raise PayloadTooLarge(_too_long())


def _stdin(*, is_required: bool) -> str:
    if sys.stdin is None or (sys.stdin.isatty() and not is_required):
        return ""
    _hint_when_silent()
    content = sys.stdin.buffer.read(attachments.MAX_BYTES + 1)
    if len(content) > attachments.MAX_BYTES:
        raise PayloadTooLarge(_too_long())
    return attachments.decoded(content, "stdin")


def _hint_when_silent() -> None:
    if sys.stdin.isatty():
        transient.clear()  # the typed text takes the place of the spinner
        log.info("askcli: type the question; Ctrl-D on a line of its own ends it.")
        return
    try:
        readable, _, _ = select.select([sys.stdin], [], [], HINT_SECONDS)
    except (OSError, ValueError):  # cannot be waited for: reading it raises the reason
        return
    if not readable:
        log.info(
            "askcli: waiting for stdin, which is open but sends nothing; "
            "end it with Ctrl-D, or say --no-stdin."
        )


def _too_long() -> str:
    return f"the question is too long: at most {MAX_QUESTION_CHARACTERS:,} characters."
