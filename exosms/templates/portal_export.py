"""Exports of DLT portals: which columns they have, and what their cells mean.

Of the portals only Jio's columns are known (``HEADER``, ``TEMPLATE_ID``, ``TEMPLATE_NAME``, ``TEMPLATE_CONTENT`` and
``VARIABLE_COUNT``), so columns are found by the names that people and vendors use for them, or named by the user.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from exosms.errors import InputError
from exosms.sms import dlt
from exosms.sms.message import MessageType
from exosms.tables.damage import damage
from exosms.tables.records import Record
from exosms.templates.portal_table import Reading, readings
from exosms.templates.registry import LONGEST_TEXT
from exosms.templates.syntax import fold_line_ends


class Field(StrEnum):
    """What is read of a template; the words of ``--column FIELD=HEADER``."""

    ID = "id"
    NAME = "name"
    TEXT = "text"
    HEADER = "header"
    TYPE = "type"
    STATUS = "status"


ALIASES: Mapping[Field, tuple[str, ...]] = {
    Field.ID: ("templateid", "dlttemplateid", "dltid", "contenttemplateid", "ctid"),
    Field.NAME: ("templatename", "name", "templatetitle"),
    Field.TEXT: (
        "templatecontent", "content", "templatemessage", "message", "templatetext", "templatebody", "body",
        "template",
    ),
    Field.HEADER: ("header", "headers", "senderid", "sender", "cli", "headername"),
    Field.TYPE: ("templatetype", "communicationtype", "category", "smstype"),
    Field.STATUS: ("status", "approvalstatus"),
}  # fmt: skip
"""Folded headers, the more telling ones first."""

CATEGORIES = {
    "transactional": MessageType.TRANSACTIONAL,
    "serviceimplicit": MessageType.TRANSACTIONAL,
    "serviceexplicit": MessageType.TRANSACTIONAL_OPT_IN,
    "transactionaloptin": MessageType.TRANSACTIONAL_OPT_IN,
    "promotional": MessageType.PROMOTIONAL,
}
"""Folded categories of the portals and of Exotel (Exotel support 38686)."""

_APPROVED = frozenset({"approved", "active", "registered"})
_REQUIRED = (Field.ID, Field.TEXT)
_TITLE_ROWS = 20
"""The header stands at most that many rows below the top."""

_LONGEST_WORD = 200
"""Characters that are looked at where a name, an id or a category is expected."""

_ENTITIES = {
    "&amp;": "&", "&nbsp;": " ", "&#160;": " ", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&#039;": "'",
    "&apos;": "'",
}  # fmt: skip
_ENTITY = re.compile(r"<br\s*/?>|" + "|".join(map(re.escape, _ENTITIES)), re.IGNORECASE)
_FORMULA = re.compile(r'="(.*)"')
_SENDERS = re.compile(r"[,;|/\s]+")


class ExportNoticeKind(StrEnum):
    """What sort of notice it is; the words are stable."""

    ID_DESTROYED = "id_destroyed"
    ID_INVALID = "id_invalid"
    ID_UNUSUAL = "id_unusual"
    MISSING = "missing"
    CONFLICT = "conflict"
    TOO_LONG = "too_long"
    DAMAGED = "damaged"
    HEADER = "header"
    TYPE = "type"
    COLUMN = "column"
    ENCODING = "encoding"
    CLEANED = "cleaned"


class ExportNotice(NamedTuple):
    """Something about one cell, or about the file."""

    kind: ExportNoticeKind
    message: str
    row: int | None = None
    column: str | None = None


class Exported(NamedTuple):
    """One approved template."""

    row: int
    id: str
    name: str
    """The portal's; anything, also nothing."""
    text: str
    """Line breaks are LF."""
    senders: tuple[str, ...] = ()
    type: MessageType | None = None


@dataclass(kw_only=True)
class Export:
    """What a file holds."""

    label: str
    """``line`` or ``row``: what the numbers of rows count."""
    templates: list[Exported] = field(default_factory=list)
    notes: list[ExportNotice] = field(default_factory=list)
    rows: int = 0
    not_approved: Counter[str] = field(default_factory=Counter)
    """Rows left out, by their status."""
    repeated: int = 0
    """Rows that say what an earlier one did."""


class ExportError(InputError):
    """Rows that cannot be taken, all of them."""

    def __init__(self, path: Path, label: str, problems: Sequence[ExportNotice]) -> None:
        first = problems[0]
        where = f", {label} {first.row}" if first.row else ""
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(
            f"{path}{where}: {first.message}{more}", remedy="Nothing was imported. Fix the file, or export it again."
        )
        self.label = label
        self.problems = tuple(problems)


def fold(word: str) -> str:
    """Return a header or category as it is compared: lower case, only letters and digits."""
    return "".join(filter(str.isalnum, word.lower()))


