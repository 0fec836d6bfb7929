"""askcli history: one's questions and their answers."""

from __future__ import annotations

from typing import Annotated

import typer

from askcli.cli import console, options
from askcli.cli.asking.printing import shower
from askcli.contract import MAX_PAGE, Question

app = typer.Typer(help="Your questions and their answers.", invoke_without_command=True)


Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many.")]
Conversation = Annotated[
    str | None, typer.Option("--conversation", metavar="ID", help="Only this conversation.")
]


@app.callback()
def default(
    context: typer.Context,
    limit: Limit = 20,
    conversation: Conversation = None,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Your questions and their answers; without a command, the newest ones."""
    if context.invoked_subcommand is None:
        list_(limit, conversation, as_json, server, profile)


@app.command("list")
def list_(
    limit: Limit = 20,
    conversation: Conversation = None,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """List your questions, newest first."""
    filters = {"conversation_id": conversation and options.an_id(conversation)}
    with options.connected(server, profile) as api:
        items: list[Question] = []
        cursor: str | None = None
        while len(items) < limit:
            size = min(limit - len(items), MAX_PAGE)
            page = api.questions(limit=size, cursor=cursor, **filters)
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None or not page["items"]:
                break
    if as_json:
        console.out_json({"items": items, "next_cursor": cursor})
        return
    for item in items:
        console.out(_line(item) + "\n")
    if not items:
        console.note("No questions yet.")


@app.command("show")
def show(
    question_id: Annotated[str, typer.Argument(metavar="ID")],
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Show a question and its answer."""
    wanted = options.an_id(question_id)
    with options.connected(server, profile) as api:
        found = api.question(wanted)
    if as_json:
        console.out_json(found)
        return
    console.note(f"{found['created_at']}  {found['model']}  {found['status']}")
    console.note(f"> {found['question']}")
    shower()(iter([found["answer"].rstrip("\n")]))


def _line(item: Question) -> str:
    first = " ".join(item["question"].split())
    short = first if len(first) <= 60 else first[:59] + "…"
    state = "" if item["status"] == "answered" else f"  [{item['status']}]"
    return f"{item['id']}  {console.minute(item['created_at'])}  {short}{state}"
