"""The columns of a portal's export: what they are called, and where they stand.

Of the portals only Jio's columns are known (``HEADER``, ``TEMPLATE_ID``, ``TEMPLATE_NAME``, ``TEMPLATE_CONTENT`` and
``VARIABLE_COUNT``), so columns are found by the names that people and vendors use for them, or named by the user.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from exosms.errors import InputError
from exosms.sms.message import MessageType
from exosms.tables.records import Record
from exosms.templates.portal_table import Reading, readings


class ExportField(StrEnum):
    """What is read of a template; the words of ``--column FIELD=HEADER``."""

    ID = "id"
    NAME = "name"
    TEXT = "text"
    HEADER = "header"
    TYPE = "type"
    STATUS = "status"


ALIASES: Mapping[ExportField, tuple[str, ...]] = {
    ExportField.ID: ("templateid", "dlttemplateid", "dltid", "contenttemplateid", "ctid"),
    ExportField.NAME: ("templatename", "name", "templatetitle"),
    ExportField.TEXT: (
        "templatecontent", "content", "messagecontent", "templatemessage", "message", "templatetext", "templatebody",
        "body", "template",
    ),
    ExportField.HEADER: ("header", "headers", "senderid", "sender", "cli", "headername", "sendername"),
    ExportField.TYPE: (
        "templatetype", "communicationtype", "category", "smstype", "dlttype", "contenttype", "messagetype", "type",
    ),
    ExportField.STATUS: ("status", "approvalstatus", "templatestatus"),
}  # fmt: skip
"""Folded headers, the more telling ones first."""

_OF_STATUS = "status"
"""How other folded headers of one end: ``Current Status``. One that is not read would let rejected texts in."""

_ALSO_OTHERS = frozenset({"dlttype", "contenttype", "messagetype", "type"})
"""Headers under which portals keep categories, and others ``Text`` or ``Unicode``: their cells decide."""

CATEGORIES = {
    "transactional": MessageType.TRANSACTIONAL,
    "t": MessageType.TRANSACTIONAL,
    "implicit": MessageType.TRANSACTIONAL,
    "serviceimplicit": MessageType.TRANSACTIONAL,
    "si": MessageType.TRANSACTIONAL,
    "explicit": MessageType.TRANSACTIONAL_OPT_IN,
    "serviceexplicit": MessageType.TRANSACTIONAL_OPT_IN,
    "se": MessageType.TRANSACTIONAL_OPT_IN,
    "transactionaloptin": MessageType.TRANSACTIONAL_OPT_IN,
    "promotional": MessageType.PROMOTIONAL,
    "p": MessageType.PROMOTIONAL,
}
"""Folded categories of the portals and of Exotel (support 38686; developer portal, DLT Template Registration)."""

_REQUIRED = (ExportField.ID, ExportField.TEXT)
_MAP = "Say which column is which: --column id=HEADER --column text=HEADER"
_TITLE_ROWS = 20
"""The header stands at most that many rows below the top."""

_LONGEST_WORD = 200
"""Characters that are looked at where a name, an id or a category is expected."""

_FORMULA = re.compile(r'="(.*)"')


class ExportColumns(NamedTuple):
    """Where each field stands, and under which header."""

    places: Mapping[ExportField, int]
    titles: Mapping[int, str]
    """What stands above each place that has a header."""
    left_aside: Mapping[ExportField, Sequence[str]]
    """Headers that would have been the field's too."""
    width: int
    """The cells of the row of headers, also the empty ones at its end: Excel makes all rows of a CSV as wide."""

    def exceeded_by(self, cells: Sequence[str]) -> bool:
        """Whether a row has more cells than the header's, or something in one behind the last header."""
        return len(cells) > self.width or any(cells[max(self.titles) + 1 :])

    @property
    def unread(self) -> Sequence[str]:
        """The headers of the columns that nothing is read of."""
        return [title for place, title in self.titles.items() if place not in self.places.values()]

    def title(self, part: ExportField) -> str:
        """Return the header above a field."""
        return self.titles[self.places[part]]


class ExportTable(NamedTuple):
    """Where the templates of a file are."""

    reading: Reading
    """The way to read the file in which the columns are found."""
    below: Sequence[Record]
    """What is below the header."""
    columns: ExportColumns
    other_sheets: Sequence[str] = ()
    """The names of further sheets that have such columns."""


def find_columns(path: Path, columns: Mapping[ExportField, str]) -> ExportTable:
    """Return where the templates are; raises InputError if no way to read the file finds the columns."""
    flaw: InputError | None = None
    heads: list[Record] = []
    ways = readings(path)
    for reading in ways:
        try:
            records = reading.records()
        except InputError as error:
            if flaw is None and not heads:  # the likeliest way to read the file, so its trouble is the one to tell
                flaw = error
            continue
        heads += records[:_TITLE_ROWS]
        found = _found(path, reading, records, columns)
        if found is not None:
            others = [other.sheet for other in ways if other.sheet and _has_templates(path, other, columns)]
            return found._replace(other_sheets=others)
    raise flaw or _no_columns(path, heads, columns)


