"""The stream of an answer: its text as it grows, for any number of followers."""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable

from askcli.contract.shapes import Question
from askcli.errors import (
    AskcliError,
    Cancelled,
    Interrupted,
    NotFound,
    ProviderFailed,
    Unavailable,
)
from askcli.problems import BY_CODE
from askcli.services.background import wait_for_event
from askcli.services.runs.waits import Wait

# A string of a word takes as much memory as seven words: it becomes a part of the one before, up to
# this length.
BLOCK_CHARACTERS = 512

_BY_STATUS = {"failed": ProviderFailed, "interrupted": Interrupted, "cancelled": Cancelled}


class AnswerStream:
    """Broadcast buffer of one answer: the text so far, and the end."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.error: AskcliError | None = None
        self.ended = False
        self.characters = 0
        self.on_text: Callable[[], None] | None = None  # called for each piece
        self._blocks: list[str] = []  # the text
        self._ends = array("Q")  # of the blocks, in characters
        self._waiting: dict[Wait, None] = {}  # followers who have all there is
        self._made: tuple[tuple[int, int], bytes] = ((-1, -1), b"")
        self._followers = 0
        self._is_followed: asyncio.Event | None = None  # of a feed, which waits for followers

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._blocks)

    def append(self, piece: str) -> None:
        """Append a piece and wake the followers."""
        self.characters += len(piece)
        if self._blocks and len(self._blocks[-1]) + len(piece) <= BLOCK_CHARACTERS:
            self._blocks[-1] += piece
            self._ends[-1] = self.characters
        else:
            self._blocks.append(piece)
            self._ends.append(self.characters)
        self.wake()
        if self.on_text is not None:
            self.on_text()

    def end(self, question: Question, error: AskcliError | None) -> None:
        """Set the end, as it was stored, and wake the followers for the last time."""
        self.question, self.error, self.ended = question, error and error.copy(), True
        self.wake()

    def wake(self) -> None:
        """Wake the followers, also where there is nothing new: a follower's session has ended."""
        waiting, self._waiting = self._waiting, {}
        for follower in waiting:
            follower.end()

    def once(self, piece: tuple[int, int], make: Callable[[], bytes]) -> bytes:
        """Return `make()`, made once for all followers who are at this piece of the text."""
        if self._made[0] != piece:
            self._made = piece, make()
        return self._made[1]

    def followed(self) -> _Followed:
        """Count a follower during the block."""
        return _Followed(self)

    def count_followers(self, change: int) -> None:
        """Count one more or one less."""
        self._followers += change
        if self._is_followed is not None:
            if self._followers:
                self._is_followed.set()
            else:
                self._is_followed.clear()

    async def has_follower(self, seconds: float) -> bool:
        """Wait for a follower for at most `seconds`; returns whether there is one."""
        if self._followers:
            return True
        self._is_followed = self._is_followed or asyncio.Event()
        return await wait_for_event(self._is_followed, seconds)

    async def follow(
        self, after: int = 0, silence: float | None = None
    ) -> AsyncGenerator[str, None]:
        """Yield the text from character `after` on, until the answer ends.

        After `silence` seconds without text, or when it is woken without any, yield an empty piece.
        A slow follower costs no memory: it gets all that it has not read yet in one piece.
        """
        with self.followed(), Wait(silence) as wait:
            while True:
                if text := self.text_from(after):
                    after += len(text)
                    yield text
                elif self.ended:
                    return
                else:
                    await wait.begin(self._waiting)
                    if self.characters <= after and not self.ended:
                        yield ""

    def text_from(self, after: int) -> str:
        """Return the text from character `after` on; what is before it costs next to nothing."""
        index = bisect_right(self._ends, after)
        start = self._ends[index - 1] if index else 0
        return "".join(self._blocks[index:])[after - start :]

    async def wait(self, on_wake: Callable[[], None] | None = None) -> None:
        """Wait for the end; before each wait it calls `on_wake`, which may raise an error."""
        with self.followed(), Wait(None) as wait:
            while not self.ended:
                if on_wake is not None:
                    on_wake()
                await wait.begin(self._waiting)

    async def result(self, on_wake: Callable[[], None] | None = None) -> Question:
        """Wait for the end and return the question. Raises the error that ended the answer."""
        await self.wait(on_wake)
        if on_wake is not None:
            on_wake()  # also for an answer that had ended
        if self.error is not None:
            raise self.error.copy()  # each follower would add its frames to one and the same
        return self.question


class _Followed:
    """Counts a follower of a stream; a generator takes five times its memory."""

    __slots__ = ("_stream",)

    def __init__(self, stream: AnswerStream) -> None:
        self._stream = stream

    def __enter__(self) -> None:
        self._stream.count_followers(1)

    def __exit__(self, *_: object) -> None:
        self._stream.count_followers(-1)


def ended_stream(question: Question) -> AnswerStream:
    """Return the stream of a stored question that has ended."""
    stream = AnswerStream(question)
    if question["answer"]:
        stream.append(question["answer"])
    stream.end(question, stored_error(question))
    return stream


def stored_error(question: Question) -> AskcliError | None:
    """Return the error that a stored question ended with, None for an answered or running one.

    An imported one may have no error's code, or one that is not known here: its status tells.
    """
    if (by_status := _BY_STATUS.get(question["status"])) is None:
        return None
    kind = BY_CODE.get(question["error"] or "", by_status)
    return kind(
        detail=f"{kind.title}. The question was stored with this end; ask it as a new one.",
        question_id=question["id"],
        question_status=question["status"],
    )


def deletion_error() -> AskcliError:
    """Return the error that ends the stream of a question whose row is gone."""
    return NotFound(detail="The question was deleted while it was being answered.")


def other_run_error() -> AskcliError:
    """Return the error that ends the stream of a run in whose place another one answers."""
    return Unavailable("Another server answers this question; rejoin it.")
