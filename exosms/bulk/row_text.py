"""The text of each row: a pattern with columns in it, or the column ``body``."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from exosms.bulk.column_markers import ColumnMarkers
from exosms.bulk.table import Row, RowError, fold
from exosms.errors import InputError
from exosms.sms.compose import compose
from exosms.sms.foreign_markers import Notation, undiscovered
from exosms.sms.message import MessageFields
from exosms.system.escaping import shown
from exosms.system.suggest import did_you_mean
from exosms.tables.damaged_cells import LOST, UNCALCULATED, CellDoubt, are_sound, damage_of, doubt_about, is_blank

if TYPE_CHECKING:
    from exosms.templates.registry import Registered

MOST_WARNINGS = 50
"""Different sentences that are counted one by one."""

FURTHER = "further warnings"
"""Under which the others are counted."""

_BRACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_FILL = "Fill it; bulk --allow-empty sends such rows as they are."
_RESTORE = "Correct it where the file comes from; bulk --allow-damaged sends such rows as they are."
_CALCULATE = "Use the file that was saved there."


class Columns:
    """The columns of a file, found as people write them; one that is ignored only where it is named."""

    def __init__(self, headers: Sequence[str], *, ignored: Sequence[str] = ()) -> None:
        self.written: Mapping[str, str] = {fold(header): header for header in headers}
        self.ignored = {self.find(name, wanted_by="--ignore-column") for name in ignored}
        """Folded."""

    def __contains__(self, name: str) -> bool:
        return (folded := fold(name)) in self.written and folded not in self.ignored

    def find(self, name: str, *, wanted_by: str) -> str:
        """Return a column's folded name; raises InputError naming the nearest one."""
        if fold(name) in self.written:
            return fold(name)
        raise InputError(
            f"{wanted_by} needs the column {name!r}, which the file does not have"
            f"{did_you_mean(name, self.written.values(), fold=fold)}",
            remedy=self.listed,
        )

    @property
    def listed(self) -> str:
        """A sentence with the columns there are; one alone may be a title."""
        title = (
            " If that is a title, delete what stands above the names of the columns."
            if len(self.written) == 1
            else ""
        )
        return f"Its columns are: {', '.join(self.written.values())}.{title}"


class Pattern(NamedTuple):
    """A text with columns in it; what a cell holds is never read as a pattern again."""

    skeleton: str
    """In the notation of Python's ``%``."""
    columns: tuple[str, ...]
    """Folded; in order, once for each place."""

    @classmethod
    def parse(cls, text: str, columns: Columns, *, name: str) -> "Pattern":
        """Read ``Dear {name}``, where ``{{`` and ``}}`` are braces; raises InputError with the offset of others."""
        parts: list[str] = []
        used: list[str] = []
        done = 0
        for found in _BRACE.finditer(text):
            parts.append(escaped(text[done : found.start()]))
            done = found.end()
            if found[0] in {"{{", "}}"}:
                parts.append(found[0][0])
            elif found[1]:
                used.append(columns.find(found[1], wanted_by=name))
                parts.append("%s")
            else:
                raise InputError(
                    f"{name} has a brace at offset {found.start()} without a column name: {shown(text)!r}",
                    remedy="Write {Column}, and {{ or }} for a literal brace.",
                )
        return cls("".join((*parts, escaped(text[done:]))), tuple(used))

    @property
    def fixed(self) -> str:
        """What the texts have in common; in the place of each cell is a sign that no text has."""
        return self.skeleton % (("\0",) * len(self.columns))

    def fill(self, cells: Mapping[str, str]) -> str:
        """Return the text with the cells in their places."""
        return self.skeleton % tuple([cells[column] for column in self.columns])


def escaped(text: str) -> str:
    """Return a fixed text as a pattern's skeleton has it."""
    return text.replace("%", "%%")


class Warnings:
    """Counts of the sentences about many rows, so that a million of them make one line."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, sentence: str) -> None:
        """Count a sentence, of its own or with the others."""
        is_known = sentence in self.counts or len(self.counts) < MOST_WARNINGS
        self.counts[sentence if is_known else FURTHER] += 1


class DoubtfulCells(NamedTuple):
    """Cells of one column with which the same may be wrong."""

    rows: int
    line: int
    """Of the first one."""
    cell: str
    """The first one."""


class TextOptions(NamedTuple):
    """What a command says of the texts of a file's rows."""

    template: "Registered | None" = None
    variables: Mapping[str, str] = {}
    """Patterns for variables of the template; the others are columns of the same name."""
    body: str | None = None
    """A pattern; without it and without a template, texts stand in the column ``body``."""
    fit: bool = False
    allow_empty: bool = False
    allow_damaged: bool = False


