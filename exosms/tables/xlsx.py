"""An XLSX workbook, told by the relations of its parts (ECMA-376 Part 1, section 18, and Part 2, section 9)."""

import posixpath
import re
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from exosms.tables.damaged_cells import UNCALCULATED
from exosms.tables.number_format import BUILT_IN, is_of_numbers, is_of_times
from exosms.tables.workbook_archive import (
    ATTRIBUTES,
    MOST_COLUMNS,
    MOST_ROWS,
    NO_WORKBOOK,
    TWO_PARTS,
    Archive,
    Prepared,
    WorkbookError,
    check_places,
    fits,
    is_read,
)

RELATIONS = "_rels/.rels"
_STYLES = "xl/styles.xml"
_READ = (("/styles", _STYLES), ("/sharedStrings", "xl/sharedStrings.xml"))
"""Where calamine reads what the relations of these types are about, whatever these say."""
_TAG = re.compile(rb"<(?:/(?:\w+:)?row\s*>|(?:\w+:)?(row|c)(?=[\s/>])" + ATTRIBUTES + rb"(/?)>)")
_ROW = re.compile(rb"<(?:\w+:)?row(?=[\s/>])" + ATTRIBUTES + rb"/?>")
_REFERENCES = re.compile(
    rb"""<(?:\w+:)?(?:c|row)(?=[\s/>])(?:(?=[^<>]*?\sr\s*=\s*["']([A-Za-z]*)([0-9]+)["']))?"""
    rb"""(?:(?=[^<>]*?\ss\s*=\s*["']([0-9]{1,9})["']))?"""
)
"""The column, row and style that a tag names, each of which may be missing."""
_HIDDEN = re.compile(rb"""\shidden\s*=\s*["'](?:1|true)["']""")
_STYLE = re.compile(rb"""\ss\s*=\s*["']([0-9]{1,9})["']""")
_REFERENCE = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]*)([0-9]+)["']""")
_ERROR_CELL = re.compile(rb"""(<(?:\w+:)?c\s[^<>]*?\bt\s*=\s*["'])e(["'])""")
_LAST_CELL = re.compile(rb".*(<(?:\w+:)?c[\s>])", re.DOTALL)
_FORMULA = (
    rb"<((?:\w+:)?)c(?=[\s>])"
    + ATTRIBUTES
    + rb">\s*<(?:\w+:)?f(?=[\s/>])"
    + ATTRIBUTES
    + rb"(?:/>|>[^<]*+</(?:\w+:)?f\s*>)(\s*+<(?:\w+:)?v\s*(?:/>|>\s*%b</(?:\w+:)?v\s*>))?\s*+</(?:\w+:)?c\s*>"
)
_WITHOUT_VALUE = re.compile(_FORMULA % b"")
_WITHOUT_VALUE_OR_ZERO = re.compile(_FORMULA % rb"(?:0(?:\.0)?)?")
"""XlsxWriter, PhpSpreadsheet (as a text) and Apache POI (as 0.0) store a zero with each formula and say that all have
to be calculated, as others say that do not."""
_NEGATIVE = re.compile(
    rb"<((?:\w+:)?)c(?=[\s>])"
    + ATTRIBUTES
    + rb">\s*(?:<(?:\w+:)?f(?=[\s/>])"
    + ATTRIBUTES
    + rb"(?:/>|>[^<]*+</(?:\w+:)?f\s*>)\s*)?<(?:\w+:)?v\s*>\s*-[^<]*+</(?:\w+:)?v\s*>\s*+</(?:\w+:)?c\s*>"
)
_TYPE = re.compile(rb"""\st\s*=\s*["']([A-Za-z]*)["']""")


class _Survey(NamedTuple):
    """What is in a part."""

    has_errors: bool
    """Whether it may have cells with errors."""
    is_calculated: bool
    """Whether no formula lacks its value, as far as one was asked about."""
    has_negatives: bool
    """Whether it may have negative numbers, which are no dates, as far as one was asked about."""
    height: int
    """The last row that any tag names."""
    width: int
    """The last column."""
    formats: Mapping[int, Sequence[tuple[int, str]]] | None
    """As ``Prepared`` has them; None where not every tag names its place."""


