"""The ways in which a file from a portal may be read: CSV of any delimiter and encoding, or a sheet of a workbook."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from exosms.errors import InputError
from exosms.system.files import steady, unreadable
from exosms.tables.csv_file import mark_of
from exosms.tables.foreign_file import check_is_table
from exosms.tables.records import DELIMITERS, CsvRecords, Record
from exosms.tables.workbook import LARGEST, is_workbook, open_sheet

_MOST_CELLS = 500_000
"""With something in them; ten thousand templates take less than half of that."""


class Reading(NamedTuple):
    """One way to read the file: a delimiter or a sheet."""

    label: str
    """``line`` or ``row``: what its records' numbers count."""
    records: Callable[[], Sequence[Record]]
    """Return those with something in them; raises InputError."""
    notes: tuple[str, ...] = ()
    sheet: str = ""
    """Its name."""


def readings(path: Path) -> Iterator[Reading]:
    """Yield the ways in which a file may be read, the likeliest first; raises InputError for no table at all."""
    content = _content(path)
    if is_workbook(content):
        yield from _sheets(path, content)
        return
    check_is_table(content, str(path))
    text, notes = _decoded(path, content)
    head = next((line for line in text.splitlines() if line.strip()), "")
    for delimiter in sorted(DELIMITERS, key=head.count, reverse=True):
        yield Reading("line", partial(_lines, path, text, delimiter), notes)


def _sheets(path: Path, content: bytes) -> Iterator[Reading]:
    with open_sheet(content, str(path)) as first:
        names = first.sheets
        yield Reading("row", partial(_filled, path, first), sheet=names[0])
    for name in names[1:]:
        yield Reading("row", partial(_sheet, path, content, name), sheet=name)


def _sheet(path: Path, content: bytes, name: str) -> Sequence[Record]:
    with open_sheet(content, str(path), sheet=name) as records:
        return _filled(path, records)


def _lines(path: Path, text: str, delimiter: str) -> Sequence[Record]:
    return _filled(path, CsvRecords(str(path), iter((text,)), delimiter=delimiter, strict_quotes=False))


def _filled(path: Path, records: Iterable[Record]) -> Sequence[Record]:
    filled: list[Record] = []
    count = 0
    for record in records:
        full = len(record.cells) - record.cells.count("")
        count += full
        if count > _MOST_CELLS:
            raise InputError(f"{path} has more than {_MOST_CELLS} cells", remedy="Export fewer at once.")
        if full:
            filled.append(record)
    return filled


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file, steady(file):
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise unreadable(f"The file {path}", error) from error
    if len(content) > LARGEST:
        raise InputError(f"{path} is larger than {LARGEST >> 20} MiB", remedy="Export fewer templates at once.")
    if not content.strip(b"\0 \r\n\t"):
        raise InputError(f"{path} is empty", remedy="Export the templates from the portal again.")
    return content


def _decoded(path: Path, content: bytes) -> tuple[str, tuple[str, ...]]:
    mark, codec = mark_of(content)
    if mark:
        return _decode(path, content[len(mark) :], codec), ()
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
