"""A CSV read strictly and streamed: its records as text, each with the physical line that it begins on.

Python's reader is lenient where RFC 4180 is not: after a quote that is never closed it merges rows, and a quote
inside a cell without quotes splits them. Here either ends the reading, since nothing behind it can be trusted.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from itertools import chain
from typing import NamedTuple

from exosms.errors import InputError
from exosms.system.escaping import shown

LONGEST_RECORD = 1 << 19
"""Characters of one record; a longer one is a quote that nobody closed. A cell ends at ``csv.field_size_limit``."""

DELIMITERS = ",;\t|"
"""Those that are looked for; the first one if none is found."""

_RECORD = re.compile(r'((?:[^"\r\n]+|"[^"]*")*)(\r\n?|\n)?')
_QUOTED = re.compile(r'"[^"]*"')
_SEPARATOR_LINE = re.compile(r'"?sep=([^"\r\n])"?', re.IGNORECASE)
"""What Excel writes above the columns, and reads."""

_BROKEN = (
    ("unexpected end of data", "a quote that opens in it is never closed"),
    ("expected after", "text follows a closing quote without a delimiter"),
    ("field larger", "one of its cells is too long, so a quote in it is probably never closed"),
    ("new-line", "a cell without quotes contains a line break of another kind"),
)
"""What Python's ``csv.Error`` says, and what it means."""


class Kind(StrEnum):
    """What a cell was before it became text."""

    TEXT = "t"
    NUMBER = "n"
    DATE = "d"
    """A date, a time or both."""
    TRUTH = "b"


class Record(NamedTuple):
    """The cells of one row, as text, exactly as they are."""

    line: int
    """The physical line that it begins on, or the row's own number in a sheet; both count from 1."""
    cells: Sequence[str]
    kinds: str = ""
    """The letter of a ``Kind`` for each cell of a sheet; nothing of a CSV, where all is text."""
    is_hidden: bool = False
    """Whether a sheet has the row, and does not show it: by hand, or by a filter."""


class BrokenRecordError(InputError):
    """A record after which nothing can be trusted; what was read before it is in doubt too."""

    def __init__(self, name: str, line: int, said: str, *, value: str, remedy: str, place: int | None = None) -> None:
        super().__init__(f"{name}, line {line}: {said}", remedy=f"{remedy}; the rest of the file was not read.")
        self.line = line
        self.said = said
        """Without the file's name."""
        self.value = value
        self.place = place
        """The cell at fault, counted from 0; None where it cannot be told."""


class CsvRecords:
    """The records of a CSV, which can be gone through once; empty lines are none.

    BrokenRecordError ends them; with ``strict_quotes`` also at a quote inside a cell that does not begin with one.
    """

    sheets: Sequence[str] = ()
    """It has none."""

    def __init__(
        self, name: str, texts: Iterator[str], *, delimiter: str | None = None, strict_quotes: bool = True
    ) -> None:
        self._name = name
        self._texts = texts
        self._end = "\n"
        self._skipped = 0
        self._room = LONGEST_RECORD
        self._record: list[str] = []
        self.ends_openly = False
        """Whether the last line, once it was read, turned out to have no line end: it may be a part of one."""
        self._head, self.delimiter = self._begin(next(texts), delimiter)
        self._is_stray = self._stray_quote() if strict_quotes else None

    def __iter__(self) -> Iterator[Record]:
        import csv

        reader = csv.reader(self._lines(), delimiter=self.delimiter, strict=True)
        while True:
            self._record.clear()
            self._room = LONGEST_RECORD
            line = self._skipped + reader.line_num + 1
            try:
                cells = next(reader, None)
            except (csv.Error, _EndlessError) as error:
                raise self._broken(line, error) from error
            if cells is None:
                return
            if not cells:
                continue
            if self._is_stray and '"' in "".join(cells) and self._is_stray("".join(self._record)):
                raise self._stray(line, cells)
            yield Record(line, cells)

    def _begin(self, head: str, delimiter: str | None) -> tuple[str, str]:
        """Return the text from the header on, and the delimiter; whatever stands above it counts as lines only."""
        records = (record for record in _RECORD.finditer(head) if record[1] or not record[2])
        first = next(records)
        if separator := _SEPARATOR_LINE.fullmatch(first[1]):
            first = next(records)
            delimiter = delimiter or separator[1]
        self._end = "\r" if first[2] == "\r" else "\n"
        self._skipped = head.count(self._end, 0, first.start())
        return head[first.start() :], delimiter or max(DELIMITERS, key=_QUOTED.sub("", first[1]).count)

    def _lines(self) -> Iterator[str]:
        """Yield physical lines, keeping those of the record that is being read; raises _EndlessError."""
        pending, end = "", self._end
        for text in chain((self._head,), self._texts):
            *lines, pending = (pending + text).split(end)
            for line in lines:
                yield self._taken(line + end)
            if len(pending) > LONGEST_RECORD:
                raise _EndlessError
        if pending:
            self.ends_openly = True
            yield self._taken(pending)

    def _taken(self, line: str) -> str:
        self._record.append(line)
        self._room -= len(line)
        if self._room < 0:
            raise _EndlessError
        return line

    def _stray_quote(self) -> Callable[[str], bool]:
        """Return what finds a quote inside a cell that does not begin with one (RFC 4180, section 2.5).

        The end of ``="0012"``, as spreadsheets are told that a number is a text, is clear.
        """
        delimiter = re.escape(self.delimiter)
        cell = rf'(?:"[^"]*(?:""[^"]*)*"|="[^"{delimiter}]*+"|[^"{delimiter}]*+)'
        is_well_formed = re.compile(rf"{cell}(?:{delimiter}{cell})*+[\r\n]*").fullmatch
        return lambda record: is_well_formed(record) is None

    def _broken(self, line: int, error: Exception) -> BrokenRecordError:
        value = shown("".join(self._record))
        meaning = next((words for sign, words in _BROKEN if sign in str(error)), str(error))
        said = f"The record {value!r} cannot be read: {meaning}"
        return BrokenRecordError(self._name, line, said, value=value, remedy="Fix its quotes")

    def _stray(self, line: int, cells: Sequence[str]) -> BrokenRecordError:
        record = "".join(self._record)
        place = next((place for place, cell in enumerate(cells) if '"' in cell and _quoted(cell) not in record), 0)
        value = shown(cells[place])
        return BrokenRecordError(
            self._name,
            line,
            f"The cell {value!r} contains a quote but does not begin with one, so its end is not clear",
            value=value,
            remedy="Put the cell in quotes and write each quote in it twice",
            place=place,
        )


def _quoted(cell: str) -> str:
    doubled = cell.replace('"', '""')
    return f'"{doubled}"'


class _EndlessError(Exception):
    """A record that is longer than any record."""

    def __str__(self) -> str:
        return f"it has more than {LONGEST_RECORD} characters, so a quote in it is probably never closed"
