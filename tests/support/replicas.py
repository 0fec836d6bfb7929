"""Replicas on one PostgreSQL, and an answer that clients of two of them read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import httpx2

from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import Person
from tests.support.processes import ServerProcess
from tests.support.servers import customized, metric, serving
from tests.support.streams import STREAM
from tests.support.waiting import eventually

NewReplica = Callable[..., ServerProcess]


@contextmanager
def replicas(url: str, fake: FakeAnthropic, base: Path) -> Iterator[NewReplica]:
    """Starts servers on one database, each with code that it runs first, and stops them."""
    servers = list[ServerProcess]()

    def start(code: str = "", **settings: str) -> ServerProcess:
        home = base / str(len(servers))
        home.mkdir()
        servers.append(serving(home, fake, url, **customized(home, code), **settings))
        return servers[-1]

    try:
        yield start
    finally:
        codes = [(server.stop(), server.log) for server in servers]
    assert not any(code for code, _ in codes)
    logged = "".join(line for _, log in codes for line in log)
    assert "ERROR" not in logged and "Traceback" not in logged, logged


def listening(*servers: ServerProcess, are: bool = True) -> None:
    """Wait until notifications arrive at these servers, or do not."""
    eventually(lambda: {metric(server, "askcli_listening") for server in servers} == {are})


class Reader:
    """What a client reads of one stream."""

    def __init__(self, response: httpx2.Response) -> None:
        self._events = iter(httpx2.EventSource(response))
        self.question_id: str = json.loads(next(self._events).data)["id"]
        self.deltas = 0

    def text(self, characters: int) -> str:
        """The next text, of so many characters."""
        text = ""
        while len(text) < characters:
            event = next(self._events)
            assert event.event == "delta", event
            text += json.loads(event.data)["text"]
            self.deltas += 1
        return text

    def rest(self) -> tuple[str, str]:
        """The rest of the text, and how it ended: `done`, or an error's code."""
        text = ""
        for event in self._events:
            data = json.loads(event.data)
            if event.event != "delta":
                return text, data.get("code", event.event)
            text += data["text"]
        return text, "nothing"


@contextmanager
def followed(person: Person, other: ServerProcess, marker: str) -> Iterator[tuple[Reader, Reader]]:
    """An answer as its asker reads it, and as another replica's client does."""
    with ExitStack() as stack:
        body = {"question": marker}
        ask = person.http.stream("POST", "/api/questions", json=body, headers=STREAM)
        own = Reader(stack.enter_context(ask))
        http = stack.enter_context(person.at(other))
        path = f"/api/questions/{own.question_id}/events"
        yield own, Reader(stack.enter_context(http.stream("GET", path)))


# A question, its answer, and what a client reads of it with its end.
Reading = tuple[str, str, Future[tuple[str, str]]]


@contextmanager
def streaming(
    people: Sequence[Person],
    servers: Sequence[ServerProcess],
    fake: FakeAnthropic,
    lengths: Sequence[int],
) -> Iterator[list[Reading]]:
    """Answers of so many seconds that clients of two replicas read to their ends, from before.

    Each of the people has them from the server of the same number.
    """
    readings = list[Reading]()
    readers = 2 * len(people) * len(lengths)
    with ExitStack() as stack, ThreadPoolExecutor(readers) as pool:
        for number, person in enumerate(people):
            for seconds in lengths:
                pieces = [f"piece{count} " for count in range(10 * seconds)]
                fake.on(key := uuid4().hex, *pieces, pause=0.1)
                for reader in stack.enter_context(followed(person, servers[number - 1], key)):
                    readings.append((key, "".join(pieces), pool.submit(reader.rest)))
        yield readings
