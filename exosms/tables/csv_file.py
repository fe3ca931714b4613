"""A CSV as it comes, a file or standard input: opened, decoded block by block, and handed over as records."""

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from exosms.errors import InputError
from exosms.system.files import steady
from exosms.tables.records import CsvRecords

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
        yield CsvRecords(name, _whole(stream, name, encoding), delimiter=delimiter)


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


def _whole(stream: BinaryIO, name: str, encoding: str | None) -> Iterator[str]:
    """Yield the text as ``_texts`` does; raises InputError at its end where it may not be all of it."""
    try:
        with steady(stream):
            yield from _texts(stream, name, encoding)
    except OSError as error:
        raise InputError(
            f"{name} cannot be read: {error.strerror}", remedy="Run it again with the whole file."
        ) from error


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
