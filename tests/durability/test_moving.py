"""A hundred thousand questions move to PostgreSQL and back, killed on the way."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import psutil
import pytest

from tests.support.cli import Cli, NewCli
from tests.support.databases import NewDatabase
from tests.support.soak import SOAK, report, seeded
from tests.support.stored import fill_with_many

QUESTIONS = 100_000
KILLS = 5

soak_only = pytest.mark.skipif(not SOAK, reason="minutes of work")


def copy_killed_on_the_way(cli: Cli, kills: list[float]) -> tuple[dict[str, object], float, int]:
    """Copy, killed after so many seconds; return checksums, time and memory of the last run."""
    for seconds in kills:
        process = cli.fresh_start("store", "copy", stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.kill()
        output, _ = process.communicate()
        assert (process.returncode, output) == (-signal.SIGKILL, b"")
    begin, most = time.monotonic(), 0
    process = cli.fresh_start("store", "copy", "--json", stderr=subprocess.PIPE)
    while process.poll() is None:
        most = max(most, psutil.Process(process.pid).memory_info().rss)
        time.sleep(0.2)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return json.loads(output)["tables"], time.monotonic() - begin, most


@soak_only
def test_a_hundred_thousand_questions_move_both_ways(
    new_database: NewDatabase, new_cli: NewCli
) -> None:
    numbers = seeded()
    here, there, back = (
        new_database(kind, migrated=True) for kind in ("sqlite", "postgres", "sqlite")
    )
    begin = time.monotonic()
    fill_with_many(here, QUESTIONS, numbers.getrandbits(32))
    figures = [f"filled in {time.monotonic() - begin:.0f} s"]
    tables = []
    for source, target in ((here, there), (there, back)):
        cli = new_cli(DB_CONN_STRING=source, ASKCLI_COPY_TO=target)
        kills = [numbers.uniform(1, 15) for _ in range(KILLS)]
        moved, seconds, memory = copy_killed_on_the_way(cli, kills)
        tables.append(moved)
        killed = ", ".join(f"{kill:.1f}" for kill in kills)
        figures.append(
            f"{source.partition(':')[0]} → {target.partition(':')[0]}: killed after {killed} s, "
            f"then {seconds:.0f} s, {memory / 2**20:.0f} MiB"
        )
    assert tables[0] == tables[1]
    questions = tables[0]["questions"]
    assert isinstance(questions, dict)
    assert questions["rows"] > QUESTIONS
    report(f"{questions['rows']:,} questions moved both ways: " + "; ".join(figures))
