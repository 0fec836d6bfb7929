"""The report of a run: a table, a JSON file and a chart in docs.

`python -m benchmarks.report` makes table and chart again from the JSON file.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.chart import chart
from benchmarks.figures import Figure
from benchmarks.peers import environments

DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- make bench: begin -->", "<!-- make bench: end -->"
OURS = ("askcli", "anthropic", "fastapi", "sqlalchemy", "uvicorn", "aiohttp")
BUSY = 0.15


def machine() -> dict[str, Any]:
    """Return what machine this is."""
    info = Path("/proc/cpuinfo")
    names = info.read_text().splitlines() if info.exists() else []
    model = next((line.partition(": ")[2] for line in names if line.startswith("model name")), "")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {
        "processor": model or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
    }


def versions() -> dict[str, str]:
    """Return the versions of ours and of the peers."""
    own = {name: environments.version(environments.OURS, name) for name in OURS}
    others = {
        "Python": environments.build(environments.command(environments.OURS, "python")),
        "SQLite": environments.sqlite_version(),
        "node": _said("node", "--version").removeprefix("v"),
        "curl": (_said("curl", "--version").split() or ["", ""])[1],
    }
    return {name: text for name, text in (own | others | environments.versions()).items() if text}


def _said(*command: str) -> str:
    if not shutil.which(command[0]):
        return ""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def write(run: dict[str, Any], docs: Path = DOCS) -> None:
    """Write a run into docs: the JSON, the chart, and the tables between the page's marks."""
    (docs / "performance.json").write_text(json.dumps(run, indent=1) + "\n")
    (docs / "performance.svg").write_text(chart(figures(run)))
    page = docs / "performance.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{markdown(run)}{END}{after}")


def figures(run: dict[str, Any]) -> list[Figure]:
    """Return the figures of a run that was read from its JSON."""
    return [Figure.of(data) for data in run["figures"]]


def markdown(run: dict[str, Any]) -> str:
    """Return the generated part of docs/performance.md."""
    of_machine = run["machine"]
    lines = [
        f"{run['date']}, commit {run['commit']}, {run['kind']} run of {run['seconds']} s. "
        f"{of_machine['processor']}, {of_machine['cores']} cores, {of_machine['memory']}, "
        f"{of_machine['system']}.",
        "Servers on one core; provider, load generator and PostgreSQL on another.",
        *([f"**{run['busy']}**"] if run["busy"] else []),
        "",
        ", ".join(f"{name} {text}" for name, text in run["versions"].items()) + ".",
        "",
        *(f"- {note}" for note in run["notes"]),
        "",
        *table(figures(run)),
        "",
    ]
    return "\n".join(lines)


def table(all_figures: list[Figure]) -> list[str]:
    """Return the table: median and minimum of the rounds, and the median to the reference's."""
    lines: list[str] = []
    for section, group in groupby(all_figures, key=lambda figure: figure.section):
        lines += ["", f"### {section}", ""] if lines else [f"### {section}", ""]
        lines += [
            "| figure | of | median | minimum | ratio |",
            "| --- | --- | ---: | ---: | ---: |",
        ]
        lines += [row for figure in group for row in _rows(figure)]
    return lines


def _rows(figure: Figure) -> list[str]:
    rows = []
    for subject, values in figure.values.items():
        ratio = figure.ratio(subject)
        shown = "1" if subject == figure.reference else f"{ratio:.2f}" if ratio else ""
        name = f"{figure.name}, {figure.unit}"
        median, minimum = number(figure.median(subject)), number(min(values))
        rows.append(f"| {name} | {subject} | {median} | {minimum} | {shown} |")
    return rows


def number(value: float) -> str:
    """Return a number with three digits or more."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


if __name__ == "__main__":  # after a change of this module: the page again, from the JSON
    write(json.loads((DOCS / "performance.json").read_text()))
