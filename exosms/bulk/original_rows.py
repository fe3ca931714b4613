"""The rows of a run as its file has them, with what became of each: to be corrected and sent again."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from shlex import quote
from typing import TextIO

from exosms.bulk.results_csv import error_cell, outcome_of, sid_cell
from exosms.bulk.table import Table, fold, open_table
from exosms.errors import InputError
from exosms.ledger.history import History
from exosms.ledger.messages import LedgerEntry
from exosms.ledger.runs import Journal, Run
from exosms.ledger.staging import seal
from exosms.tables.records import DELIMITERS

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
        if path.exists() and path.resolve() == Path(run.file).resolve():
            raise InputError(
                f"{path} has changed since it was sent",
                remedy=f"Send what is new in it with: exosms bulk {quote(str(path))} … --sent-before skip",
            )
        raise InputError(
            f"{path} is not the file of the run {run.name}: its cells are others",
            remedy=f"Name the file as it was sent: {run.file}",
        )


def write_originals(
    run: Run, journal: Journal, path: Path, file: TextIO, *, is_wanted: Callable[[LedgerEntry], bool]
) -> int:
    """Write the wanted rows with all their cells, exactly as they stand, and return how many there are.

    Nothing of them is made harmless, since they are to be sent; what is added is. A sheet's rows become CSV.
    Raises InputError at the end if the file is not the run's any more: somebody may have changed it since the check.
    """
    with _opened(run, path) as table:
        delimiter = table.delimiter if table.delimiter in DELIMITERS and not table.sheets else ","
        header = [*table.header, *_free_names(table.header)]
        is_misleading = any(other in name for name in header for other in DELIMITERS)
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        quoted = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
        (quoted if is_misleading else writer).writerow(header)  # whoever reads it looks for the delimiter
        written = 0
        for row, cells in _beside(History(journal.ledger).rows(run), table):
            if is_wanted(row):
                missing = [""] * (len(table.header) - len(cells))
                writer.writerow([*cells, *missing, outcome_of(row), error_cell(row), sid_cell(row)])
                written += 1
        _check_rest(run, journal, path, table)
    return written


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
