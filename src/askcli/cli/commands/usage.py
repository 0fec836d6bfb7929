"""askcli usage: tokens and costs by day and by model."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

import typer

from askcli.cli.input import options, times
from askcli.cli.output.numbers import counted, rounded
from askcli.cli.output.terminal import console, pager
from askcli.contract.shapes import Usage

# Below this width only the numbers are shown.
NARROW = 60

# Eighths of a cell, for the end of a bar.
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass
class Sum:
    """The sum of a day or a model; `cost` is None where no price is known."""

    questions: int = 0
    tokens: int = 0
    cost: float | None = None

    def add(self, item: Usage) -> None:
        """Add an item."""
        self.questions += item["questions"]
        self.tokens += item["input_tokens"] + item["output_tokens"]
        if item["cost_usd"] is not None:
            self.cost = (self.cost or 0.0) + item["cost_usd"]


def usage(
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="Not before 2w, monday, 2026-01-31 …")
    ] = "30d",
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Before 2d, monday, 2026-01-31 …")
    ] = None,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Show your tokens and their cost, by day (UTC) and by model."""
    period = {
        "since": times.parse(since, "--since"),
        "until": times.parse_optional(until, "--until"),
    }
    with options.connected(server, profile) as api:
        items = api.usage(**period)
    if as_json:
        console.out_json({"items": items})
    elif not items:
        console.note("Nothing was asked in that time.")
    elif console.is_terminal():
        pager.show(_chart(items))
    else:
        pager.show(_fields(item) for item in items)


def _fields(item: Usage) -> str:
    # Not those of a later version's server, nor in its order.
    values = (item.get(name) for name in Usage.__annotations__)
    texts = ("" if value is None else console.harmless(str(value)) for value in values)
    return "\t".join(" ".join(text.split()) for text in texts)


def _chart(items: list[Usage]) -> Iterator[str]:
    days, models = defaultdict[str, Sum](Sum), defaultdict[str, Sum](Sum)
    total = Sum()
    for item in items:
        for part in (days[item["day"]], models[console.visible(item["model"])], total):
            part.add(item)
    yield from _bars(days)
    yield ""
    yield from _bars(dict(sorted(models.items(), key=lambda item: -item[1].tokens)))
    yield ""
    yield f"{_numbers(total, counted).strip()} in all (days in UTC)"


def _bars(sums: dict[str, Sum]) -> Iterator[str]:
    """Yield a line for each sum: its name, a bar in proportion to its tokens, the numbers.

    No number or name that a server may send makes a bar or a row of blanks longer than the screen.
    """
    most = max(1, *(part.tokens for part in sums.values()))
    columns = shutil.get_terminal_size().columns
    names = min(columns, max(map(len, sums)))
    numbers = {name: _numbers(part) for name, part in sums.items()}
    longest = max(map(len, numbers.values()))
    room = columns - names - longest - 4
    for name, part in sums.items():
        bar = f"{_bar(max(0, part.tokens) / most, room)}  " if room >= 4 else ""
        yield f"{name:{names}}  {bar}{numbers[name]}"


def _bar(share: float, room: int) -> str:
    is_plain = "utf" not in (os.environ.get("LC_ALL") or os.environ.get("LANG") or "utf").lower()
    if is_plain:
        return ("#" * round(share * room)).ljust(room)
    eighths = round(share * room * 8)
    part = _EIGHTHS[eighths % 8] if eighths % 8 else ""
    return ("█" * (eighths // 8) + part).ljust(room)


def _numbers(part: Sum, figure: Callable[[int, str, int], str] = rounded) -> str:
    """Return the numbers of a row; those of the sum are exact."""
    cost = "no price" if part.cost is None else f"${part.cost:,.4f}"
    if shutil.get_terminal_size().columns < NARROW:
        return f"{figure(part.tokens, 'token', 0)} {cost}"
    tokens, questions = figure(part.tokens, "token", 9), figure(part.questions, "question", 5)
    return f"{tokens:16}  {cost:>9}  {questions}"
