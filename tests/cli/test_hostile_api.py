"""A server that answers as askcli's does, but for something: one line, and no traceback."""

from __future__ import annotations

import copy
import gzip
import json
import re
import tracemalloc
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from askcli.client import bounded, resume
from askcli.contract.limits import MAX_RESPONSE_BYTES
from tests.support.cli import Cli, NewCli
from tests.support.hostile import HostileServer, Response
from tests.support.soak import SOAK

ID = str(UUID(int=7))
TIME = "2026-01-31T12:00:00Z"
USER = {"id": ID, "name": "A", "email": "a@b.example", "created_at": TIME}
TOKENS = {
    "access_token": "a" * 40,
    "refresh_token": "r" * 40,
    "token_type": "Bearer",
    "expires_in": 0,  # so that each command refreshes
    "user": USER,
}
TOKEN = {
    "id": ID,
    "name": "nightly",
    "scopes": ["ask"],
    "created_at": TIME,
    "expires_at": TIME,
    "last_used_at": None,
}
SESSION = {
    "id": ID,
    "client": "askcli",
    "address": None,
    "created_at": TIME,
    "last_used_at": TIME,
    "current": True,
}
QUESTION = {
    "id": ID,
    "user_id": ID,
    "conversation_id": ID,
    "question": "Why?",
    "system": None,
    "answer": "So.",
    "status": "answered",
    "stop_reason": "end_turn",
    "error": None,
    "model": "m",
    "max_tokens": None,
    "input_tokens": 3,
    "output_tokens": 7,
    "cost_usd": 0.1,
    "created_at": TIME,
    "answered_at": TIME,
}
USAGE = {
    "day": "2026-01-31",
    "model": "m",
    "questions": 1,
    "input_tokens": 3,
    "output_tokens": 7,
    "cost_usd": 0.1,
}
MODELS = {"items": [{"id": "m", "answerer": "x", "description": "y"}], "default": "m"}
READY = {
    "status": "ok",
    "version": "1",
    "database": "sqlite",
    "registration": {"policy": "open", "reason": "z"},
}
PROBLEM = {
    "type": "about:blank",
    "title": "Too many",
    "status": 429,
    "detail": "Enough.",
    "code": "quota_exceeded",
    "request_id": "1",
    "question_id": ID,
    "errors": [{"field": "f", "message": "m"}],
    "quota": {
        "unit": "usd",
        "period": "day",
        "limit": 1.0,
        "used": 2.0,
        "left": 0.0,
        "resets_at": TIME,
    },
}
STARTED = QUESTION | {"answer": "", "status": "answering"}
EVENTS = [
    {"event": "question", "id": "", "data": STARTED},
    {"event": "delta", "id": "3", "data": {"text": "So."}},
    {"event": "done", "id": "", "data": QUESTION},
]
FAILED = [EVENTS[0], {"event": "error", "id": "", "data": PROBLEM}]

# What each command gets from its endpoint; a list of events is sent as a stream.
COMMANDS: dict[tuple[str, ...], tuple[str, Any]] = {
    ("ask", "--timeout", "1", "hi"): ("POST /api/questions", EVENTS),
    ("ask", "--timeout", "1", "--json", "hi"): ("POST /api/questions", EVENTS),
    ("ask", "--timeout", "1", "--ndjson", "hi."): ("POST /api/questions", FAILED),
    ("history", "list"): (
        "GET /api/users/me/questions",
        {"items": [QUESTION], "next_cursor": None},
    ),
    ("history", "search", "so"): (
        "GET /api/users/me/questions",
        {"items": [QUESTION], "next_cursor": None},
    ),
    ("history", "export", "--format", "csv"): (
        "GET /api/users/me/questions",
        {"items": [QUESTION, QUESTION], "next_cursor": None},
    ),
    ("history", "export", "--format", "markdown"): (
        "GET /api/users/me/questions",
        {"items": [QUESTION], "next_cursor": None},
    ),
    ("history", "show", ID): (f"GET /api/questions/{ID}", QUESTION),
    ("history", "show", "0000"): (
        "GET /api/users/me/questions",
        {"items": [QUESTION], "next_cursor": None},
    ),
    ("history", "delete", "--older-than", "1d", "--yes"): (
        "DELETE /api/users/me/questions",
        {"deleted": 1},
    ),
    ("usage",): ("GET /api/users/me/usage", {"items": [USAGE]}),
    ("models",): ("GET /api/models", MODELS),
    ("status",): ("GET /readyz", READY),
    ("whoami",): ("GET /api/users/me", USER),
    ("whoami", "--json"): ("POST /api/auth/refresh", TOKENS),
    ("login", "--email", "a@b.example", "--password-stdin"): ("POST /api/auth/login", TOKENS),
    ("token", "list"): ("GET /api/tokens", {"items": [TOKEN]}),
    ("token", "create", "x", "--scope", "ask"): ("POST /api/tokens", TOKEN | {"token": "askcli_x"}),
    ("whoami", "--sessions"): ("GET /api/sessions", {"items": [SESSION]}),
    ("openapi",): ("GET /openapi.json", {"openapi": "3.1.0"}),
}
RIGHT = dict(COMMANDS.values()) | {"POST /api/auth/refresh": TOKENS, "POST /api/auth/login": TOKENS}
CODES = {0, 1, 2, 4, 5, 6, 7}

WRONG: list[Any] = [
    None, True, 0, -1, 1.5, 10**30, float("inf"), float("nan"), "", "x", "../..", "a b", "\n",
    "\x1b[31m", "\ud800", "\u20ac", "x" * 10_000, [], [[]], {}, {"id": 7}, [None],
]  # fmt: skip


def response(content: Any) -> Response:
    """A response with this JSON, or these events."""
    if not (isinstance(content, list) and content and isinstance(content[0], dict)):
        return Response(body=json.dumps(content).encode())
    lines = (
        "".join(f"{name}: {_value(value)}\n" for name, value in event.items()) + "\n"
        for event in content
        if isinstance(event, dict)
    )
    body = "".join(lines).encode("utf-8", "replace")
    return Response(body=body, headers={"content-type": "text/event-stream"})


def _value(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


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


@settings(
    max_examples=2000 if SOAK else 50,
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
NESTED = b"[[]" + b",[]" * 2_000_000 + b"]"  # 6 MB that take 130 in memory
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
        monkeypatch.setattr(bounded, "MAX_RESPONSE_BYTES", 100_000)
    hostile.responses[name] = given_response
    tracemalloc.start()
    done = hostile.cli.in_process(*words)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (done.code, done.err.count("\n")) == (5, 1), done
    assert peak < (8_000_000 if words == ("whoami",) else 1.5 * MAX_RESPONSE_BYTES)
