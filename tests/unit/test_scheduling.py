"""The suite keeps together what shares servers, and begins with what takes long."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.scheduling import LONG, TOGETHER, unit_of

ROOT = Path(__file__).parents[2]


def test_the_files_are_there() -> None:
    assert not [name for name in (*TOGETHER, *LONG) if not (ROOT / name).exists()]


def test_a_files_tests_of_one_kind_of_database_are_a_unit() -> None:
    file = TOGETHER[0]
    kinds = "[sqlite]", "[postgres-a::b]", "[postgres]", ""
    units = [unit_of(f"{file}::test{kind}") for kind in kinds]
    assert units[0] == units[3] != units[1] == units[2]
    assert unit_of("tests/x.py::test[postgres]") == "tests/x.py::test[postgres]"


def test_this_run_begins_with_what_takes_long(request: pytest.FixtureRequest) -> None:
    first = [item.nodeid.startswith(LONG) for item in request.session.items]
    assert first == sorted(first, reverse=True)
