"""Limits: guessing is slowed, nobody is locked out, and all servers count together."""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.conftest import LIMITS, PASSWORD, SOAK, add_user, serving
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.processes import ServerProcess
from tests.test_survival import report

pytestmark = pytest.mark.xdist_group("limits")

# An empty value counts as unset; and nothing loads the SDK where no model is asked.
DEFAULT = dict.fromkeys(LIMITS, "") | {"ASKCLI_ANSWERER": "scripted"}


@pytest.fixture(scope="module")
def limited(server: ServerProcess, fake: FakeAnthropic, tmp_path_factory: Any) -> Any:
    """A server on the same database, with the limits as they are unless set otherwise."""
    more = DEFAULT | {"ASKCLI_TRUSTED_PROXIES": "127.0.0.3", "ASKCLI_ANSWERER": "anthropic"}
    process = serving(tmp_path_factory.mktemp("limited"), fake, server.database_url, **more)
    yield process
    assert process.stop() == 0


@pytest.fixture(scope="module")
def replica(limited: ServerProcess, fake: FakeAnthropic, tmp_path_factory: Any) -> Any:
    """Another one like it."""
    home = tmp_path_factory.mktemp("replica")
    process = serving(home, fake, limited.database_url, **DEFAULT)
    yield process
    assert process.stop() == 0


def coming_from(server: ServerProcess, address: str) -> httpx2.Client:
    """A client at another address: all of 127.0.0.0/8 is this machine."""
    transport = httpx2.HTTPTransport(local_address=address)
    return httpx2.Client(base_url=server.url, transport=transport, timeout=60, trust_env=False)


def an_address() -> str:
    """One that no other test comes from."""
    number = uuid4().int
    return f"127.{1 + number % 200}.{number // 200 % 250}.{1 + number // 50_000 % 250}"


def login(http: httpx2.Client, email: str, password: str, **headers: str) -> httpx2.Response:
    body = {"email": email, "password": password}
    return http.post("/api/auth/login", json=body, headers=headers)


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
    assert refused.headers["ratelimit"].startswith('"login";r=0;t=')
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


def test_one_address_cannot_take_all_of_the_time_for_passwords(limited: ServerProcess) -> None:
    """Networks take turns, and what was refused for want of room does not count as a guess."""
    email, owner = add_user(limited), an_address()

    async def crowd() -> list[int]:
        more = httpx2.Limits(max_connections=100)
        at = httpx2.AsyncHTTPTransport(local_address=an_address(), limits=more)
        async with (
            httpx2.AsyncClient(base_url=limited.url, transport=at, timeout=60) as thief,
            httpx2.AsyncClient(
                base_url=limited.url,
                transport=httpx2.AsyncHTTPTransport(local_address=owner),
                timeout=60,
            ) as http,
        ):
            bodies = [{"email": f"x{n}@example.org", "password": "wrong" * 3} for n in range(60)]
            tasks = [asyncio.create_task(thief.post("/api/auth/login", json=b)) for b in bodies]
            while not any(task.done() for task in tasks):
                await asyncio.sleep(0.01)
            body = {"email": email, "password": PASSWORD}
            mine = await http.post("/api/auth/login", json=body)
            assert not all(task.done() for task in tasks)  # those who came first still wait
            return [answer.status_code for answer in (mine, *await asyncio.gather(*tasks))]

    mine, *theirs = asyncio.run(crowd())
    assert mine == 200
    assert set(theirs) == {401, 503}


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


def test_wrong_email_and_wrong_password_take_the_same_time(
    limited: ServerProcess, replica: ServerProcess
) -> None:
    email = f"{uuid4().hex}@example.org"
    with coming_from(limited, an_address()) as http:
        body = {"name": "A", "email": email, "password": PASSWORD}
        assert http.post("/api/users", json=body).status_code == 201

        def seconds(tried: str) -> float:
            began = time.monotonic()
            assert login(http, tried, "not the password").status_code == 401
            return time.monotonic() - began

        rounds = 9 if SOAK else 4
        pairs = [(seconds(email), seconds(f"x{email}")) for _ in range(rounds)]
    known, unknown = (statistics.median(times) for times in zip(*pairs, strict=True))
    report(f"login, wrong password / wrong email: {known / unknown:.2f}")
    assert 0.5 < known / unknown < 2  # one without bcrypt takes a hundredth


