"""`python -m askcli` and the `askcli` command."""

from askcli.cli.app import main

if __name__ == "__main__":
    main()
