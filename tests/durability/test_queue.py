"""Users take turns in the queue for the model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from signal import SIGKILL, SIGTERM
from uuid import uuid4

import httpx2
import pytest

from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson
from tests.support.servers import customized, metric, serving
from tests.support.soak import SOAK
from tests.support.streams import Seen, ask_until_cut
from tests.support.waiting import eventually

BURST = 300 if SOAK else 24


@pytest.mark.parametrize(
    ("kind", "number"),
    [("sqlite", SIGKILL), ("postgres", SIGKILL), ("sqlite", SIGTERM)],
)
def test_what_waited_when_its_server_ended_costs_nothing_and_is_asked_under_its_key(
    new_database: NewDatabase,
    fake: FakeAnthropic,
    new_person: NewPerson,
    tmp_path: Path,
    kind: str,
    number: int,
) -> None:
    settings = {"MAX_RUNNING": "1", "ORPHAN_SECONDS": "2", "DRAIN_SECONDS": "0"}
    more = {f"ASKCLI_{name}": value for name, value in settings.items()}
    server = serving(tmp_path, fake, new_database(kind), **more)
    person = new_person(server)
    sent, waiting = Seen(f"{uuid4().hex} sent"), Seen(f"{uuid4().hex} waiting")
    reply = fake.on(sent.key, "begun", " and ended", hold_after=1)
    with ThreadPoolExecutor(2) as pool:
        pool.submit(ask_until_cut, person, server, sent)
        assert reply.reached.wait(30)
        pool.submit(ask_until_cut, person, server, waiting)
        eventually(lambda: waiting.question_id)
        server.stop(number)
    reply.release()
    server = server.again()
    with person.at(server) as http:
        eventually(lambda: {row["status"] for row in person.questions(http)} == {"interrupted"})
        (usage,) = http.get("/api/users/me/usage").json()["items"]
        first, second = (ask_with_key(http, seen.key) for seen in (sent, waiting))
        (after,) = http.get("/api/users/me/usage").json()["items"]
    assert (first.status_code, first.json()["code"]) == (502, "interrupted")
    assert (second.status_code, second.json()["id"]) == (201, waiting.question_id)
    assert (len(fake.asked(sent.key)), len(fake.asked(waiting.key))) == (1, 1)
    assert after["input_tokens"] - usage["input_tokens"] == second.json()["input_tokens"]
    assert server.stop() == 0


# The import of the SDK takes as long as there is a file of this name.
SLOW_SDK = """
import importlib, pathlib, time

load = importlib.import_module

def slow(name, *package):
    is_sdk, file = name.endswith("messages_api.requests"), pathlib.Path(__file__).with_name("slow")
    while is_sdk and file.exists():
        time.sleep(0.1)
    return load(name, *package)

importlib.import_module = slow
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_was_not_sent_while_the_sdk_was_loading_costs_nothing(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path, kind: str
) -> None:
    more = customized(tmp_path, SLOW_SDK) | {"ASKCLI_ORPHAN_SECONDS": "2"}
    (slow := tmp_path / "slow").touch()
    server = serving(tmp_path, fake, new_database(kind), **more)
    person, asked = new_person(server), Seen(uuid4().hex)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(ask_until_cut, person, server, asked)
        eventually(lambda: asked.question_id)
        eventually(lambda: metric(server, "askcli_answers_running") == 1)
        server.stop(SIGKILL)
    slow.unlink()
    server = server.again()
    with person.at(server) as http:
        eventually(lambda: {row["status"] for row in person.questions(http)} == {"interrupted"})
        (usage,) = http.get("/api/users/me/usage").json()["items"]
        again = ask_with_key(http, asked.key)
    assert (usage["input_tokens"], usage["output_tokens"]) == (0, 0)
    assert (again.status_code, again.json()["id"]) == (201, asked.question_id)
    assert len(fake.asked(asked.key)) == 1
    assert server.stop() == 0


def ask_with_key(http: httpx2.Client, key: str) -> httpx2.Response:
    headers = {"idempotency-key": key}
    return http.post("/api/questions", json={"question": key}, headers=headers)


def test_a_full_queue_refuses_no_repetition_of_what_is_in_it(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    more = {"ASKCLI_MAX_RUNNING": "1", "ASKCLI_MAX_WAITING": "4"}  # one place for each user
    server = serving(tmp_path, fake, new_database("sqlite"), **more)
    person, key = new_person(server), uuid4().hex
    reply = fake.on(f"{key} first", "begun", " and ended", hold_after=1)
    with ThreadPoolExecutor(13) as pool:
        first = pool.submit(person.ask, f"{key} first")
        assert reply.reached.wait(30)
        same = [pool.submit(ask_with_key, person.http, key) for _ in range(12)]
        eventually(lambda: metric(server, "askcli_answers_waiting") == 1)
        assert person.ask("another").status_code == 503
        reply.release()
        statuses = [future.result().status_code for future in (first, *same)]
    assert statuses == [201] * 13
    assert len(person.questions()) == 2
    assert server.stop() == 0


def test_users_take_turns_and_a_full_queue_is_told(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    more = {"ASKCLI_MAX_RUNNING": "1", "ASKCLI_MAX_WAITING": "12"}
    server = serving(tmp_path, fake, new_database("sqlite"), **more)
    greedy, modest = new_person(server), new_person(server)
    marker = uuid4().hex
    reply = fake.on(f"{marker} first", "begun", " and ended", hold_after=1)
    waiting = "askcli_answers_waiting"

    def is_waiting(count: int) -> bool:
        return metric(server, waiting) == count

    with ThreadPoolExecutor(10) as pool:
        requests = [pool.submit(greedy.ask, f"{marker} first")]
        assert reply.reached.wait(30)
        for number in range(3):  # a quarter of the places is what one user may take
            requests.append(pool.submit(greedy.ask, f"{marker} greedy {number}"))
            eventually(partial(is_waiting, number + 1))
        refused = greedy.ask(f"{marker} too much")
        assert (refused.status_code, refused.json()["code"]) == (503, "provider_overloaded")
        assert int(refused.headers["retry-after"]) > 0
        requests.append(pool.submit(modest.ask, f"{marker} modest"))
        eventually(partial(is_waiting, 4))
        reply.release()
        assert {future.result().status_code for future in requests} == {201}
    order = [request["messages"][-1]["content"].split()[1] for request in fake.asked(marker)]
    assert order.index("modest") <= 2
    assert sorted(order) == ["first", "greedy", "greedy", "greedy", "modest"]
    assert len(greedy.questions()) == 4  # what was refused was not stored
    held = fake.on(f"{marker} burst", "begun", " and ended", hold_after=1)
    with ThreadPoolExecutor(BURST) as pool:
        burst = [pool.submit(greedy.ask, f"{marker} burst {number}") for number in range(BURST)]
        eventually(lambda: sum(future.done() for future in burst) >= BURST - 4)
        held.release()
    statuses = sorted(future.result().status_code for future in burst)
    assert statuses == [201] * 4 + [503] * (BURST - 4)  # one is answered, three wait
    assert server.stop() == 0
