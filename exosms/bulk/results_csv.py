"""A run's rows as a CSV that a spreadsheet can open: what became of each of them."""

import csv
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

from exosms.bulk.request import Handling
from exosms.config.paths import state_directory
from exosms.config.settings import AccountOptions, own_files
from exosms.errors import ConfigError, InputError
from exosms.ledger.database import DATABASE
from exosms.ledger.entry import LedgerEntry
from exosms.ledger.history import History
from exosms.ledger.runs import Journal, Run
from exosms.sms.message import Outcome
from exosms.system.escaping import printable
from exosms.system.files import beside, why_unwritten
from exosms.system.times import local

COLUMNS = (
    "row",
    "line",
    "to",
    "outcome",
    "sid",
    "http_status",
    "code",
    "error",
    "segments",
    "attempts",
    "updated_at",
)

_FORMULA = re.compile(r"""(^\s*|[;|][\s"]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])""")
"""Before what begins a cell that a spreadsheet would run as a formula, in full width too (OWASP, CSV Injection).

Where a spreadsheet takes a semicolon for the delimiter, as it does in many countries, a cell begins after each.
"""

Cell = Callable[[str | None], str]
"""Makes a cell of words that others chose."""


def checked(handling: Handling, options: AccountOptions, *sources: Path) -> Handling:
    """Return how a run is handled, with the file that its results go into, which is none that is read."""
    if not handling.results:
        return handling
    return handling._replace(results=check_file(handling.results, options, *sources))


def check_file(path: Path, options: AccountOptions, *sources: Path | None) -> Path:
    """Return the file that results go into: what a link leads to now, for none is followed once this was checked.

    Raises, before anything is sent, for one that is not to be written or cannot be: InputError for what would be lost
    by it, such as the messages themselves or the ledger, and ConfigError for the rest.
    """
    try:
        if any(source is not None and _are_one(path, source) for source in sources):
            raise InputError(
                f"The results would be written over the messages themselves, {path}", remedy="Name another file."
            )
        for what, file in own_files(options, os.environ):
            if _are_one(path, file):
                raise InputError(f"The results would be written over the {what}, {path}", remedy="Name another file.")
        if _is_of_ledger(path):
            raise InputError(f"The results would be written over the ledger, {path}", remedy="Name another file.")
        if path.is_symlink() and not path.exists():
            raise ConfigError(
                f"The result file {path} is a link to {path.readlink()}, which does not exist",
                remedy="Remove the link, or name another file.",
            )
        if path.is_file() or path.is_dir():  # whoever reads a pipe would take this for its end
            path.open("a").close()
        if path.is_file() or not path.exists():
            with beside(_target(path)) as (descriptor, name):
                os.close(descriptor)
                name.unlink()
        return _target(path) if path.is_symlink() and path.is_file() else path
    except OSError as error:
        raise _unwritable(path, error) from error


def _are_one(path: Path, other: Path) -> bool:
    """Whether both are there and the same; the other may stand where we may not look, and then it is another."""
    try:
        status = other.stat()
    except OSError:
        return False
    return path.exists() and os.path.samestat(path.stat(), status)


def _target(path: Path) -> Path:
    """Return what a path leads to; of a link that leads to itself as well, on which ``Path.resolve`` fails."""
    return Path(os.path.realpath(path))


def _is_of_ledger(path: Path) -> bool:
    """Whether the ledger lives in this file, or would: it has others beside it while it is open."""
    directory = state_directory(os.environ)
    if directory is None or not directory.exists():
        return False
    target = _target(path)
    is_named_so = target.name.startswith(DATABASE) and _are_one(target.parent, directory)
    return is_named_so or any(_are_one(path, file) for file in directory.glob(f"{DATABASE}*"))


def _unwritable(path: Path, error: OSError, *, remedy: str = "") -> ConfigError:
    return ConfigError(f"The result file {path} cannot be written: {why_unwritten(error)}", remedy=remedy)


def write_file(run: Run, journal: Journal, path: Path) -> None:
    """Write a run's rows; raises ConfigError where the file cannot be written, and then the old one stands."""
    replace_file(path, lambda file: write(History(journal.ledger).rows(run), file), run=run)


def replace_file(path: Path, write_into: Callable[[TextIO], object], *, run: Run) -> None:
    """Let a file be written as a whole, or not at all; raises ConfigError where it cannot be.

    A link in its place is replaced: what it leads to by now is not what ``check_file`` found.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe or a device has no content to be spared
            with path.open("w", encoding="utf-8", newline="") as file:
                write_into(file)
            return
        with beside(path) as (descriptor, name):
            with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - a descriptor, not a path
                if path.exists():
                    os.fchmod(descriptor, path.stat().st_mode & 0o777)
                write_into(file)
            name.replace(path)
    except OSError as error:
        raise _unwritable(path, error, remedy=elsewhere(run)) from error


def elsewhere(run: Run) -> str:
    """Return what to do where a run's result file could not be written."""
    return f"Write it elsewhere with: exosms runs export {run.name} FILE"


def harmless(text: str | None) -> str:
    """Return a cell that no spreadsheet runs and no terminal obeys: an apostrophe makes a formula text.

    A tab, a carriage return and their kin are escapes then.
    """
    return _FORMULA.sub(r"\1'", printable(text or ""))


def write(rows: Iterable[LedgerEntry], file: TextIO, *, cell: Cell = harmless) -> None:
    """Write the rows with their header."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(
            (
                row.row, row.line, _number(row.recipient, cell), row.outcome, cell(row.sid), row.http_status,
                _code(row), cell(error_of(row)), row.segments, row.attempts, local(row.updated_at),
            )
        )  # fmt: skip


def _code(row: LedgerEntry) -> int | None:
    return row.delivery.detailed_status_code if row.delivery else row.code


def error_of(row: LedgerEntry) -> str | None:
    """Return why a row was not accepted, or failed later."""
    if row.delivery is None:
        return row.error
    return row.delivery.said if row.delivery.outcome is Outcome.FAILED else None


def _number(text: str, cell: Cell) -> str:
    """Return a recipient so that it reads as a number; what is in the file instead of one may be anything."""
    return text if text[:1] == "+" and text[1:].isdigit() and text.isascii() else cell(text)
