"""Groups of commands: their help in sections, and the errors for a missing or unknown command.

The help is plain text: rich would take time to load, and cuts names in a narrow window.
"""

from __future__ import annotations

import shlex
import shutil
from difflib import get_close_matches
from typing import Any

import typer
from typer.core import TyperGroup

from askcli.cli.output import console
from askcli.errors import Misused

# Columns of the help at most: longer lines are hard to read.
WIDEST = 100

# The sections of `askcli --help`, each with an example.
EXAMPLES = {
    "Ask": 'askcli ask "Why is the sky blue?"',
    "History": "askcli history search commit",
    "Account": "askcli login --server https://ask.example.org",
    "Client": "askcli config set model claude-haiku-5-5",
    "Host": "askcli serve --host 0.0.0.0",
}


class CommandGroup(TyperGroup):
    """A group of commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the options before the command; without one, show the help and raise Misused."""
        ctx.terminal_width = min(shutil.get_terminal_size().columns, WIDEST) - 1
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            console.note(ctx.get_help() + "\n")
            raise Misused(f"{ctx.command_path} needs a command.")
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the arguments name, and the rest. Raises Misused."""
        name = args[0]
        if self.get_command(ctx, name) or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        if matches := get_close_matches(name, self.list_commands(ctx), 1):
            hint = f"did you mean `{ctx.command_path} {matches[0]}`?"
        else:
            hint = f"`{ctx.command_path} --help` lists them."
        if ctx.parent is None:
            hint += f" To ask about it: askcli ask {shlex.join(args)}"
        raise Misused(f"there is no command {name!r}; {hint}")

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands with the first line of their help, in sections."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            if not command.hidden:
                section = command.rich_help_panel or "Commands"
                summary = (command.help or "").partition("\n")[0]
                sections.setdefault(section, []).append((name, summary))
        for section in (name for name in (*EXAMPLES, "Commands") if name in sections):
            with formatter.section(section):
                formatter.write_dl(sections[section])
                if section in EXAMPLES:  # in one line, to be copied
                    formatter.write(f"\n  $ {EXAMPLES[section]}\n")


def new(help_: str, **options: Any) -> typer.Typer:
    """Return a group of commands without a member yet."""
    return typer.Typer(help=help_, cls=CommandGroup, rich_markup_mode=None, **options)
