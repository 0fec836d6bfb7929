"""Modules, functions and parameter lists stay within the sizes that CONTRIBUTING.md names."""

from __future__ import annotations

import ast
import gc
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[2]
MODULE_LINES, FUNCTION_LINES, MEDIAN_LINES, PARAMETERS = 220, 40, 6, 8

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> list[Path]:
    return sorted((ROOT / "src/askcli").rglob("*.py"))


def parsed(module: Path) -> ast.Module:
    """What Python makes of the module.

    Garbage of other tests that is collected meanwhile, and runs code as it goes, is an error of the
    parser in Python 3.11 ("recursion depth mismatch").
    """
    gc.disable()
    try:
        return ast.parse(module.read_text())
    finally:
        gc.enable()


@pytest.fixture(scope="module")
def functions() -> list[tuple[str, Function]]:
    return [
        (f"{module.relative_to(ROOT)}:{node.lineno} {node.name}", node)
        for module in modules()
        for node in ast.walk(parsed(module))
        if isinstance(node, Function)
    ]


def lines(function: Function) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def parameters(function: Function) -> int:
    arguments = function.args
    names = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return len([name for name in names if name.arg not in ("self", "cls")])


def is_typer_command(function: Function) -> bool:
    """A command's parameters are its options, whose types are in `cli.input.options`."""
    types = [ast.unparse(a.annotation) for a in function.args.args if a.annotation]
    return any(type_.startswith("options.") for type_ in types)


def test_no_module_is_too_long() -> None:
    sizes = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in modules()}
    assert not {name: size for name, size in sizes.items() if size > MODULE_LINES}


def test_no_function_is_too_long_and_most_are_short(
    functions: list[tuple[str, Function]],
) -> None:
    sizes = {name: lines(function) for name, function in functions}
    assert not {name: size for name, size in sizes.items() if size > FUNCTION_LINES}
    assert median(sizes.values()) <= MEDIAN_LINES


def test_no_function_takes_too_many_parameters(
    functions: list[tuple[str, Function]],
) -> None:
    counts = {name: parameters(f) for name, f in functions if not is_typer_command(f)}
    assert not {name: count for name, count in counts.items() if count > PARAMETERS}
