"""The arithmetic of rate limits: used up, growing back, given back, told in headers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from askcli.errors import RateLimited
from askcli.services import request_info
from askcli.services.auth.rate_limits import FREE_TRIES, Limit, LoginAttempt, RateLimits
from askcli.services.request_info import RequestInfo
from askcli.settings import Rate, Settings
from askcli.store.database import Database
from tests.support.databases import migrated

SETTINGS = Settings(login_limit=Rate(3, 30), account_limit=Rate(5, 100), address_limit=Rate(0, 1))


class Clock:
    """The time in seconds, which only the test moves."""

    seconds = 1_000_000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "time_ns", lambda: int(clock.seconds * 1e9))
    return clock


@pytest.fixture
def connection(tmp_path: Path, clock: Clock) -> Iterator[Connection]:
    database = Database(migrated(f"sqlite:///{tmp_path / 'askcli.db'}"))
    with database.transaction() as connection:
        yield connection
    database.close()


def come_from(address: str | None) -> RequestInfo:
    info = RequestInfo("id", "client", address)
    request_info.bind(info)
    return info


def test_a_limit_is_used_up_and_grows_back_one_by_one(connection: Connection, clock: Clock) -> None:
    info, limits = come_from("10.0.0.1"), RateLimits(SETTINGS)
    limit = Limit("login", Rate(3, 30), "somebody")
    for remaining in (2, 1, 0):
        info.allowance = None
        limits.take(connection, limit)
        assert info.allowance
        assert info.allowance.remaining == remaining
    with pytest.raises(RateLimited) as refusal:
        limits.take(connection, limit)
    assert refusal.value.retry_after == 10
    with pytest.raises(RateLimited):
        limits.check(limit)  # without a query
    clock.seconds += 10
    limits.check(limit)
    limits.take(connection, limit)
    with pytest.raises(RateLimited):
        limits.take(connection, limit)
    clock.seconds += 30
    for _ in range(3):
        limits.take(connection, limit)


def test_off_is_no_limit_and_this_machines_own_user_has_none(
    connection: Connection, clock: Clock
) -> None:
    limits = RateLimits(SETTINGS)
    come_from("10.0.0.1")
    for _ in range(50):
        limits.take(connection, Limit("login", Rate(0, 1), "somebody"))
    come_from(None)
    for _ in range(50):
        limits.take(connection, Limit("login", Rate(1, 1000), "somebody"))


def test_the_first_tries_from_a_network_never_fail_for_what_others_did(
    connection: Connection, clock: Clock
) -> None:
    limits = RateLimits(Settings(address_limit=Rate(0, 1), account_limit=Rate(5, 1000)))
    attempt = LoginAttempt("ada@example.org", from_known_network=False)
    for number in range(8):
        come_from(f"10.0.1.{number}")
        limits.take_login(connection, attempt)
    come_from("10.0.2.1")
    for _ in range(FREE_TRIES):
        limits.take_login(connection, attempt)
    with pytest.raises(RateLimited):
        limits.take_login(connection, attempt)


def test_a_try_whose_password_was_not_compared_is_given_back(
    connection: Connection, clock: Clock
) -> None:
    limits = RateLimits(SETTINGS)
    come_from("10.0.0.1")
    attempt = LoginAttempt("ada@example.org", from_known_network=True)
    for _ in range(10):
        limits.take_login(connection, attempt)
        limits.login_not_tried(connection, attempt)
    for _ in range(3):
        limits.take_login(connection, attempt)
    with pytest.raises(RateLimited):
        limits.take_login(connection, attempt)
    limits.login_succeeded(connection, attempt)
    RateLimits(SETTINGS).take_login(connection, attempt)


def test_subjects_and_names_have_keys_of_their_own() -> None:
    rate = Rate(1, 1)
    keys = {Limit(name, rate, subject).key for name, subject in [("a", "b"), ("b", "a"), ("a", "")]}
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("x" * 100, "x" * 50),
        (None, None),
    ],
)
def test_the_network_of_an_address(address: str | None, network: str | None) -> None:
    assert RequestInfo("id", "client", address).network == network