async def gaps_of(http: httpx2.AsyncClient, token: str, marker: str) -> list[float]:
    """The seconds between the words of a streamed answer."""
    headers = {"accept": "text/event-stream", "x-access-token": token}
    body = {"question": marker}
    async with http.stream("POST", "/api/questions", json=body, headers=headers) as response:
        events = httpx2.EventSource(response)
        times = [time.monotonic() async for event in events if event.event == "delta"]
    return [later - earlier for earlier, later in itertools.pairwise(times)]


async def flood(http: httpx2.AsyncClient, email: str, seconds: float) -> list[httpx2.Response]:
    """200 guesses a second, whatever becomes of the ones before."""
    guesses = []
    began = time.monotonic()
    for number in range(int(200 * seconds)):
        await asyncio.sleep(max(0.0, began + number / 200 - time.monotonic()))
        body = {"email": email, "password": f"guess number {number}"}
        guesses.append(asyncio.create_task(http.post("/api/auth/login", json=body)))
    return await asyncio.gather(*guesses)


def test_a_login_storm_does_not_slow_a_running_stream(
    limited: ServerProcess, fake: FakeAnthropic, new_person: Any
) -> None:
    seconds = 10.0 if SOAK else 2.0
    person, attacked, marker = new_person(limited), add_user(limited), uuid4().hex
    fake.on(marker, *["word "] * int(seconds * 20), pause=0.05)
    more = httpx2.Limits(max_connections=400)

    async def measured() -> tuple[list[float], list[float], list[httpx2.Response]]:
        at = httpx2.AsyncHTTPTransport(local_address=an_address(), limits=more)
        async with (
            httpx2.AsyncClient(base_url=limited.url, timeout=60, trust_env=False) as http,
            httpx2.AsyncClient(base_url=limited.url, transport=at, timeout=60) as thief,
        ):
            token = person.tokens["access_token"]
            quiet = await gaps_of(http, token, marker)
            stormy = asyncio.create_task(gaps_of(http, token, marker))
            await asyncio.sleep(0.2)
            guesses = await flood(thief, attacked, seconds - 0.5)
            return quiet, await stormy, guesses

    quiet, stormy, guesses = asyncio.run(measured())
    median = statistics.median(stormy) / statistics.median(quiet)
    tail = statistics.quantiles(stormy, n=20)[-1] / statistics.quantiles(quiet, n=20)[-1]
    statuses = [answer.status_code for answer in guesses]
    counted = {status: statuses.count(status) for status in sorted(set(statuses))}
    report(f"{len(guesses)} guesses beside a stream, its gaps / quiet: median {median:.2f}, "
           f"95th of 100 {tail:.2f}; {counted}")  # fmt: skip
    assert median < 2
    assert statuses.count(401) <= 11  # ten, and what grew back meanwhile
    assert set(statuses) <= {401, 429, 503}
    with coming_from(limited, an_address()) as http:
        assert login(http, attacked, PASSWORD).status_code == 200


def test_a_limit_is_told_at_the_command_line(limited: ServerProcess, new_cli: Any) -> None:
    cli, email = new_cli(limited), add_user(limited)
    with httpx2.Client(base_url=limited.url, trust_env=False) as http:
        while login(http, email, "not the password").status_code == 401:
            pass
    words = ("login", "--email", email, "--password-stdin", "--json")
    done = cli(*words, stdin=PASSWORD)
    assert done.code == 7
    error = json.loads(done.err)["error"]
    assert error["code"] == "rate_limited"
    assert error["retry_after"] > 0
