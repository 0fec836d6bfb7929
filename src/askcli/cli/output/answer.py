"""Prints the events of an answer: as Markdown, text, one JSON object, or JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import chain
from typing import Any

from askcli.cli.output import console
from askcli.client.http.events import Event
from askcli.contract.protocol import EVENT_DELTA, EVENT_QUESTION
from askcli.contract.shapes import Question
from askcli.errors import Interrupted, ProviderFailed

# Stop reasons of a complete answer.
WHOLE = ("end_turn", "stop_sequence")

# Prints events and returns the finished question; raises the error that ended it instead.
Printer = Callable[[Iterator[Event]], Question]
Shower = Callable[[Iterator[str]], None]


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
    from askcli.cli.output.markdown import print_markdown

    print_markdown(chain([first], pieces))


def _print_with(events: Iterator[Event], show: Shower) -> Question:
    endings: list[Event] = []

    def pieces() -> Iterator[str]:
        for event in events:
            if event.name == EVENT_DELTA:
                yield event.data["text"]
            elif event.name == EVENT_QUESTION and show is _print_markdown:
                import_module("askcli.cli.output.markdown")  # rich, while the model thinks
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


def _print_object(events: Iterator[Event]) -> Question:
    finished = _ended([event for event in events if event.is_last])
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


def check_whole(finished: Question) -> None:
    """Raise ProviderFailed unless the answer is complete."""
    if finished["status"] == "answered" and finished["stop_reason"] in WHOLE:
        return
    reason = finished["stop_reason"] or "no reason"
    detail = {
        "refusal": "the model refused to answer this.",
        "max_tokens": "the answer was cut off at its length limit: raise it with --max-tokens.",
    }.get(reason, f"the answer is not whole: it ended with {reason}.")
    raise ProviderFailed(detail, question_id=finished["id"], question_status=finished["status"])
