"""Groups of commands: their help in sections, and the errors for a missing or unknown command.

A member of a group is loaded when it is run: a table names it, and says in a line what it does. The
help is plain text: rich would take time to load, and cuts names in a narrow window.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, NamedTuple

import typer
from typer import main as typer_main
from typer.core import TyperCommand, TyperGroup

from askcli.cli.output.terminal import console
from askcli.errors import Misused

# Columns of the help at most: longer lines are hard to read.
WIDEST = 100

# The value of an option that is given without one: an id, the last question's.
OMITTED = "@"

# The sections of `askcli --help`, each with an example.
EXAMPLES = {
    "Ask": 'askcli ask "Why is the sky blue?"',
    "History": "askcli history search commit",
    "Account": "askcli login --server https://ask.example.org",
    "Client": "askcli config set server https://ask.example.org",
    "Host": "askcli serve --host 0.0.0.0",
}


class Command(TyperCommand):
    """A command whose options may take a value that can be left out: in help it is in brackets."""

    def make_parser(self, ctx: Any) -> Any:
        """Return a parser that reads `OMITTED` where such an option is last, or before another one.

        The parser knows which words are values: `--system --retry` has one option, not two.
        """
        parser: Any = super().make_parser(ctx)
        options = {
            name
            for option in self.params
            if str(option.metavar).startswith("[") and option.param_type_name == "option"
            for name in option.opts
        }
        match = parser._match_long_opt

        def matched(name: str, value: str | None, state: Any) -> None:
            has_no_word = not state.rargs or state.rargs[0].startswith("-")
            if value is None and name in options and has_no_word:
                value = OMITTED
            match(name, value, state)

        parser._match_long_opt = matched
        return parser


class Member(NamedTuple):
    """A command that is loaded when it is run.

    `target` is `module:name` of a function or of a group, `summary` the first line of its help.
    """

    target: str
    summary: str
    section: str = "Commands"

    def load(self, name: str) -> Any:
        """Return the command under this name."""
        module, _, attribute = self.target.partition(":")
        target = getattr(import_module(module), attribute)
        if not isinstance(target, typer.Typer):
            group = _typer()
            group.command(name, cls=Command)(target)
            target = group
        command = typer_main.get_command(target)
        command.name = name
        return command


class CommandGroup(TyperGroup):
    """A group of commands: those that typer has built, and those that are built when needed."""

    members: ClassVar[Mapping[str, Member]] = {}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._loaded: dict[str, Any] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, in the order of the help."""
        return [*super().list_commands(ctx), *self.members]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command, loaded if need be; None if there is none of that name."""
        if cmd_name not in self._loaded:
            member = self.members.get(cmd_name)
            command = member.load(cmd_name) if member else super().get_command(ctx, cmd_name)
            self._loaded[cmd_name] = command
        command = self._loaded[cmd_name]
        if command and ctx and (option := command.get_help_option(ctx)):
            option.callback = _show_help
        return command

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option that shows this group's own help."""
        if option := super().get_help_option(ctx):
            option.callback = _show_help
        return option

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the options before the command; without one, show the help and raise Misused."""
        ctx.terminal_width = max(min(shutil.get_terminal_size().columns, WIDEST) - 1, 1)
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            console.note(ctx.get_help() + "\n")
            raise Misused(f"{ctx.command_path} needs a command.")
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the arguments name, and the rest. Raises Misused."""
        name = args[0]
        if self.get_command(ctx, name) or name.startswith("-") or ctx.resilient_parsing:
            self._check_options(ctx, name)
            return super().resolve_command(ctx, args)
        import shlex
        from difflib import get_close_matches  # only for an error

        if matches := get_close_matches(name, self.list_commands(ctx), 1):
            hint = f"did you mean `{ctx.command_path} {matches[0]}`?"
        else:
            hint = f"`{ctx.command_path} --help` lists them."
        if ctx.parent is None:
            hint += f" To ask about it: askcli ask {shlex.join(args)}"
        raise Misused(f"there is no command {name!r}; {hint}")

    def _check_options(self, ctx: Any, name: str) -> None:
        """Raise Misused for an option of the group's own command before the name of another.

        It would be ignored: `history --profile work delete` would delete with another login.
        """
        if not self.invoke_without_command:
            return
        for parameter in self.params:
            source = ctx.get_parameter_source(parameter.name)
            if source and source.name == "COMMANDLINE":
                option = max(parameter.opts, key=len)
                raise Misused(
                    f"{option} comes after the command: {ctx.command_path} {name} {option}"
                )

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands with the first line of their help, in sections."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            section, summary = self._described(ctx, name)
            sections.setdefault(section, []).append((name, summary))
        for section in (name for name in (*EXAMPLES, "Commands") if name in sections):
            with formatter.section(section):
                formatter.write_dl(sections[section])
                if section in EXAMPLES:  # in one line, to be copied
                    formatter.write(f"\n  $ {EXAMPLES[section]}\n")

    def _described(self, ctx: Any, name: str) -> tuple[str, str]:
        """Return the command's section, and the first line of its help."""
        if name in self.members:
            return self.members[name].section, self.members[name].summary
        command: Any = super().get_command(ctx, name)
        return "Commands", (command.help or "").partition("\n")[0]


def _show_help(ctx: Any, _option: Any, is_set: bool) -> None:
    """Write the help as all output: typer's own writing ends otherwise at a closed or full pipe."""
    if is_set and not ctx.resilient_parsing:
        console.out(ctx.get_help() + "\n")
        raise typer.Exit


def new(help_: str, members: Mapping[str, Member] | None = None, **options: Any) -> typer.Typer:
    """Return a group of these commands, to which others may be added."""
    kind = type("Group", (CommandGroup,), {"members": members or {}})
    return _typer(help=help_, cls=kind, **options)


def _typer(**options: Any) -> typer.Typer:
    # typer's completion starts Python at every key: ours is `askcli completion`.
    return typer.Typer(
        rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False, **options
    )
