"""A selection of the user's questions, read page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from askcli.cli.input import question_ids, times
from askcli.cli.input.numbers import number
from askcli.client.api import Api, pages
from askcli.contract.shapes import Question

Limit = Annotated[int, number("--limit", "-n", help_="Number of questions.")]
Conversation = Annotated[
    str | None,
    typer.Option(
        "--conversation", metavar="ID", help="Only this conversation; @ is the last question's."
    ),
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="Not before 36h, yesterday, 2026-01-31 …"),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Before 36h, yesterday, 2026-01-31 …")
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
        if self.conversation is not None:
            question_ids.parse_whole(self.conversation)
        self.since = times.parse_optional(self.since, "--since")
        self.until = times.parse_optional(self.until, "--until")

    @property
    def is_whole(self) -> bool:
        """Whether these are all of the user's questions."""
        return not any((self.conversation, self.since, self.until, self.search))

    def questions(self, api: Api, limit: int | None = None) -> Iterator[Question]:
        """Yield the questions in the server's order, at most `limit`, one page in memory.

        Raises NotFound for a conversation that does not exist.
        """
        has_some = False
        for page in pages(api.questions, limit, **self._filters(api)):
            self.cursor = page["next_cursor"]
            has_some = has_some or bool(page["items"])
            yield from page["items"]
        if self.conversation and not has_some:
            api.conversation(self.conversation)  # it may have no such question, or not exist

    def _filters(self, api: Api) -> dict[str, Any]:
        if self.conversation:
            self.conversation = question_ids.resolve_conversation(api, self.conversation)
        return {
            "conversation_id": self.conversation,
            "since": self.since,
            "until": self.until,
            "search": self.search,
        }
