"""Sessions: rotation, reuse, and the end of one on every process at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import jwt
import pytest
from alembic import command
from sqlalchemy import func, insert, select, update

from askcli.services import admin
from askcli.services.auth.tokens import hash_token
from askcli.services.clock import new_id, now
from askcli.store import migrations
from askcli.store.database import Database
from askcli.store.queries import sessions as queries
from askcli.store.queries import users
from askcli.store.tables import audit, refresh_tokens, sessions
from tests.support import plain_http
from tests.support.cli import Cli
from tests.support.databases import NewDatabase, database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.processes import ServerProcess
from tests.support.proxy import Proxy
from tests.support.secrets import PASSWORD, SECRET
from tests.support.servers import serving


def refresh(http: httpx2.Client, token: str) -> httpx2.Response:
    return http.post("/api/auth/refresh", json={"refresh_token": token})


def count_tokens(server: ServerProcess, person: Person) -> int:
    """How many refresh tokens the user's session has had."""
    claims = jwt.decode(person.tokens["access_token"], options={"verify_signature": False})
    own = refresh_tokens.c.session_id == UUID(claims["sid"])
    with database_of(server) as connection:
        return int(connection.execute(select(func.count()).where(own)).scalar() or 0)


def use_long_ago(server: ServerProcess, token: str, seconds: int = 31) -> None:
    """Let the token's rotation be so many seconds old: outside the grace of 30."""
    used = update(refresh_tokens).where(refresh_tokens.c.token_hash == hash_token(token))
    with database_of(server) as connection:
        assert connection.execute(used.values(used_at=now() - timedelta(seconds=seconds))).rowcount


def events(server: ServerProcess, person: Person) -> list[str]:
    """What the audit log tells of the user, the oldest first."""
    query = select(audit.c.event).where(audit.c.user_id == UUID(person.id)).order_by(audit.c.id)
    with database_of(server) as connection:
        return list(connection.execute(query).scalars())


def test_reuse_ends_the_session_on_another_process(
    server: ServerProcess, twin: ServerProcess, alice: Person
) -> None:
    stolen = alice.tokens["refresh_token"]
    successor = refresh(alice.http, stolen).json()
    use_long_ago(server, stolen)
    with alice.at(twin) as elsewhere:
        elsewhere.headers["x-access-token"] = successor["access_token"]
        assert elsewhere.get("/api/users/me").status_code == 200
        assert refresh(alice.http, stolen).json()["code"] == "session_ended"
        assert elsewhere.get("/api/users/me").json()["code"] == "session_ended"
        assert refresh(elsewhere, successor["refresh_token"]).json()["code"] == "session_ended"
    assert events(server, alice) == ["login", "rotated", "reuse"]


def test_reuse_of_a_token_used_while_the_clock_was_ahead_ends_the_session(
    server: ServerProcess, alice: Person
) -> None:
    stolen = alice.tokens["refresh_token"]
    successor = refresh(alice.http, stolen).json()
    use_long_ago(server, stolen, -86_400)
    assert refresh(alice.http, successor["refresh_token"]).status_code == 200
    assert refresh(alice.http, stolen).json()["code"] == "session_ended"


def at_work(person: Person, access_token: str) -> httpx2.Response:
    return person.http.get("/api/users/me", headers={"x-access-token": access_token})


@pytest.mark.parametrize("use", ["access", "refresh"])
def test_a_lost_reply_can_be_had_again_until_its_tokens_are_used(
    server: ServerProcess, twin: ServerProcess, alice: Person, use: str
) -> None:
    """However long ago it was: a machine may have slept meanwhile."""
    old = alice.tokens["refresh_token"]
    refresh(alice.http, old)
    use_long_ago(server, old, seconds=100_000)
    with alice.at(twin) as elsewhere:
        again, parallel = refresh(elsewhere, old).json(), refresh(alice.http, old).json()
        assert again["refresh_token"] == parallel["refresh_token"]
        use_long_ago(server, old)
        if use == "refresh":
            assert refresh(alice.http, again["refresh_token"]).status_code == 200
        else:
            assert at_work(alice, parallel["access_token"]).status_code == 200
            assert at_work(alice, alice.tokens["access_token"]).status_code == 200
        assert refresh(elsewhere, old).json()["code"] == "session_ended"
        assert refresh(elsewhere, again["refresh_token"]).json()["code"] == "session_ended"
    assert events(server, alice)[-1] == "reuse"


