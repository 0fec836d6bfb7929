"""askcli history list and search: questions, one a line."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from askcli.cli.commands.history import layout
from askcli.cli.commands.history.pages import Conversation, Limit, Selection, Since, Until
from askcli.cli.input import options
from askcli.cli.output.terminal import console, pager
from askcli.cli.reference import completion_cache, groups
from askcli.contract.limits import MAX_SEARCH_CHARACTERS
from askcli.contract.shapes import Question
from askcli.errors import Misused


class SearchCommand(TyperCommand):
    """A command whose words may begin with a dash: the error explains how to write these."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the options. Raises Misused for an unknown one."""
        words = list(args)
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            name = getattr(error, "option_name", "--")
            if name.startswith("--") or not str(error).startswith("No such option"):
                raise
            word = next((word for word in words if word.startswith(name)), name)
            raise Misused(
                f"there is no option {word}. To exclude a word: "
                f"askcli history search WORDS -- {shlex.quote(word)}"
            ) from None


_HERE = "askcli.cli.commands.history"
app = groups.new(
    "Your questions and their answers.",
    {
        "show": groups.Member(
            f"{_HERE}.show:show", "Show a question and its answer; without an id, the last one."
        ),
        "export": groups.Member(
            f"{_HERE}.export:export",
            "Write all your questions and answers to stdout, newest first.",
        ),
        "delete": groups.Member(
            f"{_HERE}.delete:delete",
            "Delete questions and their answers; their cost stays in `usage`.",
        ),
        "import": groups.Member(
            f"{_HERE}.importing.command:import_",
            "Import questions and answers of llm, mods or another server; they cost nothing.",
        ),
    },
    invoke_without_command=True,
)


@app.callback()
def default(
    context: typer.Context,
    limit: Limit = 20,
    conversation: Conversation = None,
    since: Since = None,
    until: Until = None,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Your questions and their answers; without a command, the newest ones."""
    if context.invoked_subcommand is None:
        list_(limit, conversation, since, until, as_json, server, profile)


@app.command("list")
def list_(
    limit: Limit = 20,
    conversation: Conversation = None,
    since: Since = None,
    until: Until = None,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """List your questions, newest first."""
    selection = Selection(conversation, since, until)
    # Of others it is not known which numbers they have.
    are_newest = selection.is_whole and console.is_terminal() and not as_json
    lay_out = partial(layout.numbered, limit=limit) if are_newest else layout.lines
    if not _list(selection, limit + are_newest, lay_out, server, profile, as_json=as_json):
        console.note("No questions yet." if not (since or until) else "No questions in that time.")


@app.command("search", cls=SearchCommand)
def search(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="WORDS...",
            help='All words must match. "A phrase", prefix*; after `--`, -word excludes a word.',
        ),
    ],
    limit: Limit = 20,
    conversation: Conversation = None,
    since: Since = None,
    until: Until = None,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Search your questions and their answers; the best matches come first."""
    query = " ".join(words)
    if not 0 < len(query.strip()) <= MAX_SEARCH_CHARACTERS:
        raise Misused(f"a search has 1 to {MAX_SEARCH_CHARACTERS} characters.")
    query.encode()  # raises UnicodeError where it is not UTF-8
    selection = Selection(conversation, since, until, search=query)

    def marked(questions: list[Question]) -> Iterator[str]:
        from askcli.cli.commands.history import found  # what no list needs

        return found.lines(questions, query)

    if not _list(selection, limit, marked, server, profile, as_json=as_json):
        console.note(f"No question matches {query}.")


def _list(
    selection: Selection,
    limit: int,
    lay_out: Callable[[list[Question]], Iterator[str]],
    server: str | None,
    profile: str | None,
    *,
    as_json: bool,
) -> bool:
    """Print the questions; whether there were any."""
    with options.connected(server, profile) as api:
        items = list(selection.questions(api, limit))
    completion_cache.questions(items)
    if as_json:
        console.out_json({"items": items, "next_cursor": selection.cursor})
    elif items:
        pager.show(lay_out(items))
    return bool(items) or as_json
