"""askcli config: read and change the config file, a setting at a time, comments kept."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from askcli import settings
from askcli.cli.input import options, prompts
from askcli.cli.output import console
from askcli.errors import Failed, Misused
from askcli.files import locked, private_directory, write_private
from askcli.settings import Settings

app = typer.Typer(help="The config file.", invoke_without_command=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Such as server, model or timeout.")]


@app.callback()
def default(context: typer.Context, as_json: options.Json = False) -> None:
    """The config file; without a command, what is set in it."""
    if context.invoked_subcommand is None:
        _list(as_json=as_json)


def _list(*, as_json: bool) -> None:
    found = {name: _shown(name, value) for name, value in _read().unwrap().items()}
    if as_json:
        console.out_json(found)
        return
    for name, value in found.items():
        console.out(f"{name} = {value}\n")
    if not found:
        console.note(f"Nothing is set in {_path()}.")


@app.command("get")
def get(name: Name, as_json: options.Json = False) -> None:
    """Print a setting: what the file says, or nothing and exit 1."""
    _known(name)
    value = _read().unwrap().get(name)
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
    """Set a setting; a flag or an environment variable still goes before it."""
    _known(name)
    if value == "-":
        value = prompts.secret_line("-").strip()
    elif _is_secret(name):  # what is on a command line, all users of the machine can read
        raise Misused(f"{name} is a secret: give it through stdin, askcli config set {name} -")
    if not value:
        raise Misused(f"no value; to take it out: askcli config unset {name}")
    parsed = settings.parsed(name, value)
    with _changing() as document:
        # Numbers as numbers; anything else as it was said, which is what is read again.
        document[name] = parsed if isinstance(parsed, int | float) else value


@app.command("unset")
def unset(name: Name) -> None:
    """Take a setting out of the file."""
    _known(name)
    with _changing() as document:
        document.pop(name, None)


@app.command("path")
def path() -> None:
    """Print where the file is, whether there is one or not."""
    console.out(f"{_path()}\n")


class _changing:  # noqa: N801 - a context manager reads like a function
    """Change the file's content, read again under its lock and written whole."""

    def __enter__(self) -> Any:
        self._path = _path()
        private_directory(self._path.parent)
        self._lock = locked(self._path.with_name(self._path.name + ".lock"))
        self._lock.__enter__()
        self._document = _read()
        return self._document

    def __exit__(self, kind: Any, *_: object) -> None:
        import tomlkit

        try:
            if kind is None:
                write_private(self._path, tomlkit.dumps(self._document).encode())
        except OSError as error:
            raise Failed(f"cannot write {self._path}: {error.strerror}.") from error
        finally:
            self._lock.__exit__(None, None, None)


def _path() -> Path:
    return settings.config_path()


def _read() -> Any:
    """The file as a document that keeps its comments. Raises Misused when it is no TOML."""
    import tomlkit  # only these commands write TOML
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(_path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except OSError as error:
        raise Misused(f"cannot read {_path()}: {error.strerror}.") from error
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise Misused(f"{_path()} is not valid TOML: {error}.") from error


def _known(name: str) -> str:
    names = [setting.name for setting in fields(Settings) if "parse" in setting.metadata]
    if name not in names:
        from difflib import get_close_matches

        meant = get_close_matches(name, names, 1)
        hint = f"did you mean {meant[0]!r}?" if meant else "`askcli help settings` lists them."
        raise Misused(f"there is no setting {name!r}; {hint}")
    if name == "config_dir":
        raise Misused("the config file cannot say where it is: use ASKCLI_CONFIG_DIR.")
    return name


def _shown(name: str, value: Any) -> Any:
    """The value, but for a secret."""
    return "(set)" if _is_secret(name) else value


def _is_secret(name: str) -> bool:
    return any(s.name == name and s.metadata.get("secret") for s in fields(Settings))
