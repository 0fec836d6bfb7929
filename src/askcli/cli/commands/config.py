"""askcli config: read and edit the config file, one setting at a time, comments kept."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any

import typer

from askcli import settings
from askcli.cli.input import options, stdin
from askcli.cli.output.terminal import console
from askcli.cli.reference import groups
from askcli.errors import Failed, Misused
from askcli.files import locked, private_directory, read, write_private
from askcli.settings import Settings, parsers

app = groups.new("The config file.", invoke_without_command=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Such as server, model or timeout.")]


@app.callback()
def default(context: typer.Context, as_json: options.Json = False) -> None:
    """The config file; without a command, its settings."""
    if context.invoked_subcommand is None:
        _list(as_json=as_json)


def _list(*, as_json: bool) -> None:
    settings_ = {name: _masked(name, value) for name, value in _values().items()}
    if as_json:
        console.out_json(settings_)
        return
    for name, value in settings_.items():
        console.out(f"{name} = {value}\n")
    if not settings_:
        console.note(f"Nothing is set in {_path()}.")


@app.command("get")
def get(name: Name, as_json: options.Json = False) -> None:
    """Print a setting from the config file; exit code 1 if it is not set."""
    _check_name(name)
    value = _values().get(name)
    if value is None:
        raise Failed(f"{name} is not set in {_path()}.")
    if as_json:
        console.out_json({name: value})
    else:
        console.out(f"{value}\n")


@app.command("set")
def set_(
    name: Name, value: Annotated[str, typer.Argument(metavar="VALUE", help="`-` is stdin.")]
) -> None:
    """Set a setting; flags and environment variables override it."""
    _check_name(name)
    if value == "-":
        value = stdin.line("`-`").strip()
    elif name != "server" and _masked(name, value) != value:  # others can read command lines
        raise Misused(f"{name} is a secret: give it through stdin, askcli config set {name} -")
    if not value:
        raise Misused(f"no value; to take it out: askcli config unset {name}")
    parsed = settings.parse(name, value)
    if name == "server":
        from askcli.client.http.address import parse_address  # it loads the HTTP client

        parse_address(value)
    with _editing() as document:
        # Numbers as numbers; anything else as the text that will be parsed again.
        document[name] = parsed if isinstance(parsed, int | float) else value


@app.command("unset")
def unset(name: Name) -> None:
    """Take a setting out of the file."""
    if name not in _read():  # what is there may be another version's
        _check_name(name)
    with _editing() as document:
        document.pop(name, None)


@app.command("path")
def path() -> None:
    """Print the path of the file, which may not exist."""
    console.out(f"{_path()}\n")


@contextmanager
def _editing() -> Iterator[Any]:
    """Edit the file's content, read again under its lock and replaced when the block succeeds."""
    import tomlkit

    path = _path()
    private_directory(path.parent)
    lock = path.with_name(path.name + ".lock")
    with locked(lock):
        document = _read()
        yield document
        try:
            # What a link leads to is replaced, and not the link.
            write_private(Path(os.path.realpath(path)), tomlkit.dumps(document).encode())
        except OSError as error:
            raise Failed(f"cannot write {path}: {error.strerror}.") from error


def _path() -> Path:
    return settings.config_path()


def _read() -> Any:
    """Return the file as a document with its comments. Raises Misused for invalid TOML."""
    import tomlkit  # only these commands write TOML
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(read(_path()).decode("utf-8-sig"))
    except FileNotFoundError:
        return tomlkit.document()
    except OSError as error:
        raise Misused(f"cannot read {_path()}: {error.strerror}.") from error
    except (TOMLKitError, UnicodeDecodeError, RecursionError) as error:
        raise Misused(f"{_path()} is not valid TOML: {error}.") from error


def _values() -> dict[str, Any]:
    return {name: _as_in_json(value) for name, value in _read().unwrap().items()}


def _as_in_json(value: Any) -> Any:
    """Return a value of TOML, with what JSON has not as text: dates, times, `inf` and `nan`."""
    if isinstance(value, dict):
        return {key: _as_in_json(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_as_in_json(part) for part in value]
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _check_name(name: str) -> None:
    names = settings.setting_names()
    if name not in names:
        from difflib import get_close_matches

        matches = get_close_matches(name, names, 1)
        hint = f"did you mean {matches[0]!r}?" if matches else "`askcli help settings` lists them."
        raise Misused(f"there is no setting {name!r}; {hint}")
    if name == "config_dir":
        raise Misused("the config file cannot set its own directory: use ASKCLI_CONFIG_DIR.")


def _masked(name: str, value: Any) -> Any:
    """Return the value as it is shown in a list: no secret, and no password of a URL."""
    if _is_secret(name):
        return "(set)"
    return parsers.without_password(value) if isinstance(value, str) and "://" in value else value


def _is_secret(name: str) -> bool:
    return any(s.name == name and s.metadata.get("secret") for s in fields(Settings))
