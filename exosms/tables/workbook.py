"""A workbook (XLSX, ODS or XLS), told by its content: one of its sheets as records.

It is read in a process of its own, with limits to its memory and time: what a hostile or careless workbook can make
its reader do there, up to aborting, ends as one sentence here.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any

from exosms.errors import InputError
from exosms.system.escaping import shown
from exosms.system.suggest import did_you_mean
from exosms.tables.records import Record

LARGEST = 16 * 1024 * 1024
"""Bytes of a file."""

_MOST_NAMES = 20
"""Sheets that a sentence names."""

_BEGINNINGS = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_REMEDY = "Open it in a spreadsheet, save the sheet as CSV UTF-8 and use that file."


def is_workbook(content: bytes) -> bool:
    """Whether a file begins as a workbook does, which no text can."""
    return content.startswith(_BEGINNINGS)


class SheetRecords:
    """The records of one sheet, which can be gone through once; rows with nothing but blanks are none."""

    delimiter = "\t"
    """As a row is shown."""
    ends_openly = False

    def __init__(self, sheets: Sequence[str], records: Iterator[Record]) -> None:
        self.sheets = sheets
        """The names of all sheets of the workbook: the one that is read, and the others in the order of the tabs."""
        self._records = records

    def __iter__(self) -> Iterator[Record]:
        return self._records


@contextmanager
def open_sheet(content: bytes, name: str, *, sheet: int | str = 0) -> Iterator[SheetRecords]:
    """Open a sheet, by its name or its place from 0 among those shown, of a workbook that sentences call ``name``.

    Raises InputError for a workbook that cannot be read; going through the records does so too.
    """
    if len(content) > LARGEST:
        raise InputError(f"{name} is larger than {LARGEST >> 20} MiB", remedy=_REMEDY)
    with _answers(content, name, sheet) as answers:
        sheets = next(answers)
        yield SheetRecords(sheets, (Record(*row) for rows in answers for row in rows))


@contextmanager
def _answers(content: bytes, name: str, sheet: int | str) -> Iterator[Iterator[Any]]:
    """Start the process and yield what it says: the names of the sheets, then some rows each time."""
    import os
    import subprocess
    import sys

    # Whatever can be imported here can be imported there; what reads foreign bytes is told no credentials.
    env = {key: value for key, value in os.environ.items() if not key.startswith(("EXOTEL_", "EXOSMS_"))}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    argv = [sys.executable, "-P", "-m", "exosms.tables.workbook_child", json.dumps(sheet)]
    try:
        child = subprocess.Popen(  # noqa: S603  # our own module
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, process_group=0
        )
    except OSError as error:
        raise InputError(f"{name} cannot be read: no process can be started: {error.strerror}") from error
    with child:
        try:
            _hand_over(content, child.stdin)
            yield _said(child, name, sheet)
        finally:
            child.kill()


def _hand_over(content: bytes, stdin: IO[bytes] | None) -> None:
    assert stdin is not None  # noqa: S101  # for the type
    with suppress(BrokenPipeError):  # it ended, and will be asked why
        stdin.write(content)
    with suppress(BrokenPipeError):
        stdin.close()


def _no_sheet(name: str, sheet: int | str, sheets: Sequence[str]) -> InputError:
    return InputError(
        f"{name} has no sheet {sheet!r}{did_you_mean(str(sheet), sheets)}",
        remedy=f"Its sheets are: {', '.join(map(shown, sheets[:_MOST_NAMES]))}.",
    )


def _said(child: Any, name: str, sheet: int | str) -> Iterator[Any]:
    for line in child.stdout:
        try:
            word, what = json.loads(line)
        except ValueError:  # it was killed within the line
            break
        if word == "end":
            return
        if word == "password":
            raise InputError(f"{name} is protected with a password", remedy="Save it without one.")
        if word == "no_sheet":
            raise _no_sheet(name, sheet, what)
        if word == "flaw":
            raise InputError(f"{name} cannot be read as a workbook: {what}", remedy=_REMEDY)
        yield what
    child.stdout.close()  # or it may wait for us to read on
    # Rust aborts where memory does not suffice; the others are the limit of time, and the system's own killer.
    raise InputError(
        f"{name} cannot be read as a workbook: it needs too much memory or time"
        if child.wait() < 0
        else f"{name} cannot be read as a workbook: its reader failed",
        remedy=_REMEDY,
    )
