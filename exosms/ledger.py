"""What this machine sent, and what it is allowed to send next: SQLite in the state directory.

The order that holds at every instant: a claim is committed before the first byte of its request leaves, the
result is committed before it is shown. ``synchronous=FULL``, since with NORMAL a power failure loses the claim.
Whatever a process that died had in flight is unknown.

Numbers, headers, Sids and outcomes are kept; texts, keys and tokens never come here.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from exosms.errors import ConfigError
from exosms.message import Delivery, Message, Outcome, Receipt
from exosms.pacing import Rate, next_slot

BUSY_TIMEOUT = 30.0
"""Seconds to wait for another process's transaction."""

MIGRATIONS = (
    """
    CREATE TABLE messages (
      id INTEGER PRIMARY KEY,
      account TEXT NOT NULL,
      profile TEXT,
      once_key TEXT,
      recipient TEXT NOT NULL,
      sender TEXT NOT NULL,
      template TEXT,
      segments INTEGER NOT NULL,
      state TEXT NOT NULL
        CHECK (state IN ('waiting', 'in_flight', 'accepted', 'rejected', 'not_sent', 'unknown')),
      owner TEXT,
      attempts INTEGER NOT NULL DEFAULT 0,
      sid TEXT,
      status TEXT,
      http_status INTEGER,
      code INTEGER,
      error TEXT,
      created_at REAL NOT NULL,
      updated_at REAL NOT NULL
    ) STRICT;
    CREATE INDEX messages_by_once_key ON messages (once_key, recipient, account) WHERE once_key IS NOT NULL;
    CREATE INDEX messages_by_recipient ON messages (recipient);
    CREATE INDEX messages_by_time ON messages (account, created_at);
    CREATE INDEX messages_by_owner ON messages (owner) WHERE owner IS NOT NULL;
    CREATE TABLE pace (
      account TEXT PRIMARY KEY,
      next_at REAL NOT NULL,
      blocked_until REAL NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE deliveries (
      account TEXT NOT NULL,
      sid TEXT NOT NULL,
      outcome TEXT NOT NULL CHECK (outcome IN ('pending', 'delivered', 'failed')),
      status TEXT,
      detailed_status_code INTEGER,
      detailed_status TEXT,
      "to" TEXT,
      segments INTEGER,
      price REAL,
      sent_at TEXT,
      updated_at TEXT,
      checked_at REAL NOT NULL,
      PRIMARY KEY (account, sid)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX deliveries_by_outcome ON deliveries (outcome);
    CREATE INDEX messages_by_sid ON messages (account, sid) WHERE sid IS NOT NULL;
    CREATE INDEX messages_by_day ON messages (created_at);
    CREATE INDEX messages_not_accepted ON messages (state) WHERE state <> 'accepted';
    """,
)
"""Append only: ``user_version`` counts how many of them a ledger has seen."""


class LedgerUnavailableError(ConfigError):
    """There is no place for a ledger: the state directory is missing or cannot be written."""


class LedgerError(ConfigError):
    """The ledger is there but cannot be trusted or written; nothing may leave."""


class State(StrEnum):
    """Where a message stands: an outcome, or on its way to one."""

    WAITING = "waiting"
    IN_FLIGHT = "in_flight"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
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
    delivery: Delivery | None = None
    """What Exotel last said of it, in answers that bring this along."""
    checked_at: float | None = None


