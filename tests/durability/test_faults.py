"""What the user sees of each way in which a model fails: docs/faults.md, row by row."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.cli import Cli, Done, NewCli
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FAULT, FakeAnthropic, Reply, events_of
from tests.support.people import NewPerson, logged_in
from tests.support.processes import ServerProcess
from tests.support.servers import serving
from tests.support.soak import SOAK, seeded

TABLE = Path(__file__).parents[2] / "docs/faults.md"


# Short, so that the stalls are; long enough for two pauses before asking again.
PATIENCE = {
    "ASKCLI_CONNECT_SECONDS": "1",
    "ASKCLI_FIRST_TOKEN_SECONDS": "6",
    "ASKCLI_BETWEEN_TOKENS_SECONDS": "2",
    "ASKCLI_UPSTREAM_ATTEMPTS": "3",
}


# What a gateway sends that takes no notice of `stream`.
MESSAGE = (
    b'{"type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn", '
    b'"content": [{"type": "text", "text": "hello"}], '
    b'"usage": {"input_tokens": 900, "output_tokens": 500}}'
)


def json_response(body: bytes) -> bytes:
    """A whole response of status 200."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


Events = list[dict[str, Any]]


def text_in_the_start(events: Events) -> Events:
    """The first piece comes with the start of its block."""
    message, start, first, *rest = events
    block = start["content_block"] | {"text": first["delta"]["text"]}
    return [message, start | {"content_block": block}, *rest]


def text_after_the_end(events: Events) -> Events:
    """A piece comes after everything."""
    return [*events, events[2]]


def two_ends(events: Events) -> Events:
    """The reason of the stop and the end come twice."""
    return [*events, *events[-2:]]


def unknown_after_the_end(events: Events) -> Events:
    """An event that the API does not have comes after everything."""
    return [*events, {"type": "weather_report"}]


def fault_after_the_end(events: Events) -> Events:
    """The fault comes after everything."""
    return [*events, FAULT]


def fault_before_the_message(events: Events) -> Events:
    """The fault comes after the response's head and before its message."""
    return [{"type": "ping"}, FAULT]


def text_before_the_message(events: Events) -> Events:
    """A piece comes before everything."""
    return [events[2], *events]


def text_without_a_block(events: Events) -> Events:
    """A piece comes before its block has started."""
    message, start, first, *rest = events
    return [message, first, start, *rest]


def with_other_lines() -> bytes:
    """A response whose lines end in several ways, after a byte order mark and among comments."""
    events = events_of({"model": "m"}, Reply(["half of", " an answer"]))
    lines = [f"event: {event['type']}\rdata: {json.dumps(event)}\r\n\r" for event in events]
    body = "\ufeff: comment\n" + ": comment\n\nid: 7\r\nretry: 9\r".join(lines)
    return b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + body.encode()


PROVISIONAL = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
FIELD = b"x: %s\r\n" % (b"y" * 8_000)

