"""Servers killed in mid-answer, and answers that are slow but alive."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.processes import ServerProcess
from tests.support.servers import serving
from tests.support.soak import SOAK, report, seeded
from tests.support.streams import Seen, ask_until_cut
from tests.support.waiting import eventually


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_killed_server_loses_no_question(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path, kind: str
) -> None:
    url = new_database(kind)
    more = {"ASKCLI_ORPHAN_SECONDS": "2"}
    server = serving(tmp_path, fake, url, **more)
    person = new_person(server)
    counts = {"acknowledged": 0, "answered": 0, "interrupted": 0}
    rounds, random = 50 if SOAK else 1, seeded()
    for _ in range(rounds):
        server = one_round(server, person, fake, counts, random.uniform(0, 2.7))
    assert server.stop() == 0
    assert counts["acknowledged"] > 0
    report(f"{rounds} rounds on {kind}: {counts}")


def one_round(
    server: ServerProcess,
    person: Person,
    fake: FakeAnthropic,
    counts: dict[str, int],
    seconds: float,
) -> ServerProcess:
    """20 asks in flight, SIGKILL, restart; check them all. The server that runs then."""
    asks = [Seen(uuid4().hex) for _ in range(20)]
    text = [f"word{n} " for n in range(40)]
    for ask in asks:
        fake.on(ask.key, *text, pause=0.05)
    with ThreadPoolExecutor(20) as pool:
        for ask in asks:
            pool.submit(ask_until_cut, person, server, ask)
        eventually(lambda: any(ask.question_id for ask in asks))
        time.sleep(seconds)
        killed = time.monotonic()
        server.stop(9)
    server = server.again()
    with person.at(server) as http:

        def ended() -> list[dict[str, Any]] | None:
            rows = [row for row in person.questions(http) if row["question"] in keys]
            return rows if all(row["status"] != "answering" for row in rows) else None

        keys = {ask.key for ask in asks}
        rows = {row["question"]: row for row in eventually(ended) or ()}
        for ask in asks:
            check(ask, rows.get(ask.key), "".join(text), killed, counts)
            retry(http, ask, rows.get(ask.key), fake)
        assert len([row for row in person.questions(http) if row["question"] in keys]) == 20
    return server


def check(
    ask: Seen, row: dict[str, Any] | None, text: str, killed: float, counts: dict[str, int]
) -> None:
    """An acknowledged question is there, with all that was shown a second before the end."""
    if not ask.question_id:
        return
    assert row is not None
    assert row["id"] == ask.question_id
    assert row["status"] in ("answered", "interrupted")
    assert text.startswith(row["answer"])
    assert (row["answer"] == text) or row["status"] == "interrupted"
    shown_length = max((length for when, length in ask.text if when < killed - 1), default=0)
    assert len(row["answer"]) >= shown_length
    counts["acknowledged"] += 1
    counts[row["status"]] += 1


def retry(http: httpx2.Client, ask: Seen, row: dict[str, Any] | None, fake: FakeAnthropic) -> None:
    """The same key again: never a second row, nor a second call for what was sent."""
    calls = len(fake.asked(ask.key))
    headers = {"idempotency-key": ask.key}
    answer = http.post("/api/questions", json={"question": ask.key}, headers=headers)
    if row is None:
        assert answer.status_code == 201
    elif row["status"] == "answered":
        assert (answer.status_code, answer.json()["id"]) == (201, row["id"])
        assert len(fake.asked(ask.key)) == calls == 1
    elif answer.status_code == 201:  # it was stored, and the kill came before it was sent
        assert (calls, len(fake.asked(ask.key)), answer.json()["id"]) == (0, 1, row["id"])
    else:
        assert (answer.status_code, answer.json()["code"]) == (502, "interrupted")
        assert answer.json()["question_id"] == row["id"]
        assert len(fake.asked(ask.key)) == calls


def test_a_living_answer_is_no_orphan_however_slow_its_model(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    url = new_database("sqlite")
    more = {"ASKCLI_ORPHAN_SECONDS": "2"}
    server = serving(tmp_path / "one", fake, url, **more)
    other = serving(tmp_path / "two", fake, url, **more)
    person = new_person(server)
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask_until_cut, person, server, ask := Seen(marker))
        eventually(lambda: ask.text)
        with person.at(other) as http:
            for _ in range(9):
                time.sleep(0.5)  # nothing happens here, and that is what must be seen
                (row,) = person.questions(http)
                assert row["status"] == "answering"
        reply.release()
        asking.result()
    (row,) = person.questions()
    assert (row["status"], row["answer"]) == ("answered", "begun and ended")
    assert (server.stop(), other.stop()) == (0, 0)