def read(path: Path, *, columns: Mapping[Field, str] | None = None, default: MessageType | None = None) -> Export:
    """Read an export. ``columns`` names columns by their header; ``default`` is for rows without a known category.

    Raises InputError, which for rows that cannot be taken is ExportError with all of them.
    """
    reading, records, found = _header(path, columns or {})
    export = Export(label=reading.label)
    export.notes += [ExportNotice(kind=ExportNoticeKind.ENCODING, message=note) for note in reading.notes]
    export.notes += [
        ExportNotice(
            kind=ExportNoticeKind.COLUMN,
            message=f"the column {other!r} is not read: {found.titles[part]!r} is the {part}",
        )
        for part, others in found.left_aside.items()
        for other in others
    ]
    reader = _Rows(found, default, export)
    for record in records:
        reader.take(record)
    if reader.problems:
        raise ExportError(path, reading.label, reader.problems)
    if not export.templates:
        raise InputError(f"{path} has no approved template{_statuses(export)}", remedy=_NONE_APPROVED)
    return export


_NONE_APPROVED = (
    "Export them after the portal has approved them, or give the column that shows the approval: --column status=…"
)


def _statuses(export: Export) -> str:
    return f"; its rows are {', '.join(map(repr, export.not_approved))}" if export.not_approved else ""


# Columns.


class _Columns(NamedTuple):
    """Where each field stands, and under which header."""

    places: Mapping[Field, int]
    titles: Mapping[Field, str]
    left_aside: Mapping[Field, Sequence[str]]
    last: int
    """The last place that has a header."""


def _header(path: Path, columns: Mapping[Field, str]) -> tuple[Reading, Sequence[Record], _Columns]:
    """Return the way to read the file in which the columns are found, what is below them, and where they are."""
    flaw: InputError | None = None
    heads: list[Record] = []
    for reading in readings(path):
        try:
            records = reading.records()
        except InputError as error:
            if flaw is None and not heads:  # the likeliest way to read the file, so its trouble is the one to tell
                flaw = error
            continue
        heads += records[:1]
        for number, record in enumerate(records[:_TITLE_ROWS]):
            found = _columns(path, record, columns)
            if found is not None:
                return reading, records[number + 1 :], found
    raise flaw or _no_columns(path, heads, columns)


def _columns(path: Path, header: Record, wanted: Mapping[Field, str]) -> _Columns | None:
    """Return where the fields stand if this is the header."""
    titles = {place: _plain(cell) for place, cell in enumerate(header.cells) if cell}
    folded = {place: fold(title) for place, title in titles.items()}
    places: dict[Field, int] = {}
    left_aside: dict[Field, list[str]] = {}
    for part, aliases in ALIASES.items():
        names = (fold(wanted[part]),) if part in wanted else aliases
        at = [place for name in names for place, title in folded.items() if title == name]
        if at:
            places[part] = at[0]
            left_aside[part] = [titles[other] for other in at[1:]]
    if not all(part in places for part in (*_REQUIRED, *wanted)):
        return None
    _check_columns(path, titles, list(places.values()))
    return _Columns(
        places=places,
        titles={part: titles[place] for part, place in places.items()},
        left_aside=left_aside,
        last=max(titles),
    )


def _check_columns(path: Path, titles: Mapping[int, str], places: Sequence[int]) -> None:
    folded = [fold(title) for title in titles.values()]
    for place in places:
        if folded.count(fold(titles[place])) > 1:
            raise InputError(
                f"{path} has two columns called {titles[place]!r}", remedy="Rename one of them in the file."
            )
        if places.count(place) > 1:
            raise InputError(f"The column {titles[place]!r} cannot be two fields", remedy=_MAP)


_MAP = "Say which column is which: --column id=HEADER --column text=HEADER"


def _no_columns(path: Path, heads: Sequence[Record], wanted: Mapping[Field, str]) -> InputError:
    head = max(([cell for cell in record.cells if cell] for record in heads), key=len, default=[])
    titles = [_plain(cell)[:40] for cell in head[:30]]
    known = set(map(fold, titles))
    missing = [
        f"{part} ({wanted[part]!r})" if part in wanted else part
        for part in Field
        if (part in wanted and fold(wanted[part]) not in known)
        or (part in _REQUIRED and part not in wanted and known.isdisjoint(ALIASES[part]))
    ]
    return InputError(
        f"{path} has no column for {' and '.join(missing or _REQUIRED)};"
        f" its columns are {', '.join(map(repr, titles)) or 'none'}",
        remedy=_MAP,
    )


def _plain(text: str) -> str:
    """Return a short cell without what portals and spreadsheets put around it."""
    bare = "".join(each for each in text.replace("\xa0", " ") if each.isprintable() or each.isspace()).strip()
    formula = _FORMULA.fullmatch(bare)
    return (formula[1] if formula else bare).removeprefix("'").strip()[:_LONGEST_WORD]


# Rows.


