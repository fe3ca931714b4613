"""The parts that an account used today, in India; what a wrong clock wrote counts for one day, not for many or none.

A message counts as of today that was written after the last one which certainly was not.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from exosms.ledger.database import Database
from exosms.ledger.wrong_clocks import EARLIEST, SET_BACK, corrects, first_since, in_its_place
from exosms.system.times import day_in_india, midnight_in_india

if TYPE_CHECKING:
    from exosms.ledger.portable import Statements

IMPOSSIBLE_DAY = day_in_india(EARLIEST)

IS_COUNTED = "state IN ('accepted', 'unknown', 'in_flight', 'waiting')"
"""Whether a message's parts count: it may have been sent, or may be yet."""


def parts_since_midnight(database: Database, account: str) -> int:
    """Return what single messages and rows of bulk runs used, those that may have been sent included."""
    # The plus keeps SQLite from walking through everything that the account ever sent.
    (singly,) = database.connection.execute(
        f"SELECT coalesce(sum(segments), 0) FROM messages WHERE id > ? AND +account = ? AND {IS_COUNTED}",
        (last_before_midnight(database.connection, _now(database)), account),
    ).fetchone()
    (in_bulk,) = database.connection.execute(
        "SELECT coalesce(sum(parts), 0) FROM parts WHERE account = ? AND (day >= ? OR day < ?)",
        (account, day_in_india(_now(database)), IMPOSSIBLE_DAY),
    ).fetchone()
    return int(singly) + int(in_bulk)


def count_parts(database: Database, account: str, parts: int) -> None:
    """Add to what the rows of bulk runs used today, or take back what was not used after all."""
    if parts:
        database.connection.execute(
            "INSERT INTO parts VALUES (?, ?, max(0, ?)) ON CONFLICT DO UPDATE SET parts = max(0, parts + ?)",
            (account, day_in_india(_now(database)), parts, parts),
        )


def count_what_is_purged(database: Database, which: str, values: Sequence[object]) -> None:
    """Have today's single messages that are about to be purged count on, as rows of runs do; in a transaction."""
    used = database.connection.execute(
        f"SELECT account, sum(segments) FROM messages WHERE {which} AND id > ? AND {IS_COUNTED} GROUP BY account",
        (*values, last_before_midnight(database.connection, _now(database))),
    ).fetchall()
    for account, parts in used:
        count_parts(database, account, parts)


def settle_day(database: Database, account: str) -> bool:
    """Have what counts as of today, although its time cannot be right, count for no other day; tell if any does."""
    now = database.clock()
    if not corrects(now):
        return False
    with database.transaction() as connection:
        messages = connection.execute(
            "SELECT id FROM messages WHERE id > ? AND +account = ? AND (created_at > ? OR created_at < ?)",
            (last_before_midnight(connection, _now(database)), account, now + SET_BACK, EARLIEST),
        ).fetchall()
        for (number,) in messages:
            connection.execute(
                "UPDATE messages SET created_at = ?, updated_at = max(updated_at, ?) WHERE id = ?",
                (in_its_place(connection, number, now), now, number),
            )
        days = connection.execute(
            "DELETE FROM parts WHERE account = ? AND (day > ? OR day < ?) RETURNING parts",
            (account, day_in_india(now), IMPOSSIBLE_DAY),
        ).fetchall()
        count_parts(database, account, sum(parts for (parts,) in days))
    return bool(messages or days)


def last_before_midnight(statements: "Statements", now: float) -> int:
    """Return the number of the last message of yesterday in India: all later ones count as of today."""
    midnight = midnight_in_india(now)
    found = statements.execute(
        "SELECT id FROM messages WHERE id < ? AND created_at >= ? AND created_at < ? ORDER BY id DESC LIMIT 1",
        (first_since(statements, "messages", midnight, now), EARLIEST, midnight),
    ).fetchone()
    return found[0] if found else 0


def _now(database: Database) -> float:
    """Return what the clock shows; for one that is certainly wrong, when something was sent last."""
    now = database.clock()
    if corrects(now):
        return now
    last = "SELECT max(at) FROM (SELECT max(created_at) AS at FROM messages UNION SELECT max(updated_at) FROM runs)"
    (latest,) = database.connection.execute(last).fetchone()
    return max(now, latest or 0.0)
