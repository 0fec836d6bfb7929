"""Files of other programs that somebody else has made: they take little memory and time, or are
refused in one line."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from askcli.cli.commands.history.importing import gob, items, sources
from askcli.errors import Failed, Misused
from tests.support.cli import Cli, NewCli
from tests.support.hostile import HostileServer, Response, always

COLUMNS = "id, model, prompt, system, response, conversation_id, datetime_utc"
RESPONSES = f"CREATE TABLE responses({COLUMNS}); CREATE TABLE conversations(id, name);"
TURNS = """CREATE TABLE turns(id, thread_id, model, parent_message_hash, tip_message_hash,
        datetime_utc);
    CREATE TABLE messages(hash PRIMARY KEY, role, parent_hash);
    CREATE TABLE parts(message_hash, position, type, text, payload);
    CREATE TABLE fragments(id PRIMARY KEY, content);
    INSERT INTO turns VALUES('t', 'a', 'm', 'u', 'x', '2025-01-01');
    INSERT INTO messages VALUES('u', 'user', 'x'), ('x', 'assistant', 'u');"""
THREADS = "CREATE TABLE threads(id, name);"
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c"


def database(path: Path, *scripts: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("".join(scripts))
    return path


def read(path: Path) -> tuple[list[items.Item], Counter[str]]:
    left_out = Counter[str]()
    with sources.opened(path, None, left_out) as source:
        source.count()
        return [
            one for batch in items.requests(source.items(), left_out) for one in batch
        ], left_out


@pytest.mark.parametrize(
    "script",
    [
        TURNS + f"CREATE VIEW Threads AS SELECT ({ENDLESS}) AS id, 'n' AS name;",
        TURNS + "CREATE VIRTUAL TABLE threads USING fts5(id, name);",
        THREADS + "ALTER TABLE responses ADD long AS (printf('%.*c', 900000000, 'x'));",
    ],
)
def test_a_database_whose_tables_are_programs_is_refused(tmp_path: Path, script: str) -> None:
    with pytest.raises(Misused, match="is no table"):
        read(database(tmp_path / "logs.db", RESPONSES, script))


def test_a_query_of_a_database_ends_at_an_interrupt(tmp_path: Path) -> None:
    path = database(tmp_path / "logs.db", RESPONSES)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), sources.opened(path, None, Counter()) as source:
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            vars(source)["_connection"].execute(ENDLESS)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_fragment_that_is_in_a_text_very_often_fills_no_memory(tmp_path: Path) -> None:
    """And messages that lead to one another are followed once."""
    parts = json.dumps({"text_ref": [{"fragment": 1}] * 10_000})
    script = f"""INSERT INTO parts VALUES('x', 0, 'text', NULL, '{parts}');
        INSERT INTO fragments VALUES(1, hex(zeroblob(500000)));"""
    path = database(tmp_path / "logs.db", RESPONSES, TURNS, THREADS, script)
    assert read(path) == ([], {"too long": 1})


@pytest.mark.parametrize("payload", ["[1]", '{"text_ref": [1]}', "{{", "[" * 100_000], ids=len)
def test_a_row_that_llm_has_not_written_is_told(tmp_path: Path, payload: str) -> None:
    script = f"INSERT INTO parts VALUES('x', 0, 'text', NULL, '{payload}');"
    with pytest.raises(Misused, match="row 't'"):
        read(database(tmp_path / "logs.db", RESPONSES, TURNS, THREADS, script))


def test_a_gob_of_very_many_values_or_of_other_ones_is_none(tmp_path: Path) -> None:
    """A value of no fields takes a byte of the file, and 64 in memory."""
    struct = bytes.fromhex("0dff81030101015301ff82000000")  # type S struct{}
    structs = struct + bytes.fromhex("10ff83020101014c01ff840001ff820000")  # type L []S
    count = gob.MOST_VALUES + 1
    many = structs + b"\x00\xff\x84\x00\xfd" + count.to_bytes(3) + bytes(count)
    keys = struct + bytes.fromhex("12ff85040101014d01ff860001ff820104000006ff8600010002")
    numbers = bytes.fromhex("0fff83020101014c01ff84000104000007ff840003020202")  # []int
    for data in (many, keys):
        with pytest.raises(Misused, match="it is no gob"):
            gob.decode(data)
    assert gob.decode(numbers) == [1, 1, 1]
    script = """CREATE TABLE conversations(id, title, updated_at);
        INSERT INTO conversations VALUES('a', 't', '0001-01-01 00:00:00');"""
    path = database(tmp_path / "mods.db", script)
    (tmp_path / "a.gob").write_bytes(numbers)
    assert read(path) == ([], {"conversations without readable messages": 1})


def test_lines_that_are_no_questions_take_little_memory(tmp_path: Path) -> None:
    for value in ("[" * 100_000, '{"question": "a", "x": [' + "[]," * 200_000 + "[]]}"):
        path = tmp_path / "some.jsonl"
        path.write_text(value)
        with pytest.raises(Misused, match="line 1"):
            read(path)


@pytest.mark.parametrize(
    "line",
    [
        {"answer": ["a"]},
        {"answer": 1},
        {"system": {}},
        {"model": ["m"]},
        {"conversation_id": ["c"]},
    ],
)
def test_a_line_with_what_is_no_text_is_refused(tmp_path: Path, line: dict[str, Any]) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text(json.dumps({"question": "q"}) + "\n" + json.dumps({"question": "q"} | line))
    with pytest.raises(Misused, match=r"line 2: .* is expected"):
        read(path)


def test_what_the_server_refuses_is_left_out_alone(sqlite_cli: Cli) -> None:
    """One question keeps no other out, also when the import is run again."""
    fields: list[dict[str, Any]] = [
        {},
        {"created_at": "2999-01-01"},
        {"max_tokens": 0},
        {"cost_usd": float("nan")},
    ]
    lines = [json.dumps({"question": str(n)} | one) for n, one in enumerate(fields)]
    (sqlite_cli.home / "some.jsonl").write_text("\n".join(lines))
    for outcome in ("imported", "present"):
        done = sqlite_cli.in_process("history", "import", "--json", "some.jsonl")
        assert (done.code, done.err.count("refused (")) == (1, 2), done
        assert json.loads(done.out)[outcome] == 2
    assert "max_tokens: " in done.err
    assert "items." not in done.err


def test_a_later_server_may_say_more_of_an_import(new_cli: NewCli) -> None:
    known = {"imported": 20, "present": 5, "expired": 0}
    outcome: dict[str, Any] = {**known, "later": None, "more": {}}
    with always(200, json.dumps(outcome).encode()) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any")
        (cli.home / "some.jsonl").write_text('{"question": "hello"}\n' * 50)  # two requests
        done = cli.in_process("history", "import", "--json", "some.jsonl")
    assert done.code == 0, done
    assert json.loads(done.out) == {"imported": 40, "present": 10, "expired": 0, "left_out": {}}


@pytest.mark.parametrize(("wait", "code", "requests"), [("0", 0, 3), ("61", 5, 1)])
def test_an_import_waits_for_room_at_the_server(
    new_cli: NewCli, wait: str, code: int, requests: int
) -> None:
    """Each question is imported once, however often it is sent; what is too long is not waited."""
    problem = json.dumps({"code": "unavailable", "status": 503, "title": "t", "detail": "Later."})
    outcome = json.dumps({"imported": 1, "present": 0, "expired": 0})
    headers = {"retry-after": wait, "content-type": "application/problem+json"}
    full = Response(503, problem.encode(), headers)
    responses = iter([full, full, Response(200, outcome.encode())])
    sent = list[str]()

    def respond(method: str, _path: str) -> Response:
        sent.append(method)
        return next(responses)

    with HostileServer(respond) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any")
        (cli.home / "some.jsonl").write_text('{"question": "hello"}')
        done = cli.in_process("history", "import", "some.jsonl")
    assert (done.code, len(sent)) == (code, requests), done


@pytest.mark.parametrize("counts", [(-1, 1, 0), (0, -1, 0), (1, 0, -1), (2, 0, 0), (1, 1, 1)])
def test_counts_of_no_import_are_not_printed(new_cli: NewCli, counts: tuple[int, ...]) -> None:
    outcome = dict(zip(("imported", "present", "expired"), counts, strict=True))
    with always(200, json.dumps(outcome).encode()) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any")
        (cli.home / "some.jsonl").write_text('{"question": "hello"}')
        done = cli.in_process("history", "import", "some.jsonl")
    assert (done.code, done.out, done.err.count("\n")) == (5, "", 1), done


def test_a_database_for_whose_copy_there_is_no_room_is_not_to_blame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = database(tmp_path / "logs.db", RESPONSES)
    connect = sqlite3.connect
    copies = []

    def connect_to_little(place: str, **more: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(place, **more)
        if not place:  # the copy
            connection.execute("PRAGMA max_page_count = 1")
            copies.append(connection)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_to_little)
    with pytest.raises(Failed, match="no room for a copy"):
        read(path)
    (copy,) = copies
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        copy.execute("SELECT 1")


@pytest.mark.parametrize(
    ("model", "stored"), [("a\nb\tc", "a b c"), ("m" * 300, "m" * 200), ("\x1b[2J", "unknown")]
)
def test_a_model_is_one_line(tmp_path: Path, model: str, stored: str) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text(json.dumps({"question": "q", "answer": "a", "model": model}) + "\n")
    assert read(path)[0][0]["model"] == stored