class Xlsx:
    """The parts of one."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._names = {_folded(part): part for part in archive.parts}
        if len(self._names) < len(archive.parts):
            raise WorkbookError(TWO_PARTS)
        self._styles = self._found(_STYLES)
        self._uncalculated = _WITHOUT_VALUE
        self._times: Collection[int] = ()
        self._shown: Sequence[int] = ()
        self._tabs = self._read_tabs()

    def sheets(self) -> Sequence[str]:
        """Return the names of its sheets, in the order of the tabs."""
        return [name for name, _ in self._tabs]

    def shown(self) -> Sequence[int]:
        """Return the places of the sheets of cells that people see."""
        return self._shown

    def prepared(self, sheet: int) -> Prepared:
        """Return what can be given to calamine, which must see nothing else."""
        parts: dict[str, Iterable[bytes]] = {}
        rows: Sequence[int] | None = None
        columns: Sequence[int] | None = None
        own = self._tabs[sheet][1]
        hidden: Container[int] = ()
        codes: Mapping[int, str] = {}
        formats: Mapping[int, Sequence[tuple[int, str]]] | None = {}
        if own in self._archive.parts:
            if not is_read(own):  # so that nothing below would look at it, and calamine does
                raise WorkbookError(f"its part {own[:200]!r} is not named like one of XML")
            hidden = _hidden_rows(self._archive.pieces(own))
            styles = (
                _formats_of_styles(self._archive.part(self._styles)) if self._styles in self._archive.parts else []
            )
            self._times = {place for place, (number, code) in enumerate(styles) if is_of_times(number, code)}
            codes = {
                place: code for place, (_, code) in enumerate(styles) if place in self._times or is_of_numbers(code)
            }
        for part in filter(is_read, self._archive.parts):
            seen = self._survey(part, codes) if part == own else self._survey(part)
            pieces = self._mended(part, seen)
            if part == own:
                formats = seen.formats
            if not fits(seen.height, seen.width):
                if part != own:
                    pieces = iter(())  # and no harm if it were read nevertheless
                else:
                    rows, columns = self._used(part)
                    pieces = _drawn_together(pieces, rows, columns)
            elif not (seen.has_errors or seen.has_negatives) and seen.is_calculated:
                continue
            parts[part] = pieces
        if formats is None or (formats and rows is not None):
            formats = self._formats(own, codes, rows, columns) if codes else {}
        content = self._archive.rewritten(parts) if parts else self._archive.content
        return Prepared(content, rows, formats=formats, hidden=hidden)

    def _read_tabs(self) -> Sequence[tuple[str, str]]:
        """Return the name and the part of each sheet."""
        beginning = _attributes(self._archive.part(RELATIONS), "Relationship")
        book = next(
            (each.get("Target", "") for each in beginning if each.get("Type", "").endswith("/officeDocument")), ""
        )
        if not book.endswith(".xml"):
            raise WorkbookError("it is an XLSB workbook" if book.endswith(".bin") else NO_WORKBOOK)
        folder, name = posixpath.split(posixpath.join("/", book))
        relations = _attributes(
            self._archive.part(posixpath.join(folder, "_rels", f"{name}.rels")[1:]), "Relationship"
        )
        charts = {each.get("Id") for each in relations if not each.get("Type", "").endswith("/worksheet")}
        targets = {each.get("Id"): posixpath.join(folder, each.get("Target", "")) for each in relations}
        for each in relations:
            part = self._found(targets[each.get("Id")])
            for kind, usual in _READ:
                if each.get("Type", "").endswith(kind) and part and part != self._found(usual):
                    raise WorkbookError(f"its part {part[:200]!r} is not where programs have it, in {usual}")
        content = self._archive.part(posixpath.join(folder, name)[1:])
        if any(each.get("fullCalcOnLoad") in {"1", "true"} for each in _attributes(content, "calcPr")):
            self._uncalculated = _WITHOUT_VALUE_OR_ZERO
        tabs = _attributes(content, "sheet")
        self._shown = [
            place
            for place, tab in enumerate(tabs)
            if tab.get("state", "visible") == "visible" and tab.get("id") not in charts
        ]
        return [(tab.get("name", ""), self._found(targets.get(tab.get("id"), ""))) for tab in tabs]

    def _found(self, target: str) -> str:
        """Return the name that a part has in the archive; nothing if it is missing."""
        return self._names.get(_folded(posixpath.normpath(target)), "")

    def _survey(self, part: str, codes: Mapping[int, str] | None = None) -> _Survey:
        """Say what the tags of a part name; of the sheet that is read ``codes`` are the formats of its styles."""
        has_errors, is_calculated, has_negatives, has_cdata, is_placed = False, True, False, False, True
        height = width = 0
        formats: dict[int, list[tuple[int, str]]] = {}
        pieces = self._archive.pieces(part)
        for piece in pieces if codes is None else _in_whole_cells(pieces):
            if codes is not None and is_calculated and (b"<f" in piece or b":f" in piece):
                is_calculated = self._uncalculated.search(piece) is None
            has_negatives = has_negatives or (codes is not None and bool(self._times) and b"v>-" in piece)
            has_cdata = has_cdata or b"<![CDATA[" in piece
            found = _REFERENCES.findall(piece)
            if not found:
                continue
            letters, digits, styles = map(set, zip(*found, strict=True))
            is_placed = is_placed and b"" not in digits
            width = max((width, *map(_column, letters - {b""})))
            height = max((height, *map(int, digits - {b""})))
            has_errors = has_errors or b'"e"' in piece or b"'e'" in piece
            wanted = {style: code for style in styles - {b""} if codes and (code := codes.get(int(style)))}
            if wanted and is_placed:
                for column, row, style in found:
                    if style in wanted and column:
                        formats.setdefault(int(row) - 1, []).append(_format_at(column, wanted[style]))
        if height and has_cdata:  # a text in it may look like a cell
            raise WorkbookError(f"its part {part} has CDATA sections, which are not read")
        if height > MOST_ROWS:
            raise WorkbookError(f"row {height} is beyond the last row of a sheet")
        return _Survey(has_errors, is_calculated, has_negatives, height, width, formats if is_placed else None)

    def _mended(self, part: str, seen: _Survey) -> Iterable[bytes]:
        """Return a part in which what calamine does not read is text."""
        pieces = self._archive.pieces(part)
        if seen.has_errors:
            pieces = (_ERROR_CELL.sub(rb"\1str\2", piece) for piece in pieces)
        if not seen.is_calculated:
            pieces = (self._uncalculated.sub(_told, piece) for piece in _in_whole_cells(pieces))
        if seen.has_negatives:
            pieces = (_NEGATIVE.sub(self._without_time, piece) for piece in _in_whole_cells(pieces))
        return pieces

    def _without_time(self, found: re.Match[bytes]) -> bytes:
        """Return a cell with a negative number as an error, if its style shows a date or time: calamine makes one."""
        style, kind = _STYLE.search(found[2]), _TYPE.search(found[2])
        if style is None or int(style[1]) not in self._times or (kind and kind[1] != b"n"):
            return found[0]
        return _with_text(found[1], found[2], b"#NUM!")

    def _formats(
        self, part: str, codes: Mapping[int, str], rows: Sequence[int] | None, columns: Sequence[int] | None
    ) -> Mapping[int, Sequence[tuple[int, str]]]:
        """Return the formats of the cells of a sheet, of which only these rows and columns may be left."""
        row_at = None if rows is None else {old: new for new, old in enumerate(rows)}
        column_at = None if columns is None else {old: new for new, old in enumerate(columns)}
        found: dict[int, list[tuple[int, str]]] = {}

        def seen(cell: re.Match[bytes], row: int, column: int) -> bytes:
            style = _STYLE.search(cell[2])
            if style and (code := codes.get(int(style[1]))):
                place = column if column_at is None else column_at[column]
                found.setdefault(row if row_at is None else row_at[row], []).append((place, code))
            return b""

        for _ in _walk(self._archive.pieces(part), seen):
            pass
        return found

    def _used(self, part: str) -> tuple[Sequence[int], Sequence[int]]:
        """Return the rows and columns of which a cell has something in it."""
        rows: set[int] = set()
        columns: set[int] = set()

        def seen(_: re.Match[bytes], row: int, column: int) -> bytes:
            rows.add(row)
            columns.add(column)
            return b""

        for _ in _walk(self._archive.pieces(part), seen):
            pass
        check_places(len(rows), len(columns))
        return sorted(rows), sorted(columns)


def _folded(part: str) -> str:
    """Return the name of a part as names are compared (ECMA-376 Part 2, 6.2.2.3), and as calamine does."""
    return part.replace("\\", "/").lower().removeprefix("/")


def _hidden_rows(pieces: Iterable[bytes]) -> Container[int]:
    """Return the places, from 0, of the rows that are not shown.

    Raises WorkbookError for a row that stands twice or behind a later one: what is in one of them would be lost.
    """
    hidden: set[int] = set()
    last = 0
    for attributes in (found[1] for piece in pieces for found in _ROW.finditer(piece)):
        reference = _REFERENCE.search(attributes)
        number = int(reference[2]) if reference else last + 1
        if number <= last:
            raise WorkbookError(f"row {number} stands behind row {last}, so its rows are twice or out of order")
        if b"hidden" in attributes and _HIDDEN.search(attributes):
            hidden.add(number - 1)
        last = number
    return hidden


def _in_whole_cells(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield pieces that cut no cell in two, unless it is larger than any formula."""
    rest = b""
    for piece in pieces:
        rest += piece
        last = _LAST_CELL.match(rest)
        end = (last and last.start(1)) or len(rest)
        yield rest[:end]
        rest = rest[end:]
    yield rest


