"""What this machine sent, message by message, and what it is allowed to send next.

The order that holds at every instant: a claim is committed before the first byte of its request leaves, the
result is committed before it is shown. Whatever a process that died had in flight is unknown.

Numbers, headers, Sids, outcomes and fingerprints of texts are kept; texts, keys and tokens never come here.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from exosms.errors import GuardError
from exosms.ledger.database import BUSY_TIMEOUT, PIECE, REPLACE, Database, LedgerError, translated
from exosms.ledger.day_parts import count_parts, count_what_is_purged, parts_since_midnight, settle_day
from exosms.ledger.dead_processes import reclaim_messages, reclaimed, taken_for_dead
from exosms.ledger.entry import DELIVERY, ENTRY, LedgerEntry, OnceKey, Place, quoted, read_delivery, read_entry
from exosms.ledger.fingerprints import Fingerprints, lasting_key
from exosms.ledger.rules import MAY_BE_FORGOTTEN, MAY_HOLD, KeyRule, Turns, of_another
from exosms.ledger.traces import BY_HAND, keep_what_is_purged
from exosms.ledger.wrong_clocks import IS_SINCE, window
from exosms.sms.message import Delivery, Message, Outcome, Receipt
from exosms.sms.rate import Rate
from exosms.system.times import day_in_india

if TYPE_CHECKING:
    from exosms.ledger.callback_tokens import CallbackRequest
    from exosms.ledger.interface import CommonLedger, MessageLedger

T = TypeVar("T")


_IS_SINCE = IS_SINCE.format(time="created_at", number="id")

_WEEK = 7 * 86400.0
"""Longer than Exotel calls back, which is 72 hours."""

_HAS_NO_MESSAGE = """
    NOT EXISTS (SELECT 1 FROM messages m WHERE callback_messages.run = 0 AND m.id = callback_messages.number)
    AND NOT EXISTS
      (SELECT 1 FROM rows r WHERE r.run = callback_messages.run AND r.number = callback_messages.number)
"""
_IS_NOBODYS = """
    NOT EXISTS (SELECT 1 FROM callback_messages m
      WHERE m.request = callbacks.request AND m.recipient = callbacks.recipient)
