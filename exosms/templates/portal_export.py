"""Exports of DLT portals: the approved templates in their rows, and what is wrong with the others."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from html import unescape
from html.entities import html5
from pathlib import Path
from typing import NamedTuple

from exosms.errors import InputError
from exosms.sms import dlt
from exosms.sms.message import MessageType
from exosms.system.escaping import shown
from exosms.tables.damaged_cells import CellDoubt, damage_of, doubt_about
from exosms.tables.damaged_numbers import damage
from exosms.tables.records import Record
from exosms.templates import marker_flaws
from exosms.templates.marker_flaws import MarkerError
from exosms.templates.portal_columns import CATEGORIES, ExportColumns, ExportField, find_columns, fold, plain
from exosms.templates.registry import LONGEST_TEXT
from exosms.templates.syntax import fold_line_ends

_APPROVED = ("approved", "registered", "active", "whitelisted")
"""How the folded status of a template begins that operators know: ``REGISTERED VIA AIRTEL``."""
_TAKEN_BACK = re.compile(
    r"expired|suspended|blocked|black\W?list|in-?active|rejected|revoked|cancell?ed|de-?(activated|registered)|disabled"
    r"|deleted|withdrawn|dis-?approved|un-?(approved|registered)|pending|awaited|\bhold\b|\bstopped|under\W?review|\bnot\b"
)
"""What such a status may go on with and then does not mean: ``REGISTERED VIA JIO - BLOCKED``."""

_ENTITY = re.compile(r"<br\s*/?>\n?|&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
"""One without its semicolon may be a part of a link; a line break behind its tag is the same one (nl2br of PHP)."""
_QUOTES_BEHIND_BLANKS = re.compile(r'[^\S\n]+".*"\s*', re.DOTALL)
_CUT = re.compile(r'[^\S\n]+"(?:[^"]|"")*+')
"""Of a text with a blank before its quotes, what stands before a delimiter or line break in it."""
_SENDERS = re.compile(r"[,;|/\s]+")


class ExportKind(StrEnum):
    """What sort of notice it is; the words are stable."""

    ID_DESTROYED = "id_destroyed"
    ID_INVALID = "id_invalid"
    ID_UNUSUAL = "id_unusual"
    MISSING = "missing"
    CONFLICT = "conflict"
    TOO_LONG = "too_long"
    DAMAGED = "damaged"
    MARKER = "marker"
    HEADER = "header"
    TYPE = "type"
    COLUMN = "column"
    SHEET = "sheet"
    ENCODING = "encoding"
    CLEANED = "cleaned"


class ExportNotice(NamedTuple):
    """Something about one cell, or about the file."""

    kind: ExportKind
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
    problems: list[ExportNotice] = field(default_factory=list)
    """What is wrong with the rows that are not taken."""
    unread: Sequence[str] = ()
    """Headers of the columns that nothing is read of."""
    has_status: bool = True
    """Whether a column says which templates are approved; without one all count."""
    rows: int = 0
    not_approved: Counter[str] = field(default_factory=Counter)
    """Rows left out, by their status."""
    statuses: dict[str, str] = field(default_factory=dict)
    """The status of a row left out, by the id of its template."""
    repeated: int = 0
    """Rows that say what an earlier one did."""


def read(
    path: Path,
    *,
    columns: Mapping[ExportField, str] | None = None,
    default: MessageType | None = None,
    approved: Sequence[str] = (),
) -> Export:
    """Read an export. ``columns`` names columns by their header; ``default`` is for rows without a known category.

    A row counts whose status is approved by its first word and not taken back by another, or is one of ``approved``.
    Raises InputError for a file that is no export, and for one in which no row counts; rows that cannot be taken are
    ``problems``.
    """
    reading, records, found, other_sheets = find_columns(path, columns or {})
    has_status = ExportField.STATUS in found.places
    export = Export(label=reading.label, unread=found.unread, has_status=has_status)
    export.notes += [ExportNotice(ExportKind.ENCODING, note) for note in reading.notes]
    export.notes += [
        ExportNotice(
            ExportKind.SHEET,
            f"the sheet {shown(name)!r} has templates too, which are not read; import it as a file of its own",
        )
        for name in other_sheets
    ]
    export.notes += [
        ExportNotice(ExportKind.COLUMN, f"the column {other!r} is not read: {found.title(part)!r} is the {part}")
        for part, others in found.left_aside.items()
        for other in others
    ]
    reader = _Rows(found, default, {*map(_as_said, approved)}, export)
    for record in records:
        reader.take(record)
    if not export.templates and not export.problems:
        statuses = f"; its rows are {', '.join(map(repr, export.not_approved))}" if export.not_approved else ""
        raise InputError(
            f"{path} has no approved template{statuses}",
            remedy="Export them after the portal has approved them, say which status counts, --approved WORD, or give"
            " the column that shows the approval: --column status=…",
        )
    return export


class _Rows:
    """Takes rows one by one, and remembers what is wrong with them."""

    def __init__(
        self, columns: ExportColumns, default: MessageType | None, approved: AbstractSet[str], export: Export
    ) -> None:
        self._columns = columns
        self._default = default
        self._approved = approved
        self._export = export
        self._by_id: dict[str, Exported] = {}
        self._conflicting: set[str] = set()
        self._number = 0

    def take(self, record: Record) -> None:
        """Read one row."""
        self._export.rows += 1
        self._number = record.line
        if self._export.label == "line" and self._columns.exceeded_by(record.cells):
            message = "it has more cells than the header; a text that contains the delimiter must be in quotes"
            self._export.problems.append(ExportNotice(ExportKind.COLUMN, message, record.line))
            return  # nothing in it, nor its status, is sure to stand in its place
        if self._export.label == "line" and any(map(_CUT.fullmatch, record.cells)):
            message = "a blank stands before a quote that opens a cell, so the cell ends within its quotes"
            self._export.problems.append(ExportNotice(ExportKind.COLUMN, message, record.line))
            return
        cells = {part: "".join(record.cells[place : place + 1]) for part, place in self._columns.places.items()}
        status = plain(cells.get(ExportField.STATUS, "approved"))
        if not _is_approved(status) and _as_said(status) not in self._approved:
            self._export.not_approved[status or "without a status"] += 1
            self._export.statuses[plain(cells[ExportField.ID])] = status
            return
        before = len(self._export.problems)
        exported = Exported(
            row=record.line,
            id=self._id(plain(cells[ExportField.ID]), record.kinds[self._columns.places[ExportField.ID] :][:1]),
            name=plain(cells.get(ExportField.NAME, "")),
            text=self._text(cells[ExportField.TEXT]),
            senders=self._senders(plain(cells.get(ExportField.HEADER, ""))),
            type=self._type(plain(cells.get(ExportField.TYPE, ""))),
        )
        if len(self._export.problems) == before:
            self._keep(exported)

    def _keep(self, exported: Exported) -> None:
        first = self._by_id.setdefault(exported.id, exported)
        if first is exported:
            self._export.templates.append(exported)
        elif first.text == exported.text and exported.id not in self._conflicting:
            self._export.repeated += 1
        else:
            message = (
                f"the id {exported.id} has a different text in {self._export.label} {first.row}; neither is taken"
            )
            self._problem(ExportKind.CONFLICT, ExportField.TEXT, message)
            if exported.id not in self._conflicting:
                self._conflicting.add(exported.id)
                self._export.templates.remove(first)

    def _id(self, own: str, kind: str) -> str:
        if not own:
            self._problem(ExportKind.MISSING, ExportField.ID, "the id is missing")
        elif changed := damage(own, kind):
            message = f"a spreadsheet has changed the id {own!r}: {changed.value}"
            self._problem(ExportKind.ID_DESTROYED, ExportField.ID, message)
        else:
            try:
                for warning in dlt.check_ids(None, own, is_kept=True):
                    self._note(ExportKind.ID_UNUSUAL, ExportField.ID, warning)
            except InputError as error:
                self._problem(ExportKind.ID_INVALID, ExportField.ID, error.message)
        return own

    def _text(self, raw: str) -> str:
        text = fold_line_ends(_ENTITY.sub(_decoded, fold_line_ends(raw)))
        if "&nbsp;" in raw.lower():
            self._note(ExportKind.CLEANED, ExportField.TEXT, "&nbsp; was read as a space")
        if _ENTITY.sub(_decoded, text) != text:
            message = "decoded, the text still has HTML in it, as one encoded twice; compare it with the portal"
            self._note(ExportKind.DAMAGED, ExportField.TEXT, message)
        if raw.startswith("'"):  # of a spreadsheet; one written as an entity is the portal's
            text = text[1:]
            self._note(ExportKind.CLEANED, ExportField.TEXT, "the apostrophe before the text was dropped")
        if not text.strip():
            self._problem(ExportKind.MISSING, ExportField.TEXT, "the text is missing")
        if len(text) > LONGEST_TEXT:
            message = f"the text has {len(text)} characters, more than {LONGEST_TEXT}"
            self._problem(ExportKind.TOO_LONG, ExportField.TEXT, message)
        damaged = next((each for each in text if each == "\ufffd" or "\ud800" <= each <= "\udfff"), None)
        if damaged:
            message = f"the text was already damaged: it contains U+{ord(damaged):04X}"
            self._problem(ExportKind.DAMAGED, ExportField.TEXT, message)
        elif done := damage_of(text):
            self._problem(ExportKind.DAMAGED, ExportField.TEXT, f"the text {shown(text)!r} is damaged: {done}")
        elif (doubt := doubt_about(text)) and doubt is not CellDoubt.BLANKS:  # which are registered
            self._problem(ExportKind.DAMAGED, ExportField.TEXT, f"the text {shown(text)!r} is {doubt.value}")
        self._check_quotes(raw, text)
        try:
            marker_flaws.check(text)
        except MarkerError as error:
            self._problem(ExportKind.MARKER, ExportField.TEXT, f"{error.message}. {error.remedy}")
        return text

    def _check_quotes(self, raw: str, text: str) -> None:
        if self._export.label == "line" and _QUOTES_BEHIND_BLANKS.fullmatch(text):
            message = "a blank stands before the quote that opens the text, so its quotes count as a part of it"
            self._problem(ExportKind.DAMAGED, ExportField.TEXT, message)
        if raw.startswith("'") and text.endswith("'"):
            message = "the text stands between apostrophes, which may be a part of it, or its quotes"
            self._problem(ExportKind.DAMAGED, ExportField.TEXT, message)

    def _senders(self, cell: str) -> tuple[str, ...]:
        senders = tuple(filter(None, _SENDERS.split(cell)))
        if len(senders) > 1:
            message = f"of several headers the first one is used: {senders[0]!r}"
            self._note(ExportKind.HEADER, ExportField.HEADER, message)
        try:
            for warning in dlt.check_sender(senders[0]) if senders else ():
                self._note(ExportKind.HEADER, ExportField.HEADER, warning)
        except InputError as error:
            self._problem(ExportKind.HEADER, ExportField.HEADER, f"{error.message}. {error.remedy}")
        return senders

    def _type(self, category: str) -> MessageType | None:
        known = CATEGORIES.get(fold(category), self._default)
        if known is None and category:
            message = f"{category!r} is not a known category; give the type to use for it with --type"
            self._problem(ExportKind.TYPE, ExportField.TYPE, message)
        return known

    def _problem(self, kind: ExportKind, part: ExportField, message: str) -> None:
        self._export.problems.append(ExportNotice(kind, message, self._number, self._columns.title(part)))

    def _note(self, kind: ExportKind, part: ExportField, message: str) -> None:
        self._export.notes.append(ExportNotice(kind, message, self._number, self._columns.title(part)))


def _is_approved(status: str) -> bool:
    return fold(status).startswith(_APPROVED) and not _TAKEN_BACK.search(status.lower().replace("_", " "))


def _as_said(status: str) -> str:
    """Return a status as it is compared with those that count: of any case and punctuation, but no ✓ for a ✗."""
    import unicodedata

    kept = "".join(each for each in status.lower() if unicodedata.category(each)[0] not in "CPZ")
    return kept or status.strip()


def _decoded(found: re.Match[str]) -> str:
    word = found[0]
    if word.startswith("<"):
        return "\n"
    if not word.startswith("&#"):  # unescape would also take one that only begins so
        return html5.get(word[1:], html5.get(word[1:].lower(), word)).replace("\xa0", " ")
    return unescape(word).replace("\xa0", " ")
