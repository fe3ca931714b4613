"""A message, and what became of it."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from operator import attrgetter
from typing import Annotated, Any, NamedTuple

from exosms.errors import ExitCode, ExosmsError, InputError, Interrupted, KeptBackError
from exosms.sms import dlt
from exosms.sms.field import Field, Scope, check_url, words_of


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


class MessageFields(NamedTuple):
    """What a message says beside recipient and text; the messages of one command have it in common.

    A field is added by one line here: forms, batches, ledger and the columns of files follow. What equals its default
    is not said.
    """

    sender: Annotated[str, Field("", Scope.MESSAGE, dlt.check_sender, column="from")]
    """Header (sender ID) or ExoPhone."""
    dlt_entity_id: Annotated[
        str | None, Field("DltEntityId", Scope.REQUEST, partial(dlt.check_ids, template_id=None, is_of_cell=True))
    ] = None
    dlt_template_id: Annotated[
        str | None, Field("DltTemplateId", Scope.MESSAGE, partial(dlt.check_ids, None, is_of_cell=True))
    ] = None
    type: Annotated[MessageType | None, Field("SmsType", Scope.MESSAGE, words=words_of(MessageType))] = None
    priority: Annotated[Priority, Field("Priority", Scope.ALONE, words=words_of(Priority))] = Priority.NORMAL
    encoding: Annotated[Encoding | None, Field("", Scope.REQUEST, words={"auto": None, **words_of(Encoding)})] = None
    """What is asked for; None: chosen by the text."""
    status_callback: Annotated[str | None, Field("StatusCallback", Scope.REQUEST, check_url)] = None
    custom_field: Annotated[str | None, Field("CustomField", Scope.ALONE)] = None
    template: str | None = None
    """The registered template's name in our registry; it never goes over the wire."""

    @property
    def is_promotional(self) -> bool:
        """Whether such messages count as promotional: they say so, or say nothing and have a numeric header."""
        if self.type is not None:
            return self.type is MessageType.PROMOTIONAL
        return dlt.is_numeric_header(self.sender)

    def with_stored(self, values: Mapping[str, Any]) -> "MessageFields":
        """Return these fields with those that were stored as JSON."""
        return self._replace(
            **{name: FIELDS[name].restored(value) if name in FIELDS else value for name, value in values.items()}
        )


FIELDS: Mapping[str, Field] = {
    name: field._replace(column=field.column or name)
    for name, hint in MessageFields.__annotations__.items()
    for field in getattr(hint, "__metadata__", ())
}
"""The fields that people know, by our names."""

OPTIONAL: Mapping[str, Field] = {name: field for name, field in FIELDS.items() if field.wire}
"""Those that a message may be without."""


class Message(NamedTuple):
    """One text to one recipient, checked and ready to be sent."""

    to: str
    """E.164, such as ``+919876543210``."""
    body: str
    encoding: Encoding
    segments: int
    fields: MessageFields


def calling_back(messages: Sequence[Message], url: str | None) -> Sequence[Message]:
    """Return the messages as they go out if their delivery is to be posted there; as they are for None."""
    if url is None:
        return messages
    fields = {message.fields: message.fields._replace(status_callback=url) for message in messages}
    return [message._replace(fields=fields[message.fields]) for message in messages]


def _of_scope(scope: Scope) -> "attrgetter[Any]":
    return attrgetter(*(name for name, field in OPTIONAL.items() if field.scope is scope))


_once_a_request = _of_scope(Scope.REQUEST)
_alone = _of_scope(Scope.ALONE)
_NOT_ALONE = _alone(MessageFields(sender=""))


def envelope(message: Message) -> object | None:
    """Return what a request says once for all its messages, to be compared; None for one that must go alone."""
    if _alone(message.fields) != _NOT_ALONE:
        return None
    return message.encoding, _once_a_request(message.fields)


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
    is_kept_back: bool = False
    """Whether nothing is known to be wrong with the message: the command stopped before it."""

    @property
    def status_text(self) -> str:
        """The status as a person reads it, ``HTTP 403``; empty where no answer came."""
        return f"HTTP {self.http_status}" if self.http_status else ""

    @property
    def said(self) -> str:
        """Exotel's own text or, where it said nothing, what that means."""
        return self.message or self.meaning


def problem_of(error: ExosmsError | Interrupted) -> Problem:
    """Return what one of our own errors, which comes before any request, means for a message."""
    retry = Retry.SAFE
    if isinstance(error, InputError):
        retry = Retry.NO
    elif error.exit_code == ExitCode.GUARD:
        retry = Retry.DECIDE
    return Problem(
        kind=error.kind,
        message=error.message,
        meaning="Nothing was sent.",
        remedy=error.remedy,
        retry=retry,
        is_kept_back=isinstance(error, KeptBackError),
    )


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

    @property
    def cause(self) -> tuple[int | None, str | None]:
        """Exotel's code and text, or ours, of what kept the message back; nothing where nothing did."""
        return (self.problem.code, self.problem.said) if self.problem else (None, None)


_MOST_TELLING = (
    ExitCode.BUG,
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
        return urgency(receipt.exit_code), receipt.outcome is not Outcome.REJECTED

    return min(receipts, key=rank, default=None)


def most_telling(exit_codes: Iterable[int]) -> ExitCode:
    """Return the exit code, of several, that a command reports where nothing was accepted; OK if there are none."""
    return ExitCode(min(exit_codes, key=urgency, default=ExitCode.OK))


def urgency(exit_code: int) -> int:
    """Return the place of an exit code among those that a command may report, from what says most."""
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
