"""One login, any number of processes: one rotation for all, and no login lost to a kill."""

from __future__ import annotations

import random
import signal
import time
from typing import Any
from uuid import UUID

import jwt
import pytest
from sqlalchemy import func, select

from askcli.store.tables import refresh_tokens
from tests.conftest import SOAK, database_of, logged_in
from tests.support.processes import Cli, ServerProcess
from tests.support.proxy import Proxy
from tests.test_cli_account import account, change_account
from tests.test_survival import eventually, report

PROCESSES = 32 if SOAK else 12
ROUNDS = 50 if SOAK else 1
KILLS = 50 if SOAK else 3


def rotations(server: ServerProcess, tokens: dict[str, Any]) -> int:
    """How often the login's session has rotated its refresh token."""
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    own = refresh_tokens.c.session_id == UUID(claims["sid"])
    with database_of(server) as connection:
        return int(connection.execute(select(func.count()).where(own)).scalar() or 0) - 1


def expire(cli: Cli, server: ServerProcess) -> None:
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


@pytest.mark.parametrize("moment", ["any", "after the commit"])
def test_a_kill_during_the_refresh_loses_no_login(
    server: ServerProcess, new_cli: Any, moment: str
) -> None:
    """The command after it works, at its first try."""
    with Proxy(server.url) as proxy:
        cli = logged_in(new_cli(ASKCLI_SERVER=proxy.url), _at(proxy, server))
        killed_after_commit = 0
        for _ in range(KILLS):
            tokens = account(cli, _at(proxy, server))
            before = rotations(server, tokens)
            change_account(cli, _at(proxy, server), expires_at=time.time() - 10)
            if moment == "any":
                proxy.pause = 0.05  # so that the refresh takes long enough to be hit
                connections = proxy.connections
                victim = cli.start("whoami")
                eventually(lambda before=connections: proxy.connections > before)
                time.sleep(random.uniform(0, 0.2))
            else:
                proxy.reply_pause = 30  # the server has rotated, and nobody hears of it
                victim = cli.start("whoami")
                eventually(lambda t=tokens, before=before: rotations(server, t) > before)
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


class _Behind:
    """A server as its users see it behind a proxy."""

    def __init__(self, url: str, database_url: str) -> None:
        self.url, self.database_url = url, database_url


def _at(proxy: Proxy, server: ServerProcess) -> Any:
    return _Behind(proxy.url, server.database_url)
