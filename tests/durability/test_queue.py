"""Users take turns in the queue for the model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from uuid import uuid4

from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson
from tests.support.servers import metric, serving
from tests.support.waiting import eventually


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
    with ThreadPoolExecutor(24) as pool:
        burst = [pool.submit(greedy.ask, f"{marker} burst {number}") for number in range(24)]
        eventually(lambda: sum(future.done() for future in burst) >= 20)
        held.release()
    statuses = sorted(future.result().status_code for future in burst)
    assert statuses == [201] * 4 + [503] * 20  # one is answered, three wait
    assert server.stop() == 0
