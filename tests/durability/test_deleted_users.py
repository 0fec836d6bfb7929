"""A user who is deleted while an answer of theirs is being generated."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from tests.support.cli import NewCli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import logged_in
from tests.support.servers import serving


def test_nobody_is_told_to_follow_a_question_that_is_gone(
    fake: FakeAnthropic, new_cli: NewCli, tmp_path: Path
) -> None:
    file, marker = tmp_path / "askcli.db", uuid4().hex
    server = serving(tmp_path, fake, f"sqlite:///{file}")
    cli = logged_in(new_cli(server), server)
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    asking = cli.start("ask", marker, stderr=subprocess.PIPE)
    assert asking.stdout
    assert asking.stdout.read(5) == b"begun"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("PRAGMA foreign_keys=ON")
        database.execute("DELETE FROM users")
    reply.release()
    _, err = asking.communicate()
    assert asking.returncode == 1
    assert b"deleted" in err
    assert b"--rejoin" not in err
    assert server.stop() == 0
