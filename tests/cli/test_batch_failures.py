"""The file of failed rows that a batch has by default, where other batches have theirs."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest

from askcli.services import admin
from tests.support.cli import Cli, NewCli
from tests.support.databases import NewDatabase, database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import logged_in
from tests.support.servers import serving


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


def test_a_row_whose_model_has_no_price_keeps_no_other_from_being_asked(
    new_cli: NewCli, new_database: NewDatabase, fake: FakeAnthropic, tmp_path: Path
) -> None:
    server = serving(tmp_path, fake, new_database("sqlite"), ASKCLI_MODEL="unheard-of-9")
    cli = logged_in(new_cli(server), server)
    email = json.loads(cli.in_process("whoami", "--json").out)["email"]
    with database_of(server) as connection:
        admin.set_quota(connection, email, {"usd_day": 5})
    priced = {"question": uuid4().hex, "model": "claude-haiku-5-5"}
    rows = json.dumps("no price") + "\n" + json.dumps(priced) + "\n"
    done = cli.in_process("batch", "-j", "1", "-", stdin=rows)
    assert [json.loads(line)["row"] for line in done.out.splitlines()] == [2], done
    assert (done.code, "1 of 2 rows failed" in done.err) == (5, True), done
    failed = json.loads((cli.home / "batch.failed.jsonl").read_text())
    assert (failed["question"], failed["error"]["code"]) == ("no price", "model_unpriced")
    assert server.stop() == 0
