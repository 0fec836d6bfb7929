"""What the documents promise: their commands run as they are written."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from askcli import errors
from askcli.problems import BY_CODE
from askcli.settings import Settings, variable_name
from tests.support.cli import NewCli
from tests.support.documents import ROOT, blocks
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.processes import ServerProcess

PACKAGE = ROOT / "src/askcli"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the walk is commands of curl")
def test_the_http_walk_runs_as_written(server: ServerProcess, new_cli: NewCli) -> None:
    cli = new_cli(ASKCLI=server.url)
    script = "\necho; echo ---\n".join(blocks("docs/http.md"))
    done = cli.shell(script)
    assert done.code == 0, done
    parts = [part.strip() for part in done.out.split("---")]
    assert '"email":"ada@example.org"' in parts[1]
    assert parts[3] == "You asked: Why is the sky blue?"
    assert "event: done" in parts[4]
    assert 'data: {"text":": Why is' in parts[5]  # what comes after "You asked"
    assert '"status":"answered"' in parts[6]
    assert "You asked: Why is the sky blue?" in parts[7]
    assert "And at sunset?" not in parts[8]
    assert "Why is the sky blue?" in parts[8]
    assert '"answer":"You asked: And at night?"' in parts[9]
    assert parts[10].endswith("Skies")
    assert parts[11] == '{"imported":1,"present":0,"expired":0}'
    assert '"current":true' in parts[13]
    assert '"items":[{' in parts[15]
    assert parts[16] == "invalid_token"
    assert parts[-1] == "session_ended"


def test_nobody_is_told_to_install_askcli_by_its_name() -> None:
    """An index may have another package of this name, as PyPI has: who follows would run it."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *PACKAGE.rglob("*.py")]
    by_name = re.compile(r"\b(?:pipx?|tool) install (?:-\S+ )*['\"]?askcli\b(?!/).*")
    told = [match[0] for page in pages for match in by_name.finditer(page.read_text())]
    assert told == []


def test_the_readmes_recipes_run_as_they_are_written(sqlite_cli: Any, fake: FakeAnthropic) -> None:
    recipes = blocks("README.md", "sh recipe")
    assert len(recipes) == 9
    home = sqlite_cli.home
    for name in ("app.py", "test_app.py", "error.log", "notes.txt", "words.txt"):
        (home / name).write_text(f"what {name} says\n")
    (home / "questions.jsonl").write_text('{"question": "one", "id": 1}\n"two"\n')
    staged = "git init -q && git add app.py"
    fake.on("Name a colour", "blue")
    fake.on("A shell script", "So:\n\n```sh\nseq 3\n```\n")
    parts = [
        sqlite_cli.shell(recipe if number else f"{staged}\n{recipe}")
        for number, recipe in enumerate(recipes)
    ]
    for recipe, done in zip(recipes, parts, strict=True):
        # What is said beside the answers: how far a batch is, and which conversation goes on.
        talks = any(part in recipe for part in ("batch", "--conversation", "delete"))
        stderr = "" if talks else done.err
        assert (done.code, stderr) == (0, ""), (recipe, done)
    assert "+what app.py says" in (home / "message").read_text()
    assert '<file name="test_app.py">\nwhat test_app.py says' in parts[0].out
    assert "what error.log says" in parts[0].out
    assert parts[1].out == "You asked: Translate into French: what words.txt says\n"
    assert parts[2].out == "The colour is blue.\n"
    assert "what notes.txt says" in (home / "summary").read_text()
    (home / "summary").write_text("of yesterday\n")
    fake.on("Summarize the release notes", "half an ", "answer", fault="reset", fault_after=1)
    failed = sqlite_cli.shell(recipes[3])
    assert (failed.code, "keeping the old summary" in failed.err) == (0, True)
    assert (home / "summary").read_text() == "of yesterday\n"
    price, _, events = parts[4].out.partition("\n")
    assert float(price) > 0
    assert events.startswith('{"event": "delta"')
    assert (home / "answers.jsonl").read_text().count("\n") == 2
    assert parts[6].out == "You asked: Double it\n"
    assert (home / "history.csv").read_text().startswith("id,user_id,conversation_id,question")
    assert '"items": [{"day"' in parts[7].out
    assert ((home / "count.sh").read_text(), parts[8].out) == ("seq 3\n", "1\n2\n3\n")


