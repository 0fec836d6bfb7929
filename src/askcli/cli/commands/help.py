"""askcli help."""

from __future__ import annotations

from typing import Annotated

import typer

from askcli.cli.output.terminal import console
from askcli.cli.reference import topics, tree
from askcli.errors import Misused


def help_(
    context: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[TOPIC|COMMAND]...", help="Command or topic.")
    ] = None,
) -> None:
    """Explain a command, or a topic: exit-codes, ids, times, settings, json."""
    root = context.find_root()
    if words and words[0] in topics.TOPICS:
        console.out(topics.TOPICS[words[0]]() + "\n")
        return
    command, inner_context = root.command, root
    for word in words or []:
        subcommand = tree.member(command, word)
        if subcommand is None:
            names = ", ".join(topics.TOPICS)
            raise Misused(f"there is no command or topic {word!r}; the topics are {names}.")
        command, inner_context = (
            subcommand,
            type(root)(subcommand, info_name=word, parent=inner_context),
        )
    console.out(command.get_help(inner_context).rstrip() + "\n")
