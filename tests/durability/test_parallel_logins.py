"""One login, any number of processes: one rotation for all, and no login lost to a kill."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import jwt
import pytest
from sqlalchemy import func, select

from askcli.files import locked
from askcli.store.tables import refresh_tokens
from tests.support.cli import Cli, NewCli
from tests.support.databases import database_of
from tests.support.people import (
    Address,
    ServerBehindProxy,
    account,
    change_account,
    logged_in,
    token_file,
)
from tests.support.processes import ServerProcess
from tests.support.proxy import Proxy
from tests.support.soak import SOAK, report, seeded
from tests.support.waiting import eventually

PROCESSES = 32 if SOAK else 12


ROUNDS = 50 if SOAK else 1


KILLS = 50 if SOAK else 3


def rotations(server: ServerProcess, tokens: dict[str, Any]) -> int:
    """How often the login's session has rotated its refresh token."""
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    own = refresh_tokens.c.session_id == UUID(claims["sid"])
    with database_of(server) as connection:
        return int(connection.execute(select(func.count()).where(own)).scalar() or 0) - 1


def expire(cli: Cli, server: Address) -> None:
    change_account(cli, server, expires_at=time.time() - 10)


def test_many_processes_rotate_once(cli: Cli, server: ServerProcess) -> None:
    for number in range(1, ROUNDS + 1):
        expire(cli, server)
        running = [cli.start("ask", f"process {n}") for n in range(PROCESSES)]
        ended = [(process.communicate()[0].decode(), process.returncode) for process in running]
        assert [code for _, code in ended] == [0] * PROCESSES
        assert ended == [(f"You asked: process {n}\n", 0) for n in range(PROCESSES)]
        assert rotations(server, account(cli, server)) == number
    report(f"{ROUNDS} rounds of {PROCESSES} processes: {ROUNDS} rotations, no failure")


def test_a_command_repeats_a_refresh_whose_reply_was_lost(
    server: ServerProcess, new_cli: NewCli
) -> None:
    with Proxy(server.url) as proxy:
        behind = ServerBehindProxy(proxy.url, server.database_url)
        cli = logged_in(new_cli(ASKCLI_SERVER=proxy.url), behind)
        random = seeded()
        for number in range(1, ROUNDS + 1):
            expire(cli, behind)
            proxy.reply_pause = random.uniform(0, 0.2)
            proxy.lose_replies(2 if number == 1 else random.randrange(3))
            done = cli("whoami")
            assert (done.code, done.err) == (0, "")
            assert rotations(server, account(cli, behind)) == number


def test_a_command_waits_for_anothers_refresh_no_longer_than_its_time_out(
    cli: Cli, server: ServerProcess
) -> None:
    expire(cli, server)
    (lock,) = token_file(cli).parent.glob("credentials.json.?*.lock")
    cli.environment["ASKCLI_TIMEOUT"] = "1"
    with locked(lock):  # as a command does that was stopped in the middle of its refresh
        done = cli("whoami")
    assert (done.code, str(lock) in done.err) == (6, True)
    assert done.err.startswith("askcli: error: another askcli process has held ")
    assert cli("whoami").code == 0


def _is_more(count: Callable[[], int], before: int) -> bool:
    return count() > before


@pytest.mark.parametrize("moment", ["any", "after the commit"])
def test_a_kill_during_the_refresh_loses_no_login(
    server: ServerProcess, new_cli: NewCli, moment: str
) -> None:
    """The command after it works, at its first try."""
    with Proxy(server.url) as proxy:
        behind = ServerBehindProxy(proxy.url, server.database_url)
        cli = logged_in(new_cli(ASKCLI_SERVER=proxy.url), behind)
        killed_after_commit, random = 0, seeded()
        for _ in range(KILLS):
            tokens = account(cli, behind)
            before = rotations(server, tokens)
            change_account(cli, behind, expires_at=time.time() - 10)
            if moment == "any":
                proxy.pause = 0.05  # so that the refresh takes long enough to be hit
                connections = proxy.connections
                victim = cli.start("whoami")
                eventually(partial(_is_more, lambda: proxy.connections, connections))
                time.sleep(random.uniform(0, 0.2))
            else:
                proxy.reply_pause = 30  # the server has rotated, and nobody hears of it
                victim = cli.start("whoami")
                eventually(partial(_is_more, partial(rotations, server, tokens), before))
            victim.send_signal(signal.SIGKILL)
            victim.communicate()
            proxy.pause = proxy.reply_pause = 0
            proxy.cut()
            killed_after_commit += rotations(server, tokens) > before
            done = cli("whoami")
            assert done.code == 0, done
            assert rotations(server, tokens) == before + 1  # the kill and the retry share one
        if moment != "any":
            assert killed_after_commit == KILLS
    report(f"{KILLS} kills at {moment} moment: {killed_after_commit} after the commit, all live on")
