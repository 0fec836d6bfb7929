"""The users' conversations: list, read, title, delete; each for its owner alone."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from askcli.contract.shapes import Conversation, ConversationPage
from askcli.errors import NotFound
from askcli.services.questions.history import DELETE_BATCH, History
from askcli.services.shapes import as_conversation
from askcli.store.database import Database
from askcli.store.queries import conversations, titles, users
from askcli.store.queries.conversations import Filter as Filter


class Conversations:
    """The users' conversations."""

    def __init__(self, database: Database, history: History) -> None:
        self._database = database
        self._history = history

    async def page(self, user_id: UUID, filter_: Filter) -> ConversationPage:
        """Return the user's conversations, the last active first.

        Raises Unavailable when too many wait, as for a page of questions.
        """
        async with self._history.listing(user_id):
            page = await self._database.read(conversations.page, user_id, filter_)
        return ConversationPage(
            items=[as_conversation(row) for row in page.rows],
            next_cursor=str(page.cursor) if page.cursor else None,
        )

    async def get(self, user_id: UUID, conversation_id: UUID) -> Conversation:
        """Return the user's conversation. Raises NotFound, and Unavailable as a page does."""
        async with self._history.listing(user_id):
            row = await self._database.read(conversations.summary, user_id, conversation_id)
        if row is None:
            raise NotFound("conversation")
        return as_conversation(row)

    async def rename(self, user_id: UUID, conversation_id: UUID, title: str) -> Conversation:
        """Give the user's conversation a title; an empty one takes it away. Raises as `get`.

        Its turns are counted as for any other, not while all writes wait.
        """
        await self._database.write(_rename, user_id, conversation_id, title)
        return await self.get(user_id, conversation_id)

    async def remove(self, user_id: UUID, conversation_id: UUID) -> None:
        """Delete the user's conversation with all its questions. Raises NotFound."""
        removed = 0
        while ids := await self._questions(user_id, conversation_id):
            await self._history.remove_all(user_id, ids)
            removed += len(ids)
        if not removed:
            raise NotFound("conversation")

    async def _questions(self, user_id: UUID, conversation_id: UUID) -> list[UUID]:
        """Return some of its questions, whose texts are no more than a transaction deletes."""
        async with self._history.listing(user_id):
            return await self._database.read(
                conversations.question_ids, user_id, conversation_id, DELETE_BATCH
            )


def _rename(connection: Connection, user_id: UUID, conversation_id: UUID, title: str) -> None:
    """Change the title, unless the conversation is gone: that takes a user who is locked."""
    users.lock(connection, user_id)
    if conversations.last_id(connection, user_id, conversation_id) is None:
        raise NotFound("conversation")
    if title:
        titles.give(connection, user_id, conversation_id, title)
    else:
        titles.take_away(connection, user_id, conversation_id)
