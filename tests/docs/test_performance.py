"""docs/performance.md shows what docs/performance.json has, and benchmarks/ keeps to its sizes."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import report
from benchmarks.chart import chart
from benchmarks.sections import SECTIONS

ROOT = Path(__file__).parents[2]
MODULE_LINES = 220


def test_the_page_and_the_chart_show_the_figures_of_the_json() -> None:
    run = json.loads((ROOT / "docs/performance.json").read_text())
    page = (ROOT / "docs/performance.md").read_text()
    _, _, rest = page.partition(report.BEGIN + "\n")
    generated, end, _ = rest.partition(report.END)
    assert end
    assert generated == report.markdown(run)
    assert (ROOT / "docs/performance.svg").read_text() == chart(report.figures(run))


def test_no_module_of_the_benchmarks_is_too_long() -> None:
    modules = (ROOT / "benchmarks").rglob("*.py")
    own = [path for path in modules if ".peers" not in path.parts]
    sizes = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in own}
    assert sizes
    assert not {name: size for name, size in sizes.items() if size > MODULE_LINES}


def test_each_section_says_what_it_measures() -> None:
    assert not [name for name, (section, *_) in SECTIONS.items() if not section.__doc__]
