"""The one boundary where errors become exit codes and text."""

import gc
import io
import os
import sys
from collections.abc import Sequence

from exosms import __version__, starvation


def main(argv: Sequence[str] | None = None, *, is_program: bool = False) -> int:
    """Run exosms with ``argv`` (without the program's name) and return its exit code.

    A program's process ends with its command, so that no signal needs to be heard after it.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments in (["--version"], ["-V"]):  # answered before typer is imported: a third of the time
        return _tell_version()
    try:
        from exosms.cli.command_line import run
        from exosms.system.signals import Interrupts

        if is_program:
            Interrupts.nothing_follows = True
        return run(arguments)
    except Exception as error:
        exit_code = starvation.told(error)  # which nothing may have been left to be told with
        if exit_code is None:
            raise
        return exit_code


def _tell_version() -> int:
    try:
        sys.stdout.write(f"exosms {__version__}\n")
        sys.stdout.flush()
    except OSError as error:
        from exosms.cli.output.out import lose

        lose(error, sys.stdout, sys.stderr)
        return 0 if isinstance(error, BrokenPipeError) else 4  # ExitCode.CONFIG; its module is not imported for this
    return 0


def entry_point() -> None:
    """Run as a program.

    Collecting garbage among what was just imported, and once more at the end, takes a quarter of the time of a whole
    send and frees nothing; commands that live longer turn the collector on again.
    """
    gc.disable()
    _open_missing_streams()
    _buffer_streams()
    try:
        exit_code = main(is_program=True)
    except KeyboardInterrupt:  # while still importing: a command that sends takes its signals over
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second one has nothing left to end
        exit_code = 130
    gc.freeze()
    sys.exit(exit_code)


def _open_missing_streams() -> None:
    """Open what the caller closed: the next file, or a connection, would get its number and be written to."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115  # open for as long as we run


def _buffer_streams() -> None:
    """Put a buffer where PYTHONUNBUFFERED takes it away: without one, what is written in part counts as written."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream.buffer, io.RawIOBase):
            encoding, errors = stream.encoding, stream.errors
            buffer = io.BufferedWriter(stream.detach())
            buffered = io.TextIOWrapper(buffer, encoding=encoding, errors=errors, line_buffering=True)
            for each in (name, f"__{name}__"):  # by the second one how wide the terminal is gets known
                setattr(sys, each, buffered)
