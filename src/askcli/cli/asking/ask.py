"""askcli ask: a question, and its answer as it comes."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any
from uuid import uuid4

import typer

from askcli.cli import console, options
from askcli.cli.asking import question
from askcli.cli.asking.limits import within
from askcli.cli.asking.printing import Printer, check_whole, printer
from askcli.cli.models import ensure_local_model
from askcli.client.api import Api
from askcli.client.asking import Asking
from askcli.errors import AskcliError, Misused, Unreachable
from askcli.settings import Settings

CANCEL_SECONDS = 0.2


def ask(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[QUESTION]...",
            help="The question; stdin is added to it, `-` is stdin alone.",
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
    rejoin: Annotated[
        str | None, typer.Option("--rejoin", metavar="ID", help="Follow an answer again.")
    ] = None,
    retry: Annotated[
        str | None, typer.Option("--retry", metavar="ID", help="Ask the same question again.")
    ] = None,
    as_json: options.Json = False,
    ndjson: Annotated[
        bool, typer.Option("--ndjson", help="Print the events, one JSON object a line.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Print plain text, exactly as it came.")
    ] = False,
    server: options.Server = None,
    profile: options.Profile = None,
    timeout: options.Timeout = None,
) -> None:
    """Ask a question and print the answer."""
    if as_json + ndjson + raw > 1:
        raise Misused("choose one of --json, --ndjson and --raw.")
    connection = options.connection(server, profile, timeout)
    told = {
        "system": system,
        "model": model,
        "conversation_id": conversation and options.an_id(conversation),
        "max_tokens": max_tokens,
    }
    earlier = _earlier(rejoin, retry, words, told)
    if earlier is None:
        told["question"] = question.read(words or [])
    body = {name: value for name, value in told.items() if value is not None}
    if connection.place.socket:
        ensure_local_model(connection.settings)
    with connection.open() as api:
        if retry and earlier:
            body = _the_same(api, earlier)
        asking = Asking(api, console.note, earlier if rejoin else None)
        _run(
            connection.settings, api, asking, body, printer(as_json=as_json, ndjson=ndjson, raw=raw)
        )


def _earlier(
    rejoin: str | None, retry: str | None, words: list[str] | None, told: dict[str, Any]
) -> str | None:
    """The id of an earlier question, where one is asked for: then nothing else may be."""
    wanted = [name for name in (rejoin, retry) if name]
    if len(wanted) > 1 or (wanted and (words or any(told.values()))):
        raise Misused("--rejoin ID and --retry ID stand alone: the question is known.")
    return options.an_id(wanted[0]) if wanted else None


def _the_same(api: Api, question_id: str) -> dict[str, Any]:
    """What asks an earlier question again."""
    known = api.question(question_id)
    again = {
        "question": known["question"],
        "system": known["system"],
        "conversation_id": known["conversation_id"],
    }
    return {name: value for name, value in again.items() if value is not None}


def _run(settings: Settings, api: Api, asking: Asking, body: dict[str, Any], show: Printer) -> None:
    """Ask or rejoin, print, and tell what became of it when it does not come to its end."""
    late = Unreachable(f"there was no whole answer within {settings.timeout} s; it may yet come.")
    try:
        with within(settings.timeout, late):
            events = asking.rejoin() if asking.question_id else asking.ask(body, str(uuid4()))
            check_whole(show(events))
    except KeyboardInterrupt:
        _cancel(api, asking.question_id)
        raise
    except AskcliError as error:
        error.question_id = error.question_id or asking.question_id
        if error is late and asking.question_id:
            console.note(f"askcli: follow it with: askcli ask --rejoin {asking.question_id}")
        raise


def _cancel(api: Api, question_id: str | None) -> None:
    """Stop the answer at the server, without keeping the user waiting for it."""
    if question_id is None:
        return
    with suppress(AskcliError, KeyboardInterrupt), within(CANCEL_SECONDS, Unreachable("late")):
        api.cancel(question_id)
    console.note(f"askcli: stopped; the text so far is kept: askcli history show {question_id}")
