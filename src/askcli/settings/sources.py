"""Sources of settings: flags, the environment, `.env`, the config file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from io import StringIO
from pathlib import Path
from typing import Any

import platformdirs

from askcli import files
from askcli.errors import Misused
from askcli.settings.fields import Settings, secret_variables, setting_names, variable_name
from askcli.settings.parsers import without_password

# The path of a Unix socket is limited to 104 bytes (macOS; Linux: 108).
MAX_RUNTIME_BYTES = 70
TEMPORARY = Path("/tmp")  # noqa: S108 - a directory in it is trusted only where it is this user's

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_NETWORK = (*_PROXIES, *map(str.lower, _PROXIES), "SSL_CERT_FILE", "SSL_CERT_DIR")


def config_path() -> Path:
    """Return the path of the config file, which may not exist."""
    return _config_dir(os.environ) / "config.toml"


def parse(name: str, text: str) -> Any:
    """Parse the text as a value of the setting `name`. Raises Misused for an invalid value."""
    return _parse(_setting(name), text, "the command")


def load(flags: Mapping[str, Any] | None = None, *, dotenv: bool = False) -> Settings:
    """Read the settings of this process; `flags` are command line options (None: not used).

    Raises Misused for an invalid value, naming its source.
    """
    environment = dict(os.environ)
    if dotenv:
        environment = _dotenv() | environment
    environment = _with_secrets_of_files(environment)
    flag_texts = {name: str(value) for name, value in (flags or {}).items() if value is not None}
    config_dir = _config_dir(environment)
    network = tuple((name, value) for name in _NETWORK if (value := os.environ.get(name)))
    values: dict[str, Any] = {"config_dir": config_dir, "network": network}
    values |= _directories(environment)
    file_texts = _config_file(config_dir / "config.toml")
    for setting in fields(Settings):
        if "parse" not in setting.metadata:
            continue
        variable = variable_name(setting.name)
        for text, place in (
            (flag_texts.get(setting.name), f"--{setting.name.replace('_', '-')}"),
            (environment.get(variable, "").strip(), variable),
            (file_texts.get(setting.name), str(config_dir / "config.toml")),
        ):
            if text:
                values[setting.name] = _parse(setting, text, place)
                break
    if file_texts.get("data_dir") and not environment.get(variable_name("data_dir")):
        # `_directories` knows the variable alone.
        values["state_dir"] = values["data_dir"]
    return Settings(**values)


def _with_secrets_of_files(environment: dict[str, str]) -> dict[str, str]:
    named = {name: file for name, file in secret_variables().items() if environment.get(file)}
    if not named:
        return environment
    from askcli.settings import secret_files  # most commands have none

    return environment | secret_files.contents(named, environment)


def dotenv_names(flags: Mapping[str, Any]) -> list[str] | None:
    """Return the variables whose values `load` takes from `.env`, None where there is no `.env`."""
    if not _may_look_here() or not Path(".env").is_file():
        return None
    given = {name for name, value in flags.items() if value is not None}
    values = _dotenv()
    variables = [variable_name(name) for name in setting_names() if name not in given]
    variables += secret_variables().values()
    return [name for name in variables if values.get(name) and name not in os.environ]


def unknown_variables(*, dotenv: bool = False) -> dict[str, str | None]:
    """Return the variables ASKCLI_… that are no setting's, each with the most similar known one.

    `dotenv`: those of `.env`, too. Raises Misused where that cannot be read.
    """
    given = {*os.environ, *(_dotenv() if dotenv else ())}
    known = [variable_name(name) for name in setting_names()]
    known += secret_variables().values()
    unknown = sorted(name for name in given - {*known} if name.startswith("ASKCLI_"))
    if not unknown:
        return {}
    from difflib import get_close_matches  # only for an error

    return {name: next(iter(get_close_matches(name, known, 1)), None) for name in unknown}


def place(name: str) -> str:
    """Return what gives a setting its value: a variable, or else the config file."""
    return variable_of(name) or "the config file"


def variable_of(name: str) -> str | None:
    """Return the variable that gives a setting its value, None where none does."""
    variable = variable_name(name)
    of_file = secret_variables().get(variable, variable)
    return next((one for one in (variable, of_file) if os.environ.get(one, "").strip()), None)


def _config_dir(environment: Mapping[str, str]) -> Path:
    return _directory(environment, "config_dir", platformdirs.user_config_dir)


def _directory(environment: Mapping[str, str], name: str, default: Callable[[str], str]) -> Path:
    """Return the directory that a variable names, or the user's. Raises Misused."""
    variable = variable_name(name)
    if text := environment.get(variable):
        return _parse(_setting(name), text, variable)  # type: ignore[no-any-return]
    try:
        return Path(default("askcli"))
    except RuntimeError:
        raise Misused(
            "there is no home directory: set HOME to its absolute path, or both ASKCLI_CONFIG_DIR "
            "and ASKCLI_DATA_DIR."
        ) from None


