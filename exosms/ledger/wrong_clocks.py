"""What the times in a ledger mean once a clock was wrong: nothing may be held for years by one, nor be forgotten.

Entries are numbered as they are written, so each came after those before it, whatever the clock said then: a time
earlier than that of the entry before it counts as that one's. One from the future, or from before there was an
exosms with none before it, counts as the moment at which it is first met, and is rewritten to that.
"""

import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from exosms.ledger.portable import Statements

EARLIEST = 1_735_689_600.0
"""The beginning of 2025: a clock that shows less is certainly wrong, so it corrects nobody else's time."""

SET_BACK = 1.0
"""Seconds by which the wall clock may go back as a mere correction."""

_TIME_OF = {"messages": "created_at", "runs": "started_at"}

IS_SINCE = "({time} >= ? OR {number} >= ? OR {time} < ? AND {number} < ?)"
"""Whether an entry counts as of the window whose values are given: by its time, or by that of one before it."""


class Window(NamedTuple):
    """From a moment until now, in the order of the values that ``IS_SINCE`` takes."""

    since: float
    first: int
    """The number of the first entry that was written then: all later ones were as well."""
    impossible: float
    """Times before this were written by a wrong clock."""
    possible: int
    """The number of the first entry that has a time which can be right."""


def window(connection: "Statements", table: str, *, since: float, now: float) -> Window:
    """Return what counts as written since then, of messages or of runs."""
    before = f"SELECT EXISTS (SELECT 1 FROM {table} WHERE {_TIME_OF[table]} < ?)"
    is_any_impossible = corrects(now) and connection.execute(before, (EARLIEST,)).fetchone()[0]
    possible = first_since(connection, table, EARLIEST, now) if is_any_impossible else 0
    return Window(since, first_since(connection, table, since, now), EARLIEST, possible)


def cannot_be(connection: "Statements", table: str, number: int, *, written: float, now: float) -> bool:
    """Whether an entry has a time that says nothing, nor does one before it: then it counts as written now."""
    if is_future(written, now):
        return True
    return written < EARLIEST <= now and number < first_since(connection, table, EARLIEST, now)


def is_future(written: float, now: float) -> bool:
    """Whether the clock was ahead then, or is behind now."""
    return written > now + SET_BACK


def corrects(now: float) -> bool:
    """Whether a clock that shows this may correct what others wrote."""
    return now >= EARLIEST


def in_its_place(connection: "Statements", number: int, now: float) -> float:
    """Return a time for a message that has one which cannot be right: that of the next one, which came after it.

    With a later one all that followed would count as written since then.
    """
    sql = "SELECT created_at FROM messages WHERE id > ? AND created_at BETWEEN ? AND ? ORDER BY id LIMIT 1"
    found = connection.execute(sql, (number, EARLIEST, now + SET_BACK)).fetchone()
    return float(found[0]) if found else now


def first_since(connection: "Statements", table: str, since: float, now: float) -> int:
    """Return the number of the first entry whose time lies there; one that no entry reaches if there is none."""
    # The plus keeps SQLite from walking through all of them in their order.
    sql = f"SELECT min(+id) FROM {table} WHERE {_TIME_OF[table]} BETWEEN ? AND ?"
    (first,) = connection.execute(sql, (since, now + SET_BACK)).fetchone()
    return sys.maxsize if first is None else int(first)
