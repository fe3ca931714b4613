"""A message, and what became of it."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from exosms.errors import ExitCode


class Outcome(StrEnum):
    """What became of one message; the same word in tables, JSON, the ledger and result files."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    PLANNED = "planned"
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Encoding(StrEnum):
    """Exotel's ``EncodingType``: ``plain`` is GSM 03.38, ``unicode`` is UCS-2."""

    PLAIN = "plain"
    UNICODE = "unicode"


class MessageType(StrEnum):
    """Exotel's ``SmsType``; DLT's service implicit is ``transactional``, explicit is ``_opt_in``."""

    TRANSACTIONAL = "transactional"
    TRANSACTIONAL_OPT_IN = "transactional_opt_in"
    PROMOTIONAL = "promotional"


class Priority(StrEnum):
    """Exotel's ``Priority``; ``high`` is meant for one-time passwords only."""

    NORMAL = "normal"
    HIGH = "high"


class Retry(StrEnum):
    """Whether sending again is pointless, safe, or for a person to decide."""

    NO = "no"
    SAFE = "safe"
    DECIDE = "decide"


class Message(NamedTuple):
    """One text to one recipient, checked and ready to be sent."""

    to: str
    """E.164, such as ``+919876543210``."""
    sender: str
    """Header (sender ID) or ExoPhone."""
    body: str
    encoding: Encoding
    segments: int
    dlt_entity_id: str | None = None
    dlt_template_id: str | None = None
    type: MessageType | None = None
    priority: Priority = Priority.NORMAL
    status_callback: str | None = None
    custom_field: str | None = None
    template: str | None = None
    """The registered template's name in our registry; it never goes over the wire."""


class Problem(NamedTuple):
    """Why a message was not accepted, and what to do about it."""

    kind: str
    message: str
    """Exotel's own text, or our sentence where Exotel said nothing. Hostile: escape it before showing it."""
    meaning: str
    remedy: str
    retry: Retry
    http_status: int | None = None
    code: int | None = None


class Then(StrEnum):
    """What an attempt means for the next one."""

    GO_ON = "go_on"
    RETRY = "retry"
    """Not sent; the same message may be tried again after a back-off."""
    PAUSE = "pause"
    """Not sent because of the account's rate: every process pauses, then the same message is tried again."""
    STOP = "stop"
    """Whatever follows would fail for the same reason."""


class Delivery(NamedTuple):
    """What Exotel says of a message that it accepted; ``status`` and ``detailed_status`` are its own words."""

    outcome: Outcome
    """Pending, delivered or failed."""
    status: str | None = None
    detailed_status_code: int | None = None
    detailed_status: str | None = None
    to: str | None = None
    """E.164."""
    segments: int | None = None
    """Exotel's ``SmsUnits``: the parts that it counted."""
    price: float | None = None
    """In the account's currency, which Exotel does not name."""
    sent_at: str | None = None
    """ISO 8601 with its zone, as ``updated_at`` is."""
    updated_at: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether nothing more will come: Exotel's ``sent`` and its failures are final."""
        return self.outcome is not Outcome.PENDING

    @property
    def said(self) -> str:
        """Exotel's word, code and name, such as ``failed 23185 DLT_TEMPLATE_DOES_NOT_MATCH``."""
        code = None if self.detailed_status_code is None else str(self.detailed_status_code)
        return " ".join(filter(None, (self.status, code, self.detailed_status)))


class Receipt(NamedTuple):
    """What is known of one message; ``status`` and ``detailed_status`` are Exotel's own words."""

    outcome: Outcome
    exit_code: ExitCode
    then: Then = Then.GO_ON
    retry_after: float | None = None
    """Seconds that Exotel asked us to wait, already clamped."""
    sid: str | None = None
    status: str | None = None
    http_status: int | None = None
    detailed_status_code: int | None = None
    detailed_status: str | None = None
    problem: Problem | None = None
    note: str = ""
    """What else a person should know, such as when a once key was used."""
    delivery: Delivery | None = None
    """The later truth, where it was waited for."""


_MOST_TELLING = (
    ExitCode.CONFIG,
    ExitCode.REFUSED,
    ExitCode.RATE_LIMITED,
    ExitCode.UNAVAILABLE,
    ExitCode.INPUT,
    ExitCode.GUARD,
    ExitCode.FAILED,
    ExitCode.PENDING,
)
_ACCEPTED = {Outcome.ACCEPTED, Outcome.PENDING, Outcome.DELIVERED, Outcome.FAILED}


def decisive(receipts: Sequence[Receipt]) -> Receipt | None:
    """Return the receipt whose outcome a command with these receipts reports; None if there are none.

    Unknown outranks everything, since running again could send twice; then whatever was not accepted,
    the cause that a person has to mend before the one that time mends; then what became of the accepted ones.
    """

    def rank(receipt: Receipt) -> tuple[int, bool]:
        if receipt.outcome is Outcome.UNKNOWN:
            return -1, False
        return _urgency(receipt.exit_code), receipt.outcome is not Outcome.REJECTED

    return min(receipts, key=rank, default=None)


def most_telling(exit_codes: Iterable[int]) -> ExitCode:
    """Return the exit code, of several, that a command reports where nothing was accepted; OK if there are none."""
    return ExitCode(min(exit_codes, key=_urgency, default=ExitCode.OK))


def _urgency(exit_code: int) -> int:
    return _MOST_TELLING.index(ExitCode(exit_code)) if exit_code else len(_MOST_TELLING)


def exit_code_of(receipts: Sequence[Receipt]) -> ExitCode:
    """Return the exit code of a command that ended with these receipts.

    Any unknown is 9; accepted beside not accepted is 10; so 4, 6, 7 and 11 mean that nobody was accepted.
    Where all were accepted and delivery was waited for, any failed is 12, otherwise any pending is 8.
    """
    receipt = decisive(receipts)
    if receipt is None or receipt.exit_code in {ExitCode.OK, ExitCode.UNKNOWN, ExitCode.FAILED, ExitCode.PENDING}:
        return ExitCode.OK if receipt is None else receipt.exit_code
    if any(other.outcome in _ACCEPTED for other in receipts):
        return ExitCode.PARTIAL
    return receipt.exit_code