def _told(found: re.Match[bytes]) -> bytes:
    """Return a cell whose formula was never calculated with a text that says so; a stored empty text is a value."""
    prefix, attributes, _, value = found.groups()
    kind = _TYPE.search(attributes)
    is_zero = value is not None and b"0<" in value
    if value and kind and (kind[1] == b"b" or (kind[1] == b"str" and not is_zero)):
        return found[0]
    return _with_text(prefix, attributes, UNCALCULATED.encode())


def _with_text(prefix: bytes, attributes: bytes, text: bytes) -> bytes:
    """Return a cell with another value."""
    attributes = _TYPE.sub(b"", attributes)
    return b'<%bc%b t="str"><%bv>%b</%bv></%bc>' % (prefix, attributes, prefix, text, prefix, prefix)


def _attributes(part: bytes, tag: str) -> list[Mapping[str, str]]:
    """Return the attributes of all elements of one name, by local names."""
    from xml.etree import ElementTree as ET

    root = ET.fromstring(part)  # noqa: S314  # no part with a DOCTYPE comes here
    return [
        {_local(name): value for name, value in element.items()}
        for element in root.iter()
        if _local(element.tag) == tag
    ]


def _formats_of_styles(part: bytes) -> Sequence[tuple[int, str]]:
    """Return the number and the code of each style's format; no code of those that need none and are not known."""
    from xml.etree import ElementTree as ET

    codes = {str(number): code for number, code in BUILT_IN.items()}
    styles: list[str] = []
    for element in ET.fromstring(part).iter():  # noqa: S314  # no part with a DOCTYPE comes here
        name = _local(element.tag)
        if name == "numFmt":
            codes[element.get("numFmtId", "")] = element.get("formatCode", "")
        elif name == "cellXfs":
            styles = [style.get("numFmtId", "") for style in element]
    return [(int(number) if re.fullmatch("[0-9]{1,9}", number) else -1, codes.get(number, "")) for number in styles]


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _walk(pieces: Iterable[bytes], write: Callable[[re.Match[bytes], int, int], bytes]) -> Iterator[bytes]:
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
        yield _TAG.sub(at, piece)


