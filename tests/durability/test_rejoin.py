"""A client that is cut off loses nothing: it rejoins, here or on another process; it can stop."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from askcli.client.api import Api
from askcli.client.http.events import Events
from tests.support.cli import Cli, NewCli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import Person, logged_in
from tests.support.processes import ServerProcess
from tests.support.proxy import Proxy
from tests.support.streams import STREAM
from tests.support.waiting import eventually

TEXT = "Zwölf 👩‍🚀 words\nand\ttwo."


def read(response: httpx2.Response, characters: int | None = None) -> tuple[str, str, str]:
    """Read a stream to its end, or to so many characters: question id, text, last event."""
    question_id, text, name = "", "", ""
    for event in httpx2.EventSource(response):
        data, name = json.loads(event.data), event.event
        if name == "question":
            question_id = data["id"]
        elif name == "delta":
            text += data["text"]
            assert event.id.isdigit()
        if characters is not None and len(text) >= characters:
            break
    return question_id, text, name


def cut_and_rejoin(
    first: httpx2.Client, second: httpx2.Client, fake: FakeAnthropic, position: int
) -> str:
    """Ask, lose the connection after `position` characters, rejoin; the text from both."""
    marker = f"{uuid4().hex}"
    reply = fake.on(marker, *TEXT, hold_after=position)
    body = {"question": marker}
    with first.stream("POST", "/api/questions", json=body, headers=STREAM) as response:
        question_id, before, _ = read(response, position)
    assert before == TEXT[:position]
    path = f"/api/questions/{question_id}/events"
    with second.stream("GET", path, headers={"last-event-id": str(position)}) as response:
        reply.release()
        _, after, end = read(response)
    assert end == "done"
    assert len(fake.asked(marker)) == 1
    return before + after


@pytest.mark.parametrize("where", ["the same process", "another process"])
def test_cut_at_every_character_and_rejoined(
    alice: Person, server: ServerProcess, twin: ServerProcess, fake: FakeAnthropic, where: str
) -> None:
    with (
        alice.at(server) as first,
        alice.at(server if where == "the same process" else twin) as second,
        ThreadPoolExecutor(len(TEXT)) as pool,
    ):
        positions = range(1, len(TEXT))
        joined = list(pool.map(lambda n: cut_and_rejoin(first, second, fake, n), positions))
    assert joined == [TEXT] * len(positions)


def test_an_ended_answer_is_joined_from_anywhere(alice: Person, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    fake.on(marker, TEXT)
    path = f"/api/questions/{alice.ask(marker).json()['id']}/events"
    for headers in ({}, {"last-event-id": "0"}, {"last-event-id": "5"}):
        with alice.http.stream("GET", path, headers=headers) as response:
            after = int(headers.get("last-event-id", "0"))
            assert read(response)[1:] == (TEXT[after:], "done")
    for after in (len(TEXT), len(TEXT) + 7):
        past = alice.http.get(path, headers={"last-event-id": str(after)})
        assert (past.status_code, past.content) == (204, b"")
    answer = alice.http.get(path, headers={"last-event-id": "x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [(None, 0, ""), ("overloaded", 5, "askcli: error: The model is overloaded.")],
)
def test_a_connection_that_breaks_between_the_text_and_its_end(
    cli: Cli, fake: FakeAnthropic, fault: str | None, code: int, message: str
) -> None:
    """The text is not printed twice, and the end is what the server has stored."""
    marker = uuid4().hex
    fake.on(marker, "All of ", "it.", "" if fault else ".", fault=fault, fault_after=2)
    ask = Api.ask

    @contextmanager
    def ask_and_lose_the_end(api: Api, body: Any, key: str) -> Iterator[Events]:
        with ask(api, body, key) as events:
            yield (event for event in events or () if not event.is_last)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Api, "ask", ask_and_lose_the_end)
        done = cli.in_process("ask", marker)
    assert (done.code, done.out.strip(".\n")) == (code, "All of it")
    assert message in done.err
    assert len(fake.asked(marker)) == 1


def test_nobody_else_joins_or_stops_an_answer(
    alice: Person, bob: Person, fake: FakeAnthropic
) -> None:
    question_id = alice.ask("mine").json()["id"]
    assert bob.http.get(f"/api/questions/{question_id}/events").status_code == 404
    assert bob.http.post(f"/api/questions/{question_id}/cancel").status_code == 404


def test_fifty_identical_posts_at_once_ask_once(
    alice: Person, server: ServerProcess, twin: ServerProcess, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    reply = fake.on(marker, "One ", "answer.", hold_after=1)
    key = {"idempotency-key": marker}
    with alice.at(twin) as other, ThreadPoolExecutor(50) as pool:
        requests = [
            pool.submit(client.post, "/api/questions", json={"question": marker}, headers=key)
            for client in [alice.http, other] * 25
        ]
        assert reply.reached.wait(30)
        reply.release()
        answers = [future.result() for future in requests]
    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["answer"] for answer in answers} == {"One answer."}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(fake.asked(marker)) == 1


@pytest.mark.parametrize("where", ["the same process", "another process"])
def test_cancel_keeps_the_text_so_far(
    alice: Person, server: ServerProcess, twin: ServerProcess, fake: FakeAnthropic, where: str
) -> None:
    marker = uuid4().hex
    reply = fake.on(marker, "so far", " never", hold_after=1)
    with (
        alice.at(server if where == "the same process" else twin) as other,
        alice.http.stream(
            "POST", "/api/questions", json={"question": marker}, headers=STREAM
        ) as response,
    ):
        events = iter(httpx2.EventSource(response))
        question_id = json.loads(next(events).data)["id"]
        assert json.loads(next(events).data)["text"] == "so far"
        if where == "another process":  # it stores what the row has: wait for the checkpoint
            with other.stream("GET", f"/api/questions/{question_id}/events") as followed:
                read(followed, 6)
        stopped = other.post(f"/api/questions/{question_id}/cancel").json()
        error = next(events)
    assert (stopped["status"], stopped["answer"]) == ("cancelled", "so far")
    assert (error.event, json.loads(error.data)["code"]) == ("error", "cancelled")
    stored = stopped | {"input_tokens": 11}  # which only the process that answers it knows
    assert alice.http.post(f"/api/questions/{question_id}/cancel").json() == stored
    reply.release()
    assert alice.http.get(f"/api/questions/{question_id}").json() == stored


def test_the_command_goes_on_over_a_connection_that_breaks(
    sqlite_server: ServerProcess, new_cli: NewCli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    reply = fake.on(marker, *TEXT, hold_after=9)
    with Proxy(sqlite_server.url) as proxy:
        cli = logged_in(new_cli(ASKCLI_SERVER=proxy.url), sqlite_server)
        process = cli.start("ask", "--raw", marker, stderr=-1)
        assert process.stdout
        first = b""
        while len(first) < len(TEXT[:9].encode()):
            first += os.read(process.stdout.fileno(), 100)
        proxy.cut()
        assert process.stderr
        assert b"Trying again" in process.stderr.readline()
        reply.release()
        rest, _ = process.communicate(timeout=60)
    assert (first + rest).decode() == TEXT
    assert process.returncode == 0
    assert len(fake.asked(marker)) == 1


def test_the_command_goes_on_when_the_reply_to_its_question_is_lost(
    sqlite_server: ServerProcess, new_cli: NewCli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    fake.on(marker, "One answer.")
    with Proxy(sqlite_server.url) as proxy:
        cli = logged_in(new_cli(ASKCLI_SERVER=proxy.url), sqlite_server)
        proxy.cut_after(1)
        process = cli.start("ask", marker, stderr=-1)
        assert process.stderr
        assert b"Trying again" in process.stderr.readline()
        proxy.cut_after(None)
        out, _ = process.communicate(timeout=60)
    assert (out, process.returncode) == (b"One answer.\n", 0)
    assert len(fake.asked(marker)) == 1


def test_ctrl_c_stops_the_answer_and_names_it(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " never", hold_after=1)
    process = sqlite_cli.start("ask", marker, stderr=-1)
    assert process.stdout
    assert os.read(process.stdout.fileno(), 100) == b"begun"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    question_id = err.decode().split()[-1]
    output = sqlite_cli("history", "show", question_id, "--json")
    assert (json.loads(output.out)["status"], json.loads(output.out)["answer"]) == (
        "cancelled",
        "begun",
    )
    reply.release()


@pytest.mark.parametrize(("is_stalled", "status"), [(False, "cancelled"), (True, "answering")])
def test_ctrl_c_says_stopped_only_of_an_answer_that_the_server_has_stopped(
    sqlite_server: ServerProcess,
    new_cli: NewCli,
    fake: FakeAnthropic,
    is_stalled: bool,
    status: str,
) -> None:
    """Over a slow network, and over one on which nothing arrives, until a second Ctrl-C."""
    reply = fake.on(marker := uuid4().hex, "begun", " and ended", hold_after=1)
    with Proxy(sqlite_server.url) as proxy:
        cli = logged_in(new_cli(ASKCLI_SERVER=proxy.url), sqlite_server)
        process = cli.start("ask", marker, stderr=-1)
        assert process.stdout
        assert os.read(process.stdout.fileno(), 100) == b"begun"
        connections = proxy.connections
        if is_stalled:
            proxy.stall()
        proxy.reply_pause = 0.4
        process.send_signal(signal.SIGINT)
        eventually(lambda: proxy.connections > connections)
        if is_stalled:
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        proxy.reply_pause = 0
        proxy.cut()  # or what stood still would arrive after all
        proxy.flow()
        notice = err.decode()
        assert process.returncode == 130
        assert ("stopped" in notice, "not confirmed" in notice) == (not is_stalled, is_stalled)
        shown = cli("history", "show", notice.split()[-1], "--json")
        assert json.loads(shown.out)["status"] == status
    reply.release()


def test_ctrl_c_before_the_server_has_confirmed_the_question_says_that_it_may_be_answered(
    sqlite_server: ServerProcess, new_cli: NewCli, fake: FakeAnthropic
) -> None:
    reply = fake.on(marker := uuid4().hex, "whole", hold_after=0)
    with Proxy(sqlite_server.url) as proxy:
        cli = logged_in(new_cli(ASKCLI_SERVER=proxy.url), sqlite_server)
        proxy.reply_pause = 600
        process = cli.start("ask", marker, stderr=-1)
        assert reply.reached.wait(30)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    reply.release()
    assert process.returncode == 130
    assert b"may be answered" in err


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
def test_a_closed_terminal_does_not_stop_the_answer(
    sqlite_cli: Cli, fake: FakeAnthropic, number: signal.Signals
) -> None:
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    process = sqlite_cli.start("ask", marker, stderr=-1)
    assert process.stdout
    assert os.read(process.stdout.fileno(), 100) == b"begun"
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == -number
    reply.release()
    (item,) = json.loads(sqlite_cli("history", "list", "--json").out)["items"]
    done = sqlite_cli("ask", "--rejoin", item["id"])
    assert (done.code, done.out) == (0, "begun and ended\n")
    assert len(fake.asked(marker)) == 1


def test_retry_asks_the_same_again(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    fake.on(marker, "half", " lost", fault="reset", fault_after=1)
    assert sqlite_cli("ask", "-s", "Be brief.", marker).code == 5
    (failed,) = json.loads(sqlite_cli("history", "list", "--json").out)["items"]
    assert (failed["status"], failed["answer"]) == ("interrupted", "half")
    again = sqlite_cli("ask", "--rejoin", failed["id"])
    assert (again.code, again.out) == (5, "half\n")
    fake.on(marker, "whole")
    assert sqlite_cli("ask", "--retry", failed["id"]).out == "whole\n"
    assert [request["system"] for request in fake.asked(marker)] == ["Be brief."] * 2
    for words in (["--rejoin", "x"], ["--retry", failed["id"], "more"], ["--rejoin", str(uuid4())]):
        assert sqlite_cli("ask", *words).code in (1, 2), words


def test_a_timeout_leaves_the_answer_to_be_rejoined(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    done = sqlite_cli("ask", "--timeout", "2", marker)
    assert (done.code, done.out) == (6, "begun")
    reply.release()
    assert "the server continues it" in done.err
    words = done.err.split("askcli ask ")[1].split()[:2]
    assert sqlite_cli("ask", *words).out == "begun and ended\n"


def test_a_timeout_says_nothing_of_a_server_that_it_does_not_know(
    sqlite_server: ServerProcess, new_cli: NewCli, fake: FakeAnthropic
) -> None:
    """Before the question is confirmed, and after the connection is lost."""
    reply = fake.on(marker := uuid4().hex, "begun", " and ended", hold_after=1)
    with Proxy(sqlite_server.url) as proxy:
        cli = logged_in(new_cli(ASKCLI_SERVER=proxy.url), sqlite_server)
        proxy.stall()
        unconfirmed = cli("ask", "--timeout", "1", "hello")
        proxy.flow()
        process = cli.start("ask", "--timeout", "3", marker, stderr=-1)
        assert process.stdout
        assert os.read(process.stdout.fileno(), 100) == b"begun"
        proxy.cut_after(0)
        proxy.cut()
        _, lost = process.communicate(timeout=30)
    reply.release()
    assert (unconfirmed.code, process.returncode) == (6, 6)
    assert "the server has not confirmed the question" in unconfirmed.err
    assert "complete after 3 s; the last try: the connection to" in " ".join(lost.decode().split())
    assert b"--rejoin" in lost
    assert b"continues it" not in unconfirmed.err.encode() + lost
