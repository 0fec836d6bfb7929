"""askcli completion."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from askcli.cli import reference
from askcli.cli.output.terminal import console

# Made from all commands by `make docs`, so that none has to be loaded for them.
SCRIPTS = Path(*reference.__path__) / "completions"


class Shell(StrEnum):
    """A shell with completion."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish")],
) -> None:
    """Print a script that completes askcli's commands, options, ids, models and profiles.

    bash: mkdir -p ~/.local/share/bash-completion/completions, then
    askcli completion bash > ~/.local/share/bash-completion/completions/askcli

    zsh: askcli completion zsh > a directory of $fpath, as _askcli

    fish: askcli completion fish > ~/.config/fish/completions/askcli.fish
    """
    console.out((SCRIPTS / f"askcli.{shell}").read_text(encoding="utf-8"))
