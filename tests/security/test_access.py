"""Who may do what: every endpoint tried by every kind of caller, on both databases."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import jwt
import pytest

from askcli.services import admin
from tests.support import plain_http
from tests.support.databases import database_of
from tests.support.people import NewPerson, Person
from tests.support.processes import ServerProcess
from tests.support.secrets import SECRET
from tests.support.soak import SOAK

UNKNOWN = "01890000-0000-7000-8000-000000000000"


ANY, ASK, READ, LOGIN = {"ask", "read"}, {"ask"}, {"read"}, set[str]()


@dataclass(frozen=True)
class Row:
    """What an endpoint answers: the API tokens' scopes that let one in (None: it is public), its
    owner's status, and that of another user who knows its ids; all with the body `{}`."""

    scopes: set[str] | None
    owner: int
    other: int


MATRIX = {
    ("POST", "/api/users"): Row(None, 422, 422),
    ("POST", "/api/auth/login"): Row(None, 422, 422),
    ("POST", "/api/auth/refresh"): Row(None, 422, 422),
    ("GET", "/healthz"): Row(None, 200, 200),
    ("GET", "/readyz"): Row(None, 200, 200),
    ("GET", "/metrics"): Row(None, 200, 200),
    ("GET", "/api/users/{user_id}"): Row(ANY, 200, 404),
    ("GET", "/api/users/{user_id}/questions"): Row(READ, 200, 404),
    ("POST", "/api/users/{user_id}/questions"): Row(LOGIN, 422, 422),
    ("DELETE", "/api/users/{user_id}/questions"): Row(LOGIN, 422, 422),
    ("GET", "/api/users/{user_id}/usage"): Row(READ, 200, 404),
    ("POST", "/api/users/{user_id}/password"): Row(LOGIN, 422, 422),
    ("POST", "/api/auth/logout"): Row(LOGIN, 204, 204),
    ("GET", "/api/sessions"): Row(LOGIN, 200, 200),
    ("DELETE", "/api/sessions"): Row(LOGIN, 204, 204),
    ("DELETE", "/api/sessions/{session_id}"): Row(LOGIN, 204, 404),
    ("POST", "/api/tokens"): Row(LOGIN, 422, 422),
    ("GET", "/api/tokens"): Row(LOGIN, 200, 200),
    ("DELETE", "/api/tokens/{token_id}"): Row(LOGIN, 204, 404),
    ("POST", "/api/questions"): Row(ASK, 422, 422),
    ("GET", "/api/questions/{question_id}"): Row(READ, 200, 404),
    ("GET", "/api/questions/{question_id}/events"): Row(ANY, 200, 404),
    ("POST", "/api/questions/{question_id}/cancel"): Row(ASK, 200, 404),
    ("DELETE", "/api/questions/{question_id}"): Row(LOGIN, 204, 404),
    ("GET", "/api/users/{user_id}/conversations"): Row(READ, 200, 404),
    ("GET", "/api/conversations/{conversation_id}"): Row(READ, 200, 404),
    ("PATCH", "/api/conversations/{conversation_id}"): Row(ASK, 422, 422),
    ("DELETE", "/api/conversations/{conversation_id}"): Row(LOGIN, 204, 404),
    ("GET", "/api/models"): Row(ANY, 200, 200),
}


@dataclass
class Owned:
    """A user with one of everything."""

    person: Person
    ids: dict[str, str]
    before: Any

    @property
    def claims(self) -> dict[str, Any]:
        token = self.person.tokens["access_token"]
        return dict(jwt.decode(token, options={"verify_signature": False}))


def owning(person: Person) -> Owned:
    """Give a user a question, another session and a token."""
    question = person.ask("mine").json()
    token = make_token(person, "ask", "read")
    sessions = person.http.get("/api/sessions").json()["items"]
    ids = {
        "user_id": person.id,
        "question_id": question["id"],
        "conversation_id": question["conversation_id"],
        "session_id": sessions[0]["id"],
        "token_id": token["id"],
    }
    return Owned(person, ids, everything(person))


def everything(person: Person) -> list[Any]:
    """All that a user sees of their own."""
    lists = ("users/me/questions", "users/me/conversations", "sessions", "tokens")
    paths = ["/api/users/me", *(f"/api/{path}" for path in lists)]
    return [person.http.get(path).json() for path in paths]