# What is wrong → what the fake does, and how often it is asked.
FAULTS: dict[str, tuple[dict[str, Any], int]] = {
    "closes the connection before it responds": ({"raw": b""}, 1),
    "closes the connection in the head of its response": (
        {"raw": b"HTTP/1.1 200 OK\r\ncontent-ty"},
        1,
    ),
    "sends a few provisional responses first": ({"raw": PROVISIONAL * 10 + with_other_lines()}, 1),
    "sends many provisional responses first": ({"raw": PROVISIONAL * 11 + with_other_lines()}, 1),
    "begins its response with more than 64 KiB of headers": (
        {"raw": with_other_lines().replace(b"\r\n", b"\r\n" + FIELD * 9, 1)},
        1,
    ),
    "sends chunks whose sizes have very long extensions": (
        {"raw": CHUNKED + b"".join(b"1;%s\r\n\n\r\n" % FIELD[:4_000] for _ in range(20))},
        1,
    ),
    "redirects to itself": ({"status": 307, "headers": {"location": "/v1/messages"}}, 1),
    "stalls before the first word": ({"fault": "stall"}, 1),
    "stalls in mid-answer": ({"fault": "stall", "fault_after": 1}, 1),
    "resets the connection before the first word": ({"fault": "reset"}, 1),
    "resets the connection in mid-answer": ({"fault": "reset", "fault_after": 1}, 1),
    "resets the connection before the answer begins": (
        {"fault": "reset", "edit": fault_before_the_message},
        1,
    ),
    "ends before the answer begins": ({"fault": "end", "edit": fault_before_the_message}, 1),
    "ends in mid-answer as if it were the end": ({"fault": "end", "fault_after": 1}, 1),
    "sends a malformed event": ({"fault": "malformed", "fault_after": 1}, 1),
    "sends a malformed event before the answer begins": (
        {"fault": "malformed", "edit": fault_before_the_message},
        1,
    ),
    "sends text before the answer begins": ({"edit": text_before_the_message}, 1),
    "sends HTML with status 200": ({"html": True}, 3),
    "sends a whole message, not a stream of events": ({"raw": json_response(MESSAGE)}, 1),
    "sends an empty response with status 200": ({"raw": json_response(b"")}, 1),
    "is overloaded in mid-answer": ({"fault": "overloaded", "fault_after": 1}, 1),
    "is overloaded before the answer begins": (
        {"fault": "overloaded", "edit": fault_before_the_message},
        3,
    ),
    "400 invalid request": ({"status": 400, "error_type": "invalid_request_error"}, 1),
    "401 wrong key": ({"status": 401, "error_type": "authentication_error"}, 1),
    "403 key without permission": ({"status": 403, "error_type": "permission_error"}, 1),
    "404 unknown model": ({"status": 404, "error_type": "not_found_error"}, 1),
    "413 too large": ({"status": 413, "error_type": "request_too_large"}, 1),
    "429 without Retry-After, then an answer": ({"status": 429, "failures": 1}, 2),
    "429 with Retry-After: 1, then an answer": (
        {"status": 429, "failures": 1, "headers": {"retry-after": "1"}},
        2,
    ),
    "429 for ever": ({"status": 429}, 3),
    "429 with Retry-After: 120": ({"status": 429, "headers": {"retry-after": "120"}}, 1),
    "402 no credit": ({"status": 402, "error_type": "billing_error"}, 1),
    "405, as of another API": ({"status": 405, "html": True}, 1),
    "409 conflict": ({"status": 409}, 1),
    "500 for ever": ({"status": 500}, 3),
    "500 without Anthropic's error": ({"status": 500, "html": True}, 1),
    "500 of a gateway, compressed unasked": (
        {"status": 500, "html": True, "headers": {"content-encoding": "gzip"}},
        1,
    ),
    "500 with more than is read": (
        {"raw": b"HTTP/1.1 500 -\r\ncontent-type: text/html\r\n\r\n" + b"\n" * 2**23},
        1,
    ),
    "502 of a gateway": ({"status": 502, "html": True}, 1),
    "502 with Anthropic's error": ({"status": 502}, 3),
    "503 of a gateway": ({"status": 503, "html": True}, 3),
    "504 of a gateway": ({"status": 504, "html": True}, 1),
    "520 of a gateway": ({"status": 520, "html": True}, 1),
    "522 of a gateway, which did not reach the provider": ({"status": 522, "html": True}, 3),
    "524 of a gateway, which waited for the provider": ({"status": 524, "html": True}, 1),
    "524 with Anthropic's error": ({"status": 524}, 1),
    "499 of a gateway": ({"status": 499, "html": True}, 1),
    "529 overloaded, then an answer": ({"status": 529, "failures": 1}, 2),
    "529 overloaded for ever": ({"status": 529}, 3),
    "refuses to answer": ({"stop_reason": "refusal"}, 1),
    "reaches the length limit": ({"stop_reason": "max_tokens"}, 1),
    "gives an empty answer": ({"pieces": []}, 1),
    "splits a character between two events": ({"pieces": ["half \ud83d", "\ude00 full"]}, 1),
    "sends text with the start of a block": ({"edit": text_in_the_start}, 1),
    "sends text after the end": ({"edit": text_after_the_end}, 1),
    "sends the end twice": ({"edit": two_ends}, 1),
    "sends an unknown event after the end": ({"edit": unknown_after_the_end}, 1),
    "sends a malformed event after the end": (
        {"fault": "malformed", "fault_after": 9, "edit": fault_after_the_end},
        1,
    ),
    "resets the connection after the end": (
        {"fault": "reset", "fault_after": 9, "edit": fault_after_the_end},
        1,
    ),
    "keeps the connection open after the end": (
        {"fault": "stall", "fault_after": 9, "edit": fault_after_the_end},
        1,
    ),
    "is overloaded after the end": (
        {"fault": "overloaded", "fault_after": 9, "edit": fault_after_the_end},
        1,
    ),
    "sends comments, a byte order mark and other ends of lines": ({"raw": with_other_lines()}, 1),
    "sends text outside of any block": ({"edit": text_without_a_block}, 1),
    "sends an event without an end": ({"fault": "endless", "fault_after": 1}, 1),
    "sends a compressed answer": ({"headers": {"content-encoding": "gzip"}}, 1),
    "gives a longer answer than is kept": ({"pieces": ["x" * 1_000_000] * 5}, 1),
}


UNREACHABLE = {
    "refuses the connection": "http://127.0.0.1:9",
    "has a name that does not resolve": "http://no-such-host.invalid",
    "does not accept the connection": "full",
}


