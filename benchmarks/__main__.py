"""`python -m benchmarks [SECTION ...]`: measure, and print the tables; see docs/performance.md."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

from benchmarks import cores, report
from benchmarks.bench import DATABASES, ROOT, Bench
from benchmarks.figures import Figure
from benchmarks.peers import environments
from benchmarks.sections import SECTIONS

FULL_SECONDS, QUICK_SECONDS, SAMPLE_SECONDS, END_SECONDS = 900, 120, 2, 5


def main() -> None:
    """Run the sections that were named, or all of them."""
    arguments = _arguments()
    end = time.monotonic() + (QUICK_SECONDS if arguments.quick else FULL_SECONDS)
    try:
        failed = environments.install(arguments.python)
    except environments.MissingPeerError as error:
        sys.exit(str(error))
    busy = [cores.busy_share(SAMPLE_SECONDS)]
    measuring = time.monotonic()
    bench = Bench(
        is_quick=arguments.quick,
        end=end - END_SECONDS,
        kinds=arguments.on or list(DATABASES),
        url=arguments.postgresql,
    )
    for name in failed:
        bench.note(f"{name} could not be installed.")
    try:
        figures = _run(bench, arguments.sections or list(SECTIONS))
        versions = report.versions() | {"PostgreSQL": bench.databases.version()}
    finally:
        bench.close()
    busy.append(cores.busy_share(SAMPLE_SECONDS))
    run = _result(bench, figures, round(time.monotonic() - measuring), busy)
    run["versions"] = {name: text for name, text in versions.items() if text}
    if arguments.write:
        report.write(run)
    if arguments.json:
        print(json.dumps(run, indent=1))
    else:
        print(report.markdown(run))
    if bench.failures:
        sys.exit("\n".join(bench.failures))


def _run(bench: Bench, names: list[str]) -> list[Figure]:
    """Run sections in turn; one that does not fit into the time that is left is noted."""
    figures: list[Figure] = []
    slowness = 1.0  # of this machine, from what the section before has taken
    for name in names:
        section, *seconds = SECTIONS[name]
        expected = bench.pick(*seconds)
        if not expected and len(names) > 1:
            bench.note(f"{name} is measured in a full run only.")
            continue
        if expected * slowness > bench.left() and len(names) > 1:
            bench.note(f"{name} was left out: no time was left.")
            continue
        print(f"{name} ({bench.left():.0f} s left) ...", file=sys.stderr, flush=True)
        began = time.monotonic()
        try:
            figures += section(bench)
        except RuntimeError as error:
            print(f"{name} failed: {error}", file=sys.stderr, flush=True)
            bench.failures.append(f"{name} failed: {error}.")
        if expected:
            slowness = max(1.0, (time.monotonic() - began) / expected)
    return figures


def _result(
    bench: Bench, figures: list[Figure], seconds: int, busy: list[float | None]
) -> dict[str, Any]:
    shares = [share for share in busy if share is not None]
    most = max(shares, default=0.0)
    text = f"The machine was busy with other work: {most:.0%} of its cores beside the run."
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "kind": bench.pick("full", "quick"),
        "seconds": seconds,
        "busy": text if most > report.BUSY else "",
        "machine": report.machine(),
        "notes": bench.failures + bench.notes,
        "figures": [figure.as_json() for figure in figures],
    }


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="two minutes, one round")
    parser.add_argument("--on", action="append", choices=DATABASES, help="only on this database")
    parser.add_argument("--postgresql", default="", metavar="URL", help="a server to use")
    parser.add_argument(
        "--python", default=sys.executable, metavar="PATH", help="of askcli and of its peers"
    )
    parser.add_argument("--write", action="store_true", help="write the result into docs")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - SECTIONS.keys():
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    return arguments


if __name__ == "__main__":
    main()
