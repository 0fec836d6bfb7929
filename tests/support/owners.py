"""A user of the whole application without a socket, whose questions are put into the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
from sqlalchemy import select

from askcli.store.database import Database
from askcli.store.tables import conversation_titles
from tests.support.in_app import access_token, client_of, services_on
from tests.support.stored import add_question, id_of

LIST = "/api/users/me/conversations"


class Owner:
    """A user, their questions in the database, and their client."""

    def __init__(self, database: Database, http: httpx2.AsyncClient) -> None:
        self.database, self.http = database, http
        self.id = UUID(int=0)

    def ask(self, conversation: int, minute: int, text: str = "?", **values: Any) -> UUID:
        """Store a question that was asked in that minute."""
        asked = TODAY + timedelta(minutes=minute)
        values |= {"id": id_of(asked), "created_at": asked, "question": text}
        with self.database.transaction() as connection:
            return add_question(
                connection, self.id, "", 0, conversation_id=UUID(int=conversation), **values
            )

    async def listed(self, **params: Any) -> list[dict[str, Any]]:
        """All conversations, page by page."""
        items: list[dict[str, Any]] = []
        while True:
            page = (await self.http.get(LIST, params=params)).json()
            items += page["items"]
            if not page["next_cursor"]:
                return items
            params["cursor"] = page["next_cursor"]

    def titles(self) -> list[str]:
        """All titles that are stored."""
        with self.database.transaction() as connection:
            return list(connection.scalars(select(conversation_titles.c.title)))


TODAY = datetime.fromisoformat("2026-01-31T12:00:00+00:00")


@asynccontextmanager
async def owner_on(url: str) -> AsyncIterator[Owner]:
    async with services_on(url) as services, client_of(services) as http:
        http.headers |= await access_token(services, f"{uuid4()}@example.org")
        owner = Owner(services.database, http)
        owner.id = UUID((await http.get("/api/users/me")).json()["id"])
        yield owner


def run(url: str, scenario: Callable[[Owner], Coroutine[Any, Any, None]]) -> None:
    async def scene() -> None:
        async with owner_on(url) as owner:
            await scenario(owner)

    asyncio.run(scene())
