"""The other processes that follow answers of this one, and the news that they do not have yet."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection
from uuid import UUID

# For how long a process follows a question after it has said so; it repeats it meanwhile.
LEASE_SECONDS = 30.0

# Questions of which there is something new, by the process that is to be notified.
News = dict[UUID, set[UUID]]


class Followers:
    """Processes that follow questions, each by its id and for a while."""

    def __init__(self) -> None:
        self._until: dict[UUID, dict[UUID, float]] = {}  # by question and process
        self._news: defaultdict[UUID, set[UUID]] = defaultdict(set)
        self._pruned_at = time.monotonic()

    @property
    def have_news(self) -> bool:
        """Whether there is news for any process."""
        return bool(self._news)

    def add(self, process_id: UUID, question_ids: Collection[UUID]) -> None:
        """Let a process follow questions. Each is news to it, as it may have missed some."""
        self._prune()
        until = time.monotonic() + LEASE_SECONDS
        for question_id in question_ids:
            self._until.setdefault(question_id, {})[process_id] = until
        self._news[process_id].update(question_ids)

    def __contains__(self, question_id: UUID) -> bool:
        """Whether a process follows this question; asked for each piece of each answer."""
        if not self._until:
            return False
        until = self._until.get(question_id, {})
        return any(one > time.monotonic() for one in until.values())

    def tell(self, question_id: UUID) -> None:
        """Note that there is something new of the question, for those who follow it."""
        for process_id, until in self._until.get(question_id, {}).items():
            if until > time.monotonic():
                self._news[process_id].add(question_id)

    def take_news(self) -> News:
        """Return the news, and forget it."""
        news, self._news = self._news, defaultdict(set)
        return news

    def give_back(self, news: News) -> None:
        """Take back news that could not be sent."""
        for process_id, question_ids in news.items():
            self._news[process_id] |= question_ids

    def _prune(self) -> None:
        """Forget the followers whose time has passed."""
        now = time.monotonic()
        if now - self._pruned_at < LEASE_SECONDS:
            return
        self._pruned_at = now
        for question_id, processes in list(self._until.items()):
            rest = {process_id: until for process_id, until in processes.items() if until > now}
            if rest:
                self._until[question_id] = rest
            else:
                del self._until[question_id]
