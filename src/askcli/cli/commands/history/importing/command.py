"""askcli history import: each question once, so that what was interrupted can be run again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, cast

import typer

from askcli.cli.commands.history.importing import sources
from askcli.cli.commands.history.importing.items import Item, requests
from askcli.cli.input import options
from askcli.cli.output.numbers import counted
from askcli.cli.output.terminal import console
from askcli.cli.output.terminal.row_counts import RowCounts
from askcli.client.api import Api
from askcli.client.resume import wait_as_told
from askcli.contract.shapes import Imported
from askcli.errors import BadResponse, Failed, InvalidInput, Unavailable

MOST_WAITS = 20  # for one request
LONGEST_WAIT_SECONDS = 60
STDIN = Path("/dev/stdin")
COUNTS = tuple(Imported.__annotations__)  # a later version's server may send more fields


def import_(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="logs.db of llm, mods.db of mods, or lines of JSON; `-` is stdin.",
        ),
    ],
    kind: Annotated[
        sources.Kind | None,
        typer.Option("--from", metavar="llm|mods|jsonl", help="What it is; else by its content."),
    ] = None,
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Import questions and answers of llm, mods or another server; they cost nothing.

    Each is imported once, however often this is run. Lines of JSON are those of `history export`,
    or {"question", "answer", "created_at"?, "model"?, "conversation"?, "id"?}. Of llm and mods the
    texts come over: attachments, images, tools and what these have answered are left out; mods
    keeps no model, and of a conversation only the time of its last change.
    """
    counts, left_out = Counter[str](), Counter[str]()
    with (
        sources.opened(STDIN if source == Path("-") else source, kind, left_out) as opened,
        options.connected(server, profile) as api,
        RowCounts() as progress,
    ):
        progress.begin(opened.count())
        for items in requests(opened.items(), left_out):
            if items:
                counts.update(_imported(api, items, left_out))
            progress.update("importing", len(items) or 1)
    _report(counts, left_out, as_json=as_json)


def _imported(api: Api, items: list[Item], left_out: Counter[str]) -> Counter[str]:
    """Import the questions; those that the server refuses, one by one, are left out."""
    try:
        return _counts(_sent(api, items), len(items))
    except InvalidInput as error:
        if len(items) > 1:
            halves = items[: len(items) // 2], items[len(items) // 2 :]
            return sum((_imported(api, half, left_out) for half in halves), Counter[str]())
        left_out[f"refused ({error.detail.removeprefix('items.0.').rstrip('.')})"] += 1
        return Counter()


def _sent(api: Api, items: list[Item]) -> Imported:
    """Import the questions, some seconds later where the server has no room for them just now."""
    for _ in range(MOST_WAITS):
        try:
            return api.import_questions(items)
        except Unavailable as error:
            wait_as_told(error, LONGEST_WAIT_SECONDS)
    return api.import_questions(items)


def _counts(outcome: Imported, most: int) -> Counter[str]:
    """Return the counts that are known here. Raises BadResponse for impossible ones."""
    numbers = cast(dict[str, int], outcome)
    counts = Counter({name: numbers[name] for name in COUNTS})
    if min(counts.values()) < 0 or counts.total() > most:
        raise BadResponse()
    return counts


def _report(counts: Counter[str], left_out: Counter[str], *, as_json: bool) -> None:
    """Say what was imported. Raises Failed where something was left out."""
    if as_json:
        console.out_json({name: counts[name] for name in COUNTS} | {"left_out": dict(left_out)})
    else:
        console.note(f"Imported {counted(counts['imported'], 'question')}.")
        if counts["present"]:
            console.note(f"{counts['present']:,} were there already.")
    if counts["expired"]:
        left_out["older than the server keeps them"] = counts["expired"]
    reasons = [f"{number:,} {reason}" for reason, number in left_out.items() if number]
    if reasons:
        raise Failed(f"some were left out: {', '.join(reasons)}.")
