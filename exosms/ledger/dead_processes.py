"""What processes that died left behind: what was in flight is unknown, and what was waiting was not sent."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from exosms.errors import ExitCode
from exosms.ledger.database import Database, LedgerError

_DIED = "the process ended before the answer came"


@contextmanager
def reclaimed(database: Database) -> Iterator[sqlite3.Connection]:
    """A transaction in which what dead processes left is settled: whoever reads or decides within sees the truth."""
    with database.transaction() as connection:
        reclaim_messages(database)
        reclaim_runs(database)
        yield connection


def reclaim_messages(database: Database) -> None:
    """Settle the single messages of dead processes."""
    rows = database.connection.execute("SELECT DISTINCT owner FROM messages WHERE owner IS NOT NULL").fetchall()
    for (owner,) in rows:
        if not database.is_alive(owner):
            database.connection.execute(
                "UPDATE messages SET state = iif(state = 'in_flight', 'unknown', 'not_sent'), owner = NULL,"
                " error = ?, updated_at = ? WHERE owner = ?",
                (_DIED, database.clock(), owner),
            )


def reclaim_runs(database: Database) -> None:
    """Settle the rows of dead processes, and let others take their runs."""
    owned = database.connection.execute("SELECT id, owner FROM runs WHERE owner IS NOT NULL").fetchall()
    for run, owner in owned:
        if not database.is_alive(owner):
            lose(database, run, because=_DIED)
            database.connection.execute("UPDATE runs SET owner = NULL WHERE id = ?", (run,))


def lose(database: Database, run: int, *, because: str) -> int:
    """Mark the rows of a run that are in flight as unknown; return how many there were."""
    return database.connection.execute(
        "UPDATE rows SET state = 'unknown', exit_code = ?, http_status = NULL, code = NULL, error = ?, updated_at = ?"
        " WHERE run = ? AND state = 'in_flight'",
        (int(ExitCode.UNKNOWN), because, touch(database, run), run),
    ).rowcount


def touch(database: Database, run: int) -> float:
    """Keep a run as new as its rows, which are looked for by it; return the moment for those that change now."""
    now = database.clock()
    database.connection.execute("UPDATE runs SET updated_at = max(updated_at, ?) WHERE id = ?", (now, run))
    return now


def taken_for_dead() -> LedgerError:
    """Return what keeps two processes from sending the same: a lock is lost where its file is deleted."""
    return LedgerError(
        "Another command treated this one as ended, because its lock in the state directory was gone",
        remedy="See what the other command did: exosms log. Then run it again.",
    )
