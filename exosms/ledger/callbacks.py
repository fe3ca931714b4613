"""What holds of callbacks, whichever engine keeps them: what one says of a message, and whose Sid it may name.

What a callback says is durable before it is answered. It is unsigned, and a Sid is believed only once Exotel, asked
about it, has confirmed that it is the message's.
"""

import json
from collections.abc import Collection, Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from exosms.ledger.callback_tokens import hash_of
from exosms.ledger.entry import Place
from exosms.ledger.interface import AccountMessages, MessageLedger
from exosms.sms.message import Delivery, Outcome

_MOST_SIDS = 3
"""Different Sids of one message that are kept: it has one, and each is asked about."""

LEASE = 15.0
"""Seconds for which a callback is left to the process that looks into it, which may have died meanwhile."""

LATEST = 3600.0
"""Seconds; nobody puts a callback off for so long, so a clock was wrong that put it off for longer."""


class Taken(Enum):
    """What became of a callback."""

    NOBODYS = "not of a message of ours"
    KEPT = "what it says of a message with that Sid is kept"
    TO_BE_CONFIRMED = "it names a Sid of which Exotel is asked first"


class Whose(NamedTuple):
    """Which message a callback is about."""

    request: int
    recipient: str
    account: str
    place: Place


class Waiting(NamedTuple):
    """A callback of a message whose Sid is not known, or was not when it came."""

    request: int
    recipient: str
    sid: str
    account: str
    profile: str | None
    base_url: str | None
    """Where it was sent to, if a question may go there though the profile has another address."""
    place: Place
    questions: int
    """How often Exotel was asked about it."""

    @property
    def key(self) -> tuple[int, str, str]:
        """What tells it from all others."""
        return self.request, self.recipient, self.sid


class CallbackStore(Protocol):
    """What an engine keeps of callbacks; several calls are one step within ``ledger.in_one_step``."""

    @property
    def ledger(self) -> MessageLedger:
        """The ledger with the messages."""

    def messages(self, account: str) -> AccountMessages:
        """Return an account's messages."""

    def are_known(self, account: str, sids: Collection[str]) -> bool:
        """Whether a message of the account has one of these Sids, or had it."""

    def whose(self, token_hash: bytes, recipient: str) -> Whose | None:
        """Return the message to a recipient of the request with that token."""

    def others(self, whose: Whose, sid: str) -> int:
        """Count the other Sids that callbacks about the message named."""

    def keep(self, whose: Whose, sid: str, delivery: Delivery) -> None:
        """Keep what a callback said until its Sid is asked about; what is final stays."""

    def due(self, most: int) -> Sequence[Waiting]:
        """Return some that are to be looked into now, and leave them to nobody else for a while."""

    def look_again(self, one: Waiting, *, seconds: float, asked: bool) -> None:
        """Look into it again after so many seconds."""

    def forget(self, one: Waiting) -> Delivery | None:
        """Let go of it: its message is settled. Return what was said of it by now; None if others let go of it."""


class Callbacks:
    """The callbacks in a ledger."""

    def __init__(self, store: CallbackStore) -> None:
        self._store = store

    def is_known(self, token: str, recipient: str) -> bool:
        """Whether a request with that token had a message to the recipient; writes nothing."""
        return self._store.whose(hash_of(token), recipient) is not None

    def take(self, token: str, sid: str, delivery: Delivery) -> Taken:
        """Keep what a callback says, once the step around it ends; return whether it can be of a message."""
        store = self._store
        whose = store.whose(hash_of(token), delivery.to or "")
        if whose is None:
            return Taken.NOBODYS
        known = self._sid_of(whose)
        if known == "" and store.are_known(whose.account, [sid]):  # whoever was giving it to a message was waited for
            known = self._sid_of(whose) or None
        if known == sid:
            store.ledger.keep_delivery(whose.account, sid, delivery)
            return Taken.KEPT
        if known != "":  # None: the message was purged, or the Sid is another's
            return Taken.NOBODYS
        if store.others(whose, sid) >= _MOST_SIDS:
            return Taken.NOBODYS
        store.keep(whose, sid, delivery)
        return Taken.TO_BE_CONFIRMED

    def _sid_of(self, whose: Whose) -> str | None:
        """Return a message's Sid, empty if it has none; None for no message."""
        messages = self._store.messages(whose.account)
        one = messages.at(whose.place)
        return None if one is None else messages.now(one)[1] or ""


def dumped(delivery: Delivery) -> str:
    """Return what a callback said as it is kept until its Sid is asked about."""
    return json.dumps(delivery._asdict())


def loaded(said: str) -> Delivery:
    """Return what was kept."""
    values = json.loads(said)
    return Delivery(**{**values, "outcome": Outcome(values["outcome"])})
