"""An ODS workbook, told by its part ``content.xml`` (ODF 1.2 Part 1, section 9)."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from html import unescape
from typing import NamedTuple

from exosms.tables.damaged_cells import UNCALCULATED
from exosms.tables.workbook_archive import (
    ATTRIBUTES,
    MOST_COLUMNS,
    MOST_ROWS,
    Archive,
    PasswordNeededError,
    Prepared,
    WorkbookError,
    check_places,
)

CONTENT = "content.xml"
_MOST_SPACES = 64 * 1024 * 1024
_TAG = re.compile(rb"<(/?)table:(table|table-row|table-cell|covered-table-cell)(?=[\s/>])" + ATTRIBUTES + rb"(/?)>")
_GAP = rb'<table:table-cell(?: table:(?:style-name|content-validation-name)="[^"<>]*+")*+'
_CELL = _GAP + rb'(?: table:formula="[^"<>]*+")?+'
_OTHERWISE = rb' office:value-type="(?:percentage|currency)"(?: office:currency="[^"<>]*+")?+ office:value="[^"<>]*+"'
_DAY = rb"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d{1,9})?)?"
_TIME_OF_DAY = rb"PT(?:[01]?\d|2[0-3])H[0-5]?\dM[0-5]?\d(?:\.\d{1,9})?S"
_PLAINLY = (
    rb' office:value-type="(?:string"(?: office:string-value="[^"<>]*+")?+'
    rb'|(?:float|boolean)" office:(?:boolean-)?value="[^"<>]*+"'
    rb'|date" office:date-value="%b"|time" office:time-value="%b")' % (_DAY, _TIME_OF_DAY)
)
_CONTENT = rb"(?:/>|>(?:<(?!/?table:)[^<]*+)*+(?<=>)</table:table-cell>)"
_PLAIN_ROW = re.compile(
    rb'(?P<cells><table:table-row(?: table:style-name="[^"<>]*+")?+>'
    rb"(?:%b/>|"
    rb'%b(?:%b|%b)(?: calcext:value-type="(?!error)[^"<>]*+")?+%b){1,64}+)'
    rb'(?:%b table:number-columns-repeated="[0-9]+"/>)?+</table:table-row>'
    % (_GAP, _CELL, _PLAINLY, _OTHERWISE, _CONTENT, _GAP)
)
"""As programs write most of them: few cells, with values or empty, before nothing or a gap. All count as used."""
_USUALLY = re.compile(rb"(%b)%b" % (_CELL, _OTHERWISE))
_COLUMNS_REPEATED = re.compile(rb"""\stable:number-columns-repeated\s*=\s*["']([0-9]+)["']""")
_ROWS_REPEATED = re.compile(rb"""\stable:number-rows-repeated\s*=\s*["']([0-9]+)["']""")
_STYLE = re.compile(rb"<style:(style|table-properties)(?=[\s/>])" + ATTRIBUTES)
_STYLE_NAME = re.compile(rb"""\s(?:style:name|table:style-name)\s*=\s*["']([^"']*)["']""")
_NOT_SHOWN = re.compile(rb"""\stable:display\s*=\s*["']false["']""")
_TABLE_NAME = re.compile(rb"""\stable:name\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_HIDDEN = re.compile(rb"""\stable:visibility\s*=\s*["'](?:collapse|filter)["']""")
_FILLED = re.compile(rb"\s(?:office:|table:formula)")
_ERROR = re.compile(rb"""\scalcext:value-type\s*=\s*["']error["']""")
_STORED = re.compile(rb"""\soffice:(?:(?:(?:date|time|boolean|string)-)?value\s*=|value-type\s*=\s*["']string["'])""")
_UNCALCULATED = f' office:value-type="string" office:string-value="{UNCALCULATED}"'.encode()
_EMPTY_TEXT = b' office:value-type="string" office:string-value=""'
_NOTE = rb"<office:annotation[\s>][^<]*+(?:<(?!/office:annotation>)[^<]*+)*+</office:annotation>"
_EMPTY = rb"(?:<text:p(?=[\s/>])[^<>]*+>(?:(?<=/>)|\s*+</text:p>)\s*+)++</table:table-cell>"
_IS_EMPTY = re.compile(_EMPTY)
"""What LibreOffice writes for a formula whose value is an empty text; one without a value has no paragraph."""
_TYPELESS = re.compile(
    rb"""<table:table-cell(?:\s++(?!office:|table:formula)[\w:-]++\s*+=\s*+(?:"[^"<]*+"|'[^'<]*+'))*+\s*+"""
    rb"(?=>(?:\s*%b)?\s*(?!%b)<text:)" % (_NOTE, _EMPTY)
)
"""The tag of a cell with a text that is not said to be one: LibreOffice shows it, calamine takes it for empty."""
_SHOWN_OTHERWISE = re.compile(rb"""\soffice:value-type\s*=\s*["'](?:percentage|currency)["']""")
"""Of a number whose text has more than its value: it becomes that text."""
_NO_TIME_OF_DAY = re.compile(rb"""\soffice:(?:date|time)-value\s*=\s*["'](?!(?:%b|%b)["'])""" % (_DAY, _TIME_OF_DAY))
"""Of a duration, a negative time and the like, which calamine hands over as they are written: it becomes its text."""
_TYPE = re.compile(rb"""(\soffice:value-type\s*=\s*["'])\w+(?=["'])""")
_VALUE = re.compile(rb"""\soffice:(?:(?:date|time)-)?value\s*=\s*(?:"[^"]*"|'[^']*')""")
_STRING_VALUE = re.compile(rb"""\soffice:string-value\s*=\s*(?:"[^"]*"|'[^']*')""")
_DRAWING = re.compile(rb"<(/?)draw:[\w-]+(?=[\s/>])" + ATTRIBUTES + rb"(/?)>")
_PARAGRAPH = (
    rb"(?P<rest>(?:\s*%b)?\s*<text:p(?:\s[^<>]*)?>"
    rb"(?!(?P=value)</text:p>)(?P<shown>[^<]*+(?:<(?!/?text:p[\s/>])[^<]*+)*+)</text:p>)" % _NOTE
)
_NUMBER = re.compile(
    rb"""(?P<head><table:table-cell(?=[^<>]*?\soffice:value-type\s*=\s*["']float["'])"""
    rb"""(?=[^<>]*?\soffice:value\s*=\s*["'](?P<value>[^"'<>]*)["'])""" + ATTRIBUTES + rb">)" + _PARAGRAPH
)
"""A number with a text that is not its value."""
_USUAL_NUMBER = re.compile(
    rb'(?P<head> office:value-type="float" office:value="(?P<value>[^"<>]*+)"[^<>]*+>)' + _PARAGRAPH
)
_UNUSUAL = re.compile(
    rb"""office:value-type\s*=\s*(?!"(?:string|percentage|currency|date|time|boolean|float" office:value=)")"""
)
_ANY_TAG = re.compile(rb"<[^<>]*>")
_TOO_WIDE = re.compile(r"[-\u2212]?[\d.,]+E[+-]?\d+|#+", re.IGNORECASE)
"""What is shown of a number for want of room."""
_SEPARATED = re.compile(r"[-\u2212(]?[\d.,'\u2019\s]*[)-]?")
"""What is shown of a whole number that stays the plain one: it may be a phone number."""
_LEADING_ZERO = re.compile(r"0\d")
_MOST = 10.0**15
"""Beyond it the last digits are made up."""
_LARGEST_CELL = 1 << 20
"""Bytes of a cell, which is searched from its beginning with each piece."""
_BREAK = re.compile(rb"<text:(line-break|tab)(?=[\s/>])[^>]*>")
_LAYOUT = re.compile(rb"(<text:p(?:\s[^<>]*+)?>)?(?<! ) *+[\t\r\n]\s*+(?=(</text:p>)?)")
"""A line break or tab of the file, with the blanks around it: one space of a text, and none at its ends."""
_BEFORE_PARAGRAPH = re.compile(rb"(</text:[ph]>|<text:[ph](?:\s[^<>]*+|/)(?<=/)>|</office:annotation>)\s+")
_SPACES = re.compile(rb"""text:c\s*=\s*["']([0-9]+)["']""")


class _Used(NamedTuple):
    """The rows and columns of a table in which something stands."""

    name: str
    is_shown: bool
    rows: set[int]
    columns: set[int]
    hidden: set[int]
    """Those of the rows that are not shown."""

    def use(self, walk: "_OdsWalk") -> None:
        """Take what the last tag or row spoke of; raises WorkbookError beyond the end of a sheet."""
        walk.check_place()
        if walk.row not in self.rows:  # the first cell of a row, which may stand for a million
            self.rows.update(range(walk.row, walk.row + walk.rows))
            if walk.is_hidden:
                self.hidden.update(range(walk.row, walk.row + walk.rows))
        self.columns.update(range(walk.column, walk.column + walk.columns))


class Ods:
    """The tables of one."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        manifest = "META-INF/manifest.xml"
        if manifest in archive.parts and b"encryption-data" in archive.part(manifest):
            raise PasswordNeededError
        self._tables = _read_tables(self._pieces())

    def sheets(self) -> Sequence[str]:
        """Return the names of its sheets, in the order of the tabs."""
        return [table.name for table in self._tables]

    def shown(self) -> Sequence[int]:
        """Return the places of the sheets that people see."""
        return [place for place, table in enumerate(self._tables) if table.is_shown]

    def prepared(self, sheet: int) -> Prepared:
        """Return what can be given to calamine, which must see nothing else."""
        used = self._tables[sheet]
        check_places(len(used.rows), len(used.columns))
        drawing = _Drawing(sheet, used)
        content = (drawing.drawn(_as_calamine_reads_it(piece)) for piece in self._pieces())
        return Prepared(self._archive.rewritten({CONTENT: content}), sorted(used.rows), hidden=used.hidden)

    def _pieces(self) -> Iterator[bytes]:
        pieces = _in_whole_cells(_without_drawings(self._archive.pieces(CONTENT)))
        return (_TYPELESS.sub(rb'\g<0> office:value-type="string"', piece) for piece in pieces)


def _without_drawings(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield pieces without the pictures, shapes and controls that stand in cells, whose texts are not the cells'."""
    depth = 0
    for piece in pieces:
        if not depth and b"draw:" not in piece:
            yield piece
            continue
        left: list[bytes] = []
        end = 0
        for found in _DRAWING.finditer(piece):
            if not depth:
                left.append(piece[end : found.start()])
            end = found.end()
            depth += -1 if found[1] else not found[3]
            if depth < 0:
                raise WorkbookError("a drawing in it has no beginning")
        if not depth:
            left.append(piece[end:])
        yield b"".join(left)
    if depth:
        raise WorkbookError("a drawing in it has no end")


def _in_whole_cells(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield pieces that cut no cell in two; what is read cuts no tag."""
    rest = b""
    for piece in pieces:
        rest += piece
        end = rest.rfind(b"<table:table-cell")
        if end < 0 or b"</table:table-cell>" in rest[end:] or rest[: rest.find(b">", end)].endswith(b"/"):
            end = len(rest)
        yield rest[:end]
        rest = rest[end:]
        if len(rest) > _LARGEST_CELL:
            raise WorkbookError(f"a cell in it has more than {_LARGEST_CELL >> 20} MiB")
    yield rest


class _OdsWalk:
    """Goes from tag to tag and knows the place; what is empty may run past the end of a sheet."""

    def __init__(self) -> None:
        self.table = -1
        self.row = self.rows = self.column = self.columns = 0
        self.is_hidden = False

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
            self.rows = _times(_ROWS_REPEATED, attributes)
            self.is_hidden = _HIDDEN.search(attributes) is not None
            self.column = self.columns = 0
        else:
            self.column += self.columns
            self.columns = _times(_COLUMNS_REPEATED, attributes)

    def take_row(self, row: re.Match[bytes]) -> None:
        """Take a plain row; then its cells are what is spoken of."""
        self.row += self.rows
        self.rows = 1
        self.is_hidden = False
        self.column, self.columns = 0, _count(row)

    def check_place(self) -> None:
        """Raise WorkbookError for a cell beyond the end of a sheet."""
        row, column = self.row + self.rows, self.column + self.columns
        if row > MOST_ROWS:
            raise WorkbookError(f"row {row} is beyond the last row of a sheet")
        if column > MOST_COLUMNS:
            raise WorkbookError(f"column {column} is beyond the last column of a sheet")


def _times(repeated: re.Pattern[bytes], attributes: bytes) -> int:
    found = repeated.search(attributes)
    return max(int(found[1][:9]), 1) if found else 1


def _read_tables(pieces: Iterable[bytes]) -> Sequence[_Used]:
    """Return what is used of each table."""
    tables: list[_Used] = []
    styles = _Styles()
    walk = _OdsWalk()
    spaces = 0
    for piece in pieces:
        if not tables:
            styles.read(piece)
        spaces += sum(int(count[:9]) for count in _SPACES.findall(piece))
        if spaces > _MOST_SPACES:
            raise WorkbookError(f"it has more than {_MOST_SPACES} spaces")
        for row, start, end in _split(piece):
            if row and tables:
                walk.take_row(row)
                tables[-1].use(walk)
                continue
            for found in _TAG.finditer(piece, start, end):
                walk.step(found)
                if found[1]:
                    continue
                if found[2] == b"table":
                    tables.append(styles.table(found[3]))
                elif found[2] != b"table-row" and tables and _FILLED.search(found[3]):
                    tables[-1].use(walk)
    return tables


def _split(piece: bytes) -> Iterator[tuple[re.Match[bytes] | None, int, int]]:
    """Yield the plain rows and what is between them, each with its place."""
    at = 0
    for row in _PLAIN_ROW.finditer(piece):
        start, end = row.span()
        if at < start:
            yield None, at, start
        yield row, start, end
        at = end
    yield None, at, len(piece)


def _count(row: re.Match[bytes]) -> int:
    return row["cells"].count(b"<table:table-cell")


class _Styles:
    """The styles, of which some hide a table."""

    def __init__(self) -> None:
        self._last = b""
        self._hiding: set[bytes] = set()

    def read(self, piece: bytes) -> None:
        """Take those of a piece."""
        for kind, attributes in _STYLE.findall(piece):
            if kind == b"style":
                self._last = _named_in(_STYLE_NAME, attributes)
            elif _NOT_SHOWN.search(attributes):
                self._hiding.add(self._last)

    def table(self, attributes: bytes) -> _Used:
        """Return a table, of which nothing is used yet."""
        name = unescape(_named_in(_TABLE_NAME, attributes).decode())
        return _Used(name, _named_in(_STYLE_NAME, attributes) not in self._hiding, set(), set(), set())


def _named_in(name: re.Pattern[bytes], attributes: bytes) -> bytes:
    """Return the name that a tag has or refers to; nothing if there is none."""
    found = name.search(attributes)
    return found[found.lastindex or 0] if found else b""


class _Drawing:
    """Writes the content with the rows and columns of one table that are used; the other tables are empty."""

    def __init__(self, sheet: int, used: _Used) -> None:
        self._sheet = sheet
        self._used = used
        self._columns = sorted(used.columns)
        self._walk = _OdsWalk()
        self._skipped = b""

    def drawn(self, piece: bytes) -> bytes:
        """Return what is left of the next piece."""
        written: list[bytes] = []
        end = 0
        for row, start, until in _split(piece):
            if row and self._stays(row):
                written += piece[end:start].strip(), row["cells"], b"</table:table-row>"
                self._walk.take_row(row)
                end = until
                continue
            for found in _TAG.finditer(piece, start, until):
                if not self._skipped:
                    # Line breaks, which calamine takes for text, are none.
                    written.append(piece[end : found.start()].strip())
                end = found.end()
                written.append(self._left_of(found))
        if not self._skipped:
            written.append(piece[end:].lstrip())
        return b"".join(written)

    def _stays(self, row: re.Match[bytes]) -> bool:
        """Whether nothing of a plain row but the gap at its end goes."""
        count = _count(row)
        return (
            not self._skipped
            and self._walk.row + self._walk.rows in self._used.rows
            and self._columns[count - 1 : count] == [count - 1]
        )

    def _left_of(self, found: re.Match[bytes]) -> bytes:
        """Return what is left of a tag."""
        self._walk.step(found)
        is_end, tag, _, is_empty = found.groups()
        if self._skipped:
            if not (is_end and tag == self._skipped):
                return b""
            self._skipped = b""
            return found[0] if tag == b"table" else b""
        left = found[0] if is_end or tag == b"table" else self._written(found)
        goes_on = left and (tag != b"table" or self._walk.table == self._sheet) and not left.endswith(b"/>")
        self._skipped = b"" if is_end or is_empty or goes_on else tag
        return left

    def _written(self, found: re.Match[bytes]) -> bytes:
        """Return what is left of the tag of a row or cell; nothing, or an empty element, where its content goes."""
        start = found[0][: found.start(3) - found.start()]
        if found[2] == b"table-row":
            if self._walk.row not in self._used.rows:
                return b""
            return start + b' table:number-rows-repeated="%d">' % self._walk.rows
        if _FILLED.search(found[3]):
            attributes = _COLUMNS_REPEATED.sub(b"", found[3])
            if b"table:formula" in attributes and not _STORED.search(attributes):
                attributes = _EMPTY_TEXT if _IS_EMPTY.match(found.string, found.end()) else _UNCALCULATED
            if _SHOWN_OTHERWISE.search(attributes) or _NO_TIME_OF_DAY.search(attributes):
                attributes = _TYPE.sub(rb"\1string", _VALUE.sub(b"", attributes))
            if _ERROR.search(attributes):
                attributes = _STRING_VALUE.sub(b"", attributes)
            return start + b' table:number-columns-repeated="%d"' % self._walk.columns + attributes + found[4] + b">"
        column, columns = self._walk.column, self._columns
        gap = bisect_left(columns, column + self._walk.columns) - bisect_left(columns, column)
        return start + b' table:number-columns-repeated="%d"/>' % gap if gap else b""


def _as_calamine_reads_it(piece: bytes) -> bytes:
    """Return text in which breaks and tabs are characters, those of the file's own layout are none of it."""
    if b"<![CDATA[" in piece:
        raise WorkbookError("it has CDATA sections, which are not read")
    if any(each in piece for each in (b"\n", b"\r", b"\t")):  # which hardly any program writes
        piece = _LAYOUT.sub(lambda found: found[1] or (b"" if found[2] else b" "), piece)
    piece = _BREAK.sub(lambda found: b"&#10;" if found[1] == b"line-break" else b"&#9;", piece)
    piece = _USUALLY.sub(rb'\1 office:value-type="string"', piece)
    piece = (_NUMBER if _UNUSUAL.search(piece) else _USUAL_NUMBER).sub(_as_shown, piece)
    return _BEFORE_PARAGRAPH.sub(rb"\1", piece)


def _as_shown(found: re.Match[bytes]) -> bytes:
    """Return a cell with a number as one with its text, where people see more, or less, than the number."""
    text = unescape(_ANY_TAG.sub(b" ", found["shown"]).decode(errors="replace")).strip()
    if not _says_more(text, found["value"].decode(errors="replace")):
        return found[0]
    return _TYPE.sub(rb"\1string", _VALUE.sub(b"", found["head"])) + found["rest"]


def _says_more(text: str, value: str) -> bool:
    """Whether people see something else than a number's digits, as ``number_format`` has it of XLSX."""
    number = _finite(value)
    if number is None or not text or _TOO_WIDE.fullmatch(text):
        return False
    if _LEADING_ZERO.match(text):
        return True
    if number != int(number):
        return text != str(number)  # which some programs write, with digits that nobody typed
    digits = "".join(filter(str.isdecimal, text))
    is_plain = not digits or digits.startswith(str(abs(int(number))))
    return not (is_plain and _SEPARATED.fullmatch(text))


def _finite(text: str) -> float | None:
    """Return a number of which all digits can be trusted; None for anything else."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < _MOST else None
