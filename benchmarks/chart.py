"""A chart of a run: the requests a second of each server, as bars in SVG."""

from __future__ import annotations

from html import escape

from benchmarks.figures import Figure

WIDTH, LABEL, BAR, GAP, VALUE = 860, 300, 18, 6, 90
HEADING = 30
OURS, THEIRS = "#2f6f4f", "#9a9a9a"
STYLE = "text{font:13px sans-serif;fill:#777}.h{font-weight:bold}"


def chart(figures: list[Figure]) -> str:
    """Return the chart: one group of bars for each section that counts requests."""
    parts: list[str] = []
    y = 10
    for figure in figures:
        if figure.unit == "req/s" and figure.name == "requests":
            bars, y = _group(figure, y)
            parts += bars
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img" '
        f'aria-label="Requests a second of askcli and its peers"><style>{STYLE}</style>'
    )
    return "\n".join([head, *parts, "</svg>", ""])


def _group(figure: Figure, y: int) -> tuple[list[str], int]:
    """Return the bars of one figure below a heading, and where the next one begins."""
    parts = [f'<text class="h" x="0" y="{y + 16}">{escape(figure.section)}, {figure.unit}</text>']
    y += HEADING
    most = max(figure.median(subject) for subject in figure.values)
    for subject in figure.values:
        value = figure.median(subject)
        width = max(1, round((WIDTH - LABEL - VALUE) * value / most))
        color = OURS if subject.startswith("askcli") else THEIRS
        text = y + BAR - 5
        parts += [
            f'<text x="{LABEL - 8}" y="{text}" text-anchor="end">{escape(subject)}</text>',
            f'<rect x="{LABEL}" y="{y}" width="{width}" height="{BAR}" fill="{color}"/>',
            f'<text x="{LABEL + width + 8}" y="{text}">{value:,.0f}</text>',
        ]
        y += BAR + GAP
    return parts, y + GAP
