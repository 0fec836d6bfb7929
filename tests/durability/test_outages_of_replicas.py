"""PostgreSQL stops, hangs or crashes under three replicas behind a balancer, while commands ask."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from sqlalchemy import func, select

from askcli.store.database.engines import CONNECTIONS
from askcli.store.tables import usage
from tests.support import plain_http
from tests.support.asking import TEXT, Asked, Rows, asking, asking_programs, ended
from tests.support.balancer import Balancer
from tests.support.cli import Done, NewCli
from tests.support.databases import database_of, migrated
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.own_postgres import OwnPostgres, hung, own_postgres
from tests.support.own_postgres import clients as clients_of_postgres
from tests.support.people import NewPerson, Person, logged_in
from tests.support.pooler import clients as clients_of_pooler
from tests.support.pooler import is_polling, pgbouncer
from tests.support.processes import ServerProcess
from tests.support.replicas import replicas, streaming
from tests.support.servers import metric
from tests.support.soak import SOAK, report
from tests.support.waiting import eventually

Fault = Callable[[OwnPostgres], AbstractContextManager[None]]

pytestmark = pytest.mark.skipif(
    not SOAK, reason="takes minutes; test_outages and test_hanging_database have one server's"
)

SECONDS, RESTARTS = 15, 5
# That ask at once, programs for each of three users: more than there are threads for the database.
COMMANDS, PROGRAMS = 6, 10
# In seconds, of answers that are read meanwhile: some end in the outage, some after it.
LENGTHS = SECONDS * 2 // 3, SECONDS + 10


@contextmanager
def stopped(postgres: OwnPostgres) -> Iterator[None]:
    """Its host stops it, and starts it again."""
    postgres.stop("fast")
    yield
    postgres.start()


def hanging(postgres: OwnPostgres) -> AbstractContextManager[None]:
    """It neither answers nor refuses."""
    return hung(postgres.pid)


@contextmanager
def crashing(postgres: OwnPostgres) -> Iterator[None]:
    """It dies and recovers, again and again."""
    for _ in range(RESTARTS):
        postgres.stop("immediate")
        postgres.start()
        time.sleep(SECONDS / RESTARTS)
    yield


# What replicas connect to, and who is connected there.
Way = tuple[Callable[[str], AbstractContextManager[str]], Callable[[str], set[int]]]
WAYS: dict[str, Way] = {
    "directly": (nullcontext, clients_of_postgres),
    "pooled": (pgbouncer, clients_of_pooler),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", [stopped, hanging, crashing])
def test_replicas_get_over_an_outage_and_lose_nothing(
    fake: FakeAnthropic,
    new_person: NewPerson,
    new_cli: NewCli,
    tmp_path: Path,
    fault: Fault,
    way: str,
) -> None:
    with own_postgres(of_machine=False) as postgres:
        postgres.initialize()
        postgres.start()
        migrated(postgres.url)
        with WAYS[way][0](postgres.url) as url, replicas(url, fake, tmp_path) as new_replica:
            # Logins are refreshed all the time, so that none is lost either.
            servers = [new_replica(ASKCLI_ACCESS_TOKEN_SECONDS="5") for _ in range(3)]
            eventually(lambda: all(map(knows_its_way, servers)))
            people = [keep_logged_in(new_person(server)) for server in servers]
            with load(servers, people, new_cli, fake) as (dones, asked):
                eventually(lambda: len(dones) >= 2 * COMMANDS)
                before = connections(way, servers)
                with streaming(people, servers, fake, LENGTHS) as readings:
                    seconds = get_over(fault, postgres, servers)
                count = len(dones)
                eventually(lambda: len(dones) >= count + 2 * COMMANDS)
            rows = eventually(lambda: ended(servers[0])) or {}
            exits = Counter(
                check(key, done, rows.get(key, []), fake) for key, done in dones.items()
            )
            assert all(reading.result() == (text, "done") for _, text, reading in readings)
            answers = dict.fromkeys(asked.ids, TEXT) | {key: text for key, text, _ in readings}
            assert {key: rows[key] for key in answers} == {
                key: [("answered", text)] for key, text in answers.items()
            }
            assert {len(fake.asked(key)) for key in answers} == {1}
            check_usage(servers[0], rows)
            after = connections(way, servers)
            assert after <= len(servers) * CONNECTIONS
    report(
        f"PostgreSQL {fault.__name__} under three replicas, {way}: commands {dict(exits)}, "
        f"programs {len(asked.ids)} answered, {asked.refused} refused for a while, "
        f"{len(readings)} streams whole, ready after {seconds:.1f} s, "
        f"connections {before} before, {after} after"
    )


@contextmanager
def load(
    servers: Sequence[ServerProcess],
    people: Sequence[Person],
    new_cli: NewCli,
    fake: FakeAnthropic,
) -> Iterator[tuple[dict[str, Done], Asked]]:
    """Commands and programs that ask during the block, through a balancer."""
    with Balancer([server.url for server in servers]) as balancer, ExitStack() as stack:
        clis = [new_cli(ASKCLI_SERVER=balancer.url) for _ in range(COMMANDS)]
        users = [logged_in(cli, servers[0]) for cli in clis]
        clients = [stack.enter_context(person.at(balancer)) for person in people]
        with (
            asking(users, fake) as dones,
            asking_programs(clients * PROGRAMS, fake, pause=1) as asked,
        ):
            yield dones, asked


def keep_logged_in(person: Person) -> Person:
    """Let this user's clients have a token that is not refreshed."""
    body = {"name": "program", "scopes": ["ask", "read"]}
    made = person.http.post("/api/tokens", json=body).json()
    person.http.headers["x-access-token"] = made["token"]
    return person


