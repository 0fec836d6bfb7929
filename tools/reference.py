"""Write docs/cli.md, the man pages and the completion scripts from the commands' own help texts."""

from __future__ import annotations

from pathlib import Path

from typer.main import get_command

from askcli.cli.app import app
from askcli.cli.commands.completion import SCRIPTS, Shell
from askcli.cli.reference import completion_scripts, manual, tree

ROOT = Path(__file__).parents[1]


def documents() -> dict[Path, str]:
    """Every generated document, and what it has to hold."""
    commands = list(tree.commands(get_command(app)))
    pages = {
        ROOT / "man" / f"{'-'.join(command.path)}.1": manual.page(command, commands)
        for command in commands
    }
    scripts = {
        SCRIPTS / f"askcli.{shell}": completion_scripts.script(shell, commands) for shell in Shell
    }
    return pages | scripts | {ROOT / "docs" / "cli.md": manual.markdown(commands)}


def main() -> None:
    """Write them all, and remove the pages of commands that are no more."""
    pages = documents()
    for path in (ROOT / "man").glob("*.1"):
        if path not in pages:
            path.unlink()
    for path, text in pages.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
