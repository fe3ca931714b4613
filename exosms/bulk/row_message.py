"""Rows to messages, by a mapper that was checked against the file's columns before its first row."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from exosms.bulk.row_text import (
    Columns,
    Pattern,
    RowText,
    TextOptions,
    damaged_cell,
    lost_characters,
    row_error,
)
from exosms.bulk.table import Row, RowError, fold
from exosms.errors import InputError, UsageError
from exosms.sms import phone
from exosms.sms.compose import compose
from exosms.sms.message import FIELDS, Message, MessageFields
from exosms.system.escaping import for_shell, shown
from exosms.tables.damaged_cells import UNCALCULATED, damage_of
from exosms.tables.damaged_numbers import Damage, damage

RECIPIENT_COLUMNS = ("to", "phone", "mobile", "msisdn", "recipient", "contact", "number")
"""Where numbers are looked for; ``_RECIPIENTS`` is what else people add to these names."""

_ROUNDED = "000000"
"""What is left of the last digits of a 12-digit number that a spreadsheet showed as 9.19877E+11, once that is read as
a number again. One number in a million ends so by itself."""

_MAY_BE_ROUNDED = f"the number ends in {_ROUNDED}, as one that a spreadsheet rounded, and may be a stranger's"

_RECIPIENTS = re.compile(rf"(?:{'|'.join(RECIPIENT_COLUMNS)})(?:no|num|number)?")
_DIGITS = re.compile(r"\+?[0-9][0-9 ().-]{5,30}[0-9]")
_TOGETHER = re.compile(r"\+?[0-9]{8,}")
"""What may be a number within a cell; the latter also where a blank or a hyphen alone stands between two."""
_FEW = 1000
"""Rows in which numbers are looked for."""

_FEW_SENDERS = 3
"""Senders of a column that are named."""

_SENDER = "Fill it, or add --from SENDER for such rows."


class RowMapper:
    """How each row of one file becomes a message."""

    def __init__(
        self,
        columns: Columns,
        *,
        wording: RowText,
        message_fields: MessageFields,
        recipient: str,
        country: str,
        sender_needed: bool,
        asked: Mapping[str, Any],
    ) -> None:
        self._written = columns.written
        self._sender_needed = sender_needed
        self._wording = wording
        self._message_fields = message_fields
        self._recipient = recipient
        self._country = country
        self._ignored = columns.ignored
        self._asked = asked
        self._own = [
            (column, name, field)
            for name, field in FIELDS.items()
            if field.column in columns and (column := fold(field.column)) != recipient
        ]
        self._own_counts: Counter[str] = Counter()
        self.senders: dict[str, None] = {}
        """Those that a column sets, of the rows so far."""
        self.misread: dict[str, None] = {}
        """The options that pass over columns with cells which set no field."""
        self._beside = tuple(column for column, _, _ in self._own)
        self._double_uses = [
            self._double_use(column) for column in (recipient, *self._beside) if column in wording.columns
        ]

    @classmethod
    def of(  # noqa: PLR0913 - every one of them is an option of a command
        cls,
        headers: Sequence[str],
        *,
        message_fields: MessageFields,
        country: str,
        texts: TextOptions,
        to_column: str | None = None,
        sender_needed: bool = False,
        asked: Mapping[str, Any] = {},
        ignored: Sequence[str] = (),
        first_rows: Callable[[int], Sequence[Row | RowError]] = lambda _: (),
    ) -> "RowMapper":
        """Return the mapper for a file with these columns; raises InputError for a column that is missing.

        ``country`` is where numbers without ``+`` belong. With ``sender_needed`` a row is flawed for which nothing
        gives a sender. ``asked`` has the fields of which the command line says something, beside which no column may
        say anything else; columns that are ``ignored`` say nothing. ``first_rows`` returns some rows, by which the
        recipients' column is told.
        """
        columns = Columns(headers, ignored=ignored)
        wording = wording_for(columns, texts)
        recipient = _recipient_column(columns, to_column, first_rows, country)
        return cls(
            columns,
            wording=wording,
            message_fields=message_fields,
            recipient=recipient,
            country=country,
            sender_needed=sender_needed and not message_fields.sender,
            asked=asked,
        )

    @property
    def unused(self) -> tuple[str, ...]:
        """The columns that nothing uses, as the file writes them."""
        used = {self._recipient, *self._beside, *self._wording.columns, *self._ignored}
        return tuple(header for column, header in self._written.items() if column not in used)

    @property
    def warnings(self) -> Mapping[str, int]:
        """Sentences about the rows so far, and how many rows each is true of."""
        return self._wording.warnings.counts

    @property
    def own_fields(self) -> Sequence[tuple[str, str, int]]:
        """The columns that set a field of the message, as written, with the field and the number of rows so far."""
        return [
            (self._written[column], field.column, self._own_counts[column])
            for column, _, field in self._own
            if column in self._own_counts
        ]

    @property
    def named_senders(self) -> str:
        """The first senders that a column sets, and how many more there are; nothing if there are none."""
        first = ", ".join(repr(shown(sender)) for sender in [*self.senders][:_FEW_SENDERS])
        more = len(self.senders) - _FEW_SENDERS
        return f"{first} and {'at least ' * (len(self.senders) == _FEW)}{more} more" if more > 0 else first

    @property
    def usual_sender(self) -> str:
        """The sender of template or profile, where a column sets another one; else nothing."""
        usual = self._message_fields.sender
        return usual if self.senders.keys() - {usual} else ""

    @property
    def fixed_text(self) -> str:
        """What the texts have in common; in the place of each cell is a sign that no text has."""
        return self._wording.fixed

    @property
    def doubts(self) -> Iterator[str]:
        """Sentences about cells of the texts so far with which something may be wrong."""
        return self._wording.told_doubts

    def reads(self, name: str) -> bool:
        """Whether the rows have that field of the message of their own."""
        return any(column == fold(name) for column, _, _ in self._own)

    def writes(self, column: str) -> bool:
        """Whether the texts use the column."""
        return fold(column) in self._wording.columns

    def recipient_in(self, row: Row) -> str:
        """Return what stands in the file in the place of the recipient."""
        return row.cells[self._recipient]

    def draft(self, row: Row) -> Message | tuple[RowError, ...]:
        """Return a row's message, or everything that is wrong with the row."""
        for double_use in self._double_uses:
            self._wording.warnings.add(double_use)
        of_text = self._wording.row_errors(row)
        row_errors = [*of_text]
        message_fields = self._headed(row, row_errors) if self._own else self._message_fields
        to = self._number(row, row_errors)
        body, is_certain = self._wording.write(row.cells, is_counted=not row_errors)
        if unfilled := self._wording.unfilled(row, body):
            return (*row_errors, unfilled)
        try:
            message = compose(to, body, message_fields)
        except InputError as error:
            if body.strip() or not of_text:  # else it is empty because a cell is
                row_errors.append(self._wording.unsendable(row, body, message_fields, error))
            return tuple(row_errors)
        if not is_certain:
            row_errors += self._wording.mismatches(row, body)
        if row_errors:
            return tuple(row_errors)
        self._wording.note_doubts(row)
        if to.endswith(_ROUNDED):
            self._wording.warnings.add(_MAY_BE_ROUNDED)
        return message

    def _double_use(self, column: str) -> str:
        what = "the recipient" if column == self._recipient else "a field of the message"
        return f"the column {self._written[column]!r} is {what} and also part of the text"

    def _number(self, row: Row, row_errors: list[RowError]) -> str:
        """Return the recipient in E.164, or nothing and one more flaw."""
        cell = row.cells[self._recipient]
        try:
            return phone.parse(cell, country=self._country)
        except InputError as error:
            row_errors.append(
                self._uncalculated(row, self._recipient)
                or self._row_error(row, self._recipient, error.message, error.remedy)
            )
            return ""

    def _headed(self, row: Row, row_errors: list[RowError]) -> MessageFields:
        """Return the message fields with what the row has of its own; what is wrong there is one more flaw."""
        row_errors += lost_characters(row, self._beside, self._written)
        own: dict[str, Any] = {}
        for column, name, field in self._own:
            cell = row.cells[column]
            if not cell.strip():
                if name == "sender" and self._sender_needed:
                    row_errors.append(
                        self._row_error(row, column, "The cell is empty, and no other sender is set", _SENDER)
                    )
                continue
            if uncalculated := self._uncalculated(row, column):
                row_errors.append(uncalculated)
                continue
            self._own_counts[column] += 1
            try:
                own[name], warnings = field.read(cell)
            except InputError as error:
                self._check_agreement(row, column, name, cell.strip())
                ignoring = f"--ignore-column {for_shell(self._written[column])}"
                remedy = f"{ignoring} passes over a column that is about something else. {error.remedy}".strip()
                self.misread.setdefault(ignoring, None)
                row_errors.append(self._row_error(row, column, error.message, remedy))
                continue
            self._check_agreement(row, column, name, own[name])
            if name == "sender" and len(self.senders) < _FEW:
                self.senders[own[name]] = None
            if name == "dlt_template_id":
                self._wording.note_id(own[name])
            for warning in warnings:
                self._wording.warnings.add(warning)
        return self._message_fields._replace(**own) if own else self._message_fields

    def _check_agreement(self, row: Row, column: str, name: str, value: Any) -> None:
        """Raise InputError for a cell that says something else than the option of its name."""
        if name not in self._asked:
            return
        asked, words = self._asked[name], FIELDS[name].words or {}
        if words.get(asked, asked) == value:
            return
        header = self._written[column]
        option = f"--{FIELDS[name].column.replace('_', '-')}"
        raise InputError(
            f"The column {header!r} says {shown(row.cells[column])!r} in line {row.line}, and {option} says"
            f" {str(asked)!r}",
            remedy=f"Nothing was sent. Leave {option} out, or add --ignore-column {for_shell(header)}.",
        )

    def _uncalculated(self, row: Row, column: str) -> RowError | None:
        """Return the flaw of a cell that has no value yet, which no option sends."""
        return damaged_cell(row, self._written, column) if row.cells[column] == UNCALCULATED else None

    def _row_error(self, row: Row, column: str, message: str, remedy: str) -> RowError:
        return row_error(row, self._written, column, message, remedy)


