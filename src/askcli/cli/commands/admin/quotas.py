"""askcli users quota: a user's quotas and spending."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from askcli import settings
from askcli.cli.commands.admin import database
from askcli.cli.input import options
from askcli.cli.output.numbers import counted
from askcli.cli.output.terminal import console
from askcli.errors import Misused
from askcli.settings import parsers

Amount = Annotated[
    str | None, typer.Option(metavar="N", help="A number, `none`, or `default`: the server's.")
]


def quota(
    who: options.User,
    tokens_day: Amount = None,
    tokens_month: Amount = None,
    usd_day: Amount = None,
    usd_month: Amount = None,
    as_json: options.Json = False,
) -> None:
    """Show or set a user's quotas for a day and a month (UTC)."""
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
    with database.transaction() if limits else database.reading() as connection:
        if limits:
            host.set_quota(connection, who, limits)
        quotas_ = host.show(connection, who, server_quota)["quota"]
    if as_json:
        console.out_json(quotas_)
    else:
        print_all(quotas_)


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


def print_all(quotas: dict[str, Any], indent: str = "") -> None:
    """Print a user's spending and quotas."""
    from askcli.services.usage.quotas import dollars

    for name, quota in quotas.items():
        unit, _, period = name.partition("_")
        used = f"${quota['used']:,.4f}" if unit == "usd" else counted(quota["used"], "token")
        limit = quota["limit"]
        shown = f"{limit or 0:,}" if unit == "tokens" else dollars(limit or 0)
        of = "no quota" if limit is None else f"of {shown}"
        console.out(f"{indent}this {period:6}{used} {of} (UTC)\n")
