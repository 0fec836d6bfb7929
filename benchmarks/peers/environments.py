"""Environments of askcli and of its peers, in a directory that git ignores.

askcli is installed as a user installs it: what its developers need besides would be loaded, too.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = ROOT / "benchmarks" / ".peers"
OURS = "askcli"
STAMP = ".installed"
PYTHON = {"commands": ["httpie", "llm", "llm-anthropic"], "litellm": ["litellm[proxy]"]}
EXPRESS = Path(__file__).parent / "express"


class MissingPeerError(Exception):
    """A peer is not installed, or does not start."""


def install(python: str) -> list[str]:
    """Make the environments that are not there yet, of this Python, and install askcli anew.

    Returns what could not be installed. Raises MissingPeerError where askcli cannot be.
    """
    HERE.mkdir(exist_ok=True)
    for directory in HERE.glob("*/bin/python"):
        if build(str(directory)) != build(python):
            shutil.rmtree(directory.parents[1])
    (HERE / OURS / STAMP).unlink(missing_ok=True)  # it has changed, or what it needs has
    if not _python(python, OURS, [str(ROOT)]):
        raise MissingPeerError("askcli cannot be installed")
    failed = [name for name, packages in PYTHON.items() if not _python(python, name, packages)]
    return failed if _express() else [*failed, "express"]


def build(python: str) -> str:
    """Return the version of a Python, and when it was built."""
    return _printed(python, "import sys; print(sys.version.partition(' [')[0])")


def sqlite_version() -> str:
    """Return the version of SQLite that askcli has."""
    return _printed(command(OURS, "python"), "import sqlite3; print(sqlite3.sqlite_version)")


def _printed(python: str, code: str) -> str:
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _python(python: str, name: str, packages: list[str]) -> bool:
    directory = HERE / name
    # Not every Python has a pip of its own to put into an environment.
    venv = [python, "-m", "venv", "--without-pip", str(directory)]
    return _once(directory, venv, [*_pip(name), *packages])


def _pip(environment: str) -> list[str]:
    """Return the command that installs into an environment, by this one's pip."""
    python = str(HERE / environment / "bin/python")
    return [sys.executable, "-m", "pip", "--python", python, "install", "-q"]


def _express() -> bool:
    directory = HERE / "express"
    directory.mkdir(exist_ok=True)
    shutil.copy(EXPRESS / "package.json", directory)
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund"]
    return _once(directory, [*npm, "--prefix", str(directory)])


def _once(directory: Path, *commands: list[str]) -> bool:
    """Run the commands that fill a directory, unless they have been run before."""
    stamp = directory / STAMP
    if stamp.exists():
        return True
    print(f"installing {directory.name} ...", file=sys.stderr, flush=True)
    try:
        for command in commands:
            subprocess.run(command, check=True, stdout=sys.stderr)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"{directory.name}: {error}", file=sys.stderr)
        return False
    stamp.touch()
    return True


def command(environment: str, name: str) -> str:
    """Return the path of a command in an environment."""
    path = HERE / environment / "bin" / name
    if not path.exists():
        raise MissingPeerError(f"{name} is not installed")
    return str(path)


def node() -> tuple[str, Path]:
    """Return the path of node, and the directory with Express."""
    found = shutil.which("node")
    if not found or not (HERE / "express/node_modules/express").exists():
        raise MissingPeerError("Express is not installed")
    return found, HERE / "express"


def versions() -> dict[str, str]:
    """Return the versions of the peers that are installed."""
    listed: dict[str, str] = {}
    for name, packages in PYTHON.items():
        for package in packages:
            listed[package.partition("[")[0]] = version(name, package.partition("[")[0])
    for package in ("express", "pg", "jsonwebtoken"):
        path = HERE / "express/node_modules" / package / "package.json"
        listed[package] = json.loads(path.read_text())["version"] if path.exists() else ""
    return {name: version for name, version in listed.items() if version}


def version(environment: str, package: str) -> str:
    """Return the version of a package in an environment, empty where it is not."""
    pattern = f"lib/*/site-packages/{package.replace('-', '_')}-*.dist-info"
    found = next((HERE / environment).glob(pattern), None)
    return found.name.removesuffix(".dist-info").rpartition("-")[2] if found else ""
