"""history, models, openapi, status: what the other commands show."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert

from askcli.services.clock import new_id, now
from askcli.store import tables
from tests.support.cli import Cli, NewCli
from tests.support.databases import database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import asked, logged_in
from tests.support.processes import ServerProcess
from tests.support.screen import fed, screen_lines
from tests.support.soak import SOAK

MANY = 10_000 if SOAK else 4_000


def test_history_lists_newest_first_and_shows_one(cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    fake.on(f"{marker} first", "The first answer.")
    for word in ("first", "second"):
        assert cli("ask", f"{marker} {word}").code == 0
    listed = cli("history").out.splitlines()
    assert [line.split()[-1] for line in listed] == ["second", "first"]
    question_id = listed[1].split()[0]
    output = cli("history", "show", question_id)
    assert output.out == "The first answer.\n"
    assert f"{marker} first" in output.err
    as_json = json.loads(cli("history", "show", question_id, "--json").out)
    assert as_json["answer"] == "The first answer."


def test_a_part_of_an_answer_is_never_taken_for_a_whole_one(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    fake.on(marker, "A part. ", "More.", fault="overloaded", fault_after=1)
    assert sqlite_cli("ask", marker).code == 5
    for words in ((), ("-o", "answer.md"), ("-x",)):
        done = sqlite_cli.in_process("history", "show", *words)
        assert (done.code, "it ended with provider_overloaded." in done.err) == (5, True), done
    assert sqlite_cli.in_process("history", "show").out == "A part. \n"
    page = sqlite_cli.in_process("history", "export", "--format", "markdown").out
    assert " · failed\n\nA part." in page


def test_history_pages_through_more_than_one_page(sqlite_cli: Cli) -> None:
    for number in range(3):
        assert sqlite_cli.in_process("ask", f"question {number}").code == 0
    page = json.loads(sqlite_cli.in_process("history", "list", "-n", "2", "--json").out)
    assert [item["question"] for item in page["items"]] == ["question 2", "question 1"]
    assert page["next_cursor"] == page["items"][-1]["id"]


@pytest.mark.parametrize(
    ("question_id", "code", "said"),
    [
        ("01890000-0000-7000-8000-000000000000", 1, "no such question"),
        ("not-an-id", 2, "not an id"),
        ("../../healthz", 2, "not an id"),
    ],
)
def test_history_show_of_what_is_not_there(
    cli: Cli, question_id: str, code: int, said: str
) -> None:
    done = cli.in_process("history", "show", question_id)
    assert (done.code, done.out) == (code, "")
    assert said in done.err


def test_a_conversation_that_does_not_exist_is_an_error(sqlite_cli: Cli) -> None:
    sqlite_cli.in_process("ask", "hello")
    nowhere = ("--conversation", "01890000-0000-7000-8000-000000000000")
    for words in (("list",), ("search", "hello"), ("export",)):
        done = sqlite_cli.in_process("history", *words, *nowhere)
        assert (done.code, "no such conversation" in done.err) == (1, True), done
    own = ("--conversation", "@", "--until", "1h")
    assert sqlite_cli.in_process("history", "list", *own).code == 0


def test_history_show_of_another_users_question(
    cli: Cli, new_cli: NewCli, server: ServerProcess
) -> None:
    assert cli.in_process("ask", "mine").code == 0
    question_id = cli.in_process("history").out.split()[0]
    other = logged_in(new_cli(server), server)
    done = other.in_process("history", "show", question_id)
    assert (done.code, done.out) == (1, "")
    assert "no such question" in done.err


def test_models_and_openapi_and_status(sqlite_cli: Cli, sqlite_server: ServerProcess) -> None:
    assert "* claude-sonnet-5-5" in sqlite_cli.in_process("models").out
    assert (
        json.loads(sqlite_cli.in_process("models", "list", "--json").out)["default"]
        == "claude-sonnet-5-5"
    )
    assert json.loads(sqlite_cli.in_process("openapi").out)["info"]["title"] == "askcli"
    status = json.loads(sqlite_cli.in_process("status", "--json").out)
    assert (status["server"], status["state"]) == (sqlite_server.url, "ready")
    assert "@example.org" in status["account"]


def test_status_of_a_server_that_is_away_fails(new_cli: NewCli) -> None:
    done = new_cli(ASKCLI_SERVER="http://127.0.0.1:9")("status")
    assert done.code == 6
    assert "unreachable" in done.out


def test_version_and_help(sqlite_cli: Cli) -> None:
    assert sqlite_cli.in_process("--version").out.startswith("askcli ")
    for words in (["--help"], ["ask", "--help"], ["history", "--help"]):
        assert "Usage" in "".join(sqlite_cli.in_process(*words).out.split("\n")), words


def test_the_beginning_of_an_id_names_a_question(cli: Cli) -> None:
    first, second = asked(cli, "one", "two")
    listed = screen_lines(fed(cli.terminal("history").read(), 80))
    numbers, short = zip(*(line.split()[:2] for line in listed if line), strict=True)
    assert numbers == ("@", "@2")
    assert len(short[0]) < 36
    assert [second.startswith(short[0]), first.startswith(short[1])] == [True, True]
    for given in (short[1], short[1].upper(), first):
        assert json.loads(cli.in_process("history", "show", given, "--json").out)["id"] == first
    shared = first[: next(n for n in range(36) if first[n] != second[n])]
    ambiguous = cli.in_process("history", "show", shared)
    assert ambiguous.code == 2
    assert f"begin with {shared}: {short[0]} (two), {short[1]} (one).\n" in ambiguous.err
    assert cli.in_process("history", "show", "ffffffff").code == 1
    # What is short now may be that of questions that follow within a second, too.
    retried = json.loads(cli.in_process("ask", "--retry", first[:-1], "--json").out)
    assert retried["question"] == "one"
    gone_on = cli.in_process("ask", "--conversation", second[:-1], "--json", "three")
    of_second = json.loads(cli.in_process("history", "show", second, "--json").out)[
        "conversation_id"
    ]
    assert json.loads(gone_on.out)["conversation_id"] == of_second
    assert f"continuing conversation {of_second}" in gone_on.err


def test_search_is_ranked_paged_marked_and_filtered(cli: Cli, fake: FakeAnthropic) -> None:
    word = f"w{uuid4().hex[:12]}"
    fake.on(f"{word} none", f"Long before it there is text, and then the {word} at last.")
    asked(cli, f"nothing of the kind {word} none", f"{word}!", "unrelated")
    questions = [
        line.split("\t")[3] for line in cli.in_process("history", "search", word).out.splitlines()
    ]
    assert questions == [f"{word}!", f"nothing of the kind {word} none"]
    as_json = json.loads(cli.in_process("history", "search", word, "-n", "1", "--json").out)
    assert [item["question"] for item in as_json["items"]] == [f"{word}!"]
    assert as_json["next_cursor"].startswith(f"{as_json['items'][0]['id']}.")
    assert cli.in_process("history", "search", word, "--until", "1h").out == ""
    assert len(cli.in_process("history", "search", word, "--since", "1h").out.splitlines()) == 2
    assert cli.in_process("history", "search", f"{word} kind").out.count("\n") == 1
    assert cli.in_process("history", "search", f'"{word} kind"').out == ""
    assert cli.in_process("history", "search", "--", word, "-kind").out.count("\n") == 1
    nothing = cli.in_process("history", "search", "no-such-word-anywhere")
    assert (nothing.code, nothing.out) == (0, "")
    assert "No question matches" in nothing.err
    dashed = cli.in_process("history", "search", "commit", "-foo")
    assert "To exclude a word: askcli history search WORDS -- -foo\n" in dashed.err
    for columns in (40, 80, 200):
        terminal = cli.terminal("history", "search", word, columns=columns)
        screen = fed(terminal.read(), columns)
        marked = {
            "".join(screen.buffer[y][x].data for x in range(columns) if screen.buffer[y][x].bold)
            for y in range(8)
        }
        assert word in marked, columns
        assert all(len(line) <= columns for line in screen_lines(screen))
        has_time = (
            re.search(r"  (just now|\d+ min ago)  ", "\n".join(screen_lines(screen))) is not None
        )
        assert has_time == (columns >= 60)


def test_times_as_people_say_them(sqlite_cli: Cli) -> None:
    asked(sqlite_cli, "now")
    ago = ("2d", "36h", "90s", "1w", "30min", "2 h ago", "yesterday", "last week")
    for since in (*ago, "2020-01-31", "2020-01-31T10:00:00Z"):
        assert sqlite_cli.in_process("history", "--since", since).out.count("\n") == 1, since
        assert sqlite_cli.in_process("history", "--until", since).out == "", since
    for wrong in ("tomorrow", "2x", "-1d", "2020-13-01", "99999999999d", "9999999d", ""):
        done = sqlite_cli.in_process("history", f"--since={wrong}")
        assert done.code == 2, wrong
        assert done.err.count("\n") == 1


def test_delete_by_id_by_age_and_never_by_mistake(cli: Cli) -> None:
    ids = asked(cli, "one", "two", "three", "four")
    assert (
        cli.in_process("history", "delete", ids[0]).code == 2
    )  # nobody to ask whether it is meant
    assert cli.in_process("history", "delete", "--yes").code == 2
    assert cli.in_process("history", "delete", ids[0], "--older-than", "1d", "--yes").code == 2
    wrong = cli.in_process(
        "history", "delete", ids[0], "01890000-0000-7000-8000-000000000000", "--yes"
    )
    assert wrong.code == 1
    assert len(cli.in_process("history").out.splitlines()) == 4  # all or nothing
    done = cli.in_process("history", "delete", ids[0], ids[0], ids[1], "--yes", "--json")
    assert json.loads(done.out) == {"deleted": 2}
    assert (
        cli.in_process("history", "delete", "--older-than", "1h", "--yes").err
        == "Deleted 0 questions.\n"
    )
    assert len(cli.in_process("history").out.splitlines()) == 2
    terminal = cli.terminal("history", "delete", ids[2])
    terminal.expect_exact('Delete "three"?')
    terminal.sendline("n")
    terminal.expect("askcli: error: not confirmed: nothing was done")
    terminal.wait()
    assert terminal.exitstatus == 1  # and not 130, which is Ctrl-C
    terminal = cli.terminal("history", "delete", "--older-than", "0s")
    terminal.expect("Delete all questions")
    terminal.sendline("y")
    terminal.expect("Deleted 2 questions")
    terminal.wait()
    assert cli.in_process("history").out == ""
    assert json.loads(cli.in_process("usage", "--json").out)["items"][0]["questions"] == 4


def test_export_is_the_whole_history_in_each_format(cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    odd = 'a "quoted", line\nand ünïcode \x1b[31m =1+1 — 日本'
    fake.on(marker, odd)
    asked(cli, "first", f"{marker}, with a comma\nand a line")
    items = json.loads(cli.in_process("history", "--json").out)["items"]
    lines = cli.in_process("history", "export").out.splitlines()
    assert [json.loads(line) for line in lines] == items
    assert json.loads(cli.in_process("history", "export", "--format", "json").out)["items"] == items
    rows = list(
        csv.DictReader(io.StringIO(cli.in_process("history", "export", "--format", "csv").out))
    )
    assert [row["question"] for row in rows] == [item["question"] for item in items]
    assert list(rows[0]) == list(items[0])
    assert rows[0]["answer"] == odd.replace("\x1b", "␛")
    page = cli.in_process("history", "export", "--format", "markdown").out
    assert page.startswith(f"# {marker}, with a comma and a line\n\n> {marker}")
    assert odd.replace("\x1b", "␛") in page
    assert (
        cli.in_process("history", "export", "--since", "1h", "--format", "jsonl").out.count("\n")
        == 2
    )
    assert (
        cli.in_process("history", "export", "--until", "1h", "--format", "json").out
        == '{"items": []}\n'
    )
    assert (
        cli.in_process("history", "export", "--until", "1h", "--format", "csv").out.count("\n") == 1
    )
    assert cli.in_process("history", "export", "--format", "xml").code == 2


def test_an_export_needs_no_memory_for_many_rows(
    sqlite_cli: Cli, sqlite_server: ServerProcess
) -> None:
    """What thousands of questions take beyond 100 is less than a quarter of what they are."""
    user_id = json.loads(sqlite_cli.in_process("whoami", "--json").out)["id"]
    script = "/usr/bin/env python3 -c '{}' askcli history export"
    peak = (
        "import os,resource,subprocess,sys;"
        'subprocess.run(sys.argv[1:],stdout=open("out","w"),check=True);'
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    used = []
    for rows in (100, MANY):
        fill(sqlite_server, user_id, rows)
        used.append(int(sqlite_cli.fresh_shell(script.format(peak)).out))
        written = (sqlite_cli.home / "out").stat()
    assert written.st_size > 2_000 * MANY
    assert (used[1] - used[0]) * 1024 < written.st_size / 4, (used, written.st_size)


def fill(server: ServerProcess, user_id: str, rows: int) -> None:
    """Put questions with long answers into the database."""
    with database_of(server) as connection:
        for start in range(0, rows, 1000):
            batch = [row_of(user_id, "x " * 1000) for _ in range(min(1000, rows - start))]
            connection.execute(insert(tables.questions), batch)


def row_of(user_id: str, answer: str) -> dict[str, Any]:
    return {
        "id": new_id(),
        "user_id": UUID(user_id),
        "conversation_id": new_id(),
        "question": "q",
        "answer": answer,
        "status": "answered",
        "stop_reason": "end_turn",
        "model": "m",
        "created_at": now(),
        "request_hash": "",
    }


def test_the_pager_only_where_it_overflows(sqlite_cli: Cli) -> None:
    asked(sqlite_cli, *(f"question {n}" for n in range(30)))
    pager = sqlite_cli.home / "pager"
    pager.write_text('#!/bin/sh\necho "PAGED $(wc -l)"\n')
    pager.chmod(0o755)
    sqlite_cli.environment["PAGER"] = str(pager)
    assert sqlite_cli("history", "-n", "30").out.count("\n") == 30  # a pipe has no pager
    assert "PAGED 30" in sqlite_cli.terminal("history", "-n", "30").read()
    for rows, count in ((24, 20), (40, 30)):
        output = sqlite_cli.terminal("history", "-n", str(count), rows=rows).read()
        assert "PAGED" not in output, count
        assert output.count("question") == count
    sqlite_cli.environment["PAGER"] = "true"  # a reader who has seen enough at once
    terminal = sqlite_cli.terminal("history", "-n", "30")
    assert terminal.read() == ""
    terminal.wait()
    assert terminal.exitstatus == 0
    for none in ("", "cat"):
        sqlite_cli.environment["PAGER"] = none
        assert sqlite_cli.terminal("history", "-n", "30").read().count("question") == 30
    sqlite_cli.environment["PAGER"] = "/no/such/pager"
    terminal = sqlite_cli.terminal("history", "-n", "30")
    assert "cannot run PAGER" in terminal.read()
    terminal.wait()
    assert terminal.exitstatus == 2
    sqlite_cli.environment["PAGER"] = str(pager)
    asked(sqlite_cli, "好" * 700)  # 18 rows of 80 columns, and the answer has as many
    assert "PAGED" in sqlite_cli.terminal("history", "show", rows=38).read()


def test_no_pager_of_the_working_directory_is_run(sqlite_cli: Cli, tmp_path: Path) -> None:
    asked(sqlite_cli, *(f"question {n}" for n in range(30)))
    for directory, text in ((sqlite_cli.home, "PLANTED"), (tmp_path, "INSTALLED")):
        (directory / "less").write_text(f"#!/bin/sh\necho {text}; wc -l\n")
        (directory / "less").chmod(0o755)
    rest = f"{tmp_path}:{sqlite_cli.environment['PATH']}"
    for directories, pager in ((".", {}), ("", {}), (".", {"PAGER": "less | cat"})):
        sqlite_cli.environment |= {"PATH": f"{directories}:{rest}"} | pager
        output = sqlite_cli.terminal("history", "-n", "30").read()
        assert ("PLANTED" in output, "INSTALLED" in output) == (False, True), output


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("no_color", [{}, {"NO_COLOR": "1"}])
def test_a_question_is_shown_with_its_answer_model_and_cost(
    sqlite_cli: Cli, fake: FakeAnthropic, columns: int, no_color: dict[str, str]
) -> None:
    marker = uuid4().hex[:8]
    fake.on(marker, "Some **bold** text, `code`.")
    (question_id,) = asked(sqlite_cli, f"{marker} \x1b[2J 漢字 " + "word " * 30)
    sqlite_cli.environment |= no_color
    written = sqlite_cli.terminal("history", "show", question_id, columns=columns).read()
    output = "\n".join(screen_lines(fed(written, columns)))
    flat = output.replace("\n", "")
    assert question_id in output.splitlines()  # each id in a row: the two have 88 columns
    for part in ("claude-sonnet-5-5", "11 + 7 tokens", "$0.0001", question_id, "Some bold text"):
        assert part in flat or part in output, part
    assert "\x1b[2J" not in written
    colours = set(re.findall(r"\x1b\[[0-9;]*(?:3[0-7]|38|9[0-7])[0-9;]*m", written))
    assert bool(colours) == (not no_color)


def test_a_spreadsheet_computes_nothing_of_an_export(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    begins = "=+-@\t\r\n＝＋－＠"  # noqa: RUF001 - spreadsheets take the wide signs, too
    markers = [uuid4().hex for _ in begins]
    for marker, begin in zip(markers, begins, strict=True):
        fake.on(marker, f'{begin}HYPERLINK("http://evil.example")')
    asked(sqlite_cli, *markers)
    exported = sqlite_cli.in_process("history", "export", "--format", "csv").out
    answers = [row["answer"] for row in csv.DictReader(io.StringIO(exported, newline=""))]
    assert len(answers) == len(begins)
    assert all(answer.startswith("'") for answer in answers), answers
    assert "'" not in sqlite_cli.in_process("history", "export").out


def test_a_json_object_is_one_line_to_every_reader(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    good, bad = uuid4().hex, uuid4().hex
    ends = "\v \f \x1c \x1d \x1e \x85 \u2028 \u2029"
    fake.on(good, f"answer {ends}")
    fake.on(bad, "", status=400, error_type="invalid_request_error")
    rows = "".join(json.dumps(f"{marker} {ends}") + "\n" for marker in (good, bad))
    batch = sqlite_cli.in_process("batch", "-q", "-", stdin=rows).out
    export = sqlite_cli.in_process("history", "export").out
    events = sqlite_cli.in_process("ask", "--ndjson", good).out
    failed = (sqlite_cli.home / "batch.failed.jsonl").read_text()
    for output, count in ((batch, 1), (export, 2), (failed, 1), (events, None)):
        objects = [json.loads(line) for line in output.splitlines()]
        assert count is None or [ends in row["question"] for row in objects] == [True] * count
