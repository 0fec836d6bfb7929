"""The peers' own environments, in a directory that git ignores."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parents[1] / ".peers"
PYTHON = {"commands": ["httpie", "llm", "llm-anthropic"], "litellm": ["litellm[proxy]"]}
EXPRESS = Path(__file__).parent / "express"


class MissingPeerError(Exception):
    """A peer is not installed, or does not start."""


def install() -> list[str]:
    """Make the environments that are not there yet; returns what could not be installed."""
    HERE.mkdir(exist_ok=True)
    failed = [name for name, packages in PYTHON.items() if not _python(name, packages)]
    return failed if _express() else [*failed, "express"]


def _python(name: str, packages: list[str]) -> bool:
    directory = HERE / name
    return _once(
        directory,
        [sys.executable, "-m", "venv", str(directory)],
        [str(directory / "bin/python"), "-m", "pip", "install", "-q", *packages],
    )


def _express() -> bool:
    directory = HERE / "express"
    directory.mkdir(exist_ok=True)
    shutil.copy(EXPRESS / "package.json", directory)
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund"]
    return _once(directory, [*npm, "--prefix", str(directory)])


def _once(directory: Path, *commands: list[str]) -> bool:
    """Run the commands that fill a directory, unless they have been run before."""
    stamp = directory / ".installed"
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
            listed[package.partition("[")[0]] = _python_version(name, package.partition("[")[0])
    for package in ("express", "pg", "jsonwebtoken"):
        path = HERE / "express/node_modules" / package / "package.json"
        listed[package] = json.loads(path.read_text())["version"] if path.exists() else ""
    return {name: version for name, version in listed.items() if version}


def _python_version(environment: str, package: str) -> str:
    pattern = f"lib/*/site-packages/{package.replace('-', '_')}-*.dist-info"
    found = next((HERE / environment).glob(pattern), None)
    return found.name.removesuffix(".dist-info").rpartition("-")[2] if found else ""
