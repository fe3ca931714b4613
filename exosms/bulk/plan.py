"""What a run would do, before it does it: rows, parts, requests, time and cost."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from exosms.bulk.row_message import RowMapper
from exosms.bulk.table import Row, RowError
from exosms.errors import GuardError
from exosms.ledger.staging import Envelopes, RejectedRow, RowMessage, Totals
from exosms.sms import dlt, segments
from exosms.sms.guards import Guards
from exosms.sms.message import Encoding, Message
from exosms.sms.rate import Rate

MOST_FLAWS = 1000
"""Flaws that are told one by one; the others are counted."""

MANY_PARTS = 7
"""A text of more is worth a warning, since each is charged."""

_MOST_CHARACTERS = 1000


@dataclass(kw_only=True)
class Inspection:
    """Goes through a file once and remembers what is wrong with it, and what a guard says."""

    mapper: RowMapper
    guards: Guards
    now: float
    """Seconds since the epoch: some guards look at the clock."""
    row_errors: list[RowError] = field(default_factory=list)
    flawed: int = 0
    """Rows with a flaw."""
    broken: bool = False
    """Whether the rest of the file could not be read."""
    long: int = 0
    """Texts of more than ``MANY_PARTS`` parts."""
    refused: GuardError | None = None
    forcing: Counter[str] = field(default_factory=Counter)
    """The characters that make texts Unicode, with the number of texts."""
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

    def missing_ids(self) -> Iterator[tuple[str, int]]:
        """Yield a warning about DLT ids, and of how many messages it is true."""
        for (entity, template), count in sorted(self.ids.items()):
            for warning in dlt.missing_ids(entity, template):
                yield warning, count

    def _look_at(self, message: Message) -> None:
        fields = message.fields
        if not (fields.dlt_entity_id and fields.dlt_template_id):
            self.ids[fields.dlt_entity_id is not None, fields.dlt_template_id is not None] += 1
        if message.encoding is Encoding.UNICODE:
            for character in segments.forcing_characters(message.body):
                if character in self.forcing or len(self.forcing) < _MOST_CHARACTERS:
                    self.forcing[character] += 1
        self.long += message.segments > MANY_PARTS
        if self.refused is None:
            try:
                self.guards.check_message(message)
                self.guards.check_hour(message, now=self.now)
            except GuardError as error:
                self.refused = error

    def _rejected(self, row_errors: tuple[RowError, ...], *, recipient: str) -> RejectedRow:
        self.flawed += 1
        self.row_errors += row_errors[: max(0, MOST_FLAWS - len(self.row_errors))]
        first = row_errors[0]
        column = f"{first.column}: " if first.column else ""
        return RejectedRow(first.number, first.line, recipient, column + first.message)


class Plan(NamedTuple):
    """What would be sent."""

    totals: Totals
    duplicates: int
    sent_before: int
    requests: int
    seconds: float | None
    """At the allowed rate; None without one."""
    cost: float | None
    """In the currency of the profile's ``price_per_part``."""
    forcing: tuple[tuple[str, int], ...]
    """The most frequent characters that make texts Unicode, with the number of texts."""


def requests_for(envelopes: Envelopes, *, size: int) -> int:
    """Return the requests of at most ``size`` texts that messages take at least.

    The first carries one message, the second two; only messages with the same envelope share one.
    """
    if size == 1:
        return envelopes.alone + sum(envelopes.shared)
    most, *others = sorted(envelopes.shared, reverse=True) or [0]
    proving = min(most, 2) + math.ceil(max(most - 3, 0) / size)
    return envelopes.alone + proving + sum(math.ceil(messages / size) for messages in others)


def seconds_for(requests: int, rate: Rate | None) -> float | None:
    """Return how long requests take at a rate; None where there is none."""
    return requests * rate.interval if rate and rate.per_minute else None
