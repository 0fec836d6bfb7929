"""askcli help and askcli completion."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from askcli.cli.output import console
from askcli.cli.reference import completion_scripts as scripts
from askcli.cli.reference import topics, tree
from askcli.errors import Misused


class Shell(StrEnum):
    """A shell with completion."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def help_(
    context: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[TOPIC|COMMAND]...", help="Command or topic.")
    ] = None,
) -> None:
    """Explain a command, or a topic: exit-codes, settings, json."""
    root = context.find_root()
    if words and words[0] in topics.TOPICS:
        console.out(topics.TOPICS[words[0]]() + "\n")
        return
    command, inner_context = root.command, root
    for word in words or []:
        subcommand = getattr(command, "commands", {}).get(word)
        if subcommand is None:
            names = ", ".join(topics.TOPICS)
            raise Misused(f"there is no command or topic {word!r}; the topics are {names}.")
        command, inner_context = (
            subcommand,
            type(root)(subcommand, info_name=word, parent=inner_context),
        )
    console.out(command.get_help(inner_context).rstrip() + "\n")


def completion(
    context: typer.Context,
    shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish")],
) -> None:
    """Print a script that completes askcli's commands, options, ids, models and profiles.

    bash: mkdir -p ~/.local/share/bash-completion/completions, then
    askcli completion bash > ~/.local/share/bash-completion/completions/askcli

    zsh: askcli completion zsh > a directory of $fpath, as _askcli

    fish: askcli completion fish > ~/.config/fish/completions/askcli.fish
    """
    console.out(scripts.script(shell, list(tree.commands(context.find_root().command))))
