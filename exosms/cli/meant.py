"""The command that was meant by one that makes no sense as it stands."""

import os
import stat
import sys
from collections.abc import Sequence
from itertools import pairwise

from exosms.cli.output.refusals import command_again
from exosms.errors import UsageError


def text_is_a_dash(arguments: Sequence[str]) -> UsageError:
    """Return the error for ``--body -``, which would send a dash."""
    rest = [*arguments]
    for option in ("-b-", "--body=-"):
        rest = ["-F-" if word == option else word for word in rest]
    for at, (option, value) in enumerate(pairwise(rest)):
        if option in {"-b", "--body"} and value == "-":
            rest[at] = "-F"
    return UsageError(
        "--body takes the text itself, not - for standard input", remedy=_meant(command_again(rest, ()))
    )


def no_text(arguments: Sequence[str]) -> UsageError:
    """Return the error for a message without a text; what waits on standard input was meant, most likely."""
    message = "Give the text with --body or --body-file, or a template with -t"
    if not _is_fed():
        return UsageError(message)
    return UsageError(
        f"{message}; standard input is read only for -F -", remedy=_meant(command_again(arguments, ["-F", "-"]))
    )


def of_usage(arguments: Sequence[str]) -> str:
    """Return what was meant by a command line that cannot be parsed; nothing where that is anybody's guess."""
    match [*arguments]:
        case ["runs"]:
            return "To see the runs: exosms runs list"
        case ["check-template", *words] if _are_plain(words) and len(words) in {1, 2}:
            options = ["-t", words[0], "-b", words[1]] if words[1:] else ["-b", words[0]]
            return _meant(command_again(["check-template"], options))
        case ["template", "lint", *words] if _are_plain(words) and words:
            return "It checks every template of the file; another file is named with --templates FILE"
    return ""


def _are_plain(words: Sequence[str]) -> bool:
    return not any(word.startswith("-") for word in words)


def _meant(command: str) -> str:
    return f"Did you mean: {command}"


def _is_fed() -> bool:
    """Whether somebody feeds standard input: a pipe or a file, and not a terminal or nothing."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)
