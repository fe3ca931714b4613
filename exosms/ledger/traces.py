"""What is remembered of messages after they were purged or are tried again, lest another takes their Sids.

Of a Sid that is a keyed hash. None of it is kept for longer than there are unknown messages, or for an hour; where
only others may have such messages, for a year at most.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from exosms.ledger.database import Database
from exosms.ledger.fingerprints import as_number, key_of, lasting_key

BY_HAND = "resolved by hand"
ABSENT = "Exotel has no such message"
"""Why a message is settled that was unknown. Such a word may be mistaken, so that the message has a Sid after all."""

_A_WHILE = 3600.0
"""Seconds: an unknown message that is sent only now cannot have a Sid from before."""

LONGEST_UNKNOWN = 366 * 86400.0
"""Seconds after which nobody finds out any more what became of a message."""

_IS_ANY_UNKNOWN = (
    "(EXISTS (SELECT 1 FROM messages WHERE state <> 'accepted' AND state IN ('unknown', 'in_flight'))"
    " OR EXISTS (SELECT 1 FROM rows WHERE state = 'unknown') OR EXISTS (SELECT 1 FROM runs WHERE owner IS NOT NULL))"
)


SETTLED_BY_WORD = f"m.sid IS NULL AND m.error IN ('{BY_HAND}', '{ABSENT}')"
"""Whether Exotel may have a message after all."""

_KEEP = "INSERT INTO former_attempts (account, recipient, sender, fingerprint, since, until)"
_BEGAN = {
    "messages": ("m.account", "m.created_at"),
    "rows": tuple(f"(SELECT u.{name} FROM runs u WHERE u.id = m.run)" for name in ("account", "started_at")),
}
"""Of both kinds of messages the account, and what they were attempted after."""


def keep_attempts(connection: sqlite3.Connection, table: str, which: str, values: Sequence[object]) -> None:
    """Remember when messages or rows were attempted that are tried again, or purged; within a transaction.

    Of those alone of which Exotel may have one after all. In ``which`` they are called m.
    """
    account, began = _BEGAN[table]
    connection.execute(
        f"{_KEEP} SELECT {account}, m.recipient, m.sender, m.fingerprint, coalesce(m.attempted_at, {began}),"
        f" coalesce(m.attempted_at, m.updated_at) FROM {table} AS m WHERE {which} AND {SETTLED_BY_WORD}",
        values,
    )


def keep_what_is_purged(
    database: Database, table: str, which: str, values: Sequence[object], *, always: bool
) -> None:
    """Remember of messages or rows that are about to be purged what no other may have; within a transaction.

    What became of them is forgotten, however late that was found out. ``always``: also where nothing is unknown here,
    because something is elsewhere.
    """
    keep_attempts(database.connection, table, which, values)
    _keep_sids(database, f"FROM {table} AS m WHERE {which}", values, always=always)
    account, _ = _BEGAN[table]
    of_theirs = f"SELECT {account}, m.sid FROM {table} AS m WHERE {which}"
    database.connection.execute(f"DELETE FROM deliveries WHERE (account, sid) IN ({of_theirs})", values)


def _keep_sids(database: Database, source: str, values: Sequence[object], *, always: bool) -> None:
    key = lasting_key(database.connection)
    with database.calling("hash_of_sid", 1, lambda sid: _hash(key, sid)):
        database.connection.execute(
            "INSERT OR REPLACE INTO purged_sids SELECT hash_of_sid(m.sid), coalesce(m.attempted_at, m.updated_at)"
            f" {source} AND m.sid IS NOT NULL"
            f" AND (? OR {_IS_ANY_UNKNOWN} OR coalesce(m.attempted_at, m.updated_at) >= ?)",
            (*values, always, database.clock() - _A_WHILE),
        )


def forget(database: Database, *, is_any_elsewhere: bool) -> None:
    """Let go of what no unknown message can be mistaken for any more; within a transaction.

    ``is_any_elsewhere``: where others know of them, messages are unknown or may be, however old.
    """
    before = database.clock() - (LONGEST_UNKNOWN if is_any_elsewhere else _A_WHILE)
    for table, moment in (("purged_sids", "attempted_at"), ("former_attempts", "until")):
        database.connection.execute(f"DELETE FROM {table} WHERE {moment} < ? AND NOT {_IS_ANY_UNKNOWN}", (before,))


def purged(database: Database, sids: Iterable[str]) -> Mapping[str, float]:
    """Return those of the Sids that messages had which were purged, and when these were attempted."""
    key = key_of(database.connection)
    hashes = {_hash(key, sid): sid for sid in sids}
    sql = "SELECT hash, attempted_at FROM json_each(?) JOIN purged_sids ON hash = value"
    return {hashes[number]: attempted_at for number, attempted_at in database.read(sql, (json.dumps([*hashes]),))}


def _hash(key: bytes, sid: str) -> int:
    return as_number(hashlib.blake2b(sid.lower().encode("utf-8", "replace"), key=key, digest_size=8).digest())
