"""A CSV as it comes, decoded block by block, and handed over as records."""

import codecs
from collections.abc import Iterator

from exosms.errors import InputError
from exosms.tables.records import CsvRecords

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_OF_HOST_NAMES = {"idna", "punycode"}
"""Encodings of the standard library that take a text whole, and of which only Python before 3.13 says so."""
_AS_UTF8 = "Save it as CSV UTF-8 and use that file."


def csv_records(
    name: str, blocks: Iterator[bytes], *, delimiter: str | None = None, encoding: str | None = None
) -> CsvRecords:
    """Return the records of a CSV that comes in blocks; the first decides about encoding, line ends and delimiter.

    UTF-8 unless a byte order mark or ``encoding`` says otherwise. Raises InputError for what concerns the whole file.
    """
    check_delimiter(delimiter)
    check_encoding(encoding)
    return CsvRecords(name, _texts(blocks, name, encoding), delimiter=delimiter)


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
        is_usable &= codecs.lookup(encoding).name not in _OF_HOST_NAMES
    except (LookupError, ValueError):
        is_usable = False
    if not is_usable:
        raise InputError(
            f"{encoding!r} is not a known text encoding",
            remedy="Give --csv-encoding a name such as utf-8, windows-1252 or utf-16.",
        )


def _texts(blocks: Iterator[bytes], name: str, encoding: str | None) -> Iterator[str]:
    """Yield the decoded text without its byte order mark, block by block; at least one."""
    block = next(blocks, b"")
    mark, marked = mark_of(block)
    decoding = _Decoding(name, encoding, codec=_codec(name, encoding, mark, marked), taken=len(mark))
    yield decoding.decode(block[len(mark) :])
    for block in blocks:
        yield decoding.decode(block)
    yield decoding.decode(b"")


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
            is_named = self._encoding or self._codec != "utf-8"  # by whoever calls, or by its byte order mark
            remedy = "" if is_named else ", or add --csv-encoding windows-1252 (or what it was saved in)"
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
