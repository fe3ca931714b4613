"""One command line from its words to its exit code."""

import sys
from collections.abc import Sequence

from exosms.cli.commands import end_unforeseen, perform
from exosms.cli.output.out import Out
from exosms.errors import ExitCode, ExosmsError, Interrupted


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
        return end_unforeseen(error)
    return ExitCode.OK


def _tell_what_was_meant(arguments: Sequence[str]) -> None:
    from exosms.cli.meant import of_usage

    if hint := of_usage(arguments):
        _errors().tell(hint)


def _errors() -> Out:
    return Out(sys.stdout, sys.stderr, goes_on=True)
