"""What a ledger says of one message, whichever engine keeps it; its values, and how they are read from columns."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from exosms.config.account import is_of_sandbox
from exosms.sms.message import Delivery, Outcome


class State(StrEnum):
    """Where a message stands: an outcome, or on its way to one."""

    WAITING = "waiting"
    IN_FLIGHT = "in_flight"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    """Of rows alone: nothing was to be done."""


class LedgerEntry(NamedTuple):
    """One message in the ledger; times are seconds since the epoch."""

    id: int
    account: str
    profile: str | None
    once_key: str | None
    recipient: str
    sender: str
    template: str | None
    segments: int
    state: State
    owner: str | None
    attempts: int
    sid: str | None
    status: str | None
    http_status: int | None
    code: int | None
    error: str | None
    created_at: float
    updated_at: float
    run: str | None = None
    """The bulk run that it belongs to, and the number of its row; None for a single message."""
    row: int | None = None
    line: int | None = None
    """The line of the file on which the row begins."""
    delivery: Delivery | None = None
    """What Exotel last said of it, in answers that bring this along."""
    checked_at: float | None = None
    attempted_at: float | None = None
    """When the last request for it began."""

    @property
    def outcome(self) -> str:
        """Its state, or the later truth about an accepted one, where Exotel was asked."""
        return self.delivery.outcome if self.delivery else self.state

    @property
    def used_at(self) -> float:
        """When its once key was used: when Exotel's answer came, or where none did, when its last attempt began.

        What was found out later, that its process had died or that Exotel has it, does not change that.
        """
        is_answered = self.sid is not None and self.http_status is not None
        return self.updated_at if is_answered or self.attempted_at is None else self.attempted_at

    @property
    def is_sandbox(self) -> bool:
        """Whether the emulator took it, so that nothing was sent."""
        return is_of_sandbox(self.account)


class Place(NamedTuple):
    """Where the ledger keeps one message: a row of a run, or a single one of that id, whose run is 0."""

    run: int
    number: int


class OnceKey(NamedTuple):
    """At most one accepted message per key, recipient and account, within ``within`` seconds if given."""

    key: str
    within: float | None = None


ENTRY = tuple(name for name in LedgerEntry._fields if name not in {"run", "row", "line", "delivery", "checked_at"})
"""The columns of a message that are of its own table."""

DELIVERY = Delivery._fields
"""The columns of what became of one."""


def quoted(columns: Iterable[str], table: str = "") -> str:
    """Return columns as SQL takes them: one is called "to". ``table`` ends with a dot."""
    return ", ".join(f'{table}"{name}"' for name in columns)


def read_entry(row: Sequence[Any], columns: Sequence[str] = ENTRY) -> LedgerEntry:
    """Return what columns say of a message; with ``checked_at`` among them, those of what became of it follow."""
    values = dict(zip(columns, row, strict=False))
    delivery = None if values.get("checked_at") is None else read_delivery(row[len(columns) :])
    return LedgerEntry(**{**values, "state": State(values["state"])}, delivery=delivery)


def read_delivery(row: Sequence[Any]) -> Delivery:
    """Return what its columns say."""
    values = dict(zip(DELIVERY, row, strict=True))
    return Delivery(**{**values, "outcome": Outcome(values["outcome"])})
