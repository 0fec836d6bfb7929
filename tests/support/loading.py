"""How the test processes share the work of loading the tests' modules.

In a clean clone each of them would rewrite the assertions of all test modules and compile them:
most of the time that collecting takes.
"""

from __future__ import annotations

import importlib
from contextlib import suppress
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


def load_test_modules(config: pytest.Config) -> None:
    """Import all test modules, in each test process beginning elsewhere.

    Every process finds compiled what another one was at first. Nothing is done where less than the
    whole suite is run.
    """
    worker = getattr(config, "workerinput", None)
    if worker is None or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    names = sorted(map(_name, TESTS.rglob("test_*.py")))
    begin = int(worker["workerid"].removeprefix("gw")) * len(names) // worker["workercount"]
    for name in names[begin:] + names[:begin]:
        with suppress(Exception, pytest.skip.Exception):  # collecting it shows what is wrong
            importlib.import_module(name)


def _name(file: Path) -> str:
    return ".".join(file.relative_to(TESTS.parent).with_suffix("").parts)
