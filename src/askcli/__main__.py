"""`python -m askcli` and the `askcli` command."""

import os
import signal
import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line."""
    _open_closed_streams()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _leave)
    by_python = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if by_python:
        # A KeyboardInterrupt in the middle of an import would end in tracebacks.
        signal.signal(signal.SIGINT, _leave)
    from askcli.cli.input.implied_command import with_command
    from askcli.cli.output import spinner

    sys.argv[1:] = with_command(sys.argv[1:])
    spinner.begin(sys.argv[1:])
    from askcli.cli.app import main as run

    if by_python:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


def _leave(number: int, _frame: object) -> None:
    """End at once, without a traceback, and leave no spinner on the terminal."""
    if leave := getattr(sys.modules.get("askcli.cli.output.transient"), "leave", None):
        leave()
    if number == signal.SIGINT:
        os._exit(INTERRUPTED)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _open_closed_streams() -> None:
    """Point closed standard streams nowhere, or the next file opened would become one of them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, this one


if __name__ == "__main__":
    main()
