"""A file before its run: every row checked and laid out, so that nothing is sent of a file with a flaw."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from exosms.bulk.flaws import MOST_FLAWS, Flaw, Flaws, flaw_of
from exosms.bulk.request import BulkRequest, Duplicates
from exosms.bulk.row_message import RowMapper
from exosms.bulk.row_text import TextOptions
from exosms.bulk.table import Row, RowError, Table, open_table
from exosms.config.settings import AccountOptions, Settings
from exosms.errors import GuardError, InputError
from exosms.ledger.staging import RejectedRow, RowMessage, Staging
from exosms.send.message_fields import miss_sender
from exosms.send.prepare import compare_with_templates, review_what_was_given
from exosms.sms import dlt, phone, segments
from exosms.sms.guards import Guards
from exosms.sms.message import Encoding, Message, MessageFields
from exosms.system.wording import counted

if TYPE_CHECKING:
    from exosms.templates.registry import Registered

_MANY_PARTS = 7
"""A text of more is worth a warning, since each is charged."""

_MOST_CHARACTERS = 1000


class BadRowsError(InputError):
    """Rows of the file cannot be sent as they are."""

    def __init__(
        self,
        message: str,
        *,
        remedy: str,
        again_with: Sequence[str] = (),
        row_errors: Sequence[RowError],
        flaws: Sequence[Flaw],
    ) -> None:
        super().__init__(message, remedy=remedy, again_with=again_with)
        self.row_errors = sorted(row_errors, key=attrgetter("number"))
        """The first ones, one by one."""
        self.flaws = flaws
        """All of them, the same problem once."""


class BulkSetup(NamedTuple):
    """What a file is checked with: what was asked for, and what settings and template add to it."""

    request: BulkRequest
    options: AccountOptions
    settings: Settings
    template: "Registered | None"
    message_fields: MessageFields
    guards: Guards

    @property
    def account(self) -> str:
        """Whose messages they are; nobody's in a dry run without an account."""
        account = self.settings.account
        return account.identity if account else ""

    def mapper(self, table: Table) -> RowMapper:
        """Return how the table's rows become messages; raises InputError for a column that is missing."""
        request = self.request
        return RowMapper.of(
            table.headers,
            first_rows=table.first_rows,
            asked=request.message_options.given,
            ignored=request.ignored,
            message_fields=self.message_fields,
            country=self.settings.country,
            texts=TextOptions(
                self.template,
                request.variables,
                request.body,
                fit=request.fit,
                allow_empty=request.allow_empty,
                allow_damaged=request.allow_damaged,
            ),
            to_column=request.to_column,
            sender_needed=self.settings.account is not None,
        )


