"""A table as a spreadsheet or a web portal saves it: CSV of any delimiter and encoding, or an XLSX workbook.

XLSX is read as ECMA-376 Part 1, §18 describes it, in as far as cells hold text and numbers.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from exosms.errors import InputError

if TYPE_CHECKING:
    from zipfile import ZipFile

LARGEST = 16 * 1024 * 1024
"""Bytes of a file."""
LARGEST_UNPACKED = 64 * 1024 * 1024
"""Bytes of one part of a workbook, unpacked; a small file can unpack to gigabytes."""
_MOST_CELLS = 500_000
"""With something in them; ten thousand templates take less than half of that."""
_MOST_COLUMNS = 16384
"""Of a sheet (ECMA-376)."""

_DELIMITERS = ",;\t|"
_BOMS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})", re.ASCII)
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_UNREADABLE = "Open it in a spreadsheet, save it as CSV UTF-8 and import that."


class Cell(NamedTuple):
    """What a cell holds, as text."""

    text: str
    is_number: bool = False
    """The workbook keeps it as a number, of which a spreadsheet holds 15 digits."""


class SheetRow(NamedTuple):
    """The cells by their column from 0; a row of a CSV is numbered by the physical line that it begins on."""

    number: int
    cells: Mapping[int, Cell]


class Reading(NamedTuple):
    """One way to read the file: a delimiter or a sheet."""

    label: str
    """``line`` or ``row``: what its rows' numbers count."""
    rows: Callable[[], Sequence[SheetRow]]
    """Raises InputError for what cannot be read in this way."""
    notes: tuple[str, ...] = ()


def readings(path: Path) -> Iterator[Reading]:
    """Yield the ways in which a file may be read, the likeliest first; raises InputError for no table at all."""
    content = _content(path)
    if content.startswith(b"PK\x03\x04"):
        yield from _sheets(path)
        return
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise InputError(
            f"{path} is an old XLS workbook, or one with a password", remedy="Save it as XLSX or CSV without one."
        )
    text, notes = _decoded(path, content)
    if text.lstrip()[:1] == "<":
        raise InputError(f"{path} is HTML or XML, whatever its name says", remedy=_UNREADABLE)
    yield from _tables(path, text, notes)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(
            f"The file {path} cannot be read: {error.strerror}", remedy="Check the path and its permissions."
        ) from error
    if len(content) > LARGEST:
        raise InputError(f"{path} is larger than {LARGEST >> 20} MiB", remedy="Export fewer templates at once.")
    if not content.strip(b"\0 \r\n\t"):
        raise InputError(f"{path} is empty", remedy="Export the templates from the portal again.")
    return content


# CSV.


def _decoded(path: Path, content: bytes) -> tuple[str, tuple[str, ...]]:
    for bom, encoding in _BOMS.items():
        if content.startswith(bom):
            return _decode(path, content[len(bom) :], encoding), ()
    if b"\0" in content[:200]:
        return _decode(path, content, "utf-16-be" if content[0] == 0 else "utf-16-le"), ()
    try:
        return content.decode(), ()
    except UnicodeDecodeError:
        note = f"{path} is not UTF-8 and was read as Windows-1252; check its accents, quotes and dashes"
        return _decode(path, content, "cp1252"), (note,)


