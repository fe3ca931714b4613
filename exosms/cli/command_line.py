"""One command line from its words to its exit code."""

import errno
import sys
from collections.abc import Sequence

from exosms import starvation
from exosms.cli.commands import perform
from exosms.cli.output.out import Out, lose
from exosms.errors import ExitCode, ExosmsError, Interrupted, in_our_words

_UNWRITABLE = {errno.ENOSPC, errno.EPIPE, errno.EIO, errno.EFBIG, errno.EDQUOT}


def run(arguments: Sequence[str]) -> int:
    """Run one command line; every error ends here, as an exit code and a sentence."""
    try:
        perform(arguments)
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # typer's 1 for a help that nobody wanted to the end
            return ExitCode.OK
        if stop.code == ExitCode.USAGE:
            _tell_what_was_meant(arguments)
        return stop.code if isinstance(stop.code, int) else ExitCode.BUG
    except ExosmsError as error:
        _errors().fail(error.message, remedy=error.remedy)
        return error.exit_code
    except Interrupted as interrupted:
        _errors().fail(f"interrupted by {interrupted.name}", remedy=interrupted.remedy)
        return interrupted.exit_code
    except Exception as error:  # noqa: BLE001  # the last resort
        return _unforeseen(error)
    return ExitCode.OK


def _tell_what_was_meant(arguments: Sequence[str]) -> None:
    from exosms.cli.meant import of_usage

    if hint := of_usage(arguments):
        _errors().tell(hint)


def _unforeseen(error: Exception) -> int:
    """Tell that typer could not print what it had to, or a bug without its message, which may quote a secret."""
    if isinstance(error, OSError) and error.filename is None and error.errno in _UNWRITABLE:
        lose(error, sys.stdout, sys.stderr)
        is_closed = isinstance(error, BrokenPipeError)  # by its reader, who has read enough
        return getattr(error.__context__, "exit_code", ExitCode.OK if is_closed else ExitCode.CONFIG)  # usage stays 2
    return tell_unforeseen(_errors(), error)


def tell_unforeseen(out: Out, error: Exception) -> int:
    """Tell what this process lacks, or where a bug showed, and return the exit code of that."""
    if (exit_code := starvation.told(error)) is not None:
        return exit_code
    told = in_our_words(error)
    out.fail(told.message, remedy=told.remedy)
    return told.exit_code


def _errors() -> Out:
    return Out(sys.stdout, sys.stderr, goes_on=True)
