"""What a server says while the command tries again is one row of the terminal, whatever it says."""

from __future__ import annotations

import json

import pytest

from tests.support.cli import NewCli
from tests.support.hostile import HostileServer, Response, event
from tests.support.screen import fed, screen_lines

COLUMNS = 80
DETAILS = ["first\nsecond\n\n\tthird", "忙" * 60, "a\u0301" * 60, "🔥" * 60]
BEGUN = event("question") + event("delta", id_="5", data={"text": "begun"})


def busy(detail: str) -> Response:
    problem = {"code": "unavailable", "detail": detail, "status": 503}
    return Response(503, json.dumps(problem).encode(), {"content-type": "application/problem+json"})


@pytest.mark.parametrize("detail", DETAILS, ids=["lines", "wide", "combined", "emoji"])
@pytest.mark.parametrize("shown", [[], ["begun"]])
def test_a_notice_of_the_moment_is_one_row(new_cli: NewCli, shown: list[str], detail: str) -> None:
    first = Response(200, BEGUN, {"content-type": "text/event-stream"}) if shown else busy(detail)
    with HostileServer(lambda method, _: first if method == "POST" else busy(detail)) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any")
        terminal = cli.terminal("ask", "--timeout", "2", "hi", columns=COLUMNS)
        written = ""
        for _ in range(2):
            terminal.expect("Trying again in [0-9.]+ s: [^\r]+\r")
            written += str(terminal.before) + str(terminal.after)
            rows = [line for line in screen_lines(fed(written, COLUMNS)) if line]
            assert rows[:-1] == shown, rows
        written += terminal.read()
    notices = written.partition("askcli:")[0]
    assert notices.count("second") == notices.count("first second third")
    rows = [line for line in screen_lines(fed(written, COLUMNS)) if line]
    assert rows[: len(shown)] == shown
    assert rows[len(shown)].startswith(("askcli: error:", "askcli: follow it with")), rows


def test_a_notice_that_goes_leaves_the_answer_once(new_cli: NewCli) -> None:
    stream = {"content-type": "text/event-stream"}
    end = event("done", status="answered", stop_reason="end_turn", answer="begun\n\n")
    rest = event("delta", id_="7", data={"text": "\n\n"}) + end
    rejoined = [busy("busy"), Response(200, rest, stream)]

    def respond(method: str, _path: str) -> Response:
        return Response(200, BEGUN, stream) if method == "POST" else rejoined.pop(0)

    with HostileServer(respond) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any")
        written = cli.terminal("ask", "hi", columns=COLUMNS).read()
    assert "Trying again" in written
    assert [line for line in screen_lines(fed(written, COLUMNS)) if line] == ["begun"]
