"""A table of rows under headers, from a CSV or a sheet: every record is a row or an error of that row."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from exosms.errors import InputError
from exosms.sms import phone
from exosms.system.escaping import shown
from exosms.tables.damaged_cells import NO_WIDTH
from exosms.tables.damaged_numbers import Damage, damage
from exosms.tables.records import BrokenRecordError, CsvRecords, Kind, Record
from exosms.tables.table_file import name_of, open_records
from exosms.tables.workbook import SheetRecords

_MOST_LINES = 5
"""Of hidden rows, that a sentence names."""
_NOTHING = dict.fromkeys(map(ord, f"-_{NO_WIDTH}"))
"""What makes no difference between headers, besides blanks."""
_DATES = ("dates", "2026-12-31", "dd-mm-yyyy")
_TIMES = ("times", "14:30:00", "h:mm AM/PM")
"""What a column holds, how it is written, and a form in which a sheet would give it as text."""
_MOST_SHEETS = 20
"""Names in a warning."""

_FEWEST_DIGITS = 7
"""Of a phone number in the first line; fewer are possible in some countries, and a name such as ``2026``."""


class Row(NamedTuple):
    """One record; its cells by folded header, exactly as they are."""

    number: int
    """Counts the rows from 1, without the header and those that are blank."""
    line: int
    """The physical line that it begins on, or the sheet's row; both count from 1."""
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
    """Records whose header was read; ``rows`` reads the rest, once.

    What is blank is no record, and a column with neither name nor content is none.
    """

    def __init__(self, name: str, source: CsvRecords | SheetRecords, *, country: str | None = None) -> None:
        self.name = name
        self.dates: Counter[str] = Counter()
        """The columns that hold dates, as the file writes them, with the number of rows read so far."""
        self._days: set[str] = set()
        """Those of them with a day, which a time alone has not."""
        self._hidden: list[int] = []
        self._source = source
        self._digest = hashlib.blake2b(digest_size=16)
        self._records = self._filled(iter(source))
        self.delimiter = source.delimiter
        header = next(self._records, None)
        if header is None:
            raise InputError(f"{name} is empty", remedy="Its first line must contain the column names.")
        self._all_headers = tuple(header.cells)
        if country:
            _refuse_numbers(name, self._all_headers, country)
        self._places = [place for place, each in enumerate(self._all_headers) if each.strip()]
        self._nameless = [place for place, each in enumerate(self._all_headers) if not each.strip()]
        self.headers: tuple[str, ...] = tuple(self._all_headers[place] for place in self._places)
        self._folded = _checked_headers(name, self._all_headers)
        self._ahead: list[Row | RowError] = []
        self._rest = self._read()

    @property
    def sheets(self) -> Sequence[str]:
        """The names of the workbook's sheets, the one that is read first; none of a CSV."""
        return self._source.sheets

    @property
    def other_sheets(self) -> str:
        """A sentence with the sheets that are there too, for whoever named none; nothing if there are none."""
        first, *others = map(shown, self.sheets[:_MOST_SHEETS] or [""])
        return (
            f"only its first sheet {first!r} is read; --sheet reads another one: {', '.join(others)}"
            if others
            else ""
        )

    @property
    def hidden_rows(self) -> str:
        """A sentence about the rows, of those read so far, that people do not see; nothing if there are none."""
        if not self._hidden:
            return ""
        count = len(self._hidden)
        rows, line = ("a row", "line") if count == 1 else (f"{count} rows", "lines")
        lines = f"{line} {', '.join(map(str, self._hidden[:_MOST_LINES]))}{', …' * (count > _MOST_LINES)}"
        return f"the sheet hides {rows} ({lines}), read like all others; delete what is not meant"

    @property
    def digest(self) -> bytes:
        """What tells the cells that were read so far from others; it has no key."""
        return self._digest.digest()

    @property
    def header(self) -> Sequence[str]:
        """The first line as it stands, with the columns that are none."""
        return self._all_headers

    def originals(self) -> Iterator[tuple[int, Sequence[str]]]:
        """Yield every record with the number that ``rows`` gives it, exactly as it stands; instead of ``rows``."""
        return enumerate((record.cells for record in self._records), start=1)

    def _filled(self, records: Iterator[Record]) -> Iterator[Record]:
        """Yield the records that are not blank; the digest is of all of them."""
        update = self._digest.update
        for record in records:
            together = "\x1f".join(record.cells)
            update(f"{together}\x1f\x1e".encode(errors="surrogatepass"))
            if together and not together.isspace():  # to Python, the separators are blanks as well
                yield record

    @property
    def ends_openly(self) -> bool:
        """Whether the last row, once it was read, turned out to have no line end."""
        return self._source.ends_openly

    def rows(self) -> Iterator[Row | RowError]:
        """Yield every record as a row or an error; reading goes on after an error unless it ``is_last``.

        Raises InputError for what concerns the whole file: bytes that are not in its encoding, a failing disk.
        """
        while self._ahead:
            yield self._ahead.pop(0)
        yield from self._rest

    def first_rows(self, count: int) -> Sequence[Row | RowError]:
        """Return the first of what ``rows`` yields, before it is read; raises InputError as ``rows`` does."""
        self._ahead += islice(self._rest, count - len(self._ahead))
        return tuple(self._ahead)

    def _read(self) -> Iterator[Row | RowError]:
        number = 0
        width = len(self._all_headers)
        try:
            for number, (line, read, kinds, is_hidden) in enumerate(self._records, start=1):
                if is_hidden:
                    self._hidden.append(line)
                cells = self._fitted(line, read, kinds) if kinds or self._nameless else read
                if len(cells) != width:
                    yield self._miscounted(number, line, cells)
                elif "\0" in "".join(cells):
                    yield self._nul(number, line, cells)
                else:
                    named = [cells[place] for place in self._places] if self._nameless else cells
                    yield Row(number, line, dict(zip(self._folded, named, strict=True)))
        except BrokenRecordError as error:
            yield self._broken(number + 1, error)

    def dates_in(self, column: str) -> str:
        """Return how the dates or times of a column are written, which a sheet shows in another way."""
        what, written, form = _DATES if column in self._days else _TIMES
        otherwise = f'for another form use a column with =TEXT(A2,"{form}")'
        return f"the column {column!r} holds {what}, which are written as {written}; {otherwise}"

    def _fitted(self, line: int, cells: Sequence[str], kinds: str) -> Sequence[str]:
        """Return a record with the blank cells that a sheet, or a spreadsheet's export, leaves out at its end.

        Raises InputError for a cell in a column without a name.
        """
        width = len(self._all_headers)
        if len(cells) < width and (kinds or len(cells) > self._places[-1]):
            cells = [*cells, *[""] * (width - len(cells))]
        if kinds and Kind.DATE in kinds:
            for header, kind, cell in zip(self._all_headers, kinds, cells, strict=False):
                if kind == Kind.DATE:
                    self.dates[header] += 1
                    if "-" in cell[1:]:  # behind the sign of a duration
                        self._days.add(header)
        beyond = range(width, len(cells)) if kinds else ()
        for place in (*self._nameless, *beyond) if len(cells) >= width else ():
            if cells[place].strip():
                raise InputError(
                    f"{self.name}: column {place + 1} has no name, but line {line} has {shown(cells[place])!r} there",
                    remedy="Name the column in the first line, or empty it.",
                )
        return cells[:width] if kinds else cells

    def _broken(self, number: int, error: BrokenRecordError) -> RowError:
        return RowError(
            number=number,
            line=error.line,
            column=None if error.place is None else next(iter(self._all_headers[error.place :]), None),
            value=error.value,
            message=error.said,
            remedy=error.remedy,
            is_last=True,
        )

    def _miscounted(self, number: int, line: int, cells: Sequence[str]) -> RowError:
        value = shown(self.delimiter.join(cells))
        count = f"{len(cells)} cell{'' if len(cells) == 1 else 's'}"
        return RowError(
            number=number,
            line=line,
            column=None,
            value=value,
            message=f"The record {value!r} has {count} instead of {len(self._all_headers)}",
            remedy="Put a cell that contains a delimiter or a line break in quotes.",
        )

    def _nul(self, number: int, line: int, cells: Sequence[str]) -> RowError:
        place = next(place for place, cell in enumerate(cells) if "\0" in cell)
        value = shown(cells[place])
        return RowError(
            number=number,
            line=line,
            column=self._all_headers[place] or None,
            value=value,
            message=f"The cell {value!r} contains U+0000, which is not a valid character",
            remedy="Export the file again as CSV UTF-8.",
        )


