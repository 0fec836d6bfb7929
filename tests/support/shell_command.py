"""`askcli` as the tests' shell scripts find it: forked from the zygote whose socket is beside it.

A program of its own, which imports nothing that takes time. It becomes the command that was
installed where a forked one would not be as good: at a terminal, without one of the standard
streams, or with settings that Python itself reads.
"""

from __future__ import annotations

import json
import os
import signal
import socket as sockets
import sys
from array import array
from pathlib import Path

INSTALLED = "ASKCLI_TESTS_INSTALLED"  # the variable that names that command
RELAYED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HIGHEST = 63  # of the descriptors that a script passes on: where bash puts `<(…)`


def can_fork() -> bool:
    """Whether a forked command is as good."""
    own = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
    try:
        return own == {"PYTHONWARNINGS": "error"} and not any(map(_is_terminal, range(3)))
    except OSError:
        return False


def _is_terminal(number: int) -> bool:
    os.fstat(number)  # which fails if it is closed
    return os.isatty(number)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def asked(installed: str) -> tuple[bytes, list[int]]:
    """The request, and the descriptors that go with it."""
    more = [number for number in range(3, HIGHEST + 1) if _is_open(number)]
    request = {
        "arguments": [installed, *sys.argv[1:]],
        "environment": dict(os.environ),
        "directory": str(Path.cwd()),
        "pass_fds": more,
    }
    return json.dumps(request).encode(), [0, 1, 2, *more]


def run(installed: str) -> int:
    """Let the command run; returns its exit code."""
    request, descriptors = asked(installed)
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_SEQPACKET) as zygote:
        zygote.connect(str(Path(sys.argv[0]).parent.parent / "socket"))
        rights = (sockets.SOL_SOCKET, sockets.SCM_RIGHTS, array("i", descriptors))
        signal.pthread_sigmask(signal.SIG_BLOCK, RELAYED)
        zygote.sendmsg([request], [rights])
        pid = int(zygote.recv(32))
        for relayed in RELAYED:
            signal.signal(relayed, lambda number, _: os.kill(pid, number))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, RELAYED)
        for number in range(3):  # whose other ends shall see when the command closes them
            os.close(number)
        return int(zygote.recv(32))


def main() -> None:
    """Run it, and end as it ends."""
    installed = os.environ.pop(INSTALLED)
    if not can_fork():
        os.execv(installed, [installed, *sys.argv[1:]])
    code = run(installed)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
