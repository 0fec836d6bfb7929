"""askcli ask: a question, and its answer as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any
from uuid import uuid4

import typer

from askcli.cli import console, options, question
from askcli.cli.models import ensure_local_model
from askcli.client.connect import connect
from askcli.client.transport import Event
from askcli.contract import (
    EVENT_DELTA,
    EVENT_DONE,
    EVENT_ERROR,
    Question,
)
from askcli.errors import Interrupted, Misused, ProviderFailed, from_problem


def ask(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[QUESTION]...", help="The question; stdin is added to it, `-` is stdin alone."
        ),
    ] = None,
    system: Annotated[
        str | None, typer.Option("--system", "-s", help="How the model is to answer.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Which model; see `askcli models`.")
    ] = None,
    conversation: Annotated[
        str | None, typer.Option("--conversation", metavar="ID", help="Go on with a conversation.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=1, help="How long the answer may become.")
    ] = None,
    as_json: options.Json = False,
    ndjson: Annotated[
        bool, typer.Option("--ndjson", help="Print the events, one JSON object a line.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Print plain text, exactly as it came.")
    ] = False,
    server: options.Server = None,
    timeout: options.Timeout = None,
) -> None:
    """Ask a question and print the answer."""
    if as_json + ndjson + raw > 1:
        raise Misused("choose one of --json, --ndjson and --raw.")
    settings = options.client_settings(server, timeout)
    asked = {
        "question": question.read(words or []),
        "system": system,
        "model": model,
        "conversation_id": conversation and options.an_id(conversation),
        "max_tokens": max_tokens,
    }
    ensure_local_model(settings)
    body = {name: value for name, value in asked.items() if value is not None}
    with connect(settings) as api, api.ask(body, key=str(uuid4())) as events:
        printer = _printer(as_json=as_json, ndjson=ndjson, raw=raw)
        _judge(printer(events))


def _printer(*, as_json: bool, ndjson: bool, raw: bool) -> Any:
    if ndjson:
        return _print_events
    if as_json:
        return _print_object
    if not raw and console.is_terminal():
        from askcli.cli.markdown import print_markdown  # loads rich, which only a terminal needs

        return lambda events: _print_with(events, print_markdown)
    return lambda events: _print_with(events, lambda pieces: _print_text(pieces, raw=raw))


def _print_with(events: Iterator[Event], show: Any) -> Question:
    ending: list[Question] = []

    def pieces() -> Iterator[str]:
        for event in events:
            if event.name == EVENT_DELTA:
                yield event.data["text"]
            elif end := _end(event):
                ending.append(end)

    show(pieces())
    return _ended(ending)


def _print_text(pieces: Iterator[str], *, raw: bool) -> None:
    last = "\n"
    for piece in pieces:
        console.out(piece, raw=raw)
        last = piece
    if not raw and not last.endswith("\n"):
        console.out("\n")


def _print_events(events: Iterator[Event]) -> Question:
    ending: list[Question] = []
    for event in events:
        console.out_json({"event": event.name, "data": event.data})
        if end := _end(event):
            ending.append(end)
    return _ended(ending)


def _print_object(events: Iterator[Event]) -> Question:
    ended = _ended([end for event in events if (end := _end(event))])
    console.out_json(ended)
    return ended


def _end(event: Event) -> Question | None:
    """The finished question, if this event brings it. Raises the error that it may bring."""
    if event.name == EVENT_ERROR:
        raise from_problem(event.data.get("status", 500), event.data)
    if event.name != EVENT_DONE:
        return None
    finished: Any = event.data
    return finished  # type: ignore[no-any-return]


def _ended(ending: list[Question]) -> Question:
    if not ending:
        raise Interrupted(
            "the connection closed before the answer was whole; see `askcli history`."
        )
    return ending[0]


def _judge(finished: Question) -> None:
    """Raises unless the answer is a whole one."""
    if finished["stop_reason"] == "refusal":
        raise ProviderFailed("the model refused to answer this.", question_id=finished["id"])
    if finished["stop_reason"] == "max_tokens":
        raise ProviderFailed(
            "the answer was cut off at its length limit: raise it with --max-tokens.",
            question_id=finished["id"],
        )
