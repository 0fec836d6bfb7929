"""What has the shape of the contract: fields that must be there, and fields that may be missing."""

from __future__ import annotations

from typing import Any, NotRequired

import pytest
from typing_extensions import TypedDict

from askcli.contract.shapes import Day, Time
from askcli.contract.validation import fits, fitting_fields, required_fields


class _Base(TypedDict):
    name: str


class _Shape(_Base, total=False):
    size: int


class _Later(_Shape):
    note: NotRequired[str | None]


@pytest.mark.parametrize(
    ("value", "is_fitting"),
    [
        ({"name": "a"}, True),
        ({"name": "a", "size": 1, "note": "b"}, True),
        ({"name": "a", "note": None}, True),
        ({"name": "a", "of_a_later_version": 1}, True),
        ({"name": "a", "note": 1}, False),
        ({"name": "a", "size": "1"}, False),
        ({"note": "b"}, False),
    ],
)
def test_a_field_that_older_servers_do_not_send_may_be_missing(
    value: dict[str, Any], is_fitting: bool
) -> None:
    assert fits(_Later, value) is is_fitting


def test_fields_that_fit_are_picked() -> None:
    value = {"name": 1, "note": "b", "size": 2}
    assert fitting_fields(_Later, value) == {"note": "b", "size": 2}


def test_the_fields_of_each_object_are_known() -> None:
    assert required_fields(_Later) == {"name"}


@pytest.mark.parametrize(
    ("kind", "text", "is_one"),
    [
        (Time, "2026-01-31T12:00:00Z", True),
        (Time, "2024-02-29T23:59:59.1234567890123+14:00", True),
        (Time, "9999-99-99T99:99:99Z", False),
        (Time, "2026-02-29T12:00:00Z", False),
        (Time, "2026-01-31T24:00:01Z", False),
        (Time, "2026-01-31T12:00:60Z", False),
        (Time, "2026-01-31T12:00:00+99:00", False),
        (Time, "0000-01-01T00:00:00Z", False),
        (Time, "0001-01-01T00:00:00Z", False),  # it is in no year west of Greenwich
        (Time, "9999-12-31T23:59:59-14:00", False),
        (Day, "2026-01-31", True),
        (Day, "2026-02-30", False),
        (Day, "0000-01-01", False),
    ],
)
def test_a_time_is_one_of_the_calendar(kind: Any, text: str, is_one: bool) -> None:
    assert fits(kind, text) is is_one
