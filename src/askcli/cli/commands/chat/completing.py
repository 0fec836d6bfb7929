"""Completion at the prompt of a chat: its commands, and models and files as their arguments."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator

from prompt_toolkit.completion import (
    CompleteEvent,
    Completer,
    Completion,
    PathCompleter,
    WordCompleter,
)
from prompt_toolkit.document import Document

from askcli.cli.output.terminal import console
from askcli.cli.reference import completion_cache

# A word as `shlex` takes it, whose quotation may still be open.
_WORD = re.compile(r"""(?:[^\s'"\\]|\\.?|'[^']*'?|"(?:[^"\\]|\\.)*"?)+""", re.DOTALL)


class SlashCompleter(Completer):
    """Completes the name of a command, and then its argument."""

    def __init__(self, names: Iterable[str]) -> None:
        # By whole texts: a word of prompt_toolkit's ends at a slash, a hyphen and a dot.
        commands = [f"/{name}" for name in names]
        self._commands = WordCompleter(commands, ignore_case=True, sentence=True)
        self._arguments: dict[str, Completer] = {
            "/model": WordCompleter(completion_cache.known_models, sentence=True),
            "/file": _FilesCompleter(),
            "/save": _Paths(expanduser=True),
            "/copy": WordCompleter(["code"], sentence=True),
        }

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        """Return what may come at the cursor."""
        name, blank, argument = document.text_before_cursor.partition(" ")
        if not blank:
            return self._commands.get_completions(document, event)
        completer = self._arguments.get(name.lower())
        return completer.get_completions(Document(argument.lstrip()), event) if completer else ()


class _Paths(PathCompleter):
    """Completes a path; the menu shows characters of a name that would hide or reverse it."""

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterator[Completion]:
        """Yield what the path may be."""
        for found in super().get_completions(document, event):
            display = console.visible(found.display_text)
            yield Completion(found.text, found.start_position, display=display)


class _FilesCompleter(Completer):
    """Completes the last of several files; a name with blanks is quoted, as `/file` reads it."""

    _paths = _Paths(expanduser=True)

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterator[Completion]:
        """Yield what the file that is being typed may be."""
        written = _last_word(document.text_before_cursor)
        path = _meant(written)
        for found in self._paths.get_completions(Document(path), event):
            yield Completion(_quoted(path + found.text), -len(written), display=found.display)


def _last_word(text: str) -> str:
    """Return the word that is being typed, as it is written; empty for the next one."""
    words = list(_WORD.finditer(text))
    return words[-1][0] if words and words[-1].end() == len(text) else ""


def _meant(written: str) -> str:
    """Return what a word means, whose quotation may still be open."""
    for end in ("", "'", '"'):
        try:
            return "".join(shlex.split(written + end))
        except ValueError:
            continue
    return written


def _quoted(path: str) -> str:
    return path if _meant(path) == path and _last_word(path) == path else shlex.quote(path)
