"""A few nights on a real PostgreSQL; `python -m tests.simulation --postgres` runs any number."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation import night
from tests.simulation.databases import Postgres
from tests.simulation.plan import draw
from tests.support.soak import SOAK

# Commits whose reply is lost, a database that is away, locked and full, replicas killed.
SEEDS = range(400) if SOAK else (13, 34, 40)


@pytest.fixture(scope="module")
def databases(postgres: str) -> Iterator[Postgres]:
    databases = Postgres(postgres)
    yield databases
    databases.close()


def test_nothing_is_lost_in_any_night_on_postgresql(databases: Postgres) -> None:
    stories = list[list[str]]()
    for seed in (SEEDS[0], *SEEDS):
        result = night.run(draw(seed), databases)
        stories.append(result.story)
        replay = f".venv/bin/python -m tests.simulation {seed} --postgres"
        assert not result.wrong, "\n".join([*result.story, *result.wrong, replay])
    assert stories[0] == stories[1]
