"""The rows of a run as its file has them, with what became of each: to be corrected and sent again."""

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TextIO

from exosms.bulk.results_csv import Cell, error_of, harmless
from exosms.bulk.table import Table, fold, open_table
from exosms.errors import InputError
from exosms.ledger.entry import LedgerEntry
from exosms.ledger.history import History
from exosms.ledger.runs import Journal, Run
from exosms.ledger.staging import seal
from exosms.system.escaping import for_shell
from exosms.tables.records import DELIMITERS, BrokenRecordError

_ADDED = ("outcome", "error", "sid")


def check_original(run: Run, journal: Journal, path: Path) -> None:
    """Raise InputError for a file with other cells than the run's; they are compared by a keyed hash."""
    if run.terms.content is None:
        raise InputError(
            f"The run {run.name} was started by an older exosms, which did not keep what its file was like",
            remedy=f"See its rows with: exosms runs export {run.name}",
        )
    with _opened(run, path) as table:
        _check_rest(run, journal, path, table)


def _check_rest(run: Run, journal: Journal, path: Path, table: Table) -> None:
    """Read what is left of a table; raises InputError if its cells are others than the run's."""
    for _ in table.originals():
        pass
    if seal(journal.ledger.database, run.account, table.digest) != run.terms.content:
        if path.exists() and os.path.realpath(path) == os.path.realpath(run.file):
            raise InputError(
                f"{path} has changed since it was sent",
                remedy=f"Send what is new in it with: exosms bulk {for_shell(str(path))} … --sent-before skip",
            )
        raise InputError(
            f"{path} is not the file of the run {run.name}: its cells are others",
            remedy=f"Name the file as it was sent: {run.file}",
        )


def write_originals(
    run: Run,
    journal: Journal,
    path: Path,
    file: TextIO,
    *,
    is_wanted: Callable[[LedgerEntry], bool],
    cell: Cell = harmless,
    delimiter: str | None = None,
) -> None:
    """Write the wanted rows with all their cells, exactly as they stand, by default with the delimiter of the file.

    Nothing of them is made harmless, since they are to be sent; what is added is. A sheet's rows become CSV.
    Raises InputError at the end if the file is not the run's any more: somebody may have changed it since the check.
    """
    with _opened(run, path) as table:
        delimiter = delimiter or (table.delimiter if table.delimiter in DELIMITERS and not table.sheets else ",")
        header = [*table.header, *_free_names(table.header)]
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        quoted = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
        is_misleading = any(other in "".join(header) for other in f"{DELIMITERS}\r")
        (quoted if is_misleading else writer).writerow(header)  # whoever reads it looks for the delimiter
        for row, cells in _beside(History(journal.ledger).rows(run), table):
            if is_wanted(row):
                missing = [""] * (len(table.header) - len(cells))
                # Before Python 3.13 a carriage return, which may end a line as well, is not quoted by itself.
                fitting = quoted if "\r" in "".join(cells) else writer
                fitting.writerow([*cells, *missing, row.outcome, cell(error_of(row)), cell(row.sid)])
        _check_rest(run, journal, path, table)


def may_be_corrected(path: Path, run: Run, original: Path | None, *, encoding: str | None = None) -> bool:
    """Whether a file has rows of the run in it that a person may have worked on since they were exported.

    That is where it has their columns, but not every row as it stands in the file that was sent; if that is unknown,
    where it has the columns that are added to rows. Any other file, and one that is no table, has none.
    """
    try:
        with open_table(path, encoding=encoding) as table:
            header = [*table.header]
            if original is None:
                return tuple(name.rstrip("0123456789") for name in header[-len(_ADDED) :]) == _ADDED
            with _opened(run, original) as sent:
                added = _free_names(sent.header)
                if header[-len(added) :] != added and header[: len(sent.header)] != [*sent.header]:
                    return False
                return header != [*sent.header, *added] or not _stand_in_order(table, sent)
    except BrokenRecordError:
        return True
    except InputError:  # a spreadsheet saves a CSV in the encoding of its machine, and any bytes are Latin-1
        return encoding is None and may_be_corrected(path, run, original, encoding="latin-1")


def _stand_in_order(table: Table, sent: Table) -> bool:
    """Whether every row of an export is one of the file that was sent, in the order of that."""
    width = len(sent.header)
    others = ([*cells, *[""] * (width - len(cells))] for _, cells in sent.originals())
    return all([*cells[:width]] in others for _, cells in table.originals())


def _opened(run: Run, path: Path) -> AbstractContextManager[Table]:
    terms = run.terms
    return open_table(path, delimiter=terms.delimiter, encoding=terms.csv_encoding, sheet=terms.sheet)


def _free_names(header: Sequence[str]) -> list[str]:
    """Return the names of what is added, with a number behind one that is taken."""
    taken = set(map(fold, header))
    names = []
    for name in _ADDED:
        free = next(one for n in range(1, len(taken) + 2) if fold(one := f"{name}{n if n > 1 else ''}") not in taken)
        taken.add(fold(free))
        names.append(free)
    return names


def _beside(rows: Iterator[LedgerEntry], table: Table) -> Iterator[tuple[LedgerEntry, Sequence[str]]]:
    """Yield the rows that the ledger still has, each with its cells; both come in the order of the file."""
    row = next(rows, None)
    for number, cells in table.originals():
        if row is None:
            return
        if row.row == number:
            yield row, cells
            row = next(rows, None)
