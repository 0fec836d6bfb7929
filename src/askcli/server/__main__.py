"""`python -m askcli.server`: one server process, started by askcli itself and not by people.

With --socket it is the local server on demand, with --fd one worker of `askcli serve --workers`.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from askcli import settings
from askcli.errors import AskcliError
from askcli.metrics import exposition
from askcli.server.process import local, log_output, serve
from askcli.server_process import ReadyPipe


def main() -> None:
    """Serve until a signal comes; an error is one line on stderr and an exit code."""
    arguments = _arguments()
    ready = ReadyPipe(arguments.ready_fd)
    try:
        _serve(arguments, ready)
    except AskcliError as error:
        ready.failed(error.detail)
        raise SystemExit(_failed(error)) from None
    except OSError as error:
        ready.failed(f"{error}; its log has more.")
        raise
    except Exception as error:
        ready.failed(f"unexpected {type(error).__name__}; its log has more.")
        raise


@log_output.in_background()
def _serve(arguments: argparse.Namespace, ready: ReadyPipe) -> None:
    if arguments.socket is not None:
        local.serve_socket(settings.load(), arguments.socket, ready)
    else:
        exposition.start(arguments.metrics_dir, arguments.worker)
        flags = {"host": arguments.host, "port": arguments.port}
        load = partial(settings.load, flags, dotenv=True)
        serve.serve_worker(load, arguments.fd, arguments.life_fd, ready.ready)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m askcli.server", description=__doc__)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--socket", type=Path, help="the Unix socket to listen on")
    place.add_argument("--fd", type=int, help="the listening socket that the parent has opened")
    parser.add_argument("--life-fd", type=int, help="a pipe that ends when the parent does")
    parser.add_argument("--metrics-dir", type=Path, help="where workers share their metrics")
    parser.add_argument("--worker", type=int, default=0, help="which of the workers this is")
    parser.add_argument(
        "--ready-fd", type=int, required=True, help="gets a report when it is ready or has failed"
    )
    parser.add_argument("--host", help="the parent's host: it decides who may register")
    parser.add_argument("--port", type=int)
    return parser.parse_args()


def _failed(error: AskcliError) -> int:
    if sys.stderr is not None:  # closed by the parent
        sys.stderr.write(f"askcli: error: {' '.join(error.detail.split())}\n")
    return error.exit_code


if __name__ == "__main__":
    main()
