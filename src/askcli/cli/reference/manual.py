"""Man pages (roff with the macros of man(7)), and all commands as Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from askcli.cli.reference import topics
from askcli.cli.reference.tree import Command


def page(command: Command, all_commands: Iterable[Command]) -> str:
    """Return the man page of a command, in section 1."""
    name = "-".join(command.path)
    subcommands = [c for c in all_commands if c.path[:-1] == command.path]
    parts = [
        f'.TH "{name.upper()}" 1',
        ".SH NAME",
        f"{_escaped(name)} \\- {_escaped(command.summary)}",
        ".SH SYNOPSIS",
        f".B {_escaped(command.usage)}",
        ".SH DESCRIPTION",
        _paragraphs(command.help),
    ]
    if command.arguments:
        parts += [".SH ARGUMENTS", *(_item(a.name, a.help) for a in command.arguments)]
    if command.options:
        parts += [".SH OPTIONS", *(_item(o.signature, o.described) for o in command.options)]
    if subcommands:
        parts += [".SH COMMANDS", *(_item(c.name, c.summary) for c in subcommands)]
    if len(command.path) == 1:
        codes = topics.EXIT_CODES.items()
        parts += [".SH EXIT STATUS", *(_item(str(code), meaning) for code, meaning in codes)]
        see = ", ".join(f"askcli\\-{c.path[1]}(1)" for c in subcommands)
    else:
        see = "askcli(1)"
    return "\n".join([*parts, ".SH SEE ALSO", see]) + "\n"


def _item(name: str, help_: str) -> str:
    return f".TP\n.B {_escaped(name)}\n{_escaped(help_)}"


def _paragraphs(text: str) -> str:
    return "\n.PP\n".join(_escaped(" ".join(part.split())) for part in text.split("\n\n"))


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def markdown(all_commands: Iterable[Command]) -> str:
    """Return docs/cli.md: every command and topic."""
    parts = [
        "# The command line",
        "Made from the help texts by `python tools/reference.py`; a test keeps them the same.",
        "On a terminal, `askcli COMMAND --help`, `askcli help TOPIC` and `man askcli` say it too.",
    ]
    for command in all_commands:
        parts += [f"## {command.name}", f"```\n{command.usage}\n```", command.help]
        items = [(a.name, a.help) for a in command.arguments]
        items += [(o.signature, o.described) for o in command.options]
        if items:
            rows = [f"| `{_cell(name)}` | {_cell(help_)} |" for name, help_ in items]
            parts.append("\n".join(["| | |", "| --- | --- |", *rows]))
    for name, topic in topics.TOPICS.items():
        parts += [f"## {name}", f"```\n{topic()}\n```"]
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
