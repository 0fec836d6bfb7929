"""Import of slow packages when they are first needed, such as Anthropic's SDK.

An import that fails, as where a file cannot be opened for a moment, leaves the parts that it has
loaded in `sys.modules`. The next import takes them, and some packages then work otherwise until the
process ends: a package that found another one broken takes it for not installed.

Where memory was short, compiled modules stay half initialized whatever is removed: the next import
fails, hangs or crashes. Only another process can load them.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

CANNOT_LOAD = (
    "the server has ended, because memory was short as it loaded what it reaches the model with, "
    "and only another process can load that again: give it more memory, and start it again."
)

_is_spoiled = threading.Event()


def is_spoiled() -> bool:
    """Whether memory was short during a load, so that this process cannot load it again."""
    return _is_spoiled.is_set()


class _Names(MetaPathFinder):
    """Finds nothing, and notes what this thread looks for."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self.noted: set[str] = set()

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None, /
    ) -> None:
        if threading.get_ident() == self._thread:
            self.noted.add(fullname)


def load(name: str) -> Any:
    """Import a module. One that fails leaves no package of its attempt behind: the next is new.

    What the attempt has loaded of packages that were there before, or of Python, is whole or gone.
    Modules beside that of `name` go, too: they hold what they have imported.
    Raises MemoryError without an attempt where one has failed for want of memory.
    """
    if is_spoiled():
        raise MemoryError(CANNOT_LOAD)
    finder = _Names()
    sys.meta_path.insert(0, finder)
    try:
        return importlib.import_module(name)
    except BaseException as error:
        if _lacks_memory(error):
            _is_spoiled.set()
        package = name.rpartition(".")[0]
        importlib.invalidate_caches()  # packages may have been replaced meanwhile
        for noted in finder.noted:
            top = noted.partition(".")[0]
            is_new = top in finder.noted and top not in sys.stdlib_module_names
            if is_new or (package and noted.rpartition(".")[0] == package):
                sys.modules.pop(noted, None)
        raise
    finally:
        sys.meta_path.remove(finder)


def _lacks_memory(error: BaseException) -> bool:
    """Whether memory was short: compiled modules report that as a SystemError, too."""
    causes: list[BaseException | None] = [error]
    while (cause := causes[-1]) is not None and len(causes) < 20:
        causes.append(cause.__cause__ or cause.__context__)
    return any(isinstance(cause, MemoryError | SystemError) for cause in causes)
