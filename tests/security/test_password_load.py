"""The time for passwords: shared among networks, the same for every email, no burden to streams."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from uuid import uuid4

import httpx2
import pytest

from askcli.services.auth import passwords
from askcli.store.queries import users
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.in_app import client_of, services_on
from tests.support.limits import an_address, coming_from, login
from tests.support.people import NewPerson, add_user, new_user
from tests.support.processes import FreshServer, ServerProcess
from tests.support.secrets import PASSWORD
from tests.support.soak import SOAK, report

# What is measured does not depend on the database.
KINDS = ["sqlite", "postgres"] if SOAK else ["sqlite"]
pytestmark = pytest.mark.parametrize("database_url", KINDS, indirect=True, scope="session")

SERVER = FreshServer  # the cost of passwords is what these tests are about


def test_no_site_can_take_all_of_the_time_for_passwords(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sites take turns, whatever the number of their addresses that try at once."""
    monkeypatch.setattr(passwords, "COST", 12 if SOAK else 9)  # enough for others to wait
    passwords._dummy_hash.cache_clear()
    email, site = f"{uuid4().hex}@example.org", an_address().rpartition(".")[0]

    async def crowd() -> list[int]:
        async with AsyncExitStack() as stack:
            services = await stack.enter_async_context(services_on(database_url))
            await services.database.write(new_user, email)
            addresses = [*(f"{site}.{number}" for number in range(1, 6)), an_address()]
            *thieves, http = [
                await stack.enter_async_context(client_of(services, address))
                for address in addresses
            ]
            tasks = [
                asyncio.create_task(try_password(thief, f"x{number}@example.org", "wrong" * 3))
                for thief in thieves
                for number in range(10 if SOAK else 4)
            ]
            while not any(task.done() for task in tasks):
                await asyncio.sleep(0.01)
            mine = await try_password(http, email, PASSWORD)
            assert not all(task.done() for task in tasks)  # those who came first still wait
            return [answer.status_code for answer in (mine, *await asyncio.gather(*tasks))]

    mine, *theirs = asyncio.run(crowd())
    passwords._dummy_hash.cache_clear()
    assert mine == 200
    assert set(theirs) == {401, 503}


def many_at_once(server: ServerProcess, address: str) -> httpx2.AsyncClient:
    """A client at this address with any number of requests at once."""
    more = httpx2.Limits(max_connections=400)
    at = httpx2.AsyncHTTPTransport(local_address=address, limits=more)
    return httpx2.AsyncClient(base_url=server.url, transport=at, timeout=300)


def try_password(
    http: httpx2.AsyncClient, email: str, password: str
) -> Coroutine[None, None, httpx2.Response]:
    """A login, to be awaited."""
    return http.post("/api/auth/login", json={"email": email, "password": password})


def test_wrong_email_and_wrong_password_take_the_same_time(database_url: str) -> None:
    email = f"{uuid4().hex}@example.org"

    async def measured() -> list[tuple[float, float]]:
        async with (
            services_on(database_url, registration="open") as services,
            client_of(services) as http,
        ):
            body = {"name": "A", "email": email, "password": PASSWORD}
            assert (await http.post("/api/users", json=body)).status_code == 201
            row = await services.database.read(users.by_email, email)
            assert row
            assert row["password_hash"].startswith("$2b$12$")

            async def seconds(tried: str) -> float:
                before = time.process_time()
                answer = await try_password(http, tried, "not the password")
                assert answer.status_code == 401
                return time.process_time() - before

            rounds = 9 if SOAK else 2
            return [(await seconds(email), await seconds(f"x{email}")) for _ in range(rounds)]

    pairs = asyncio.run(measured())
    known, unknown = (statistics.median(times) for times in zip(*pairs, strict=True))
    report(f"login, wrong password / wrong email: {known / unknown:.2f}")
    # Of the processor, which other load does not lengthen; one without bcrypt takes a hundredth.
    assert 0.5 < known / unknown < 2


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
        guess = try_password(http, email, f"guess number {number}")
        guesses.append(asyncio.create_task(guess))
    return await asyncio.gather(*guesses)


@pytest.mark.skipif(not SOAK, reason="measures gaps of a stream, for seven CPU seconds")
def test_a_login_storm_does_not_slow_a_running_stream(
    limited: ServerProcess, fake: FakeAnthropic, new_person: NewPerson
) -> None:
    person, attacked, marker = new_person(limited), add_user(limited), uuid4().hex
    fake.on(marker, *["word "] * 200, pause=0.05)

    async def measured() -> tuple[list[float], list[float], list[httpx2.Response]]:
        async with (
            httpx2.AsyncClient(base_url=limited.url, timeout=60, trust_env=False) as http,
            many_at_once(limited, an_address()) as thief,
        ):
            token = person.tokens["access_token"]
            quiet = await gaps_of(http, token, marker)
            stormy = asyncio.create_task(gaps_of(http, token, marker))
            await asyncio.sleep(0.2)
            guesses = await flood(thief, attacked, 9.5)
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
