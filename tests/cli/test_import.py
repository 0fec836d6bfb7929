"""askcli history import: databases of llm and of mods, and lines of JSON, each question once.

Those of llm were made with llm itself (0.27 and 0.36, its echo model); the messages of mods with
Go's own encoding/gob, from mods' types.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from askcli.cli.commands.history.importing import gob, items, sources
from askcli.errors import Misused
from tests.support.cli import Cli

MADE = Path(__file__).parents[1] / "support" / "imports"
MODS = """CREATE TABLE conversations (id string not null primary key, title string not null,
    updated_at datetime not null);
    INSERT INTO conversations VALUES ('df31ae23ab8b75b5643c2f846c570997edc71333', 'Skies\u200b',
        '2025-11-26 18:50:24'), (12345678, 'no messages', '2025-11-26 18:50:24');"""


def database(path: Path, script: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA journal_mode = WAL;" + script)
    connection.commit()
    return connection


def imported(cli: Cli, *words: str, code: int = 0) -> dict[str, Any]:
    done = cli.in_process("history", "import", "--json", *words)
    assert done.code == code, done
    counts: dict[str, Any] = json.loads(done.out)
    return counts


def whole(cli: Cli) -> Iterator[dict[str, Any]]:
    """All conversations with their questions."""
    exported = cli.in_process("conversations", "export", "--format", "json")
    yield from json.loads(exported.out)["items"]


@pytest.mark.parametrize("version", ["0.27", "0.36"])
def test_a_database_of_llm_comes_over_whole_and_once(sqlite_cli: Cli, version: str) -> None:
    """While llm has it open, and what it has written is in its log."""
    file = sqlite_cli.home / "logs.db"
    script = (MADE / f"llm_{version}.sql").read_text()
    with closing(database(file, script)):
        assert imported(sqlite_cli, "logs.db")["imported"] == 3
        again = imported(sqlite_cli, ".", "--from", "llm")
    assert (again["imported"], again["present"]) == (0, 3)
    one, two = whole(sqlite_cli)
    (with_fragment,) = one["questions"]
    assert with_fragment["question"].split() == ["the", "file", "what", "is", "it"]
    assert (one["title"], two["title"]) == ("the file what is it", "hello there")
    first, second = two["questions"]
    assert (first["question"], first["system"], first["model"]) == (
        "hello there",
        "be brief",
        "echo",
    )
    assert json.loads(first["answer"])["prompt"] == "hello there"
    assert (second["question"], second["created_at"][:10]) == ("and again", "2025-11-26")


def test_llm_can_write_into_its_database_while_it_is_imported(tmp_path: Path) -> None:
    """Also without SQLite's log: between two requests to the server nothing is locked."""
    file = tmp_path / "logs.db"
    with closing(sqlite3.connect(file, timeout=0)) as llm:
        llm.executescript((MADE / "llm_0.27.sql").read_text())
        with sources.opened(file, None, Counter()) as source:
            questions = source.items()
            next(questions)
            with llm:
                llm.execute("UPDATE responses SET response = 'later'")
            rest = list(questions)
    assert [question["answer"] == "later" for question in rest] == [False, False]


def test_a_database_of_mods_comes_over_whole_and_once(sqlite_cli: Cli) -> None:
    """Also after its conversation went on, which changes its only time."""
    directory = sqlite_cli.home / "conversations"
    directory.mkdir()
    file = directory / "df31ae23ab8b75b5643c2f846c570997edc71333.gob"
    shutil.copy(MADE / "mods.gob", file)
    with closing(database(directory / "mods.db", MODS)) as mods:
        counts = imported(sqlite_cli, ".", code=1)
        assert (counts["imported"], counts["left_out"]) == (
            2,
            {"conversations without readable messages": 1},
        )
        mods.execute("UPDATE conversations SET updated_at = '2025-11-27 10:00:00'")
        mods.commit()
        assert imported(sqlite_cli, "conversations/mods.db", code=1)["present"] == 2
    (conversation,) = whole(sqlite_cli)
    first, second = conversation["questions"]
    assert conversation["title"] == first["question"] == "Why is the sky blue? é 😀"
    assert (first["answer"], first["system"]) == ("It scatters.", "Be brief.")
    assert (second["question"], second["answer"]) == ("And at night?", "No sun.")


