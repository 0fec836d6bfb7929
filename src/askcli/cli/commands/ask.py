"""askcli ask: a question, and its answer as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer

from askcli.cli.commands.models import ensure_local_model
from askcli.cli.input import options, question, question_ids
from askcli.cli.input.deadline import within
from askcli.cli.input.last_conversation import Terminal
from askcli.cli.output import console, spinner
from askcli.cli.output.answer import Printer, check_whole, printer
from askcli.cli.reference import completion_cache
from askcli.client.api import Api
from askcli.client.resume import Asking
from askcli.client.target import Connection
from askcli.client.transport import Event
from askcli.contract import EVENT_QUESTION
from askcli.errors import AskcliError, Misused, Unreachable

CANCEL_SECONDS = 0.2

Body = dict[str, Any]


def ask(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[QUESTION]...",
            help="The question; stdin is added to it, `-` is stdin alone.",
        ),
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option("--file", "-f", metavar="FILE", help="Add a text file; may be repeated."),
    ] = None,
    system: Annotated[
        str | None, typer.Option("--system", "-s", help="How the model is to answer.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Which model; see `askcli models`.")
    ] = None,
    go_on: Annotated[
        bool, typer.Option("--continue", "-c", help="Go on with this terminal's conversation.")
    ] = False,
    conversation: Annotated[
        str | None,
        typer.Option("--conversation", metavar="ID", help="Go on with this one, whatever -c says."),
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
    no_stdin: Annotated[bool, typer.Option("--no-stdin", help="Do not read stdin.")] = False,
    as_json: options.Json = False,
    ndjson: Annotated[
        bool, typer.Option("--ndjson", help="Print the events, one JSON object a line.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Print plain text, exactly as it came.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No notices on stderr, only errors.")
    ] = False,
    server: options.Server = None,
    profile: options.Profile = None,
    timeout: options.Timeout = None,
) -> None:
    """Ask a question and print the answer."""
    if as_json + ndjson + raw > 1:
        raise Misused("choose one of --json, --ndjson and --raw.")
    tell = _nobody if quiet else console.note
    connection = options.connection(server, profile, timeout)
    told: Body = {"system": system, "model": model, "max_tokens": max_tokens}
    earlier = _earlier(rejoin, retry, bool(words or files or go_on or conversation), told)
    if earlier is None:
        told["question"] = question.read(words or [], files or [], tell, stdin=not no_stdin)
    if connection.place.socket:
        ensure_local_model(connection.settings, tell)
    show = printer(as_json=as_json, ndjson=ndjson, raw=raw)
    with connection.open() as api:
        terminal = Terminal(connection.settings.state_dir, connection.account)
        known = question_ids.of_question(api, earlier) if earlier else None
        asking = Asking(api, tell, known if rejoin else None)
        if known:
            told = _the_same(api, known) if retry else {}
        else:
            told["conversation_id"] = _conversation(api, terminal, conversation, tell, go_on=go_on)
        body = {name: value for name, value in told.items() if value is not None}
        _Asked(connection, api, terminal, asking, tell).run(body, show)


def _nobody(_text: str) -> None:
    """Tell nobody."""


def _earlier(rejoin: str | None, retry: str | None, has_more: bool, told: Body) -> str | None:
    """The id of an earlier question, where one is asked for: then nothing else may be."""
    wanted = [name for name in (rejoin, retry) if name]
    if len(wanted) > 1 or (wanted and (has_more or any(told.values()))):
        raise Misused("--rejoin ID and --retry ID stand alone: the question is known.")
    if wanted:
        question_ids.whole(wanted[0])  # what is no id at all is told before a server is asked
    return wanted[0] if wanted else None


def _conversation(
    api: Api, terminal: Terminal, named: str | None, tell: Callable[[str], None], *, go_on: bool
) -> str | None:
    """The conversation to go on with, told to the user."""
    if named:
        found = question_ids.of_conversation(api, named)
        tell(f"askcli: continuing conversation {found}.")
        return found
    if not go_on:
        return None
    if not terminal.exists:
        raise Misused("there is no terminal here whose conversation -c could mean: name one with "
                      "--conversation ID.")  # fmt: skip
    last = terminal.last()
    if last is None:
        raise Misused("nothing was asked in this terminal yet: ask without -c first.")
    tell(f"askcli: continuing conversation {last.id} ({last.question}).")
    return last.id


def _the_same(api: Api, question_id: str) -> Body:
    """What asks an earlier question again."""
    known = api.question(question_id)
    return {name: known[name] for name in ("question", "system", "conversation_id")}


class _Asked:
    """One question on its way, at this terminal."""

    def __init__(
        self,
        connection: Connection,
        api: Api,
        terminal: Terminal,
        asking: Asking,
        tell: Callable[[str], None],
    ) -> None:
        self._seconds = connection.settings.timeout
        self._api, self._terminal, self._asking, self._tell = api, terminal, asking, tell

    def run(self, body: Body, show: Printer) -> None:
        """Ask or rejoin, print, and tell what became of it when it does not come to its end."""
        late = Unreachable(f"there was no whole answer within {self._seconds} s; it may yet come.")
        asking = self._asking
        spinner.animate()
        try:
            with within(self._seconds, late):
                events = asking.rejoin() if asking.question_id else asking.ask(body, str(uuid4()))
                finished = show(self._remembered(events))
            completion_cache.questions([finished])
            check_whole(finished)
        except KeyboardInterrupt:
            self._cancel()
            raise
        except AskcliError as error:
            error.question_id = error.question_id or asking.question_id
            if error is late and asking.question_id:
                self._tell(f"askcli: follow it with: askcli ask --rejoin {asking.question_id}")
            raise

    def _remembered(self, events: Iterator[Event]) -> Iterator[Event]:
        """The events; what is asked becomes what `-c` goes on with."""
        for event in events:
            if event.name == EVENT_QUESTION:
                self._terminal.remember(event.data["conversation_id"], event.data["question"])
            yield event

    def _cancel(self) -> None:
        """Stop the answer at the server, without keeping the user waiting for it."""
        question_id = self._asking.question_id
        if question_id is None:
            return
        with suppress(AskcliError, KeyboardInterrupt), within(CANCEL_SECONDS, Unreachable("late")):
            self._api.cancel(question_id)
        self._tell(f"askcli: stopped; the text so far is kept: askcli history show {question_id}")
