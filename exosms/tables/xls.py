"""What calamine does not say of the cells of an XLS workbook ([MS-CFB] 2, [MS-XLS] 2.4).

Those that hold an error or a formula without a value are empty to it, and it passes over the formats of numbers.
"""

import struct
from collections.abc import Container, Iterator, Mapping, Sequence

from exosms.tables.damaged_cells import UNCALCULATED
from exosms.tables.number_format import BUILT_IN, is_of_numbers, is_of_times
from exosms.tables.workbook_archive import WorkbookError

_STREAMS = "workbook", "book"
"""Whatever their case; some files have both, for programs of two ages."""
_SUMMARY = "\x05summaryinformation"
"""What programs that calculate write beside it; in a file without it, zeros and empty texts of formulas are none."""
_LIBREOFFICE = b"\x04\0\0Calc "
"""How LibreOffice says who wrote it, which stores a zero for a formula's text that it did not calculate anew."""
_DIRECTORY_ENTRY = 128
_SMALL = 4096
"""Bytes from which a stream stands in sectors of its own."""
_FORMULA, _END, _SHEET, _BOOL_OR_ERROR, _BEGIN = 0x0006, 0x000A, 0x0085, 0x0205, 0x0809
_STYLE, _FORMAT, _NUMBER, _SMALL_NUMBER, _SMALL_NUMBERS = 0x00E0, 0x041E, 0x0203, 0x027E, 0x00BD
_ROW, _WRITER = 0x0208, 0x005C
_ON_LOAD = 2
"""A formula that is to be calculated when the file is opened, as PhpSpreadsheet says of all."""
_VERSION = b"\x00\x06"
"""BIFF8, of Excel 97 and later. Of older ones calamine misreads the formats, and takes numbers for dates."""
_ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}


def read_cells(
    content: bytes, sheet: int
) -> tuple[Mapping[int, Mapping[int, str]], Mapping[int, Sequence[tuple[int, str]]], Container[int]]:
    """Return the errors of one sheet by row and column, all from 0, the formats of its numbers, and its hidden rows.

    A formula without a value is an error, too.

    Raises WorkbookError for no such workbook.
    """
    try:
        stream, is_calculated = _workbook_stream(content)
        _check_version(stream)
        starts = [struct.unpack_from("<I", body)[0] for kind, body in _records(stream, 0) if kind == _SHEET]
        errors: dict[int, dict[int, str]] = {}
        for row, column, code in _error_cells(stream, starts[sheet]):
            errors.setdefault(row, {})[column] = _ERRORS.get(code, "#ERROR!")
        for row, column in _empty_formulas(stream, starts[sheet], is_calculated=is_calculated):
            errors.setdefault(row, {})[column] = UNCALCULATED
        all_styles = _formats_of_styles(stream)
        times = {style for style, (number, code) in enumerate(all_styles) if is_of_times(number, code)}
        styles = {style: code for style, (_, code) in enumerate(all_styles) if style in times or is_of_numbers(code)}
        formats: dict[int, list[tuple[int, str]]] = {}
        for row, column, style, is_negative in _numbers_with_styles(stream, starts[sheet]):
            if is_negative and style in times:  # of which calamine makes some time of day
                errors.setdefault(row, {})[column] = "#NUM!"
            elif style in styles:
                formats.setdefault(row, []).append((column, styles[style]))
        hidden = set(_hidden_rows(stream, starts[sheet]))
    except WorkbookError:
        raise
    except (struct.error, LookupError, ValueError) as error:
        raise WorkbookError("its parts do not fit together") from error
    return errors, formats, hidden


def _check_version(stream: bytes) -> None:
    if stream[4:6] != _VERSION:
        raise WorkbookError("it is of Excel 95 or older")


def _formats_of_styles(stream: bytes) -> Sequence[tuple[int, str]]:
    """Return the number and the code of each style's format."""
    codes: dict[int, str] = dict(BUILT_IN)
    styles: list[int] = []
    for kind, body in _records(stream, 0):
        if kind == _STYLE:
            styles.append(struct.unpack_from("<H", body, 2)[0])
        elif kind == _FORMAT:
            number, length, is_wide = struct.unpack_from("<HHB", body)
            text = body[5 : 5 + length * (1 + (is_wide & 1))]
            codes[number] = text.decode("utf-16-le" if is_wide & 1 else "latin-1", "replace")
    return [(number, codes.get(number, "")) for number in styles]


def _numbers_with_styles(stream: bytes, start: int) -> Iterator[tuple[int, int, int, bool]]:
    """Yield row, column and style of each number, and whether it is negative: the sign is the last bit of each."""
    for kind, body in _records(stream, start):
        if kind in {_NUMBER, _SMALL_NUMBER, _FORMULA}:
            is_negative = body[9 if kind == _SMALL_NUMBER else 13] >= 0x80 and body[12:14] != b"\xff\xff"
            yield (*struct.unpack_from("<HHH", body), is_negative)
        elif kind == _SMALL_NUMBERS:
            row, first = struct.unpack_from("<HH", body)
            for place, (style, value) in enumerate(struct.iter_unpack("<Hi", body[4:-2])):
                yield row, first + place, style, value < 0


