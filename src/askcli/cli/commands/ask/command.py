"""The command: which question is asked, with which options."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from askcli.cli.commands.ask.answering import opened, print_events
from askcli.cli.input import options, question, question_ids
from askcli.cli.input.last_conversation import last_of
from askcli.cli.output import notices, output_file
from askcli.cli.output.answer import Printer, printer
from askcli.client.api import Api
from askcli.client.http.deadline import within
from askcli.client.resume import Asking
from askcli.client.target import Connection
from askcli.errors import Misused, TimedOut

log = logging.getLogger("askcli.notices")

# Of an earlier question, when it is asked again.
KEPT = ("question", "conversation_id", "system", "model", "max_tokens")


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A new question as the options describe it; `settings` are fields of the request."""

    words: list[str]
    files: list[Path]
    settings: dict[str, Any]
    conversation: str | None
    go_on: bool
    read_stdin: bool
    seconds: int | None  # to wait for stdin

    @property
    def has_text(self) -> bool:
        """Whether there is a question, a file or a conversation."""
        return bool(self.words or self.files or self.conversation or self.go_on)


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
    output: options.OutputFile = None,
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
    new = NewQuestion(
        words or [], files or [], settings, conversation, go_on, not no_stdin, timeout
    )
    _check_alone(rejoin, retry, new)
    connection = options.connection(server, profile, timeout)
    show = printer(as_json=as_json, ndjson=ndjson, raw=raw)
    late = TimedOut(f"the command did not end within {timeout} s; raise --timeout.")
    with within(timeout, late), output_file.replaced(output):
        _answer(connection, rejoin, retry, new, show)


def _answer(
    connection: Connection, rejoin: str | None, retry: str | None, new: NewQuestion, show: Printer
) -> None:
    """Print the answer of an earlier question, or of the new one."""
    if rejoin is not None:
        _rejoin(connection, rejoin, show)
    elif retry is not None:
        _retry(connection, retry, new, show)
    else:
        _ask(connection, new, show)


def _check_alone(rejoin: str | None, retry: str | None, new: NewQuestion) -> None:
    """Raise Misused for --rejoin or --retry with a question or with an invalid id."""
    given = [text for text in (rejoin, retry) if text is not None]
    if len(given) > 1 or (given and new.has_text):
        raise Misused("--rejoin and --retry take no question and exclude each other.")
    if rejoin is not None and (changed := _given(new.settings)):
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in changed)
        raise Misused(
            f"--rejoin takes no {flags}: use --retry ID to ask again with other settings."
        )
    for text in given:
        question_ids.parse_whole(text)


def _ask(connection: Connection, new: NewQuestion, show: Printer) -> None:
    """Ask a new question."""
    text = question.read(new.words, new.files, read_stdin=new.read_stdin, seconds=new.seconds)
    with opened(connection) as api:
        conversation_id = _conversation(connection, api, new)
        body = new.settings | {"question": text, "conversation_id": conversation_id}
        _send(connection, api, body, show)


def _retry(connection: Connection, id_: str, new: NewQuestion, show: Printer) -> None:
    """Ask an earlier question again, with the same settings unless options override them."""
    with opened(connection) as api:
        earlier: Mapping[str, Any] = question_ids.find(api, id_)
        body = {name: earlier.get(name) for name in KEPT}
        # "" and not None: its conversation may have been given a system prompt since.
        body["system"] = body["system"] or ""
        _send(connection, api, body | _given(new.settings), show)


def _rejoin(connection: Connection, id_: str, show: Printer) -> None:
    """Follow the answer of an earlier question from its beginning."""
    with opened(connection) as api:
        asking = Asking(api, question_ids.resolve_question(api, id_))
        print_events(connection, api, asking, asking.rejoin(), show)


def _send(connection: Connection, api: Api, body: dict[str, Any], show: Printer) -> None:
    asking = Asking(api)
    print_events(connection, api, asking, asking.ask(_given(body), str(uuid4())), show)


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _conversation(connection: Connection, api: Api, new: NewQuestion) -> str | None:
    """Return the id of the conversation to go on with, None for a new one."""
    if new.conversation is not None:
        conversation_id = question_ids.resolve_conversation(api, new.conversation)
        log.info("askcli: continuing conversation %s.", conversation_id)
        return conversation_id
    if not new.go_on:
        return None
    last = last_of(connection)
    log.info("askcli: continuing conversation %s (%s).", last.id, last.question)
    return last.id