@contextmanager
def open_table(
    source: Path | None,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    country: str | None = None,
) -> Iterator[Table]:
    """Open a CSV or a sheet as a table, or standard input's bytes for None; either may be a pipe.

    With a ``country``, where numbers without ``+`` belong, a first line with a phone number in it is refused.
    Raises InputError for what concerns the whole file.
    """
    with open_records(source, delimiter=delimiter, encoding=encoding, sheet=sheet) as records:
        yield Table(name_of(source), records, country=country)


def fold(header: str) -> str:
    """Return a header as it is compared: without regard to case, blanks, hyphens and underscores."""
    return "".join(header.translate(_NOTHING).split()).casefold()


def _refuse_numbers(name: str, headers: Sequence[str], country: str) -> None:
    """Raise InputError for a first line that is a recipient's, who would be passed over."""
    for header in headers:
        if sum(map(str.isdecimal, header)) < _FEWEST_DIGITS and damage(header.strip()) is None:
            continue
        if phone.is_number(header, country=country) or damage(header.strip()) is Damage.EXPONENT:
            raise InputError(
                f"{name}: the first line is data, not the names of the columns: {shown(header)!r} is a phone number",
                remedy="Add a line `to` above it, with a name for every column.",
            )


def _checked_headers(name: str, headers: Sequence[str]) -> tuple[str, ...]:
    """Return the names as they are compared, without those of the columns that have none."""
    folded: dict[str, str] = {}
    for place, header in enumerate(headers):
        if not header.strip():
            continue
        key = fold(header)
        if "\0" in header:
            codec = "utf-16-be" if header.startswith("\0") else "utf-16-le"
            raise InputError(
                f"{name} has U+0000 in its header, as in UTF-16 without a byte order mark",
                remedy=f"Save it as CSV UTF-8, or add --csv-encoding {codec}.",
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