@pytest.fixture(scope="module")
def faulty(
    new_database: NewDatabase, fake: FakeAnthropic, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server with little patience."""
    home = tmp_path_factory.mktemp("faulty")
    process = serving(home, fake, new_database("sqlite"), **PATIENCE)
    yield process
    assert process.stop() == 0
    error = process.first_error()
    assert not error, error


def told_row(fault: str) -> str:
    """The fault's row in the document."""
    rows = [row for row in TABLE.read_text().splitlines() if row.startswith(f"| {fault} |")]
    assert len(rows) == 1, f"docs/faults.md has {len(rows)} rows for: {fault}"
    return rows[0]


def seen_row(fault: str, cli: Cli, asked: str, question: str) -> tuple[str, Done]:
    """The row as it happens: asked at the front door, and read back; and how the command ended."""
    done = cli.in_process("ask", question)
    (stored,) = json.loads(cli.in_process("history", "list", "--json").out)["items"]
    lines = done.err.strip().splitlines()
    assert len(lines) <= 1
    assert "SECRET" not in done.err
    assert stored["answer"] == done.out.strip("\n")
    message = lines[0].removeprefix("askcli: error: ") if lines else ""
    cells = (fault, asked, stored["status"], stored["error"] or "", str(done.code), message)
    return "| " + " | ".join(cells) + " |", done


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_ends_as_the_document_says(
    faulty: ServerProcess, new_cli: NewCli, fake: FakeAnthropic, fault: str
) -> None:
    marker = uuid4().hex
    doing, asked = FAULTS[fault]
    reply = fake.on(marker, *doing.get("pieces", ["half of", " an answer"]), **(
        {name: value for name, value in doing.items() if name != "pieces"}
    ))  # fmt: skip
    row, done = seen_row(fault, logged_in(new_cli(faulty), faulty), str(asked), marker)
    reply.release()
    assert len(fake.asked(marker)) == asked
    assert row == told_row(fault)
    if done.code == 0:
        assert done.out == whole(reply.pieces) + "\n"


def test_a_text_that_is_cut_within_its_characters_is_whole(
    faulty: ServerProcess, new_cli: NewCli, fake: FakeAnthropic
) -> None:
    """Anywhere in their UTF-16 form, which is what JSON escapes."""
    cli, random = logged_in(new_cli(faulty), faulty), seeded()
    for _ in range(500 if SOAK else 5):
        data = "".join(random.choices("aé葛\U0001f600\u200d\U000e0041", k=20)).encode("utf-16-le")
        cuts = sorted(2 * random.randrange(len(data) // 2) for _ in range(10))
        pieces = [
            data[start:end].decode("utf-16-le", "surrogatepass")
            for start, end in pairwise([0, *cuts, len(data)])
        ]
        fake.on(marker := uuid4().hex, *pieces)
        done = cli.in_process("ask", "--json", marker)
        assert json.loads(done.out)["answer"] == data.decode("utf-16-le"), pieces


def whole(pieces: list[str]) -> str:
    """The text of these pieces, in which a character may be split between two."""
    return "".join(pieces).encode("utf-16", "surrogatepass").decode("utf-16")


@pytest.mark.parametrize("fault", UNREACHABLE)
def test_an_unreachable_provider_ends_as_the_document_says(
    new_database: NewDatabase, new_cli: NewCli, fake: FakeAnthropic, tmp_path: Path, fault: str
) -> None:
    with full_listener() as full:
        url = UNREACHABLE[fault].replace("full", full)
        more = PATIENCE | {"ANTHROPIC_BASE_URL": url}
        server = serving(tmp_path / "server", fake, new_database("sqlite"), **more)
        cli = logged_in(new_cli(server), server)
        row, _ = seen_row(fault, cli, told_row(fault).split(" | ")[1], "hello")
        assert server.stop() == 0
    assert row == told_row(fault)
    asked_again = [line for line in server.log if "asking again" in line]
    assert f"| {len(asked_again) + 1} |" in row


class full_listener:  # noqa: N801 - reads as the context manager that it is
    """A listener whose queue is full: the kernel drops further connections in silence."""

    def __enter__(self) -> str:
        self._sockets = [socket.create_server(("127.0.0.1", 0), backlog=0)]
        address = self._sockets[0].getsockname()
        for _ in range(4):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex(address)
            self._sockets.append(waiting)
        return f"http://127.0.0.1:{address[1]}"

    def __exit__(self, *_: object) -> None:
        for one in self._sockets:
            one.close()


def test_the_document_has_no_other_rows() -> None:
    of_the_model = TABLE.read_text().partition("\n## ")[0]
    rows = [row for row in of_the_model.splitlines() if row.startswith("| ")]
    assert len(rows) == len(FAULTS) + len(UNREACHABLE) + 2  # with the table's head


def test_retry_after_is_passed_on(
    faulty: ServerProcess, new_person: NewPerson, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    fake.on(marker, status=429, headers={"retry-after": "120"})
    answer = new_person(faulty).ask(marker)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "120")
