"""URLs of databases: DB_CONN_STRING, and how messages show it."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from askcli.errors import Failed, Misused
from askcli.store.database import sqlite_files

_DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",  # what some hosting services still write
}

_NAME, _PORT = r"\[[^]]*\]|[^/?#@:,\[\]]*", "[0-9]*"
_HOST = rf"(?:{_NAME})(?::{_PORT})?"
_HOST_AND_PORT = re.compile(rf"({_NAME})(?::({_PORT}))?")
# A user and a password, which may have a comma, are none of the hosts, whatever comes after them.
_SEVERAL_HOSTS = re.compile(
    rf"(postgres[a-z+]*://(?:[^/?#@]*@)?+)({_HOST}(?:,{_HOST})+)((?:/[^?]*)?)((?:\?.*)?)"
)


def parse(text: str, name: str = "DB_CONN_STRING") -> URL:
    """Parse a URL that has this name. Raises Misused, without quoting it, for an invalid one."""
    try:
        url = make_url(_with_one_host(text))
        driver = _DRIVERS.get(url.drivername)
    except (ArgumentError, ValueError):
        driver = None
    if not driver:
        # Without the string itself, which may contain a password.
        raise Misused(
            f"{name} is not a database URL that askcli knows: "
            "use sqlite:///path/to/file.db or postgresql://user:password@host/name."
        )
    if "%00" in text or "\0" in text:  # libpq takes what is before it for all, without the port
        raise Misused(f"{name} has %00 in it, which no part of a database URL may be.")
    url = url.set(drivername=driver)
    if url.get_backend_name() == "postgresql":
        _check_hosts(url, text, name)
        return _with_password(url)
    if url.host or url.username or url.query:
        raise Misused(
            f"{name} has more than a file of SQLite: write sqlite:///file.db with three slashes, "
            "sqlite:////path/to/file.db with four, without options; a ? of a name as %3F."
        )
    return url


def _with_password(url: URL) -> URL:
    """Return the URL with a password that is an option of libpq's in its own place.

    Each new connection takes the password from there: it may have been changed since.
    """
    if not (given := url.query.get("password")):
        return url
    password = given if isinstance(given, str) else given[-1]
    return url.difference_update_query(["password"]).set(password=password)


def _check_hosts(url: URL, text: str, name: str) -> None:
    """Raise Misused where the hosts have a part of a password, or ports that are not theirs."""
    if _has_rest_of_password(url, text):
        raise Misused(
            f"{name} has an @ after its host, or an option without a value: "
            "write each @ of a user or a password as %40, and each ? as %3F."
        )
    try:
        url.get_dialect()().create_connect_args(url)
    except (ArgumentError, ValueError):
        raise Misused(
            f"{name} has ports that are no numbers, or does not say which host has which: write "
            "postgresql://user:password@first:5432,second:5432/name."
        ) from None


def _with_one_host(text: str) -> str:
    """Return libpq's URL of several hosts, `…@a:1,b:2/name`, as SQLAlchemy takes it."""
    match = _SEVERAL_HOSTS.fullmatch(text)
    if match is None:
        return text
    start, hosts, path, options = match.groups()
    # Ports apart: SQLAlchemy takes the colons of an IPv6 address for the one before a port.
    parts = [_HOST_AND_PORT.findall(host)[0] for host in hosts.split(",")]
    names = ",".join(host.strip("[]") for host, _ in parts)
    ports = ",".join(port for _, port in parts)
    listed = f"host={names}" + (f"&port={ports}" if ports.strip(",") else "")
    return f"{start}{path}{options}{'&' if options else '?'}{listed}"


def _has_rest_of_password(url: URL, text: str) -> bool:
    """Whether what follows the first `@` of a password was taken for the host, or what follows."""
    options = text.partition("?")[2]
    return any("@" in (part or "") for part in (url.host, url.database)) or any(
        option and not _is_option(option) for option in options.split("&")
    )


def _is_option(text: str) -> bool:
    """Whether it has a name and a value; that of an abstract socket begins with an `@`."""
    name, equals, value = text.partition("=")
    return bool(equals) and "@" not in name and "@" not in value[1:]


def is_same_database(one: URL, other: URL) -> bool:
    """Whether the URLs differ in their passwords at most."""
    return one.set(password="") == other.set(password="")


def shown(url: URL) -> str:
    """Return the URL as messages show it: without a driver, a password or the values of options."""
    plain = url.set(drivername=url.get_backend_name(), query={})
    return plain.render_as_string(hide_password=True)


def has_password(url: URL) -> bool:
    """Whether the URL has a password, also as an option of libpq's."""
    return bool(url.password) or any("password" in name for name in url.query)


def check_exists(url: URL) -> None:
    """Raise Failed for a SQLite database whose file is not there, rather than create it."""
    if url.get_backend_name() == "sqlite" and not sqlite_files.is_file(Path(url.database or "")):
        raise Failed(
            f"there is no database {shown(url)}: run this with the settings of `askcli serve` "
            "(DB_CONN_STRING, ASKCLI_DATA_DIR), or create it with `askcli migrate`."
        )
