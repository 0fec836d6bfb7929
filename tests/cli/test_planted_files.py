"""Files and links that a cloned repository or another user has put where a command writes."""

from __future__ import annotations

import json
import os
import subprocess
import tracemalloc
from pathlib import Path
from uuid import uuid4

import pytest

from askcli.cli.commands.batch.rows import MAX_LINE_BYTES
from askcli.cli.output.terminal.console import as_json
from askcli.contract.limits import MAX_QUESTION_CHARACTERS, MAX_SYSTEM_CHARACTERS
from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic

FROM_FILE = (("batch", "-q", "rows.jsonl"), "rows.failed.jsonl")
FROM_STDIN = (("batch", "-q", "-"), "batch.failed.jsonl")
OURS = json.dumps({"question": "q", "error": {"code": "x", "detail": "y"}}) + "\n"


def good_and_bad(fake: FakeAnthropic) -> tuple[str, str]:
    """A question that is answered, and one that fails."""
    good, bad = uuid4().hex, uuid4().hex
    fake.on(bad, "", status=400, error_type="invalid_request_error")
    return good, bad


def kept(cli: Cli, content: str = "what the user keeps\n") -> Path:
    """A file of the user's outside of the repository."""
    path = cli.home / "outside"
    path.write_text(content)
    return path


@pytest.mark.parametrize(("command", "name"), [FROM_FILE, FROM_STDIN])
def test_a_planted_link_is_neither_followed_nor_removed(
    sqlite_cli: Cli, fake: FakeAnthropic, command: tuple[str, ...], name: str
) -> None:
    outside, link = kept(sqlite_cli, OURS), sqlite_cli.home / name
    for target in ("outside", "new"):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        for marker in good_and_bad(fake):
            (sqlite_cli.home / "rows.jsonl").write_text(f'"{marker}"\n')
            done = sqlite_cli.in_process(*command, stdin=f'"{marker}"\n')
            assert (done.code, "--failures" in done.err, done.err.count("\n")) == (2, True, 1), done
            assert (outside.read_text(), link.is_symlink()) == (OURS, True)
            assert fake.asked(marker) == []
    assert not (sqlite_cli.home / "new").exists()


@pytest.mark.parametrize(
    "content", ["", "notes\n", '{"question": "q"}\n', OURS + "notes\n", OURS + '{"error": 1}\n']
)
def test_a_file_of_the_default_name_that_no_batch_wrote_stays(
    sqlite_cli: Cli, fake: FakeAnthropic, content: str
) -> None:
    command, name = FROM_STDIN
    file = sqlite_cli.home / name
    for marker in good_and_bad(fake):
        file.write_text(content)
        done = sqlite_cli.in_process(*command, stdin=f'"{marker}"\n')
        assert (done.code, "--failures" in done.err, file.read_text()) == (2, True, content), done
        assert fake.asked(marker) == []


def test_a_pipe_of_the_default_name_is_not_waited_for(sqlite_cli: Cli) -> None:
    command, name = FROM_STDIN
    os.mkfifo(sqlite_cli.home / name)
    done = sqlite_cli(*command, stdin='"never asked"\n')
    assert (done.code, "--failures" in done.err) == (2, True), done


@pytest.mark.parametrize("name", ["batch.failed.jsonl", "rows.jsonl"])
@pytest.mark.parametrize(("content", "size"), [(b"", 40 * 2**20), (b"[" + b"[]," * 2**20, 0)])
def test_a_line_that_is_no_row_takes_little_memory(
    sqlite_cli: Cli, name: str, content: bytes, size: int
) -> None:
    file = sqlite_cli.home / name
    file.write_bytes(content + b"0]")
    os.truncate(file, max(size, len(content) + 2))
    rows = name if name == "rows.jsonl" else "-"
    tracemalloc.start()
    done = sqlite_cli.in_process("batch", "-q", rows, stdin='"never asked"\n')
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (done.code, done.err.count("\n")) == (2, 1), done
    assert peak < 4 * MAX_LINE_BYTES


def test_the_longest_row_is_one_of_a_file_of_failures(sqlite_cli: Cli) -> None:
    char = "\U000e0041"  # twelve bytes as JSON
    row = {"question": char * MAX_QUESTION_CHARACTERS, "system": char * MAX_SYSTEM_CHARACTERS}
    (sqlite_cli.home / "batch.failed.jsonl").write_text(as_json(row | {"error": {}}) + "\n")
    assert sqlite_cli.in_process("batch", "-q", "-", stdin='"hello"\n').code == 0
    cut = as_json({"question": "cut"}) + "\n" + as_json(row)[:-1]
    (sqlite_cli.home / "batch.failed.jsonl").write_text(cut)
    assert sqlite_cli.in_process("batch", "-q", "-", stdin='"hello"\n').code == 2


def test_a_file_of_failures_is_replaced_and_removed(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    command, name = FROM_STDIN
    bad = uuid4().hex
    fake.on(bad, "better", status=400, error_type="invalid_request_error", failures=1)
    file = sqlite_cli.home / name
    file.write_text(OURS)
    file.chmod(0o4640)
    assert sqlite_cli.in_process(*command, stdin=f'"{bad}"\n').code == 5
    assert (json.loads(file.read_text())["question"], file.stat().st_mode & 0o7777) == (bad, 0o640)
    assert sqlite_cli.in_process(*command, stdin=f'"{bad}"\n').code == 0
    assert not file.exists()


@pytest.mark.parametrize("is_good", [True, False])
def test_a_link_that_is_planted_meanwhile_is_not_followed(
    sqlite_cli: Cli, fake: FakeAnthropic, *, is_good: bool
) -> None:
    marker = uuid4().hex
    stop = "end_turn" if is_good else "max_tokens"
    held = fake.on(marker, "so ", "it is", hold_after=1, stop_reason=stop)
    command, name = FROM_FILE
    outside, link = kept(sqlite_cli, OURS), sqlite_cli.home / name
    (sqlite_cli.home / "rows.jsonl").write_text(f'"{marker}"\n')
    process = sqlite_cli.start(*command, stderr=subprocess.PIPE)
    assert held.reached.wait(30)
    link.symlink_to(outside)
    held.release()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, name in err.decode()) == ((0, False) if is_good else (1, True)), err
    assert (outside.read_text(), link.is_symlink()) == (OURS, True)


def test_a_named_link_is_written_through_and_removed_alone(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    good, bad = good_and_bad(fake)
    outside, link = kept(sqlite_cli, "old\n"), sqlite_cli.home / "link"
    link.symlink_to(outside)
    command = ("batch", "-q", "-", "--failures", "link")
    assert sqlite_cli.in_process(*command, stdin=f'"{good}"\n').code == 0
    assert (outside.read_text(), link.is_symlink()) == ("old\n", True)  # no failures: both stay
    assert sqlite_cli.in_process(*command, stdin=f'"{bad}"\n').code == 5
    assert (bad in outside.read_text(), link.is_symlink()) == (True, True)
    assert sqlite_cli.in_process(*command, stdin=f'"{good}"\n').code == 0
    assert (bad in outside.read_text(), link.is_symlink()) == (True, False)


def test_an_output_that_cannot_be_looked_at_is_one_line(sqlite_cli: Cli) -> None:
    loop = sqlite_cli.home / "loop"
    loop.symlink_to("loop/in")
    for name in ("x" * 300, "loop"):
        done = sqlite_cli.in_process("ask", "-o", name, "never asked")
        assert (done.code, done.err.count("\n"), "cannot write" in done.err) == (2, 1, True), done
