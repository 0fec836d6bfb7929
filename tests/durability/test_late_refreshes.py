"""Refreshes that a server carries out late, and sessions that outlive a clock that was wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import jwt
import pytest
from sqlalchemy import select, update

from askcli.services.auth.tokens import hash_token
from askcli.services.clock import now
from askcli.store.tables import audit, refresh_tokens, sessions
from tests.support import plain_http, raw_http
from tests.support.databases import database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.processes import ServerProcess
from tests.support.servers import paused, serving

GRACE = timedelta(seconds=31)


def refresh_request(token: str) -> bytes:
    body = f'{{"refresh_token": "{token}"}}'
    head = "POST /api/auth/refresh HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json"
    return f"{head}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


def events(server: ServerProcess, person: Person) -> list[str]:
    query = select(audit.c.event).where(audit.c.user_id == UUID(person.id)).order_by(audit.c.id)
    with database_of(server) as connection:
        return list(connection.execute(query).scalars())


@pytest.mark.parametrize("is_retried", [True, False])
def test_a_refresh_whose_client_is_gone_neither_rotates_nor_ends_the_session(
    server: ServerProcess,
    fake: FakeAnthropic,
    new_person: NewPerson,
    tmp_path: Path,
    is_retried: bool,
) -> None:
    """A paused server finds it in its socket when it goes on, long after the client's retry."""
    late = serving(tmp_path, fake, server.database_url)
    person = new_person(server)
    old = person.tokens["refresh_token"]
    with paused(late):
        with raw_http.connection(late) as sock:
            sock.sendall(refresh_request(old))
        if is_retried:
            tokens = person.http.post("/api/auth/refresh", json={"refresh_token": old}).json()
            person.http.headers["x-access-token"] = tokens["access_token"]
            assert person.http.get("/api/users/me").status_code == 200
            used = update(refresh_tokens).where(refresh_tokens.c.token_hash == hash_token(old))
            with database_of(server) as connection:
                connection.execute(used.values(used_at=now() - GRACE))
    assert plain_http.get(f"{late.url}/healthz").status_code == 200
    assert late.stop() == 0  # after all that it had begun
    assert person.http.get("/api/users/me").status_code == 200
    assert events(server, person) == ["login", "rotated"][: 1 + is_retried]


def end_after_a_refresh(server: ServerProcess, person: Person, expires_at: datetime) -> datetime:
    """The end of a person's session, which was this one, after a refresh."""
    claims = jwt.decode(person.tokens["access_token"], options={"verify_signature": False})
    own = sessions.c.id == UUID(claims["sid"])
    with database_of(server) as connection:
        connection.execute(update(sessions).where(own).values(expires_at=expires_at))
    tokens = {"refresh_token": person.tokens["refresh_token"]}
    assert person.http.post("/api/auth/refresh", json=tokens).status_code == 200
    with database_of(server) as connection:
        until: datetime = connection.execute(select(sessions.c.expires_at).where(own)).scalar_one()
    return until


def test_a_refresh_while_the_clock_is_behind_shortens_no_session(
    server: ServerProcess, alice: Person
) -> None:
    """To the server, which runs before the time is set, the session ends in the far future."""
    later = now() + timedelta(days=10_000)
    assert end_after_a_refresh(server, alice, later) == later


def test_a_refresh_extends_a_session(server: ServerProcess, alice: Person) -> None:
    soon = now() + timedelta(minutes=1)
    assert end_after_a_refresh(server, alice, soon) > soon + timedelta(days=1)
