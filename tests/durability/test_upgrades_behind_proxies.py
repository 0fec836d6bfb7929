"""Wheels of two versions behind a real proxy, under load: an upgrade, and back."""

from __future__ import annotations

import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from askcli.store.tables import questions
from tests.support import proxy_examples, versions, wheels
from tests.support.cli import NewCli
from tests.support.databases import NewDatabase, opened
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.fleet import Fleet
from tests.support.people import NewPerson, ServerBehindProxy, logged_in
from tests.support.processes import environment
from tests.support.proxy_examples import Proxy
from tests.support.servers import server_settings
from tests.support.soak import SOAK, report
from tests.support.traffic import Traffic
from tests.support.wheels import Version

pytestmark = pytest.mark.skipif(not SOAK, reason="it builds wheels and starts many servers")

PEOPLE = 2
BEHIND_PROXY = {"ASKCLI_TRUSTED_PROXIES": "127.0.0.1", "ASKCLI_LEAVE_SECONDS": "5"}


@pytest.fixture(scope="module", params=["before", "now"])
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Version]:
    """From before the newest migration to now, or from now to a next version."""
    directory = tmp_path_factory.mktemp(request.param)
    now = wheels.tree_of_now(directory / "now")
    if request.param == "before":
        return [
            wheels.installed(versions.tree_of_before(directory / "before")),
            wheels.installed(now),
        ]
    following = wheels.tree_of_now(directory / "next")
    versions.add_migration(following / "src/askcli")
    return [wheels.installed(now), wheels.installed(following)]


@pytest.mark.parametrize("name", ["haproxy", "caddy", "nginx"])
def test_no_request_fails_in_an_upgrade_and_back(
    new_database: NewDatabase,
    new_person: NewPerson,
    new_cli: NewCli,
    fake: FakeAnthropic,
    tmp_path: Path,
    two: list[Version],
    name: str,
) -> None:
    first, second = two
    if name == "caddy" and not first.leaves_slowly:
        pytest.skip("its list of servers is in the environment, and cannot be changed under it")
    url = new_database("postgres", migrated=False)
    settings = server_settings(fake, url, **BEHIND_PROXY)
    migrate(first, settings, tmp_path / "first")
    with closing(Fleet(tmp_path / "servers", settings, two)) as fleet:
        fleet.start(first)
        with proxy_examples.before(name, fleet.addresses, tmp_path) as proxy:
            server = ServerBehindProxy(proxy.url, url)
            cli = logged_in(new_cli(ASKCLI_SERVER=proxy.url), server)
            people = [new_person(server) for _ in range(PEOPLE)]
            with Traffic(proxy.url, fake, closes_idle=name == "nginx") as traffic:
                traffic.begin(people, cli)
                fleet.wait_for_asks(first)
                migrate(second, settings, tmp_path / "second")
                traffic.wait()
                replace(first, second, fleet, proxy, traffic)
                replace(second, first, fleet, proxy, traffic)
        fleet.stop(first)
    stored = stored_answers(url)
    asked = Counter(one["messages"][-1]["content"] for one in fake.asked(traffic.marker))
    report(
        f"{first.name} to {second.name} and back behind {name}: {dict(traffic.outcomes)}, "
        f"{len(traffic.acknowledged)} acknowledged, {len(stored)} stored, "
        f"{asked.total()} sent to the provider; {traffic.failures}"
    )
    assert not traffic.failures, traffic.failures
    assert stored == {key: ("answered", text) for key, text in traffic.acknowledged.items()}
    assert (len(asked), asked.total()) == (len(stored), len(stored))


def replace(old: Version, new: Version, fleet: Fleet, proxy: Proxy, traffic: Traffic) -> None:
    """Start servers of `new` and then stop those of `old`, as docs/operations.md says."""
    fleet.start(new)
    fleet.wait_for_asks(new)
    # An nginx asks no server for its health, and an old version leaves at once.
    if is_told := proxy.name == "nginx" or not old.leaves_slowly:
        proxy.use(*fleet.others(old))
        traffic.wait()
    fleet.stop(old)
    traffic.wait()
    if is_told:
        proxy.use(*fleet.addresses)
    report(f"{proxy.name}, {new.name} alone: {traffic.outcomes.total()}, {traffic.failures}")


def migrate(version: Version, settings: dict[str, str], home: Path) -> None:
    done = subprocess.run(
        [version.command, "migrate"],
        env=environment(home, **settings),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def stored_answers(url: str) -> dict[str, tuple[str, str]]:
    """The state and the text of each stored question."""
    with opened(url) as connection:
        rows = connection.execute(select(questions)).all()
    return {str(row.id): (row.status, row.answer) for row in rows}
