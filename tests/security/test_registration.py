"""Who may register: anybody, the invited, or nobody; and with which passwords."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import func, select

from askcli.settings import Settings
from askcli.settings.registration import Registration
from askcli.store.tables import invites, users
from tests.support import plain_http
from tests.support.cli import Cli, NewCli
from tests.support.databases import database_of
from tests.support.people import NewPerson, add_user
from tests.support.processes import ServerProcess
from tests.support.secrets import PASSWORD, SECRET

SCRIPTED = {"ASKCLI_ANSWERER": "scripted", "JWT_SECRET": SECRET}
# Other tests register from the same address, in the same database.
UNLIMITED = {"ASKCLI_REGISTER_LIMIT": "10000/60"}


def registration(email: str = "", **more: str) -> dict[str, str]:
    email = email or f"{uuid4().hex}@example.org"
    return {"name": "A person", "email": email, "password": PASSWORD} | more


@pytest.fixture(scope="module")
def inviting(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server that takes the invited."""
    home, url = tmp_path_factory.mktemp("inviting"), server.database_url
    process = ServerProcess(
        home, DB_CONN_STRING=url, ASKCLI_REGISTRATION="invite", **SCRIPTED, **UNLIMITED
    )
    yield process
    assert process.stop() == 0


@pytest.fixture
def http(inviting: ServerProcess) -> Any:
    with plain_http.client(inviting.url) as client:
        yield client


@pytest.fixture
def host(inviting: ServerProcess, new_cli: NewCli) -> Any:
    """The host at the server's machine."""
    return new_cli(DB_CONN_STRING=inviting.database_url)


def test_an_invite_lets_one_in(http: httpx2.Client, host: Cli, inviting: ServerProcess) -> None:
    made = host.in_process("invite", "create", "--note", "for Ada\nor Bob")
    assert made.code == 0, made
    code = made.out.strip()
    assert "For 1 registration, until " in made.err
    assert "for Ada or Bob" in host.in_process("invite", "list").out
    assert code not in host.in_process("invite", "list").out
    with database_of(inviting) as connection:
        assert code not in set(connection.execute(select(invites.c.code_hash)).scalars())
    assert http.post("/api/users", json=registration(invite=code)).status_code == 201
    again = http.post("/api/users", json=registration(invite=code))
    assert (again.status_code, again.json()["code"]) == (403, "invite_needed")


def test_a_missing_invite_is_reported_before_anything_is_typed(
    inviting: ServerProcess, new_cli: NewCli
) -> None:
    terminal = new_cli(inviting).terminal("register", columns=200)
    terminal.expect_exact("error: this server needs an invite")
    assert "Name" not in str(terminal.before)
    terminal.wait()
    assert terminal.exitstatus == 4
    terminal = new_cli(inviting).terminal("register", "--invite", "a code")
    terminal.expect_exact("Name: ")
    terminal.close(force=True)


def test_an_invite_is_not_used_up_by_what_fails(http: httpx2.Client, host: Cli) -> None:
    code = host.in_process("invite", "create").out.strip()
    taken = registration(invite=code)
    other = host.in_process("invite", "create").out.strip()
    assert http.post("/api/users", json=taken).status_code == 201
    for body, status in (
        (registration(taken["email"], invite=other), 409),
        (registration(invite=other, password="password123"), 422),
        (registration(invite=other), 201),
    ):
        assert http.post("/api/users", json=body).status_code == status


def test_the_uninvited_learn_nothing(
    http: httpx2.Client, host: Cli, inviting: ServerProcess
) -> None:
    taken = add_user(inviting)
    revoked = json.loads(host.in_process("invite", "create", "--json").out)
    assert host.in_process("invite", "revoke", revoked["id"]).code == 0
    assert host.in_process("invite", "revoke", revoked["id"]).code == 1
    for more in ({}, {"invite": "a guess"}, {"invite": revoked["code"]}):
        answers = [
            http.post("/api/users", json=registration(email, **more)).json()
            for email in ("", taken)
        ]
        for answer in answers:
            answer.pop("request_id")
        assert answers[0] == answers[1]
        assert answers[0]["code"] == "invite_needed"


def test_closed_is_closed_to_all_alike(server: ServerProcess, tmp_path: Path) -> None:
    more = {"DB_CONN_STRING": server.database_url, "ASKCLI_REGISTRATION": "closed"}
    closed = ServerProcess(tmp_path, **more, **SCRIPTED)
    with plain_http.client(closed.url) as http:
        answers = [
            http.post("/api/users", json=registration(email)).json()
            for email in ("", add_user(server))
        ]
    for answer in answers:
        answer.pop("request_id")
    assert answers[0] == answers[1]
    assert answers[0]["code"] == "registration_closed"
    assert closed.stop() == 0


def test_the_last_use_of_an_invite_is_one_persons(http: httpx2.Client, host: Cli) -> None:
    from concurrent.futures import ThreadPoolExecutor

    code = host.in_process("invite", "create", "--uses", "2").out.strip()
    with ThreadPoolExecutor(6) as pool:
        bodies = [registration(invite=code) for _ in range(6)]
        answers = list(pool.map(lambda body: http.post("/api/users", json=body), bodies))
    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [403] * 4


def test_register_with_an_invite_at_the_command_line(
    inviting: ServerProcess, host: Cli, new_cli: NewCli
) -> None:
    cli = new_cli(inviting)
    email = f"{uuid4().hex}@example.org"
    words = ("register", "--name", "Ada", "--email", email, "--password-stdin")
    refused = cli(*words, stdin=PASSWORD)
    assert (refused.code, "invite" in refused.err) == (4, True)
    code = host.in_process("invite", "create").out.strip()
    assert cli(*words, "--invite", code, stdin=PASSWORD).code == 0
    assert email in cli("whoami").out


