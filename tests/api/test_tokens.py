"""API tokens: made, listed, used, expired, revoked; at the API and at the command line."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from askcli.services.clock import now
from askcli.store.tables import api_tokens
from tests.support.cli import Cli, NewCli
from tests.support.databases import database_of
from tests.support.people import Person, token_file
from tests.support.processes import ServerProcess
from tests.support.waiting import eventually


def test_a_token_is_shown_once_and_kept_as_a_digest(server: ServerProcess, alice: Person) -> None:
    body = {"name": " nightly build ", "scopes": ["read", "ask"], "expires_in_days": 7}
    made = alice.http.post("/api/tokens", json=body).json()
    assert made["token"].startswith("askcli_")
    assert len(made["token"]) == len("askcli_") + 43
    (listed,) = alice.http.get("/api/tokens").json()["items"]
    assert listed == {name: made[name] for name in made if name != "token"}
    assert (listed["name"], listed["scopes"]) == ("nightly build", ["ask", "read"])
    assert listed["last_used_at"] is None
    with database_of(server) as connection:
        (row,) = connection.execute(
            select(api_tokens).where(api_tokens.c.id == UUID(made["id"]))
        ).mappings()
    assert made["token"] not in map(str, row.values())
    alice.http.headers["x-access-token"] = made["token"]
    assert alice.ask("from a script").status_code == 201
    assert len(alice.http.get("/api/users/me/questions").json()["items"]) == 1


def test_an_expired_token_is_nobodys(server: ServerProcess, alice: Person) -> None:
    made = alice.http.post("/api/tokens", json={"name": "x", "scopes": ["read"]}).json()
    old = update(api_tokens).where(api_tokens.c.id == UUID(made["id"]))
    with database_of(server) as connection:
        connection.execute(old.values(expires_at=now() - timedelta(seconds=1)))
    alice.http.headers["x-access-token"] = made["token"]
    answer = alice.http.get("/api/users/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["write"]},
        {"name": "", "scopes": ["ask"]},
        {"name": "two\nlines", "scopes": ["ask"]},
        {"name": "x", "scopes": ["ask"], "expires_in_days": 0},
        {"name": "x", "scopes": ["ask"], "expires_in_days": 400},
        {"name": "x", "scopes": ["ask"], "token": "mine"},
    ],
)
def test_a_token_that_cannot_be(alice: Person, body: dict[str, Any]) -> None:
    assert alice.http.post("/api/tokens", json=body).status_code == 422
    assert alice.http.get("/api/tokens").json()["items"] == []


def test_tokens_differ_to_their_last_character(alice: Person) -> None:
    """No key of any cache or lookup is cut short (LiteLLM's CVE-2026-35030)."""
    made = alice.http.post("/api/tokens", json={"name": "x", "scopes": ["read"]}).json()["token"]
    alice.http.headers["x-access-token"] = made
    assert alice.http.get("/api/users/me").status_code == 200
    for other in (made[:-1], made[:-1] + ("A" if made[-1] != "A" else "B"), made + "A", made[:20]):
        alice.http.headers["x-access-token"] = other
        assert alice.http.get("/api/users/me").status_code == 401


def test_a_script_uses_a_token(cli: Cli, new_cli: NewCli, server: ServerProcess) -> None:
    made = cli.in_process("token", "create", "ci")
    assert made.code == 0
    token = made.out.strip()
    assert "ask" in made.err
    script = new_cli(server, ASKCLI_TOKEN=token)
    assert script.in_process("ask", "from a script").out.strip() == "You asked: from a script"
    refused = script.in_process("history")
    assert refused.code == 4
    assert "the scope read" in refused.err
    assert script.in_process("token", "list").code == 4  # a token makes and sees no tokens
    done = script.in_process("logout")
    assert (done.code, "no session: unset it" in done.err) == (2, True)
    assert not token_file(script).exists()
    assert token not in cli.in_process("token", "list").out
    assert eventually(lambda: "used 20" in cli.in_process("token", "list").out)
    assert cli.in_process("token", "revoke", "nothing").code == 1
    assert cli.in_process("token", "revoke", "ci").code == 0
    done = script.in_process("ask", "once more")
    assert (done.code, "ASKCLI_TOKEN" in done.err) == (4, True)
    assert "No tokens" in cli.in_process("token", "list").err


def test_a_login_with_a_token_is_kept(cli: Cli, new_cli: NewCli, server: ServerProcess) -> None:
    words = ("token", "create", "laptop", "--scope", "ask", "--scope", "read", "--json")
    token = json.loads(cli.in_process(*words).out)["token"]
    other = new_cli(server)
    assert other.in_process("login", "--with-token", stdin="askcli_wrong\n").code == 4
    assert other.in_process("login", "--with-token", stdin="").code == 2
    assert not token_file(other).exists()
    assert other.in_process("login", "--with-token", stdin=token + "\n").code == 0
    assert other.in_process("whoami").out == cli.in_process("whoami").out
    assert other.in_process("ask", "kept").code == 0
    refused = other.in_process("whoami", "--sessions")
    assert (refused.code, "a login" in refused.err) == (4, True)
    left = other.in_process("logout")
    assert (left.code, "still valid" in left.err) == (0, True)
    assert token not in token_file(other).read_text()
    assert cli.in_process("token", "revoke", "laptop").code == 0
    assert other.in_process("login", "--with-token", stdin=token).code == 4
