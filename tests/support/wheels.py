"""Wheels of versions of askcli, each installed in a virtual environment of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import FreshServer

ROOT = Path(__file__).parents[2]
_PROJECT = ("pyproject.toml", "README.md", "LICENSE", "man", "src")


@dataclass(frozen=True)
class Version:
    """An installed version: its command, and whether it knows ASKCLI_LEAVE_SECONDS."""

    name: str
    command: Path
    leaves_slowly: bool


def tree_of_now(directory: Path) -> Path:
    """A copy of what this version's wheel is built of."""
    directory.mkdir(parents=True)
    for name in _PROJECT:
        source, target = ROOT / name, directory / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return directory


def installed(tree: Path) -> Version:
    """Build the wheel of a source tree, and install it beside.

    Its dependencies are those of the tests' environment: both versions ask for the same.
    """
    wheels, venv = tree.with_name(f"{tree.name}-wheels"), tree.with_name(f"{tree.name}-venv")
    _run("-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), str(tree))
    _run("-m", "venv", "--without-pip", str(venv))
    (wheel,) = wheels.glob("askcli-*.whl")
    python = ("--python", str(venv / "bin/python"))
    _run("-m", "pip", *python, "install", "--quiet", "--no-deps", str(wheel))
    (site,) = venv.glob("lib/python*/site-packages")
    # After its own packages; the `.pth` files there, such as that of this checkout, are not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    fields = (tree / "src/askcli/settings/fields.py").read_text()
    return Version(tree.name, venv / "bin/askcli", "leave_seconds" in fields)


def _run(*arguments: str) -> None:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def server_of(version: Version) -> type[FreshServer]:
    """Servers of this version."""
    return type("InstalledServer", (FreshServer,), {"program": str(version.command)})