"""

_PACE = "account, next_at, blocked_until, written_at"


class Ledger:
    """One process's hold on the ledger: single messages, once keys, the parts of a day and the pace of accounts."""

    poll = 0.1
    """Seconds between looks at a once key that a living process is using."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._connection = database.connection
        self._clock = database.clock
        self.abandoned: set[int] = set()
        """Runs whose results this process could not record, so that what they have in flight is unknown."""
        self.warn: Callable[[str], None] = lambda _said: None
        """Is told of times that were corrected."""
        self.shared: CommonLedger | None = None
        """The one that other machines know, too, where they send for the same accounts."""
        self.is_one_of_several = False
        """Whether profiles name further ones that machines share, and that this command does not ask."""

    @classmethod
    def open(
        cls, directory: Path, *, clock: Callable[[], float] = time.time, patience: float = BUSY_TIMEOUT
    ) -> "Ledger":
        """Open the ledger in ``directory``; raises as ``Database.open`` does."""
        return cls(Database.open(directory, clock=clock, patience=patience))

    @classmethod
    def in_memory(cls, *, clock: Callable[[], float] = time.time) -> "Ledger":
        """Return a ledger that this process alone knows and that ends with it."""
        return cls(Database.in_memory(clock=clock))

    @property
    def common(self) -> "MessageLedger":
        """The ledger by which all who send for an account keep its pace and limits."""
        return self if self.shared is None else self.shared.messages

    @property
    def is_in_memory(self) -> bool:
        """Whether this process alone knows it."""
        return self.database.is_in_memory

    def in_one_step(self, work: Callable[[], T]) -> T:
        """Do some work in one transaction, which waits for others as one that records a result does."""
        with self.database.transaction(of_result=True):
            return work()

    def sent_as(self, account: str, sid: str) -> LedgerEntry | None:
        """Return the message, or row, that Exotel gave this Sid when it was sent."""
        found = self._sent_as(account, sid)
        return found if found or self.shared is None else self.shared.messages.sent_as(account, sid)

    def _sent_as(self, account: str, sid: str) -> LedgerEntry | None:
        from exosms.ledger.reading import sent_as

        return sent_as(self.database, account, sid)

    def close(self) -> None:
        """Let go of the ledger and of the lock that marks us as alive."""
        self.database.close()

    def go_on_in_memory(self) -> None:
        """Let go of a file that cannot be written: from now on this process alone knows what it sends.

        The pace of accounts is taken along where it can still be read.
        """
        pace: list[tuple[object, ...]] = []
        with suppress(sqlite3.Error):
            pace = self._connection.execute(f"SELECT {_PACE} FROM pace").fetchall()
        with suppress(sqlite3.Error, OSError):
            self.close()
        self.database = Database.in_memory(clock=self._clock)
        self._connection = self.database.connection
        self._connection.executemany(f"INSERT INTO pace ({_PACE}) VALUES (?, ?, ?, ?)", pace)

    def claim(
        self,
        message: Message,
        *,
        account: str,
        profile: str | None,
        once: OnceKey | None = None,
        within_limit: Callable[[int], None] | None = None,
        callback: "CallbackRequest | None" = None,
    ) -> "LedgerEntry | int":
        """Enter the message as in flight and return its id; or the entry that already uses the once key.

        ``within_limit`` is told, in the same transaction, how many parts the account will have used today, and may
        refuse by raising; so two processes cannot both take the last one.
        """
        with self.database.transaction():
            now = self._clock()  # not before: what others wrote while we waited would be of the future
            used = self._using(once, message.to, account, now) if once else None
            if used is not None:
                return used
            if within_limit is not None:
                within_limit(parts_since_midnight(self.database, account) + message.segments)
            fingerprints = Fingerprints.of(account, lasting_key(self._connection))
            cursor = self._connection.execute(
                "INSERT INTO messages (account, profile, once_key, recipient, sender, template, segments, state,"
                " owner, attempts, created_at, updated_at, attempted_at, fingerprint, expires_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 'in_flight', ?, 1, ?, ?, ?, ?, ?)",
                (
                    account, profile, once.key if once else None, message.to, message.fields.sender,
                    message.fields.template, message.segments, self.database.me(), now, now, now,
                    fingerprints.of_message(message), now + once.within if once and once.within is not None else None,
                ),
            )  # fmt: skip
            claimed = cursor.lastrowid or 0
            if callback is not None:
                callback.enter(self.database, {Place(0, claimed): message})
            return claimed

    def wait_for_retry(self, entry_id: int) -> None:
        """Record that an attempt certainly did not reach Exotel and will be made again."""
        self._update("state = 'waiting'", (), entry_id)

    def claim_again(self, entry_id: int) -> None:
        """Record another attempt, before its first byte; raises LedgerError if others may have made one by now."""
        with self.database.transaction():
            claimed = self._connection.execute(
                "UPDATE messages SET state = 'in_flight', attempts = attempts + 1, attempted_at = :now,"
                " updated_at = :now WHERE id = :id AND owner = :me",
                {"now": self._clock(), "id": entry_id, "me": self.database.me()},
            ).rowcount
            if not claimed:
                raise taken_for_dead()

    def settle(self, entry_id: int, receipt: Receipt) -> None:
        """Record what became of the message."""
        self._update(
            "state = ?, owner = NULL, sid = ?, status = ?, http_status = ?, code = ?, error = ?",
            (str(receipt.outcome), receipt.sid, receipt.status, receipt.http_status, *receipt.cause),
            entry_id,
        )

    def take_parts(self, account: str, parts: int, within_limit: Callable[[int], None] | None = None) -> None:
        """Count parts of a run as used today, or as not used after all; ``within_limit`` may refuse by raising."""
        with self.database.transaction():
            if within_limit is not None:
                within_limit(parts_since_midnight(self.database, account) + parts)
            count_parts(self.database, account, parts)

    def parts_today(self, account: str) -> int:
        """Return the parts that the account used since midnight in India, those that may have been sent included."""
        with translated():
            return parts_since_midnight(self.database, account)

    @contextmanager
    def limiting(self, account: str) -> Iterator[None]:
        """Where a limit refuses within, see to it that what a wrong clock wrote is a reason for it today alone."""
        try:
            yield
        except GuardError:
            if settle_day(self.database, account):
                self.warn(
                    "parts of other days count for today, and for no other day from now on, because the clock was"
                    " wrong when they were sent, or is now"
                )
            raise

    def examine(self) -> tuple[int, int, int]:
        """Return how many single messages there are, rows of runs, and of both those whose outcome is unknown.

        Those of the sandbox are nobody's worry.

        Raises LedgerError for a ledger that is corrupt, or in which nobody can hold the lock that sending takes.
        """
        self.database.me()
        with reclaimed(self.database):
            pass
        with translated():
            # Not quick_check, which looks at tables alone: once keys are looked up in an index.
            (flaw,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
            if flaw != "ok":
                raise LedgerError(f"The ledger is corrupt: {flaw}", remedy=REPLACE)
            (unknown,) = self._connection.execute(
                "SELECT (SELECT count(*) FROM messages WHERE state = 'unknown' AND account NOT LIKE 'sandbox/%')"
                " + (SELECT count(*) FROM rows JOIN runs ON runs.id = rows.run"
                " WHERE rows.state = 'unknown' AND runs.account NOT LIKE 'sandbox/%')"
            ).fetchone()
            (messages,) = self._connection.execute("SELECT count(*) FROM messages").fetchone()
            (rows,) = self._connection.execute("SELECT count(*) FROM rows").fetchone()
        return messages, rows, unknown

    def used(self, once: OnceKey, *, recipient: str, account: str, rewrite: bool = True) -> LedgerEntry | None:
        """Return the entry that uses a once key, if one does; a message known not to be sent uses none.

        A time of it that cannot be right is corrected, unless nothing is to be written.
        """
        with self.database.transaction():
            return self._using(once, recipient, account, self._clock(), rewrite=rewrite)

    def keep_delivery(self, account: str, sid: str, delivery: Delivery) -> None:
        """Record what Exotel says of a message, where that is, so that it is purged with it; a final state stays.

        Of one that is nowhere it is recorded everywhere, since it may be one that is unknown.
        """
        elsewhere = None if self.shared is None or self._sent_as(account, sid) else self.shared.messages
        if elsewhere is None or elsewhere.sent_as(account, sid) is None:
            self._keep_delivery(account, sid, delivery)
        if elsewhere is not None:
            elsewhere.keep_delivery(account, sid, delivery)

    def _keep_delivery(self, account: str, sid: str, delivery: Delivery) -> None:
        columns = (*DELIVERY, "account", "sid", "checked_at")
        row = [*(getattr(delivery, name) for name in DELIVERY), account, sid, self._clock()]
        new = ", ".join(f'"{name}" = excluded."{name}"' for name in columns)
        with self.database.transaction(of_result=True):
            self._connection.execute(
                f"INSERT INTO deliveries ({quoted(columns)}) VALUES ({', '.join('?' * len(columns))})"
                f" ON CONFLICT DO UPDATE SET {new} WHERE outcome = 'pending'",
                [str(value) if isinstance(value, StrEnum) else value for value in row],
            )

    def delivery(self, account: str, sid: str) -> Delivery | None:
        """Return what Exotel last said of a message."""
        sql = f"SELECT {quoted(DELIVERY)} FROM deliveries WHERE account = ? AND sid = ?"
        row = self.database.read_one(sql, (account, sid))
        found = read_delivery(row) if row else None
        if self.shared is None or (found and found.is_final):
            return found
        return self.shared.messages.delivery(account, sid) or found

    def with_sid_of_another(self, account: str, sids: Mapping[Place, str]) -> set[Place]:
        """Return those of the places whose Sid another message or row of the account has, or one before them."""
        given = json.dumps(sorted({sid.lower() for sid in sids.values()}))
        found = self.database.read(
            "SELECT value, 0, m.id FROM json_each(:given)"
            " CROSS JOIN messages m ON m.account = :account AND m.sid = value COLLATE NOCASE"
            " UNION ALL SELECT value, r.run, r.number FROM json_each(:given)"
            " CROSS JOIN rows r ON r.sid = value COLLATE NOCASE JOIN runs u ON u.id = r.run"
            " WHERE u.account = :account",
            {"account": account, "given": given},
        )
        return of_another(sids, {sid: Place(*place) for sid, *place in found})

    def with_sid_elsewhere(self, account: str, sids: Mapping[Place, str]) -> set[Place]:
        """Return those of the places whose Sid a message in the ledger has that machines share.

        Never within a transaction: it may take its time, and others would wait for it.
        """
        if self.shared is None:
            return set()
        with suppress(LedgerError):  # what was answered stands, though nobody can tell of the others
            known = {sid.lower() for sid in self.shared.known_sids(account, sids.values())}
            return {place for place, sid in sids.items() if sid.lower() in known}
        return set()

    def with_key(self, once_key: str) -> Sequence[LedgerEntry]:
        """Return the messages that were ever sent with this once key, or are on their way with it."""
        return self._entries("WHERE once_key = ?", (once_key,))

    def resolve_key(self, once_key: str, *, outcome: Outcome, account: str | None = None) -> int:
        """Record a person's decision about the unknown messages of a once key, as ``MessageLedger`` has it."""
        with reclaimed(self.database) as connection:
            return connection.execute(
                "UPDATE messages SET state = ?, error = ?, updated_at = ? WHERE once_key = ? AND state = 'unknown'"
                " AND account = coalesce(?, account)",
                (str(outcome), BY_HAND, self._clock(), once_key, account),
            ).rowcount

    def purge(self, seconds: float) -> int:
        """Forget messages that were settled longer ago, with what became of them; return how many there were.

        Unknown ones stay, and those whose once key still holds, which one without an end always does.
        """
        now = self._clock()
        is_any_unknown = self.is_any_unknown_elsewhere()
        may_go = MAY_BE_FORGOTTEN.format(now="?")
        old_ones = f"updated_at < ? AND {may_go} AND NOT {_IS_SINCE}"
        some = f"id IN (SELECT id FROM messages WHERE {old_ones} ORDER BY id LIMIT {PIECE})"
        with reclaimed(self.database):
            values = (now - seconds, now, now, *window(self._connection, "messages", since=now - seconds, now=now))

        def purge_some() -> int:
            keep_what_is_purged(self.database, "messages", some, values, always=is_any_unknown)
            count_what_is_purged(self.database, some, values)
            return self._connection.execute(f"DELETE FROM messages WHERE {some}", values).rowcount

        purged = self.database.piece_by_piece(purge_some)
        self._purge_from("deliveries", "account, sid", "checked_at < ?", now - seconds)
        with self.database.transaction():
            self._connection.execute("DELETE FROM parts WHERE day < ?", (day_in_india(now - seconds),))
        return purged

    def purge_callbacks(self, seconds: float) -> None:
        """Forget the tokens of messages that are gone, and those of which nobody calls back any more."""
        week = self._clock() - max(seconds, _WEEK)
        is_old = "request IN (SELECT id FROM callback_requests WHERE created_at < ?)"
        is_unused = "NOT EXISTS (SELECT 1 FROM callback_messages m WHERE m.request = callback_requests.id)"
        self._purge_from("callback_messages", "request, recipient", f"{is_old} OR {_HAS_NO_MESSAGE}", week)
        self._purge_from("callbacks", "request, recipient, sid", _IS_NOBODYS)
        self._purge_from("callback_requests", "id", is_unused)

    def _purge_from(self, table: str, key: str, which: str, *values: float) -> None:
        sql = f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {which} LIMIT {PIECE})"
        self.database.piece_by_piece(lambda: self._connection.execute(sql, values).rowcount)

    def is_any_unknown_elsewhere(self) -> bool:
        """Whether a message in a ledger that machines share may get a Sid yet, which is none that is known here.

        Never within a transaction, as ``with_sid_elsewhere``.
        """
        return self.is_one_of_several or (self.shared is not None and self.shared.is_any_unknown())

    def reserve(self, account: str, rate: Rate, *, at_most: float | None = None) -> float:
        """Take the next slot of the account's pace and return the seconds to wait for it.

        One that is more than ``at_most`` seconds away is left to others.
        """
        with self.database.transaction():
            now = self._clock()
            turns = self._turns(account, now)
            wait = turns.slot(now) - now
            if at_most is None or wait <= at_most:
                self._set_turns(account, now, turns.taken(now, rate))
        return wait

    def block(self, account: str, *, seconds: float) -> None:
        """Pause every process that sends for the account: Exotel said that it has had enough for now."""
        with self.database.transaction():
            now = self._clock()
            self._set_turns(account, now, self._turns(account, now).paused(now, seconds))

    def blocked_for(self, account: str) -> float:
        """Return the seconds that are left of a pause; 0 if there is none."""
        now = self._clock()
        return max(0.0, self._turns(account, now).blocked_until - now)

    def _turns(self, account: str, now: float) -> Turns:
        sql = "SELECT next_at, blocked_until, written_at FROM pace WHERE account = ?"
        return Turns.of(self.database.read_one(sql, (account,)), now)

    def _set_turns(self, account: str, now: float, turns: Turns) -> None:
        self._connection.execute(f"INSERT OR REPLACE INTO pace ({_PACE}) VALUES (?, ?, ?, ?)", (account, *turns, now))

    def _using(
        self, once: OnceKey, recipient: str, account: str, now: float, *, rewrite: bool = True
    ) -> LedgerEntry | None:
        reclaim_messages(self.database)
        same = "once_key = :key AND recipient = :to AND account = :account"
        values = {"key": once.key, "to": recipient, "account": account}
        entries = self._entries(MAY_HOLD.format(same=same, messages="messages"), values)
        return KeyRule(self._connection, once, now, self.warn, rewrite).holder(entries)

    def _entries(self, where: str, values: tuple[object, ...] | Mapping[str, object]) -> list[LedgerEntry]:
        sql = f"SELECT {', '.join(ENTRY)} FROM messages {where} ORDER BY id"
        return [*map(read_entry, self.database.read(sql, values))]

    def _update(self, assignments: str, values: tuple[object, ...], entry_id: int) -> None:
        with self.database.transaction(of_result=True):
            self._connection.execute(
                f"UPDATE messages SET {assignments}, updated_at = ? WHERE id = ?",
                (*values, self._clock(), entry_id),
            )
