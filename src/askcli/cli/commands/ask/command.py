"""askcli ask: its options, and the question that they ask, ask again or rejoin."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from askcli.cli.commands.ask.answering import opened, print_events
from askcli.cli.input import options, question, question_ids
from askcli.cli.input.last_conversation import last_of
from askcli.cli.output import output_file
from askcli.cli.output.answer import Noted, Outcome, Printer
from askcli.cli.output.terminal import notices, spinner
from askcli.client.api import Api
from askcli.client.http.deadline import within
from askcli.client.resume import Asking
from askcli.client.target import Connection
from askcli.contract.shapes import Question
from askcli.errors import Misused, TimedOut

log = logging.getLogger("askcli.notices")

# Of an earlier question, when it is asked again.
KEPT = ("question", "conversation_id", "system", "model", "max_tokens")


@dataclass(frozen=True, slots=True)
class Request:
    """A new question, or an earlier one, as the options describe it.

    `settings` are optional fields of the API's request, `rejoin` and `retry` ids of questions.
    """

    words: list[str]
    files: list[Path]
    settings: dict[str, Any]
    conversation: str | None
    go_on: bool
    read_stdin: bool
    seconds: int | None  # of the whole command
    rejoin: str | None
    retry: str | None
    edit: bool

    def check(self) -> None:
        """Raise Misused for --rejoin or --retry with a question or with an invalid id."""
        given = [text for text in (self.rejoin, self.retry) if text is not None]
        if len(given) > 1 or (given and self._has_text):
            raise Misused("--rejoin and --retry take no question and exclude each other.")
        if self.rejoin is not None and (changed := _given(self.settings)):
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in changed)
            raise Misused(
                f"--rejoin takes no {flags}: use --retry ID to ask again with other settings."
            )
        if self.edit and self.words == ["-"]:
            raise Misused("--edit begins with words; stdin follows them without `-`.")
        for text in given:
            question_ids.parse_whole(text)

    @property
    def _has_text(self) -> bool:
        """Whether there is a question, a file or a conversation."""
        return bool(self.words or self.files or self.conversation or self.go_on or self.edit)


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
    edit: options.Edit = False,
    no_stdin: options.NoStdin = False,
    as_json: options.Json = False,
    ndjson: options.Ndjson = False,
    raw: options.Raw = False,
    code: options.CodeOnly = False,
    all_code: options.AllCode = False,
    output: options.OutputFile = None,
    copy: options.Copy = False,
    open_: options.OpenPage = False,
    quiet: options.Quiet = False,
    server: options.Server = None,
    profile: options.Profile = None,
    timeout: options.Timeout = None,
) -> None:
    """Ask a question and print the answer."""
    if quiet:
        notices.silence()
    outcome = Outcome(as_json, ndjson, raw, code, all_code, copy, open_)
    settings = {"system": system, "model": model, "max_tokens": max_tokens}
    given = (words or [], files or [], settings, conversation, go_on, not no_stdin, timeout)
    request = Request(*given, rejoin, retry, edit)
    outcome.check()
    request.check()
    connection = options.connection(server, profile, timeout)
    with output_file.replaced(output):
        answered = _answered(connection, request, outcome)
    outcome.hand_on(answered)


def _answered(connection: Connection, request: Request, outcome: Outcome) -> Question:
    """Print the answer, and return it whole.

    An editor may take any time; its text is kept where it does not become a question.
    """
    show = outcome.printer()
    with ExitStack() as stack:
        if request.edit:
            from askcli.cli.input import editor  # what no other question needs

            text = editor.edited(" ".join(request.words))
            noted = stack.enter_context(editor.kept(text, connection.settings.state_dir))
            request, show = replace(request, words=[text]), _noting(noted, show)
            if log.isEnabledFor(logging.INFO):
                spinner.show("Asking…")
        late = f"the command did not end within {request.seconds} s; raise --timeout."
        stack.enter_context(within(request.seconds, TimedOut(late)))
        answered = _print(connection, request, show)
        outcome.print_code(answered)
    return answered


def _noting(noted: Noted, show: Printer) -> Printer:
    return lambda events: show(noted(events))


def _print(connection: Connection, request: Request, show: Printer) -> Question:
    """Print the answer of an earlier question, or of the new one."""
    if request.rejoin is not None:
        return _rejoin(connection, request.rejoin, show)
    if request.retry is not None:
        return _retry(connection, request.retry, request, show)
    return _ask(connection, request, show)


def _ask(connection: Connection, new: Request, show: Printer) -> Question:
    """Ask a new question."""
    text = question.read(new.words, new.files, read_stdin=new.read_stdin, seconds=new.seconds)
    with opened(connection) as api:
        conversation_id = _conversation(connection, api, new)
        body = new.settings | {"question": text, "conversation_id": conversation_id}
        return _send(connection, api, body, show)


def _retry(connection: Connection, id_: str, new: Request, show: Printer) -> Question:
    """Ask an earlier question again, with the same settings unless options override them."""
    with opened(connection) as api:
        earlier: Mapping[str, Any] = question_ids.find(api, id_)
        body = {name: earlier.get(name) for name in KEPT}
        # "" and not None: its conversation may have been given a system prompt since.
        body["system"] = body["system"] or ""
        return _send(connection, api, body | _given(new.settings), show)


def _rejoin(connection: Connection, id_: str, show: Printer) -> Question:
    """Follow the answer of an earlier question from its beginning."""
    with opened(connection) as api:
        asking = Asking(api, question_ids.resolve_question(api, id_))
        return print_events(connection, api, asking, asking.rejoin(), show)


def _send(connection: Connection, api: Api, body: dict[str, Any], show: Printer) -> Question:
    asking = Asking(api)
    return print_events(connection, api, asking, asking.ask(_given(body), str(uuid4())), show)


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _conversation(connection: Connection, api: Api, new: Request) -> str | None:
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
