"""PostgreSQL with TLS, and a primary that dies and whose standby takes its place."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests.support.asking import asking_programs
from tests.support.cli import NewCli
from tests.support.databases import migrated
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.own_postgres import OwnPostgres, own_postgres
from tests.support.people import NewPerson
from tests.support.replicas import listening
from tests.support.secrets import SECRET
from tests.support.servers import serving
from tests.support.soak import SOAK, report
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(not SOAK, reason="it makes PostgreSQL servers: in the soak")


def certificate(directory: Path, name: str) -> Path:
    """A certificate of loopback's, with its key beside it."""
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl on this machine")
    file, key = directory / f"{name}.crt", directory / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-keyout", str(key), "-out", str(file), "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return file


def test_options_of_libpq_for_tls_are_its_own(
    fake: FakeAnthropic, new_person: NewPerson, new_cli: NewCli, tmp_path: Path
) -> None:
    with own_postgres() as postgres:
        postgres.initialize("ssl = on\n", "hostssl all all 127.0.0.1/32 trust")
        own, other = certificate(tmp_path, "server"), certificate(tmp_path, "other")
        for file in (own, own.with_suffix(".key")):
            target = postgres.data / file.name
            shutil.copy(file, target)
            shutil.chown(target, postgres.data.owner())
            target.chmod(0o600)
        postgres.start()
        url = f"{postgres.url}?sslmode=verify-full&sslrootcert={own}"
        server = serving(tmp_path / "home", fake, migrated(url.replace("postgresql", "postgres")))
        listening(server)
        assert new_person(server).ask("hello").status_code == 201
        with psycopg.connect(url) as connection:
            query = "SELECT bool_and(ssl), count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING"
            (row,) = connection.execute(f"{query} (pid) WHERE client_port > 0".encode()).fetchall()
        assert row[0]
        assert row[1] >= 3  # this one, one that works and the one that listens
        assert server.stop() == 0
        for mode, reason in (
            (f"verify-full&sslrootcert={other}", "certificate verify failed"),
            ("disable", "no encryption"),
        ):
            cli = new_cli(DB_CONN_STRING=f"{postgres.url}?sslmode={mode}", JWT_SECRET=SECRET)
            done = cli("migrate")
            assert (done.code, reason in done.err, done.err.count("\n")) == (1, True, 1), done


def test_a_standby_takes_the_place_of_a_primary_that_died(
    fake: FakeAnthropic, new_person: NewPerson, new_cli: NewCli, tmp_path: Path
) -> None:
    with own_postgres() as primary, own_postgres() as standby:
        primary.initialize("default_transaction_isolation = serializable\n")  # no standby takes it
        primary.start()
        migrated(primary.url)
        standby.follow(primary)
        change(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        change(primary, "SELECT pg_reload_conf()")
        ports = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        url = f"postgresql://postgres@{ports}/postgres?target_session_attrs=read-write"
        server = serving(tmp_path / "home", fake, url)
        reading = serving(tmp_path / "reading", fake, standby.url)
        people = [new_person(server) for _ in range(4)]
        with people[0].at(reading) as http:
            ready = http.get("/readyz")
            assert (ready.status_code, "is a standby" in ready.json()["detail"]) == (503, True)
            assert http.get("/api/users/me").status_code == 200
        with asking_programs([person.http for person in people], fake) as asked:
            eventually(lambda: len(asked.ids) > 40)
            primary.stop()
            standby.promote()
            at, count = time.monotonic(), len(asked.ids)
            eventually(lambda: len(asked.ids) > count + 4)
            report(f"failover: answers again {time.monotonic() - at:.1f} s after the promotion")
            eventually(lambda: len(asked.ids) > count + 80)
        report(f"failover: {len(asked.ids)} asks acknowledged, {asked.refused} refused for a while")
        with psycopg.connect(standby.url) as connection:
            rows: dict[str, str] = dict(
                connection.execute("SELECT id::text, status FROM questions").fetchall()
            )
            used = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE client_port > 0"
            ).fetchone()
        assert {rows.get(id_) for id_ in asked.ids.values()} == {"answered"}
        assert {len(fake.asked(question)) for question in asked.ids} == {1}
        assert used
        assert used[0] <= 2 * 13 + 1
        eventually(lambda: httpx2.get(f"{reading.url}/readyz").status_code == 200)
        assert [server.stop(), reading.stop()] == [0, 0]


def change(postgres: OwnPostgres, statement: str) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(statement.encode())
