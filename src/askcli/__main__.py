"""`python -m askcli` and the `askcli` command."""

import _thread
import atexit
import gc
import os
import signal
import sys
import time

from askcli import __version__

INTERRUPTED = 130
AGAIN_SECONDS = 0.001
# They end a process unless it handles them; a key (Ctrl-\\) sends SIGQUIT.
DEADLY = (
    *(signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM),
    *(signal.SIGXCPU, signal.SIGUSR1, signal.SIGUSR2),
)


def main() -> None:
    """Run the command line."""
    _open_closed_streams()
    if sys.argv[1:] == ["--version"] and _has_written(f"askcli {__version__}\n"):
        return  # nothing had to be loaded for it
    sys.unraisablehook = _report
    codes: list[int] = []
    atexit.register(_end, codes)  # before all others, so that it is called after them
    gc.disable()  # loading makes many objects and no garbage: on again when all is loaded
    for number in DEADLY:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _leave)
    by_python = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    # A KeyboardInterrupt in the middle of an import would end in tracebacks.
    _on_interrupt(leave=True, by_python=by_python)
    from askcli.cli.input.implied_command import with_command
    from askcli.cli.output.terminal import spinner

    sys.argv[1:] = with_command(sys.argv[1:])
    spinner.begin(sys.argv[1:])
    from askcli.cli.app import main as run

    _on_interrupt(leave=False, by_python=by_python)
    try:
        run()
    except KeyboardInterrupt:  # as the command was ending
        _leave(signal.SIGINT, None)
    except SystemExit as ending:
        codes += [ending.code] if isinstance(ending.code, int) else []
        raise
    finally:
        _on_interrupt(leave=True, by_python=by_python)


def _on_interrupt(*, leave: bool, by_python: bool) -> None:
    """Let Ctrl-C end the command at once or raise, unless its handler is not Python's."""
    if by_python:
        signal.signal(signal.SIGINT, _leave if leave else signal.default_int_handler)


def _report(unraisable: "sys.UnraisableHookArgs") -> None:
    """Report an error that nobody can handle; a Ctrl-C in a destructor comes once more.

    So does the end of a time limit, whose error has a timer. Each import of a module ends with one,
    of its lock.
    """
    timer = getattr(unraisable.exc_type, "timer_of_limit", None)
    if unraisable.exc_type is KeyboardInterrupt:
        _thread.start_new_thread(_interrupt, (_thread.get_ident(),))
    elif timer is not None:
        signal.setitimer(timer, AGAIN_SECONDS)  # stopped by the end of the block
    else:
        sys.__unraisablehook__(unraisable)


def _interrupt(thread: int) -> None:
    """Interrupt the main thread, which alone gets a KeyboardInterrupt."""
    time.sleep(AGAIN_SECONDS)  # it is to be out of the destructor
    signal.pthread_kill(thread, signal.SIGINT)


def _end(codes: list[int]) -> None:
    """End at once: to free every object first takes about as long as Python takes to start.

    Not where warnings are asked for: Python then reports what was left open.
    """
    if sys.warnoptions:
        return
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return  # Python reports it
    for code in codes:
        os._exit(code)


def _has_written(line: str) -> bool:
    """Write a line to stdout; return False where that fails: the command says why, or waits."""
    try:
        data = line.encode(sys.stdout.encoding)
        return os.write(sys.stdout.fileno(), data) == len(data)
    except (AttributeError, OSError, ValueError):  # closed, full, not ready, or in memory
        return False


def _leave(number: int, _frame: object) -> None:
    """End at once, without a traceback, and leave no spinner on the terminal."""
    if leave := getattr(sys.modules.get("askcli.cli.output.terminal.transient"), "leave", None):
        leave()
    if number == signal.SIGINT:
        os._exit(INTERRUPTED)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    if os.getpid() == 1:  # a container's first process, whose default is to go on
        os._exit(128 + number)


def _open_closed_streams() -> None:
    """Point closed standard streams nowhere, or the next file opened would become one of them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, this one


if __name__ == "__main__":
    main()
