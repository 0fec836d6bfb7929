"""askcli ask: a new question, an earlier one again, or an answer in progress."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from askcli.cli.commands.models import ensure_local_model
from askcli.cli.input import options, question, question_ids
from askcli.cli.input.deadline import within
from askcli.cli.input.last_conversation import Terminal
from askcli.cli.output import notices, spinner
from askcli.cli.output.answer import Printer, check_whole, printer
from askcli.cli.reference import completion_cache
from askcli.client.api import Api
from askcli.client.resume import Asking
from askcli.client.target import Connection
from askcli.client.transport import Event
from askcli.contract.protocol import EVENT_QUESTION
from askcli.errors import AskcliError, Misused, Unreachable

log = logging.getLogger("askcli.notices")

CANCEL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A new question as the options describe it; `settings` are fields of the request."""

    words: list[str]
    files: list[Path]
    settings: dict[str, Any]
    conversation: str | None
    go_on: bool
    read_stdin: bool

    @property
    def is_empty(self) -> bool:
        """Whether no option says anything about a new question."""
        settings = any(self.settings.values())
        return not (self.words or self.files or settings or self.conversation or self.go_on)


def ask(
    words: options.Words = None,
    files: options.Files = None,
    system: options.System = None,
    model: options.Model = None,
    go_on: options.Continue = False,
    conversation: options.ConversationId = None,
    max_tokens: options.MaxTokens = None,
    rejoin: options.Rejoin = None,
    retry: options.Retry = None,
    no_stdin: options.NoStdin = False,
    as_json: options.Json = False,
    ndjson: options.Ndjson = False,
    raw: options.Raw = False,
    quiet: options.Quiet = False,
    server: options.Server = None,
    profile: options.Profile = None,
    timeout: options.Timeout = None,
) -> None:
    """Ask a question and print the answer."""
    if as_json + ndjson + raw > 1:
        raise Misused("choose one of --json, --ndjson and --raw.")
    if quiet:
        notices.silence()
    settings = {"system": system, "model": model, "max_tokens": max_tokens}
    new = NewQuestion(words or [], files or [], settings, conversation, go_on, not no_stdin)
    _check_alone(rejoin, retry, new)
    connection = options.connection(server, profile, timeout)
    show = printer(as_json=as_json, ndjson=ndjson, raw=raw)
    if rejoin:
        _rejoin(connection, rejoin, show)
    elif retry:
        _retry(connection, retry, show)
    else:
        _ask(connection, new, show)


def _check_alone(rejoin: str | None, retry: str | None, new: NewQuestion) -> None:
    """Raise Misused where --rejoin or --retry comes with another question, or with no id."""
    ids = [text for text in (rejoin, retry) if text]
    if ids and (len(ids) > 1 or not new.is_empty):
        raise Misused("--rejoin ID and --retry ID stand alone: the question is known.")
    for text in ids:
        question_ids.parse_whole(text)


def _ask(connection: Connection, new: NewQuestion, show: Printer) -> None:
    """Ask a new question."""
    text = question.read(new.words, new.files, stdin=new.read_stdin)
    with _open(connection) as api:
        conversation_id = _conversation(connection, api, new)
        body = new.settings | {"question": text, "conversation_id": conversation_id}
        _send(connection, api, body, show)


def _retry(connection: Connection, id_: str, show: Printer) -> None:
    """Ask an earlier question again."""
    with _open(connection) as api:
        earlier = api.question(question_ids.resolve_question(api, id_))
        body = {
            "question": earlier["question"],
            "system": earlier["system"],
            "conversation_id": earlier["conversation_id"],
        }
        _send(connection, api, body, show)


def _rejoin(connection: Connection, id_: str, show: Printer) -> None:
    """Follow the answer of an earlier question from its beginning."""
    with _open(connection) as api:
        asking = Asking(api, question_ids.resolve_question(api, id_))
        _print_events(connection, api, asking, asking.rejoin(), show)


@contextmanager
def _open(connection: Connection) -> Iterator[Api]:
    if connection.is_local:
        ensure_local_model(connection.settings)
    with connection.open() as api:
        yield api


def _send(connection: Connection, api: Api, body: dict[str, Any], show: Printer) -> None:
    asking = Asking(api)
    body = {name: value for name, value in body.items() if value is not None}
    _print_events(connection, api, asking, asking.ask(body, str(uuid4())), show)


def _conversation(connection: Connection, api: Api, new: NewQuestion) -> str | None:
    """Return the id of the conversation to go on with, None for a new one."""
    if new.conversation:
        conversation_id = question_ids.resolve_conversation(api, new.conversation)
        log.info("askcli: continuing conversation %s.", conversation_id)
        return conversation_id
    if not new.go_on:
        return None
    terminal = Terminal(connection.settings.state_dir, connection.account_key)
    if not terminal.exists:
        raise Misused(
            "there is no terminal here whose conversation -c could mean: name one with "
            "--conversation ID."
        )
    last = terminal.last()
    if last is None:
        raise Misused("nothing was asked in this terminal yet: ask without -c first.")
    log.info("askcli: continuing conversation %s (%s).", last.id, last.question)
    return last.id


def _print_events(
    connection: Connection, api: Api, asking: Asking, events: Iterator[Event], show: Printer
) -> None:
    """Print the answer within --timeout. Ctrl-C cancels it; a time-out leaves it running."""
    seconds = connection.settings.timeout
    timeout = Unreachable(f"there was no whole answer within {seconds} s; it may yet come.")
    spinner.animate()
    try:
        with within(seconds, timeout):
            finished = show(_remembering(connection, events))
        completion_cache.questions([finished])
        check_whole(finished)
    except KeyboardInterrupt:
        _cancel(api, asking.question_id)
        raise
    except AskcliError as error:
        error.question_id = error.question_id or asking.question_id
        if error is timeout and asking.question_id:
            log.info("askcli: follow it with: askcli ask --rejoin %s", asking.question_id)
        raise


def _remembering(connection: Connection, events: Iterator[Event]) -> Iterator[Event]:
    """Yield the events; the question becomes the terminal's last one, which -c goes on with."""
    terminal = Terminal(connection.settings.state_dir, connection.account_key)
    for event in events:
        if event.name == EVENT_QUESTION:
            terminal.remember(event.data["conversation_id"], event.data["question"])
        yield event


def _cancel(api: Api, question_id: str | None) -> None:
    """Cancel the answer, without keeping the user waiting for the server."""
    if question_id is None:
        return
    with suppress(AskcliError, KeyboardInterrupt), within(CANCEL_SECONDS, Unreachable("late")):
        api.cancel(question_id)
    log.info("askcli: stopped; the text so far is kept: askcli history show %s", question_id)
