"""Single messages, once keys and turns in a ledger that many machines share.

A claim has a lease on the database's clock, as long as an attempt may last; one that ended without a result makes
its message unknown to everybody else, and it is never sent again. A result that comes later is still recorded.
"""

import hashlib
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from exosms.config.ledger_address import LedgerAddress
from exosms.errors import GuardError
from exosms.ledger.callback_tokens import CallbackRequest, hash_of
from exosms.ledger.database import LedgerError
from exosms.ledger.entry import LedgerEntry, OnceKey, Place
from exosms.ledger.fingerprints import Fingerprints
from exosms.ledger.messages import Ledger
from exosms.ledger.postgres.connection import PATIENCE, SharedDatabase, Transaction
from exosms.ledger.postgres.schema import Installation, prepared
from exosms.ledger.postgres.statements import (
    ENTER,
    FIRST_OF_KEY,
    HOLD_KEY,
    HOLD_ON,
    KEY,
    NOW,
    TAKE_KEY,
    Portable,
    count_parts,
    delivery_of,
    entries_of,
    keep_delivery,
    lock_parts,
    now_of,
    owners_of_sids,
    parts_since_midnight,
    purge_deliveries,
    purge_messages,
    purge_the_rest,
    resolve_key,
    set_turns,
    settle_claim,
    settle_day,
    settle_leases,
    storable,
    turns_of,
)
from exosms.ledger.rules import LAST_DIGITS, MAY_HOLD, KeyRule, Turns, of_another
from exosms.sms.message import Delivery, Message, Outcome, Receipt
from exosms.sms.rate import Rate

P = ParamSpec("P")
T = TypeVar("T")

SPARE = 5.0
"""Seconds that a lease outlasts what it is for."""

_TELLING = 7
"""Last digits by which a number is told from all others: before them it may have a country's code, a 0 or nothing."""


class Terms(NamedTuple):
    """What a command says of its claims."""

    attempt: float = 90.0
    """Seconds that an attempt may last."""
    retry_for: float = 120.0
    """Seconds for which a message is tried again."""
    keeps_numbers: bool = False
    """Whether recipients' numbers are kept, and not only their last four digits and a keyed hash."""


