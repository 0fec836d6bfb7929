"""Entries of the search index, made outside of the transactions that store them.

Splitting the longest texts takes up to a second. Within a transaction it would hold SQLite's only
writer, or a thread of the store, from all others; so long texts are split in a thread of their own,
in which the users take turns.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import UUID

from askcli.errors import Unavailable
from askcli.fair_queue import FairQueue
from askcli.services import executors
from askcli.store import search
from askcli.store.search import Entry

# Texts up to this length are split at once, which takes less time than a change of threads.
SHORT_CHARACTERS = 2_000
MAX_WAITING = 64
RETRY_AFTER_SECONDS = 10

_full = partial(
    Unavailable,
    "Too many long questions are being stored; try again shortly.",
    retry_after=RETRY_AFTER_SECONDS,
)


def is_long(text: str) -> bool:
    """Whether the text is more work than a look into the database."""
    return len(text) > SHORT_CHARACTERS


class Indexing:
    """Makes index entries."""

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect
        self._new = FairQueue(1, MAX_WAITING, _full)
        # As many as there are runs, and one import; none is refused.
        self._ended = FairQueue(1, sys.maxsize, _full)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="indexing")

    async def new(self, user_id: UUID, question: str) -> Entry:
        """Return the entry of a question that is to be stored.

        Raises Unavailable when too many long ones wait, of this user or of all together.
        """
        return await self._entry(self._new, user_id, question, "")

    async def ended(self, user_id: UUID, question: str, answer: str) -> Entry:
        """Return the entry of a question with its whole answer."""
        return await self._entry(self._ended, user_id, question, answer)

    async def _entry(self, queue: FairQueue, user_id: UUID, question: str, answer: str) -> Entry:
        make = partial(search.entry, self._dialect, user_id, question, answer)
        if len(question) + len(answer) <= SHORT_CHARACTERS:
            return make()
        async with queue.turn(str(user_id)):
            return await asyncio.get_running_loop().run_in_executor(self._thread, make)

    def start_thread(self) -> None:
        """Start the thread, so that it is not started later, when memory may be short."""
        executors.start(self._thread, 1)

    def close(self) -> None:
        """Wait for the text that is being split, and forget those that wait."""
        self._thread.shutdown(cancel_futures=True)