def _decode(path: Path, content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is neither UTF-8 nor {encoding}: byte {content[error.start]:#04x} at offset {error.start}",
            remedy="Save it as CSV UTF-8.",
        ) from error


def _tables(path: Path, text: str, notes: tuple[str, ...]) -> Iterator[Reading]:
    head = next((line for line in text.splitlines() if line.strip()), "")
    for delimiter in sorted(_DELIMITERS, key=head.count, reverse=True):
        yield Reading("line", partial(_records, path, text, delimiter), notes)


def _records(path: Path, text: str, delimiter: str) -> Sequence[SheetRow]:
    """Return the records of a CSV. Strict: Python's reader otherwise merges rows after a quote that never closes."""
    import csv
    import io

    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[SheetRow] = []
    line, count = 1, 0
    try:
        for record in reader:
            cells = {column: Cell(text) for column, text in enumerate(record) if text}
            count += len(cells)
            if count > _MOST_CELLS:
                raise InputError(f"{path} has more than {_MOST_CELLS} cells", remedy="Export fewer at once.")
            if cells:
                rows.append(SheetRow(line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}, line {line}: {error}", remedy="Fix the quotes in that row.") from error
    return rows


# XLSX.


def _sheets(path: Path) -> Iterator[Reading]:
    with _unpacked(path) as book:
        parts = _sheet_parts(book)
    for part in parts:
        yield Reading("row", partial(_rows, path, part))


@contextmanager
def _unpacked(path: Path) -> Iterator["ZipFile"]:
    """Open the workbook; what is wrong with it becomes an InputError."""
    import zlib
    from xml.etree.ElementTree import ParseError
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(path) as book:
            yield book
    # RuntimeError is zipfile's word for a password, NotImplementedError for a compression that it does not know.
    except (BadZipFile, zlib.error, ParseError, EOFError, LookupError, ValueError, OSError, RuntimeError) as error:
        flaw = str(error)[:200]
        raise InputError(f"{path} cannot be read as an XLSX workbook: {flaw}", remedy=_UNREADABLE) from error


def _rows(path: Path, part: str) -> Sequence[SheetRow]:
    with _unpacked(path) as book:
        strings = _Strings()
        if _STRINGS in book.namelist():
            _parse(book, _STRINGS, strings)
        sheet = _Sheet(strings.found)
        _parse(book, part, sheet)
    return sheet.rows


_STRINGS = "xl/sharedStrings.xml"


def _sheet_parts(book: "ZipFile") -> list[str]:
    """Return the parts that hold sheets, in the order of the tabs."""
    relations, tabs = _Elements("Relationship"), _Elements("sheet")
    _parse(book, "xl/_rels/workbook.xml.rels", relations)
    _parse(book, "xl/workbook.xml", tabs)
    targets = {each.get("Id"): each.get("Target", "") for each in relations.found}
    wanted = [targets.get(each.get("id"), "") for each in tabs.found]
    parts = [target.removeprefix("/") if target.startswith("/") else f"xl/{target}" for target in wanted if target]
    return [part for part in parts if part in book.namelist()]


class _Target:
    """What expat reports, by local names; a document type declaration, and with it every entity, is refused."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.opened(_local(tag), {_local(name): value for name, value in attributes.items()})

    def end(self, tag: str) -> None:
        self.closed(_local(tag))

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:
        """See an element begin."""

    def closed(self, tag: str) -> None:
        """See an element end."""

    def data(self, text: str) -> None:
        """See text."""

    def doctype(self, *_: object) -> None:
        raise ValueError("it has a document type declaration")

    def close(self) -> None:
        """See the end."""


def _local(name: str) -> str:
    return name.rpartition("}")[2]


class _Elements(_Target):
    """Collects the attributes of all elements of one name."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self.found: list[Mapping[str, str]] = []

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == self._tag:
            self.found.append(attributes)


class _Texts(_Target):
    """Collects the text of ``t`` elements, but for the phonetic hints of East Asian scripts."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._listens = False
        self._hint = False

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:  # noqa: ARG002  # other collectors need them
        self._hint = self._hint or tag == "rPh"
        self._listens = tag == "t" and not self._hint

    def closed(self, tag: str) -> None:
        self._hint = self._hint and tag != "rPh"
        self._listens = False

    def data(self, text: str) -> None:
        if self._listens:
            self._pieces.append(text)

    def take(self) -> str:
        """Return the text so far, and begin anew; ``_x000D_`` is how a workbook spells a carriage return."""
        text = "".join(self._pieces)
        self._pieces.clear()
        return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)


class _Strings(_Texts):
    """Collects the shared strings."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def closed(self, tag: str) -> None:
        super().closed(tag)
        if tag == "si":
            self.found.append(self.take())


class _Sheet(_Texts):
    """Collects the rows of a sheet."""

    def __init__(self, strings: Sequence[str]) -> None:
        super().__init__()
        self._strings = strings
        self._cells: dict[int, Cell] = {}
        self._number = self._column = self._count = 0
        self._type = ""
        self.rows: list[SheetRow] = []

    def opened(self, tag: str, attributes: Mapping[str, str]) -> None:
        super().opened(tag, attributes)
        if tag == "row":
            self._number = int(attributes.get("r", self._number + 1))
            self._cells, self._column = {}, -1
        elif tag == "c":
            self._column = _column(attributes["r"]) if "r" in attributes else self._column + 1
            self._type = attributes.get("t", "n")
        elif tag == "v":
            self._listens = True

    def closed(self, tag: str) -> None:
        super().closed(tag)
        if tag == "c":
            text = self.take()
            if text:
                self._cells[self._column] = self._cell(text)
        elif tag == "row" and self._cells:
            self._count += len(self._cells)
            if self._count > _MOST_CELLS:
                raise ValueError(f"it has more than {_MOST_CELLS} cells")
            self.rows.append(SheetRow(self._number, self._cells))

    def _cell(self, text: str) -> Cell:
        if self._type == "s":
            return Cell(self._strings[int(text)])
        return Cell(text, is_number=self._type == "n")


def _column(reference: str) -> int:
    """Return the column of a reference such as ``AB12``, from 0."""
    found = _REFERENCE.fullmatch(reference)
    number = 0
    for letter in found[1] if found else "":
        number = number * 26 + ord(letter) - ord("A") + 1
    if not 0 < number <= _MOST_COLUMNS:
        raise ValueError(f"{reference!r} is not a cell")
    return number - 1


def _parse(book: "ZipFile", part: str, target: _Target) -> None:
    from xml.etree.ElementTree import XMLParser

    parser = XMLParser(target=target)  # noqa: S314  # see _Target
    unpacked = 0
    with book.open(part) as file:
        while piece := file.read(1 << 16):
            unpacked += len(piece)
            if unpacked > LARGEST_UNPACKED:
                raise ValueError(f"its part {part} unpacks to more than {LARGEST_UNPACKED >> 20} MiB")
            parser.feed(piece)
    parser.close()