def _hidden_rows(stream: bytes, start: int) -> Iterator[int]:
    for kind, body in _records(stream, start):
        if kind == _ROW and body[12] & 0x20:
            yield struct.unpack_from("<H", body)[0]


def _error_cells(stream: bytes, start: int) -> Iterator[tuple[int, int, int]]:
    for kind, body in _records(stream, start):
        if kind == _BOOL_OR_ERROR and body[7]:
            yield (*struct.unpack_from("<HH", body), body[6])
        elif kind == _FORMULA and body[6] == 2 and body[12:14] == b"\xff\xff":
            yield (*struct.unpack_from("<HH", body), body[8])


def _empty_formulas(stream: bytes, start: int, *, is_calculated: bool) -> Iterator[tuple[int, int]]:
    """Yield the places of the formulas whose value is what stands there before anything was calculated."""
    writer = next((body for kind, body in _records(stream, 0) if kind == _WRITER), b"")
    are_zeros_values = is_calculated and not writer.startswith(_LIBREOFFICE)
    for kind, body in _records(stream, start):
        if kind != _FORMULA:
            continue
        is_zero = body[6:14] == bytes(8) and (body[14] & _ON_LOAD or not are_zeros_values)
        if is_zero or (not is_calculated and body[6] == 3 and body[12:14] == b"\xff\xff"):
            yield struct.unpack_from("<HH", body)


def _records(stream: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield the records of the part that begins there, without those of parts in it, such as charts."""
    depth = 0
    while start < len(stream):
        kind, size = struct.unpack_from("<HH", stream, start)
        start += 4
        depth += (kind == _BEGIN) - (kind == _END)
        if depth == 0:
            return
        if depth == 1:
            yield kind, stream[start : start + size]
        start += size


def _workbook_stream(content: bytes) -> tuple[bytes, bool]:
    """Return the stream of the workbook from a compound file, and whether it has a summary."""
    (shift,) = struct.unpack_from("<H", content, 30)
    first_directory, _, _, first_small_table = struct.unpack_from("<4I", content, 48)
    size = 1 << min(max(shift, 9), 16)
    sectors = [content[at : at + size] for at in range(size, len(content), size)]
    table = _numbers(sectors[number] for number in _table_sectors(content, sectors))
    directory = b"".join(_chain(sectors, table, first_directory))
    entries = [_entry(directory, at) for at in range(0, len(directory), _DIRECTORY_ENTRY)]
    has_summary = any(entry[0].lower() == _SUMMARY for entry in entries)
    named = (entry for stream in _STREAMS for entry in entries if entry[0].lower() == stream)
    for _, start, length in named:
        if length >= _SMALL:
            return b"".join(_chain(sectors, table, start))[:length], has_summary
        root = b"".join(_chain(sectors, table, entries[0][1]))
        small = [root[at : at + 64] for at in range(0, len(root), 64)]
        small_table = _numbers(_chain(sectors, table, first_small_table))
        return b"".join(_chain(small, small_table, start))[:length], has_summary
    raise WorkbookError("it has no part with sheets")


def _entry(directory: bytes, at: int) -> tuple[str, int, int]:
    """Return name, first sector and length of what a directory names."""
    (name_length,) = struct.unpack_from("<H", directory, at + 64)
    name = directory[at : at + max(name_length - 2, 0)].decode("utf-16-le", "replace")
    return name, *struct.unpack_from("<II", directory, at + 116)


def _table_sectors(content: bytes, sectors: Sequence[bytes]) -> Iterator[int]:
    """Yield the numbers of the sectors that hold the allocation table."""
    numbers = [*struct.unpack_from("<109I", content, 76)]
    (following,) = struct.unpack_from("<I", content, 68)
    for _ in sectors:
        if following >= len(sectors):
            break
        *more, following = _numbers([sectors[following]])
        numbers += more
    yield from (number for number in numbers if number < len(sectors))


def _numbers(sectors: "Iterator[bytes] | Sequence[bytes]") -> Sequence[int]:
    together = b"".join(sectors)
    return struct.unpack(f"<{len(together) // 4}I", together[: len(together) // 4 * 4])


def _chain(sectors: Sequence[bytes], table: Sequence[int], start: int) -> Iterator[bytes]:
    """Yield the sectors of a stream; raises WorkbookError for one without an end."""
    for _ in sectors:
        if start >= len(sectors):
            return
        yield sectors[start]
        start = table[start]
    if start < len(sectors):
        raise WorkbookError("a part of it has no end")
