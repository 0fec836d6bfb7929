"""docs/architecture.md and the package's docstring draw the layers that import-linter checks."""

from __future__ import annotations

import pkgutil
import re
import tomllib
from pathlib import Path
from typing import Any

import askcli

ROOT = Path(__file__).parents[2]


def contract(name: str) -> dict[str, Any]:
    """The import-linter contract of this name."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return next(contract for contract in contracts if contract["name"] == name)


def layers() -> list[set[str]]:
    """The layers of the package, highest first, without the entry point."""
    rows = contract("Imports point one way")["layers"]
    return [set(row.split(" | ")) for row in rows if row != "__main__"]


def names(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


def test_the_table_of_folders_has_the_layers_of_the_contract() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    _, _, table = page.partition("| layer | contents | may import |")
    rows = re.findall(r"^\| (`.*?) \| .*? \| ?(.*?) ?\|$", table.partition("\n\n")[0], re.M)
    assert [names(layer) for layer, _ in rows] == layers()
    assert [names(below) for _, below in rows] == [*layers()[1:], set()]


def test_the_inner_layers_are_those_of_the_contracts() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    for folder, name in (
        ("cli", "Layers inside the command line"),
        ("output", "Layers inside the output"),
        ("server", "Layers inside the server"),
        ("client", "Layers inside the client"),
        ("answerers", "Layers inside the answerers"),
        ("services", "Layers inside the services"),
        ("runs", "Layers inside the runs"),
        ("store", "Layers inside the store"),
    ):
        (cell,) = re.findall(rf"^\| `{folder}`(?: \(of `\w+`\))? \| (.*) \|$", page, re.M)[-1:]
        drawn = re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", cell))
        expected = [part for row in contract(name)["layers"] for part in row.split(" | ")]
        assert drawn == expected


def test_each_dotted_name_of_the_page_is_one_of_the_package() -> None:
    """Such as `services.runs.calls.retries`, or a function or class of a module."""
    page = (ROOT / "docs/architecture.md").read_text()
    dotted = set(re.findall(r"`([a-z_]+(?:\.\w+)+)`", page))
    assert len(dotted) > 30
    for name in dotted:
        assert pkgutil.resolve_name(f"askcli.{name}"), name


def test_the_packages_docstring_lists_its_parts_in_their_order() -> None:
    listed = re.findall(r"^(\w+)  +\S", askcli.__doc__ or "", re.M)
    position = {name: number for number, row in enumerate(layers()) for name in row}
    assert set(listed) == set(position)
    assert [position[name] for name in listed] == sorted(position.values())


def test_tests_import_helpers_from_support_alone() -> None:
    """No test breaks because another was moved; the simulation is a program of its own."""
    imported = re.compile(r"^ *from (?:tests\.(?!support\b)\S*|\.\S*) import", re.M)
    folders = (path for path in (ROOT / "tests").iterdir() if path.name != "simulation")
    files = (file for folder in folders for file in folder.rglob("*.py"))
    assert not [str(file) for file in files if imported.search(file.read_text())]
