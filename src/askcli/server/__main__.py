"""`python -m askcli.server`: one server process, started by askcli itself and not by people.

With --socket it is the local server on demand, with --fd one worker of `askcli serve --workers`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from askcli import settings
from askcli.errors import AskcliError
from askcli.server.process import serve


def main() -> None:
    """Serve until a signal comes; an error is one line on stderr and an exit code."""
    arguments = _arguments()
    try:
        if arguments.socket is not None:
            serve.serve_socket(
                settings.load(), arguments.socket, lambda: _ready(arguments.ready_fd)
            )
        else:
            flags = {"host": arguments.host, "port": arguments.port}
            serve.serve_worker(
                settings.load(flags, dotenv=True),
                arguments.fd,
                arguments.life_fd,
                lambda: _ready(arguments.ready_fd),
            )
    except AskcliError as error:
        raise SystemExit(_failed(error)) from None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m askcli.server", description=__doc__)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--socket", type=Path, help="the Unix socket to listen on")
    place.add_argument("--fd", type=int, help="the listening socket that the parent has opened")
    parser.add_argument("--life-fd", type=int, help="a pipe that ends when the parent does")
    parser.add_argument("--ready-fd", type=int, required=True, help="gets one byte when ready")
    parser.add_argument("--host", help="the parent's host: it decides who may register")
    parser.add_argument("--port", type=int)
    return parser.parse_args()


def _ready(fd: int) -> None:
    os.write(fd, b"1")
    os.close(fd)


def _failed(error: AskcliError) -> int:
    os.write(2, f"askcli: error: {' '.join(error.detail.split())}\n".encode("utf-8", "replace"))
    return error.exit_code


if __name__ == "__main__":
    main()
