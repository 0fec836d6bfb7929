"""The command tree, built once: nine tenths of a short command's time are its building.

Typer builds it from the functions' signatures at each call, although no call changes it.
"""

from __future__ import annotations

from functools import cache

from typer import main as typer_main

from askcli.cli.app import app
from askcli.cli.reference import tree

# In the place of typer's function of that name.
get_command = cache(typer_main.get_command)


def build() -> None:
    """Build it before it is needed, for all commands that this process will run."""
    typer_main.get_command = get_command
    for _ in tree.commands(get_command(app)):  # each is loaded
        pass
