"""What a number of people needs of askcli, of PostgreSQL and of the provider.

`python -m benchmarks.capacity --people 20000` prints it; the options are its assumptions, and
`--write` puts the table of three sizes into docs/scale.md. What a process does is measured by
`make bench` (docs/performance.json), on PostgreSQL; the rest is arithmetic.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any

from askcli.answerers.prices import MILLION, PRICES

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "scale.md"
BEGIN, END = "<!-- benchmarks.capacity: begin -->\n", "<!-- benchmarks.capacity: end -->\n"
SIZES = {"one team": 20, "a thousand teams": 20_000, "a million people": 1_000_000}

BUSY = 0.6  # of what a process can do: the rest is for bursts, and for a process that is away
STREAMS = 1000  # of one process, as measured: more of them stall for longer
CONNECTIONS = 13  # of one process
SERVERS = 2  # so that one may end
DAYS_A_MONTH = 30


@dataclass(frozen=True)
class Load:
    """Assumptions about people."""

    people: int = 20
    questions_day: float = 10  # of one person
    busiest_hour: float = 0.2  # its share of a day's questions
    burst: float = 2  # the busiest seconds over that hour's mean
    answer_seconds: float = 20
    input_tokens: int = 1000  # of one question, with what it follows
    output_tokens: int = 500
    reads: float = 5  # of a question: histories, lists, rejoined answers
    stored_bytes: int = 6000  # of a question with its answer, its index and its row of usage
    days_kept: int = 365
    model: str = "claude-sonnet-5-5"


@dataclass(frozen=True)
class Process:
    """What one process on one core does at most, and takes."""

    asks: float  # a second
    reads: float  # a second
    idle_mib: float
    stream_kib: float


def measured() -> Process:
    """Return the medians of `make bench`, on PostgreSQL."""
    figures = json.loads((ROOT / "docs" / "performance.json").read_text())["figures"]

    def of(section: str, name: str) -> float:
        (figure,) = (f for f in figures if (f["section"], f["name"]) == (section, name))
        return float(median(figure["values"]["askcli, PostgreSQL"]))

    return Process(
        asks=of("Ask, 50 at once", "requests"),
        reads=of("Read one question", "requests"),
        idle_mib=of("1,000 streams", "memory idle"),
        stream_kib=of("1,000 streams", "memory a stream"),
    )


def needs(load: Load, process: Process) -> dict[str, str]:
    """Return what the load needs, each with its unit, as it is printed."""
    asks = load.people * load.questions_day * load.busiest_hour / 3600 * load.burst
    streams = asks * load.answer_seconds
    busy = asks / process.asks + asks * load.reads / process.reads
    processes = max(SERVERS, math.ceil(max(streams / STREAMS, busy / BUSY)))
    questions_month = load.people * load.questions_day * DAYS_A_MONTH
    rows = load.people * load.questions_day * load.days_kept
    price = PRICES[load.model]
    dollars = (load.input_tokens * price.input + load.output_tokens * price.output) / MILLION
    return {
        "questions a day": _number(load.people * load.questions_day),
        "asks a second, at the busiest": _number(asks),
        "answers at once": _number(streams),
        "processes, one core each": _number(processes),
        "their memory, GiB": _number(
            (processes * process.idle_mib + streams * process.stream_kib / 1024) / 1024
        ),
        "connections to PostgreSQL": _number(processes * CONNECTIONS),
        "questions kept": _number(rows),
        "their storage, GB": _number(rows * load.stored_bytes / 10**9),
        "tokens a minute, at the busiest": _number(
            60 * asks * (load.input_tokens + load.output_tokens)
        ),
        "dollars a month, for the model": _number(questions_month * dollars),
    }


def _number(value: float) -> str:
    """Return the value with two digits that count."""
    if value == 0:
        return "0"
    rounded = round(value, 1 - math.floor(math.log10(abs(value))))
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


def table(process: Process) -> str:
    """Return the table of the three sizes, as Markdown."""
    columns = {name: needs(Load(people), process) for name, people in SIZES.items()}
    lines = [f"| | {' | '.join(columns)} |", f"| --- |{' ---: |' * len(columns)}"]
    people = " | ".join(f"{people:,}" for people in SIZES.values())
    lines.append(f"| people | {people} |")
    lines += [
        f"| {name} | {' | '.join(column[name] for column in columns.values())} |"
        for name in needs(Load(), process)
    ]
    return "\n".join(lines) + "\n"


def document(process: Process) -> str:
    """Return docs/scale.md with the table of now."""
    head, _, rest = DOCUMENT.read_text().partition(BEGIN)
    return head + BEGIN + table(process) + END + rest.partition(END)[2]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/scale.md")
    for field in fields(Load):
        value: Any = field.default
        option = "--" + field.name.replace("_", "-")
        parser.add_argument(option, type=type(value), default=value, help=f"({value})")
    return parser.parse_args()


def main() -> None:
    options = vars(_options())
    process = measured()
    if options.pop("write"):
        DOCUMENT.write_text(document(process))
        return
    for name, value in needs(Load(**options), process).items():
        print(f"{name:32}{value:>16}")


if __name__ == "__main__":
    main()
