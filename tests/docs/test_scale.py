"""docs/scale.md has the table that benchmarks/capacity.py computes of docs/performance.json."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks import capacity
from benchmarks.capacity import Load, Process

ROOT = Path(__file__).parents[2]
PROCESS = Process(asks=100, reads=1000, idle_mib=100, stream_kib=100)


def test_the_page_has_the_table_of_the_measurements() -> None:
    page = (ROOT / "docs/scale.md").read_text()
    assert capacity.table(capacity.measured()) in page
    assert page == capacity.document(capacity.measured())


def test_what_people_need_is_what_arithmetic_says() -> None:
    """20,000 people ask 22.2 times a second at the busiest, for 20 s each."""
    load = Load(people=20_000, stored_bytes=5000)
    needs = capacity.needs(load, PROCESS)
    assert needs["asks a second, at the busiest"] == "22"
    assert needs["answers at once"] == "440"
    assert needs["processes, one core each"] == "2"
    assert needs["questions kept"] == "73,000,000"
    assert needs["their storage, GB"] == "360"  # 365 GB, with two digits that count
    longer = capacity.needs(Load(people=20_000, answer_seconds=200), PROCESS)
    assert (longer["answers at once"], longer["processes, one core each"]) == ("4,400", "5")


def test_the_script_takes_other_assumptions() -> None:
    command = [sys.executable, "-m", "benchmarks.capacity", "--people", "500"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert "questions a day                            5,000\n" in done.stdout
