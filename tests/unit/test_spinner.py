"""The spinner's thread, and signals."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from askcli.cli.output.terminal.spinner import Spinner

# Prints the signals that each thread blocks, as the kernel shows them.
SCRIPT = """
import os, pathlib, pty, sys
from askcli.cli.output.terminal import spinner

_, os.environ["TERM"] = os.dup2(pty.openpty()[1], 2), "xterm"
spinner.begin(["ask"])
spinner.animate()
for task in pathlib.Path("/proc/self/task").iterdir():
    if task.name != str(os.getpid()):
        status = (task / "status").read_text()
        print(status.partition("SigBlk:")[2].split()[0])
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="the kernel does not show it")
def test_its_thread_takes_no_signal() -> None:
    # One that it took would interrupt the main thread even where that has blocked it.
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, timeout=60)
    (blocked,) = (int(line, 16) for line in done.stdout.split())
    for number in (signal.SIGINT, signal.SIGTSTP, signal.SIGTERM):
        assert blocked >> (number - 1) & 1, number


def test_its_thread_in_a_write_that_waits_keeps_no_command_from_its_end() -> None:
    """As where the terminal is paused after the thread has found that it takes text."""
    spinner, is_locked, is_over = Spinner(), threading.Event(), threading.Event()

    def write() -> None:
        with spinner._lock:
            is_locked.set()
            is_over.wait(60)

    thread = threading.Thread(target=write)
    thread.start()
    is_locked.wait(60)
    spinner.erase()
    spinner.leave()
    assert thread.is_alive()
    is_over.set()
    thread.join()


def test_without_a_thread_its_mark_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    spinner = Spinner()
    spinner.animate()
    spinner.draw()
    assert spinner.say("Asking…")  # it is shown
    spinner.leave()