@dataclass(kw_only=True)
class Inspection:
    """Goes through a file once and remembers what is wrong with it, and what a guard says."""

    mapper: RowMapper
    guards: Guards
    now: float
    """Seconds since the epoch: some guards look at the clock."""
    flaws: Flaws = field(default_factory=Flaws)
    broken: bool = False
    """Whether the rest of the file could not be read."""
    long: int = 0
    """Texts of more than ``_MANY_PARTS`` parts."""
    refused: GuardError | None = None
    forcing: Counter[str] = field(default_factory=Counter)
    """The characters that make texts Unicode, with the number of texts."""
    dates: Mapping[str, int] = field(default_factory=dict)
    """What is said of the columns of dates and times that texts use, with the number of rows."""
    ids: Counter[tuple[bool, bool]] = field(default_factory=Counter)
    """Whether a message has the entity's and the template's id, with the number of messages."""

    def drafts(self, rows: Iterable[Row | RowError]) -> Iterator[RowMessage | RejectedRow]:
        """Yield what each row makes."""
        for row in rows:
            if isinstance(row, RowError):
                self.broken = self.broken or row.is_last
                yield self._rejected((row,), recipient="")  # nobody can tell where it stands
                continue
            made = self.mapper.draft(row)
            if isinstance(made, Message):
                self._look_at(made)
                yield RowMessage(row.number, row.line, made)
            else:
                yield self._rejected(made, recipient=self.mapper.recipient_in(row))

    def most_forcing(self, count: int) -> tuple[tuple[str, int], ...]:
        """Return the characters that make most texts Unicode, each with their number."""
        return tuple(sorted(self.forcing.items(), key=lambda found: (-found[1], found[0]))[:count])

    def forget_left_out(self, messages: Iterable[Message]) -> None:
        """Count what makes texts Unicode in these alone, which are left of those that were looked at."""
        self.forcing.clear()
        for message in messages:
            self._count_forcing(message)

    def missing_ids(self) -> Iterator[tuple[str, int]]:
        """Yield a warning about DLT ids, and of how many messages it is true."""
        for (entity, template), count in sorted(self.ids.items()):
            for warning in dlt.missing_ids(entity, template):
                yield warning, count

    def _look_at(self, message: Message) -> None:
        fields = message.fields
        if not (fields.dlt_entity_id and fields.dlt_template_id):
            self.ids[fields.dlt_entity_id is not None, fields.dlt_template_id is not None] += 1
        self._count_forcing(message)
        self.long += message.segments > _MANY_PARTS
        if self.refused is None:
            try:
                self.guards.check_message(message)
                self.guards.check_hour(message, now=self.now)
            except GuardError as error:
                self.refused = error

    def _count_forcing(self, message: Message) -> None:
        if message.encoding is Encoding.UNICODE:
            for character in segments.forcing_characters(message.body):
                if character in self.forcing or len(self.forcing) < _MOST_CHARACTERS:
                    self.forcing[character] += 1

    def _rejected(self, row_errors: tuple[RowError, ...], *, recipient: str) -> RejectedRow:
        self.flaws.add(row_errors)
        first = row_errors[0]
        column = f"{first.column}: " if first.column else ""
        return RejectedRow(first.number, first.line, recipient, column + first.message)


def inspect(setup: BulkSetup, staging: Staging, *, warn: Callable[[str], None], now: float) -> Inspection:
    """Lay the whole file out; raises BadRowsError for rows that cannot be sent and were not given up."""
    request = setup.request
    with open_table(
        request.path,
        delimiter=request.delimiter,
        encoding=request.csv_encoding,
        sheet=request.sheet,
        country=setup.settings.country,
    ) as table:
        mapper = setup.mapper(table)
        if not (setup.message_fields.sender or mapper.reads("from")):
            miss_sender(setup.settings, warn=warn)
        inspection = Inspection(mapper=mapper, guards=setup.guards, now=now)
        if request.sheet is None and table.other_sheets:
            warn(table.other_sheets)
        laid_out = staging.lay_out(inspection.drafts(table.rows()))
        staging.content = table.digest
        inspection.dates = {
            table.dates_in(column): count for column, count in table.dates.items() if mapper.writes(column)
        }
        if table.hidden_rows:
            warn(table.hidden_rows)
        if table.ends_openly and not (request.path and request.path.is_file()):
            warn(f"{table.name} ends without a line end, so whoever wrote it may have stopped within the last row")
    if not laid_out:
        raise InputError(f"{setup.request.file_name} has a header but no rows", remedy="Add a row for each message.")
    if inspection.flaws.rows and (inspection.broken or not request.skip_invalid):
        raise _bad_rows(inspection, staging, rows=laid_out, policy=request.duplicates)
    return inspection


def repeated_rows(staging: Staging, policy: Duplicates) -> Sequence[RowError]:
    """Return a flaw for each row that repeats an earlier one, where that is not to be."""
    if policy is not Duplicates.REFUSE:
        return ()
    return [
        RowError(
            number=number,
            line=line,
            column=None,
            value=recipient,
            message=f"the message to {recipient} is the same as in line {first}",
            remedy="Remove it, or choose --duplicates first (or all).",
        )
        for number, line, first, recipient in staging.first_duplicates(MOST_FLAWS)
    ]


