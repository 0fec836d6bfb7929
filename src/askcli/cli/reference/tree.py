"""The command tree as data, read from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Option:
    """An option: its names, the name of its value (None for a flag), its help and its default."""

    names: tuple[str, ...]
    value: str | None
    help: str
    choices: tuple[str, ...] = ()
    default: str = ""

    @property
    def signature(self) -> str:
        """The option as help shows it: -m, --model TEXT."""
        names = ", ".join(sorted(self.names, key=len))
        return f"{names} {self.value}" if self.value else names

    @property
    def described(self) -> str:
        """The help with the default, as `--help` shows them."""
        return f"{self.help} [default: {self.default}]" if self.default else self.help


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument: its name as usage shows it, and its help."""

    name: str
    help: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its path, help, arguments, options and subcommands."""

    path: tuple[str, ...]
    help: str
    arguments: tuple[Argument, ...]
    options: tuple[Option, ...]
    commands: tuple[str, ...]

    @property
    def name(self) -> str:
        """The words of the path."""
        return " ".join(self.path)

    @property
    def summary(self) -> str:
        """The first line of the help."""
        return self.help.partition("\n")[0]

    @property
    def usage(self) -> str:
        """The usage line."""
        options = ["[OPTIONS]"] if self.options else []
        commands = ["COMMAND"] if self.commands else []
        return " ".join([self.name, *options, *(a.name for a in self.arguments), *commands])


def commands(root: Any) -> Iterator[Command]:
    """Yield the root command and all below it; a group before its commands."""
    return _walk(root, ("askcli",))


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[Command]:
    subcommands = {name: member(command, name) for name in _members(command)}
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    yield Command(
        path,
        _text(command.help),
        tuple(Argument(_argument(p), _text(p.help)) for p in arguments),
        tuple(_option(p) for p in options),
        tuple(subcommands),
    )
    for name, subcommand in subcommands.items():
        yield from _walk(subcommand, (*path, name))


def member(command: Any, name: str) -> Any:
    """Return a group's command of this name, loaded if need be; None if there is none."""
    return command.get_command(None, name) if name in _members(command) else None


def _members(command: Any) -> list[str]:
    return command.list_commands(None) if hasattr(command, "list_commands") else []


def _argument(parameter: Any) -> str:
    name: str = parameter.metavar or parameter.name.upper()
    return name if parameter.required or name.startswith("[") else f"[{name}]"


def _option(parameter: Any) -> Option:
    choices = tuple(getattr(parameter.type, "choices", ()))
    value = None
    if not parameter.is_flag:
        value = parameter.metavar or ("|".join(choices) if choices else _kind(parameter.type))
    default = str(parameter.default or "") if value else ""
    return Option(tuple(parameter.opts), value, _text(parameter.help), choices, default)


def _kind(kind: Any) -> str:
    name = getattr(kind, "name", "text").upper().removesuffix(" RANGE")
    return {"INT": "NUMBER", "INTEGER": "NUMBER", "FLOAT": "NUMBER", "STR": "TEXT"}.get(name, name)


def _text(help_: str | None) -> str:
    return (help_ or "").strip()
