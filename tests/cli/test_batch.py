"""askcli batch: every row answered once and paid for once, whatever is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from askcli.cli.commands.batch import pool
from tests.support.cli import Cli, NewCli
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import logged_in
from tests.support.screen import lines
from tests.support.servers import serving
from tests.support.soak import SOAK, seeded

ROWS = 1000 if SOAK else 150
DIFFERENT = ROWS * 9 // 10  # the others repeat one of these
EDITS = [b"y", b"\n", b'"', b"\\", b"\xff", b'"\n"one more"\n']


def written(cli: Cli, rows: list[Any]) -> Path:
    """A file of rows."""
    path = cli.home / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def told(text: str) -> list[dict[str, Any]]:
    """The objects of JSON Lines."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"] if SOAK else ["sqlite"])
def test_many_rows_killed_three_times(
    kind: str, request: pytest.FixtureRequest, new_cli: NewCli, fake: FakeAnthropic
) -> None:
    if kind == "sqlite":
        server = request.getfixturevalue("sqlite_server")
    else:
        url = request.getfixturevalue("new_database")(kind)
        server = serving(request.getfixturevalue("tmp_path"), fake, url)
    cli = logged_in(new_cli(server), server)
    marker = uuid4().hex
    fake.on(marker, "one ", "answer", pause=0.002)
    # Some say the same: each is a row of its own all the same.
    path = written(
        cli, [{"question": f"{marker} {n % DIFFERENT}", "id": n % DIFFERENT} for n in range(ROWS)]
    )
    for goal in (ROWS // 10, ROWS * 2 // 5, ROWS * 7 // 10):
        process = cli.start("batch", "-q", str(path))
        assert process.stdout
        for _ in range(goal):
            assert process.stdout.readline()
        process.kill()
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
    done = cli("batch", "-q", str(path))
    assert (done.code, done.err) == (0, "")
    answers = told(done.out)
    assert [answer["row"] for answer in answers] == list(range(1, ROWS + 1))
    assert [answer["row_id"] for answer in answers] == [n % DIFFERENT for n in range(ROWS)]
    assert {answer["answer"] for answer in answers} == {"one answer"}
    assert len({answer["id"] for answer in answers}) == ROWS
    calls = Counter(request["messages"][-1]["content"] for request in fake.asked(marker))
    assert calls == Counter(f"{marker} {n % DIFFERENT}" for n in range(ROWS))
    if kind == "postgres":
        assert server.stop() == 0


def test_what_fails_is_reported_and_asked_again_alone(cli: Cli, fake: FakeAnthropic) -> None:
    good, bad = uuid4().hex, uuid4().hex
    fake.on(bad, "now it works", status=400, error_type="invalid_request_error", failures=2)
    path = written(cli, [good, {"question": bad, "id": "x"}, f"{good} 2", {"question": bad}])
    done = cli.in_process("batch", "-j", "2", str(path))
    assert done.code == 5
    assert [answer["row"] for answer in told(done.out)] == [1, 3]
    failed = cli.home / "questions.failed.jsonl"
    assert f"2 of 4 rows failed: they are in {failed}" in done.err
    rows = told(failed.read_text())
    assert [row["question"] for row in rows] == [bad, bad]
    assert rows[0]["id"] == "x"
    assert {row["error"]["code"] for row in rows} == {"provider_rejected"}
    again = cli.in_process("batch", str(path))
    assert (again.code, len(told(again.out))) == (0, 4), again
    assert not failed.exists()
    assert len(fake.asked(good)) == 2
    assert len(fake.asked(bad)) == 4


def test_the_file_of_what_failed_is_a_batch_itself(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    bad = uuid4().hex
    fake.on(bad, "better", status=400, error_type="invalid_request_error", failures=1)
    path = written(sqlite_cli, [f"{bad}"])
    assert sqlite_cli.in_process("batch", "--failures", "f.jsonl", str(path)).code == 5
    done = sqlite_cli.in_process("batch", "f.jsonl")
    assert (done.code, told(done.out)[0]["answer"]) == (0, "better")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("not json", "line 2 is not JSON"),
        ('"caf\udce9"', "line 2 is not UTF-8 text"),
        ("[1]", "line 2 is neither"),
        ('{"question": " "}', "line 2 has no question"),
        ('{"question": "x", "modle": "y"}', "no field 'modle'"),
        ('{"question": "x", "max_tokens": "many"}', "max_tokens must be a number"),
        ('{"question": "a\\u0000b"}', "question is not text"),
        ('{"question": "\\ud800"}', "question is not text"),
    ],
)
def test_a_bad_row_is_told_before_anything_is_asked(
    sqlite_cli: Cli, fake: FakeAnthropic, row: str, said: str
) -> None:
    marker = uuid4().hex
    rows = f'"{marker}"\n{row}\n'.encode(errors="surrogateescape")
    done = sqlite_cli.in_process("batch", "-", stdin=rows)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1
    assert fake.asked(marker) == []


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_batch_without_rows_is_told_and_starts_nothing(new_cli: NewCli, text: str) -> None:
    cli = new_cli()
    done = cli("batch", "-", stdin=text)
    assert (done.code, done.out, done.err) == (0, "", "askcli: there are no rows to ask.\n")
    assert cli("batch", "-q", "-", stdin=text).err == ""
    assert json.loads(cli("status", "--json").out)["local_server"] == "not running"


