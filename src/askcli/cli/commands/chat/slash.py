"""The commands of a chat: words after a slash."""

from __future__ import annotations

import re
import shlex
import shutil
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from askcli.cli.commands.chat.conversation import Conversation
from askcli.cli.commands.history.conversations.export import Format, write
from askcli.cli.commands.history.conversations.pages import questions
from askcli.cli.commands.usage import Sum
from askcli.cli.input import attachments, editor, times
from askcli.cli.output import clipboard, output_file
from askcli.cli.output.markdown import code_blocks
from askcli.cli.output.numbers import counted, rounded
from askcli.cli.output.terminal import console
from askcli.errors import Misused

# The help is no narrower: its right column has room for a few words.
NARROWEST = 40

# A path such as /etc/hosts is no command.
_COMMAND = re.compile(r"/([A-Za-z]+)(?:\s+(.*))?", re.DOTALL)


class Leave(Exception):
    """The user leaves the chat."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a command does with the rest of its line, and how the help says so."""

    act: Callable[[Conversation, str], None]
    argument: str
    help: str


@dataclass(frozen=True, slots=True)
class Typed:
    """A command with its argument, as it was typed."""

    name: str
    argument: str

    def run(self, conversation: Conversation) -> None:
        """Do it. Raises Misused for an unknown one, and what the command raises."""
        if self.name not in COMMANDS:
            near = get_close_matches(self.name, COMMANDS, 1)
            hint = f"did you mean /{near[0]}?" if near else "/help lists them."
            raise Misused(f"there is no command /{self.name}; {hint}")
        COMMANDS[self.name].act(conversation, self.argument)


def parse(text: str) -> Typed | None:
    """Return the command that was typed, None for a question."""
    found = _COMMAND.fullmatch(text.rstrip())
    return Typed(found[1].lower(), (found[2] or "").strip()) if found else None


def _model(conversation: Conversation, name: str) -> None:
    known = conversation.api.models()
    if not name:
        from askcli.cli.commands import models  # it loads what local models need

        models.show(known)
        return
    conversation.settings["model"] = name
    names = [model["id"] for model in known["items"]]
    if name in names:
        console.note(f"{name} answers from the next question on.")
    else:  # as a dated version of one may be
        console.note(f"{name} is asked next; this server lists {', '.join(names)}.")


def _system(conversation: Conversation, text: str) -> None:
    conversation.settings["system"] = text
    console.note("The system prompt is set." if text else "There is no system prompt now.")


def _file(conversation: Conversation, words: str) -> None:
    paths = [_path(word) for word in _words(words)]
    attachments.read(paths)  # what cannot be read is an error now, not with the question
    conversation.files = [*conversation.files, *paths] if paths else []
    names = ", ".join(str(path) for path in conversation.files) or "none"
    console.note(f"Files of the next question: {names}.")


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Misused(f"cannot read the names of the files: {error}.") from None


def _unquoted(name: str) -> str:
    """Return a name that may be quoted, as those of `/file` are; its blanks need no quotes."""
    words = _words(name) if name[0] in "'\"" else []
    return words[0] if len(words) == 1 else name


def _path(word: str) -> Path:
    try:
        return Path(word).expanduser()
    except RuntimeError:
        raise Misused(f"{word} is no path: there is no such user.") from None


def _retry(conversation: Conversation, _argument: str) -> None:
    conversation.retry()


def _edit(conversation: Conversation, text: str) -> None:
    edited = editor.edited(text)
    with editor.kept(edited, conversation.connection.settings.state_dir) as noted:
        conversation.show_and_ask(edited, noted)


def _copy(conversation: Conversation, what: str) -> None:
    if what not in ("", "code"):
        raise Misused("/copy copies the last answer, /copy code its last block of code.")
    answer = conversation.last_turn()["answer"]
    by = clipboard.copy(code_blocks.last(answer) if what else answer)
    console.note(f"Copied {by}.")


