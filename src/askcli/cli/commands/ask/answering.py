"""Printing of an answer: within the time-out, cancelled by Ctrl-C, remembered for -c."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from askcli.cli.input.last_conversation import terminal_of
from askcli.cli.output.answer import LONGER, Printer, check_whole
from askcli.cli.output.terminal import spinner, transient
from askcli.cli.reference import completion_cache
from askcli.client.api import Api
from askcli.client.http.deadline import within
from askcli.client.http.events import Event
from askcli.client.resume import Asking
from askcli.client.target import Connection
from askcli.contract.protocol import EVENT_QUESTION
from askcli.contract.shapes import Question
from askcli.errors import AskcliError, NotAuthenticated, NotFound, Unreachable

log = logging.getLogger("askcli.notices")

# Time for a new connection over a slow network, and for the reply; a second Ctrl-C ends it.
CANCEL_SECONDS = 2.0

# By the status of the question after the request to cancel it.
_STOPPED = {
    "cancelled": "stopped; the text so far is kept",
    "answering": "the stop is not confirmed, and the answer may go on",
}
_ENDED = "the answer had ended"


class Stopped(KeyboardInterrupt):
    """Ctrl-C while a question was asked; `question` is what has become of it, if that is known."""

    def __init__(self, question_id: str | None, question: Question | None) -> None:
        super().__init__()
        self.question_id = question_id
        self.question = question


@contextmanager
def opened(connection: Connection) -> Iterator[Api]:
    """Open the API; the local server gets the model that it needs."""
    spinner.animate()
    if connection.is_local:
        _prepare_local_model(connection)
    with connection.open() as api:
        yield api


def _prepare_local_model(connection: Connection) -> None:
    from askcli.cli.commands.models import ensure_local_model  # not needed to ask a server
    from askcli.client import local_server

    settings = connection.settings
    if ensure_local_model(settings) and not local_server.listens(
        local_server.socket_path(settings)
    ):
        spinner.say("Loading the model…")


def print_events(
    connection: Connection,
    api: Api,
    asking: Asking,
    events: Iterator[Event],
    show: Printer,
    longer: str = LONGER,
) -> Question:
    """Print the answer within --timeout, and return the finished question.

    Ctrl-C cancels it, and raises Stopped; a time-out leaves it running. `longer` is that of
    `check_whole`.
    """
    seconds, timeout = connection.settings.timeout, Unreachable()
    try:
        with within(seconds, timeout):
            finished = show(_remembering(connection, events))
        completion_cache.questions([finished])
        check_whole(finished, longer)
        return finished
    except KeyboardInterrupt:
        transient.end_soon()
        stopped = _cancelled(connection, api, asking.question_id)
        raise Stopped(asking.question_id, stopped) from None
    except AskcliError as error:
        if error is timeout:
            transient.end_soon()
            error.detail = _progress(connection, asking)
            asking.is_broken_off = asking.question_id is not None
        error.question_id = error.question_id or asking.question_id
        if may_go_on(asking, error):
            follow = connection.command(f"ask --rejoin {asking.question_id}")
            log.info("askcli: follow it with: %s", follow)
        raise


def may_go_on(asking: Asking, error: AskcliError) -> bool:
    """Return whether the answer may still be followed, after an error that ended its events."""
    if asking.question_id is None:
        return False
    if isinstance(error, NotAuthenticated):  # a login has ended, and no answer with it
        return True
    if isinstance(error, NotFound):
        return False
    if error.question_status:
        return error.question_status == "answering"
    return asking.is_broken_off


def _remembering(connection: Connection, events: Iterator[Event]) -> Iterator[Event]:
    """Yield the events; the question becomes the terminal's last one, which -c goes on with."""
    terminal = terminal_of(connection)
    for event in events:
        if event.name == EVENT_QUESTION:
            terminal.remember(event.data["conversation_id"], event.data["question"])
        yield event


def _progress(connection: Connection, asking: Asking) -> str:
    """Return what is known of a question whose time is up."""
    failure, seconds = asking.failure, connection.settings.timeout
    if asking.question_id is None:
        see = f"; see `{connection.command('history')}`, or ask again."
        reason = f": {failure.detail}" if failure else see
        return f"the server has not confirmed the question after {seconds} s{reason}"
    reason = f"the last try: {failure.detail}" if failure else "the server continues it."
    return f"the answer was not complete after {seconds} s; {reason}"


def _cancelled(connection: Connection, api: Api, question_id: str | None) -> Question | None:
    """Cancel the answer, without keeping the user waiting for the server for long.

    Returns the question, None where the server has not said what has become of it.
    """
    if question_id is None:
        see = connection.command("history")
        log.info("askcli: the question was not confirmed, and may be answered: %s", see)
        return None
    cancelled = None
    with suppress(AskcliError, KeyboardInterrupt), within(CANCEL_SECONDS, Unreachable("late")):
        cancelled = api.cancel(question_id)
    status = cancelled["status"] if cancelled else "answering"
    show = connection.command(f"history show {question_id}")
    log.info("askcli: %s: %s", _STOPPED.get(status, _ENDED), show)
    return cancelled
