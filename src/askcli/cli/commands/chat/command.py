"""askcli chat: its options, checked before anything is typed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from askcli.cli.commands.chat import start
from askcli.cli.commands.chat.chat import Chat
from askcli.cli.commands.chat.conversation import Conversation
from askcli.cli.input import attachments, options, question_ids, stdin
from askcli.cli.input.numbers import number
from askcli.cli.output.terminal import console, notices
from askcli.errors import Misused

Last = Annotated[
    bool, typer.Option("--last", help="Continue your last conversation, of any terminal.")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Choose one of your last conversations to continue.")
]
Vi = Annotated[
    bool, typer.Option("--vi", help="Edit with the keys of vi, as ASKCLI_EDITING_MODE=vi does.")
]
ConversationId = Annotated[
    str | None,
    typer.Option(
        "--conversation", metavar="ID", help="Continue this conversation, @ the last question's."
    ),
]
Files = Annotated[
    list[Path] | None,
    typer.Option(
        "--file",
        "-f",
        metavar="FILE",
        help="Add a text file to the first question; may be repeated.",
    ),
]
Timeout = Annotated[
    int | None,
    number(
        "--timeout", high=86_400, metavar="SECONDS", help_="Time limit of each answer, in seconds."
    ),
]


def chat(
    go_on: options.Continue = False,
    last: Last = False,
    conversation: ConversationId = None,
    resume: Resume = False,
    files: Files = None,
    system: options.System = None,
    model: options.Model = None,
    max_tokens: options.MaxTokens = None,
    vi: Vi = False,
    quiet: options.Quiet = False,
    server: options.Server = None,
    profile: options.Profile = None,
    timeout: Timeout = None,
) -> None:
    """Converse at a prompt; the conversation stays, and goes on here or on another machine."""
    if go_on + last + (conversation is not None) + resume > 1:
        raise Misused("choose one of -c, --last, --conversation and --resume.")
    if not (stdin.is_terminal() and console.is_terminal()):
        raise Misused("chat needs a terminal; in a pipe or a script use `askcli ask`.")
    if conversation is not None:
        question_ids.parse_whole(conversation)
    if Path("-") in (files or []):
        raise Misused("chat reads the terminal; `--file -` is for `askcli ask`.")
    attachments.read(files or [])  # what cannot be read is an error before anything is typed
    if quiet:
        notices.silence()
    settings = {"system": system, "model": model, "max_tokens": max_tokens}
    given = {name: value for name, value in settings.items() if value is not None}
    connection = options.connection(server, profile, timeout)
    choice = start.Choice(go_on=go_on, last=last, resume=resume, conversation=conversation)
    is_vi = vi or connection.settings.editing_mode == "vi"
    Chat(Conversation(connection, given, files or []), is_vi=is_vi).run(choice)