class _Rows:
    """Takes rows one by one, and remembers what is wrong with them."""

    def __init__(self, columns: _Columns, default: MessageType | None, export: Export) -> None:
        self._columns = columns
        self._default = default
        self._export = export
        self._by_id: dict[str, Exported] = {}
        self._number = 0
        self.problems: list[ExportNotice] = []

    def take(self, record: Record) -> None:
        """Read one row."""
        self._export.rows += 1
        self._number = record.line
        cells = {part: "".join(record.cells[place : place + 1]) for part, place in self._columns.places.items()}
        status = _plain(cells[Field.STATUS]) if Field.STATUS in cells else "approved"
        if fold(status) not in _APPROVED:
            self._export.not_approved[status or "without a status"] += 1
            return
        before = len(self.problems)
        if self._export.label == "line" and len(record.cells) - 1 > self._columns.last:
            message = "it has more cells than the header; a text that contains the delimiter must be in quotes"
            self.problems.append(ExportNotice(kind=ExportNoticeKind.COLUMN, message=message, row=record.line))
        exported = Exported(
            row=record.line,
            id=self._id(cells[Field.ID], record.kinds[self._columns.places[Field.ID] :][:1]),
            name=_plain(cells[Field.NAME]) if Field.NAME in cells else "",
            text=self._text(cells[Field.TEXT]),
            senders=self._senders(_plain(cells[Field.HEADER])) if Field.HEADER in cells else (),
            type=self._type(_plain(cells[Field.TYPE])) if Field.TYPE in cells else self._default,
        )
        if len(self.problems) == before:
            self._keep(exported)

    def _keep(self, exported: Exported) -> None:
        first = self._by_id.setdefault(exported.id, exported)
        if first is exported:
            self._export.templates.append(exported)
        elif first.text == exported.text:
            self._export.repeated += 1
        else:
            self._problem(
                ExportNoticeKind.CONFLICT,
                Field.TEXT,
                f"the id {exported.id} has a different text in {self._export.label} {first.row}",
            )

    def _id(self, cell: str, kind: str) -> str:
        own = _plain(cell)
        flaw = damage(own, kind)
        if not own:
            self._problem(ExportNoticeKind.MISSING, Field.ID, "the id is missing")
        elif flaw:
            self._problem(
                ExportNoticeKind.ID_DESTROYED, Field.ID, f"a spreadsheet has changed the id {own!r}: {flaw.value}"
            )
        else:
            self._checked_id(own)
        return own

    def _checked_id(self, own: str) -> None:
        try:
            warnings = dlt.check_ids(None, own)
        except InputError as error:
            self._problem(ExportNoticeKind.ID_INVALID, Field.ID, error.message)
        else:
            for warning in warnings:
                self._note(ExportNoticeKind.ID_UNUSUAL, Field.ID, warning)

    def _text(self, raw: str) -> str:
        text = _ENTITY.sub(_decoded, fold_line_ends(raw))
        if "&nbsp;" in raw.lower():
            self._note(ExportNoticeKind.CLEANED, Field.TEXT, "&nbsp; was read as a space")
        if text.startswith("'"):
            text = text[1:]
            self._note(ExportNoticeKind.CLEANED, Field.TEXT, "the apostrophe before the text was dropped")
        if not text.strip():
            self._problem(ExportNoticeKind.MISSING, Field.TEXT, "the text is missing")
        if len(text) > LONGEST_TEXT:
            self._problem(
                ExportNoticeKind.TOO_LONG,
                Field.TEXT,
                f"the text has {len(text)} characters, more than {LONGEST_TEXT}",
            )
        damaged = next((each for each in text if each == "\ufffd" or "\ud800" <= each <= "\udfff"), None)
        if damaged:
            self._problem(
                ExportNoticeKind.DAMAGED,
                Field.TEXT,
                f"the text was already damaged: it contains U+{ord(damaged):04X}",
            )
        return text

    def _senders(self, cell: str) -> tuple[str, ...]:
        senders = tuple(filter(None, _SENDERS.split(cell)))
        if len(senders) > 1:
            self._note(
                ExportNoticeKind.HEADER, Field.HEADER, f"of several headers the first one is used: {senders[0]!r}"
            )
        for sender in senders[:1]:
            try:
                warnings = dlt.check_sender(sender)
            except InputError as error:
                self._problem(ExportNoticeKind.HEADER, Field.HEADER, f"{error.message}. {error.remedy}")
            else:
                for warning in warnings:
                    self._note(ExportNoticeKind.HEADER, Field.HEADER, warning)
        return senders

    def _type(self, category: str) -> MessageType | None:
        known = CATEGORIES.get(fold(category), self._default)
        if known is None and category:
            self._problem(
                ExportNoticeKind.TYPE,
                Field.TYPE,
                f"{category!r} is not a known category; give the type to use for it with --type",
            )
        return known

    def _problem(self, kind: ExportNoticeKind, part: Field, message: str) -> None:
        self.problems.append(self._notice(kind, part, message))

    def _note(self, kind: ExportNoticeKind, part: Field, message: str) -> None:
        self._export.notes.append(self._notice(kind, part, message))

    def _notice(self, kind: ExportNoticeKind, part: Field, message: str) -> ExportNotice:
        return ExportNotice(kind=kind, message=message, row=self._number, column=self._columns.titles[part])


def _decoded(found: re.Match[str]) -> str:
    return _ENTITIES.get(found[0].lower(), "\n")