def knows_its_way(server: ServerProcess) -> bool:
    """Whether it listens, or has noticed that it cannot."""
    return bool(metric(server, "askcli_listening")) or any(map(is_polling, server.log))


def get_over(fault: Fault, postgres: OwnPostgres, servers: Sequence[ServerProcess]) -> float:
    """Let it happen; return the seconds until all servers are ready again."""
    until = time.monotonic() + SECONDS
    with fault(postgres):
        if fault is not crashing:
            for server in servers:
                assert plain_http.get(f"{server.url}/healthz").status_code == 200
                assert readiness(server) == 503
            time.sleep(until - time.monotonic())
    back = time.monotonic()
    eventually(lambda: {readiness(server) for server in servers} == {200})
    return time.monotonic() - back


def readiness(server: ServerProcess) -> int:
    return plain_http.get(f"{server.url}/readyz", timeout=10).status_code


def connections(way: str, servers: Sequence[ServerProcess]) -> int:
    """How many the replicas have, once both of their ends are there: none is left over."""
    url = servers[0].database_url
    eventually(lambda: WAYS[way][1](url) == _own_ends(url, servers))
    return len(_own_ends(url, servers))


def _own_ends(url: str, servers: Sequence[ServerProcess]) -> set[int]:
    return {
        one.laddr.port
        for server in servers
        for one in psutil.Process(server.pid).net_connections("tcp")
        if one.raddr and one.raddr.port == urlsplit(url).port
    }


def check(key: str, done: Done, rows: list[tuple[str, str]], fake: FakeAnthropic) -> str:
    """A command has printed the answer, or says that it has none; returns how it has ended."""
    if done.code == 0:
        assert (rows, done.out.rstrip()) == ([("answered", TEXT)], TEXT.rstrip())
    else:
        assert (done.code, done.out) == (5, ""), done
        assert rows in ([], [("answered", TEXT)]), (done, rows)
    assert len(fake.asked(key)) == len(rows)
    return f"exit {done.code}, {'stored' if rows else 'not stored'}"


def check_usage(server: ServerProcess, rows: Rows) -> None:
    """Each question has its cost, once."""
    with database_of(server) as connection:
        count = connection.execute(select(func.count()).where(usage.c.settled)).scalar()
        assert count == connection.execute(select(func.count(usage.c.question_id))).scalar()
    assert count == len(rows)
