"""The file of failed rows that a batch has by default, where other batches have theirs."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic


def failing(fake: FakeAnthropic, times: int | None = None) -> str:
    """A question that fails so many times, or always."""
    fake.on(
        marker := uuid4().hex,
        "better",
        status=400,
        error_type="invalid_request_error",
        failures=times,
    )
    return marker


def test_a_batch_of_stdin_without_failures_leaves_those_of_another_one(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    bad, good = failing(fake, times=1), uuid4().hex
    failed = sqlite_cli.home / "batch.failed.jsonl"
    assert sqlite_cli.in_process("batch", "-q", "-", stdin=f'"{good}"\n"{bad}"\n').code == 5
    before = failed.read_text()
    other = sqlite_cli.in_process("batch", "-", stdin=f'"{good}"\n')
    assert (other.code, failed.read_text()) == (0, before), other
    assert "batch.failed.jsonl has rows that are not of this input: it stays." in other.err
    quiet = sqlite_cli.in_process("batch", "-q", "-", stdin=f'"{good}"\n')
    assert (quiet.code, quiet.err, failed.read_text()) == (0, "", before)
    # The rows are asked again, and answered, whatever else the command says for them.
    again = sqlite_cli.in_process(
        "batch", "-q", "--run", "2", "-s", "Be kind.", "-", stdin=f'"{bad}"\n"{good}"\n'
    )
    assert (again.code, failed.exists()) == (0, False), again


def test_the_default_file_of_failures_is_a_batch_itself(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    bad = failing(fake, times=1)
    (sqlite_cli.home / "rows.jsonl").write_text(json.dumps({"question": bad, "id": 7}) + "\n")
    assert sqlite_cli.in_process("batch", "-q", "rows.jsonl").code == 5
    done = sqlite_cli.in_process("batch", "-q", "rows.failed.jsonl")
    assert (done.code, json.loads(done.out)["row_id"], done.err) == (0, 7, ""), done
    assert len(fake.asked(bad)) == 2


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        ("a.jsonl", "a.failed.jsonl"),
        ("a.json", "a.json.failed.jsonl"),
        ("a.b.txt", "a.b.txt.failed.jsonl"),
        ("a", "a.failed.jsonl"),
        (".jsonl", ".jsonl.failed.jsonl"),
    ],
)
def test_files_of_rows_have_failures_under_their_own_names(
    sqlite_cli: Cli, fake: FakeAnthropic, rows: str, name: str
) -> None:
    (sqlite_cli.home / rows).write_text(json.dumps(failing(fake)))
    assert sqlite_cli.in_process("batch", "-q", rows).code == 5
    assert [path.name for path in sqlite_cli.home.glob("*.failed.jsonl")] == [name]