class RowText:
    """Where the text of each row comes from: a pattern, the column ``body`` or, as a ``Rendering``, a template."""

    def __init__(self, columns: Columns, patterns: Sequence[Pattern], options: TextOptions) -> None:
        self.columns = tuple(dict.fromkeys(column for pattern in patterns for column in pattern.columns))
        """Folded, each once."""
        self.warnings = Warnings()
        self._written = columns.written
        self._patterns = patterns
        self._options = options
        self.doubts: dict[tuple[str, CellDoubt], DoubtfulCells] = {}
        """What may be wrong with cells of the text, by folded column."""
        self._is_doubtful = False
        self._markers = ColumnMarkers(columns.written)
        self._refuse_markers()

    @property
    def fixed(self) -> str:
        """What the texts have in common, as a ``Pattern`` has it; nothing of those that a template makes."""
        return "" if self._options.template else self._patterns[0].fixed

    @property
    def told_doubts(self) -> Iterator[str]:
        """Sentences about cells so far with which something may be wrong."""
        for (column, doubt), (rows, line, cell) in self.doubts.items():
            alike = f" ({rows} such rows)" if rows > 1 else ""
            yield f"line {line}, column {self._written[column]}: {shown(cell)!r} looks like {doubt.value}{alike}"

    def write(self, cells: Mapping[str, str], *, is_counted: bool = True) -> tuple[str, bool]:  # noqa: ARG002 - a Rendering warns
        """Return a row's text, and whether it is certain to be what was registered without being compared.

        Without ``is_counted`` the row counts for no warning: it is left out.
        """
        return self._patterns[0].fill(cells), False

    def values(self, _row: Row) -> Sequence[str] | None:
        """Return the values of a text from a registered template; None of any other text."""
        return None

    def mismatches(self, _row: Row, _body: str) -> list[RowError]:
        """Return a flaw for everything that makes a row's text differ from its template."""
        return []

    def row_errors(self, row: Row) -> list[RowError]:
        """Return a flaw for every cell of the text that lost a character or, unless allowed, is empty or damaged."""
        self._is_doubtful = not are_sound([row.cells[column] for column in self.columns])
        if not self._is_doubtful:
            return []
        return [
            *lost_characters(row, self.columns, self._written),
            *([] if self._options.allow_empty else self._empty(row)),
            *([] if self._options.allow_damaged else self._damaged(row)),
        ]

    def note_doubts(self, row: Row) -> None:
        """Count doubtful cells of the text; the row is the last whose errors were asked for."""
        for column in self.columns if self._is_doubtful else ():
            if doubt := doubt_about(row.cells[column]):
                known = self.doubts.get((column, doubt), DoubtfulCells(0, row.line, row.cells[column]))
                self.doubts[column, doubt] = known._replace(rows=known.rows + 1)

    def note_id(self, dlt_template_id: str) -> None:
        """Count a row whose own cell says that its text is registered under another id."""

    def unfilled(self, row: Row, body: str) -> RowError | None:
        """Return the flaw of a text with a marker around the name of a column, or with one of DLT half written."""
        if half := undiscovered(body):
            column = next((column for column in self.columns if half in row.cells[column]), None)
            message = f"The text still has the marker {half} at offset {body.index(half)}"
            return self._row_error(row, column, message, "Replace it with its value before sending.", value=body)
        marker = self._markers.first_in(body)
        if marker is None:
            return None
        column = next((column for column in self.columns if marker.text in row.cells[column]), None)
        message = f"The text has {marker.text!r} in it, and nothing fills in a marker of that kind"
        insert = "{" + self._written[marker.name] + "}"
        return self._row_error(row, column, message, f"To insert the column write {insert} in --body.", value=body)

    def _refuse_markers(self) -> None:
        """Raise InputError for such a marker in what all the texts have in common."""
        for pattern in self._patterns:
            if marker := self._markers.first_in(pattern.fixed):
                text = f"{{{marker.text}}}" if marker.notation is Notation.BRACE else marker.text
                raise InputError(
                    f"The text has {text!r} in it, and nothing fills in a marker of that kind",
                    remedy=f"To insert the column write {{{self._written[marker.name]}}}.",
                )

    def unsendable(self, row: Row, body: str, message_fields: MessageFields, error: InputError) -> RowError:
        """Return the flaw of a text that ``compose`` refused, in the column whose cell is refused on its own."""
        guilty = [column for column in self.columns if _is_refused(row.cells[column], message_fields)]
        column = guilty[0] if guilty else self.columns[0] if len(self.columns) == 1 else None
        return self._row_error(row, column, error.message, error.remedy, value=body)

    def _empty(self, row: Row) -> list[RowError]:
        return [
            self._row_error(row, column, "The cell is empty, and the text uses it", _FILL)
            for column in self.columns
            if is_blank(row.cells[column])
        ]

    def _damaged(self, row: Row) -> list[RowError]:
        return [flaw for column in self.columns if (flaw := damaged_cell(row, self._written, column))]

    def _row_error(self, row: Row, column: str | None, message: str, remedy: str, *, value: str = "") -> RowError:
        return row_error(row, self._written, column, message, remedy, value=value)


def lost_characters(row: Row, columns: Sequence[str], written: Mapping[str, str]) -> list[RowError]:
    """Return a flaw for every cell that lost a character before it came here."""
    if LOST not in "".join([row.cells[column] for column in columns]):
        return []
    return [
        row_error(
            row,
            written,
            column,
            f"The cell {shown(row.cells[column])!r} contains U+FFFD, which replaces a character that was lost",
            "Export the file again as CSV UTF-8.",
        )
        for column in columns
        if LOST in row.cells[column]
    ]


def damaged_cell(row: Row, written: Mapping[str, str], column: str) -> RowError | None:
    """Return the flaw of a damaged cell."""
    cell = row.cells[column]
    damage = damage_of(cell)
    if damage is None:
        return None
    remedy = _CALCULATE if cell == UNCALCULATED else _RESTORE
    return row_error(row, written, column, f"The cell {shown(cell)!r} is damaged: {damage}", remedy)


def _is_refused(cell: str, message_fields: MessageFields) -> bool:
    if not cell.strip():
        return False
    try:
        compose("", cell, message_fields)
    except InputError:
        return True
    return False


def row_error(
    row: Row, written: Mapping[str, str], column: str | None, message: str, remedy: str, *, value: str = ""
) -> RowError:
    """Return what is wrong with a row; ``value`` is what is shown where no column is at fault."""
    return RowError(
        number=row.number,
        line=row.line,
        column=None if column is None else written[column],
        value=shown(value if column is None else row.cells[column]),
        message=message,
        remedy=remedy,
    )
