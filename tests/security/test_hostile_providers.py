"""A provider that sends without end keeps nobody else waiting, and fills no memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic, Reply, encoded, events_of
from tests.support.flooding import FloodingProvider
from tests.support.people import NewPerson
from tests.support.servers import serving
from tests.support.waiting import eventually

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
CHUNKED = HEAD[:-2] + b"transfer-encoding: chunked\r\n\r\n"
BEGIN, TEXT_BLOCK = map(encoded, events_of({"model": "m"}, Reply([]))[:2])
THINKING_BLOCK = encoded(
    {"type": "content_block_start", "index": 1, "content_block": {"type": "thinking"}}
)
ANSWER = HEAD + BEGIN + TEXT_BLOCK + THINKING_BLOCK
NO_TEXT = {"type": "text_delta", "text": ""}
NO_THOUGHT = {"type": "thinking_delta", "thinking": ""}


def delta(index: int, content: dict[str, str]) -> bytes:
    """An event of a block."""
    return encoded({"type": "content_block_delta", "index": index, "delta": content})


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize(
    ("beginning", "part"),
    [
        (b"", b"HTTP/1.1 102 \r\n\r\n"),
        (CHUNKED + b"1;a=", b"a"),
        (CHUNKED, b"0"),
        (CHUNKED, b"1;%s\r\n\n\r\n" % (b"a" * 4_000)),
    ],
    ids=["provisional responses", "a chunk's extension", "zeros of its size", "extensions"],
)
def test_what_comes_without_end_besides_content_ends_the_answer(
    new_database: NewDatabase,
    fake: FakeAnthropic,
    new_person: NewPerson,
    tmp_path: Path,
    kind: str,
    beginning: bytes,
    part: bytes,
) -> None:
    with FloodingProvider(beginning, part) as provider:
        more = {"ANTHROPIC_BASE_URL": provider.url}
        server = serving(tmp_path, fake, new_database(kind), **more)
        asking, other = new_person(server), new_person(server)
        answer = asking.ask("hello")
        assert (answer.status_code, answer.json()["code"]) == (502, "interrupted")
        assert provider.cut_off.wait(30)
        assert other.http.get("/api/users/me").status_code == 200
        assert server.stop() == 0


@pytest.mark.parametrize(
    "flood",
    [
        delta(0, NO_TEXT) + delta(1, NO_THOUGHT),
        b"event: a\ndata: {}\n\n".replace(b"{}", b'{"type":1}'),
        b":\n\n",
    ],
    ids=["empty deltas", "unknown events", "comments"],
)
def test_others_are_answered_while_small_events_come_without_end(
    new_database: NewDatabase,
    fake: FakeAnthropic,
    new_person: NewPerson,
    tmp_path: Path,
    flood: bytes,
) -> None:
    with FloodingProvider(ANSWER, flood) as provider, ThreadPoolExecutor(4) as pool:
        more = {"ANTHROPIC_BASE_URL": provider.url, "ASKCLI_DRAIN_SECONDS": "0"}
        server = serving(tmp_path, fake, new_database("sqlite"), **more)
        asking, other = [new_person(server) for _ in range(4)], new_person(server)
        answers = [pool.submit(person.ask, "hello") for person in asking]
        assert provider.flooding.wait(30)
        assert other.http.get("/api/users/me").status_code == 200
        for person in asking:
            (question,) = person.questions()
            cancelled = person.http.post(f"/api/questions/{question['id']}/cancel")
            assert cancelled.json()["status"] == "cancelled"
        assert {answer.result(30).json()["code"] for answer in answers} == {"cancelled"}
        assert eventually(provider.cut_off.is_set)
        assert server.stop() == 0
