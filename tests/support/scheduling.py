"""Which tests one process runs in a row, and which begin first.

In place of xdist's `loadgroup`, which sees no groups with pytest 9.2: pytest-xdist#1386.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

# Files whose tests share what is expensive to start.
TOGETHER = (
    "tests/api/test_search.py",
    "tests/durability/test_hanging_database.py",
    "tests/security/test_access.py",
    "tests/security/test_isolation.py",
    "tests/security/test_limits.py",
    "tests/security/test_password_load.py",
    "tests/security/test_registration.py",
    "tests/unit/test_answer_reader.py",  # loads the SDK
)

# What takes seconds of wall time or CPU, alone or together.
LONG = (
    *TOGETHER,
    "tests/api/test_schemathesis.py",
    "tests/api/test_search_pages.py",
    "tests/cli/test_local_model.py",
    "tests/durability/test_outages.py",
    "tests/durability/test_poolers.py",
    "tests/durability/test_slow_clients.py",
    "tests/durability/test_workers.py",
    "tests/simulation/",
)


def unit_of(nodeid: str) -> str:
    """Name what a test is run together with, on one kind of database; itself if with nothing."""
    file, _, test = nodeid.partition("::")
    if file not in TOGETHER:
        return nodeid
    return f"{file} on {'PostgreSQL' if '[postgres' in test else 'SQLite'}"


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each process a unit of tests at a time."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
