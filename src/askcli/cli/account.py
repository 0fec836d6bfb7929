"""askcli register, login, logout and whoami."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Annotated

import typer

from askcli.cli import console, options
from askcli.client.api import Api
from askcli.client.connect import connect
from askcli.client.credentials import Credentials
from askcli.contract import User
from askcli.errors import Misused, NotAuthenticated


def register(
    name: Annotated[str | None, typer.Option("--name", help="Your name.")] = None,
    email: options.Email = None,
    password_stdin: options.PasswordStdin = False,
    as_json: options.Json = False,
    server: options.Server = None,
) -> None:
    """Create an account and log in to it."""
    settings = options.client_settings(server)
    with connect(settings) as api:
        name = name or _prompt("Name", "--name")
        email = email or _prompt("Email", "--email")
        password = _password(from_stdin=password_stdin, twice=True)
        with Credentials(settings.config_dir).changing(api.address.key) as change:
            user = api.register(name, email, password)
            change.put(api.login(email, password))
    _greet(api, user, "Registered", as_json=as_json)


def login(
    email: options.Email = None,
    password_stdin: options.PasswordStdin = False,
    as_json: options.Json = False,
    server: options.Server = None,
) -> None:
    """Log in to an account."""
    settings = options.client_settings(server)
    with connect(settings) as api:
        email = email or _prompt("Email", "--email")
        password = _password(from_stdin=password_stdin)
        with Credentials(settings.config_dir).changing(api.address.key) as change:
            tokens = api.login(email, password)
            change.put(tokens)
    _greet(api, tokens["user"], "Logged in", as_json=as_json)


def logout(server: options.Server = None) -> None:
    """End the session, here and on the server."""
    settings = options.client_settings(server)
    with connect(settings) as api:
        credentials = Credentials(settings.config_dir)
        if not settings.token and credentials.current(api.address.key) is None:
            raise NotAuthenticated(f"not logged in to {api.address.name}.")
        with suppress(NotAuthenticated):  # it has ended already
            api.logout()
        if not settings.token:
            with credentials.changing(api.address.key) as change:
                change.forget()
    console.note(f"Logged out of {api.address.name}.")


def whoami(as_json: options.Json = False, server: options.Server = None) -> None:
    """Show who is logged in, and where."""
    with options.connected(server) as api:
        user = api.user()
    if as_json:
        console.out_json(user | {"server": api.address.name})
    else:
        console.out(f"{user['name']} <{user['email']}> on {api.address.name}\n")


def _greet(api: Api, user: User, done: str, *, as_json: bool) -> None:
    if as_json:
        console.out_json(user)
    console.note(f"{done} as {user['email']} on {api.address.name}.")


def _prompt(label: str, flag: str) -> str:
    """Ask the user, who must be at a terminal."""
    if not _at_terminal():
        raise Misused(f"{label.lower()} is missing: give it with {flag}.")
    return str(typer.prompt(label, err=True)).strip()


def _password(*, from_stdin: bool, twice: bool = False) -> str:
    if from_stdin:
        if sys.stdin is None:
            raise Misused("--password-stdin needs a stdin, and it is closed.")
        return sys.stdin.readline().rstrip("\r\n")
    if not _at_terminal():
        raise Misused("the password is missing: give it with --password-stdin.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=twice, err=True))


def _at_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