@pytest.mark.parametrize("name", [".", "..", "/"])
def test_a_directory_is_no_file_of_rows(new_cli: NewCli, name: str) -> None:
    outcome = new_cli().in_process("batch", name)
    assert outcome.code == 2
    assert outcome.err == f"askcli: error: cannot read {name}: Is a directory.\n"


@pytest.mark.parametrize(
    ("path", "reason"),
    [("no/rows.jsonl", "No such file or directory"), ("x" * 300, "File name too long")],
)
def test_rows_that_are_not_there_are_told_before_where_failures_would_go(
    new_cli: NewCli, path: str, reason: str
) -> None:
    outcome = new_cli().in_process("batch", path)
    assert (outcome.code, outcome.err) == (2, f"askcli: error: cannot read {path}: {reason}.\n")


def test_where_failures_go_is_looked_at_first(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    done = sqlite_cli.in_process(
        "batch", "-", "--failures", "/no/such/place", stdin=f'"{marker}"\n'
    )
    assert (done.code, "--failures" in done.err) == (2, True)
    assert fake.asked(marker) == []


def test_a_file_of_failures_that_would_harm_is_refused_first(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    rows = written(sqlite_cli, [marker])
    before = rows.read_bytes()
    link, directory = sqlite_cli.home / "link", sqlite_cli.home / "directory"
    link.symlink_to(rows)
    directory.mkdir()
    for name in (rows, link, directory):
        done = sqlite_cli.in_process("batch", "--failures", str(name), str(rows))
        assert (done.code, "--failures" in done.err) == (2, True), done
    for script in (
        f"askcli batch - --failures {rows} < {rows}",
        f"askcli batch {rows} --failures answers > answers",
    ):
        done = sqlite_cli.shell(f"set +e; {script}; exit $?")
        assert (done.code, "--failures" in done.err) == (2, True), done
    assert rows.read_bytes() == before
    assert fake.asked(marker) == []


def test_failures_to_a_device_are_written_through_it(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    """A named pipe is here what /dev/stderr is on a machine: it is never removed."""
    good, bad = uuid4().hex, uuid4().hex
    fake.on(bad, "", status=400, error_type="invalid_request_error")
    pipe = sqlite_cli.home / "pipe"
    os.mkfifo(pipe)
    done = sqlite_cli("batch", "-q", "--failures", "pipe", "-", stdin=f'"{good}"\n')
    assert (done.code, pipe.is_fifo()) == (0, True), done
    script = (
        f"""cat pipe > read & echo '"{bad}"' | askcli batch -q --failures pipe -; wait; cat read"""
    )
    done = sqlite_cli.shell(f"set +e; {script}")
    assert (told(done.out)[0]["question"], pipe.is_fifo()) == (bad, True), done


def test_a_full_disk_leaves_the_failures_of_before(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    bad = uuid4().hex
    fake.on(bad, "", status=400, error_type="invalid_request_error")
    old = sqlite_cli.home / "old"
    old.write_text("failures of before\n")
    written(sqlite_cli, [f"{bad} {'x' * 5_000}"])
    limit = "ulimit -f 4"  # kilobytes; stands for a disk without more room
    done = sqlite_cli.fresh_shell(f"set +e; {limit}; askcli batch --failures old questions.jsonl")
    assert (done.code, "cannot write old" in done.err) == (1, True), done
    assert old.read_text() == "failures of before\n"


def test_what_follows_a_failure_is_said_for_each_kind(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    bad, cut, refused = (f"{kind} {uuid4().hex}" for kind in ("bad", "cut", "refused"))
    fake.on(bad, "", status=400, error_type="invalid_request_error")
    fake.on(cut, "a part", stop_reason="max_tokens")
    fake.on(refused, "no", stop_reason="refusal")
    alone = sqlite_cli.in_process("batch", "-q", "-", stdin=f'"{cut}"\n"{refused}"\n')
    assert "2 of them, cut off, refused" in alone.err
    assert "The same command" not in alone.err
    path = written(sqlite_cli, [bad, cut, refused])
    for times in (1, 2):
        done = sqlite_cli.in_process("batch", str(path))
        assert "The same command asks the other 1 again, and only them." in done.err
        assert (done.code, len(fake.asked(bad))) == (5, times)
    assert "give its row a higher max_tokens." in path.with_suffix(".failed.jsonl").read_text()
    assert (len(fake.asked(cut)), len(fake.asked(refused))) == (1, 1)


def test_rows_have_their_own_model_and_system_or_the_commands(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    rows = [{"question": marker, "system": "Be brief."}, marker]
    stdin = "".join(json.dumps(row) + "\n" for row in rows)
    done = sqlite_cli.in_process("batch", "-", "-s", "Be kind.", "-j", "1", stdin=stdin)
    assert done.code == 0, done
    assert [r["system"] for r in fake.asked(marker)] == ["Be brief.", "Be kind."]
    again = sqlite_cli.in_process(
        "batch", "-", "-s", "Be kind.", "--run", "two", "-j", "1", stdin=stdin
    )
    assert again.code == 0
    assert len(fake.asked(marker)) == 4


def test_no_more_than_so_many_at_once(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "so ", "it is", hold_after=1)
    path = written(sqlite_cli, [f"{marker} {n}" for n in range(6)])
    process = sqlite_cli.start("batch", "-q", "-j", "2", str(path))
    assert held.reached.wait(30)
    listed = json.loads(sqlite_cli.in_process("history", "search", marker, "--json").out)["items"]
    assert 1 <= len(listed) <= 2
    held.release()
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(out.splitlines()) == 6


@pytest.mark.parametrize("change", ["cut", "edited", "added"])
def test_an_input_that_changes_meanwhile_is_an_error(
    sqlite_cli: Cli, fake: FakeAnthropic, change: str
) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "so ", "it is", hold_after=1)
    # More than Python reads ahead: 128 KiB since 3.14.
    path = written(sqlite_cli, [f"{marker} {n} {'x' * 16_000}" for n in range(20)])
    process = sqlite_cli.start("batch", "-q", "-j", "1", str(path), stderr=subprocess.PIPE)
    assert held.reached.wait(30)
    size = path.stat().st_size
    with path.open("r+") as file:
        if change == "cut":
            file.truncate(size // 2)
        else:
            file.seek(size - (4000 if change == "edited" else 0))
            file.write("yy" if change == "edited" else '"one more"\n')
    held.release()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"the input changed while it was asked" in err
    assert len(fake.asked(marker)) <= 20


def test_an_input_that_changes_anywhere_is_an_error_or_makes_no_difference(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    random = seeded()
    for _ in range(30 if SOAK else 2):
        fake.on(marker := uuid4().hex, "answer", pause=0.01)
        path = written(sqlite_cli, [f"{marker} {n} {'x' * 4000}" for n in range(40)])
        counted = {json.loads(line) for line in path.read_text().splitlines()}
        process = sqlite_cli.start("batch", "-q", str(path), stderr=subprocess.PIPE)
        assert process.stdout
        answers = [process.stdout.readline() for _ in range(random.randrange(1, 20))]
        with path.open("r+b") as file:
            file.seek(random.randrange(path.stat().st_size))
            file.truncate() if random.random() < 0.3 else file.write(random.choice(EDITS))
        out, err = process.communicate(timeout=60)
        rows = len(answers) + out.count(b"\n")
        assert (process.returncode, rows) == (0, 40) or (
            process.returncode == 1 and b"the input changed while it was asked" in err
        ), (process.returncode, rows, err)
        assert {request["messages"][-1]["content"] for request in fake.asked(marker)} <= counted


def test_a_row_whose_server_was_killed_in_mid_answer_fails_and_is_asked_again(
    new_cli: NewCli, new_database: NewDatabase, fake: FakeAnthropic, tmp_path: Path
) -> None:
    server = serving(tmp_path, fake, new_database("sqlite"), ASKCLI_ORPHAN_SECONDS="2")
    cli = logged_in(new_cli(server), server)
    whole, broken = uuid4().hex, uuid4().hex
    fake.on(whole, "answered")
    held = fake.on(broken, "begun", " and ended", hold_after=1)
    path = written(cli, [whole, broken])
    process = cli.start("batch", str(path), stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline()
    assert held.reached.wait(30)
    server.stop(signal.SIGKILL)
    server = server.again()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 5
    assert b"1 of 2 rows failed" in err
    held.release()
    done = cli.in_process("batch", "-q", str(path))
    assert [answer["answer"] for answer in told(done.out)] == ["answered", "begun and ended"]
    assert [len(fake.asked(marker)) for marker in (whole, broken)] == [1, 2]
    assert server.stop() == 0


def test_ctrl_c_stops_at_once_and_says_how_to_go_on(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "never", hold_after=0)
    path = written(sqlite_cli, [marker])
    process = sqlite_cli.start("batch", str(path), stderr=subprocess.PIPE)
    assert held.reached.wait(30)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"the same command resumes" in err
    held.release()


def test_what_would_befall_every_row_ends_the_batch(new_cli: NewCli) -> None:
    cli = new_cli(ASKCLI_SERVER="http://127.0.0.1:9", ASKCLI_TOKEN="any")
    done = cli("batch", "-", "--timeout", "1", stdin='"one"\n"two"\n')
    assert (done.code, done.out) == (6, "")
    assert "the same command resumes" in done.err


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_terminal_sees_a_bar_with_rate_cost_and_time_left(
    sqlite_cli: Cli, fake: FakeAnthropic, columns: int
) -> None:
    marker = uuid4().hex
    path = written(sqlite_cli, [f"{marker} {n}" for n in range(5)])
    sqlite_cli.environment["NO_COLOR"] = "1"
    script = f"exec askcli batch {path} > answers.jsonl"
    terminal = sqlite_cli.terminal_shell(script, columns=columns)
    output = "\n".join(lines(terminal.read(), columns, 24))
    terminal.wait()
    assert terminal.exitstatus == 0
    assert "5/5" in output
    if columns > 40:
        assert "rows/s" in output
        assert "$" in output
        assert "0 s left" in output
    assert len((sqlite_cli.home / "answers.jsonl").read_text().splitlines()) == 5


def test_a_row_whose_question_is_null_is_found_before_any_is_asked(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    path = written(sqlite_cli, [marker, {"question": None}])
    done = sqlite_cli.in_process("batch", str(path))
    assert (done.code, "line 2 has no question" in done.err, fake.asked(marker)) == (2, True, [])


class _Limited(threading.Thread):
    """A thread of a batch where the system's limit allows `most` of them."""

    most = 0

    def start(self) -> None:
        if not type(self).most:
            raise RuntimeError("can't start new thread")
        type(self).most -= 1
        super().start()


@pytest.mark.parametrize("error", ["", "no thread can be started"])
def test_a_batch_goes_on_with_the_threads_that_can_be_started(
    sqlite_cli: Cli, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    path = written(sqlite_cli, [{"question": f"{uuid4()}"} for _ in range(5)])
    monkeypatch.setattr(_Limited, "most", 0 if error else 2)
    monkeypatch.setattr(pool, "threading", SimpleNamespace(Thread=_Limited))
    done = sqlite_cli.in_process("batch", str(path))
    assert (done.code, len(told(done.out))) == ((1, 0) if error else (0, 5)), done
    assert (error or "askcli: no more than 2 threads can be started.") in done.err
