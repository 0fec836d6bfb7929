"""The directory of the nights of a test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation import night


@pytest.fixture(scope="session", autouse=True)
def directory() -> Iterator[None]:
    """Deleted at the end of all nights: the engines that they share know its file."""
    yield
    night.forget()
