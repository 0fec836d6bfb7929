"""All event streams that a user may have are open: whoever comes then waits for a place."""

from __future__ import annotations

import json
from contextlib import ExitStack
from uuid import uuid4

import httpx2

from askcli.services.runs.open_streams import MOST_OF_A_USER
from tests.support import plain_http
from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import account
from tests.support.processes import ServerProcess
from tests.support.raw_http import are_open, connection, is_open, lose
from tests.support.streams import STREAM
from tests.support.waiting import eventually

BATCH_ROWS = 64


def test_an_ask_gets_the_place_of_a_client_that_is_gone(
    sqlite_server: ServerProcess, sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    """It waits until the server can tell; the streams of clients that are there go on."""
    marker = uuid4().hex
    fake.on(marker, *["word "] * 100, pause=1)
    token = account(sqlite_cli, sqlite_server)["access_token"]
    with ExitStack() as stack:
        http = stack.enter_context(
            plain_http.client(sqlite_server.url, headers={"x-access-token": token})
        )
        ask = http.stream("POST", "/api/questions", json={"question": marker}, headers=STREAM)
        events = iter(httpx2.EventSource(stack.enter_context(ask)))
        path = f"/api/questions/{json.loads(next(events).data)['id']}"
        head = f"GET {path}/events HTTP/1.1\r\nhost: localhost\r\nx-access-token: {token}\r\n\r\n"
        followers = [
            stack.enter_context(connection(sqlite_server)) for _ in range(MOST_OF_A_USER - 1)
        ]
        for follower in followers:
            follower.sendall(head.encode())
            assert follower.recv(12) == b"HTTP/1.1 200"
        gone = followers.pop(MOST_OF_A_USER // 2)
        lose(gone)
        done = sqlite_cli("ask", "hello")
        assert done.code == 0, done
        assert "100 event streams open" in done.err
        eventually(lambda: not is_open(sqlite_server, gone))
        assert all(are_open(sqlite_server, followers))
        assert http.post(f"{path}/cancel").status_code == 200


def test_two_large_batches_at_once_all_get_their_turn(
    sqlite_server: ServerProcess, sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "so ", "it is", hold_after=1)
    batches = []
    for name in ("one", "other"):
        path = sqlite_cli.home / f"{name}.jsonl"
        rows = [json.dumps(f"{marker} {name} {n}") + "\n" for n in range(BATCH_ROWS)]
        path.write_text("".join(rows))
        batches.append(sqlite_cli.start("batch", "-q", "-j", str(BATCH_ROWS), str(path)))
    token = account(sqlite_cli, sqlite_server)["access_token"]
    with plain_http.client(sqlite_server.url, headers={"x-access-token": token}) as http:
        page = {"limit": MOST_OF_A_USER}
        eventually(
            lambda: (
                len(http.get("/api/users/me/questions", params=page).json()["items"])
                == MOST_OF_A_USER
            )
        )
    held.release()
    for batch in batches:
        out, _ = batch.communicate(timeout=60)
        assert batch.returncode == 0
        assert len(out.splitlines()) == BATCH_ROWS
    assert len(fake.asked(marker)) == 2 * BATCH_ROWS