def _code(conversation: Conversation, _argument: str) -> None:
    console.out(code_blocks.last(conversation.last_turn()["answer"]))


_FORMATS = {".json": Format.JSON, ".html": Format.HTML, ".htm": Format.HTML}


def _save(conversation: Conversation, name: str) -> None:
    if not name:
        raise Misused("/save needs the name of a file, such as talk.md, talk.json or talk.html.")
    path, api, id_ = _path(_unquoted(name)), conversation.api, conversation.stored_id()
    with output_file.replaced(path):
        write(
            _FORMATS.get(path.suffix.lower(), Format.MARKDOWN),
            [(api.conversation(id_), questions(api, id_))],
        )
    console.note(f"Saved: {path}.")


def _title(conversation: Conversation, title: str) -> None:
    id_ = conversation.stored_id()
    if title:
        conversation.api.rename_conversation(id_, title)
    console.note(f"Title: {conversation.api.conversation(id_)['title']}")


def _usage(conversation: Conversation, _argument: str) -> None:
    if conversation.id:
        so_far = conversation.api.conversation(conversation.id)
        turns = counted(so_far["turns"], "turn")
        console.note(f"This conversation: {turns}{_dollars(so_far['cost_usd'])}.")
    today = Sum()
    for item in conversation.api.usage(since=times.parse("today", "since")):
        today.add(item)
    asked, tokens = counted(today.questions, "question"), rounded(today.tokens, "token")
    console.note(f"Today: {asked}, {tokens}{_dollars(today.cost)}.")


def _dollars(cost: float | None) -> str:
    return "" if cost is None else f", ${cost:,.4f}"


def _new(conversation: Conversation, _argument: str) -> None:
    conversation.begin(None)
    console.note("The next question begins a new conversation.")


def _help(_conversation: Conversation, _argument: str) -> None:
    commands = {f"/{name} {one.argument}".rstrip(): one.help for name, one in COMMANDS.items()}
    rows = commands | KEYS
    indent = max(map(len, rows)) + 2
    columns = max(NARROWEST, shutil.get_terminal_size().columns)
    for row, help_ in rows.items():
        lines = textwrap.wrap(help_, columns - indent)
        console.out(f"{row:{indent}}" + f"\n{'':{indent}}".join(lines) + "\n")


def _quit(_conversation: Conversation, _argument: str) -> None:
    raise Leave


COMMANDS = {
    "model": Command(_model, "[NAME]", "List the models, or choose the one that answers."),
    "system": Command(_system, "[TEXT]", "Set the system prompt; without TEXT there is none."),
    "file": Command(
        _file, "[PATH...]", "Send text files with the next question; without PATH there are none."
    ),
    "retry": Command(_retry, "", "Ask the last question again."),
    "edit": Command(_edit, "[TEXT]", "Write the question in $EDITOR."),
    "copy": Command(_copy, "[code]", "Copy the last answer, or its last block of code."),
    "code": Command(_code, "", "Show the last block of code alone, as it is."),
    "save": Command(_save, "FILE", "Save the conversation: as Markdown, or as .json or .html."),
    "title": Command(_title, "[TEXT]", "Show the conversation's title, or give it one."),
    "usage": Command(_usage, "", "Show the turns and the cost, of this conversation and of today."),
    "new": Command(_new, "", "Begin a new conversation."),
    "help": Command(_help, "", "Show this."),
    "exit": Command(_quit, "", "Leave; so do /quit and Ctrl-D."),
    "quit": Command(_quit, "", "Leave."),
}
KEYS = {
    "Enter": "Send.",
    "Alt-Enter, Ctrl-J": "A new line; so does a backslash before Enter.",
    "Ctrl-C": "Stop the answer, and keep its text; at the prompt, empty the line.",
    "Ctrl-R": "Search what you typed before.",
    "Ctrl-X Ctrl-E": "Write on in $EDITOR, as /edit.",
}
