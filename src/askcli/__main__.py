"""`python -m askcli` and the `askcli` command."""

import os


def main() -> None:
    """Run the command line; a Ctrl-C while it is still being loaded is one like any other."""
    _open_closed_streams()
    try:
        from askcli.cli.app import main as run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _open_closed_streams() -> None:
    """Point closed standard streams nowhere, or the next file opened would become one of them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, this one


if __name__ == "__main__":
    main()