def test_a_repeated_refresh_begins_its_grace_anew(
    server: ServerProcess, twin: ServerProcess, alice: Person
) -> None:
    """A proxy's repetition just after the grace would supersede what is on its way."""
    old = alice.tokens["refresh_token"]
    refresh(alice.http, old)
    use_long_ago(server, old, seconds=29)
    on_its_way = refresh(alice.http, old).json()
    query = select(refresh_tokens.c.used_at).where(refresh_tokens.c.token_hash == hash_token(old))
    with database_of(server) as connection:
        used_at = connection.execute(query).scalar_one()
    use_long_ago(server, old, seconds=2 + round((now() - used_at).total_seconds()))
    with alice.at(twin) as elsewhere:
        assert refresh(elsewhere, old).json()["refresh_token"] == on_its_way["refresh_token"]
    assert refresh(alice.http, on_its_way["refresh_token"]).status_code == 200


@pytest.mark.parametrize("use", ["access", "refresh"])
def test_a_thief_who_rotates_first_and_waits_is_noticed(
    server: ServerProcess, twin: ServerProcess, alice: Person, use: str
) -> None:
    """Before, the owner got the thief's tokens, and both used the session for good."""
    owned = alice.tokens["refresh_token"]
    with alice.at(twin) as thief:
        for _ in range(2):
            stolen = refresh(thief, owned).json()
            use_long_ago(server, owned)
            tokens = refresh(alice.http, owned).json()
            assert stolen["refresh_token"] != tokens["refresh_token"]
            assert at_work(alice, tokens["access_token"]).status_code == 200
            owned = tokens["refresh_token"]
        if use == "refresh":
            assert refresh(thief, stolen["refresh_token"]).json()["code"] == "session_ended"
        else:
            assert at_work(alice, stolen["access_token"]).json()["code"] == "session_ended"
    assert refresh(alice.http, owned).json()["code"] == "session_ended"
    assert at_work(alice, tokens["access_token"]).json()["code"] == "session_ended"
    assert events(server, alice) == ["login", *["rotated", "rotated_again"] * 2, "reuse"]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_sessions_of_an_older_schema_have_their_newest_tokens_in_use(
    new_database: NewDatabase, kind: str
) -> None:
    database = Database(new_database(kind, migrated=False))
    user, session, created = new_id(), new_id(), now()
    with database.transaction() as connection:
        command.upgrade(migrations.config(connection), "0003")
        values = {"id": user, "name": "A", "email": "a@b.example", "email_key": "a@b.example"}
        users.add(connection, values | {"password_hash": "", "created_at": created})
        values = {"id": session, "user_id": user, "client": "", "created_at": created}
        values |= {"last_used_at": created, "expires_at": created}
        connection.execute(insert(sessions).values(**values))
        for number in range(3):
            token = {"token_hash": f"hash {number}", "session_id": session}
            token["created_at"] = created + timedelta(minutes=number)
            connection.execute(insert(refresh_tokens).values(**token))
    migrations.upgrade(database)
    with database.transaction() as connection:
        tokens = [queries.token(connection, f"hash {number}") for number in range(3)]
    database.close()
    assert [token["generation"] for token in tokens if token] == [0, 1, 2]
    assert [token["used_generation"] for token in tokens if token] == [2, 2, 2]


