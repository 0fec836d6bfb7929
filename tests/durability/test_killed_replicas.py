"""Three replicas behind a balancer, one killed every few seconds, while commands ask."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tests.support.asking import TEXT, asking, ended
from tests.support.balancer import Balancer
from tests.support.cli import Done, NewCli
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import logged_in
from tests.support.processes import ServerProcess
from tests.support.servers import serving
from tests.support.soak import SOAK, report, seeded
from tests.support.waiting import eventually

SECONDS, CLIENTS = 300, 4


@pytest.mark.skipif(
    not SOAK, reason="takes five minutes; test_killed_servers kills one in each run"
)
def test_replicas_that_are_killed_lose_no_question_and_ask_none_twice(
    new_database: NewDatabase,
    fake: FakeAnthropic,
    new_cli: NewCli,
    tmp_path: Path,
) -> None:
    url, random = new_database("postgres"), seeded()
    replicas = [
        serving(tmp_path / str(number), fake, url, ASKCLI_ORPHAN_SECONDS="2") for number in range(3)
    ]
    with Balancer([replica.url for replica in replicas]) as balancer:
        clis = [logged_in(new_cli(ASKCLI_SERVER=balancer.url), replicas[0]) for _ in range(CLIENTS)]
        with asking(clis, fake) as dones:
            kills = kill_in_turn(replicas, random, time.monotonic() + SECONDS)
    counts = Counter[str]()
    rows = eventually(lambda: ended(replicas[0])) or {}
    for key, done in dones.items():
        check(key, done, rows.get(key, []), fake, counts)
    for replica in replicas:
        assert replica.stop() == 0
    report(f"{kills} kills of three replicas in {SECONDS} s: {dict(counts)}")
    assert counts["exit 0"] > kills


def kill_in_turn(replicas: list[ServerProcess], random: Random, until: float) -> int:
    """Kill one every few seconds, and start it again; how many."""
    kills = 0
    while time.monotonic() < until:
        time.sleep(random.uniform(1, 4))
        number = random.randrange(len(replicas))
        replicas[number].stop(9)
        time.sleep(random.uniform(0, 2))
        replicas[number] = replicas[number].again()
        kills += 1
    return kills


def check(
    key: str,
    done: Done,
    rows: list[tuple[str, str]],
    fake: FakeAnthropic,
    counts: Counter[str],
) -> None:
    """A question is stored once, was asked once, and has what its command printed."""
    ((status, answer),) = rows
    assert len(fake.asked(key)) <= 1, (key, done)
    counts[f"exit {done.code}"] += 1
    counts[status] += 1
    if done.code == 0:
        assert (status, answer, done.out.rstrip()) == ("answered", TEXT, TEXT.rstrip())
    else:
        assert (done.code, status) in ((5, "interrupted"), (5, "failed")), (done, status)
        # Of what it has shown, the last second may be lost: see test_killed_servers.
        assert TEXT.startswith(answer)
        assert TEXT.startswith(done.out.rstrip("\n")), (done, answer)
