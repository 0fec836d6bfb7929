"""Settings: read once, passed on; nothing reads the environment elsewhere.

A flag goes before the environment, the environment before `.env` (for `serve` and the host's
commands alone), that before the config file, and the config file before the default. Plain
dataclasses and not pydantic-settings, because the client reads them at every command.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import platformdirs

from askcli.errors import Misused

ANSWERERS = ("auto", "anthropic", "local", "scripted")
REGISTRATIONS = ("open", "invite", "closed")

# A Unix socket's whole path must stay under 104 bytes (macOS; Linux takes 108).
MAX_RUNTIME_BYTES = 70

# Named like this everywhere else too, so they go without the ASKCLI_ prefix.
_UNPREFIXED = {
    "jwt_secret",
    "jwt_secret_previous",
    "anthropic_api_key",
    "anthropic_base_url",
    "db_conn_string",
    "host",
    "port",
}


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return text

    return parse


def _path(text: str) -> Path:
    """The path, wherever the process goes: the local server may stand elsewhere than its client."""
    return Path(text).expanduser().absolute()


def _model(text: str) -> str:
    """A local model's name as it is, the path of one in full."""
    return str(_path(text)) if "/" in text or text.endswith(".gguf") else text


def _setting(default: Any, parse: Callable[[str], Any] = str, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"parse": parse, "secret": secret})


@dataclass(frozen=True, slots=True)
class Settings:
    """All that can be set; DESIGN section 4 and `.env.example` say what each one means.

    Times are seconds unless the name says days.
    """

    jwt_secret: str | None = _setting(None, secret=True)
    jwt_secret_previous: str | None = _setting(None, secret=True)
    anthropic_api_key: str | None = _setting(None, secret=True)
    anthropic_base_url: str | None = _setting(None)
    db_conn_string: str | None = _setting(None, secret=True)
    host: str = _setting("127.0.0.1")
    port: int = _setting(3000, _whole(0, 65535))
    answerer: str = _setting("auto", _one_of(ANSWERERS))
    model: str | None = _setting(None)
    local_model: str | None = _setting(None, _model)
    script: Path | None = _setting(None, _path)
    access_token_seconds: int = _setting(900, _whole(1, 86_400))
    refresh_token_days: int = _setting(30, _whole(1, 3650))
    refresh_grace_seconds: int = _setting(30, _whole(0, 3600))
    registration: str = _setting("open", _one_of(REGISTRATIONS))
    server: str | None = _setting(None)
    token: str | None = _setting(None, secret=True)
    timeout: int = _setting(600, _whole(1, 86_400))
    idle_seconds: int = _setting(900, _whole(1, 86_400))
    connect_seconds: int = _setting(10, _whole(1, 600))
    first_token_seconds: int = _setting(180, _whole(1, 3600))
    between_tokens_seconds: int = _setting(90, _whole(1, 3600))
    answer_seconds: int = _setting(900, _whole(1, 86_400))
    upstream_attempts: int = _setting(4, _whole(1, 20))
    max_running: int = _setting(64, _whole(1, 100_000))
    max_waiting: int = _setting(1000, _whole(0, 1_000_000))
    orphan_seconds: int = _setting(10, _whole(2, 3600))
    drain_seconds: int = _setting(20, _whole(0, 3600))
    config_dir: Path = _setting(Path(), _path)
    data_dir: Path = _setting(Path(), _path)
    state_dir: Path = field(default=Path())
    runtime_dir: Path = field(default=Path())

    @property
    def database_url(self) -> str:
        """Where the questions are kept: DB_CONN_STRING, else SQLite in the data directory."""
        prefix, _, file = (self.db_conn_string or "").partition(":///")
        if prefix == "sqlite" and file:
            return f"sqlite:///{_path(file)}"
        return self.db_conn_string or f"sqlite:///{self.data_dir / 'askcli.db'}"


def load(flags: Mapping[str, Any] | None = None, *, dotenv: bool = False) -> Settings:
    """Read the settings of this process; `flags` holds what the command line said (None: unsaid).

    Raises Misused for a value that cannot be, naming the place it came from.
    """
    environment = dict(os.environ)
    if dotenv:
        environment = _dotenv() | environment
    said = {name: str(value) for name, value in (flags or {}).items() if value is not None}
    config_dir = _path(
        environment.get("ASKCLI_CONFIG_DIR") or platformdirs.user_config_dir("askcli")
    )
    values: dict[str, Any] = _directories(environment) | {"config_dir": config_dir}
    filed = _config_file(config_dir / "config.toml")
    for setting in fields(Settings):
        if "parse" not in setting.metadata:
            continue
        variable = variable_name(setting.name)
        for text, place in (
            (said.get(setting.name), f"--{setting.name.replace('_', '-')}"),
            (environment.get(variable, "").strip(), variable),
            (filed.get(setting.name), str(config_dir / "config.toml")),
        ):
            if text:
                values[setting.name] = _parse(setting, text, place)
                break
    return Settings(**values)


def variable_name(name: str) -> str:
    """The environment variable of the setting `name`."""
    return name.upper() if name in _UNPREFIXED else f"ASKCLI_{name.upper()}"


def _parse(setting: Any, text: str, place: str) -> Any:
    try:
        return setting.metadata["parse"](text)
    except ValueError as error:
        shown = "the value" if setting.metadata["secret"] else repr(text)
        raise Misused(f"{setting.name}: {shown} (from {place}) must be {error}.") from None


def _directories(environment: Mapping[str, str]) -> dict[str, Path]:
    data = environment.get("ASKCLI_DATA_DIR")
    state = _path(data) if data else Path(platformdirs.user_state_dir("askcli"))
    # Not platformdirs: without XDG_RUNTIME_DIR it warns on stderr. A Unix socket's path must
    # also stay under some 100 bytes, which rules out the data directory.
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    own = f"askcli-{os.getuid()}"
    usable = 0 < len(os.fsencode(runtime)) <= MAX_RUNTIME_BYTES
    return {
        "data_dir": _path(data) if data else Path(platformdirs.user_data_dir("askcli")),
        "state_dir": state,
        "runtime_dir": Path(runtime) / "askcli" if usable else Path("/tmp") / own,  # noqa: S108
    }


def _config_file(path: Path) -> dict[str, str]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Misused(f"cannot read {path}: {error.strerror}.") from error
    import tomllib  # not needed where there is no file

    try:
        values = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misused(f"{path} is not valid TOML: {error}.") from error
    known = {setting.name for setting in fields(Settings) if "parse" in setting.metadata}
    if unknown := sorted(set(values) - known):
        raise Misused(f"{path}: there is no setting {unknown[0]!r}.")
    return {name: str(value) for name, value in values.items()}


def _dotenv() -> dict[str, str]:
    from dotenv import dotenv_values  # only the host's commands read one

    try:
        return {name: value for name, value in dotenv_values(".env").items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise Misused(f"cannot read .env: {error}.") from None
