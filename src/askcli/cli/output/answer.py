"""Prints the events of an answer: as Markdown, text, one JSON object, or JSON lines."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from typing import Any

from askcli.cli.output.terminal import console
from askcli.client.http.events import Event
from askcli.contract.protocol import EVENT_DELTA, EVENT_QUESTION
from askcli.contract.shapes import Question
from askcli.errors import AskcliError, Interrupted, Misused, ProviderFailed

log = logging.getLogger("askcli.notices")

# Stop reasons of a complete answer.
WHOLE = ("end_turn", "stop_sequence")

# How a command's answer can be longer, for its hint.
LONGER = "raise it with --max-tokens."

# Passes a question's events on, and notes some of them.
Noted = Callable[[Iterator[Event]], Iterator[Event]]
# Prints events and returns the finished question; raises the error that ended it instead.
Printer = Callable[[Iterator[Event]], Question]
Shower = Callable[[Iterator[str]], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of an answer: it is printed as it comes, or its code alone once it is whole.

    And once it is whole, it is copied and opened as a page.
    """

    as_json: bool = False
    ndjson: bool = False
    raw: bool = False
    code: bool = False
    all_code: bool = False
    copied: bool = False
    opened: bool = False

    def check(self) -> None:
        """Raise Misused for options that exclude each other."""
        if self.as_json + self.ndjson + self.raw > 1:
            raise Misused("choose one of --json, --ndjson and --raw.")
        if self.is_code and (self.as_json or self.ndjson):
            raise Misused("--code prints no JSON: choose one.")
        if self.code and self.all_code:
            raise Misused("choose one of --code and --all-code.")

    @property
    def is_code(self) -> bool:
        """Whether the code alone is printed and copied."""
        return self.code or self.all_code

    @property
    def is_of_one(self) -> bool:
        """Whether something is taken out of one answer."""
        return self.is_code or self.copied or self.opened

    def printer(self) -> Printer:
        """Return what prints the answer as it comes, or nothing of it."""
        if self.is_code:
            return _print_nothing
        return printer(as_json=self.as_json, ndjson=self.ndjson, raw=self.raw)

    def print_code(self, question: Question) -> None:
        """Print the code, where it is what is wanted. Raises NotFound where there is none."""
        if self.is_code:
            console.out(self._text(question), raw=self.raw)

    def hand_on(self, question: Question) -> None:
        """Copy and open the whole answer. Raises Failed where that fails."""
        if self.copied:
            from askcli.cli.output import clipboard

            log.info("askcli: copied %s", clipboard.copy(self._text(question)))
        if self.opened:
            from askcli.cli.output import pages

            pages.show(question)

    def _text(self, question: Question) -> str:
        if not self.is_code:
            return question["answer"]
        from askcli.cli.output.markdown import code_blocks

        try:
            take = code_blocks.joined if self.all_code else code_blocks.last
            return take(question["answer"])
        except AskcliError as error:
            error.question_id = question["id"]
            raise


def printer(*, as_json: bool, ndjson: bool, raw: bool) -> Printer:
    """Return the printer for the options; the default is Markdown on a terminal, else text."""
    if ndjson:
        return _print_events
    if as_json:
        return _print_object
    return lambda events: _print_with(events, shower(raw=raw))


def shower(*, raw: bool = False) -> Shower:
    """Return the function that prints text: as Markdown on a terminal, else as it is."""
    if not raw and console.is_terminal():
        return _print_markdown
    return lambda pieces: _print_text(pieces, raw=raw)


def _print_markdown(pieces: Iterator[str]) -> None:
    first = next(pieces, "")
    from askcli.cli.output.markdown.printing import print_markdown

    print_markdown(chain([first], pieces))


def _print_with(events: Iterator[Event], show: Shower) -> Question:
    endings: list[Event] = []

    def pieces() -> Iterator[str]:
        for event in events:
            if event.name == EVENT_DELTA:
                yield event.data["text"]
            elif event.name == EVENT_QUESTION and show is _print_markdown:
                import_module("askcli.cli.output.markdown.printing")  # rich, while the model thinks
            elif event.is_last:
                endings.append(event)

    show(pieces())
    return _ended(endings)


def _print_text(pieces: Iterator[str], *, raw: bool) -> None:
    last, before = "\n", ""
    for piece in pieces:
        console.out(piece, raw=raw, before=before)
        last, before = console.harmless(piece) or last, piece[-1:] or before
    if not raw and not last.endswith("\n"):
        console.out("\n")


def _print_events(events: Iterator[Event]) -> Question:
    endings: list[Event] = []
    for event in events:
        console.out_json({"event": event.name, "data": event.data})
        if event.is_last:
            endings.append(event)
    return _ended(endings)


def _print_nothing(events: Iterator[Event]) -> Question:
    return _ended([event for event in events if event.is_last])


def _print_object(events: Iterator[Event]) -> Question:
    finished = _print_nothing(events)
    console.out_json(finished)
    return finished


def _ended(endings: list[Event]) -> Question:
    """Return the finished question. Raises the error of an `error` event."""
    if not endings:
        raise Interrupted("the answer ended without an end; see `askcli history`.")
    if error := endings[0].error():
        raise error
    finished: Any = endings[0].data
    return finished  # type: ignore[no-any-return]


def check_ended_whole(question: Question, command: Callable[[str], str]) -> None:
    """Raise ProviderFailed unless the stored answer is complete; an imported one has no reason.

    `command` makes the command of a hint out of its words.
    """
    if question["status"] == "answering":
        follow = command(f"ask --rejoin {question['id']}")
        detail = f"the answer is not complete yet; `{follow}` follows it."
        raise ProviderFailed(detail, question_id=question["id"], question_status="answering")
    if question["status"] != "answered" or question["stop_reason"] is not None:
        retry = command(f"ask --retry {question['id']} --max-tokens N")
        check_whole(question, f"ask for a longer one with `{retry}`.")


def check_whole(finished: Question, longer: str = LONGER) -> None:
    """Raise ProviderFailed unless the answer is complete; `longer` says how to get a longer one."""
    if finished["status"] == "answered" and finished["stop_reason"] in WHOLE:
        return
    status = finished["status"] if finished["status"] != "answered" else "no reason"
    reason = finished["stop_reason"] or finished["error"] or status
    detail = {
        "refusal": "the model refused to answer this.",
        "max_tokens": f"the answer was cut off at its length limit: {longer}",
    }.get(reason, f"the answer is not whole: it ended with {reason}.")
    raise ProviderFailed(detail, question_id=finished["id"], question_status=finished["status"])
