"""The suite keeps together what shares servers, and begins with what takes long."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.scheduling import (
    LONG,
    TOGETHER,
    WITH_THE_SDK,
    modules_after_collection,
    unit_of,
)

ROOT = Path(__file__).parents[2]


def test_the_files_are_there() -> None:
    assert not [name for name in (*TOGETHER, *LONG) if not (ROOT / name).exists()]


def test_a_files_tests_of_one_kind_of_database_are_a_unit() -> None:
    file = TOGETHER[0]
    kinds = "[sqlite]", "[postgres-a::b]", "[postgres]", ""
    units = [unit_of(f"{file}::test{kind}") for kind in kinds]
    assert units[0] == units[3] != units[1] == units[2]
    assert unit_of("tests/x.py::test[postgres]") == "tests/x.py::test[postgres]"
    assert len({unit_of(f"{name}::test") for name in WITH_THE_SDK}) == 1


def test_this_run_begins_with_what_takes_long(request: pytest.FixtureRequest) -> None:
    first = [item.nodeid.startswith(LONG) for item in request.session.items]
    assert first == sorted(first, reverse=True)


def test_no_process_loads_the_sdk_to_collect_the_tests() -> None:
    assert "tests.unit.test_scheduling" in modules_after_collection
    assert "anthropic" not in modules_after_collection
