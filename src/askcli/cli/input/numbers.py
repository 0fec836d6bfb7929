"""Options that take a whole number."""

from __future__ import annotations

from typing import Any

import typer

from askcli.errors import Misused
from askcli.settings import parsers


def number(
    *names: str, help_: str, low: int = 1, high: int = 10**9, metavar: str = "NUMBER"
) -> Any:
    """Return an option that takes a whole number from `low` to `high`."""
    parse_text = parsers.integer(low, high)

    def parse(value: str | int) -> int:
        try:
            return parse_text(str(value))  # a default is a number already
        except ValueError as error:
            raise Misused(f"{names[0]}: {value!r} must be {error}.") from None

    return typer.Option(*names, metavar=metavar, parser=parse, help=help_)