def make_token(person: Person, *scopes: str) -> dict[str, Any]:
    answer = person.http.post("/api/tokens", json={"name": "ci", "scopes": list(scopes)})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def signed(owned: Owned, key: str = SECRET, headers: Any = None, **claims: Any) -> str:
    return jwt.encode(owned.claims | claims, key, "HS256", headers=headers)


def tampered(owned: Owned) -> str:
    """The owner's own token, another user's id written into it."""
    head, _, seal = owned.person.tokens["access_token"].split(".")
    return f"{head}.{_b64(json.dumps(owned.claims | {'sub': UNKNOWN}).encode())}.{seal}"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def made_by_hand(owned: Owned, header: dict[str, Any], seal: Callable[[bytes], bytes]) -> str:
    """A token with any header; `seal` makes the signature of what comes before it."""
    body = f"{_b64(json.dumps(header).encode())}.{_b64(json.dumps(owned.claims).encode())}"
    return f"{body}.{_b64(seal(body.encode()))}"


PUBLIC_KEY = b"""-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE0000000000000000000000000000000000000000000000
-----END PUBLIC KEY-----
"""


def rs_signed(owned: Owned) -> str:
    """Says RS256 and brings the key to check it with along."""
    jwk = {"kty": "RSA", "n": _b64(b"\xff" * 256), "e": "AQAB"}
    return made_by_hand(owned, {"alg": "RS256", "typ": "JWT", "jwk": jwk}, lambda _: b"\0" * 256)


def hs_signed_with_a_public_key(owned: Owned) -> str:
    """HMAC whose secret is a public key's text: the classic confusion."""
    header = {"alg": "HS256", "typ": "JWT"}
    return made_by_hand(owned, header, lambda body: hmac.digest(PUBLIC_KEY, body, "sha256"))


def _past(seconds: int) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


# Each endpoint has the same gate: each kind of refused token is tried at some, and at all of them
# in the soak.
EACH = 1 if SOAK else 5


FORGED: dict[str, Callable[[Owned], str]] = {
    "expired": lambda o: signed(o, exp=_past(60)),
    "not valid yet": lambda o: signed(o, nbf=_past(-3600)),
    "tampered": tampered,
    "alg none": lambda o: jwt.encode(o.claims, "", "none"),
    "another secret": lambda o: signed(o, "x" * 40),
    "RS256": rs_signed,
    "HS256 with a public key": hs_signed_with_a_public_key,
    "a critical header": lambda o: signed(o, headers={"crit": ["b64"], "b64": False}),
    "an unknown critical header": lambda o: signed(o, headers={"crit": ["x"], "x": 1}),
    "another key id": lambda o: signed(o, "x" * 40, headers={"kid": "../../dev/null"}),
    "another issuer": lambda o: signed(o, iss="elsewhere"),
    "another audience": lambda o: signed(o, aud="elsewhere"),
    "no session": lambda o: signed(o, sid=UNKNOWN),
    "another's session": lambda o: signed(o, sub=UNKNOWN),
    "no such API token": lambda _: "askcli_" + "x" * 43,
}


WITHOUT = ["iss", "aud", "sub", "sid", "gen", "iat", "nbf", "exp", "jti"]


def without(owned: Owned, claim: str) -> str:
    claims = {name: value for name, value in owned.claims.items() if name != claim}
    return jwt.encode(claims, SECRET, "HS256")


@dataclass
class World:
    """The users and tokens that the matrix is tried with."""

    server: ServerProcess
    http: httpx2.Client  # with no token of its own
    alice: Owned
    refused: dict[str, str]
    disabled_token: str


@pytest.fixture(scope="module")
def world(server: ServerProcess, people: NewPerson) -> Iterator[World]:
    alice = owning(people(server))
    refused = {name: forge(alice) for name, forge in FORGED.items()}
    refused |= {f"without {claim}": without(alice, claim) for claim in WITHOUT}

    leaving = people(server)
    leaving.http.post("/api/auth/logout")
    refused["a session that was logged out"] = leaving.tokens["access_token"]

    revoked = make_token(alice.person, "ask", "read")
    alice.person.http.delete(f"/api/tokens/{revoked['id']}")
    refused["a revoked API token"] = revoked["token"]

    disabled = people(server)
    disabled_token = make_token(disabled, "ask", "read")["token"]
    with database_of(server) as connection:
        admin.disable(connection, disabled.email)
    refused["a disabled user"] = disabled.tokens["access_token"]
    alice.before = everything(alice.person)
    with plain_http.client(server.url) as http:
        yield World(server, http, alice, refused, disabled_token)


