"""A table as it comes, a file or standard input: a CSV or a sheet of a workbook, told by its content."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from exosms.errors import InputError
from exosms.system.files import steady, unreadable
from exosms.tables.csv_file import csv_records
from exosms.tables.foreign_file import check_is_table
from exosms.tables.records import CsvRecords
from exosms.tables.workbook import LARGEST, SheetRecords, is_workbook, open_sheet

_BLOCK = 1 << 17
"""Bytes read at once."""


@contextmanager
def open_records(
    source: Path | None, *, delimiter: str | None = None, encoding: str | None = None, sheet: str | None = None
) -> Iterator[CsvRecords | SheetRecords]:
    """Open a table, or standard input's bytes for None; either may be a pipe.

    ``delimiter`` and ``encoding`` are of a CSV, ``sheet`` is the name of one of a workbook, without which it is the
    first. Raises InputError for what concerns the whole file.
    """
    name = name_of(source)
    with _opened(source, name) as stream:
        blocks = _blocks(stream, name)
        first = next(blocks, b"")
        blocks = chain((first,), blocks)
        if is_workbook(first):
            with open_sheet(_content(blocks), name, sheet=0 if sheet is None else sheet) as records:
                yield records
            return
        check_is_table(first, name)
        if sheet is not None:
            raise InputError(f"{name} is no workbook, so it has no sheet {sheet!r}", remedy="Leave --sheet out.")
        yield csv_records(name, blocks, delimiter=delimiter, encoding=encoding)


def name_of(source: Path | None) -> str:
    """Return what sentences call a file, or standard input."""
    return "standard input" if source is None else str(source)


@contextmanager
def _opened(source: Path | None, name: str) -> Iterator[BinaryIO]:
    import sys

    if source is None:
        if sys.stdin is None:  # closed by whoever started us
            raise InputError(f"{name} is closed", remedy="Name a file, or pipe the table in.")
        yield sys.stdin.buffer
        return
    try:
        stream = source.open("rb")
    except OSError as error:
        raise unreadable(name, error) from error
    with stream:
        yield stream


def _blocks(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield what is in a file; raises InputError at its end where that may not be all of it."""
    try:
        with steady(stream):
            while block := _read(stream, name):
                yield block
    except OSError as error:
        raise InputError(
            f"{name} cannot be read: {error.strerror}", remedy="Run it again with the whole file."
        ) from error


def _read(stream: BinaryIO, name: str) -> bytes:
    try:
        return stream.read(_BLOCK)
    except OSError as error:
        raise unreadable(name, error) from error


def _content(blocks: Iterator[bytes]) -> bytes:
    """Return all of it, or more than a workbook may have."""
    content = bytearray()
    for block in blocks:
        content += block
        if len(content) > LARGEST:
            break
    return bytes(content)
