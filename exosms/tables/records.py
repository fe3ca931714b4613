"""A CSV read strictly and streamed: its records as text, each with the physical line that it begins on.

Python's reader is lenient where RFC 4180 is not: after a quote that is never closed it merges rows, and a quote
inside a cell without quotes splits them. Here either ends the reading, since nothing behind it can be trusted.
"""

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
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

    def __init__(
        self, name: str, texts: Iterator[str], *, delimiter: str | None = None, strict_quotes: bool = True
    ) -> None:
        self._name = name
        self._texts = texts
        self._end = "\n"
        self._skipped = 0
        self._room = LONGEST_RECORD
        self._record: list[str] = []
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
            yield self._taken(pending)

    def _taken(self, line: str) -> str:
        self._record.append(line)
        self._room -= len(line)
        if self._room < 0:
            raise _EndlessError
        return line

    def _stray_quote(self) -> Callable[[str], bool]:
        """Return what finds a quote inside a cell that does not begin with one (RFC 4180, section 2.5)."""
        delimiter = re.escape(self.delimiter)
        cell = rf'(?:"[^"]*(?:""[^"]*)*"|[^"{delimiter}]*+)'
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


@contextmanager
def open_csv(
    source: Path | None, *, delimiter: str | None = None, encoding: str | None = None
) -> Iterator[CsvRecords]:
    """Open a CSV, or standard input's bytes for None; either may be a pipe.

    UTF-8 unless a byte order mark or ``encoding`` says otherwise. Raises InputError for what concerns the whole file.
    """
    name = name_of(source)
    check_delimiter(delimiter)
    check_encoding(encoding)
    with _opened(source, name) as stream:
        yield CsvRecords(name, _texts(stream, name, encoding), delimiter=delimiter)


def name_of(source: Path | None) -> str:
    """Return what sentences call a file, or standard input."""
    return "standard input" if source is None else str(source)


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
    mark, marked = mark_of(block)
    decoding = _Decoding(name, encoding, codec=_codec(name, encoding, mark, marked), taken=len(mark))
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


def mark_of(content: bytes) -> tuple[bytes, str]:
    """Return the byte order mark with which a file begins and the codec that it stands for; no mark is UTF-8."""
    return next(((mark, codec) for mark, codec in _MARKS.items() if content.startswith(mark)), (b"", "utf-8"))


def _codec(name: str, encoding: str | None, mark: bytes, marked: str) -> str:
    """Return the codec of a file that begins with such a byte order mark, or none."""
    if encoding is None or not mark:
        return encoding or marked
    if mark.decode(encoding, "replace").strip("\ufeff"):
        raise InputError(
            f"{name} begins with the byte order mark of {marked.upper()}, so it is not {encoding}",
            remedy="Leave --csv-encoding out.",
        )
    return marked
