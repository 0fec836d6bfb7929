"""Import of slow packages when they are first needed, such as Anthropic's SDK.

An import that fails, as where a file cannot be opened for a moment, leaves the parts that it has
loaded in `sys.modules`. The next import takes them, and some packages then work otherwise until the
process ends: the SDK takes aiohttp for not installed.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from threading import get_ident
from types import ModuleType
from typing import Any


class _Names(MetaPathFinder):
    """Finds nothing, and notes what this thread looks for."""

    def __init__(self) -> None:
        self._thread = get_ident()
        self.noted: set[str] = set()

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None, /
    ) -> None:
        if get_ident() == self._thread:
            self.noted.add(fullname)


def load(*names: str) -> list[Any]:
    """Import modules. One that fails leaves no package of its attempt behind: the next is new.

    What the attempt has loaded of packages that were there before, or of Python, is whole or gone.
    """
    finder = _Names()
    sys.meta_path.insert(0, finder)
    try:
        return [importlib.import_module(name) for name in names]
    except BaseException:
        importlib.invalidate_caches()  # packages may have been replaced meanwhile
        for name in finder.noted:
            top = name.partition(".")[0]
            if top in finder.noted and top not in sys.stdlib_module_names:
                sys.modules.pop(name, None)
        raise
    finally:
        sys.meta_path.remove(finder)
