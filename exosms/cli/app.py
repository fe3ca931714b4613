"""The one boundary where errors become exit codes and text."""

import sys
from collections.abc import Sequence

from exosms import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run exosms with ``argv`` (without the program's name) and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments in (["--version"], ["-V"]):  # answered before typer is imported: a third of the time
        sys.stdout.write(f"exosms {__version__}\n")
        return 0
    from exosms.cli.commands import run

    return run(arguments)


def entry_point() -> None:
    """Run as a program."""
    sys.exit(main())