_ENTRY = tuple(name for name in Entry.__slots__ if name not in {"delivery", "checked_at"})
_DELIVERY = tuple(Delivery.__slots__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnceKey:
    """At most one accepted message per key, recipient and account, within ``within`` seconds if given."""

    key: str
    within: float | None = None


class Ledger:
    """One process's hold on the ledger."""

    def __init__(
        self, connection: sqlite3.Connection, owners: "Owners", *, clock: Callable[[], float] = time.time
    ) -> None:
        self._connection = connection
        self._owners = owners
        self._clock = clock

    @classmethod
    def open(cls, directory: Path, *, clock: Callable[[], float] = time.time) -> "Ledger":
        """Open the ledger in ``directory``, creating both where they are missing.

        Raises LedgerUnavailableError where nothing can be written, LedgerError where the ledger is corrupt or was
        written by a newer exosms; a ledger is never recreated.
        """
        path = directory / "ledger.db"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _create_private(path)
        except OSError as error:
            raise LedgerUnavailableError(
                f"The state directory {directory} cannot be written: {error.strerror}",
                remedy="Name a writable one in EXOSMS_STATE_DIR.",
            ) from error
        with _translated(path):
            connection = _connect(path)
            if _version(connection) != len(MIGRATIONS):
                with _one_at_a_time(directory / "migration.lock"):
                    _migrate(connection, path)
        return cls(connection, Owners(directory / "owners"), clock=clock)

    @classmethod
    def in_memory(cls, *, clock: Callable[[], float] = time.time) -> "Ledger":
        """Return a ledger that this process alone knows and that ends with it."""
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        _migrate(connection, Path(":memory:"))
        return cls(connection, Owners(None), clock=clock)

    def close(self) -> None:
        """Let go of the ledger and of the lock that marks us as alive."""
        self._connection.close()
        self._owners.leave()

    def claim(
        self,
        message: Message,
        *,
        account: str,
        profile: str | None,
        once: OnceKey | None = None,
        within_limit: Callable[[int], None] | None = None,
    ) -> "Entry | int":
        """Enter the message as in flight and return its id; or the entry that already uses the once key.

        ``within_limit`` is told, in the same transaction, how many parts the account will have used today, and may
        refuse by raising; so two processes cannot both take the last one.
        """
        now = self._clock()
        with self._transaction():
            used = self._using(once, message.to, account, now) if once else None
            if used is not None:
                return used
            if within_limit is not None:
                within_limit(self._parts_since(account, _midnight_in_india(now)) + message.segments)
            cursor = self._connection.execute(
                "INSERT INTO messages (account, profile, once_key, recipient, sender, template, segments, state,"
                " owner, attempts, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'in_flight', ?, 1, ?, ?)",
                (
                    account,
                    profile,
                    once.key if once else None,
                    message.to,
                    message.sender,
                    message.template,
                    message.segments,
                    self._owners.mine(),
                    now,
                    now,
                ),
            )
            return cursor.lastrowid or 0

    def wait_for_retry(self, entry_id: int) -> None:
        """Record that an attempt certainly did not reach Exotel and will be made again."""
        self._update("state = 'waiting'", (), entry_id)

    def claim_again(self, entry_id: int) -> None:
        """Record another attempt, before its first byte."""
        self._update("state = 'in_flight', attempts = attempts + 1", (), entry_id)

    def settle(self, entry_id: int, receipt: Receipt) -> None:
        """Record what became of the message."""
        problem = receipt.problem
        self._update(
            "state = ?, owner = NULL, sid = ?, status = ?, http_status = ?, code = ?, error = ?",
            (
                str(receipt.outcome),
                receipt.sid,
                receipt.status,
                receipt.http_status,
                problem.code if problem else None,
                (problem.message or problem.meaning) if problem else None,
            ),
            entry_id,
        )

    def parts_today(self, account: str) -> int:
        """Return the parts that the account used since midnight in India, those that may have been sent included."""
        with _translated():
            return self._parts_since(account, _midnight_in_india(self._clock()))

    def examine(self) -> tuple[int, int]:
        """Return how many messages there are, and how many of them are unknown; raises LedgerError for a bad file."""
        with self._transaction():
            self._bury_the_dead()
        with _translated():
            (flaw,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
            if flaw != "ok":
                raise LedgerError(f"The ledger is corrupt: {flaw}", remedy=_MEND)
            (unknown,) = self._connection.execute(
                "SELECT count(*) FROM messages WHERE state = 'unknown' AND state <> 'accepted'"
            ).fetchone()
            (messages,) = self._connection.execute("SELECT count(*) FROM messages").fetchone()
        return messages, unknown

    def entry(self, entry_id: int) -> Entry:
        """Return one entry, as unknown if the process that had it in flight died."""
        with self._transaction():
            self._bury_the_dead()
            return self._entries("WHERE id = ?", (entry_id,))[0]

    def used(self, once: OnceKey, *, recipient: str, account: str) -> Entry | None:
        """Return the entry that uses a once key, if one does; a message known not to be sent uses none."""
        with self._transaction():
            return self._using(once, recipient, account, self._clock())

    def log(
        self,
        *,
        to: str | None = None,
        since: float | None = None,
        once_key: str | None = None,
        outcome: str | None = None,
    ) -> Iterator[Entry]:
        """Yield entries, oldest first, that fit all the conditions given; ``since`` is seconds before now.

        What became of an accepted one outranks ``accepted``. They are read as they are asked for, however many.
        """
        conditions: dict[str, object] = {
            "m.recipient = ?": to,
            "m.created_at >= ?": None if since is None else self._clock() - since,
            "m.once_key = ?": once_key,
        }
        given = {sql: value for sql, value in conditions.items() if value is not None}
        if outcome is not None:
            given[_with_outcome(outcome, alone=not given)] = outcome
        with self._transaction():
            self._bury_the_dead()
        yield from self._history(given)

    def sent_as(self, account: str, sid: str) -> Entry | None:
        """Return the message that Exotel gave this Sid when it was sent from here."""
        return next(self._history({"m.account = ?": account, "m.sid = ?": sid}), None)

    def keep_delivery(self, account: str, sid: str, delivery: Delivery) -> None:
        """Record what Exotel says of a message; a final state stays."""
        columns = (*_DELIVERY, "account", "sid", "checked_at")
        row = [*(getattr(delivery, name) for name in _DELIVERY), account, sid, self._clock()]
        new = ", ".join(f'"{name}" = excluded."{name}"' for name in columns)
        with self._transaction():
            self._connection.execute(
                f"INSERT INTO deliveries ({_quoted(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608  # our own words only
                f" ON CONFLICT DO UPDATE SET {new} WHERE outcome = 'pending'",
                [str(value) if isinstance(value, StrEnum) else value for value in row],
            )

    def delivery(self, account: str, sid: str) -> Delivery | None:
        """Return what Exotel last said of a message."""
        with _translated():
            row = self._connection.execute(
                f"SELECT {_quoted(_DELIVERY)} FROM deliveries WHERE account = ? AND sid = ?",  # noqa: S608  # our own words only
                (account, sid),
            ).fetchone()
        return _read_delivery(row) if row else None

    def resolve(self, once_key: str, *, outcome: Outcome) -> int:
        """Record a person's decision about the unknown messages of a once key; return how many there were."""
        with self._transaction():
            self._bury_the_dead()
            return self._connection.execute(
                "UPDATE messages SET state = ?, error = 'resolved by hand', updated_at = ?"
                " WHERE once_key = ? AND state = 'unknown'",
                (str(outcome), self._clock(), once_key),
            ).rowcount

    def reserve(self, account: str, rate: Rate) -> float:
        """Take the next slot of the account's pace and return the seconds to wait for it."""
        now = self._clock()
        with self._transaction():
            row = self._connection.execute(
                "SELECT next_at, blocked_until FROM pace WHERE account = ?", (account,)
            ).fetchone()
            next_at, blocked_until = row or (0.0, 0.0)
            slot = next_slot(now=now, next_at=next_at, blocked_until=blocked_until)
            self._connection.execute(
                "INSERT INTO pace VALUES (?, ?, 0) ON CONFLICT (account) DO UPDATE SET next_at = excluded.next_at",
                (account, slot + rate.interval),
            )
        return slot - now

    def block(self, account: str, *, seconds: float) -> None:
        """Pause every process that sends for the account: Exotel said that it has had enough for now."""
        until = self._clock() + seconds
        with self._transaction():
            self._connection.execute(
                "INSERT INTO pace VALUES (?, 0, ?) ON CONFLICT (account) DO UPDATE SET blocked_until = ?",
                (account, until, until),
            )

    def blocked_for(self, account: str) -> float:
        """Return the seconds that are left of a pause; 0 if there is none."""
        now = self._clock()
        with _translated():
            row = self._connection.execute("SELECT blocked_until FROM pace WHERE account = ?", (account,)).fetchone()
        return max(0.0, next_slot(now=now, next_at=0.0, blocked_until=row[0]) - now) if row else 0.0

    def _using(self, once: OnceKey, recipient: str, account: str, now: float) -> Entry | None:
        self._bury_the_dead()
        entries = self._entries(
            "WHERE once_key = ? AND recipient = ? AND account = ? AND updated_at >= ?"
            " AND state IN ('accepted', 'unknown', 'in_flight', 'waiting')",
            (once.key, recipient, account, 0.0 if once.within is None else now - once.within),
        )
        return max(entries, key=lambda entry: (entry.state is State.ACCEPTED, entry.id), default=None)

    def _bury_the_dead(self) -> None:
        """Mark what processes that died had in flight as unknown, and what they had waiting as not sent."""
        rows = self._connection.execute("SELECT DISTINCT owner FROM messages WHERE owner IS NOT NULL").fetchall()
        for (owner,) in rows:
            if not self._owners.is_alive(owner):
                self._connection.execute(
                    "UPDATE messages SET state = iif(state = 'in_flight', 'unknown', 'not_sent'), owner = NULL,"
                    " error = 'the process ended before it knew', updated_at = ? WHERE owner = ?",
                    (self._clock(), owner),
                )

    def _parts_since(self, account: str, since: float) -> int:
        row = self._connection.execute(
            "SELECT coalesce(sum(segments), 0) FROM messages WHERE account = ? AND created_at >= ?"
            " AND state IN ('accepted', 'unknown', 'in_flight', 'waiting')",
            (account, since),
        ).fetchone()
        return int(row[0])

    def _entries(self, where: str, values: tuple[object, ...]) -> list[Entry]:
        columns = ", ".join(_ENTRY)
        cursor = self._connection.execute(f"SELECT {columns} FROM messages {where} ORDER BY id", values)  # noqa: S608  # our own words only
        names = [column[0] for column in cursor.description]
        return [
            Entry(**{**dict(zip(names, row, strict=True)), "state": State(row[names.index("state")])})
            for row in cursor
        ]

    def _history(self, conditions: Mapping[str, object]) -> Iterator[Entry]:
        columns = ", ".join(
            (*(f"m.{name}" for name in _ENTRY), "d.checked_at", *(f'd."{name}"' for name in _DELIVERY))
        )
        tables = "messages m LEFT JOIN deliveries d USING (account, sid)"
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        with _translated():
            cursor = self._connection.execute(
                f"SELECT {columns} FROM {tables} {where} ORDER BY m.created_at, m.id",  # noqa: S608  # our own words only
                tuple(conditions.values()),
            )
            for row in cursor:
                own, (checked_at, *delivery) = row[: len(_ENTRY)], row[len(_ENTRY) :]
                values = dict(zip(_ENTRY, own, strict=True))
                yield Entry(
                    **{**values, "state": State(values["state"])},
                    checked_at=checked_at,
                    delivery=_read_delivery(delivery) if checked_at is not None else None,
                )

    def _update(self, assignments: str, values: tuple[object, ...], entry_id: int) -> None:
        with self._transaction():
            self._connection.execute(
                f"UPDATE messages SET {assignments}, updated_at = ? WHERE id = ?",  # noqa: S608  # our own words only
                (*values, self._clock(), entry_id),
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, and durable once it ends."""
        with _translated(), _all_or_nothing(self._connection):
            yield


class Owners:
    """Who is alive: a locked file for each process that has something in flight.

    The lock dies with its process, however that ends, so a competitor can tell a living owner from a dead one.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._name = ""
        self._lock: int | None = None

    def mine(self) -> str:
        """Return our own name, locked from the first time on."""
        if not self._name:
            self._name = os.urandom(8).hex()
            if self._directory is not None:
                self._lock = _lock_private(self._directory / self._name)
        return self._name

    def is_alive(self, name: str) -> bool:
        """Tell whether the process of that name still runs; a dead one's file is removed."""
        if name == self._name or self._directory is None:
            return True
        path = self._directory / name
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            path.unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)

    def leave(self) -> None:
        """Remove our file and let go of the lock."""
        if self._lock is not None and self._directory is not None:
            (self._directory / self._name).unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None


def _lock_private(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        raise LedgerError(f"The ledger cannot be locked: {path}: {error.strerror}", remedy=_MEND) from error
    return descriptor


_MEND = "Nothing was sent. Free some space or mend the permissions, then run it again."


def _create_private(path: Path) -> None:
    """Create the file before SQLite does, which would use the umask.

    Never open one that exists: closing it again would drop the locks that SQLite holds on it in this process.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    return connection


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Keep other processes out: SQLite's own lock does not cover a change of the journal mode."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the tables up to date; a ledger from the future is refused."""
    if _version(connection) > len(MIGRATIONS):
        raise LedgerError(
            f"The ledger {path} was written by a newer exosms", remedy="Nothing was sent. Upgrade exosms."
        )
    connection.execute("PRAGMA journal_mode = WAL")
    with _all_or_nothing(connection):
        for number, script in enumerate(MIGRATIONS[_version(connection) :], start=_version(connection) + 1):
            for statement in filter(str.strip, script.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")


@contextmanager
def _all_or_nothing(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # the first error is the one to tell
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def _translated(path: Path | None = None) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise LedgerError(
            f"The ledger {path or ''} cannot be used: {error}".replace("  ", " "), remedy=_MEND
        ) from error


def _quoted(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _read_delivery(row: Sequence[Any]) -> Delivery:
    values = dict(zip(_DELIVERY, row, strict=True))
    return Delivery(**{**values, "outcome": Outcome(values["outcome"])})


def _with_outcome(outcome: str, *, alone: bool) -> str:
    """Return the condition for an outcome, in the words of the index that serves it.

    Beside other conditions, which are narrower, SQLite must not begin with the deliveries: a million times a day's
    messages took it five minutes.
    """
    if outcome in {Outcome.PENDING, Outcome.DELIVERED, Outcome.FAILED}:
        return "d.outcome = ?" if alone else "coalesce(d.outcome, '') = ?"
    if outcome == State.ACCEPTED:
        return "m.state = ? AND d.outcome IS NULL"
    return "m.state = ? AND m.state <> 'accepted'"


def _midnight_in_india(now: float) -> float:
    """Return the start of the day in India (UTC+5:30, no summer time), where the limits count."""
    offset = 5.5 * 3600
    return (now + offset) // 86400 * 86400 - offset
