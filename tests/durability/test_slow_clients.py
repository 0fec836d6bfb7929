"""Clients that go, read slowly or stall cost neither answers nor memory."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from uuid import uuid4

import httpx2
import psutil

from askcli.server.http.unsent import MAX_UNSENT_BYTES
from tests.support import raw_http
from tests.support.databases import database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.processes import ServerProcess
from tests.support.proxy import Proxy
from tests.support.search_cases import store_question
from tests.support.servers import metric
from tests.support.soak import SOAK, report
from tests.support.streams import STREAM, Seen, ask_until_cut
from tests.support.waiting import eventually

ROUNDS, CLIENTS, READERS, ASKS = (10, 200, 90, 30) if SOAK else (1, 60, 20, 3)
STALLED = 40 if SOAK else 20  # of whom less than half have room


def test_many_clients_that_go_lose_nothing(
    sqlite_server: ServerProcess, new_person: NewPerson, fake: FakeAnthropic
) -> None:
    people = [new_person(sqlite_server) for _ in range(4)]
    person = people[0]
    assert person.ask("first, so that all is loaded").status_code == 201
    assert person.http.delete(f"/api/questions/{person.questions()[0]['id']}").status_code == 204
    before = metric(sqlite_server, "askcli_tasks")
    process = psutil.Process(sqlite_server.pid)

    async def ask_and_go(http: httpx2.AsyncClient, marker: str, number: int) -> None:
        body = {"question": f"{marker} {number}"}
        token = {"x-access-token": people[number % 4].tokens["access_token"]}
        is_busy = True
        while is_busy:  # as the client does it
            async with http.stream(
                "POST", "/api/questions", json=body, headers=STREAM | token
            ) as response:
                is_busy = response.status_code == 503
                if not is_busy:
                    async for _ in httpx2.EventSource(response):
                        return  # the question is acknowledged: go

    async def all_of_them(marker: str) -> None:
        limits = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(
            base_url=person.http.base_url, limits=limits, timeout=60, trust_env=False,
        ) as http:  # fmt: skip
            await asyncio.gather(*(ask_and_go(http, marker, number) for number in range(CLIENTS)))

    memory = process.memory_info().rss
    for _ in range(ROUNDS):
        reply = fake.on(marker := uuid4().hex, "begun", " and ended", hold_after=1)
        asyncio.run(all_of_them(marker))
        # Though nothing is sent to them before the release, and no ping is due.
        eventually(lambda: metric(sqlite_server, "askcli_streams_open") == 0, seconds=10)
        reply.release()
        eventually(lambda: metric(sqlite_server, "askcli_answers_running") == 0)
    rows = [row for each in people for row in each.questions()]
    assert len(rows) == CLIENTS * ROUNDS
    assert {(row["status"], row["answer"]) for row in rows} == {("answered", "begun and ended")}
    eventually(lambda: metric(sqlite_server, "askcli_tasks") <= before + 1)
    grown = process.memory_info().rss - memory
    after = metric(sqlite_server, "askcli_tasks")
    report(
        f"{ROUNDS} * {CLIENTS} clients gone: "
        f"tasks {before:.0f} → {after:.0f}, {grown / 2**20:.1f} MiB"
    )
    assert grown < 60 * 2**20


def timed_asks(person: Person) -> float:
    """The seconds that streamed asks take, one after the other."""
    began = time.monotonic()
    for number in range(ASKS):
        body = {"question": f"beside {number}"}
        with person.http.stream("POST", "/api/questions", json=body, headers=STREAM) as response:
            assert [event.event for event in httpx2.EventSource(response)][-1] == "done"
    return time.monotonic() - began


def test_slow_readers_cost_nobody_anything(
    sqlite_server: ServerProcess, new_person: NewPerson, fake: FakeAnthropic
) -> None:
    person = new_person(sqlite_server)
    marker = uuid4().hex
    fake.on(marker, *["x" * 500] * 400 if SOAK else ["x" * 4000] * 50)
    process = psutil.Process(sqlite_server.pid)
    timed_asks(person)
    alone = timed_asks(person)
    memory = process.memory_info().rss
    body = json.dumps({"question": marker})
    request = (
        f"POST /api/questions HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n"
        f"x-access-token: {person.tokens['access_token']}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    )
    host, port = sqlite_server.url.removeprefix("http://").split(":")
    readers = []
    for _ in range(READERS):
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect((host, int(port)))
        reader.sendall(request.encode())
        assert reader.recv(100)  # it has begun; from here on nobody reads
        readers.append(reader)
    during = timed_asks(person)
    report(f"{ASKS} streamed asks beside {READERS} stalled readers / alone: {during / alone:.2f}")
    eventually(lambda: metric(sqlite_server, "askcli_answers_running") == 0, 300)
    rows = [row for row in person.questions() if row["question"] == marker]
    assert [(row["status"], len(row["answer"])) for row in rows] == [
        ("answered", 200_000)
    ] * READERS
    grown = process.memory_info().rss - memory
    report(f"{READERS} slow readers of 200 kB each: {grown / 2**20:.1f} MiB more")
    assert grown < 3 * READERS * 2**20
    for reader in readers:
        reader.close()


def test_readers_that_stop_fill_no_memory(
    sqlite_server: ServerProcess, new_person: NewPerson
) -> None:
    """Those of one user cost no other user's response."""
    alice, bob = new_person(sqlite_server), new_person(sqlite_server)
    with database_of(sqlite_server) as connection:
        for person in (alice, bob):
            store_question(connection, person.id, "long", "x" * 4_000_000)
    process = psutil.Process(sqlite_server.pid)
    memory = process.memory_info().rss
    with ExitStack() as readers:

        def begin_to_read(person: Person) -> socket.socket:
            reader = readers.enter_context(raw_http.connection(sqlite_server, window=4096))
            token = person.tokens["access_token"].encode()
            reader.sendall(
                b"GET /api/users/me/questions HTTP/1.1\r\nhost: localhost\r\n"
                b"x-access-token: %s\r\n\r\n" % token
            )
            assert reader.recv(12) == b"HTTP/1.1 200"
            return reader

        his = begin_to_read(bob)
        hers = [begin_to_read(alice) for _ in range(STALLED)]
        grown = process.memory_info().rss - memory
        report(f"{STALLED} stalled readers of 4 MB each: {grown / 2**20:.1f} MiB more")

        def left() -> list[bool]:
            return raw_http.are_open(sqlite_server, hers)

        eventually(lambda: sum(left()) <= MAX_UNSENT_BYTES // 4_000_000)
        open_ones = left()  # one more may be cut just then
        assert open_ones == sorted(open_ones)  # those that have stalled for the longest are cut
        body = b""
        while not body.endswith(b'"next_cursor":null}'):
            piece = his.recv(2**20)
            assert piece  # he was not cut
            body += piece
        assert body.count(b"x") > 4_000_000
    assert grown < 150 * 2**20


def test_a_slow_and_a_stalled_connection_lose_nothing(
    sqlite_server: ServerProcess, new_person: NewPerson, fake: FakeAnthropic
) -> None:
    person = new_person(sqlite_server)
    marker = uuid4().hex
    fake.on(marker, *(f"{number} " for number in range(50)))
    with Proxy(sqlite_server.url) as proxy, ThreadPoolExecutor(1) as pool:
        proxy.pause = 0.02
        proxy.stall()
        seen = Seen(marker)
        asking = pool.submit(ask_until_cut, person, proxy, seen)
        eventually(lambda: proxy.connections == 1)
        assert not seen.text
        proxy.flow()
        asking.result()
    assert seen.text[-1][1] == len("".join(f"{number} " for number in range(50)))