def _found(
    path: Path, reading: Reading, records: Sequence[Record], wanted: Mapping[ExportField, str]
) -> ExportTable | None:
    for number, record in enumerate(records[:_TITLE_ROWS]):
        below = records[number + 1 :]
        columns = _columns(path, record, wanted, below)
        if columns is not None:
            return ExportTable(reading, below, columns)
    return None


def _has_templates(path: Path, reading: Reading, wanted: Mapping[ExportField, str]) -> bool:
    try:
        found = _found(path, reading, reading.records(), wanted)
    except InputError:
        return False
    return found is not None and bool(found.below)


def _columns(
    path: Path, header: Record, wanted: Mapping[ExportField, str], below: Sequence[Record]
) -> ExportColumns | None:
    """Return where the fields stand if this is the header."""
    titles = {place: title for place, title in enumerate(map(plain, header.cells)) if title}
    folded = {place: fold(title) for place, title in titles.items()}
    places: dict[ExportField, int] = {}
    left_aside: dict[ExportField, list[str]] = {}
    for part, aliases in ALIASES.items():
        names = (fold(wanted[part]),) if part in wanted else aliases
        at: Sequence[int] = [place for name in names for place, title in folded.items() if title == name]
        if part is ExportField.TYPE and part not in wanted:
            at = _with_categories(at, folded, below)
        if part is ExportField.STATUS and part not in wanted:
            at = [*at, *(place for place, title in folded.items() if title.endswith(_OF_STATUS) and place not in at)]
        if at:
            places[part] = at[0]
            left_aside[part] = [titles[other] for other in at[1:]]
    if not all(part in places for part in (*_REQUIRED, *wanted)):
        return None
    if any("\0" in cell for cell in header.cells):
        raise InputError(
            f"{path} has U+0000 in its header, row {header.line}", remedy="Export it again, or save it as CSV UTF-8."
        )
    _check_columns(path, titles, list(places.values()))
    return ExportColumns(places, titles, left_aside, len(header.cells))


def _with_categories(places: Sequence[int], folded: Mapping[int, str], below: Sequence[Record]) -> Sequence[int]:
    """Return the columns that may hold categories, those first in which one is written out: ``T`` may be ``Text``."""
    having = [place for place in places if any(_is_category(each.cells[place:][:1]) for each in below)]
    return [*having, *(place for place in places if place not in having and folded[place] not in _ALSO_OTHERS)]


def _is_category(cell: Sequence[str]) -> bool:
    word = fold(cell[0][:_LONGEST_WORD]) if cell else ""
    return len(word) > 1 and word in CATEGORIES


def _check_columns(path: Path, titles: Mapping[int, str], places: Sequence[int]) -> None:
    folded = [fold(title) for title in titles.values()]
    for place in places:
        if folded.count(fold(titles[place])) > 1:
            raise InputError(
                f"{path} has two columns called {titles[place]!r}", remedy="Rename one of them in the file."
            )
        if places.count(place) > 1:
            raise InputError(f"The column {titles[place]!r} cannot be two fields", remedy=_MAP)


def _no_columns(path: Path, heads: Sequence[Record], wanted: Mapping[ExportField, str]) -> InputError:
    head = max(([cell for cell in record.cells if cell] for record in heads), key=len, default=[])
    titles = [plain(cell)[:40] for cell in head[:30]]
    known = set(map(fold, titles))
    missing = [
        f"{part} ({wanted[part]!r})" if part in wanted else part
        for part in ExportField
        if (part in wanted and fold(wanted[part]) not in known)
        or (part in _REQUIRED and part not in wanted and known.isdisjoint(ALIASES[part]))
    ]
    return InputError(
        f"{path} has no column for {' and '.join(missing or _REQUIRED)};"
        f" its columns are {', '.join(map(repr, titles)) or 'none'}",
        remedy=_MAP,
    )


def fold(word: str) -> str:
    """Return a header or category as it is compared: lower case, only letters and digits."""
    return "".join(filter(str.isalnum, word.lower()))


def plain(text: str) -> str:
    """Return a short cell without what portals and spreadsheets put around it."""
    bare = "".join(each for each in text.replace("\xa0", " ") if each.isprintable() or each.isspace()).strip()
    formula = _FORMULA.fullmatch(bare)
    return (formula[1] if formula else bare).removeprefix("'").strip()[:_LONGEST_WORD]
