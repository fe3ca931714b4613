"""The parts of an XLSX or ODS workbook, looked at, and where needed drawn together, before calamine reads them.

calamine lays a sheet out as a full rectangle and aborts the process where memory does not suffice: one blank in the
last column of 3,000 rows takes 1.5 GB, one in the last row as well 549 GB. Of a sheet that spreads so far, only the
rows and columns with something in them are left. It also passes over the cells that hold an error: they become text.
"""

import io
import posixpath
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from html import unescape
from typing import NamedTuple, Protocol

LARGEST_UNPACKED = 256 * 1024 * 1024
"""Bytes of all parts, unpacked; a small file can unpack to gigabytes."""
MOST_PLACES = 5_000_000
"""Rows times columns of what is laid out."""
MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384
"""Of a sheet (ECMA-376; ODF programs keep to it)."""
_MOST_SPACES = 64 * 1024 * 1024
_NO_WORKBOOK = "it is an archive of something else"
_RELATIONS = "_rels/.rels"
_PIECE = 1 << 18
_LONGEST_TAG = 1 << 20

_ATTRIBUTES = rb"""((?:[^<>"'/]++|"[^"]*+"|'[^']*+'|/(?!>))*+)"""
_XLSX_TAG = re.compile(rb"<(?:/(?:\w+:)?row\s*>|(?:\w+:)?(row|c)(?=[\s/>])" + _ATTRIBUTES + rb"(/?)>)")
_REFERENCES = re.compile(rb"""<(?:\w+:)?(?:c|row)(?=\s)[^<>]*?\sr\s*=\s*["']([A-Za-z]*)([0-9]+)["']""")
_REFERENCE = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]*)([0-9]+)["']""")
_ERROR_CELL = re.compile(rb"""(<(?:\w+:)?c\s[^<>]*?\bt\s*=\s*["'])e(["'])""")
_ODS_TAG = re.compile(
    rb"<(/?)table:(table|table-row|table-cell|covered-table-cell)(?=[\s/>])" + _ATTRIBUTES + rb"(/?)>"
)
_COLUMNS_REPEATED = re.compile(rb"""\stable:number-columns-repeated\s*=\s*["']([0-9]+)["']""")
_ROWS_REPEATED = re.compile(rb"""\stable:number-rows-repeated\s*=\s*["']([0-9]+)["']""")
_TABLE_NAME = re.compile(rb"""\stable:name\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_FILLED = re.compile(rb"\s(?:office:|table:formula)")
_ODS_ERROR = re.compile(rb"""\scalcext:value-type\s*=\s*["']error["']""")
_STRING_VALUE = re.compile(rb"""\soffice:string-value\s*=\s*(?:"[^"]*"|'[^']*')""")
_SPACES = re.compile(rb"""\stext:c\s*=\s*["']([0-9]+)["']""")


class WorkbookError(ValueError):
    """What is wrong with a workbook, as the end of a sentence."""


class PasswordNeededError(Exception):
    """A workbook that opens with a password only."""


class Prepared(NamedTuple):
    """A workbook of which one sheet can be read; the sheets have their old order."""

    content: bytes
    rows: Sequence[int] | None = None
    """The true places, from 0, of the rows that are left; None where all stand in their places."""


class Package(Protocol):
    """A workbook that is a ZIP archive."""

    def sheets(self) -> Sequence[str]:
        """Return the names of its sheets, in the order of the tabs."""

    def prepared(self, sheet: int) -> Prepared:
        """Return what can be given to calamine, which must see nothing else."""


def open_package(content: bytes) -> Package:
    """Open a workbook, told by its parts; raises WorkbookError and what ``zipfile`` and ``zlib`` raise."""
    archive = _Archive(content)
    if "content.xml" in archive.parts:
        return _Ods(archive)
    if _RELATIONS in archive.parts:
        return _Xlsx(archive)
    raise WorkbookError(_NO_WORKBOOK)


class _Archive:
    """A ZIP archive that is unpacked within bounds."""

    def __init__(self, content: bytes) -> None:
        from zipfile import ZipFile

        self.content = content
        self._zip = ZipFile(io.BytesIO(content))
        self.parts = self._zip.namelist()
        if len(set(self.parts)) < len(self.parts):
            raise WorkbookError("it has two parts of one name")
        if any(part.flag_bits & 1 for part in self._zip.infolist()):
            raise PasswordNeededError
        self._sizes: dict[str, int] = {}

    def part(self, name: str) -> bytes:
        """Return one part."""
        return b"".join(self.pieces(name))

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield a part in pieces that cut no tag in two; raises WorkbookError for more than is ever needed."""
        rest, size = b"", sum(size for part, size in self._sizes.items() if part != name)
        self._sizes[name] = 0
        with self._zip.open(name) as file:
            while block := file.read(_PIECE):
                size += len(block)
                self._sizes[name] += len(block)
                if size > LARGEST_UNPACKED:
                    raise WorkbookError(f"its parts unpack to more than {LARGEST_UNPACKED >> 20} MiB")
                rest += block
                if b"\0" in block or len(rest) > _LONGEST_TAG:
                    raise WorkbookError(f"its part {name} is not XML in UTF-8")
                if b"<!DOCTYPE" in rest:
                    raise WorkbookError("it has a document type declaration")
                end = rest.rfind(b"<")
                if end > 0:
                    yield rest[:end]
                    rest = rest[end:]
        yield rest

    def rewritten(self, parts: Mapping[str, Iterable[bytes]]) -> bytes:
        """Return the archive with these parts instead of its own, and without pictures and such."""
        from zipfile import ZIP_DEFLATED, ZipFile

        stream = io.BytesIO()
        with ZipFile(stream, "w", ZIP_DEFLATED, compresslevel=1) as archive:
            for name in filter(_is_read, self.parts):
                with archive.open(name, "w") as file:
                    file.writelines(parts[name] if name in parts else self.pieces(name))
        return stream.getvalue()


def _is_read(part: str) -> bool:
    """Whether calamine may look at a part."""
    return part.endswith((".xml", ".rels")) or part == "mimetype"


def _check_places(rows: int, columns: int) -> None:
    if rows * columns > MOST_PLACES:
        raise WorkbookError(f"a sheet of {rows} rows and {columns} columns is larger than {MOST_PLACES} cells")


# XLSX.


class _Xlsx:
    """Told by the relations of its parts (ECMA-376 Part 1, section 18, and Part 2, section 9)."""

    def __init__(self, archive: _Archive) -> None:
        self._archive = archive
        self._tabs = self._read_tabs()

    def sheets(self) -> Sequence[str]:
        return [name for name, _ in self._tabs]

    def prepared(self, sheet: int) -> Prepared:
        parts: dict[str, Iterable[bytes]] = {}
        rows: Sequence[int] | None = None
        own = self._tabs[sheet][1]
        for part in filter(_is_read, self._archive.parts):
            has_errors, height, width = self._extent(part)
            pieces = self._archive.pieces(part)
            if has_errors:
                pieces = (_ERROR_CELL.sub(rb"\1str\2", piece) for piece in pieces)
            if height * width > MOST_PLACES:
                if part != own:
                    pieces = iter(())  # and no harm if it were read nevertheless
                else:
                    rows, columns = self._used(part)
                    pieces = _xlsx_drawn_together(pieces, rows, columns)
            elif not has_errors:
                continue
            parts[part] = pieces
        return Prepared(self._archive.rewritten(parts) if parts else self._archive.content, rows)

    def _read_tabs(self) -> Sequence[tuple[str, str]]:
        """Return the name and the part of each sheet."""
        beginning = _attributes(self._archive.part(_RELATIONS), "Relationship")
        book = next(
            (each.get("Target", "") for each in beginning if each.get("Type", "").endswith("/officeDocument")), ""
        )
        if not book.endswith(".xml"):
            raise WorkbookError("it is an XLSB workbook" if book.endswith(".bin") else _NO_WORKBOOK)
        folder, name = posixpath.split(posixpath.join("/", book))
        relations = _attributes(self._archive.part(f"{folder}/_rels/{name}.rels"[1:]), "Relationship")
        targets = {each.get("Id"): posixpath.join(folder, each.get("Target", "")) for each in relations}
        tabs = _attributes(self._archive.part(f"{folder}/{name}"[1:]), "sheet")
        return [(tab.get("name", ""), posixpath.normpath(targets.get(tab.get("id"), "/"))[1:]) for tab in tabs]

    def _extent(self, part: str) -> tuple[bool, int, int]:
        """Return whether a part may have cells with errors, and the last row and column that any tag of it names."""
        has_errors, height, width = False, 0, 0
        for piece in self._archive.pieces(part):
            found = _REFERENCES.findall(piece)
            if found:
                letters, digits = zip(*found, strict=True)
                width = max((width, *map(_column, {*letters} - {b""})))
                height = max((height, *map(int, digits)))
                has_errors = has_errors or b'"e"' in piece or b"'e'" in piece
        if height > MOST_ROWS:
            raise WorkbookError(f"row {height} is beyond the last row of a sheet")
        return has_errors, height, width

    def _used(self, part: str) -> tuple[Sequence[int], Sequence[int]]:
        """Return the rows and columns of which a cell has something in it."""
        rows: set[int] = set()
        columns: set[int] = set()

        def seen(_: re.Match[bytes], row: int, column: int) -> bytes:
            rows.add(row)
            columns.add(column)
            return b""

        for _ in _xlsx_walk(self._archive.pieces(part), seen):
            pass
        _check_places(len(rows), len(columns))
        return sorted(rows), sorted(columns)


def _attributes(part: bytes, tag: str) -> list[Mapping[str, str]]:
    """Return the attributes of all elements of one name, by local names."""
    from xml.etree import ElementTree as ET

    root = ET.fromstring(part)  # noqa: S314  # no part with a DOCTYPE comes here
    return [
        {_local(name): value for name, value in element.items()}
        for element in root.iter()
        if _local(element.tag) == tag
    ]


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _xlsx_walk(pieces: Iterable[bytes], write: Callable[[re.Match[bytes], int, int], bytes]) -> Iterator[bytes]:
    """Yield a sheet without empty cells; ``write`` says what the tag of each other becomes, by its place from 0."""
    row = column = 0

    def at(found: re.Match[bytes]) -> bytes:
        nonlocal row, column
        tag, attributes, is_empty = found.groups()
        reference = _REFERENCE.search(attributes) if tag else None
        if tag != b"c":
            row = int(reference[2]) - 1 if reference else row
            if is_empty or not tag:  # a row ends
                row, column = row + 1, 0
            return found[0]
        column = _column(reference[1]) - 1 if reference else column
        place = (int(reference[2]) - 1 if reference else row, column)
        column += 1
        return b"" if is_empty else write(found, *place)

    for piece in pieces:
        yield _XLSX_TAG.sub(at, piece)


def _xlsx_drawn_together(pieces: Iterable[bytes], rows: Sequence[int], columns: Sequence[int]) -> Iterator[bytes]:
    """Yield a sheet of which only these rows and columns are left."""
    row_at = {old: new for new, old in enumerate(rows, start=1)}
    letters_of = {old: _letters(new) for new, old in enumerate(columns, start=1)}

    def moved(found: re.Match[bytes], row: int, column: int) -> bytes:
        tag = found[0][: found.start(2) - found.start()]
        return b'%b r="%b%d"%b>' % (tag, letters_of[column], row_at[row], _REFERENCE.sub(b"", found[2]))

    return _xlsx_walk(pieces, moved)


@cache
def _column(letters: bytes) -> int:
    """Return the number of a column such as ``AB``, from 1."""
    number = 0
    for letter in letters.upper() if len(letters) < 4 else b"":
        number = number * 26 + letter - ord("A") + 1
    if not 0 < number <= MOST_COLUMNS:
        raise WorkbookError(f"{letters.decode()[:20]!r} is not a column")
    return number


def _letters(column: int) -> bytes:
    letters = b""
    while column:
        column, letter = divmod(column - 1, 26)
        letters = b"%c%b" % (ord("A") + letter, letters)
    return letters


# ODS.


class _Used(NamedTuple):
    """The rows and columns of a table in which something stands."""

    name: str
    rows: set[int]
    columns: set[int]


class _Ods:
    """Told by its part ``content.xml`` (ODF 1.2 Part 1, section 9)."""

    def __init__(self, archive: _Archive) -> None:
        self._archive = archive
        manifest = "META-INF/manifest.xml"
        if manifest in archive.parts and b"encryption-data" in archive.part(manifest):
            raise PasswordNeededError
        self._tables = _ods_tables(archive.pieces("content.xml"))

    def sheets(self) -> Sequence[str]:
        return [table.name for table in self._tables]

    def prepared(self, sheet: int) -> Prepared:
        used = self._tables[sheet]
        _check_places(len(used.rows), len(used.columns))
        content = _ods_drawn_together(self._archive.pieces("content.xml"), sheet, used)
        return Prepared(self._archive.rewritten({"content.xml": content}), sorted(used.rows))


class _OdsWalk:
    """Goes from tag to tag and knows the place; numbers of repeated rows and columns are cut to what a sheet has."""

    def __init__(self) -> None:
        self.table = -1
        self.row = self.rows = self.column = self.columns = 0

    def step(self, found: re.Match[bytes]) -> None:
        """Take a tag; then ``rows`` from ``row`` on, and ``columns`` from ``column`` on, are those it speaks of."""
        is_end, tag, attributes, _ = found.groups()
        if is_end:
            return
        if tag == b"table":
            self.table += 1
            self.row = self.rows = 0
        elif tag == b"table-row":
            self.row += self.rows
            self.rows = _times(_ROWS_REPEATED, attributes, MOST_ROWS - self.row)
            self.column = self.columns = 0
        else:
            self.column += self.columns
            self.columns = _times(_COLUMNS_REPEATED, attributes, MOST_COLUMNS - self.column)


def _times(repeated: re.Pattern[bytes], attributes: bytes, most: int) -> int:
    found = repeated.search(attributes)
    return min(int(found[1][:9]) if found else 1, most)


def _ods_tables(pieces: Iterable[bytes]) -> Sequence[_Used]:
    """Return what is used of each table."""
    tables: list[_Used] = []
    walk = _OdsWalk()
    spaces = 0
    for piece in pieces:
        spaces += sum(int(count[:9]) for count in _SPACES.findall(piece))
        if spaces > _MOST_SPACES:
            raise WorkbookError(f"it has more than {_MOST_SPACES} spaces")
        for found in _ODS_TAG.finditer(piece):
            walk.step(found)
            if found[1]:
                continue
            if found[2] == b"table":
                name = _TABLE_NAME.search(found[3])
                tables.append(_Used(unescape((name[1] or name[2] or b"").decode()) if name else "", set(), set()))
            elif found[2] != b"table-row" and tables and _FILLED.search(found[3]):
                tables[-1].rows.update(range(walk.row, walk.row + walk.rows))
                tables[-1].columns.update(range(walk.column, walk.column + walk.columns))
    return tables


def _ods_drawn_together(pieces: Iterable[bytes], sheet: int, used: _Used) -> Iterator[bytes]:
    """Yield the content with the rows and columns of one table that are used; the other tables are empty."""
    columns = sorted(used.columns)
    walk = _OdsWalk()
    skipped = b""
    for piece in pieces:
        written: list[bytes] = []
        end = 0
        for found in _ODS_TAG.finditer(piece):
            if not skipped:
                written.append(piece[end : found.start()].strip())  # of line breaks, which calamine takes for text
            end = found.end()
            walk.step(found)
            is_end, tag, _, is_empty = found.groups()
            if skipped:
                if is_end and tag == skipped:
                    skipped = b""
                    written.append(found[0] if tag == b"table" else b"")
                continue
            left = found[0] if is_end or tag == b"table" else _ods_written(found, walk, used, columns)
            written.append(left)
            goes_on = left and (tag != b"table" or walk.table == sheet) and not left.endswith(b"/>")
            skipped = b"" if is_end or is_empty or goes_on else tag
        if not skipped:
            written.append(piece[end:].lstrip())
        yield b"".join(written)


def _ods_written(found: re.Match[bytes], walk: _OdsWalk, used: _Used, columns: Sequence[int]) -> bytes:
    """Return what is left of the tag of a row or cell; nothing, or an empty element, where its content goes."""
    start = found[0][: found.start(3) - found.start()]
    if found[2] == b"table-row":
        return start + b' table:number-rows-repeated="%d"' % walk.rows + b">" if walk.row in used.rows else b""
    if _FILLED.search(found[3]):
        attributes = _COLUMNS_REPEATED.sub(b"", found[3])
        if _ODS_ERROR.search(attributes):
            attributes = _STRING_VALUE.sub(b"", attributes)
        return start + b' table:number-columns-repeated="%d"' % walk.columns + attributes + found[4] + b">"
    gap = bisect_left(columns, walk.column + walk.columns) - bisect_left(columns, walk.column)
    return start + b' table:number-columns-repeated="%d"/>' % gap if gap else b""
