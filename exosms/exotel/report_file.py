"""The SMS Detailed Report of Exotel's dashboard, as people have it: which Sids it lists.

Its columns are known from support article 59329 and from complaints: `'` before ids, days in two orders, line ends
within texts. Nothing of it but ASCII is looked at, so its encoding does not matter, whatever a text has in it.
"""

import codecs
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from exosms.errors import InputError
from exosms.exotel.listed import Listed, days_of, tail_of
from exosms.system.files import steady, unreadable
from exosms.tables.csv_file import mark_of
from exosms.tables.records import DELIMITERS, CsvRecords, Record
from exosms.tables.workbook import LARGEST, is_workbook, open_sheet

_BLOCK = 1 << 17
_NAMES: Mapping[str, frozenset[str]] = {
    "sid": frozenset({"id", "sid", "smssid", "smsid", "messagesid", "messageid", "smsmessagesid"}),
    "to": frozenset({"to", "tonumber", "recipient", "recipientnumber", "mobile", "mobilenumber"}),
    "time": frozenset({"time", "date", "datecreated", "createdat", "createdtime"}),
}
_SID = re.compile(r"[0-9A-Za-z_-]{8,200}", re.ASCII)
_SURELY_A_SID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_SOME_SID = re.compile(r"[0-9a-f]{32}", re.ASCII | re.IGNORECASE)
_AROUND = "'\"= \t\r\n"
"""What stands around an id lest a spreadsheet takes it for a number."""
_TITLES = 50
"""Records in which the names of the columns are looked for."""


def sids_in(path: Path, left_out: Callable[[int], None]) -> Iterator[Listed]:
    """Yield what a report lists, as it is read; raises InputError for a file that cannot be read or is no report.

    ``left_out`` is told the line of each record in which there may be a Sid that is not listed.
    """
    is_report = False
    with _tables(path) as tables:
        for records in tables:
            is_report |= yield from _sids_of(records, left_out)
    if not is_report:
        raise InputError(
            f"{path} is no report of messages: it has no column Id with their Sids",
            remedy="Export the SMS Detailed Report from Exotel's dashboard, with Type set to All.",
        )


def _sids_of(records: Iterable[Record], left_out: Callable[[int], None]) -> Generator[Listed, None, bool]:
    """Yield what a table lists, and return whether it is one of messages."""
    columns: Mapping[str, int] = {}
    above: list[Record] = []
    for number, record in enumerate(records):
        if not columns:
            columns, is_header = _columns(record.cells)
            if is_header:
                above = _with_sids(above)  # others are titles
                continue
            if not columns and number >= _TITLES:
                above.append(record)  # what is below it is not looked at
                break
        listed = _listed(record.cells, columns) if columns else None
        if columns and _may_lack_one(record.cells, listed):
            left_out(record.line)
        if listed:
            yield listed
        elif not columns and any(map(str.strip, record.cells)):
            above.append(record)
    else:
        above = above if columns else _with_sids(above)
    for record in above:
        left_out(record.line)
    return bool(columns)


def _with_sids(records: Iterable[Record]) -> list[Record]:
    return [record for record in records if _SOME_SID.search(" ".join(record.cells))]


def _columns(cells: Sequence[str]) -> tuple[Mapping[str, int], bool]:
    """Return where things stand, and whether this record says it; else where a Sid is that cannot be mistaken."""
    folded = [re.sub(r"[^a-z]", "", cell.casefold()) for cell in cells]
    named = {
        what: place
        for place, name in reversed([*enumerate(folded)])
        for what, names in _NAMES.items()
        if name in names
    }
    if "sid" in named:
        return named, True
    places = [place for place, cell in enumerate(cells) if _SURELY_A_SID.fullmatch(cell.strip(_AROUND))]
    return ({"sid": places[0]} if places else {}), False


def _listed(cells: Sequence[str], columns: Mapping[str, int]) -> Listed | None:
    """Return what a record lists; None for a part of one, as a line end within a text makes it."""
    said = {what: cells[place] for what, place in columns.items() if place < len(cells)}
    sid = said.get("sid", "").strip(_AROUND)
    if not _SID.fullmatch(sid):
        return None
    return Listed(sid, tail_of(said.get("to", "")), days_of(said.get("time", "")))


def _may_lack_one(cells: Sequence[str], listed: Listed | None) -> bool:
    """Whether a record's Sid is damaged, or one of its texts has swallowed other records by a quote."""
    if listed is None:
        return any(map(str.strip, cells))
    return any(_SOME_SID.search(cell) for cell in cells if "\n" in cell or "\r" in cell)


@contextmanager
def _tables(path: Path) -> Iterator[Iterable[Iterable[Record]]]:
    """Open the file: a CSV is one table, and a workbook has one in each sheet, in all of which Sids may be."""
    name = str(path)
    try:
        with path.open("rb") as stream, steady(stream):
            if is_workbook(stream.peek(8)):
                yield _sheets(stream.read(LARGEST + 1), name)
            else:
                texts = _texts(stream)
                head = next(texts)
                records = chain((head,), texts)
                yield [CsvRecords(name, records, delimiter=_delimiter(head), strict_quotes=False)]
    except OSError as error:
        raise unreadable(name, error) from error


def _sheets(content: bytes, name: str) -> Iterator[Iterable[Record]]:
    with open_sheet(content, name) as first:
        yield first
    for other in first.sheets[1:]:
        with open_sheet(content, name, sheet=other) as records:
            yield records


def _delimiter(head: str) -> str | None:
    """Return what separates the names of the columns, above which there may be titles."""
    for line in head.splitlines()[:_TITLES]:
        for delimiter in DELIMITERS:
            cells = line.split(delimiter)
            if len(cells) > 1 and _columns([cell.strip('"') for cell in cells])[1]:
                return delimiter
    return None


def _texts(stream: BinaryIO) -> Iterator[str]:
    """Yield the text, of which only ASCII is sure to be right; at least once."""
    head = stream.read(_BLOCK)
    mark, codec = mark_of(head)
    if not mark:
        codec = "latin-1"
        if b"\0" in head[:200]:
            codec = "utf-16-be" if head[:1] == b"\0" else "utf-16-le"
    decoder = codecs.getincrementaldecoder(codec)("replace")
    yield decoder.decode(head[len(mark) :])
    while block := stream.read(_BLOCK):
        yield decoder.decode(block)
    yield decoder.decode(b"", final=True)
