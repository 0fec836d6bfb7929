"""One's questions, page after page, as many as are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from askcli.cli.input import question_ids, times
from askcli.client.api import Api
from askcli.contract import MAX_PAGE, Question

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many.")]
Conversation = Annotated[
    str | None, typer.Option("--conversation", metavar="ID", help="Only this conversation.")
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Not before 2d, 36h, 2026-01-31 …")
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Before 2d, 36h, 2026-01-31 …")
]


@dataclass
class Wanted:
    """Which questions; `cursor` is where the ones after those that were read begin."""

    conversation: str | None = None
    since: str | None = None
    until: str | None = None
    search: str | None = None
    cursor: str | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Raises Misused for what is no id or no time, before a server is asked."""
        if self.conversation:
            question_ids.whole(self.conversation)
        self.since = times.of(self.since, "--since")
        self.until = times.of(self.until, "--until")

    def questions(self, api: Api, limit: int | None = None) -> Iterator[Question]:
        """The questions, in the server's order, at most `limit`; one page is held at a time."""
        left = limit
        while left is None or left > 0:
            size = MAX_PAGE if left is None else min(left, MAX_PAGE)
            page = api.questions(limit=size, cursor=self.cursor, **self._filters(api))
            self.cursor = page["next_cursor"]
            yield from page["items"]
            left = left and left - len(page["items"])
            if self.cursor is None or not page["items"]:
                return

    def _filters(self, api: Api) -> dict[str, Any]:
        if self.conversation:
            self.conversation = question_ids.of_conversation(api, self.conversation)
        return {
            "conversation_id": self.conversation,
            "since": self.since,
            "until": self.until,
            "search": self.search,
        }
