"""Questions that come at once are one commit of SQLite, durable before anybody is told so."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson
from tests.support.servers import customized, serving
from tests.support.streams import Seen, ask_until_cut
from tests.support.waiting import eventually

MANY = 6

# The writer waits until as many questions have queued up, and answers write nothing meanwhile.
HOLD = f"""
import time
from pathlib import Path

from askcli.services.runs.storage import answer_log
from askcli.store.database import group_commit

commit_next = group_commit.GroupCommit._commit_next

def commit_once_queued(self):
    while Path(__file__).with_name("hold").exists() and len(self._queue) < {MANY}:
        time.sleep(0.01)
    commit_next(self)

group_commit.GroupCommit._commit_next = commit_once_queued
group_commit.GROUP_SECONDS = answer_log.TICK_SECONDS = 60
"""


def commits(database_url: str) -> int:
    """The number of transactions in the log of an SQLite database."""
    log = Path(database_url.removeprefix("sqlite:///") + "-wal").read_bytes()
    page_size, salts = int.from_bytes(log[8:12], "big"), log[16:24]
    frames = range(32, len(log), 24 + page_size)
    # A frame that ends a transaction has the size of the database; one of an older log other salts.
    return sum(
        log[frame + 8 : frame + 16] == salts and any(log[frame + 4 : frame + 8]) for frame in frames
    )


def test_questions_that_come_at_once_are_one_commit_and_survive_a_kill_once_acknowledged(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    settings = customized(tmp_path, HOLD) | {"ASKCLI_ORPHAN_SECONDS": "2"}
    server = serving(tmp_path, fake, new_database("sqlite"), **settings)
    new_person(server).ask("hello")  # one that waits for the answerer to load is written once more
    people = [new_person(server) for _ in range(MANY)]
    marker = uuid4().hex
    reply = fake.on(marker, "never shown", hold_after=-1)
    asked = [Seen(f"{marker} {number}") for number in range(MANY)]
    before = commits(server.database_url)
    (tmp_path / "hold").touch()
    with ThreadPoolExecutor(MANY) as pool:
        for person, seen in zip(people, asked, strict=True):
            pool.submit(ask_until_cut, person, server, seen)
        eventually(lambda: all(seen.question_id for seen in asked))
        number = commits(server.database_url) - before
        (tmp_path / "hold").unlink()
        server.stop(signal.SIGKILL)
    reply.release()
    server = server.again()
    assert number == 1
    stored = [[row["id"] for row in person.questions()] for person in people]
    assert stored == [[seen.question_id] for seen in asked]
    assert server.stop() == 0
