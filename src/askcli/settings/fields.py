"""All settings.

A plain dataclass and not pydantic-settings, because every command reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from askcli.settings import parsers
from askcli.settings.loopback import is_loopback
from askcli.settings.parsers import Rate
from askcli.settings.registration import POLICIES, Policy, Registration

# Names that are common elsewhere too: without the ASKCLI_ prefix.
_UNPREFIXED = {
    "jwt_secret",
    "jwt_secret_previous",
    "anthropic_api_key",
    "anthropic_base_url",
    "db_conn_string",
    "host",
    "port",
}


def _setting(
    default: Any,
    parse: Callable[[str], Any] = str,
    *,
    secret: bool = False,
    is_shown: bool = True,
) -> Any:
    is_shown = is_shown and not secret
    return field(default=default, repr=is_shown, metadata={"parse": parse, "secret": secret})


@dataclass(frozen=True, slots=True, eq=False)  # none are compared, and every command makes them
class Settings:
    """All settings; `.env.example` documents them. Times are seconds unless the name says days."""

    jwt_secret: str | None = _setting(None, secret=True)
    jwt_secret_previous: str | None = _setting(None, secret=True)
    anthropic_api_key: str | None = _setting(None, parsers.key, secret=True)
    # It may contain a password, which no description of the settings shows.
    anthropic_base_url: str | None = _setting(None, parsers.http_url, is_shown=False)
    db_conn_string: str | None = _setting(None, secret=True)
    copy_to: str | None = _setting(None, secret=True)  # of `store copy` alone
    database_connections: int = _setting(13, parsers.integer(3, 500))
    host: str = _setting("127.0.0.1")
    port: int = _setting(3000, parsers.integer(0, 65535))
    answerer: str = _setting("auto", parsers.one_of("auto", "anthropic", "local", "scripted"))
    model: str | None = _setting(None, parsers.utf_8)
    local_model: str | None = _setting(None, parsers.model)
    script: Path | None = _setting(None, parsers.path)
    access_token_seconds: int = _setting(900, parsers.integer(1, 86_400))
    refresh_token_days: int = _setting(30, parsers.integer(1, 3650))
    refresh_grace_seconds: int = _setting(30, parsers.integer(0, 3600))
    registration: Policy | None = _setting(None, parsers.one_of(*POLICIES))
    allowed_hosts: tuple[str, ...] = _setting((), parsers.hosts)
    allowed_origins: tuple[str, ...] = _setting((), parsers.origins)
    trusted_proxies: tuple[str, ...] = _setting((), parsers.networks)
    login_limit: Rate = _setting(Rate(10, 300), parsers.rate)
    account_limit: Rate = _setting(Rate(100, 3600), parsers.rate)
    address_limit: Rate = _setting(Rate(300, 60), parsers.rate)
    register_limit: Rate = _setting(Rate(20, 3600), parsers.rate)
    refresh_limit: Rate = _setting(Rate(60, 60), parsers.rate)
    quota_tokens_day: int | None = _setting(None, parsers.integer(0, 10**15))
    quota_tokens_month: int | None = _setting(None, parsers.integer(0, 10**15))
    quota_usd_day: float | None = _setting(None, parsers.dollars)
    quota_usd_month: float | None = _setting(None, parsers.dollars)
    retention_days: int | None = _setting(None, parsers.integer(1, 36_500))
    audit_days: int = _setting(90, parsers.integer(1, 36_500))
    server: str | None = _setting(None)
    profile: str | None = _setting(None)
    token: str | None = _setting(None, secret=True)
    timeout: int = _setting(600, parsers.integer(1, 86_400))
    editing_mode: str = _setting("emacs", parsers.one_of("emacs", "vi"))
    idle_seconds: int = _setting(900, parsers.integer(1, 86_400))
    connect_seconds: int = _setting(10, parsers.integer(1, 600))
    first_token_seconds: int = _setting(180, parsers.integer(1, 3600))
    between_tokens_seconds: int = _setting(90, parsers.integer(1, 3600))
    answer_seconds: int = _setting(900, parsers.integer(1, 86_400))
    upstream_attempts: int = _setting(4, parsers.integer(1, 20))
    max_running: int = _setting(64, parsers.integer(1, 100_000))
    max_waiting: int = _setting(1000, parsers.integer(0, 1_000_000))
    orphan_seconds: int = _setting(10, parsers.integer(2, 3600))
    leave_seconds: int = _setting(0, parsers.integer(0, 3600))
    drain_seconds: int = _setting(20, parsers.integer(0, 3600))
    log: str = _setting("text", parsers.one_of("text", "json"))
    log_level: str = _setting("info", parsers.one_of("debug", "info", "warning", "error"))
    config_dir: Path = _setting(Path(), parsers.path)
    data_dir: Path = _setting(Path(), parsers.path)
    state_dir: Path = field(default=Path())
    runtime_dir: Path = field(default=Path())
    # The variables of proxies and certificates, which HTTP clients read themselves.
    network: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def asks_anthropic(self) -> bool:
        """Whether Anthropic answers: where nothing else is chosen, if there is a key."""
        return self.answerer == "anthropic" or (
            self.answerer == "auto" and bool(self.anthropic_api_key)
        )

    @property
    def is_beyond_loopback(self) -> bool:
        """Whether `serve` listens on an address that other machines can reach."""
        return not is_loopback(self.host)

    @property
    def public_because(self) -> str | None:
        """The sign that strangers may reach the server, None without one.

        Behind a proxy, a server on loopback is as public as the proxy.
        """
        signs = {
            "the server listens beyond loopback": self.is_beyond_loopback,
            "ASKCLI_TRUSTED_PROXIES is set": bool(self.trusted_proxies),
            "ASKCLI_ALLOWED_HOSTS is set": bool(self.allowed_hosts),
            "the database is PostgreSQL": self.database_url.startswith("postgres"),
        }
        return next((sign for sign, holds in signs.items() if holds), None)

    @property
    def registration_policy(self) -> Registration:
        """The registration policy: as configured, else invite on a public server and open here."""
        if self.registration:
            return Registration(self.registration, "ASKCLI_REGISTRATION says so")
        if self.public_because:
            return Registration("invite", self.public_because)
        return Registration("open", "only this machine reaches the server")

    @property
    def database_url(self) -> str:
        """The database: DB_CONN_STRING, else SQLite in the data directory."""
        return _absolute(self.db_conn_string) or _sqlite(self.data_dir / "askcli.db")

    @property
    def target_url(self) -> str | None:
        """The database that `store copy` copies into."""
        return _absolute(self.copy_to)


def _absolute(url: str | None) -> str | None:
    """Return the URL, that of an SQLite database with an absolute path."""
    prefix, _, file = (url or "").partition(":///")
    if prefix != "sqlite" or file in ("", ":memory:"):  # neither of which the store takes
        return url
    from urllib.parse import unquote  # most commands have no URL

    name, question_mark, options = file.partition("?")
    return f"{_sqlite(parsers.path(unquote(name)))}{question_mark}{options}"


def _sqlite(path: Path) -> str:
    """Return the URL of an SQLite database, whose path is not to be taken for a part of a URL."""
    return f"sqlite:///{path}".replace("%", "%25").replace("?", "%3F")


def variable_name(name: str) -> str:
    """Return the environment variable of the setting `name`."""
    return name.upper() if name in _UNPREFIXED else f"ASKCLI_{name.upper()}"


def setting_names() -> list[str]:
    """Return the names of all settings, without the directories that follow from others."""
    return [one.name for one in fields(Settings) if "parse" in one.metadata]


def secret_variables() -> dict[str, str]:
    """Return the variable of each secret setting, with the one that names a file with it."""
    variables = [variable_name(one.name) for one in fields(Settings) if one.metadata.get("secret")]
    return {variable: f"{variable}_FILE" for variable in variables}