def _setting(name: str) -> Any:
    return next(setting for setting in fields(Settings) if setting.name == name)


def _parse(setting: Any, text: str, place: str) -> Any:
    try:
        return setting.metadata["parse"](text)
    except ValueError as error:
        value = "the value" if setting.metadata["secret"] else repr(without_password(text))
        raise Misused(f"{setting.name}: {value} (from {place}) must be {error}.") from None


def _directories(environment: Mapping[str, str]) -> dict[str, Path]:
    # Not platformdirs: without XDG_RUNTIME_DIR it warns on stderr. A Unix socket's path must
    # also stay under some 100 bytes, which rules out the data directory.
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    fallback = TEMPORARY / f"askcli-{os.getuid()}"
    # XDG has a relative path ignored: it would be another in every working directory.
    is_usable = Path(runtime).is_absolute() and len(os.fsencode(runtime)) <= MAX_RUNTIME_BYTES
    return {
        "data_dir": _directory(environment, "data_dir", platformdirs.user_data_dir),
        "state_dir": _directory(environment, "data_dir", platformdirs.user_state_dir),
        "runtime_dir": Path(runtime) / "askcli" if is_usable else fallback,
    }


def _config_file(path: Path) -> dict[str, str]:
    try:
        content = files.read(path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Misused(f"cannot read {path}: {error.strerror}.") from error
    import tomllib  # not needed without a file

    try:
        values = tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Misused(f"{path} is not valid TOML: {error}.") from error
    if "config_dir" in values:
        raise Misused(
            f"{path} cannot set its own directory: use ASKCLI_CONFIG_DIR; "
            "`askcli config unset config_dir` takes it out."
        )
    if unknown := sorted(values.keys() - setting_names()):
        import shlex  # only for an error

        command = f"askcli config unset {shlex.quote(unknown[0])}"
        raise Misused(f"{path}: there is no setting {unknown[0]!r}; `{command}` takes it out.")
    for name, value in values.items():
        if isinstance(value, list | dict):
            raise Misused(f"{path}: {name} must be one value, not a list or a table.")
    return {name: str(value) for name, value in values.items()}


def _may_look_here() -> bool:
    """Return whether this user may look for files in the working directory.

    After `sudo -u askcli` it may be root's own, and has no `.env` for that user.
    """
    return os.access(".", os.X_OK)


def _dotenv() -> dict[str, str]:
    if not _may_look_here():
        return {}
    try:
        if Path(".env").is_dir():  # as some virtual environments are called
            return {}
        # Not dotenv's own reading, which waits for somebody to write into a pipe.
        text = files.read(Path(".env")).decode("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Misused(f"cannot read .env: {reason}.") from None
    from dotenv import dotenv_values  # only for the host's commands

    values = dotenv_values(stream=StringIO(text, newline=None))
    return {name: value for name, value in values.items() if value is not None}