def wording_for(columns: Columns, options: TextOptions) -> RowText:
    """Return the wording for a file with these columns; raises InputError for a column that is missing."""
    if options.template is not None:
        if options.body is not None:
            raise UsageError("Give the text with a template or with --body, not both")
        from exosms.bulk.row_template import RowTemplate  # and with it all that compares texts

        return RowTemplate(columns, options.template, options)
    if options.body is not None:
        return RowText(columns, [Pattern.parse(options.body, columns, name="The text")], options)
    if "body" in columns:
        return RowText(columns, [Pattern("%s", ("body",))], options)
    raise InputError(
        "The file has no column 'body', and no text was given for its rows",
        remedy=f"Give --template or --body, or add that column. {columns.listed}",
    )


def _recipient_column(
    columns: Columns, name: str | None, first_rows: Callable[[int], Sequence[Row | RowError]], country: str
) -> str:
    """Return the column of numbers: the one that is named, or the only one that is called so and holds some."""
    if name is not None:
        return columns.find(name, wanted_by="--to-column")
    called = [
        column
        for column, header in columns.written.items()
        if column in columns and _RECIPIENTS.fullmatch(_letters(header))
    ]
    if not called:
        raise InputError(
            f"The file has none of the columns {', '.join(RECIPIENT_COLUMNS)}, so it has no recipients",
            remedy=f"Give the column of phone numbers with --to-column. {columns.listed}",
        )
    if len(called) == 1:
        return called[0]
    first_ones = first_rows(_FEW)
    rows = [row for row in first_ones if isinstance(row, Row)]
    holding = [column for column in called if _holds_numbers([row.cells[column] for row in rows], country)]
    nothing_to_send = not rows and len(first_ones) < _FEW
    if len(holding) == 1 or nothing_to_send:
        return (holding or called)[0]
    first, *others = [repr(columns.written[column]) for column in holding or called]
    raise InputError(
        f"The recipients may be in the column {first} or in {' or '.join(others)}",
        remedy="Say which one with --to-column, or leave the other out with --ignore-column.",
    )


def _letters(header: str) -> str:
    return "".join(filter(str.isalpha, header)).casefold()


def _holds_numbers(cells: Sequence[str], country: str) -> bool:
    """Whether at least half of the cells with digits have a phone number, or had one before a spreadsheet.

    Others are empty, as people write it: ``NA``, ``-`` and ``0``. Where all are damaged, nobody knows what they were.
    """
    written = [cell for cell in cells if cell.strip()]
    if written and all(map(damage_of, written)):
        return True
    filled = [cell for cell in cells if any(map(str.isdigit, cell.replace("0", ""))) or _was_number(cell.strip())]
    return 0 < len(filled) <= 2 * sum(_has_number(cell, country) or _was_number(cell.strip()) for cell in filled)


def _has_number(cell: str, country: str) -> bool:
    """Whether a cell is one or, though it cannot be sent to, has one beside another or beside words."""
    parts = (cell, cell.replace(",", ""), *_DIGITS.findall(cell), *_TOGETHER.findall(cell), *cell.split())
    return any(phone.is_number(each, country=country) for each in parts)


def _was_number(cell: str) -> bool:
    return damage(cell) is Damage.EXPONENT or re.fullmatch("#{3,}", cell) is not None
