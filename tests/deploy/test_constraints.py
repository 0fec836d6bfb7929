"""The versions that the image and the release are built of: all, and each by its hash."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RENEW = "run `make constraints`"


def pinned(name: str) -> dict[str, str]:
    """The versions of a file, which has no address of an index and no path."""
    text = (ROOT / "deploy/constraints" / name).read_text().replace(" \\\n", "\n")
    versions: dict[str, str] = {}
    for line in text.splitlines():
        if match := re.fullmatch(r"([a-z0-9.-]+)==([^ @/:]+)( ; [^@/:]+)?", line):
            versions[match[1]] = match[2]
        else:
            assert re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}", line), line
    return versions


def missing(requirements: list[str], versions: dict[str, str]) -> list[str]:
    """The requirements that no version of these meets."""
    parsed = [Requirement(text) for text in requirements]
    return [
        str(one)
        for one in parsed
        if not one.specifier.contains(versions.get(canonicalize_name(one.name), "0"))
    ]


def test_every_dependency_of_a_server_is_pinned() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    named = PROJECT["project"]["dependencies"] + extras["otel"]
    assert not missing(named, pinned("server.txt")), RENEW


def test_what_builds_the_wheel_is_pinned() -> None:
    named = [
        line
        for line in (ROOT / "deploy/constraints/build.in").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert set(PROJECT["build-system"]["requires"]) <= set(named)
    assert not missing(named, pinned("build.txt")), RENEW