def repeated_flaw(repeated: Sequence[RowError], staging: Staging) -> Sequence[Flaw]:
    """Return the rows that repeat earlier ones as the one problem that they are."""
    return [flaw_of(repeated, rows=staging.duplicates())] if repeated else []


def warnings(setup: BulkSetup, inspection: Inspection, staging: Staging) -> Iterator[str]:
    """Yield what may be a mistake in a file that can be sent."""
    of_text: list[str] = []
    review_what_was_given(inspection.mapper.fixed_text, warn=of_text.append)
    yield from of_text
    if setup.template is not None:
        yield from setup.template.template.warnings
    for warning, count in inspection.mapper.warnings.items():
        yield f"{warning} ({counted(count, 'row')})"
    yield from inspection.mapper.doubts
    for warning, count in inspection.dates.items():
        yield f"{warning} ({counted(count, 'row')})"
    if inspection.long:
        yield f"{counted(inspection.long, 'text')} of more than {_MANY_PARTS} parts, and each part is charged"
    if inspection.ids and setup.settings.country == "IN" and not setup.settings.is_sandbox:
        messages = staging.totals().messages
        for warning, count in inspection.missing_ids():
            yield warning + ("" if count == messages else f" ({counted(count, 'row')})")
    yield from _beside_templates(setup, staging)


def _beside_templates(setup: BulkSetup, staging: Staging) -> Sequence[str]:
    """Return where the first text is not as the templates that are kept here have it, unless -t made it."""
    told: list[str] = []
    found = staging.samples()
    if found and phone.is_indian(found.first.message.to) and not setup.settings.is_sandbox:
        compare_with_templates("the first text", found.first.message, setup.settings.templates, warn=told.append)
    return told


def samples(setup: BulkSetup, staging: Staging, to: str, *, now: float, parts_today: int) -> Sequence[Message]:
    """Return the first and the longest message, for one recipient instead.

    Raises InputError where there is none, and GuardError.
    """
    found = staging.samples()
    if found is None:
        raise no_row_can_be_sent(setup.request, ", so there is no sample")
    messages = [row.message._replace(to=to) for row in dict.fromkeys((found.first, found.longest))]
    setup.guards.check_all(messages, now=now, parts_today=parts_today)
    return messages


def no_row_can_be_sent(request: BulkRequest, so: str = "") -> InputError:
    """Return the error of a file of which nothing is left to send."""
    return InputError(f"No row of {request.file_name} can be sent{so}", remedy="Correct the rows, then run it again.")


def _bad_rows(inspection: Inspection, staging: Staging, *, rows: int, policy: Duplicates) -> BadRowsError:
    """Return everything that is wrong with the file, rows that repeat earlier ones included."""
    flaws = inspection.flaws
    message = f"{counted(flaws.rows, 'bad row')} in a file of {counted(rows, 'row')}"
    ignoring = " ".join(inspection.mapper.misread)
    otherwise = f"If it is about something else, pass over it with {ignoring}. Otherwise fix" if ignoring else "Fix"
    fix = "the quotes first." if inspection.broken else "or leave these rows out with --skip-invalid."
    remedy = f"Nothing was sent. {otherwise} what is wrong, {fix}"
    again_with = ["--skip-invalid"]
    repeated = repeated_rows(staging, policy)
    if repeated:
        message += f", and {counted(staging.duplicates(), 'row')} with the same message as an earlier one"
        remedy += " For repeated rows, choose --duplicates first (or all)."
        again_with += ["--duplicates", "first"]
    return BadRowsError(
        message,
        remedy=remedy,
        again_with=[] if inspection.broken or ignoring else again_with,
        row_errors=[*flaws.first, *repeated],
        flaws=[*flaws.told(), *repeated_flaw(repeated, staging)],
    )
