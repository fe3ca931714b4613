"""The archive that an XLSX or ODS workbook is, unpacked within bounds, and what calamine may be given of it.

calamine lays a sheet out as a full rectangle and aborts the process where memory does not suffice: one blank in the
last column of 3,000 rows takes 1.5 GB, one in the last row as well 549 GB. Of a sheet that spreads so far, only the
rows and columns with something in them are left; ``xlsx`` and ``ods`` draw them together. It also passes over the
cells that hold an error: they become text.
"""

import io
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

LARGEST_UNPACKED = 256 * 1024 * 1024
"""Bytes of all parts, unpacked; a small file can unpack to gigabytes."""
MOST_PLACES = 5_000_000
"""Rows times columns of what is laid out."""
MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384
"""Of a sheet (ECMA-376; ODF programs keep to it)."""
NO_WORKBOOK = "it is an archive of something else"
TWO_PARTS = "it has two parts of one name"
_PIECE = 1 << 18
_LONGEST = 1 << 20
"""Bytes of a tag with the text or the blanks behind it; a cell has no more than 32,767 characters."""
ATTRIBUTES = rb"""((?:[^<>"'/]++|"[^"]*+"|'[^']*+'|/(?!>))*+)"""
"""What may stand in a tag."""


class WorkbookError(ValueError):
    """What is wrong with a workbook, as the end of a sentence."""


class NoSheetError(Exception):
    """A workbook that has no sheet of that name."""

    def __init__(self, sheets: Sequence[str]) -> None:
        super().__init__(sheets)
        self.sheets = sheets


class PasswordNeededError(Exception):
    """A workbook that opens with a password only."""


class Prepared(NamedTuple):
    """A workbook of which one sheet can be read; the sheets have their old order."""

    content: bytes
    rows: Sequence[int] | None = None
    """The true places, from 0, of the rows that are left; None where all stand in their places."""
    errors: Mapping[int, Mapping[int, str]] = {}
    """What calamine reads as empty, by row and column from 0."""
    formats: Mapping[int, Sequence[tuple[int, str]]] = {}
    """The columns of each row that have a format of numbers, with its code; all places are from 0."""
    hidden: Container[int] = ()
    """The true places, from 0, of rows that a spreadsheet does not show."""


class Archive:
    """A ZIP archive that is unpacked within bounds."""

    def __init__(self, content: bytes) -> None:
        from zipfile import BadZipFile, ZipFile

        self.content = content
        try:
            self._zip = ZipFile(io.BytesIO(content))
        except BadZipFile as error:
            raise WorkbookError("it is damaged, or its end is missing") from error
        self.parts = self._zip.namelist()
        if len(set(self.parts)) < len(self.parts):
            raise WorkbookError(TWO_PARTS)
        if any(part.flag_bits & 1 for part in self._zip.infolist()):
            raise PasswordNeededError
        self._sizes: dict[str, int] = {}

    def part(self, name: str) -> bytes:
        """Return one part; raises WorkbookError if it is missing."""
        if name not in self.parts:
            raise WorkbookError(f"its part {name[:200]!r} is missing")
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
                if b"\0" in block or (len(rest) > _LONGEST and b"<" not in rest):
                    raise WorkbookError(f"its part {name} is not XML in UTF-8")
                if len(rest) > _LONGEST:
                    raise WorkbookError(
                        f"its part {name} has more than {_LONGEST >> 20} MiB between two tags, or in one"
                    )
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
            for name in filter(is_read, self.parts):
                with archive.open(name, "w") as file:
                    file.writelines(parts[name] if name in parts else self.pieces(name))
        return stream.getvalue()


def is_read(part: str) -> bool:
    """Whether calamine may look at a part."""
    if part.startswith(("customXml/", "docProps/")):  # which may be in UTF-16
        return False
    return part.lower().endswith((".xml", ".rels")) or part == "mimetype"


def fits(rows: int, columns: int) -> bool:
    """Whether so much can be laid out."""
    return rows * columns <= MOST_PLACES


def check_places(rows: int, columns: int) -> None:
    """Raise WorkbookError for more than can be laid out."""
    if not fits(rows, columns):
        raise WorkbookError(f"a sheet of {rows} rows and {columns} columns is larger than {MOST_PLACES} cells")
