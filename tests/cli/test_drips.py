"""Responses that come a byte at a time, without an end: the time-out bounds each as a whole."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from tests.support.cli import Cli, NewCli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.hostile import HostileServer, Response, event
from tests.support.right_responses import TOKENS

ROWS = '"one"\n"two"\n'
EVENTS = {"content-type": "text/event-stream"}
PROBLEM = {"content-type": "application/problem+json"}

EVENT_DRIP = Response(headers=EVENTS, endless=b":\n", pause=0.2)
ERROR_DRIP = Response(401, b"{", PROBLEM, endless=b" ", pause=0.2)
HEAD_DRIP = Response(dripping_head=b"H", pause=0.2)


@pytest.mark.parametrize(
    "response",
    [
        Response(headers={"content-type": "application/json"}, endless=b" ", pause=0.2),
        Response(dripping_head=b"H", pause=0.2),
    ],
)
@pytest.mark.parametrize("words", ["whoami", "history"])
def test_a_response_that_drips_is_not_waited_for(
    new_cli: NewCli, words: str, response: Response
) -> None:
    with HostileServer(lambda _method, _path: response) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any", ASKCLI_TIMEOUT="1")
        done = cli.in_process(*words.split())
    assert (done.code, done.out, done.err.count("\n")) == (6, "", 1), done
    assert "did not answer in time" in done.err
    assert "or raise ASKCLI_TIMEOUT" in done.err  # the command has no --timeout


@pytest.mark.parametrize("response", [EVENT_DRIP, ERROR_DRIP, HEAD_DRIP])
@pytest.mark.parametrize("way", ["direct", "proxy"])
def test_a_batch_waits_for_no_response_that_drips(
    new_cli: NewCli, way: str, response: Response
) -> None:
    with HostileServer(lambda _method, _path: response) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any", ASKCLI_TIMEOUT="1")
        if way == "proxy":
            cli.environment |= {"ASKCLI_SERVER": "http://ask.example", "HTTP_PROXY": server.url}
        done = cli("batch", "-", stdin=ROWS)
    assert (done.code, done.out) == (6, ""), done
    assert "did not answer in time" in done.err  # the other row's thread may have the last word


def test_a_batch_waits_for_no_refresh_that_drips(new_cli: NewCli) -> None:
    tokens = Response(body=json.dumps(TOKENS).encode())

    def respond(_method: str, path: str) -> Response:
        return tokens if path == "/api/auth/login" else HEAD_DRIP

    with HostileServer(respond) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TIMEOUT="1")
        words = ("login", "--email", "a@b.example", "--password-stdin")
        assert cli.in_process(*words, stdin="correct horse battery\n").code == 0
        done = cli("batch", "-", stdin=ROWS)
    assert (done.code, done.out) == (6, ""), done


def test_a_batch_follows_a_stored_question_again_where_only_pings_come(new_cli: NewCli) -> None:
    waiting = Response(200, event("question"), EVENTS, endless=b": ping\n\n", pause=0.2)
    ended = Response(200, event("done", status="answered", stop_reason="end_turn"), EVENTS)
    with HostileServer(lambda method, _path: ended if method == "GET" else waiting) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any", ASKCLI_TIMEOUT="1")
        done = cli("batch", "-", stdin='"Why?"\n')
    assert (done.code, json.loads(done.out)["status"]) == (0, "answered"), done


def test_an_answer_of_a_batch_may_take_longer_than_the_time_out_while_text_comes(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    fake.on(marker, *["slowly,", "but", "it", "comes"], pause=0.4)
    sqlite_cli.environment["ASKCLI_TIMEOUT"] = "1"
    done = sqlite_cli("batch", "-", stdin=f'"{marker}"\n')
    assert (done.code, json.loads(done.out)["answer"]) == (0, "slowly,butitcomes"), done
    assert "again" not in done.err
