"""The user's conversations and their questions, read page by page."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

import typer

from askcli.cli.input import times
from askcli.client.api import Api, pages
from askcli.contract.limits import MAX_EMPTY_PAGES
from askcli.contract.shapes import Conversation, Question
from askcli.errors import BadResponse

Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Active since 36h, yesterday, 2026-01-31 …"),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", help="Last active before 36h, yesterday …"),
]

Period = Mapping[str, str | None]  # since and until, as the API takes them


def parse_period(since: str | None, until: str | None) -> Period:
    """Return the times that options have. Raises Misused for an invalid one."""
    return {
        "since": times.parse_optional(since, "--since"),
        "until": times.parse_optional(until, "--until"),
    }


def conversations(api: Api, period: Period, most: int | None = None) -> Iterator[Conversation]:
    """Yield the user's conversations, the last active first, one page in memory.

    Raises BadResponse for pages that would never end.
    """
    for page in pages(api.conversations, most, **period):
        yield from page["items"]


def all_conversations(api: Api, period: Period) -> Iterator[Conversation]:
    """Yield the user's conversations once each, those too that go on meanwhile.

    They move to the beginning of the list, which may have been read already: it is read again, down
    to the last question that was known, until there is no later one. Raises BadResponse where there
    always is one, and never another conversation.
    """
    seen, known, newest = set[str](), None, ""  # ids of questions are in the order of time
    in_vain = 0
    while newest != known:
        if in_vain > MAX_EMPTY_PAGES:
            raise BadResponse()
        known, in_vain = newest, in_vain + 1
        for conversation in conversations(api, period):
            if conversation["last_question_id"] <= known:
                break
            newest = max(newest, conversation["last_question_id"])
            if conversation["id"] not in seen:
                seen.add(conversation["id"])
                in_vain = 0
                yield conversation


def questions(api: Api, conversation_id: str) -> Iterator[Question]:
    """Yield a conversation's questions in their order, one page in memory.

    The server's pages have the newest first: until the last page has come they are in a file that
    has no name.
    """
    whole = pages(api.questions, conversation_id=conversation_id)
    return _reversed(question for page in whole for question in page["items"])


def _reversed(items: Iterable[Question]) -> Iterator[Question]:
    with tempfile.TemporaryFile() as file:
        places = []
        for item in items:
            places.append(file.tell())
            file.write(json.dumps(item).encode() + b"\n")
        for place in reversed(places):
            file.seek(place)
            yield json.loads(file.readline())