@pytest.mark.parametrize(
    ("settings", "notice", "status"),
    [
        ({}, "Registration takes an invite", 403),
        ({"ASKCLI_REGISTRATION": "open"}, "Warning: anybody", 201),
        ({"ASKCLI_REGISTRATION": "closed"}, "Registration is closed", 403),
    ],
)
def test_a_public_address_is_not_open_by_default(
    tmp_path: Path, settings: dict[str, str], notice: str, status: int
) -> None:
    server = ServerProcess(tmp_path, "--host", "0.0.0.0", **SCRIPTED, **settings)
    line = next((line for line in server.log if "regist" in line.lower()), "")
    assert line.startswith(notice)
    url = server.url.replace("0.0.0.0", "127.0.0.1")
    answer = plain_http.post(f"{url}/api/users", json=registration())
    assert answer.status_code == status
    assert server.stop() == 0


@pytest.mark.parametrize("flags", [(), ("--workers", "2")])
def test_behind_a_proxy_on_the_same_machine_registration_takes_an_invite(
    tmp_path: Path, new_cli: NewCli, flags: tuple[str, ...]
) -> None:
    """The greeting and the status say so, and why."""
    server = ServerProcess(tmp_path, *flags, ASKCLI_ALLOWED_HOSTS="ask.example.org", **SCRIPTED)
    notice = "egistration takes an invite, because ASKCLI_ALLOWED_HOSTS is set"
    assert len([line for line in server.log if notice in line]) == 1
    answer = plain_http.post(f"{server.url}/api/users", json=registration())
    assert (answer.status_code, answer.json()["code"]) == (403, "invite_needed")
    status = new_cli(server)("status").out
    assert "\nregistration    invite, because ASKCLI_ALLOWED_HOSTS is set\n" in status
    assert server.stop() == 0


PUBLIC = {
    "the server listens beyond loopback": {"host": "192.0.2.1"},
    "ASKCLI_TRUSTED_PROXIES is set": {"trusted_proxies": ("127.0.0.1",)},
    "ASKCLI_ALLOWED_HOSTS is set": {"allowed_hosts": ("ask.example.org",)},
    "the database is PostgreSQL": {"db_conn_string": "postgresql://u@127.0.0.1/x"},
}


@pytest.mark.parametrize("reason", PUBLIC)
def test_each_sign_of_strangers_asks_for_an_invite_unless_the_host_decides(reason: str) -> None:
    settings = Settings(**PUBLIC[reason])  # type: ignore[arg-type]
    assert settings.registration_policy == Registration("invite", reason)
    decided = replace(settings, registration="open").registration_policy
    assert decided == Registration("open", "ASKCLI_REGISTRATION says so")
    assert Settings().registration_policy.policy == "open"


def test_the_local_server_registers_its_user_whatever_the_policy(new_cli: NewCli) -> None:
    cli = new_cli(ASKCLI_ANSWERER="scripted", HOST="0.0.0.0", ASKCLI_REGISTRATION="closed")
    assert cli("ask", "hello").code == 0
    assert "\nregistration    open, because only you reach the server\n" in cli("status").out
    assert cli("serve", "--stop").code == 0


LOOK_ALIKES = ["\u200b", "\u00ad", "\u200d", "\u200f", "\u2066", "\u00a0", "\ufe0f", "\u3164"]
LOOK_ALIKES += ["\U000e0061", "\u180e", "\x07", "\u2028", "\ufeff", "\u034f", "\u2800"]


@pytest.mark.parametrize("field", ["email", "name"])
def test_characters_that_nobody_sees_are_refused(
    sqlite_server: ServerProcess, new_person: NewPerson, field: str
) -> None:
    http = new_person(sqlite_server).http
    for character in LOOK_ALIKES:
        if field == "name" and character in "\u200d\ufe0f\u00a0\u2800":
            continue  # names in some scripts need them
        body = registration()
        body[field] = body[field][:1] + character + body[field][1:]
        answer = http.post("/api/users", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), body
    for name in ("\u200d\ufe0f", "\u2800", " \u2800\u200d"):
        alone = http.post("/api/users", json=registration() | {"name": name})
        assert alone.status_code == 422, name


@pytest.mark.parametrize(
    "password",
    [
        "password123",
        "PASSWORD123",
        "1234567890",
        "qwertyuiop",
        "aaaaaaaaaaaa",
        "just.me@example.net",
    ],
)
def test_a_common_password_is_refused(
    sqlite_server: ServerProcess, password: str, new_person: NewPerson
) -> None:
    body = registration("just.me@example.net", password=password)
    answer = new_person(sqlite_server).http.post("/api/users", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "password" in answer.json()["detail"]
    assert password not in answer.text
    with database_of(sqlite_server) as connection:
        query = select(func.count()).where(users.c.email_key == "just.me@example.net")
        assert connection.execute(query).scalar() == 0


@pytest.mark.parametrize(
    "password", ["зелёная корова", "🐄🐄🐄🐄🐄🐄🐄🐄🐄x", "only lower case letters"]
)
def test_any_unicode_is_a_password(
    sqlite_server: ServerProcess, password: str, new_person: NewPerson
) -> None:
    body = registration(password=password)
    http = new_person(sqlite_server).http
    assert http.post("/api/users", json=body).status_code == 201
    login = {"email": body["email"], "password": password}
    assert http.post("/api/auth/login", json=login).status_code == 200
