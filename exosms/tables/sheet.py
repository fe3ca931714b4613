"""One sheet of a workbook as rows of text; call it where its memory and time are limited, as ``workbook`` does."""

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

from exosms.tables import ods, xls, xlsx
from exosms.tables.damaged_cells import NO_DAY
from exosms.tables.number_format import as_shown, is_of_days
from exosms.tables.records import Kind
from exosms.tables.workbook_archive import (
    NO_WORKBOOK,
    Archive,
    NoSheetError,
    PasswordNeededError,
    Prepared,
    WorkbookError,
)

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook


class SheetRow(NamedTuple):
    """A row with something in it, without the empty cells at its end."""

    number: int
    """As a spreadsheet numbers it, from 1."""
    cells: Sequence[str]
    kinds: str
    """The letter of a ``Kind`` for each cell."""
    is_hidden: bool


def read_sheet(content: bytes, sheet: int | str) -> tuple[Sequence[str], Iterator[SheetRow]]:
    """Return the names of a workbook's sheets, that of the one which is read first, and its rows.

    A place counts only those that a spreadsheet shows; charts are none.

    Raises PasswordNeededError, NoSheetError, and WorkbookError for all else that is wrong, then or with a row.
    """
    from xml.etree.ElementTree import ParseError
    from zipfile import BadZipFile
    from zlib import error as DeflateError  # noqa: N812  # which is a class

    from python_calamine import CalamineError, PasswordError

    try:
        package = _package(content) if content.startswith(b"PK") else _Legacy(content)
        names = package.sheets()
        place = _place(names, package.shown(), sheet)
        prepared = package.prepared(place)
        rows = _rows(_opened(prepared.content).get_sheet_by_index(place), prepared)
        return [names[place], *names[:place], *names[place + 1 :]], rows
    except PasswordError as error:
        raise PasswordNeededError from error
    # NotImplementedError is zipfile's word for a compression that it does not know, OSError calamine's for a bad XLS.
    except (
        CalamineError, BadZipFile, DeflateError, ParseError, EOFError, LookupError, NotImplementedError, OSError,
    ) as error:  # fmt: skip
        said = str(error).replace("Cannot detect file format", "what is in it makes no sense")  # of any that we know
        raise WorkbookError(said[:200]) from error


def _package(content: bytes) -> xlsx.Xlsx | ods.Ods:
    """Open a workbook that is an archive, told by its parts."""
    archive = Archive(content)
    if ods.CONTENT in archive.parts:
        return ods.Ods(archive)
    if xlsx.RELATIONS in archive.parts:
        return xlsx.Xlsx(archive)
    if any(part.endswith(".iwa") for part in archive.parts):
        raise WorkbookError("it is a document of Numbers")
    table = next((part for part in archive.parts if part.lower().endswith(_TABLES)), None)
    raise WorkbookError(f"it is an archive, to be unpacked first, with {table[:200]!r}" if table else NO_WORKBOOK)


class _Legacy:
    """An XLS, which has at most 256 columns and is laid out as it is."""

    def __init__(self, content: bytes) -> None:
        if "EncryptedPackage".encode("utf-16-le") in content or _FILEPASS.search(content):
            raise PasswordNeededError
        self._content = content

    def sheets(self) -> Sequence[str]:
        return _opened(self._content).sheet_names

    def shown(self) -> Sequence[int]:
        from python_calamine import SheetTypeEnum, SheetVisibleEnum

        return [
            place
            for place, sheet in enumerate(_opened(self._content).sheets_metadata)
            if (sheet.visible, sheet.typ) == (SheetVisibleEnum.Visible, SheetTypeEnum.WorkSheet)
        ]

    def prepared(self, sheet: int) -> Prepared:
        errors, formats, hidden = xls.read_cells(self._content, sheet)
        return Prepared(self._content, errors=errors, formats=formats, hidden=hidden)


def _opened(content: bytes) -> "CalamineWorkbook":
    from python_calamine import load_workbook

    return load_workbook(io.BytesIO(content))


def _place(names: Sequence[str], shown: Sequence[int], sheet: int | str) -> int:
    """Return where a sheet stands among the tabs."""
    shown = shown or range(len(names))
    if isinstance(sheet, int) and sheet < len(shown):
        return shown[sheet]
    if sheet in names:
        return names.index(str(sheet))
    if names:
        raise NoSheetError(names)
    raise WorkbookError("it has no sheets")


