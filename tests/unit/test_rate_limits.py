"""The arithmetic of rate limits: used up, growing back, given back, told in headers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from askcli.errors import RateLimited
from askcli.services import request_info
from askcli.services.auth.login_limits import FREE_TRIES, FREE_TRIES_OF_A_SITE, LoginLimits
from askcli.services.auth.rate_limits import Limit, RateLimits
from askcli.services.clock import new_id, now
from askcli.services.request_info import RequestInfo
from askcli.settings import Rate, Settings
from askcli.store.database import Database
from askcli.store.queries import limits as queries
from askcli.store.queries import sessions
from tests.support.databases import migrated_file
from tests.support.people import new_user

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
    database = Database(migrated_file(tmp_path / "askcli.db"))
    with database.transaction() as connection:
        yield connection
    database.close()


def come_from(address: str | None) -> RequestInfo:
    info = RequestInfo("id", "client", address)
    request_info.bind(info)
    return info


def test_what_a_unit_has_noted_is_replaced_when_it_runs_again(
    connection: Connection, clock: Clock
) -> None:
    """Without the uses by others that were not committed."""
    info, limits = come_from("10.0.0.1"), RateLimits(SETTINGS)
    limit = Limit("login", Rate(3, 30), "somebody")
    with connection.begin_nested() as uncommitted:
        for _ in range(3):
            limits.take(connection, limit)
        with pytest.raises(RateLimited):
            limits.take(connection, limit)
        uncommitted.rollback()
    limits.take(connection, limit)
    assert info.allowance
    assert info.allowance.remaining == 2
    limits.check(limit)


def test_a_limit_is_used_up_and_grows_back_one_by_one(connection: Connection, clock: Clock) -> None:
    info, limits = come_from("10.0.0.1"), RateLimits(SETTINGS)
    limit = Limit("login", Rate(3, 30), "somebody")
    for remaining in (2, 1, 0):
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


@pytest.mark.parametrize("rate", [Rate(3, 9999), Rate(3, 1)])
def test_of_uses_at_once_each_counts_whatever_clock_it_has_read(
    connection: Connection, clock: Clock, rate: Rate
) -> None:
    limits, limit = RateLimits(SETTINGS), Limit("login", rate, "somebody")
    info = come_from("10.0.0.1")
    for remaining in (2, 1, 0):
        limits.take(connection, limit)
        assert info.allowance
        assert info.allowance.remaining <= remaining
        assert info.allowance.remaining >= 0
        clock.seconds -= 0.05  # it has read the clock first, and comes to the row last
    with pytest.raises(RateLimited):
        limits.take(connection, limit)


@pytest.mark.parametrize("seconds", [200, 86_400, 86_400 * 3650])
def test_a_clock_that_is_set_back_refuses_nobody_for_longer_than_the_limit(
    connection: Connection, clock: Clock, seconds: int
) -> None:
    come_from("10.0.0.1")
    limits, limit = RateLimits(SETTINGS), Limit("login", Rate(3, 30), "somebody")
    clock.seconds += seconds
    for _ in range(3):
        limits.take(connection, limit)
    with pytest.raises(RateLimited):
        limits.take(connection, limit)
    clock.seconds -= seconds
    limits.check(limit)
    for _ in range(3):
        limits.take(connection, limit)
    with pytest.raises(RateLimited) as refusal:
        limits.take(connection, limit)
    assert refusal.value.retry_after == 10


def test_clocks_that_differ_by_seconds_give_nobody_more_uses(
    connection: Connection, clock: Clock
) -> None:
    come_from("10.0.0.1")
    limit, granted = Limit("login", Rate(3, 30), "somebody"), 0
    for seconds in (5, -5) * 5:  # a server ahead, and one behind
        clock.seconds += seconds
        with suppress(RateLimited):
            RateLimits(SETTINGS).take(connection, limit)
            granted += 1
    assert granted == 3


def test_limits_further_ahead_than_any_can_be_are_deleted(
    connection: Connection, clock: Clock
) -> None:
    now, century = time.time_ns() // 1000, 100 * 366 * 86_400 * 1_000_000
    for key, full_at in {"full": now - 1, "in use": now + 1, "ahead": now + century}.items():
        queries.take(connection, key, full_at - 1, 1, 1)
    queries.prune(connection, now, 10)
    left = {key for key in ("full", "in use", "ahead") if queries.full_at(connection, key)}
    assert left == {"in use"}


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


def login_limits(**rates: Rate) -> LoginLimits:
    settings = Settings(**({"address_limit": Rate(0, 1)} | rates))  # type: ignore[arg-type]
    return LoginLimits(settings, RateLimits(settings))


def tries(limits: LoginLimits, connection: Connection, address: str, most: int = 100) -> int:
    """How many tries at an account are let through from an address."""
    come_from(address)
    for number in range(most):
        try:
            limits.take(connection, "ada@example.org")
        except RateLimited:
            return number
    return most


def test_the_first_tries_from_a_network_never_fail_for_what_others_did(
    connection: Connection, clock: Clock
) -> None:
    limits = login_limits(account_limit=Rate(5, 1000))
    for number in range(8):
        assert tries(limits, connection, f"10.0.1.{number}", 1) == 1
    assert tries(limits, connection, "10.0.2.1") == FREE_TRIES.count


def test_free_tries_are_granted_once_in_a_day(connection: Connection, clock: Clock) -> None:
    limits = login_limits(account_limit=Rate(1, 86_400 * 10))
    assert tries(limits, connection, "10.0.1.1") == FREE_TRIES.count
    clock.seconds += 4 * 3600  # long enough for the limit of one network, 10 in 5 minutes
    assert tries(limits, connection, "10.0.1.1") == 0
    clock.seconds += 24 * 3600
    assert tries(limits, connection, "10.0.1.1") == FREE_TRIES.count


@pytest.mark.parametrize("address", ["10.0.1.{}", "2001:db8:1:{}::7"])
def test_the_addresses_of_a_site_share_their_free_tries(
    connection: Connection, clock: Clock, address: str
) -> None:
    limits = login_limits(account_limit=Rate(1, 86_400 * 10))
    granted = [tries(limits, connection, address.format(number)) for number in range(20)]
    assert sum(granted) == FREE_TRIES_OF_A_SITE.count
    assert tries(limits, connection, "10.0.2.1") == FREE_TRIES.count


def test_a_sites_limit_is_on_wrong_passwords_and_none_where_the_account_is_known(
    connection: Connection, clock: Clock
) -> None:
    limits = login_limits(address_limit=Rate(3, 600))
    for number in range(40):  # right ones, of ever another address
        come_from(f"10.0.1.{number}")
        taken = limits.take(connection, f"{number}@example.org")
        limits.succeeded(connection, f"{number}@example.org", taken)
    come_from("10.0.1.200")
    user_id, day = new_user(connection, "ada@example.org"), timedelta(days=1)
    times = {"created_at": now(), "last_used_at": now(), "expires_at": now() + day}
    session = {"id": new_id(), "user_id": user_id, "client": "", "network": "10.0.1.200"}
    sessions.add(connection, session | times, "hash", now())
    granted = 0
    for number in range(60):
        come_from(f"10.0.1.{number}")
        with suppress(RateLimited):
            limits.take(connection, f"{number}@example.org")
            granted += 1
    assert granted == 30
    assert tries(limits, connection, "10.0.1.201") == 0
    with pytest.raises(RateLimited):
        limits.check_site(connection, "ada@example.org")
    come_from("10.0.1.200")
    limits.check_site(connection, "ada@example.org")
    assert tries(limits, connection, "10.0.1.200") == 3  # the address has its own limit


def test_a_try_whose_password_was_not_compared_is_given_back(
    connection: Connection, clock: Clock
) -> None:
    limits = login_limits(login_limit=Rate(3, 30), account_limit=Rate(1, 1000))
    come_from("10.0.0.1")
    for _ in range(10):
        limits.give_back(connection, limits.take(connection, "ada@example.org"))
    assert tries(limits, connection, "10.0.0.1", 2) == 2
    limits.succeeded(connection, "ada@example.org", limits.take(connection, "ada@example.org"))
    again = login_limits(login_limit=Rate(3, 30), account_limit=Rate(1, 1000))
    assert tries(again, connection, "10.0.0.1") == 1  # of three free ones, two were wrong


def test_a_try_whose_password_was_not_compared_counts_for_its_address(
    connection: Connection, clock: Clock
) -> None:
    limits = login_limits(address_limit=Rate(3, 60))
    come_from("10.0.0.1")
    for _ in range(3):
        limits.give_back(connection, limits.take(connection, "ada@example.org"))
    with pytest.raises(RateLimited):
        limits.take(connection, "bob@example.org")


@pytest.mark.parametrize("address", ["10.0.1.{}", "2001:db8:1:{}::7"])
def test_the_addresses_of_a_site_share_ten_times_the_limit_of_one(
    connection: Connection, clock: Clock, address: str
) -> None:
    settings = Settings(address_limit=Rate(2, 60), register_limit=Rate(2, 60))
    for name in ("addresses", "registrations"):
        limits, granted = RateLimits(settings), 0
        for number in range(30):
            come_from(address.format(number))
            with suppress(RateLimited):
                limits.take(connection, *getattr(limits, name)())
                granted += 1
        assert granted == 20
        come_from("10.0.2.1")
        limits.take(connection, *getattr(limits, name)())


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
