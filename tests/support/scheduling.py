"""Which tests one process runs in a row, and which begin first.

In place of xdist's `loadgroup`, which sees no groups with pytest 9.2: pytest-xdist#1386.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

# Files whose tests share what is expensive to start.
TOGETHER = (
    "tests/api/test_search.py",
    "tests/docs/test_sizes.py",  # has the trees of all modules
    "tests/durability/test_hanging_database.py",
    "tests/observation/test_alerts.py",
    "tests/observation/test_logs.py",
    "tests/observation/test_metrics.py",
    "tests/security/test_access.py",
    "tests/security/test_isolation.py",
    "tests/security/test_limits.py",
    "tests/security/test_password_load.py",
    "tests/security/test_registration.py",
    "tests/unit/test_normalization.py",  # has a list of all characters
)

# Files whose tests load the SDK, which takes a second: all run in one process.
WITH_THE_SDK = (
    "tests/unit/test_answer_reader.py",
    "tests/unit/test_event_cost.py",
    "tests/unit/test_file_limit.py",
    "tests/unit/test_loading.py",
    "tests/unit/test_provider_connections.py",
    "tests/unit/test_provider_floods.py",
    "tests/unit/test_provider_routes.py",
    "tests/unit/test_provider_url.py",
)

# What takes seconds of wall time or CPU, alone or together.
LONG = (
    *TOGETHER,
    *WITH_THE_SDK,
    "tests/api/test_schemathesis.py",
    "tests/api/test_search_pages.py",
    "tests/cli/test_fetching.py",
    "tests/cli/test_local_model.py",
    "tests/cli/test_terminal_left.py",
    "tests/durability/test_orphans.py",
    "tests/durability/test_outages.py",
    "tests/durability/test_poolers.py",
    "tests/durability/test_slow_clients.py",
    "tests/durability/test_stopping.py",
    "tests/durability/test_unsent_questions.py",
    "tests/durability/test_workers.py",
    "tests/simulation/",
)

modules_after_collection: set[str] = set()


def unit_of(nodeid: str) -> str:
    """Name what a test is run together with, on one kind of database; itself if with nothing."""
    file, _, test = nodeid.partition("::")
    if file in WITH_THE_SDK:
        return "with the SDK"
    if file not in TOGETHER:
        return nodeid
    return f"{file} on {'PostgreSQL' if '[postgres' in test else 'SQLite'}"


def in_order(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Order tests: what takes long, what shares a server (as pytest orders it), and the others.

    At the end, one process would work alone on what takes long. The others are mixed: the files of
    each directory are spread evenly, because those that wait for most of their time, all together,
    would leave the processors idle.
    """
    sizes = Counter(item.path.parent for item in items)
    seen = Counter[Path]()
    places: dict[Path, float] = {}  # of each file, from 0 to 1
    for item in items:
        directory = item.path.parent
        places.setdefault(item.path, seen[directory] / sizes[directory])
        seen[directory] += 1

    def place(item: pytest.Item) -> tuple[bool, bool, float]:
        is_sharing = _shares_a_server(item)
        return (
            not item.nodeid.startswith(LONG),
            not is_sharing,
            0 if is_sharing else places[item.path],
        )

    return sorted(items, key=place)


def _shares_a_server(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    return callspec is not None and "database_url" in callspec.params


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each process a unit of tests at a time."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
