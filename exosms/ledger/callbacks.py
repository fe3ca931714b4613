"""Callbacks as the ledger keeps them: of a message with that Sid its delivery; of one without, until it has one.

What a callback says is durable before it is answered. It is unsigned, and a Sid is believed only once Exotel, asked
about it, has confirmed that it is the message's.
"""

import json
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from exosms.ledger.callback_tokens import hash_of
from exosms.ledger.candidates import known_sids
from exosms.ledger.database import translated
from exosms.ledger.dead_processes import reclaimed
from exosms.ledger.messages import Ledger, Place
from exosms.ledger.unknown import UnknownMessages
from exosms.sms.message import Delivery, Outcome

_MOST_SIDS = 3
"""Different Sids of one message that are kept: it has one, and each is asked about."""

_LEASE = 15.0
"""Seconds for which a callback is left to the process that looks into it, which may have died meanwhile."""

_LATEST = 3600.0
"""Seconds; nobody puts a callback off for so long, so a clock was wrong that put it off for longer."""


class Taken(Enum):
    """What became of a callback."""

    NOBODYS = "not of a message of ours"
    KEPT = "what it says of a message with that Sid is kept"
    TO_BE_CONFIRMED = "it names a Sid of which Exotel is asked first"


class Waiting(NamedTuple):
    """A callback of a message whose Sid is not known, or was not when it came."""

    request: int
    recipient: str
    sid: str
    delivery: Delivery
    account: str
    profile: str | None
    base_url: str
    place: Place
    questions: int
    """How often Exotel was asked about it."""

    @property
    def key(self) -> tuple[int, str, str]:
        """What tells it from all others."""
        return self.request, self.recipient, self.sid


class Callbacks:
    """The callbacks in a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._database = ledger.database
        self._connection = ledger.database.connection

    def is_known(self, token: str, recipient: str) -> bool:
        """Whether a request with that token had a message to the recipient; writes nothing."""
        with translated():
            return self._whose(token, recipient) is not None

    def take(self, token: str, sid: str, delivery: Delivery) -> Taken:
        """Keep what a callback says, once a transaction around it ends; return whether it can be of a message."""
        recipient = delivery.to or ""
        whose = self._whose(token, recipient)
        if whose is None:
            return Taken.NOBODYS
        request, account, run, number = whose
        known = self._sid_at(account, Place(run, number))
        if known == sid:
            self._ledger.keep_delivery(account, sid, delivery)
            return Taken.KEPT
        if known is None or known or known_sids(self._ledger, account, [sid]):  # None: the message was purged
            return Taken.NOBODYS
        return Taken.TO_BE_CONFIRMED if self._keep(request, recipient, sid, delivery) else Taken.NOBODYS

    def due(self, most: int) -> Sequence[Waiting]:
        """Return some that are to be looked into now, and leave them to nobody else for a while."""
        now = self._database.clock()
        times = now, now + _LATEST
        with translated():
            (any_due,) = self._connection.execute(
                "SELECT EXISTS (SELECT 1 FROM callbacks WHERE next_at <= ? OR next_at > ?)", times
            ).fetchone()
        if not any_due:
            return ()
        with reclaimed(self._database) as connection:
            rows = connection.execute(
                "SELECT c.request, c.recipient, c.sid, c.delivery, r.account, r.profile, r.base_url, m.run, m.number,"
                " c.questions FROM callbacks c JOIN callback_requests r ON r.id = c.request JOIN callback_messages m"
                " ON m.request = c.request AND m.recipient = c.recipient"
                " WHERE c.next_at <= ? OR c.next_at > ? ORDER BY c.next_at LIMIT ?",
                (*times, most),
            ).fetchall()
            found = [
                Waiting(request, recipient, sid, _loaded(said), account, profile, url, Place(run, number), questions)
                for request, recipient, sid, said, account, profile, url, run, number, questions in rows
            ]
            self._put_off([one.key for one in found], now + _LEASE)
        return found

    def look_again(self, one: Waiting, *, seconds: float, asked: bool) -> None:
        """Look into it again after so many seconds."""
        with self._database.transaction() as connection:
            self._put_off([one.key], self._database.clock() + seconds)
            connection.execute(
                "UPDATE callbacks SET questions = questions + ? WHERE request = ? AND recipient = ? AND sid = ?",
                (asked, *one.key),
            )

    def forget(self, one: Waiting) -> None:
        """Let go of it: its message is settled."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM callbacks WHERE request = ? AND recipient = ? AND sid = ?", one.key)

    def _whose(self, token: str, recipient: str) -> tuple[int, str, int, int] | None:
        row: tuple[int, str, int, int] | None = self._connection.execute(
            "SELECT r.id, r.account, m.run, m.number FROM callback_requests r JOIN callback_messages m"
            " ON m.request = r.id WHERE r.token_hash = ? AND m.recipient = ?",
            (hash_of(token), recipient),
        ).fetchone()
        return row

    def _sid_at(self, account: str, place: Place) -> str | None:
        """Return a message's Sid, empty if it has none; None for no message."""
        messages = UnknownMessages(self._ledger, account)
        one = messages.at(place)
        return None if one is None else messages.now(one)[1] or ""

    def _keep(self, request: int, recipient: str, sid: str, delivery: Delivery) -> bool:
        now = self._database.clock()
        (others,) = self._connection.execute(
            "SELECT count(*) FROM callbacks WHERE request = ? AND recipient = ? AND sid <> ?",
            (request, recipient, sid),
        ).fetchone()
        if others >= _MOST_SIDS:
            return False
        self._connection.execute(
            "INSERT INTO callbacks (request, recipient, sid, delivery, received_at, next_at)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET delivery = excluded.delivery"
            " WHERE json_extract(delivery, '$.outcome') = 'pending'",
            (request, recipient, sid, json.dumps(delivery._asdict()), now, now),
        )
        return True

    def _put_off(self, keys: Sequence[tuple[int, str, str]], until: float) -> None:
        self._connection.executemany(
            "UPDATE callbacks SET next_at = ? WHERE request = ? AND recipient = ? AND sid = ?",
            [(until, *key) for key in keys],
        )


def _loaded(said: str) -> Delivery:
    values = json.loads(said)
    return Delivery(**{**values, "outcome": Outcome(values["outcome"])})
