"""A selection of the user's questions, read page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from askcli.cli.input import question_ids, times
from askcli.cli.input.numbers import number
from askcli.client.api import Api
from askcli.contract.limits import MAX_PAGE
from askcli.contract.shapes import Question
from askcli.errors import BadResponse

Limit = Annotated[int, number("--limit", "-n", help_="Number of questions.")]
Conversation = Annotated[
    str | None, typer.Option("--conversation", metavar="ID", help="Only this conversation.")
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Not before 2d, 36h, 2026-01-31 (local) …"),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Before 2d, 36h, 2026-01-31 (local) …")
]


@dataclass
class Selection:
    """Which questions to read; `cursor` is that of the next page."""

    conversation: str | None = None
    since: str | None = None
    until: str | None = None
    search: str | None = None
    cursor: str | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Raise Misused for an invalid id or time, before any request."""
        if self.conversation:
            question_ids.parse_whole(self.conversation)
        self.since = times.parse_optional(self.since, "--since")
        self.until = times.parse_optional(self.until, "--until")

    def questions(self, api: Api, limit: int | None = None) -> Iterator[Question]:
        """Yield the questions in the server's order, at most `limit`, one page in memory."""
        remaining = limit
        cursors = {self.cursor}
        while remaining is None or remaining > 0:
            size = MAX_PAGE if remaining is None else min(remaining, MAX_PAGE)
            page = api.questions(limit=size, cursor=self.cursor, **self._filters(api))
            self.cursor = page["next_cursor"]
            yield from page["items"]
            remaining = remaining and remaining - len(page["items"])
            if self.cursor is None or remaining == 0:
                return
            if self.cursor in cursors:  # a page of a search may have no questions
                raise BadResponse()  # the pages would never end
            cursors.add(self.cursor)

    def _filters(self, api: Api) -> dict[str, Any]:
        if self.conversation:
            self.conversation = question_ids.resolve_conversation(api, self.conversation)
        return {
            "conversation_id": self.conversation,
            "since": self.since,
            "until": self.until,
            "search": self.search,
        }
