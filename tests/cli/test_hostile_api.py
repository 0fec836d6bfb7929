"""A server that answers as askcli's does, but for something: one line, and no traceback."""

from __future__ import annotations

import copy
import gzip
import re
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from askcli.client import resume
from askcli.client.http import bounded
from askcli.contract.limits import MAX_RESPONSE_BYTES
from tests.support.cli import Cli, NewCli
from tests.support.hostile import HostileServer, Response
from tests.support.right_responses import COMMANDS, FAILED, QUESTION, RIGHT, response
from tests.support.soak import SOAK

CODES = {0, 1, 2, 4, 5, 6, 7}

WRONG: list[Any] = [
    None, True, 0, -1, 1.5, 10**30, float("inf"), float("nan"), "", "x", "../..", "a b", "\n",
    "\x1b[31m", "\ud800", "\u20ac", "x" * 10_000, [], [[]], {}, {"id": 7}, [None],
]  # fmt: skip


def paths(content: Any) -> list[tuple[Any, ...]]:
    """The places in a JSON value."""
    entries = (
        content.items() if isinstance(content, dict)
        else enumerate(content) if isinstance(content, list) else ()
    )  # fmt: skip
    return [(), *((key, *rest) for key, item in entries for rest in paths(item))]


def changed(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The JSON with another value in one place; without the place, if the value is `...`."""
    if not path:
        return None if value is ... else value
    content = copy.copy(content)
    if len(path) == 1 and value is ...:
        del content[path[0]]
    else:
        content[path[0]] = changed(content[path[0]], path[1:], value)
    return content


def extended(content: Any) -> Any:
    """The JSON with one more field in each object."""
    if isinstance(content, list):
        return [extended(item) for item in content]
    if not isinstance(content, dict):
        return content
    return {key: extended(item) for key, item in content.items()} | {"later": 1}


PLACES = [(words, path) for words, (_, content) in COMMANDS.items() for path in paths(content)]


class Hostile:
    """A server whose responses a test sets, and a user of it."""

    def __init__(self, new_cli: NewCli) -> None:
        self.responses: dict[str, Response] = {}
        self.server = HostileServer(self._respond)
        self.cli: Cli = new_cli(ASKCLI_SERVER=self.server.url)
        self._saved = b""
        self._tokens = self.cli.home / ".config/askcli/credentials.json"

    def _respond(self, method: str, path: str) -> Response:
        return self.responses.get(f"{method} {path}", Response(404, b"{}"))

    def reset(self) -> None:
        """Set what askcli's own server would answer, and log the user in."""
        self.responses = {name: response(content) for name, content in RIGHT.items()}
        if self._saved:
            self._tokens.write_bytes(self._saved)
            return
        words = ("login", "--email", "a@b.example", "--password-stdin")
        assert self.cli.in_process(*words, stdin="correct horse battery\n").code == 0
        self._saved = self._tokens.read_bytes()


@pytest.fixture
def hostile(new_cli: NewCli, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(resume, "FIRST_PAUSE_SECONDS", 0.01)
    hostile = Hostile(new_cli)
    with hostile.server:
        hostile.reset()
        yield hostile


def test_right_responses_are_taken(hostile: Hostile) -> None:
    for words, (name, content) in COMMANDS.items():
        hostile.responses[name] = response(content)
        done = hostile.cli.in_process(*words, stdin="correct horse battery\n")
        assert done.code == (7 if content is FAILED else 0), (words, done)


def test_fields_of_a_later_version_are_no_error(hostile: Hostile) -> None:
    for words, (name, content) in COMMANDS.items():
        hostile.reset()
        hostile.responses[name] = response(extended(content))
        done = hostile.cli.in_process(*words, stdin="correct horse battery\n")
        assert done.code == (7 if content is FAILED else 0), (words, done)


def test_a_table_has_the_columns_of_its_own_version(hostile: Hostile) -> None:
    name = "GET /api/users/me/questions"
    hostile.responses[name] = response({"items": [extended(QUESTION)], "next_cursor": None})
    head, row = hostile.cli.in_process("history", "export", "--format", "csv").out.splitlines()
    assert "later" not in head
    assert row.count(",") == head.count(",")


@settings(
    max_examples=2000 if SOAK else 30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(place=strategies.sampled_from(PLACES), value=strategies.sampled_from([..., *WRONG]))
def test_a_wrong_field_anywhere_is_one_line(hostile: Hostile, place: Any, value: Any) -> None:
    words, path = place
    name, content = COMMANDS[words]
    hostile.reset()
    hostile.responses[name] = response(changed(content, path, value))
    done = hostile.cli.in_process(*words, stdin="correct horse battery\n")
    assert done.code in CODES, done
    assert not re.search("Traceback|unexpected", done.err), done
    assert len(done.err) < 20_000
    assert "\x1b" not in done.out + done.err


PING = b": ping\n\n"
NESTED = b"[[]" + b",[]" * 1_000_000 + b"]"  # 3 MB that take 65 in memory
LONG = b'{"name": "' + b"\\ud83d\\ude00" * 1_000_000 + b'"}'


@pytest.mark.parametrize(
    ("words", "name", "given_response"),
    [
        (
            ("whoami",),
            "GET /api/users/me",
            Response(body=gzip.compress(bytes(2**25), 1), headers={"content-encoding": "gzip"}),
        ),
        (("whoami",), "GET /api/users/me", Response(endless=b"[" * 65_536)),
        (("whoami",), "GET /api/users/me", Response(500, endless=b" " * 65_536)),
        (
            ("ask", "hi"),
            "POST /api/questions",
            Response(headers={"content-type": "text/event-stream"}, endless=b"x" * 65_536),
        ),
        (
            ("ask", "hi"),
            "POST /api/questions",
            Response(headers={"content-type": "text/event-stream"}, endless=PING),
        ),
        (
            ("ask", "hi"),
            "POST /api/questions",
            Response(503, headers={"retry-after": "9" * 15}),
        ),
        (
            ("history", "export"),
            "GET /api/users/me/questions",
            response({"items": [QUESTION], "next_cursor": "again"}),
        ),
        (
            ("history", "export"),
            "GET /api/users/me/questions",
            response({"items": [], "next_cursor": "more"}),
        ),
        (("whoami",), "GET /api/users/me", Response(body=NESTED)),
        (("whoami",), "GET /api/users/me", Response(body=LONG)),
        (("whoami",), "GET /api/users/me", Response(500, body=LONG)),
        (("history",), "GET /api/users/me/questions", Response(body=NESTED)),
        (
            ("ask", "hi"),
            "POST /api/questions",
            Response(
                headers={"content-type": "text/event-stream"},
                body=b"event: question\ndata: " + NESTED + b"\n\n",
            ),
        ),
    ],
    ids=[
        *("gzip", "body", "error", "event", "pings", "wait", "pages", "empty pages"),
        *("nested", "long", "long error", "nested page", "nested event"),
    ],
)
def test_what_never_ends_or_grows_ends_as_one_line(
    hostile: Hostile,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    name: str,
    given_response: Response,
) -> None:
    if given_response.endless == PING:
        monkeypatch.setattr(bounded, "MAX_RESPONSE_BYTES", 20_000)
    hostile.responses[name] = given_response
    tracemalloc.start()
    done = hostile.cli.in_process(*words)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (done.code, done.err.count("\n")) == (5, 1), done
    assert peak < (8_000_000 if words == ("whoami",) else 1.5 * MAX_RESPONSE_BYTES)
