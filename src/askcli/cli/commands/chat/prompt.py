"""The prompt: several lines, the keys of an editor, a history, completion."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import Completer
from prompt_toolkit.filters import completion_is_selected, has_focus, vi_navigation_mode
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.output.plain_text import PlainTextOutput
from prompt_toolkit.utils import is_dumb_terminal

from askcli.cli.commands.chat.typed_history import TypedHistory

MARK = "> "
# A terminal puts brackets around what is pasted: in an answer, too, or each line of it would be a
# question of its own at the next prompt.
BRACKETS = b"\x1b[?2004h"
# That, and the cursor that prompt_toolkit hides.
UNDO = b"\x1b[?2004l\x1b[?25h"
HINT = "Ask, or /help"


def sequences() -> tuple[bytes, bytes]:
    """Return what is to be written to the terminal before prompts, and after the last one."""
    return (b"", b"") if is_dumb_terminal() else (BRACKETS, UNDO)


class Prompt:
    """Reads what the user types; one line or several."""

    def __init__(self, state_dir: Path, completer: Completer, *, is_vi: bool) -> None:
        # A dumb terminal shows what resets another one's cursor. PromptSession uses its prompt of
        # single lines only if it gets no `output`; else it draws rows, and moves the cursor back.
        output = PlainTextOutput(sys.stdout) if is_dumb_terminal() else None
        with create_app_session(output=output):
            self._session = self._made(state_dir, completer, is_vi=is_vi)

    def _made(self, state_dir: Path, completer: Completer, *, is_vi: bool) -> PromptSession[str]:
        return PromptSession(
            FormattedText([("bold", MARK)]),
            multiline=True,
            prompt_continuation="  ",
            vi_mode=is_vi,
            history=TypedHistory(state_dir),
            completer=completer,
            complete_while_typing=False,
            enable_suspend=True,
            key_bindings=_keys(),
            placeholder=FormattedText([("fg:ansibrightblack", HINT)]),
            reserve_space_for_menu=4,
        )

    def read(self) -> str | None:
        """Return what was typed, None at the end (Ctrl-D). Raises KeyboardInterrupt."""
        try:
            # Ctrl-C is a key here; of a signal that comes as the prompt ends it shows a traceback.
            typed = self._session.prompt(handle_sigint=False)
        except EOFError:
            return None
        if not is_dumb_terminal():
            self._session.output.enable_bracketed_paste()
            self._session.output.flush()
        return typed

    def write_above(self, write: Callable[[], None]) -> None:
        """Call the function, which prints lines, above the prompt; from any thread.

        Nothing is called where the prompt is not shown.
        """
        app = self._session.app
        if app.is_running and (loop := app.loop) is not None:
            with suppress(RuntimeError):  # the prompt has just ended, and its loop with it
                loop.call_soon_threadsafe(self._write_above, write)

    def _write_above(self, write: Callable[[], None]) -> None:
        # Not prompt_toolkit's `run_in_terminal`, in whose time a Ctrl-D is lost: the modes stay.
        app = self._session.app
        if app.is_running:
            app.renderer.erase()
            write()
            app.renderer.reset()
            app.renderer.request_absolute_cursor_position()
            app.invalidate()


def _keys() -> KeyBindings:
    """Return the keys that differ from prompt_toolkit's for several lines: Enter sends."""
    keys = KeyBindings()
    is_typing = has_focus("DEFAULT_BUFFER")

    @keys.add("enter", filter=is_typing & ~completion_is_selected)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if (
            buffer.document.text_before_cursor.endswith("\\")
            and buffer.document.is_cursor_at_the_end
        ):
            buffer.delete_before_cursor()
            buffer.newline(copy_margin=False)
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter", filter=is_typing)
    @keys.add("c-j", filter=is_typing)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    # Not prompt_toolkit's own, which shows a traceback where an editor leaves no text.
    @keys.add("c-x", "c-e", filter=is_typing)
    @keys.add("v", filter=is_typing & vi_navigation_mode)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.text = f"/edit {event.current_buffer.text}"
        event.current_buffer.validate_and_handle()

    @keys.add(Keys.Vt100MouseEvent)
    def _(_event: KeyPressEvent) -> None:
        """Drop a colour's sequence: prompt_toolkit takes it for the mouse's, and fails."""

    @keys.add("enter", filter=is_typing & completion_is_selected)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.complete_state = None

    return keys