def _drawn_together(pieces: Iterable[bytes], rows: Sequence[int], columns: Sequence[int]) -> Iterator[bytes]:
    """Yield a sheet of which only these rows and columns are left."""
    row_at = {old: new for new, old in enumerate(rows, start=1)}
    letters_of = {old: _letters(new) for new, old in enumerate(columns, start=1)}

    def moved(found: re.Match[bytes], row: int, column: int) -> bytes:
        tag = found[0][: found.start(2) - found.start()]
        return b'%b r="%b%d"%b>' % (tag, letters_of[column], row_at[row], _REFERENCE.sub(b"", found[2]))

    return _walk(pieces, moved)


@cache
def _column(letters: bytes) -> int:
    """Return the number of a column such as ``AB``, from 1."""
    number = 0
    for letter in letters.upper() if len(letters) < 4 else b"":
        number = number * 26 + letter - ord("A") + 1
    if not 0 < number <= MOST_COLUMNS:
        raise WorkbookError(f"{letters.decode()[:20]!r} is not a column")
    return number


@cache
def _format_at(letters: bytes, code: str) -> tuple[int, str]:
    """Return one pair for all cells of a column that have that format."""
    return _column(letters) - 1, code


def _letters(column: int) -> bytes:
    letters = b""
    while column:
        column, letter = divmod(column - 1, 26)
        letters = b"%c%b" % (ord("A") + letter, letters)
    return letters
