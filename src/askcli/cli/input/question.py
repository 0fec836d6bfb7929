"""The text of a question: the words, the files and stdin."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from askcli.cli.input import attachments, stdin
from askcli.cli.input.attachments import Attachment
from askcli.cli.output.terminal import transient
from askcli.client.http.deadline import within
from askcli.contract.limits import MAX_QUESTION_CHARACTERS
from askcli.errors import Misused, PayloadTooLarge, TimedOut

log = logging.getLogger("askcli.notices")

# A stdin that sends nothing for this long may have been left open by mistake.
HINT_SECONDS = 1.0
STDIN = Path("-")


def read(
    words: list[str], files: list[Path], *, read_stdin: bool = True, seconds: int | None = None
) -> str:
    """Return the question, for which stdin is waited for `seconds` (None: to its end).

    `-` is stdin alone; otherwise stdin, where it is not a terminal, follows the words and the
    files after an empty line. The file `-` is stdin as a file.

    Raises Misused for an empty one, PayloadTooLarge for a too long one, and TimedOut.
    """
    is_stdin_alone, is_stdin_file = words == ["-"], STDIN in files
    if words[:1] == ["-"] and not is_stdin_alone:
        raise Misused("`-` is stdin alone: leave it out, and stdin follows the words.")
    if (is_stdin_alone or is_stdin_file) and not read_stdin:
        raise Misused("`-` reads stdin, which --no-stdin excludes.")
    text = "" if is_stdin_alone else " ".join(words)
    late = TimedOut(
        f"stdin did not end within {seconds} s; end it, raise --timeout, or say --no-stdin."
    )
    with within(seconds, late):
        piped = _stdin(is_required=is_stdin_alone or is_stdin_file) if read_stdin else ""
    attached = attachments.read(files, piped if is_stdin_file else None)
    return joined(text, attached, "" if is_stdin_file else piped)


def joined(text: str, attached: list[Attachment], piped: str = "") -> str:
    """Return the question of these parts. Raises Misused or PayloadTooLarge."""
    if not any(part.strip() for part in (text, piped, *(file.text for file in attached))):
        empty = f"{attached[0].name} is empty, and " if attached else ""
        raise Misused(f'{empty}there is no question: askcli ask "why is the sky blue?"')
    question = "\n\n".join(part for part in (text, *map(str, attached), piped) if part.strip())
    _check(question)
    return question


def is_text(text: str) -> bool:
    """Whether it has no surrogate, which Python puts in the place of a byte of another encoding."""
    return text.isprintable() or not any("\ud800" <= char <= "\udfff" for char in text)


def _check(question: str) -> None:
    if not is_text(question):
        raise Misused("the question is not UTF-8 text.")
    if "\0" in question:
        raise Misused("the question contains a NUL byte; only text can be asked about.")
    if len(question) > MAX_QUESTION_CHARACTERS:
        raise PayloadTooLarge(_too_long())


def _stdin(*, is_required: bool) -> str:
    if not is_required and (sys.stdin is None or stdin.is_terminal()):
        return ""
    _hint_when_silent()
    reader = "`-`" if is_required else "`ask` without --no-stdin"
    content = stdin.content(reader, attachments.MAX_BYTES + 1)
    if len(content) > attachments.MAX_BYTES:
        raise PayloadTooLarge(_too_long())
    return attachments.decoded(content, "stdin")


def _hint_when_silent() -> None:
    if stdin.is_terminal():
        transient.clear()  # the typed text takes the place of the spinner
        log.info("askcli: type the question; Ctrl-D on a line of its own ends it.")
        return
    if stdin.is_silent(HINT_SECONDS):
        log.info(
            "askcli: waiting for stdin, which is open but sends nothing; "
            "end it with Ctrl-D, or say --no-stdin."
        )


def _too_long() -> str:
    return f"the question is too long: at most {MAX_QUESTION_CHARACTERS:,} characters."