def test_ci_runs_the_readmes_test_command() -> None:
    (ask, test) = [block.strip() for block in blocks("README.md")[:2]]
    assert "askcli ask" in ask
    assert test.endswith(".venv/bin/pytest")
    assert test in (ROOT / ".ci/run").read_text()


def test_the_readme_tells_every_exit_code() -> None:
    parts = {
        int(code) for code in re.findall(r"^\| (\d+) \|", (ROOT / "README.md").read_text(), re.M)
    }
    assert parts == {kind.exit_code for kind in BY_CODE.values()} | {0, 130, 141}


def test_the_example_environment_names_every_setting_of_a_server() -> None:
    text = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^([A-Z_]+)=", text, re.M))
    clients = {
        "server",
        "profile",
        "token",
        "timeout",
        "editing_mode",
        "config_dir",
        "idle_seconds",
    }
    settings = {
        variable_name(setting.name)
        for setting in Settings.__dataclass_fields__.values()
        if setting.metadata and setting.name not in clients
    }
    assert named == settings
    assert not re.findall(r"^[A-Z_]+=\S", text, re.M)  # a published value is nobody's secret


def test_every_proof_of_the_security_page_is_a_test() -> None:
    page = (ROOT / "docs/security.md").read_text()
    faults = (ROOT / "docs/faults.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", page + faults))
    written = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.M)
    }
    assert named - written == set()
    assert re.findall(r"^\| API(\d+) ", page, re.M) == [str(number) for number in range(1, 11)]
    rows = re.findall(r"^\| (?!---|risk|defect|weakness)(.*)", page, re.M)
    assert len(rows) > 10 + 9 + 11
    assert all("`test_" in row for row in rows)


def test_the_error_tree_is_drawn_as_it_is() -> None:
    """Each class is drawn, with its status where that is not its parent's."""
    drawn = dict(re.findall(r"\b([A-Z]\w+)(?: (\d{3}))?", errors.__doc__ or ""))
    for kind in BY_CODE.values():
        inherited = None if kind is errors.AskcliError else getattr(kind.__mro__[1], "status", None)
        assert kind.__name__ in drawn
        if kind.status != inherited:
            assert drawn[kind.__name__] == str(kind.status), kind


def test_the_map_for_contributors_names_what_is_there() -> None:
    """In "`name` in `path`" the file has the name; paths are of the package or of the project."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    table = page.partition("## Where do I add")[2].partition("\n## ")[0]
    paths = {
        path: next((at for base in (ROOT, PACKAGE) if (at := base / path).exists()), None)
        for path in re.findall(r"`([\w.]*/[\w./]+|\.[\w.]+)`", table)
    }
    assert [path for path, at in paths.items() if at is None] == []
    named = re.findall(r"((?:`\w+`(?:, | and )?)+) in `([\w/.]+)`", table)
    assert len(named) > 10
    for names, path in named:
        at = paths[path]
        assert at
        for name in re.findall(r"\w+", names.replace(" and ", " ")):
            assert re.search(rf"\b{name}\b", at.read_text()), f"there is no {name} in {path}"


def test_every_link_between_the_pages_leads_somewhere() -> None:
    links = [
        (page, link)
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text())
    ]
    assert len(links) > 40
    for page, link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), (page.name, link)
        assert not anchor or anchor in anchors(target), (page.name, link)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_http_page_names_every_field_of_a_question() -> None:
    from askcli.server.schemas.bodies import AskBody

    page = (ROOT / "docs/http.md").read_text()
    sentence = re.search(r"Optional fields of the body are .*?\.\n", page, re.DOTALL)
    assert sentence
    named = set(re.findall(r"`(\w+)`", sentence[0]))
    assert named == set(AskBody.model_fields) - {"question"}
