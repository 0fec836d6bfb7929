"""Responses to one user do not depend on what other users have stored or do.

A fixed series of requests, to every endpoint, is made by a new user before and after another user
has changed their own data at random. The two records of all responses must be the same byte for
byte, once ids, times, tokens and addresses are replaced by numbers in the order in which they
appear.
"""

from __future__ import annotations

import random
import re
import secrets
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.support import plain_http
from tests.support.databases import NewDatabase, database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.limits import DEFAULT, coming_from
from tests.support.people import NewPerson, Person, add_user
from tests.support.processes import ServerProcess
from tests.support.search_cases import store_question
from tests.support.secrets import PASSWORD
from tests.support.servers import serving
from tests.support.soak import SOAK
from tests.support.streams import STREAM

ROUNDS = 30 if SOAK else 1
UNKNOWN = "01890000-0000-7000-8000-000000000000"
WORDS = ["river", "stone", "hunter7", "lantern", "crypto", "河", "riverbed", "stones"]
# Pairs that a rank by how rare a word is would order by what others have stored.
OWN = [
    *(f"pebble {number}" for number in range(8)),
    "hunter7 hunter7 lantern",
    "hunter7 lantern lantern",
    "crypto crypto river",
    "crypto river river",
]
SEARCHES = [
    "hunter7 lantern",
    "river crypto",
    "river",
    "stone river",
    "hunter*",
    "lantern -stone",
    '"river stone"',
    "河",
    "nothing",
]

VARIABLE = re.compile(
    r"(?P<token>eyJ[\w-]+\.[\w-]+\.[\w-]+|askcli_[\w-]+)"
    r"|(?P<id>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00))"
    r"|(?P<email>[0-9a-f]{32}@example\.org)"
    r"|(?<=retry-after: )(?P<seconds>\d+)|(?<=;t=)(?P<reset>\d+)"
    r"|(?P<address>127(?:\.1\d\d){3})"
    r'|(?<="refresh_token":")(?P<secret>[\w-]+)'
)
CHANGING_HEADERS = {"date", "x-request-id"}


@pytest.fixture(scope="module")
def limited(
    database_url: str,
    new_database: NewDatabase,
    fake: FakeAnthropic,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ServerProcess]:
    """A server with limits and a quota, on a database of its own: others have other limits."""
    kind = "sqlite" if database_url.startswith("sqlite") else "postgres"
    url = new_database(kind)
    settings = DEFAULT | {"ASKCLI_QUOTA_TOKENS_DAY": "4000"}
    settings["ASKCLI_ADDRESS_LIMIT"] = "300/36000"  # no use comes back between two requests
    process = serving(tmp_path_factory.mktemp("isolation"), fake, url, **settings)
    yield process
    assert process.stop() == 0


class Recorder:
    """A client at an address of its own that records every response."""

    def __init__(self, server: ServerProcess) -> None:
        # Each part has three digits, so that all responses have the same length.
        address = ".".join(["127", *(str(secrets.randbelow(100) + 100) for _ in range(3))])
        self._http = coming_from(server, address)
        self._numbers: dict[str, str] = {}
        self.record: list[str] = []

    def __call__(self, method: str, path: str, **more: Any) -> Any:
        """Send a request; returns the JSON of its response."""
        response = self._http.request(method, path, **more)
        headers = sorted(
            f"{name}: {value}"
            for name, value in response.headers.items()
            if name.lower() not in CHANGING_HEADERS
        )
        lines = [f"{method} {path}", str(response.status_code), *headers, response.text]
        self.record.append(VARIABLE.sub(self._number, "\n".join(lines)))
        return response.json() if response.text.startswith("{") else None

    def _number(self, match: re.Match[str]) -> str:
        name = f"<{match.lastgroup} {len(self._numbers)}>"
        return self._numbers.setdefault(match[0], name)

    def log_in(self, email: str, password: str) -> dict[str, Any]:
        """Log in, and send the access token from now on."""
        body = {"email": email, "password": password}
        tokens: dict[str, Any] = self("POST", "/api/auth/login", json=body)
        self.send_token(tokens)
        return tokens

    def send_token(self, tokens: dict[str, Any]) -> None:
        """Send this access token from now on."""
        self._http.headers["x-access-token"] = tokens["access_token"]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def record(server: ServerProcess, reader: Person, known: str) -> list[str]:
    """Make all requests as a new user, and searches as the reader.

    `known` is the id of another user's question, or of none.
    """
    send = Recorder(server)
    try:
        _without_login(send, known)
        tokens = send.log_in(add_user(server), PASSWORD)
        _asking(send)
        _reading(send)
        _others(send, known)
        _account(send, tokens)
        send.send_token(reader.tokens)
        _searching(send)
    finally:
        send.close()
    return send.record


def _without_login(send: Recorder, known: str) -> None:
    for path in ("/healthz", "/readyz", "/openapi.json", "/nothing"):
        send("GET", path)
    send("POST", "/api/users", json={"name": "A", "email": "nobody", "password": PASSWORD})
    send(
        "POST",
        "/api/auth/login",
        json={"email": f"{uuid4().hex}@example.org", "password": "wrong password"},
    )
    send("POST", "/api/auth/refresh", json={"refresh_token": "A" * 43})
    send("GET", f"/api/questions/{known}")