def _rows(sheet: "CalamineSheet", prepared: Prepared) -> Iterator[SheetRow]:
    if sheet.start is None:  # an empty sheet, of which calamine yields no rows but panics
        return
    rows: Iterator[list[Any]] = sheet.iter_rows()
    numbers = prepared.rows
    for place, row in enumerate(rows):
        for column, error in prepared.errors.get(place, {}).items():
            at = column - sheet.start[1]
            if not 0 <= at < len(row):
                raise WorkbookError("an error stands outside of its sheet")
            row[at] = error
        for column, code in prepared.formats.get(place, ()):
            at = column - sheet.start[1]
            if 0 <= at < len(row):
                row[at] = _as_shown(row[at], code)
        while row and (row[-1] == "" or (type(row[-1]) is str and row[-1].isspace())):
            row.pop()
        if row:
            kinds, conversions = _shape(*map(type, row))
            for column, text_of in conversions:
                row[column] = text_of(row[column])
            true_place = place if numbers is None else numbers[place]
            yield SheetRow(1 + true_place, row, kinds, true_place in prepared.hidden)


def _as_shown(cell: Any, code: str) -> Any:
    """Return a cell as its format shows it, where that makes a difference."""
    if type(cell) in {int, float} and _is_exact(cell):
        return as_shown(cell, code) or cell
    if is_of_days(code):  # calamine makes a time of what is less than a day, as a formula does of an empty one
        return cell if type(cell) is not time else f"{NO_DAY} {_of_time(cell)}".removesuffix(" 00:00:00")
    if type(cell) in {date, datetime} and cell.year < _FIRST_YEAR:
        return cell.time() if type(cell) is datetime else _MIDNIGHT
    return cell


@lru_cache
def _shape(*types: type) -> tuple[str, Sequence[tuple[int, Callable[[Any], str]]]]:
    """Return the kinds of a row's cells, and what makes text of those that are none: most rows look like the last."""
    conversions = [(column, _TEXTS[each]) for column, each in enumerate(types) if each is not str]
    return "".join(_KINDS[each] for each in types), conversions


def _of_number(number: float) -> str:
    """Return it as people see it, if all of its digits can be trusted; else so that ``damage`` finds it."""
    if _is_exact(number) and number == int(number):
        return str(int(number))
    if not isfinite(number):
        return "#NUM!"
    text = f"{number:.15g}"
    if "e-" in text:
        return f"{Decimal(text):f}" if abs(number) >= _LEAST else f"{number:.14E}"
    return text.upper()


def _is_exact(number: float) -> bool:
    """Whether all digits of a number before its point can be trusted."""
    return abs(number) <= _MOST_DIGITS


def _of_time(moment: datetime | time) -> str:
    """Return it in whole seconds, as people see it: what lacks hardly anything of one was calculated."""
    if isinstance(moment, time):
        return _of_time(datetime.combine(date.min, moment)).partition(" ")[2]
    return str((min(moment, _LAST) + _LACKING).replace(microsecond=0))


def _of_duration(duration: timedelta) -> str:
    minutes, seconds = divmod(int(abs(duration).total_seconds()), 60)
    return f"{'-' * (duration < timedelta())}{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"


_TABLES = ".csv", ".xlsx", ".xls", ".ods"
_MOST_DIGITS = 10**15 - 1
"""Spreadsheets keep 15 digits of a number, whatever was typed, and write zeros for the others."""
_LEAST = 1e-15
"""Below it nobody reads the zeros."""
_MIDNIGHT = time()
"""What is left of whole days where no day is shown."""
_FIRST_YEAR = 1905
"""Of the days that anyone means; before it, of a format without a day, is what was counted on past midnight."""
_LACKING = timedelta(microseconds=10)
"""Of a second; the places of a moment's number do not tell more."""
_LAST = datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001 - a sheet's moments have no zone
"""Beyond it there is none that could be rounded up to."""
_FILEPASS = re.compile(rb"\x09\x08..\x00\x06.{14}(?:\x86\x00\x00\x00)?\x2f\x00", re.DOTALL)
"""The record of a password, behind the beginning of a workbook of Excel 97 and later ([MS-XLS] 2.4.117)."""
_TEXTS: Mapping[type, Callable[[Any], str]] = {
    int: _of_number,
    float: _of_number,
    bool: lambda truth: "TRUE" if truth else "FALSE",
    datetime: _of_time,
    date: str,
    time: _of_time,
    timedelta: _of_duration,
}
_KINDS: Mapping[type, str] = {
    str: Kind.TEXT,
    int: Kind.NUMBER,
    float: Kind.NUMBER,
    bool: Kind.TRUTH,
    **dict.fromkeys((datetime, date, time, timedelta), Kind.DATE),
}
