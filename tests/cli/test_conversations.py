"""askcli conversations, and a whole one shown."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any
from uuid import UUID, uuid4

import pytest
from markdown_it import MarkdownIt

from askcli.client.api import Api
from tests.support.cli import Cli
from tests.support.databases import database_of
from tests.support.processes import ServerProcess
from tests.support.screen import lines
from tests.support.stored import TEXTS, add_question

ANSWER = """**bold** <script>alert(1)</script> [bad](javascript:alert(1)) [web](https://a.example)
![image](https://a.example/i.png) <img src=x onerror=alert(1)>

```python
print("<b>")
```
"""


def id_of_user(cli: Cli) -> UUID:
    return UUID(json.loads(cli.in_process("whoami", "--json").out)["id"])


def asked(cli: Cli, server: ServerProcess, conversation: int, *texts: str, **values: Any) -> None:
    """Store questions of this user in a conversation."""
    user_id = id_of_user(cli)
    with database_of(server) as connection:
        for text in texts:
            values |= {"conversation_id": UUID(int=conversation), "question": text}
            add_question(connection, user_id, "", 0, **values)


def test_conversations_are_listed_renamed_shown_and_deleted(
    sqlite_cli: Cli, sqlite_server: ServerProcess
) -> None:
    cli, base = (
        sqlite_cli,
        id_of_user(sqlite_cli).int,
    )
    one, two = base ^ 1, base ^ 2
    asked(cli, sqlite_server, one, "first", "second", answer="so")
    asked(cli, sqlite_server, two, "other")
    rows = [line.split("\t") for line in cli.in_process("conversations").out.splitlines()]
    assert [(UUID(row[0]).int, row[2], row[4]) for row in rows] == [
        (two, "1", "other"),
        (one, "2", "first"),
    ]
    assert cli.in_process("conversations", "rename", "@2", "Two turns").code == 0
    listed = json.loads(cli.in_process("conversations", "list", "--json", "-n", "5").out)["items"]
    assert [item["title"] for item in listed] == ["other", "Two turns"]
    shown = cli.in_process("history", "show", "--conversation", "@2").out
    assert shown == cli.in_process("conversations", "show", str(UUID(int=one))).out
    without_details = re.sub(r"\n\n20\d\d-.*\n\n", "\n\n", shown)
    assert without_details == "# Two turns\n\n> first\n\nso\n\n> second\n\nso\n"
    whole = json.loads(cli.in_process("conversations", "show", "@2", "--json").out)
    assert [turn["question"] for turn in whole["questions"]] == ["first", "second"]
    assert cli.in_process("history", "show", "@", "--conversation", "@").code == 0
    assert cli.in_process("history", "show", "@2", "--conversation", "@").code == 2
    assert cli.in_process("conversations", "delete", "@2").code == 2  # there is no terminal
    assert (
        cli.in_process("conversations", "delete", "@2", "--yes").err == "Deleted 1 conversation.\n"
    )
    (left,) = json.loads(cli.in_process("conversations", "--json").out)["items"]
    assert left["title"] == "other"


class Page(HTMLParser):
    """The elements of a page, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.tags, self.links = set[str](), list[str | None]()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attributes if name in ("href", "src")]
        assert not any(name.startswith("on") for name, _ in attributes)


def test_a_page_of_html_needs_nothing_else_and_runs_nothing(
    sqlite_cli: Cli, sqlite_server: ServerProcess
) -> None:
    base = id_of_user(sqlite_cli).int
    asked(sqlite_cli, sqlite_server, base, "<b>why</b> \x1b[2J", answer=ANSWER)
    done = sqlite_cli.in_process("conversations", "export", "--format", "html", "-o", "page.html")
    assert done.code == 0, done
    text = (sqlite_cli.home / "page.html").read_text()
    page = Page()
    page.feed(text)
    assert not page.tags & {"script", "img", "link", "iframe", "object", "form"}
    assert page.links == ["https://a.example", "https://a.example/i.png"]
    assert "&lt;b&gt;why&lt;/b&gt; ␛[2J" in text
    assert "<strong>bold</strong>" in text
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text
    assert '<span class="nb">print</span>' in text


@pytest.mark.parametrize("format_", ["markdown", "json"])
def test_all_conversations_are_exported(
    sqlite_cli: Cli, sqlite_server: ServerProcess, format_: str
) -> None:
    base = id_of_user(sqlite_cli).int
    for number in range(3):
        asked(sqlite_cli, sqlite_server, base ^ number, f"q{number}", answer=TEXTS[2])
    out = sqlite_cli.in_process("conversations", "export", "--format", format_).out
    if format_ == "json":
        items = json.loads(out)["items"]
        assert [item["questions"][0]["question"] for item in items] == ["q2", "q1", "q0"]
    else:
        assert re.findall("^# (.*)$", out, re.MULTILINE) == ["q2", "q1", "q0"]


@pytest.mark.parametrize(
    ("answer", "fence"),
    [
        ("```py\nx = 1", "```"),
        ("text\n\n  ~~~~\n```\ncode\n", "~~~~"),
        ("```\ncode\n```\n", ""),
        ("- a\n\n  ```\n  code", ""),
        ("words ``` words", ""),
    ],
)
def test_code_that_an_answer_leaves_open_ends_with_it(
    sqlite_cli: Cli, answer: str, fence: str
) -> None:
    turns = [{"question": "q1", "answer": answer}, {"question": "q2", "answer": "end"}]
    lines = [turn | {"conversation": "1"} for turn in turns]
    (sqlite_cli.home / "lines.jsonl").write_text("\n".join(map(json.dumps, lines)))
    sqlite_cli.in_process("history", "import", "lines.jsonl")
    out = sqlite_cli.in_process("conversations", "export").out
    assert [token.type for token in MarkdownIt().parse(out)].count("blockquote_open") == 2
    first = out.partition("\n\n> q2")[0]
    assert first.rstrip().endswith(f"\n\n{answer.rstrip()}\n{fence}".rstrip())


def test_a_conversation_that_goes_on_during_an_export_is_in_it(sqlite_cli: Cli) -> None:
    """It moves to the beginning of the list, of which a page was read already."""
    lines = [
        {"question": "q", "answer": "x" * 2_000, "conversation": f"{number}", "id": f"{number}"}
        for number in range(150)
    ]
    (sqlite_cli.home / "lines.jsonl").write_text("\n".join(map(json.dumps, lines)))
    sqlite_cli.in_process("history", "import", "lines.jsonl")
    listed = sqlite_cli.in_process("conversations", "list", "--json", "-n", "150").out
    ids = [item["id"] for item in json.loads(listed)["items"]]
    export = sqlite_cli.start("conversations", "export", "--format", "json")
    assert export.stdout
    with export.stdout:
        begun = export.stdout.read(1)  # the rest does not fit into the pipe
        sqlite_cli.in_process("ask", "--conversation", ids[-1], uuid4().hex)
        whole = json.loads(begun + export.stdout.read())
    assert export.wait() == 0
    assert sorted(item["id"] for item in whole["items"]) == sorted(ids)


def test_the_times_of_an_export_are_the_same_for_each_of_its_lists(
    sqlite_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_cli.in_process("ask", "hello")
    lists, conversations = list[Any](), Api.conversations

    def noted(api: Api, **filters: Any) -> Any:
        lists.append(filters["since"])
        return conversations(api, **filters)

    monkeypatch.setattr(Api, "conversations", noted)
    assert sqlite_cli.in_process("conversations", "export", "--since", "2h").code == 0
    assert lists == [lists[0]] * 2  # it is read again, in case some were asked meanwhile


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--since", "foo"), 2),
        (("--server", "http://127.0.0.1:9"), 4),
        (("export", "--format", "json", "01890000-0000-7000-8000-000000000000"), 1),
        (("export", "--format", "html", "--since", "foo"), 2),
        (("export", "--format", "html", "--server", "http://127.0.0.1:9"), 4),
    ],
)
def test_nothing_is_printed_before_an_error(
    sqlite_cli: Cli, words: tuple[str, ...], code: int
) -> None:
    as_json = () if words[0] == "export" else ("--json",)
    done = sqlite_cli.in_process("conversations", *words, *as_json)
    assert (done.code, done.out) == (code, ""), done


def test_what_is_deleted_is_completed_no_more(sqlite_cli: Cli) -> None:
    sqlite_cli.in_process("ask", "a secret of mine")
    cached = sqlite_cli.home / ".cache/askcli/completion"
    sqlite_cli.in_process("history")
    assert any("a secret of mine" in file.read_text() for file in cached.iterdir())
    assert sqlite_cli.in_process("conversations", "delete", "@", "--yes").code == 0
    assert not any("a secret of mine" in file.read_text() for file in cached.iterdir())


@pytest.mark.parametrize("columns", [40, 59, 60, 80])
def test_a_row_fits(sqlite_cli: Cli, columns: int) -> None:
    sqlite_cli.in_process("ask", "a long question " * 20)
    shown = sqlite_cli.terminal("conversations", columns=columns).read()
    (row,) = filter(None, lines(shown, columns))
    assert row.endswith("…")
    assert len(row) <= columns
