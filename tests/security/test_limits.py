"""Limits: guessing is slowed, nobody is locked out, and all servers count together."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import event, update

from askcli.errors import AskcliError, RateLimited, Unavailable
from askcli.server.bootstrap import Services
from askcli.services import request_info
from askcli.services.auth.passwords import Passwords
from askcli.services.request_info import RequestInfo
from askcli.settings import Rate
from askcli.store.queries import users
from askcli.store.tables import limits
from tests.support import plain_http
from tests.support.cli import NewCli
from tests.support.databases import database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.in_app import services_on
from tests.support.limits import DEFAULT, an_address, coming_from, login
from tests.support.people import add_user
from tests.support.processes import ServerProcess
from tests.support.secrets import PASSWORD
from tests.support.servers import serving


def test_guesses_are_limited_on_all_servers_together_and_the_owner_still_gets_in(
    limited: ServerProcess, replica: ServerProcess
) -> None:
    email, thief, owner = add_user(limited), an_address(), an_address()
    with coming_from(limited, thief) as here, coming_from(replica, thief) as there:
        answers = [login([here, there][n % 2], email, f"guess {n} at it") for n in range(14)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 4
    refused = answers[-1]
    assert refused.json()["code"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert refused.headers["ratelimit-policy"] == '"login";q=10;w=300'
    assert refused.headers["ratelimit"] == f'"login";r=0;t={refused.headers["retry-after"]}'
    assert answers[0].headers["ratelimit"].startswith('"login";r=9;t=')
    with coming_from(replica, owner) as http:
        assert login(http, email, PASSWORD).status_code == 200
    with coming_from(limited, thief) as http:  # the password itself opens nothing there
        assert login(http, email, PASSWORD).status_code == 429


def test_a_limit_is_an_accounts_own(limited: ServerProcess) -> None:
    guessed, other, thief = add_user(limited), add_user(limited), an_address()
    with coming_from(limited, thief) as http:
        for number in range(11):
            login(http, guessed, f"guess {number} at it")
        assert login(http, guessed, PASSWORD).status_code == 429
        assert login(http, guessed.upper(), PASSWORD).status_code == 429
        assert login(http, other, PASSWORD).status_code == 200
        assert login(http, "nobody@example.org", PASSWORD).status_code == 401


def test_a_right_password_makes_the_wrong_ones_before_it_forgotten(limited: ServerProcess) -> None:
    email, address = add_user(limited), an_address()
    with coming_from(limited, address) as http:
        for _ in range(3):
            for number in range(6):
                assert login(http, email, f"guess {number} at it").status_code == 401
            assert login(http, email, PASSWORD).status_code == 200


def test_many_addresses_together_are_limited_and_known_ones_are_not(
    server: ServerProcess, fake: FakeAnthropic, tmp_path: Path
) -> None:
    more = DEFAULT | {"ASKCLI_ACCOUNT_LIMIT": "5/3600"}
    process = serving(tmp_path, fake, server.database_url, **more)
    email, home = add_user(process), an_address()
    with coming_from(process, home) as http:
        assert login(http, email, PASSWORD).status_code == 200
    statuses = []
    for _ in range(3):
        with coming_from(process, an_address()) as http:
            guesses = [login(http, email, f"guess {n} at it").status_code for n in range(4)]
            statuses.append(guesses)
    assert statuses == [[401] * 4, [401] * 3 + [429], [401] * 3 + [429]]
    with coming_from(process, home) as http:  # what counts there is only what is done there
        slips = [login(http, email, f"slip {n} of mine").status_code for n in range(5)]
        assert slips == [401] * 5
        assert login(http, email, PASSWORD).status_code == 200
    with coming_from(process, an_address()) as http:  # and the owner may come from anywhere
        assert login(http, email, PASSWORD).status_code == 200
    assert process.stop() == 0


def test_no_stranger_keeps_an_email_from_registering(limited: ServerProcess) -> None:
    body = {"name": "A", "email": f"{uuid4().hex}@example.org", "password": "1111111111"}
    with coming_from(limited, an_address()) as http:
        answers = [http.post("/api/users", json=body) for _ in range(21)]
        assert answers[-1].status_code == 429
    with coming_from(limited, an_address()) as http:
        assert http.post("/api/users", json=body | {"password": PASSWORD}).status_code == 201


def test_the_address_is_a_proxys_word_only_where_the_proxy_is_trusted(
    limited: ServerProcess,
) -> None:
    email = add_user(limited)
    with coming_from(limited, an_address()) as liar:
        statuses = [
            login(liar, email, "a guess at it", **{"x-forwarded-for": f"10.1.1.{n}"}).status_code
            for n in range(12)
        ]
    assert statuses == [401] * 10 + [429] * 2
    with coming_from(limited, "127.0.0.3") as proxy:
        # What the client itself had put before the proxy's word is not believed.
        chain = f"10.9.9.9, {an_address()}"
        answer = login(proxy, email, PASSWORD, **{"x-forwarded-for": chain})
        assert answer.status_code == 200
        token = {"x-access-token": answer.json()["access_token"]}
        (session,) = proxy.get("/api/sessions", headers=token).json()["items"]
    assert session["address"] == chain.split(", ")[1]


NO_ADDRESSES = [
    "\x9b31m",
    '1.2.3.4" 200',
    "a\tb",
    "x" * 20_000,
    "fe80::1%\x9b31m",
    "unknown",
    "::1]",
]


def test_what_a_proxy_passes_on_is_an_address_or_the_address_is_the_proxys(
    server: ServerProcess, fake: FakeAnthropic, tmp_path: Path
) -> None:
    """In rate limits, in the list of sessions and in the access log."""
    more = DEFAULT | {"ASKCLI_TRUSTED_PROXIES": "127.0.0.3"}
    process = serving(tmp_path, fake, server.database_url, **more)
    email = add_user(process)
    with coming_from(process, "127.0.0.3") as proxy:
        statuses = [
            login(proxy, email, "a guess", **{"x-forwarded-for": text.encode("latin-1")})  # type: ignore[arg-type]
            for text in NO_ADDRESSES * 2
        ]
        assert [answer.status_code for answer in statuses] == [401] * 10 + [429] * 4
        named = {"x-forwarded-for": an_address()}
        token = {"x-access-token": login(proxy, email, PASSWORD, **named).json()["access_token"]}
        odd = token | {"x-forwarded-for": "unknown"}
        (session,) = proxy.get("/api/sessions", headers=odd).json()["items"]
        assert session["address"] == named["x-forwarded-for"]
        for port in ("1" * 4000, "-5"):  # such a port is none; the address is one all the same
            numbered = token | {"x-forwarded-for": f"{named['x-forwarded-for']}:{port}"}
            assert proxy.get("/api/sessions", headers=numbered).status_code == 200
    assert process.stop() == 0
    lines = [line for line in process.log if "uvicorn.access" in line]
    assert len([line for line in lines if " 127.0.0.3:" in line]) == len(NO_ADDRESSES) * 2 + 1
    assert max(map(len, lines)) < 300
    assert all(line.rstrip("\n").isprintable() for line in lines)
    assert len([line for line in lines if f" {named['x-forwarded-for']}:0 " in line]) == 3


def test_registrations_and_refreshes_are_limited(
    server: ServerProcess, fake: FakeAnthropic, tmp_path: Path
) -> None:
    more = DEFAULT | {"ASKCLI_REGISTER_LIMIT": "3/3600", "ASKCLI_REFRESH_LIMIT": "2/60"}
    process = serving(tmp_path, fake, server.database_url, **more)
    with coming_from(process, an_address()) as http:
        bodies = [
            {"name": "A", "email": f"{uuid4().hex}@example.org", "password": PASSWORD}
            for _ in range(4)
        ]
        statuses = [http.post("/api/users", json=body).status_code for body in bodies]
        assert statuses == [201] * 3 + [429]
        tokens = login(http, bodies[0]["email"], PASSWORD).json()
        answers = [
            http.post("/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
            for _ in range(3)
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].headers["ratelimit-policy"] == '"refresh";q=2;w=60'
    site, statuses = an_address().rpartition(".")[0], []
    refused = {"name": "A", "email": "a@example.org", "password": "password123"}  # a common one
    for number in range(1, 12):
        with coming_from(process, f"{site}.{number}") as http:
            statuses += [http.post("/api/users", json=refused).status_code for _ in range(3)]
    assert statuses == [422] * 30 + [429] * 3  # what all addresses of a site share
    assert process.stop() == 0


def test_an_address_has_so_many_tries_at_anything(
    server: ServerProcess, fake: FakeAnthropic, tmp_path: Path
) -> None:
    more = DEFAULT | {"ASKCLI_ADDRESS_LIMIT": "4/60"}
    process = serving(tmp_path, fake, server.database_url, **more)
    with coming_from(process, an_address()) as http:
        answers = [
            http.post("/api/auth/refresh", json={"refresh_token": f"guess {n}"}) for n in range(6)
        ]
        assert [answer.status_code for answer in answers] == [401] * 4 + [429] * 2
        assert login(http, "somebody@example.org", PASSWORD).status_code == 429
    assert process.stop() == 0


def test_a_few_addresses_of_a_site_keep_none_of_its_people_out(
    server: ServerProcess, fake: FakeAnthropic, tmp_path: Path
) -> None:
    more = DEFAULT | {"ASKCLI_ADDRESS_LIMIT": "2/3600"}
    process = serving(tmp_path, fake, server.database_url, **more)
    email, site = add_user(process), an_address().rpartition(".")[0]

    def refresh(http: httpx2.Client, token: str) -> httpx2.Response:
        return http.post("/api/auth/refresh", json={"refresh_token": token})

    with coming_from(process, f"{site}.1") as person:
        tokens = login(person, email, PASSWORD).json()
        statuses = []
        for number in range(2, 14):
            with coming_from(process, f"{site}.{number}") as http:
                statuses += [refresh(http, f"guess {number}").status_code for _ in range(2)]
        assert statuses == [401] * 20 + [429] * 4
        for _ in range(5):  # more than an address has of tries
            answer = refresh(person, tokens["refresh_token"])
            assert answer.status_code == 200
            tokens = answer.json()
        assert login(person, email, PASSWORD).status_code == 200
        assert login(person, email, PASSWORD).status_code == 429  # for what it has done itself
        assert person.post("/api/auth/logout", headers=_token(tokens)).status_code == 204
        assert refresh(person, tokens["refresh_token"]).status_code == 429  # of an ended session
    assert process.stop() == 0


def _token(tokens: dict[str, str]) -> dict[str, str]:
    return {"x-access-token": tokens["access_token"]}


def test_a_clock_that_was_ahead_locks_nobody_out(limited: ServerProcess) -> None:
    day = 86_400 * 1_000_000
    email, address = add_user(limited), an_address()
    with coming_from(limited, address) as http:
        tokens = login(http, email, PASSWORD).json()
        with database_of(limited) as connection:  # as a clock that was a day ahead leaves them
            connection.execute(update(limits).values(full_at=limits.c.full_at + day))
        refresh = http.post("/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
        assert refresh.status_code == 200
        for number in range(10):
            assert login(http, email, f"guess {number} at it").status_code == 401
        assert login(http, email, "one more guess").status_code == 429


class Guesses:
    """Wrong passwords for one email from one address, and the statements that each one causes."""

    def __init__(self, services: Services, email: str, address: str) -> None:
        self._services, self._email, self._address = services, email, address

    async def make(self, count: int) -> list[tuple[str, list[str]]]:
        """The error and the statements of each."""
        engine, statements = self._services.database.engine, list[str]()

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            statements.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        guesses = []
        for _ in range(count):
            request_info.bind(RequestInfo("id", "client", self._address))
            with pytest.raises(AskcliError) as error:
                await self._services.logins.login(self._email, "a guess at it")
            guesses.append((error.value.code, statements.copy()))
            statements.clear()
        event.remove(engine, "before_cursor_execute", note)
        return guesses


@pytest.mark.parametrize("limit", ["login_limit", "account_limit"])
def test_a_guess_at_an_unknown_email_causes_the_same_statements(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str
) -> None:
    """Before and after a limit: equal work takes equal time, which is not measured here."""

    async def no_match(*_: object) -> bool:
        return False

    monkeypatch.setattr(Passwords, "matches", no_match)  # slow, and has tests of its own
    address, known, local = an_address(), add_user(server), add_user(server)

    async def compare() -> None:
        async with services_on(
            server.database_url, data_dir=tmp_path, **{limit: Rate(2, 9999)}
        ) as services:
            request_info.bind(RequestInfo("id", "client", address))
            user = await services.database.read(users.by_email, local)
            assert user
            await services.sessions.open(user)  # this one has logged in from the address before
            unknown = await Guesses(services, f"{uuid4().hex}@example.org", address).make(5)
            refused = 3 if limit == "login_limit" else 2
            assert [code for code, _ in unknown][-refused - 1 :] == [
                "invalid_credentials",
                *["rate_limited"] * refused,
            ]
            assert all(statements for _, statements in unknown[:3])
            assert await Guesses(services, known, address).make(5) == unknown
            if limit == "login_limit":  # the other one does not apply to known addresses
                assert await Guesses(services, local, address).make(5) == unknown

    asyncio.run(compare())


def test_right_passwords_at_once_are_no_wrong_ones(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The one that finds all uses taken is refused, and nobody after it."""
    email = add_user(server)

    async def log_in() -> None:
        async with services_on(
            server.database_url, data_dir=tmp_path, login_limit=Rate(3, 9999)
        ) as services:
            request_info.bind(RequestInfo("id", "client", an_address()))
            comparing, may_end = asyncio.Semaphore(0), asyncio.Event()

            async def matches(*_: object) -> bool:
                comparing.release()
                await may_end.wait()
                return True

            monkeypatch.setattr(Passwords, "matches", matches)
            async with asyncio.TaskGroup() as at_once:
                for _ in range(3):
                    at_once.create_task(services.logins.login(email, PASSWORD))
                for _ in range(3):
                    await comparing.acquire()
                with pytest.raises(RateLimited):
                    await services.logins.login(email, PASSWORD)
                may_end.set()
            assert await services.logins.login(email, PASSWORD)

    asyncio.run(log_in())