def _or_in_memory(
    method: "Callable[Concatenate[SharedLedger, P], T]",
) -> "Callable[Concatenate[SharedLedger, P], T]":
    """Let a ledger that is gone on in memory answer."""

    @wraps(method)
    def answered(self: "SharedLedger", /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self.memory is not None:
            return getattr(self.memory, method.__name__)(*args, **kwargs)  # type: ignore[no-any-return]
        return method(self, *args, **kwargs)

    return answered


class SharedLedger:
    """One process's hold on a ledger that many machines share; see ``MessageLedger``."""

    poll = 0.25
    """Seconds between looks at a once key that another process is using."""

    def __init__(self, database: SharedDatabase, installation: Installation, terms: Terms) -> None:
        self.database = database
        self.installation = installation
        self.memory: Ledger | None = None
        """What answers instead, once a command goes on without the database."""
        self.warn: Callable[[str], None] = lambda _said: None
        self._terms = terms
        self._owner = f"{os.getpid()} on {socket.gethostname()}"
        self._claims: dict[int, dict[str, Any]] = {}

    @classmethod
    def open(
        cls, address: LedgerAddress, terms: Terms, *, patience: float = PATIENCE, is_hasty: bool = False
    ) -> "SharedLedger":
        """Open the ledger at an address, making or updating its tables; raises as ``SharedDatabase`` does."""
        database = SharedDatabase(address, patience=patience, is_hasty=is_hasty)
        installation = prepared(database)
        if installation is None:
            raise AssertionError("it was to be made")
        return cls(database, installation, terms)

    @classmethod
    def open_dry(cls, address: LedgerAddress) -> "SharedLedger | None":
        """Open the ledger to look into it; None where there is none yet, or not this one's tables."""
        database = SharedDatabase(address)
        installation = prepared(database, is_dry=True)
        if installation is None:
            database.close()
            return None
        return cls(database, installation, Terms())

    @property
    def common(self) -> "SharedLedger":
        """This one."""
        return self

    @property
    def is_in_memory(self) -> bool:
        """Whether this process alone knows it."""
        return self.memory is not None

    def close(self) -> None:
        """Let go of the connection."""
        self.database.close()
        if self.memory is not None:
            self.memory.close()

    def go_on_in_memory(self) -> None:
        """Let go of a database that is away: from now on this process alone knows what it sends."""
        self.close()
        self.memory = Ledger.in_memory()

    @_or_in_memory
    def in_one_step(self, work: Callable[[], T]) -> T:
        """Do some work in one transaction, again until it is certain."""
        return self.database.run(lambda _transaction: work())

    @_or_in_memory
    def claim(
        self,
        message: Message,
        *,
        account: str,
        profile: str | None,
        once: OnceKey | None = None,
        within_limit: Callable[[int], None] | None = None,
        callback: CallbackRequest | None = None,
    ) -> LedgerEntry | int:
        """Enter the message as in flight; that is committed once this returns, whatever became of the connection."""
        values = self._values(message, account, profile, once, callback)

        def work(transaction: Transaction) -> LedgerEntry | int:
            if within_limit is not None:  # one at a time, so that no two take the last part
                lock_parts(transaction, account)
            claimed = self._enter(transaction, values, once)
            if within_limit is not None and isinstance(claimed, int):
                within_limit(parts_since_midnight(transaction, account))
            return claimed

        claimed = self.database.run(work)
        if isinstance(claimed, int):
            self._claims[claimed] = values
        return claimed

    def _enter(self, transaction: Transaction, values: Mapping[str, Any], once: OnceKey | None) -> LedgerEntry | int:
        """Enter a message unless its once key is held; the row of the key keeps others out until the commit."""
        sql = FIRST_OF_KEY if once else ENTER.format(only="")
        if row := transaction.execute(sql, values).fetchone():
            return int(row[0])
        if once:
            while not transaction.execute(HOLD_KEY, values).fetchone():  # it was purged a moment ago
                transaction.execute(TAKE_KEY, values)
        ours = transaction.execute(HOLD_ON, values).fetchone()
        if ours:  # the commit, of which no answer came, was made
            number, is_ours_still = ours
            if not is_ours_still:
                raise _given_up()
            return int(number)
        if once is None:
            raise AssertionError("what conflicts with a claim has it")
        settle_leases(transaction, KEY, values)
        if held := self._holder(transaction, values, once):
            return held
        (number,) = transaction.execute(ENTER.format(only=""), values).fetchone() or (0,)
        return int(number)

    def _holder(
        self, transaction: Transaction, values: Mapping[str, Any], once: OnceKey, *, rewrite: bool = True
    ) -> LedgerEntry | None:
        """Return who holds a once key; within a transaction."""
        entries = entries_of(transaction, MAY_HOLD.format(same=KEY, messages="exosms.messages"), values)
        may_hold = [entry for entry in entries if entry.state != "not_sent"]  # by a lease that ended
        if not may_hold:
            return None
        return KeyRule(Portable(transaction), once, now_of(transaction), self.warn, rewrite).holder(may_hold)

    def _values(
        self,
        message: Message,
        account: str,
        profile: str | None,
        once: OnceKey | None,
        callback: CallbackRequest | None,
    ) -> dict[str, Any]:
        return {
            "claim": os.urandom(16).hex(),
            "account": account,
            "profile": profile,
            "once_key": once.key if once else None,
            "number": message.to,
            "recipient": message.to if self._terms.keeps_numbers else f"…{message.to[-LAST_DIGITS:]}",
            "recipient_hash": self.hash_of(message.to),
            "sender": message.fields.sender,
            "template": message.fields.template,
            "segments": message.segments,
            "state": "in_flight",
            "owner": self._owner,
            "attempts": 1,
            "fingerprint": Fingerprints.of(account, self.installation.key).of_message(message),
            "lease": self._terms.attempt + SPARE,
            "within": once.within if once else None,
            "callback_token": hash_of(callback.token) if callback else None,
            "base_url": callback.address.base_url if callback else None,
        }

    def hash_of(self, recipient: str) -> bytes:
        """Return what tells a recipient from all others, to whoever has the ledger's key."""
        return hashlib.blake2b(recipient.encode(), key=self.installation.key, digest_size=16).digest()

    @_or_in_memory
    def wait_for_retry(self, entry_id: int) -> None:
        """Record that an attempt certainly did not reach Exotel and will be made again."""
        self._go_on(entry_id, "state = 'waiting'", "state IN ('in_flight', 'waiting')", lease=self._terms.retry_for)

    @_or_in_memory
    def claim_again(self, entry_id: int) -> None:
        """Record another attempt, before its first byte, with a lease of its own."""
        attempts = self._claims[entry_id]["attempts"] + 1
        self._go_on(
            entry_id,
            f"state = 'in_flight', attempts = %(attempts)s, attempted_at = {NOW}",
            "(state = 'waiting' OR state = 'in_flight' AND attempts = %(attempts)s)",
            lease=self._terms.attempt,
            attempts=attempts,
        )
        self._claims[entry_id]["attempts"] = attempts

    @_or_in_memory
    def settle(self, entry_id: int, receipt: Receipt) -> None:
        """Record what became of the message, however late; also where the database lost the claim meanwhile."""
        code, error = receipt.cause
        claim = self._claims[entry_id]
        if error and not self._terms.keeps_numbers:  # Exotel repeats what it refuses
            error = without_number(error, claim["number"])
        result = {
            "state": str(receipt.outcome), "sid": receipt.sid, "status": receipt.status,
            "http_status": receipt.http_status, "code": code, "error": error,
        }  # fmt: skip
        values = claim | {"lease": 0.0} | {name: storable(said) for name, said in result.items()}
        self.database.run(lambda transaction: settle_claim(transaction, values))

    def _go_on(self, entry_id: int, assignments: str, condition: str, *, lease: float, **values: Any) -> None:
        """Change a claim of ours that is on its way, and begin its lease anew; raises LedgerError if it is over."""
        sql = (
            f"UPDATE exosms.messages SET {assignments}, lease_until = {NOW} + %(lease)s, updated_at = {NOW}"
            f" WHERE id = %(id)s AND claim = %(claim)s AND {condition}"
        )
        given = {"id": entry_id, "claim": self._claims[entry_id]["claim"], "lease": lease + SPARE, **values}
        if not self.database.execute(sql, given).rowcount:
            raise _given_up()

    @_or_in_memory
    def used(self, once: OnceKey, *, recipient: str, account: str, rewrite: bool = True) -> LedgerEntry | None:
        """Return the entry that uses a once key, if one does; a message known not to be sent uses none."""
        values = {"account": account, "once_key": once.key, "recipient_hash": self.hash_of(recipient)}
        return self.database.run(
            lambda transaction: self._holder(transaction, values, once, rewrite=rewrite), begins=False
        )

    @_or_in_memory
    def with_key(self, once_key: str) -> Sequence[LedgerEntry]:
        """Return the messages that were ever sent with this once key, or are on their way with it."""
        where = "WHERE once_key = %(once_key)s"
        values = {"once_key": once_key}
        return self.database.run(lambda transaction: entries_of(transaction, where, values), begins=False)

    def resolve_key(self, once_key: str, *, outcome: Outcome, account: str | None = None) -> int:
        """Record a person's decision about the unknown messages of a once key, as ``MessageLedger`` has it."""
        return self.database.run(lambda transaction: resolve_key(transaction, once_key, str(outcome), account))

    def purge(self, seconds: float) -> int:
        """Forget messages that were settled longer ago, from whichever machine; return how many there were.

        Unknown ones stay, and those whose once key still holds, which one without an end always does.
        """
        self.database.run(lambda transaction: settle_leases(transaction, "state = 'waiting'", {}))
        purged = 0
        last: int | None = 0
        while last is not None:
            some, last = self.database.run(partial(purge_messages, seconds=seconds, after=last))
            purged += some
        while self.database.run(partial(purge_deliveries, seconds=seconds)):
            pass
        self.database.run(partial(purge_the_rest, seconds=seconds))
        return purged

    @_or_in_memory
    def parts_today(self, account: str) -> int:
        """Return the parts that the account used since midnight in India, those that may have been sent included."""
        return self.database.run(lambda transaction: parts_since_midnight(transaction, account))

    @_or_in_memory
    def take_parts(self, account: str, parts: int, within_limit: Callable[[int], None] | None = None) -> None:
        """Count parts of a bulk run as used today, or not used after all; ``within_limit`` as in ``claim``."""

        def work(transaction: Transaction) -> None:
            if within_limit is not None:
                lock_parts(transaction, account)
                within_limit(parts_since_midnight(transaction, account) + parts)
            count_parts(transaction, account, parts)

        self.database.run(work, repeats=parts > 0)  # too many may count, but never too few

    @contextmanager
    def limiting(self, account: str) -> Iterator[None]:
        """Where a limit refuses within, see to it that what a wrong clock wrote is a reason for it today alone."""
        try:
            yield
        except GuardError:
            if self.memory is None and self.database.run(lambda transaction: settle_day(transaction, account)):
                self.warn(
                    "parts that the ledger dates later than now count for today, and for no other day from now on"
                )
            raise

    @_or_in_memory
    def reserve(self, account: str, rate: Rate, *, at_most: float | None = None) -> float:
        """Take the next slot of the account's pace, on whichever machine, and return the seconds to wait for it."""

        def work(transaction: Transaction) -> float:
            turns, now = turns_of(transaction, account)
            wait = turns.slot(now) - now
            if at_most is None or wait <= at_most:
                set_turns(transaction, account, turns.taken(now, rate), now)
            return wait

        return self.database.run(work)

    @_or_in_memory
    def block(self, account: str, *, seconds: float) -> None:
        """Pause everybody who sends for the account, on whichever machine."""

        def work(transaction: Transaction) -> None:
            turns, now = turns_of(transaction, account)
            set_turns(transaction, account, turns.paused(now, seconds), now)

        self.database.run(work)

    @_or_in_memory
    def blocked_for(self, account: str) -> float:
        """Return the seconds that are left of a pause; 0 if there is none."""
        sql = f"SELECT next_at, blocked_until, written_at, {NOW} FROM exosms.pace WHERE account = %s"
        row = self.database.execute(sql, (account,), begins=False).fetchone()
        return max(0.0, Turns.of(row[:3], row[3]).blocked_until - row[3]) if row else 0.0

    @_or_in_memory
    def keep_delivery(self, account: str, sid: str, delivery: Delivery) -> None:
        """Record what Exotel says of a message; a final state stays."""
        kept = self.as_kept(delivery)
        self.database.run(lambda transaction: keep_delivery(transaction, account, sid, kept))

    def as_kept(self, delivery: Delivery) -> Delivery:
        """Return what may be kept of what Exotel says, without its number unless numbers are kept."""
        if self._terms.keeps_numbers or not delivery.to:
            return delivery
        return delivery._replace(to=f"…{delivery.to[-LAST_DIGITS:]}")

    @_or_in_memory
    def delivery(self, account: str, sid: str) -> Delivery | None:
        """Return what Exotel last said of a message."""
        return self.database.run(lambda transaction: delivery_of(transaction, account, sid))

    @_or_in_memory
    def sent_as(self, account: str, sid: str) -> LedgerEntry | None:
        """Return the message that Exotel gave this Sid when it was sent, from whichever machine."""
        where = "WHERE account = %(account)s AND lower(sid) = lower(%(sid)s)"
        values = {"account": account, "sid": sid}
        return next(iter(self.database.run(lambda transaction: entries_of(transaction, where, values))), None)

    @_or_in_memory
    def with_sid_of_another(self, account: str, sids: Mapping[Place, str]) -> set[Place]:
        """Return those of the places whose Sid another message of the account has, or one before them."""
        given = sorted({sid.lower() for sid in sids.values()})
        found = self.database.run(lambda transaction: owners_of_sids(transaction, account, given))
        return of_another(sids, {sid: Place(0, number) for sid, number in found})


def without_number(said: str, number: str) -> str:
    """Return what was said of a message with the last digits alone of its recipient, however that is written."""
    digits = r"[ -]?".join(number[-_TELLING:])
    return re.sub(rf"\+?[0-9]*{digits}", f"…{number[-LAST_DIGITS:]}", said)


def _given_up() -> LedgerError:
    """Return what keeps two machines from sending the same."""
    return LedgerError(
        "Others treated this message as given up, because its lease in the ledger was over",
        remedy="See what became of it: exosms log. Then run it again.",
    )
