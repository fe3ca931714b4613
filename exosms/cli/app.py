"""The one boundary where errors become exit codes and text."""

import gc
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
    """Run as a program.

    Collecting garbage among what was just imported, and once more at the end, takes a quarter of the time of a whole
    send and frees nothing; commands that live longer turn the collector on again.
    """
    gc.disable()
    exit_code = main()
    gc.freeze()
    sys.exit(exit_code)
