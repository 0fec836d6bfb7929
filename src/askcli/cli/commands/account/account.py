"""askcli register, login, passwd and whoami."""

from __future__ import annotations

from typing import Annotated

import typer

from askcli import settings
from askcli.cli.input import options, prompts, stdin, token_choice
from askcli.cli.output import times
from askcli.cli.output.terminal import console
from askcli.cli.reference import completion_cache
from askcli.client.api import Api
from askcli.client.target import Connection
from askcli.contract.shapes import Tokens, User
from askcli.errors import AskcliError, InviteNeeded, Misused, RegistrationClosed


def register(
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="Your name.")] = None,
    email: options.Email = None,
    invite: Annotated[
        str | None, typer.Option("--invite", metavar="CODE", help="From the server's host.")
    ] = None,
    password_stdin: options.PasswordStdin = False,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Create an account and log in to it."""
    connection = _new(server, profile)
    with connection.open() as api:
        if stdin.is_terminal() and invite is None:
            _check_registration(api)
        name = name or prompts.value("Name", "--name")
        email = email or prompts.value("Email", "--email")
        password = prompts.new_password(from_stdin=password_stdin)
        with connection.credentials.update(api.address.key) as entry:
            user = api.register(name, email, password, invite)
            entry.put(_first_login(connection, api, email, password))
    _greet(connection, user, "Registered", as_json=as_json)


def _first_login(connection: Connection, api: Api, email: str, password: str) -> Tokens:
    try:
        return api.login(email, password)
    except AskcliError as error:
        options_ = connection.credentials.options(api.address.url)
        error.detail = (
            f"the account was made, log in to it with `askcli login {options_}`: {error.detail}"
        )
        raise


def _check_registration(api: Api) -> None:
    """Raise the error of a registration without an invite before anything is typed."""
    try:
        registration = api.ready().get("registration")
    except AskcliError:  # /readyz may be closed to clients: the request will report what is wrong
        return
    policy = registration["policy"] if registration else "open"
    if policy == "invite":
        raise InviteNeeded(
            "this server needs an invite: ask its host for a code, then add --invite CODE."
        )
    if policy == "closed":
        raise RegistrationClosed("this server takes no registrations; ask its host.")


def login(
    email: options.Email = None,
    password_stdin: options.PasswordStdin = False,
    with_token: Annotated[
        bool, typer.Option("--with-token", help="Read an API token from stdin instead.")
    ] = False,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Log in to an account; --profile gives the login a name for other commands."""
    connection = _new(server, profile)
    if with_token:
        if email or password_stdin:
            raise Misused("--with-token takes no other option for the account: the token names it.")
        _greet_token(connection, as_json=as_json)
        return
    with connection.open() as api:
        email = email or prompts.value("Email", "--email")
        password = prompts.password(from_stdin=password_stdin)
        with connection.credentials.update(api.address.key) as entry:
            tokens = api.login(email, password)
            entry.put(tokens)
    _greet(connection, tokens["user"], "Logged in", as_json=as_json)


def _greet_token(connection: Connection, *, as_json: bool) -> None:
    token = stdin.line("--with-token").strip()
    if not token:
        raise Misused("stdin has no token: askcli login --with-token < FILE")
    with connection.with_token(token).open() as api:
        user = api.user()
        with connection.credentials.update(api.address.key) as entry:
            entry.put_token(token, user)
    _greet(connection, user, "Logged in with a token", as_json=as_json)


def passwd(
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Read two lines: the current one and the new one."),
    ] = False,
    keep_tokens: options.KeepTokens = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Change your password; your other sessions and your API tokens end."""
    connection = options.connection(server, profile)
    if connection.is_local:
        raise Misused("the local server has no password; only you can reach it.")
    _warn_unencrypted(connection)
    with connection.open() as api:
        api.user()  # reports a missing login before anything is typed
        old = prompts.password(from_stdin=password_stdin, label="Current password")
        new = prompts.new_password(from_stdin=password_stdin, label="New password")
        count = len(api.tokens())
        keep = token_choice.keep(count, is_given=keep_tokens)
        api.change_password(old, new, keep_tokens=keep)
    outcome = token_choice.outcome(count, is_kept=keep)
    console.note(f"Changed the password; your other sessions have ended{outcome}.")


def whoami(
    sessions: Annotated[
        bool, typer.Option("--sessions", help="Show where you are logged in.")
    ] = False,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Show the account and the server."""
    with options.connected(server, profile) as api:
        if sessions:
            _show_sessions(api, as_json=as_json)
            return
        user = api.user()
    if as_json:
        console.out_json(user | {"server": api.address.name})
    else:
        console.out(f"{user['name']} <{user['email']}> on {api.address.name}\n")


def _show_sessions(api: Api, *, as_json: bool) -> None:
    items = api.sessions()
    if as_json:
        console.out_json({"items": items})
        return
    for session in items:
        used, since = session["last_used_at"], session["created_at"]
        mark = "  (this one)" if session["current"] else ""
        console.out(
            f"{session['id']}  {session['client']} from {session['address'] or 'this machine'}, "
            f"since {console.format_time(since)}, used {times.ago(used)}{mark}\n"
        )


def _new(server: str | None, profile: str | None) -> Connection:
    """Return the connection for a new login; a new profile uses the server given by --server."""
    connection = options.connection(server, profile)
    if connection.settings.token:
        place = settings.place("token")
        raise Misused(f"the token from {place} takes precedence over a login: unset it first.")
    _warn_unencrypted(connection)
    return connection


def _warn_unencrypted(connection: Connection) -> None:
    if connection.address.is_readable_on_its_way:
        console.note(
            f"askcli: warning: {connection.address.name} is plain HTTP, so others on the network "
            "can read your password and tokens: use https://."
        )


def _greet(connection: Connection, user: User, done: str, *, as_json: bool) -> None:
    completion_cache.profiles(connection.credentials.profiles())
    if as_json:
        console.out_json(user)
    console.note(f"{done} as {user['email']} on {connection.address.name}.")
