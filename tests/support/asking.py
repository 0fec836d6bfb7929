"""Users who ask one question after the other, and what is stored of these."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

import httpx2
from sqlalchemy import select

from askcli.store.tables import questions
from tests.support.cli import Cli, Done
from tests.support.databases import HasDatabase, database_of
from tests.support.fake_anthropic import FakeAnthropic

WORDS = [f"word{number} " for number in range(20)]
TEXT = "".join(WORDS)


@contextmanager
def asking(clis: Sequence[Cli], fake: FakeAnthropic) -> Iterator[dict[str, Done]]:
    """Each of these users asks during the block; how the command of each question has ended."""
    dones = dict[str, Done]()

    def ask(cli: Cli) -> None:
        fake.on(key := uuid4().hex, *WORDS, pause=0.1)
        dones[key] = cli("ask", key)

    with _repeating([partial(ask, cli) for cli in clis]):
        yield dones


@dataclass
class Asked:
    """Questions that were accepted, with their ids, and how often one was refused."""

    ids: dict[str, str] = field(default_factory=dict)
    refused: int = 0


@contextmanager
def asking_programs(
    clients: Sequence[httpx2.Client], fake: FakeAnthropic, pause: float = 0.0
) -> Iterator[Asked]:
    """Each of these clients of the API asks during the block, each question until it is accepted.

    The model pauses so long before the end of an answer.
    """
    asked = Asked()

    def ask(http: httpx2.Client) -> None:
        fake.on(key := uuid4().hex, TEXT, pause=pause)
        headers, body = {"idempotency-key": key}, {"question": key}
        while (answer := http.post("/api/questions", json=body, headers=headers)).is_error:
            assert answer.status_code == 503, answer.text
            asked.refused += 1
            time.sleep(0.1)
        asked.ids[key] = answer.json()["id"]

    with _repeating([partial(ask, client) for client in clients]):
        yield asked


@contextmanager
def _repeating(works: Sequence[Callable[[], None]]) -> Iterator[None]:
    """Do each of these again and again, in threads, until the block ends."""
    is_over = threading.Event()

    def repeat(work: Callable[[], None]) -> None:
        while not is_over.is_set():
            work()

    with ThreadPoolExecutor(len(works)) as pool:
        tasks = [pool.submit(repeat, work) for work in works]
        try:
            yield
        finally:
            is_over.set()
    for task in tasks:
        task.result()


Rows = dict[str, list[tuple[str, str]]]


def ended(server: HasDatabase) -> Rows | None:
    """The status and the answer of each question, once none is running any more."""
    rows = defaultdict[str, list[tuple[str, str]]](list)
    with database_of(server) as connection:
        for row in connection.execute(select(questions)).mappings():
            if row["status"] == "answering":
                return None
            rows[row["question"]].append((row["status"], row["answer"]))
    return rows
