"""askcli users: the administration of accounts, on the server's machine."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from askcli import settings
from askcli.cli.commands.admin import database, quotas
from askcli.cli.input import options, prompts, token_choice
from askcli.cli.output import times
from askcli.cli.output.numbers import counted
from askcli.cli.output.terminal import console
from askcli.cli.reference import groups

if TYPE_CHECKING:
    from askcli.services.usage.quotas import Quota

app = groups.new(
    "The host's: the accounts of this server.",
    {
        "quota": groups.Member(
            "askcli.cli.commands.admin.quotas:quota",
            "Show or set a user's quotas for a day and a month (UTC).",
        ),
        "retention": groups.Member(
            "askcli.cli.commands.admin.retention:retention",
            "Show or set for how many days after their end a user's questions are kept.",
        ),
    },
    no_args_is_help=True,
)


@app.command("list")
def list_(
    spending: Annotated[
        bool, typer.Option("--spending", help="Show each user's spending and quotas.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """List the users, the oldest first."""
    from askcli.services import admin as host

    server_quota = _server_quota() if spending else None
    with database.reading() as connection:
        users = host.list_all(connection, server_quota)
    if as_json:
        console.out_json({"items": users})
        return
    for user in users:
        console.out(
            f"{user['id']}  {times.ago(user['created_at']):{times.WIDTH}}  {user['name']} "
            f"<{user['email']}>  {counted(user['questions'], 'question')}{_marks(user)}\n"
        )
        quotas.print_all(user.get("quota", {}), indent="  ")
    if not users:
        console.note("No users yet: `askcli invite create` makes a code to register with.")


def _marks(user: dict[str, Any]) -> str:
    scripts = ", ".join(user["mixed_scripts"])
    mixed = f"  [mixed scripts: {scripts}]" if scripts else ""
    return mixed + ("  [disabled]" if user["disabled_at"] else "")


def _server_quota() -> Quota:
    from askcli.services.usage.quotas import from_settings

    return from_settings(settings.load(dotenv=True))


@app.command("show")
def show(who: options.User, as_json: options.Json = False) -> None:
    """Show a user with their sessions, tokens, spending and quotas; not their questions."""
    from askcli.services import admin as host

    with database.reading() as connection:
        user = host.show(connection, who, _server_quota())
    if as_json:
        console.out_json(user)
        return
    disabled = user["disabled_at"]
    console.out(f"{user['name']} <{user['email']}>  {user['id']}{_marks(user)}\n")
    console.out(f"since {times.in_full(user['created_at'])}")
    console.out(f", disabled since {times.in_full(disabled)}\n" if disabled else "\n")
    sessions, tokens = len(user["sessions"]), len(user["tokens"])
    console.out(f"{counted(sessions, 'session')}, {counted(tokens, 'API token')}\n")
    quotas.print_all(user["quota"])


@app.command("disable")
def disable(who: options.User) -> None:
    """Disable an account: its sessions, open streams and running answers end."""
    from askcli.services import admin as host

    with database.transaction() as connection:
        user = host.disable(connection, who)
    console.note(f"{user['email']} is disabled.")


@app.command("enable")
def enable(who: options.User) -> None:
    """Enable a disabled account."""
    from askcli.services import admin as host

    with database.transaction() as connection:
        user = host.enable(connection, who)
    console.note(f"{user['email']} is enabled and can log in.")


@app.command("delete")
def delete(
    who: options.User,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete a user with all their questions, sessions and tokens."""
    from askcli.services import admin as host

    if not yes:
        prompts.confirm(f"Delete {who} with all questions, sessions and tokens?", "--yes")
    with database.database() as opened:
        user = host.delete(partial(database.transaction_on, opened), who)
    console.note(f"{user['email']} is deleted, with all questions, sessions and tokens.")


@app.command("reset-password")
def reset_password(
    who: options.User,
    keep_tokens: options.KeepTokens = False,
    password_stdin: options.PasswordStdin = False,
) -> None:
    """Set a new password, printed unless it is given; the user's sessions and tokens end."""
    from askcli.services import admin as host
    from askcli.services.auth.passwords import check_allowed, hash_password
    from askcli.services.auth.tokens import random_token

    new_password = prompts.password(from_stdin=True) if password_stdin else None
    password = new_password if new_password is not None else random_token()
    check_allowed(password)
    password_hash = hash_password(password)  # slow: not while the database is held
    with database.database() as opened:
        with database.reading_on(opened) as connection:
            count = host.count_tokens(connection, who)
        keep = token_choice.keep(count, is_given=keep_tokens)
        with database.transaction_on(opened) as connection:
            user = host.reset_password(connection, who, password_hash, keep_tokens=keep)
    if new_password is None:
        console.out(password + "\n")
    outcome = token_choice.outcome(count, is_kept=keep)
    console.note(f"{user['email']} has a new password; their sessions have ended{outcome}.")


@app.command("export")
def export(who: options.User) -> None:
    """Print a user's account, spending, audit entries and questions as one JSON object."""
    from askcli.services import admin as host
    from askcli.services import audit
    from askcli.services.usage.quotas import Quota

    with database.database() as opened:
        with database.transaction_on(opened) as connection:
            user_id = host.find(connection, who)["id"]
            audit.record(connection, "user_exported", user_id=user_id)
        with database.reading_on(opened) as connection:
            user = host.show(connection, str(user_id), Quota())
            user["audit"] = host.audit_entries(connection, None, str(user_id), None)
            console.out_json_parts(user, "questions", host.all_questions(connection, user_id))