def _asking(send: Recorder) -> None:
    first = send("POST", "/api/questions", json={"question": "river stone", "max_tokens": 50})
    key = {"idempotency-key": "the same for all"}
    body = {"question": "river lantern", "max_tokens": 50}
    for _ in range(2):
        send("POST", "/api/questions", json=body, headers=key)
    body = {"question": "stone stone", "conversation_id": first["conversation_id"], "max_tokens": 9}
    send("POST", "/api/questions", json=body, headers=STREAM)
    send("GET", f"/api/questions/{first['id']}")
    send("GET", f"/api/questions/{first['id']}/events", headers={"last-event-id": "3"})
    send("POST", f"/api/questions/{first['id']}/cancel")


def _reading(send: Recorder) -> None:
    page = send("GET", "/api/users/me/questions?limit=2")
    send("GET", f"/api/users/me/questions?limit=2&cursor={page['next_cursor']}")
    for path in ("/api/users/me", "/api/users/me/usage", "/api/models"):
        send("GET", path)
    page = send("GET", "/api/users/me/conversations?limit=1")
    send("GET", f"/api/users/me/conversations?cursor={page['next_cursor']}")
    conversation = f"/api/conversations/{page['items'][0]['id']}"
    for title in ("river", ""):
        send("PATCH", conversation, json={"title": title})
    send("GET", conversation)
    send("DELETE", conversation)


def _searching(send: Recorder) -> None:
    for search in SEARCHES:
        send("GET", "/api/users/me/questions", params={"search": search, "limit": "2"})


def _others(send: Recorder, known: str) -> None:
    """Requests that name another user's question, or one that does not exist."""
    for method, path in (
        ("GET", f"/api/questions/{known}"),
        ("GET", f"/api/questions/{known}/events"),
        ("POST", f"/api/questions/{known}/cancel"),
        ("DELETE", f"/api/questions/{known}"),
        ("GET", f"/api/users/me/questions?id_prefix={known}"),
        ("GET", f"/api/users/{known}"),
        ("GET", f"/api/conversations/{known}"),
        ("DELETE", f"/api/conversations/{known}"),
    ):
        send(method, path)
    send("POST", "/api/questions", json={"question": "x", "conversation_id": known})
    send("GET", "/api/users/me/questions", params={"search": "river", "cursor": f".{known}"})


def _account(send: Recorder, tokens: dict[str, Any]) -> None:
    token = send("POST", "/api/tokens", json={"name": "ci", "scopes": ["read"]})
    send("GET", "/api/tokens")
    send("DELETE", f"/api/tokens/{token['id']}")
    session = send("GET", "/api/sessions")["items"][0]
    send("POST", "/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    body = {"current_password": PASSWORD, "new_password": f"new {PASSWORD}"}
    send("POST", "/api/users/me/password", json=body)
    send("DELETE", f"/api/sessions/{session['id'][:-4]}0000")
    too_much = {"question": "stone " * 5_000, "max_tokens": 50}
    send("POST", "/api/questions", json=too_much)
    send("POST", "/api/questions", json=too_much)  # the quota is used up
    item = {"key": "1", "conversation": "1", "question": "q", "answer": "a", "model": "m"}
    items = [item | {"created_at": "2026-01-31"}]
    for _ in range(2):
        send("POST", "/api/users/me/questions", json={"items": items})
    send("DELETE", "/api/users/me/questions?until=2100-01-01T00:00:00Z")
    send("DELETE", "/api/sessions")
    send("POST", "/api/auth/logout")


def change_at_random(person: Person, chance: random.Random) -> str:
    """Let another user ask, delete, search and log in; returns the id of a question of theirs."""
    question_id = ""
    for _ in range(chance.randint(5, 12)):
        weights = [chance.random() ** 4 for _ in WORDS]
        text = " ".join(chance.choices(WORDS, weights, k=chance.randint(1, 9)))
        key = {"idempotency-key": "the same for all"} if chance.random() < 0.2 else {}
        answer = person.http.post(
            "/api/questions", json={"question": text, "max_tokens": 9}, headers=key
        )
        question_id = answer.json().get("id", question_id)
        if chance.random() < 0.3:
            person.http.delete(f"/api/questions/{question_id}")
        if chance.random() < 0.3:
            person.http.post("/api/tokens", json={"name": text[:20], "scopes": ["ask"]})
        if chance.random() < 0.3:
            person.http.get("/api/users/me/questions", params={"search": text})
    last = person.http.post("/api/questions", json={"question": "river stone", "max_tokens": 9})
    return str(last.json().get("id", question_id))


@pytest.fixture(scope="module")
def reader(limited: ServerProcess, people: NewPerson) -> Person:
    """A user whose questions are found by the searches."""
    person = people(limited)
    with database_of(limited) as connection:
        for text in OWN:
            store_question(connection, person.id, text, "")
    return person


@pytest.fixture(scope="module")
def before(limited: ServerProcess, reader: Person) -> list[str]:
    """The record before others have stored anything."""
    return record(limited, reader, UNKNOWN)


def test_responses_do_not_depend_on_other_users(
    limited: ServerProcess, reader: Person, before: list[str], people: NewPerson
) -> None:
    for seed in range(ROUNDS):
        known = change_at_random(people(limited), random.Random(seed))
        assert record(limited, reader, known) == before, f"seed {seed}"


def test_every_endpoint_is_in_the_record(limited: ServerProcess, before: list[str]) -> None:
    """Except /metrics, which describes the process: its counts are those of all users."""
    paths = plain_http.get(f"{limited.url}/openapi.json").json()["paths"]
    requests = [entry.split("\n")[0] for entry in before]
    for path, operations in paths.items():
        pattern = re.sub(r"\{\w+\}", r"[^/]+", path)
        for method in operations.keys() - {"parameters"}:
            if path != "/metrics":
                line = rf"{method.upper()} {pattern}(\?.*)?"
                assert any(re.fullmatch(line, request) for request in requests), (method, path)