def send(world: World, operation: tuple[str, str], ids: dict[str, str], token: str | None) -> int:
    method, path = operation
    headers = {"authorization": f"Bearer {token}"} if token else {}
    body: dict[str, Any] | None = {} if method in ("POST", "PATCH") else None
    answer = world.http.request(method, path.format(**ids), headers=headers, json=body)
    if answer.status_code >= 400:
        assert answer.headers["content-type"].startswith("application/problem+json")
    return answer.status_code


@pytest.mark.parametrize("operation", MATRIX, ids=" ".join)
def test_every_endpoint_with_every_kind_of_caller(
    world: World, people: NewPerson, operation: tuple[str, str]
) -> None:
    row, ids = MATRIX[operation], world.alice.ids

    def tried(token: str | None, of: dict[str, str] = ids) -> int:
        return send(world, operation, of, token)

    nobody = row.owner if row.scopes is None else 401
    assert tried(None) == nobody
    kinds = list(world.refused)[list(MATRIX).index(operation) % EACH :: EACH]
    responses = {kind: tried(world.refused[kind]) for kind in kinds}
    assert responses == dict.fromkeys(kinds, nobody)
    if row.scopes is not None:
        assert tried(world.disabled_token) == 403
        for scope in ("ask", "read"):
            token = make_token(world.alice.person, scope)
            expected = row.owner if scope in row.scopes else 403
            assert tried(token["token"]) == expected, scope
            world.alice.person.http.delete(f"/api/tokens/{token['id']}")
    assert tried(people(world.server).tokens["access_token"]) == row.other
    assert everything(world.alice.person) == world.alice.before  # nobody changed what is hers
    owner = owning(people(world.server))
    assert tried(owner.person.tokens["access_token"], owner.ids) == row.owner


def test_the_matrix_has_a_row_for_each_endpoint(world: World) -> None:
    document = world.alice.person.http.get("/openapi.json").json()
    documented = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    assert documented == set(MATRIX)
    for (method, path), row in MATRIX.items():
        operation = document["paths"][path][method.lower()]
        assert bool(operation.get("security")) == (row.scopes is not None), (method, path)


def test_there_is_no_second_channel_for_a_token(world: World) -> None:
    token = world.alice.person.tokens["access_token"]
    basic = base64.b64encode(f"{world.alice.person.email}:{token}".encode()).decode()
    with plain_http.client(world.server.url) as http:
        tried = [
            http.get("/api/users/me", params={"access_token": token, "token": token}),
            http.get("/api/users/me", headers={"cookie": f"x-access-token={token}; token={token}"}),
            http.get("/api/users/me", headers={"authorization": f"Basic {basic}"}),
            http.get("/api/users/me", headers={"authorization": f"Token {token}"}),
            http.get("/api/users/me", headers={"x-api-key": token}),
            http.get("/api/users/me", headers={"x-user-id": world.alice.person.id}),
        ]
    assert [answer.status_code for answer in tried] == [401] * 6


def test_what_a_caller_may_do_is_never_taken_from_the_request(alice: Person, bob: Person) -> None:
    for name, value in (
        ("role", "admin"),
        ("user_id", bob.id),
        ("scopes", ["ask"]),
        ("api_base", "http://127.0.0.1:1"),
        ("base_url", "http://127.0.0.1:1"),
        ("api_key", "x"),
    ):
        answer = alice.ask("hello", **{name: value})
        assert answer.status_code == 422, name
        body = {"name": "A", "email": f"r{alice.email}", "password": "a good password", name: value}
        assert alice.http.post("/api/users", json=body).status_code == 422, name
    body = {"name": "x", "scopes": ["account"]}
    assert alice.http.post("/api/tokens", json=body).status_code == 422


def test_nothing_of_a_password_or_its_hash_is_ever_answered(alice: Person) -> None:
    for path in ("/api/users/me", "/api/users/me/questions", "/api/sessions", "/api/tokens"):
        text = alice.http.get(path).text
        assert "password" not in text
        assert "$2b$" not in text
    claims = jwt.decode(alice.tokens["access_token"], options={"verify_signature": False})
    assert set(claims) == set(WITHOUT)
