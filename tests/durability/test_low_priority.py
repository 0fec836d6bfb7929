"""A server that was started with a low priority, which it may not raise."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import plain_http
from tests.support.databases import migrated_file
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.processes import ServerProcess
from tests.support.secrets import PASSWORD
from tests.support.servers import customized, server_settings

# As the system does for who has no CAP_SYS_NICE.
LOW = """
import os
os.nice(15)
_set = os.setpriority
def setpriority(which, who, priority):
    if priority < os.getpriority(which, who):
        raise PermissionError(13, "Permission denied")
    _set(which, who, priority)
os.setpriority = setpriority
"""
# A sandbox that knows no priorities.
FORBIDDEN = """
import os
def setpriority(*_):
    raise PermissionError(1, "Operation not permitted")
os.setpriority = os.getpriority = setpriority
"""
HASHED = """
import asyncio, os
os.nice(15)
from askcli.services.auth.passwords import Passwords
from askcli.services.request_info import RequestInfo, bind
async def main():
    bind(RequestInfo("id", "client", None))
    passwords = Passwords()
    print(await passwords.matches("a", await passwords.hash("quite long enough", "")))
asyncio.run(main())
"""


@pytest.mark.parametrize("code", [LOW, FORBIDDEN])
def test_people_log_in_where_priorities_cannot_be_set(
    fake: FakeAnthropic, tmp_path: Path, code: str
) -> None:
    url = migrated_file(tmp_path / "askcli.db")
    settings = server_settings(fake, url) | customized(tmp_path, code)
    server = ServerProcess(tmp_path, **settings)
    with plain_http.client(server.url) as http:
        login = {"email": "ada@example.org", "password": PASSWORD}
        assert http.post("/api/users", json=login | {"name": "Ada"}).status_code == 201
        for _ in range(2):
            assert http.post("/api/auth/login", json=login).status_code == 200
    assert server.stop() == 0
    assert not server.first_error()


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs util-linux's setpriv")
def test_passwords_are_hashed_where_a_user_may_not_raise_the_priority() -> None:
    command = ["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice"]
    command += [sys.executable, "-c", HASHED]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.stdout == "False\n", ended.stderr
