"""askcli users: what the host does with accounts, on the server's machine."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from askcli import settings
from askcli.cli.commands.admin import database
from askcli.cli.input import options, prompts
from askcli.cli.output import console
from askcli.cli.reference import groups
from askcli.errors import Misused
from askcli.settings import parsers

app = groups.new("The host's: the accounts of this server.", no_args_is_help=True)

Who = Annotated[str, typer.Argument(metavar="EMAIL|ID")]
Amount = Annotated[
    str | None, typer.Option(metavar="N", help="A number, `none`, or `default`: the server's.")
]


@app.command("list")
def list_(as_json: options.Json = False) -> None:
    """List the users, the oldest first."""
    from askcli.services import admin as host

    with database.reading() as connection:
        users = host.list_all(connection)
    if as_json:
        console.out_json({"items": users})
        return
    for user in users:
        state = "  [disabled]" if user["disabled_at"] else ""
        console.out(
            f"{user['id']}  {console.format_time(user['created_at'])}  {user['name']} "
            f"<{user['email']}>  {user['questions']} questions{state}\n"
        )
    if not users:
        console.note("No users yet: `askcli invite create` makes a code to register with.")


@app.command("show")
def show(who: Who, as_json: options.Json = False) -> None:
    """Show a user with their sessions, tokens, spending and quotas; not their questions."""
    from askcli.services import admin as host
    from askcli.services.usage import quotas

    server_quota = quotas.from_settings(settings.load(dotenv=True))
    with database.reading() as connection:
        user = host.show(connection, who, server_quota)
    if as_json:
        console.out_json(user)
        return
    disabled = user["disabled_at"]
    console.out(f"{user['name']} <{user['email']}>  {user['id']}\n")
    console.out(f"since {console.format_time(user['created_at'])}")
    console.out(f", disabled since {console.format_time(disabled)}\n" if disabled else "\n")
    console.out(f"{len(user['sessions'])} sessions, {len(user['tokens'])} tokens\n")
    _print_quota(user["quota"])


@app.command("disable")
def disable(who: Who) -> None:
    """Shut a user out at once: sessions, open streams and running answers end."""
    from askcli.services import admin as host

    with database.transaction() as connection:
        user = host.disable(connection, who)
    console.note(f"{user['email']} is disabled.")


@app.command("enable")
def enable(who: Who) -> None:
    """Let a user in again."""
    from askcli.services import admin as host

    with database.transaction() as connection:
        user = host.enable(connection, who)
    console.note(f"{user['email']} is enabled and can log in.")


@app.command("delete")
def delete(
    who: Who, yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False
) -> None:
    """Delete a user with all their questions, sessions and tokens."""
    from askcli.services import admin as host

    if not yes:
        prompts.confirm(f"Delete {who} and all that is theirs?", "--yes")
    with database.transaction() as connection:
        user = host.delete(connection, who)
    console.note(f"{user['email']} and all that was theirs is deleted.")


@app.command("reset-password")
def reset_password(who: Who, password_stdin: options.PasswordStdin = False) -> None:
    """Set a new password, printed unless it is given; the user's sessions and tokens end."""
    from askcli.services import admin as host
    from askcli.services.auth.passwords import check_allowed, hash_password
    from askcli.services.auth.tokens import random_token

    new_password = prompts.password(from_stdin=True) if password_stdin else None
    password = new_password if new_password is not None else random_token()
    check_allowed(password)
    password_hash = hash_password(password)  # slow: not while the database is held
    with database.transaction() as connection:
        user = host.reset_password(connection, who, password_hash)
    if new_password is None:
        console.out(password + "\n")
    console.note(f"{user['email']} has a new password; their sessions and tokens have ended.")


@app.command("export")
def export(who: Who) -> None:
    """Print all that is kept of a user, as one JSON object."""
    from askcli.services import admin as host
    from askcli.services import audit
    from askcli.services.usage import quotas

    with database.transaction() as connection:
        user_id = host.find(connection, who)["id"]
        audit.record(connection, "user_exported", user_id=user_id)
    with database.reading() as connection:
        user = host.show(connection, str(user_id), quotas.Quota())
        user["audit"] = host.audit_entries(connection, None, str(user_id), None)
        console.out_json_parts(user, "questions", host.all_questions(connection, user_id))


@app.command("quota")
def quota(
    who: Who,
    tokens_day: Amount = None,
    tokens_month: Amount = None,
    usd_day: Amount = None,
    usd_month: Amount = None,
    as_json: options.Json = False,
) -> None:
    """Show what a user may spend in a day and a month (UTC), or change it."""
    from askcli.services import admin as host
    from askcli.services.usage import quotas

    texts = {
        "tokens_day": tokens_day,
        "tokens_month": tokens_month,
        "usd_day": usd_day,
        "usd_month": usd_month,
    }
    limits = {name: _amount(name, text) for name, text in texts.items() if text is not None}
    server_quota = quotas.from_settings(settings.load(dotenv=True))
    with database.transaction() as connection:
        if limits:
            host.set_quota(connection, who, limits)
        quotas_ = host.show(connection, who, server_quota)["quota"]
    if as_json:
        console.out_json(quotas_)
    else:
        _print_quota(quotas_)


def _amount(name: str, text: str) -> float | None:
    """Parse a quota option: an amount, None for the server's own limit, or UNLIMITED."""
    from askcli.services.usage.quotas import UNLIMITED

    if text == "default":
        return None
    try:
        if text == "none":
            return UNLIMITED
        if name.startswith("tokens"):
            return parsers.integer(0, 10**15)(text)
        return parsers.dollars(text)
    except ValueError as error:
        flag = name.replace("_", "-")
        raise Misused(f"--{flag}: {text!r} must be {error}, none or default.") from None


def _print_quota(quotas: dict[str, Any]) -> None:
    for name, quota in quotas.items():
        unit, _, period = name.partition("_")
        used = f"${quota['used']:,.4f}" if unit == "usd" else f"{quota['used']:,} tokens"
        limit = quota["limit"]
        of = "no quota" if limit is None else f"of {'$' if unit == 'usd' else ''}{limit:,}"
        console.out(f"this {period:6}{used} {of} (UTC)\n")