def test_a_registration_that_finds_no_room_is_none(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Those of a class who are told to try again can register then."""
    email, hash_ = f"{uuid4().hex}@example.org", Passwords.hash

    async def refuse(*_: object) -> str:
        raise Unavailable

    async def register() -> None:
        async with services_on(
            server.database_url,
            data_dir=tmp_path,
            registration="open",
            register_limit=Rate(1, 9999),
        ) as services:
            request_info.bind(RequestInfo("id", "client", an_address()))
            monkeypatch.setattr(Passwords, "hash", refuse)
            for _ in range(2):
                with pytest.raises(Unavailable):
                    await services.accounts.register("A", email, PASSWORD, None)
            monkeypatch.setattr(Passwords, "hash", hash_)
            assert await services.accounts.register("A", email, PASSWORD, None)
            with pytest.raises(RateLimited):
                await services.accounts.register("A", f"b{email}", PASSWORD, None)

    asyncio.run(register())


def test_a_limit_is_told_at_the_command_line(limited: ServerProcess, new_cli: NewCli) -> None:
    cli, email = new_cli(limited), add_user(limited)
    with plain_http.client(limited.url) as http:
        while login(http, email, "not the password").status_code == 401:
            pass
    words = ("login", "--email", email, "--password-stdin", "--json")
    done = cli(*words, stdin=PASSWORD)
    assert done.code == 7
    error = json.loads(done.err)["error"]
    assert error["code"] == "rate_limited"
    assert error["retry_after"] > 0
