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
        from exosms.system.signals import Interrupts, hear_no_more

        Interrupts.nothing_follows = is_program
        exit_code = run(arguments)
    except Exception as error:
        told = starvation.told(error)  # which nothing may have been left to be told with
        if told is None:
            raise
        return told
    if is_program:
        hear_no_more()
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
        exit_code = 130
    if exit_code == 130:
        _leave_unread()
    gc.freeze()
    sys.exit(exit_code)


def _leave_unread() -> None:
    """Let nothing wait any more for who does not read it; a further Ctrl-C has nothing left to end."""
    from exosms.cli.output.out import detach
    from exosms.system.signals import hear_no_more, takes_more

    hear_no_more()
    for stream in (sys.stdout, sys.stderr):
        if not takes_more(stream.fileno()):
            detach(stream)


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