def test_an_export_comes_back_as_it_was(sqlite_cli: Cli, new_cli: Any, sqlite_server: Any) -> None:
    from tests.support.people import logged_in

    first = json.loads(sqlite_cli.in_process("ask", "one", "--json").out)["conversation_id"]
    for words in (["two", "--conversation", first], ["three"]):
        assert sqlite_cli.in_process("ask", *words).code == 0
    exported = sqlite_cli.in_process("history", "export").out
    (sqlite_cli.home / "all.jsonl").write_text(exported)
    assert imported(sqlite_cli, "all.jsonl") == {
        "imported": 0,
        "present": 3,
        "expired": 0,
        "left_out": {},
    }
    other = logged_in(new_cli(sqlite_server), sqlite_server)
    (other.home / "all.jsonl").write_text(exported)
    for counts in ((3, 0), (0, 3)):
        result = imported(other, "all.jsonl", "--from", "jsonl")
        assert (result["imported"], result["present"]) == counts
    there = [json.loads(line) for line in other.in_process("history", "export").out.splitlines()]
    here = [json.loads(line) for line in exported.splitlines()]
    own = {"id", "user_id", "conversation_id"}
    assert [{k: v for k, v in one.items() if k not in own} for one in there] == [
        {k: v for k, v in one.items() if k not in own} for one in here
    ]
    for questions in (here, there):
        ids = [one["conversation_id"] for one in questions]
        assert [ids.index(id_) for id_ in ids] == [0, 1, 1]


def test_lines_need_no_more_than_a_question(sqlite_cli: Cli) -> None:
    lines = [{"question": "a", "answer": "b\0"}, {"question": "c", "conversation": "x", "id": 1}]
    lines.append({"question": "d", "answer": "x" * 1_000_001})
    file = sqlite_cli.home / "some.jsonl"
    for encoding, name in (("utf-8-sig", "imported"), ("utf-8", "present")):
        file.write_text("\n\n".join(map(json.dumps, lines)), encoding)
        counts = imported(sqlite_cli, "some.jsonl", code=1)
        assert (counts[name], counts["left_out"]) == (2, {"too long": 1})
    newest = json.loads(sqlite_cli.in_process("history", "--json").out)["items"]
    assert [(one["question"], one["answer"]) for one in newest] == [("c", ""), ("a", "b")]
    file.write_text('{"question": "e", "id": "\\ud800"}\n')
    assert imported(sqlite_cli, "some.jsonl")["imported"] == 1
    for name, stdin in (("f", "/dev/stdin"), ("g", "-")):
        line = json.dumps({"question": name})
        piped = sqlite_cli.shell(f"echo '{line}' | askcli history import {stdin}")
        assert (piped.code, "Imported 1 question." in piped.err) == (0, True), piped
    file.write_text('{"question": "e"}\nno JSON\n')
    done = sqlite_cli.in_process("history", "import", "some.jsonl")
    assert (done.code, "some.jsonl, line 2" in done.err) == (2, True)
    for words in (["some.jsonl", "--from", "llm"], ["nothing"], ["/"]):
        assert sqlite_cli.in_process("history", "import", *words).code == 2


def _damaged(data: bytes) -> Iterator[bytes]:
    yield from (data[:end] for end in range(0, len(data), 7))
    yield from (data[:at] + b"\xf8" + b"\xff" * 8 + data[at + 1 :] for at in range(len(data)))
    yield from (data[:at] + b"\xff" + data[at + 1 :] for at in range(len(data)))


def test_what_is_no_gob_is_refused_in_little_time() -> None:
    data = (MADE / "mods.gob").read_bytes()
    assert len(gob.decode(data)) == 7
    # The example of Go's own documentation.
    point = "1fff8103010105506f696e7401ff8200010201015801040001015901040000"
    assert gob.decode(bytes.fromhex(point + "0007ff82012c014200")) == {"X": 22, "Y": 33}
    outcomes = set[bool]()
    for damaged in _damaged(data):
        try:
            gob.decode(damaged)
            outcomes.add(True)
        except Misused:
            outcomes.add(False)
    assert outcomes == {True, False}


def test_requests_are_within_the_bounds_of_one() -> None:
    """However many questions there are, and however long they are, few are in memory."""
    taken = 0

    def many(make: Callable[[int], str], count: int) -> Iterator[items.Item]:
        nonlocal taken
        for number in range(count):
            taken += 1
            yield items.item(key=str(number), question="q", answer=make(number))

    left_out = Counter[str]()
    sizes = []
    for batch in items.requests(many(lambda n: "x" * (300_000 * (n % 3)), 100), left_out):
        sizes.append(len(batch))
        assert len(json.dumps({"items": batch})) < 2_097_152
        assert taken <= sum(sizes) + 1
    assert (sum(sizes), max(sizes) <= 25, left_out) == (100, True, Counter())
