"""The one boundary where errors become exit codes and text."""

import gc
import os
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
    _open_missing_streams()
    try:
        exit_code = main()
    except KeyboardInterrupt:  # while still importing: a command that sends takes its signals over
        exit_code = 130
    _be_done()
    sys.exit(exit_code)


def _be_done() -> None:
    """Let nothing change the exit code any more, on the last milliseconds of a process."""
    if "exosms.interrupts" in sys.modules:
        sys.modules["exosms.interrupts"].ignore_all()
    gc.freeze()


def _open_missing_streams() -> None:
    """Open what the caller closed: the next file, or a connection, would get its number and be written to."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115  # open for as long as we run