def test_fifty_refreshes_at_once_have_one_successor(
    server: ServerProcess, twin: ServerProcess, alice: Person
) -> None:
    token = alice.tokens["refresh_token"]

    def one(number: int) -> httpx2.Response:
        with alice.at(twin if number % 2 else server) as http:
            return refresh(http, token)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(one, range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert count_tokens(server, alice) == 2


def test_a_crash_between_the_commit_and_the_reply_loses_no_login(
    server: ServerProcess, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    dying = serving(tmp_path, fake, server.database_url, ASKCLI_ANSWERER="scripted")
    person = new_person(dying)
    token = person.tokens["refresh_token"]
    with Proxy(dying.url) as proxy:
        proxy.cut_after(1)
        cut = plain_http.client(proxy.url)
        with cut, pytest.raises(httpx2.TransportError):
            refresh(cut, token)
    assert count_tokens(server, person) == 2  # committed, and nobody has heard of it
    dying.stop(9)
    again = dying.again()
    with person.at(again) as http:
        first, second = refresh(http, token).json(), refresh(http, token).json()
    assert first["refresh_token"] == second["refresh_token"] != token
    assert count_tokens(server, person) == 2
    assert again.stop() == 0


def test_a_retry_gets_its_successor_also_after_the_secret_was_changed(
    server: ServerProcess, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    person = new_person(server)
    successor = refresh(person.http, person.tokens["refresh_token"]).json()
    secrets = {"JWT_SECRET": uuid4().hex * 2, "JWT_SECRET_PREVIOUS": SECRET}
    secrets["ASKCLI_ANSWERER"] = "scripted"
    changed = serving(tmp_path, fake, server.database_url, **secrets)
    with person.at(changed) as http:
        again = refresh(http, person.tokens["refresh_token"]).json()
        assert again["refresh_token"] == successor["refresh_token"]
        assert http.get("/api/users/me").status_code == 200  # the old secret still verifies
        http.headers["x-access-token"] = again["access_token"]
        assert http.get("/api/users/me").status_code == 200
    assert changed.stop() == 0
    person.http.headers["x-access-token"] = again["access_token"]
    assert person.http.get("/api/users/me").status_code == 401  # of a secret unknown here


def test_a_retry_at_a_server_with_the_old_secret_ends_no_session(
    server: ServerProcess, fake: FakeAnthropic, alice: Person, tmp_path: Path
) -> None:
    """While the secret is changed on one server after the other: this one has not the new one."""
    secrets = {"JWT_SECRET": uuid4().hex * 2, "JWT_SECRET_PREVIOUS": SECRET}
    secrets["ASKCLI_ANSWERER"] = "scripted"
    changed = serving(tmp_path, fake, server.database_url, **secrets)
    old = alice.tokens["refresh_token"]
    with alice.at(changed) as http:
        tokens = refresh(http, old).json()
        again = refresh(alice.http, old)
        assert (again.status_code, again.json()["code"]) == (503, "unavailable")
        assert again.headers["retry-after"]
        assert refresh(http, old).json()["refresh_token"] == tokens["refresh_token"]
    assert changed.stop() == 0
    assert refresh(alice.http, tokens["refresh_token"]).status_code == 200
    assert events(server, alice) == ["login", "rotated", "rotated_again", "rotated"]


def test_a_secret_that_was_announced_is_changed_without_a_refusal(
    server: ServerProcess, fake: FakeAnthropic, alice: Person, tmp_path: Path
) -> None:
    """The new secret is first the previous one of all servers, and then signs on some of them."""
    new = uuid4().hex * 2
    announced = {"JWT_SECRET": SECRET, "JWT_SECRET_PREVIOUS": new}
    changed = {"JWT_SECRET": new, "JWT_SECRET_PREVIOUS": SECRET}
    servers = [
        serving(tmp_path / name, fake, server.database_url, ASKCLI_ANSWERER="scripted", **secrets)
        for name, secrets in (("announced", announced), ("changed", changed))
    ]
    refresh_token = alice.tokens["refresh_token"]
    for first, other in (servers, reversed(servers)):
        with alice.at(first) as http, alice.at(other) as elsewhere:
            tokens = refresh(http, refresh_token).json()
            elsewhere.headers["x-access-token"] = tokens["access_token"]
            assert elsewhere.get("/api/users/me").status_code == 200
            again = refresh(elsewhere, refresh_token).json()
            assert again["refresh_token"] == tokens["refresh_token"]
            refresh_token = tokens["refresh_token"]
    assert [one.stop() for one in servers] == [0, 0]


def test_only_digests_of_tokens_are_stored(server: ServerProcess, alice: Person) -> None:
    token = alice.tokens["refresh_token"]
    with database_of(server) as connection:
        hashes = set(connection.execute(select(refresh_tokens.c.token_hash)).scalars())
    assert hash_token(token) in hashes
    assert token not in hashes
    derived = refresh(alice.http, token).json()["refresh_token"]
    assert len(derived) == len(token) == 43  # 256 bits


def test_sessions_are_listed_and_ended(alice: Person, twin: ServerProcess) -> None:
    login = {"email": alice.email, "password": PASSWORD}
    with alice.at(twin) as other:
        headers = {"user-agent": "script/1.0"}
        tokens = other.post("/api/auth/login", json=login, headers=headers).json()
        other.headers["x-access-token"] = tokens["access_token"]
        newest, oldest = alice.http.get("/api/sessions").json()["items"]
        assert (newest["client"], newest["address"]) == ("script/1.0", "127.0.0.1")
        assert (newest["current"], oldest["current"]) == (False, True)
        assert newest["created_at"] <= newest["last_used_at"]
        assert alice.http.delete(f"/api/sessions/{newest['id']}").status_code == 204
        assert alice.http.delete(f"/api/sessions/{newest['id']}").status_code == 404
        assert other.get("/api/users/me").json()["code"] == "session_ended"
        assert alice.http.get("/api/users/me").status_code == 200


def test_ending_all_sessions_ends_this_one_too(alice: Person, twin: ServerProcess) -> None:
    with alice.at(twin) as other:
        assert other.delete("/api/sessions").status_code == 204
    assert alice.http.get("/api/users/me").json()["code"] == "session_ended"
    assert refresh(alice.http, alice.tokens["refresh_token"]).status_code == 401


def test_a_new_password_ends_the_other_sessions(alice: Person, twin: ServerProcess) -> None:
    login = {"email": alice.email, "password": PASSWORD}
    with alice.at(twin) as other:
        tokens = other.post("/api/auth/login", json=login).json()
        other.headers["x-access-token"] = tokens["access_token"]
        wrong = {"current_password": "not the password", "new_password": "another good one"}
        assert other.post("/api/users/me/password", json=wrong).status_code == 401
        right = wrong | {"current_password": PASSWORD}
        common = right | {"new_password": "password123"}
        assert "commonest" in other.post("/api/users/me/password", json=common).json()["detail"]
        assert alice.http.get("/api/users/me").status_code == 200  # nothing was changed yet
        assert other.post("/api/users/me/password", json=right).status_code == 204
        assert other.get("/api/users/me").status_code == 200
    assert alice.http.get("/api/users/me").json()["code"] == "session_ended"
    assert alice.http.post("/api/auth/login", json=login).status_code == 401
    login["password"] = "another good one"
    assert alice.http.post("/api/auth/login", json=login).status_code == 200


@pytest.mark.parametrize("keep", [True, False])
def test_a_new_password_revokes_the_api_tokens_unless_they_are_kept(
    alice: Person, twin: ServerProcess, keep: bool
) -> None:
    token = alice.http.post("/api/tokens", json={"name": "ci", "scopes": ["ask"]}).json()["token"]
    body = {"current_password": PASSWORD, "new_password": "another good one"}
    more = {"keep_tokens": True} if keep else {}
    assert alice.http.post("/api/users/me/password", json=body | more).status_code == 204
    with alice.at(twin) as script:
        script.headers["x-access-token"] = token
        assert script.get("/api/models").status_code == (200 if keep else 401)


def test_an_expired_session_is_over(server: ServerProcess, alice: Person) -> None:
    claims = jwt.decode(alice.tokens["access_token"], options={"verify_signature": False})
    own = update(sessions).where(sessions.c.id == UUID(claims["sid"]))
    with database_of(server) as connection:
        connection.execute(own.values(expires_at=now() - timedelta(seconds=1)))
    assert alice.http.get("/api/users/me").json()["code"] == "session_ended"
    assert refresh(alice.http, alice.tokens["refresh_token"]).json()["code"] == "session_ended"


def test_a_disabled_user_is_told_once_they_have_shown_who_they_are(
    server: ServerProcess, alice: Person, cli: Cli
) -> None:
    with database_of(server) as connection:
        admin.disable(connection, alice.email)
    login = {"email": alice.email, "password": PASSWORD}
    answer = alice.http.post("/api/auth/login", json=login)
    assert (answer.status_code, answer.json()["code"]) == (403, "account_disabled")
    wrong = alice.http.post("/api/auth/login", json=login | {"password": "not the password"})
    assert wrong.json()["code"] == "invalid_credentials"
    done = cli("login", "--email", alice.email, "--password-stdin", stdin=PASSWORD)
    assert (done.code, "disabled" in done.err) == (4, True)
    with database_of(server) as connection:
        entries = admin.audit_entries(connection, 4, alice.id, None)
    assert [entry["event"] for entry in entries] == ["login_failed"] * 3 + ["user_disabled"]
    assert ["disabled" in (entry["detail"] or "") for entry in entries[:3]].count(True) == 2
    with database_of(server) as connection:
        admin.enable(connection, alice.email)
    assert alice.http.post("/api/auth/login", json=login).status_code == 200
    assert alice.http.get("/api/users/me").status_code == 401  # the old session stays ended
