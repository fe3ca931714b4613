"""A table of rows under headers, from a CSV: every record is a row or an error of that row."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from exosms.errors import InputError
from exosms.system.escaping import shown
from exosms.tables.csv_file import name_of, open_csv
from exosms.tables.records import BrokenRecordError, CsvRecords


class Row(NamedTuple):
    """One record; its cells by folded header, exactly as they are."""

    number: int
    """Counts the rows from 1, without the header and empty lines."""
    line: int
    """The physical line that it begins on, counted from 1."""
    cells: Mapping[str, str]


class RowError(NamedTuple):
    """What is wrong with one record, as a sentence that names the value."""

    number: int
    line: int
    column: str | None
    """As the file writes it; None where no single column is at fault."""
    value: str
    message: str
    remedy: str
    is_last: bool = False
    """Nothing behind it was read, and what was read before it is in doubt: such a file must not be sent in part."""


class Table:
    """Records whose header was read; ``rows`` reads the rest, once."""

    def __init__(self, name: str, source: CsvRecords) -> None:
        self.name = name
        self._source = source
        self._records = iter(source)
        self._delimiter = source.delimiter
        header = next(self._records, None)
        if header is None:
            raise InputError(f"{name} is empty", remedy="Its first line must contain the column names.")
        self.headers: tuple[str, ...] = tuple(header.cells)
        self._folded = _checked_headers(name, self.headers)

    @property
    def ends_openly(self) -> bool:
        """Whether the last row, once it was read, turned out to have no line end."""
        return self._source.ends_openly

    def rows(self) -> Iterator[Row | RowError]:
        """Yield every record as a row or an error; reading goes on after an error unless it ``is_last``.

        Raises InputError for what concerns the whole file: bytes that are not in its encoding, a failing disk.
        """
        number = 0
        try:
            for number, (line, cells, _) in enumerate(self._records, start=1):
                if len(cells) != len(self._folded):
                    yield self._miscounted(number, line, cells)
                elif "\0" in "".join(cells):
                    yield self._nul(number, line, cells)
                else:
                    yield Row(number, line, dict(zip(self._folded, cells, strict=True)))
        except BrokenRecordError as error:
            yield self._broken(number + 1, error)

    def _broken(self, number: int, error: BrokenRecordError) -> RowError:
        return RowError(
            number=number,
            line=error.line,
            column=None if error.place is None else next(iter(self.headers[error.place :]), None),
            value=error.value,
            message=error.said,
            remedy=error.remedy,
            is_last=True,
        )

    def _miscounted(self, number: int, line: int, cells: Sequence[str]) -> RowError:
        value = shown(self._delimiter.join(cells))
        count = f"{len(cells)} cell{'' if len(cells) == 1 else 's'}"
        return RowError(
            number=number,
            line=line,
            column=None,
            value=value,
            message=f"The record {value!r} has {count} instead of {len(self.headers)}",
            remedy="Put a cell that contains a delimiter or a line break in quotes.",
        )

    def _nul(self, number: int, line: int, cells: Sequence[str]) -> RowError:
        place = next(place for place, cell in enumerate(cells) if "\0" in cell)
        value = shown(cells[place])
        return RowError(
            number=number,
            line=line,
            column=self.headers[place],
            value=value,
            message=f"The cell {value!r} contains U+0000, which is not a valid character",
            remedy="Export the file again as CSV UTF-8.",
        )


@contextmanager
def open_table(source: Path | None, *, delimiter: str | None = None, encoding: str | None = None) -> Iterator[Table]:
    """Open a CSV as a table, or standard input's bytes for None; either may be a pipe.

    UTF-8 unless a byte order mark or ``encoding`` says otherwise. Raises InputError for what concerns the whole file.
    """
    with open_csv(source, delimiter=delimiter, encoding=encoding) as records:
        yield Table(name_of(source), records)


def fold(header: str) -> str:
    """Return a header as it is compared: without regard to case, spaces, hyphens and underscores."""
    return "".join(header.split()).replace("-", "").replace("_", "").casefold()


def _checked_headers(name: str, headers: Sequence[str]) -> tuple[str, ...]:
    folded: dict[str, str] = {}
    for place, header in enumerate(headers):
        key = fold(header)
        if "\0" in header:
            raise InputError(
                f"{name} has U+0000 in its header, as in UTF-16 without a byte order mark",
                remedy="Save it as CSV UTF-8, or add --csv-encoding utf-16-le.",
            )
        if not key:
            raise InputError(
                f"{name}: column {place + 1} of {len(headers)} has no name",
                remedy="Name every column in the first line, or remove the empty column.",
            )
        if key in folded:
            raise InputError(
                f"{name}: two columns are called {folded[key]!r} and {header!r}",
                remedy="Rename one; case, spaces, - and _ make no difference.",
            )
        folded[key] = header
    return tuple(folded)
