"""The process in which ``workbook`` reads a sheet: a workbook comes in, and its rows go out as lines of JSON.

Each line is a pair of a word and what belongs to it: ``sheets`` with their names, ``rows`` with some of them, and
at the end ``end``, ``flaw`` with the end of a sentence, ``password``, or ``no_sheet`` with the names of all sheets.
"""

import json
import resource
import signal
import sys
from contextlib import suppress
from itertools import islice
from typing import Any

from exosms.tables.sheet import read_sheet
from exosms.tables.workbook_archive import NoSheetError, PasswordNeededError, WorkbookError

_MOST_MEMORY = 1 << 30
"""Bytes; the largest sheet that is laid out takes two thirds of them. macOS does not hold anyone to it."""
_MOST_SECONDS = 120
"""Of work."""
_ROWS_A_LINE = 256
_SET_DEATH_SIGNAL = 1
"""``PR_SET_PDEATHSIG`` (prctl(2))."""


def main() -> None:
    """Read the sheet that the first argument names, as JSON: by its name, or by its place from 0."""
    _limit(resource.RLIMIT_AS, _MOST_MEMORY)
    _limit(resource.RLIMIT_CPU, _MOST_SECONDS)
    _limit(resource.RLIMIT_CORE, 0)
    _end_with_parent()
    try:
        names, rows = read_sheet(sys.stdin.buffer.read(), json.loads(sys.argv[1]))
        _say("sheets", names)
        while some := list(islice(rows, _ROWS_A_LINE)):
            _say("rows", some)
        _say("end", None)
    except PasswordNeededError:
        _say("password", None)
    except NoSheetError as error:
        _say("no_sheet", error.sheets)
    except WorkbookError as error:
        _say("flaw", str(error))
    except MemoryError:
        _say("flaw", "it needs too much memory")


def _end_with_parent() -> None:
    """Ask to be killed when the process that reads us is; elsewhere than on Linux the limits have to do."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)


def _limit(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    with suppress(ValueError, OSError):  # of a system that knows no such limit
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _say(word: str, what: Any) -> None:
    sys.stdout.write(json.dumps((word, what)) + "\n")


if __name__ == "__main__":
    main()
