"""A CSV read strictly and streamed: every record is a row or a flaw, with the physical line that it begins on.

Python's reader is lenient where RFC 4180 is not: after a quote that is never closed it merges rows, and a quote
inside a cell without quotes splits them. Here either ends the reading, since nothing behind it can be trusted.
"""

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

from exosms.errors import InputError
from exosms.system.escaping import shown

LONGEST_RECORD = 1 << 19
"""Characters of one record; a longer one is a quote that nobody closed. A cell ends at ``csv.field_size_limit``."""

DELIMITERS = ",;\t|"
"""Those that are looked for; the first one if none is found."""

_BLOCK = 1 << 17
"""Bytes read at once; the first block decides about encoding, line ends and delimiter."""

"""Characters of a long value that a sentence repeats."""

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ODS = b"application/vnd.oasis.opendocument.spreadsheet"
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_AS_UTF8 = "Save it as CSV UTF-8 and use that file."
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


class Sheet:
    """A CSV whose header was read; ``rows`` reads the rest, once."""

    def __init__(self, name: str, texts: Iterator[str], *, delimiter: str | None) -> None:
        import csv

        self.name = name
        self._texts = texts
        self._end = "\n"
        self._skipped = 0
        self._room = LONGEST_RECORD
        self._record: list[str] = []
        head, self._delimiter = self._begin(next(texts), delimiter)
        self._reader = csv.reader(self._lines(head), delimiter=self._delimiter, strict=True)
        self.headers: tuple[str, ...] = tuple(self._read_headers())
        self._folded = _checked_headers(name, self.headers)

    def rows(self) -> Iterator[Row | RowError]:
        """Yield every record as a row or a flaw; reading goes on after a flaw unless it ``is_last``.

        Raises InputError for what concerns the whole file: bytes that are not in its encoding, a failing disk.
        """
        import csv

        number = 0
        while True:
            line = self._next_line()
            try:
                cells = next(self._reader, None)
            except (csv.Error, _EndlessError) as error:
                yield self._broken(number + 1, line, error)
                return
            if cells is None:
                return
            if not cells:
                continue
            number += 1
            text = "".join(cells)
            if '"' in text and self._has_stray_quote():
                yield self._stray(number, line, cells)
                return
            if len(cells) != len(self._folded):
                yield self._miscounted(number, line, cells)
            elif "\0" in text:
                yield self._nul(number, line, cells)
            else:
                yield Row(number, line, dict(zip(self._folded, cells, strict=True)))

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

    def _lines(self, head: str) -> Iterator[str]:
        """Yield physical lines, keeping those of the record that is being read; raises _EndlessError."""
        pending, end = "", self._end
        for text in chain((head,), self._texts):
            *lines, pending = (pending + text).split(end)
            for line in lines:
                yield self._taken(line + end)
            if len(pending) > LONGEST_RECORD:
                raise _EndlessError
        if pending:
            yield self._taken(pending)

    def _taken(self, line: str) -> str:
        self._record.append(line)
        self._room -= len(line)
        if self._room < 0:
            raise _EndlessError
        return line

    def _next_line(self) -> int:
        """Forget the record before and return the physical line on which the next one begins."""
        self._record.clear()
        self._room = LONGEST_RECORD
        return self._skipped + self._reader.line_num + 1

    def _read_headers(self) -> Sequence[str]:
        import csv

        line = self._next_line()
        try:
            headers = next(self._reader, None)
        except (csv.Error, _EndlessError) as error:
            row_error = self._broken(0, line, error)
            raise InputError(f"{self.name}, line {line}: {row_error.message}", remedy=row_error.remedy) from error
        if headers is None:
            raise InputError(f"{self.name} is empty", remedy="Its first line must contain the column names.")
        if '"' in "".join(headers) and self._has_stray_quote():
            row_error = self._stray(0, line, headers)
            raise InputError(f"{self.name}, line {line}: {row_error.message}", remedy=row_error.remedy)
        return headers

    def _has_stray_quote(self) -> bool:
        """Whether the record has a quote inside a cell that does not begin with one (RFC 4180, section 2.5)."""
        cell = rf'(?:"[^"]*(?:""[^"]*)*"|[^"{re.escape(self._delimiter)}]*+)'
        grammar = rf"{cell}(?:{re.escape(self._delimiter)}{cell})*+[\r\n]*"
        return re.fullmatch(grammar, "".join(self._record)) is None

    def _broken(self, number: int, line: int, error: Exception) -> RowError:
        value = shown("".join(self._record))
        meaning = next((words for sign, words in _BROKEN if sign in str(error)), str(error))
        return RowError(
            number=number,
            line=line,
            column=None,
            value=value,
            message=f"The record {value!r} cannot be read: {meaning}",
            remedy="Fix its quotes; the rest of the file was not read.",
            is_last=True,
        )

    def _stray(self, number: int, line: int, cells: Sequence[str]) -> RowError:
        record = "".join(self._record)
        bare = (place for place, cell in enumerate(cells) if '"' in cell and _quoted(cell) not in record)
        place = next(bare, 0)
        value = shown(cells[place])
        return RowError(
            number=number,
            line=line,
            column=self.headers[place] if number and place < len(self.headers) else None,
            value=value,
            message=f"The cell {value!r} contains a quote but does not begin with one, so its end is not clear",
            remedy="Put the cell in quotes and write each quote in it twice; the rest of the file was not read.",
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


def _quoted(cell: str) -> str:
    doubled = cell.replace('"', '""')
    return f'"{doubled}"'


class _EndlessError(Exception):
    """A record that is longer than any record."""

    def __str__(self) -> str:
        return f"it has more than {LONGEST_RECORD} characters, so a quote in it is probably never closed"


@contextmanager
def open_sheet(source: Path | None, *, delimiter: str | None = None, encoding: str | None = None) -> Iterator[Sheet]:
    """Open a CSV, or standard input's bytes for None; either may be a pipe.

    UTF-8 unless a byte order mark or ``encoding`` says otherwise. Raises InputError for what concerns the whole file.
    """
    name = "standard input" if source is None else str(source)
    check_delimiter(delimiter)
    check_encoding(encoding)
    with _opened(source, name) as stream:
        yield Sheet(name, _texts(stream, name, encoding), delimiter=delimiter)


def fold(header: str) -> str:
    """Return a header as it is compared: without regard to case, spaces, hyphens and underscores."""
    return "".join(header.split()).replace("-", "").replace("_", "").casefold()


def check_delimiter(delimiter: str | None) -> None:
    """Raise InputError for what cannot separate cells; None is nothing to check."""
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0'):
        raise InputError(
            f"{delimiter!r} is not a valid delimiter for a CSV file",
            remedy="Give --delimiter one character, such as ';'; a tab is $'\\t' in most shells.",
        )


def check_encoding(encoding: str | None) -> None:
    """Raise InputError for what names no encoding of text; None is nothing to check."""
    if encoding is None:
        return
    probe = "to,body\r\n"
    try:
        is_usable = probe.encode(encoding).decode(encoding) == probe
    except (LookupError, ValueError):
        is_usable = False
    if not is_usable:
        raise InputError(
            f"{encoding!r} is not a known text encoding",
            remedy="Give --csv-encoding a name such as utf-8, windows-1252 or utf-16.",
        )


@contextmanager
def _opened(source: Path | None, name: str) -> Iterator[BinaryIO]:
    import sys

    if source is None:
        if sys.stdin is None:  # closed by whoever started us
            raise InputError(f"{name} is closed", remedy="Name a file, or pipe the CSV in.")
        yield sys.stdin.buffer
        return
    try:
        stream = source.open("rb")
    except OSError as error:
        raise _unreadable(name, error) from error
    with stream:
        yield stream


def _unreadable(name: str, error: OSError) -> InputError:
    return InputError(f"{name} cannot be read: {error.strerror}", remedy="Check the path and its permissions.")


def _texts(stream: BinaryIO, name: str, encoding: str | None) -> Iterator[str]:
    """Yield the decoded text without its byte order mark, block by block; at least one."""
    block = _read(stream, name)
    _refuse_workbook(block, name)
    mark = next((mark for mark in _MARKS if block.startswith(mark)), b"")
    decoding = _Decoding(name, encoding, codec=_codec(name, encoding, mark), taken=len(mark))
    block = block[len(mark) :]
    yield decoding.decode(block)
    while block:
        block = _read(stream, name)
        yield decoding.decode(block)


class _Decoding:
    """Turns blocks into text and knows how far it came; an empty block is the end."""

    def __init__(self, name: str, encoding: str | None, *, codec: str, taken: int) -> None:
        self._name = name
        self._encoding = encoding
        self._codec = codec
        self._decoder = codecs.getincrementaldecoder(codec)()
        self._taken = taken
        self._feeds = self._returns = 0

    def decode(self, block: bytes) -> str:
        """Return the block's text; raises InputError naming line and offset of what is none."""
        self._taken += len(block)
        try:
            text = self._decoder.decode(block, final=not block)
        except UnicodeError as error:
            remedy = "" if self._encoding else ", or add --csv-encoding windows-1252 (or what it was saved in)"
            raise InputError(
                f"{self._name} is not {self._encoding or self._codec.upper()}: {self._said(error)}",
                remedy=f"{_AS_UTF8[:-1]}{remedy}.",
            ) from error
        self._count(text)
        return text

    def _count(self, text: str) -> None:
        self._feeds += text.count("\n")
        self._returns += text.count("\r")

    def _said(self, error: UnicodeError) -> str:
        if not isinstance(error, UnicodeDecodeError) or "BOM" in error.reason:
            return str(error)  # UTF-16 without its mark, and codecs that do not say where
        self._count(error.object[: error.start].decode(self._codec, "ignore"))
        line = (self._feeds or self._returns) + 1
        offset = self._taken - len(error.object) + error.start
        return f"byte {error.object[error.start]:#04x} in line {line} (offset {offset})"


def _read(stream: BinaryIO, name: str) -> bytes:
    try:
        return stream.read(_BLOCK)
    except OSError as error:
        raise _unreadable(name, error) from error


def _refuse_workbook(block: bytes, name: str) -> None:
    if block.startswith(_ZIP):
        kind = "an ODS" if _ODS in block[:200] else "an XLSX"
    elif block.startswith(_OLE):
        kind = "an XLS"
    else:
        return
    raise InputError(f"{name} is {kind} workbook, not a CSV file", remedy=_AS_UTF8)


def _codec(name: str, encoding: str | None, mark: bytes) -> str:
    """Return the codec of a file that begins with such a byte order mark, or none."""
    marked = _MARKS.get(mark, "utf-8")
    if encoding is None or not mark:
        return encoding or marked
    if mark.decode(encoding, "replace").strip("\ufeff"):
        raise InputError(
            f"{name} begins with the byte order mark of {marked.upper()}, so it is not {encoding}",
            remedy="Leave --csv-encoding out.",
        )
    return marked


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
