"""A CSV read strictly, row by row, with the physical line of each."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from exosms.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record; ``line`` is the physical line that it begins on, counted from 1 with the header."""

    number: int
    line: int
    cells: Mapping[str, str]


def fold(header: str) -> str:
    """Return a header as it is compared: without regard to case and spaces."""
    return "".join(header.split()).casefold()


def read(path: Path) -> Iterator[Row]:
    """Yield the rows of a CSV file, their cells by folded header.

    Strict: the default mode of Python's reader merges rows in silence after a quote that is never closed. Raises
    InputError naming line and column.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"The file {path} cannot be read: {error.strerror}") from error
    if content.startswith(b"PK"):
        raise InputError(f"{path} is an XLSX workbook", remedy="Save it as CSV UTF-8 and use that file.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path} is not UTF-8 in line {line}", remedy="Save it as CSV UTF-8.") from error
    yield from _rows(path, text)


def _rows(path: Path, text: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    headers: list[str] | None = None
    number, line = 0, 1
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InputError(f"{path}, line {line}: {error}", remedy="Mend the quotes of that row.") from error
        if cells is None:
            break
        if headers is None:
            headers = _checked_headers(path, cells)
            continue
        if not cells:
            continue
        number += 1
        if len(cells) != len(headers):
            raise InputError(f"{path}, line {line}: {len(cells)} cells instead of {len(headers)}")
        yield Row(number=number, line=line, cells=dict(zip(headers, cells, strict=True)))
    if headers is None:
        raise InputError(f"{path} is empty", remedy="Its first line must name the columns.")


def _checked_headers(path: Path, cells: list[str]) -> list[str]:
    headers = [fold(cell) for cell in cells]
    for header in headers:
        if headers.count(header) > 1:
            raise InputError(f"{path}, line 1: two columns are called {header!r}")
    return headers
