"""What the rest of the program asks of a ledger for single messages, whichever engine keeps it.

``ledger/messages.py`` has that of one state directory, ``ledger/postgres/messages.py`` that of many machines. Each
method raises LedgerError where the ledger cannot do it, LedgerAwayError where it may later.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeVar

from exosms.sms.message import Delivery, Message, Outcome, Receipt
from exosms.sms.rate import Rate

if TYPE_CHECKING:
    from exosms.ledger.callback_tokens import CallbackRequest
    from exosms.ledger.entry import LedgerEntry, OnceKey, Place
    from exosms.ledger.fingerprints import Fingerprints
    from exosms.ledger.unsettled import Unsettled

T = TypeVar("T")


class MessageLedger(Protocol):
    """Claims, once keys, an account's turns and the parts of its day."""

    warn: Callable[[str], None]
    """Is told of times that were corrected."""

    @property
    def poll(self) -> float:
        """Seconds between looks at a once key that somebody else is using."""

    @property
    def common(self) -> "MessageLedger":
        """The ledger by which all who send for an account keep its pace and limits."""

    @property
    def is_in_memory(self) -> bool:
        """Whether this process alone knows it."""

    def close(self) -> None:
        """Let go of it."""

    def go_on_in_memory(self) -> None:
        """Let go of what cannot be written: from now on this process alone knows what it sends."""

    def in_one_step(self, work: Callable[[], T]) -> T:
        """Do what reads and writes here as one step, which nobody else comes between; it may be done again."""

    def claim(
        self,
        message: Message,
        *,
        account: str,
        profile: str | None,
        once: "OnceKey | None" = None,
        within_limit: Callable[[int], None] | None = None,
        callback: "CallbackRequest | None" = None,
    ) -> "LedgerEntry | int":
        """Enter the message as in flight and return its number; or the entry that already uses the once key.

        ``within_limit`` is told how many parts the account will have used today, and may refuse by raising; no two
        processes get the last one. By the token of ``callback`` the message is known from now on.
        """

    def wait_for_retry(self, entry_id: int) -> None:
        """Record that an attempt certainly did not reach Exotel and will be made again."""

    def claim_again(self, entry_id: int) -> None:
        """Record another attempt, before its first byte; raises LedgerError if others may have made one by now."""

    def settle(self, entry_id: int, receipt: Receipt) -> None:
        """Record what became of the message, however late."""

    def used(self, once: "OnceKey", *, recipient: str, account: str, rewrite: bool = True) -> "LedgerEntry | None":
        """Return the entry that uses a once key, if one does; a message known not to be sent uses none."""

    def with_key(self, once_key: str) -> "Sequence[LedgerEntry]":
        """Return the messages that were ever sent with this once key, or are on their way with it."""

    def resolve_key(self, once_key: str, *, outcome: Outcome, account: str | None = None) -> int:
        """Record a person's decision about the unknown messages of a once key; return how many there were.

        ``account``: whose; None is that of whichever account.
        """

    def parts_today(self, account: str) -> int:
        """Return the parts that the account used since midnight in India, those that may have been sent included."""

    def take_parts(self, account: str, parts: int, within_limit: Callable[[int], None] | None = None) -> None:
        """Count parts of a bulk run as used today, or not used after all; ``within_limit`` as in ``claim``."""

    def limiting(self, account: str) -> AbstractContextManager[None]:
        """Where a limit refuses within, see to it that what a wrong clock wrote is a reason for it today alone."""

    def reserve(self, account: str, rate: Rate, *, at_most: float | None = None) -> float:
        """Take the next slot of the account's pace and return the seconds to wait for it.

        One that is more than ``at_most`` seconds away is left to others.
        """

    def block(self, account: str, *, seconds: float) -> None:
        """Pause everybody who sends for the account: Exotel said that it has had enough for now."""

    def blocked_for(self, account: str) -> float:
        """Return the seconds that are left of a pause; 0 if there is none."""

    def keep_delivery(self, account: str, sid: str, delivery: Delivery) -> None:
        """Record what Exotel says of a message; a final state stays."""

    def delivery(self, account: str, sid: str) -> Delivery | None:
        """Return what Exotel last said of a message."""

    def sent_as(self, account: str, sid: str) -> "LedgerEntry | None":
        """Return the message that Exotel gave this Sid when it was sent."""

    def with_sid_of_another(self, account: str, sids: "Mapping[Place, str]") -> "set[Place]":
        """Return those of the places whose Sid another message of the account has, or one before them."""


class AccountMessages(Protocol):
    """The messages of one account that may be without a Sid."""

    @property
    def fingerprints(self) -> "Fingerprints":
        """What tells whether two texts of the account are the same."""

    def at(self, place: "Place") -> "Unsettled | None":
        """Return the message that the ledger keeps there, whatever became of it."""

    def now(self, one: "Unsettled") -> tuple[Outcome, str | None]:
        """Return what a message's outcome is by now, and its Sid; what is tried again counts as unknown."""

    def named(self, one: "Unsettled", recipient: str) -> "Unsettled":
        """Return a message with its recipient in full, if it is that one, where only its last digits are kept."""

    def accept(self, one: "Unsettled", sid: str, status: str | None) -> None:
        """Record the Sid under which Exotel has an unknown message, and Exotel's word for it."""

    def erase_texts(self) -> None:
        """Overwrite the texts of what was accepted, where a log still has them."""


class UnknownElsewhere(AccountMessages, Protocol):
    """The messages of one account, from whichever machine, that may have been sent; see ``UnknownMessages``."""

    def all(self) -> "Sequence[Unsettled]":
        """Return the unknown ones; of their recipients the last digits may be all that is known."""

    def owners(self, recipient: str) -> "Sequence[Unsettled]":
        """Return the messages to a recipient under which Exotel may have a Sid that is not known there."""

    def called_back(self) -> "Sequence[tuple[tuple[int | None, int], str]]":
        """Return the Sids that callbacks named of which Exotel is yet to be asked, each after its message's key."""

    def settle(
        self, one: "Unsettled", outcome: Outcome, sid: str | None, status: str | None, error: str | None
    ) -> None:
        """Record what became of an unknown message, unless somebody did, or gave its Sid to another one."""


class CommonLedger(Protocol):
    """What a machine's own ledger asks of the one that many machines share."""

    @property
    def messages(self) -> MessageLedger:
        """Its single messages, and what counts for pace and limits of everybody who sends for an account."""

    def unknown(self, account: str) -> UnknownElsewhere:
        """Return its messages of an account that may have been sent."""

    def known_sids(self, account: str, sids: Iterable[str]) -> Mapping[str, float]:
        """Return those of the Sids that its messages have, and when these were attempted."""

    def unknown_elsewhere(self, account: str, once_key: str | None, *, since: float) -> Mapping[str, str | None]:
        """Return the other accounts that have unknown messages, or those with a once key, each with a profile."""

    def is_any_unknown(self) -> bool:
        """Whether any of its messages may have been sent, or is being sent."""
