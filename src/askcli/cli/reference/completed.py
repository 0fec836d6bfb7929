"""What completes the options and arguments of commands: words, or a file of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from askcli.cli.reference.topics import TOPICS
from askcli.cli.reference.tree import Command
from askcli.local_models.catalogue import CATALOGUE
from askcli.settings import setting_names

# The file that completes the value of an option, or a command's argument.
VALUES = {
    "--model": "models",
    "--profile": "profiles",
    "--conversation": "conversations",
    "--rejoin": "ids",
    "--retry": "ids",
}
ARGUMENTS = {
    "askcli history show": "ids",
    "askcli history delete": "ids",
    "askcli conversations show": "conversations",
    "askcli conversations rename": "conversations",
    "askcli conversations delete": "conversations",
    "askcli conversations export": "conversations",
}
_SETTINGS = setting_names()
_ARGUMENT_WORDS = {
    "askcli models pull": list(CATALOGUE),
    "askcli config get": _SETTINGS,
    "askcli config set": _SETTINGS,
    "askcli config unset": _SETTINGS,
    "askcli completion": ["bash", "zsh", "fish"],
}


def with_help_of_each(commands: Sequence[Command]) -> list[Command]:
    """Return the commands; `askcli help` is a group that has the same ones, and the topics."""
    root, *others = commands
    topics = [Command(("askcli", "help", name), "A topic.", (), (), ()) for name in TOPICS]
    explained = [
        replace(c, path=("askcli", "help", *c.path[1:]), arguments=(), options=()) for c in others
    ]
    names = (*TOPICS, *root.commands)
    groups = [
        replace(c, arguments=(), commands=names) if c.name == "askcli help" else c for c in others
    ]
    return [root, *groups, *topics, *explained]


def argument_words(command: Command) -> Sequence[str]:
    """Return the words that complete the command's argument."""
    return _ARGUMENT_WORDS.get(command.name, ())


def kinds(commands: Sequence[Command]) -> dict[str, list[str]]:
    """Return the options whose values are completed from each file."""
    options_by_kind: dict[str, list[str]] = {}
    for command in commands:
        for option in command.options:
            kind = next((VALUES[name] for name in option.names if name in VALUES), None)
            if kind:
                names = options_by_kind.setdefault(kind, [])
                names += [name for name in option.names if name not in names]
    return options_by_kind


def choices(commands: Sequence[Command]) -> dict[tuple[str, ...], list[str]]:
    """Return the words to choose from, each with its options: `askcli history export --format`."""
    names: dict[tuple[str, ...], list[str]] = {}
    for command in commands:
        for option in command.options:
            if option.choices:
                of = names.setdefault(tuple(option.choices), [])
                of += [f"{command.name} {name}" for name in option.names]
    return names


def with_value(commands: Sequence[Command]) -> list[str]:
    """Return the options with any other value, or a choice, of any command."""
    listed = {name for names in kinds(commands).values() for name in names}
    names = {n for c in commands for o in c.options if o.value for n in o.names}
    return sorted(names - listed)
