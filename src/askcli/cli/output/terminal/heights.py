"""How many rows of a terminal a line takes; it loads rich, so only a terminal's output needs it."""

from __future__ import annotations

import re

from rich.cells import cell_len

_STYLES = re.compile(r"\x1b\[[0-9;]*m")


def height(line: str, columns: int) -> int:
    """Return the number of rows of a line, which may have styles, wide characters and tabs."""
    return max(1, -(-cell_len(_STYLES.sub("", line).expandtabs()) // columns))
