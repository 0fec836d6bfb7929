"""askcli conversations list, show, rename and delete."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Annotated

import typer

from askcli.cli.commands.history import deletion, layout
from askcli.cli.commands.history.conversations import turns
from askcli.cli.commands.history.conversations.pages import (
    Since,
    Until,
    conversations,
    parse_period,
)
from askcli.cli.input import options, prompts, question_ids
from askcli.cli.input.numbers import number
from askcli.cli.output import pages, times
from askcli.cli.output.numbers import counted
from askcli.cli.output.terminal import console, pager
from askcli.cli.reference import completion_cache, groups
from askcli.contract.limits import MAX_TITLE_CHARACTERS
from askcli.contract.shapes import Conversation
from askcli.errors import Misused

# In a narrower window the time and the cost are left out.
WIDE = 60

app = groups.new(
    "Your conversations.",
    {
        "export": groups.Member(
            "askcli.cli.commands.history.conversations.export:export",
            "Write conversations to stdout, each with its questions in their order.",
        ),
    },
    invoke_without_command=True,
)
Limit = Annotated[int, number("--limit", "-n", help_="Number of conversations.")]
OF_A_QUESTION = "Its id; or @, or the first digits of a question in it."
Id = Annotated[str, typer.Argument(metavar="ID", help=OF_A_QUESTION)]


@app.callback()
def default(
    context: typer.Context,
    limit: Limit = 20,
    since: Since = None,
    until: Until = None,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Your conversations; without a command, the last ones."""
    if context.invoked_subcommand is None:
        list_(limit, since, until, as_json, server, profile)


@app.command("list")
def list_(
    limit: Limit = 20,
    since: Since = None,
    until: Until = None,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """List your conversations, the last active first."""
    period = parse_period(since, until)
    with options.connected(server, profile) as api:
        items = conversations(api, period, limit)
        if as_json:
            console.out_json_parts({}, "items", items)
            return
        some = list(items)
    if some:
        pager.show(_lines(some))
    else:
        console.note(
            "No conversations in that time." if since or until else "No conversations yet."
        )


def _lines(items: list[Conversation]) -> Iterator[str]:
    if not console.is_terminal():
        for item in items:
            cost = "" if item["cost_usd"] is None else f"{item['cost_usd']:.6f}"
            title = " ".join(console.harmless(item["title"]).split())
            yield "\t".join((item["id"], item["last_activity_at"], str(item["turns"]), cost, title))
        return
    # An id of a question is short where that of a conversation is not: it may be of any time.
    short = question_ids.shortened([item["last_question_id"] for item in items])
    columns = shutil.get_terminal_size().columns
    is_wide = columns >= WIDE
    for item in items:
        dollars = "" if item["cost_usd"] is None else f"${item['cost_usd']:,.4f}"
        id_, age = short[item["last_question_id"]], times.ago(item["last_activity_at"])
        turns_ = f"{item['turns']:>5,}"
        cells = (id_, f"{age:{times.WIDTH}}", turns_, f"{dollars:>9}") if is_wide else (id_, turns_)
        head = "".join(f"{cell}  " for cell in cells)
        title = console.one_line(item["title"])
        yield head + layout.cut(title, max(10, columns - len(head)))


@app.command("show")
def show(
    conversation_id: Id,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Show a conversation, its questions and answers in their order."""
    turns.show(conversation_id, as_json=as_json, server=server, profile=profile)


@app.command("rename")
def rename(
    conversation_id: Id,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="Empty: the first question again.")],
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Give a conversation a title."""
    if len(title) > MAX_TITLE_CHARACTERS:
        raise Misused(f"a title has at most {MAX_TITLE_CHARACTERS} characters.")
    with options.connected(server, profile) as api:
        which = question_ids.resolve_conversation(api, conversation_id)
        renamed = api.rename_conversation(which, title)
    if as_json:
        console.out_json(renamed)
    else:
        console.note(f"It is called {renamed['title']}")


@app.command("delete")
def delete(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help=OF_A_QUESTION)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Delete conversations with all their questions; their cost stays in `usage`."""
    for text in ids:
        question_ids.parse_whole(text)
    prompts.check_confirmable("--yes", is_given=yes)
    with options.connected(server, profile) as api:
        # All ids are resolved before the first deletion: a wrong id changes nothing.
        which = dict.fromkeys(question_ids.resolve_conversation(api, text) for text in ids)
        found = [question_ids.conversation(api, id_) for id_ in which]
        if not yes:
            prompts.confirm(f"Delete {', '.join(map(_described, found))}?", "--yes")
        pages.forget()
        completion_cache.forget_conversations(which)
        deletion.of_each(which, api.delete_conversation)
    if as_json:
        console.out_json({"deleted": len(found)})
    else:
        console.note(f"Deleted {counted(len(found), 'conversation')}.")


def _described(conversation: Conversation) -> str:
    title = console.one_line(conversation["title"])
    return f'"{layout.cut(title, 60)}" ({counted(conversation["turns"], "question")})'
