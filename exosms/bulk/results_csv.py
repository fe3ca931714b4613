"""A run's rows as a CSV that a spreadsheet can open: what became of each of them."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from exosms.errors import InputError
from exosms.ledger.history import History
from exosms.ledger.messages import LedgerEntry
from exosms.ledger.runs import Journal, Run
from exosms.sms.message import Outcome
from exosms.system.escaping import printable
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

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What begins a cell that a spreadsheet would run as a formula, in full width too (OWASP, CSV Injection)."""


def check_file(path: Path | None, *, source: Path | None) -> None:
    """Raise InputError, before anything is sent, for a result file that cannot be written, or that is the source."""
    if path is None:
        return
    try:
        if source is not None and path.exists() and source.exists() and path.samefile(source):
            raise InputError(
                f"The results would be written over the messages themselves, {path}", remedy="Name another file."
            )
        if not path.exists():
            path.open("x").close()
            path.unlink()
        elif path.is_file() or path.is_dir():  # whoever reads a pipe would take this for its end
            path.open("a").close()
    except OSError as error:
        raise InputError(f"The result file {path} cannot be written: {error.strerror}") from error


def write_file(run: Run, journal: Journal, path: Path) -> None:
    """Write a run's rows; raises InputError where the file cannot be written, and then the old one stands."""
    import tempfile

    rows = History(journal.ledger).rows(run)
    try:
        if path.exists() and not path.is_file():  # a pipe or a device has no content to be spared
            with path.open("w", encoding="utf-8", newline="") as file:
                write(rows, file)
            return
        path = path.resolve()  # a link stays one
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - a descriptor, not a path
                write(rows, file)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(
            f"The result file {path} cannot be written: {error.strerror}",
            remedy=f"Write it elsewhere with: exosms runs export {run.name} FILE",
        ) from error


def write(rows: Iterable[LedgerEntry], file: TextIO) -> None:
    """Write the rows with their header."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(
            (
                row.row, row.line, _number(row.recipient), _outcome(row), _harmless(row.sid), row.http_status,
                _code(row), _harmless(_error(row)), row.segments, row.attempts, local(row.updated_at),
            )
        )  # fmt: skip


def _outcome(row: LedgerEntry) -> str:
    """Return the later truth about an accepted row, where Exotel was asked."""
    return row.delivery.outcome if row.delivery else row.state


def _code(row: LedgerEntry) -> int | None:
    return row.delivery.detailed_status_code if row.delivery else row.code


def _error(row: LedgerEntry) -> str | None:
    if row.delivery is None:
        return row.error
    return row.delivery.said if row.delivery.outcome is Outcome.FAILED else None


def _number(text: str) -> str:
    """Return a recipient so that it reads as a number; what is in the file instead of one may be anything."""
    return text if text[:1] == "+" and text[1:].isdigit() and text.isascii() else _harmless(text)


def _harmless(text: str | None) -> str:
    """Return a cell that no spreadsheet runs and no terminal obeys: a leading apostrophe makes it text."""
    text = printable(text or "")
    return f"'{text}" if text.startswith(_FORMULA) else text
