"""What has the shape of the contract: fields that must be there, and fields that may be missing."""

from __future__ import annotations

from typing import Any, NotRequired

import pytest
from typing_extensions import TypedDict

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
