"""Printing of an answer: within the time-out, cancelled by Ctrl-C, remembered for -c."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from askcli.cli.commands.models import ensure_local_model
from askcli.cli.input.last_conversation import Terminal
from askcli.cli.output import spinner
from askcli.cli.output.answer import Printer, check_whole
from askcli.cli.reference import completion_cache
from askcli.client import local_server
from askcli.client.api import Api
from askcli.client.deadline import within
from askcli.client.events import Event
from askcli.client.resume import Asking
from askcli.client.target import Connection
from askcli.contract.protocol import EVENT_QUESTION
from askcli.errors import AskcliError, Unreachable

log = logging.getLogger("askcli.notices")

CANCEL_SECONDS = 0.2


@contextmanager
def opened(connection: Connection) -> Iterator[Api]:
    """Open the API; the local server gets the model that it needs."""
    spinner.animate()
    if (
        connection.is_local
        and ensure_local_model(connection.settings)
        and not local_server.listens(local_server.socket_path(connection.settings))
    ):
        spinner.say("Loading the model…")
    with connection.open() as api:
        yield api


def print_events(
    connection: Connection, api: Api, asking: Asking, events: Iterator[Event], show: Printer
) -> None:
    """Print the answer within --timeout. Ctrl-C cancels it; a time-out leaves it running."""
    seconds = connection.settings.timeout
    timeout = Unreachable(
        f"the answer was not complete after {seconds} s; the server continues it."
    )
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
        if asking.question_id and (error is timeout or error.question_status == "answering"):
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
