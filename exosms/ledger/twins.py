"""Rows of other runs with the same message for the same person, which rows are compared with before they go out."""

import json
from collections.abc import Sequence

from exosms.ledger.database import Database
from exosms.ledger.dead_processes import reclaim_runs
from exosms.ledger.entry import State
from exosms.ledger.fingerprints import Fingerprints, key_of
from exosms.ledger.wrong_clocks import IS_SINCE, SET_BACK, Window, cannot_be, window

_A_LITTLE = 600.0
"""Seconds by which a clock that was about right is set back."""


def sent_elsewhere(
    database: Database, run: int, numbers: Sequence[int], *, account: str, within: float | None
) -> dict[int, str]:
    """Return those of a run's rows that another run has, with the state there: sent, perhaps sent, or not over yet.

    The same text counts whoever it is from, as it does when a file is compared with what was sent before.
    ``account`` is the run's; ``within``: seconds before its beginning in which others count; None: only what was
    attempted after that does, since it repeats what was sent before. Within a transaction.
    """
    now = database.clock()
    began = _began(database, run, now)
    since = window(database.connection, "runs", since=began - (within or 0.0), now=now)
    since = since._replace(first=min(since.first, run + 1))  # later runs, whatever the clock says
    after = began if within is None else float("-inf")
    is_since = IS_SINCE.format(time="updated_at", number="id")
    (others,) = database.connection.execute(
        f"SELECT EXISTS (SELECT 1 FROM runs WHERE id <> ? AND (exit_code IS NULL OR {is_since}))",
        (run, *since),
    ).fetchone()
    if not others:  # no other run was touched since: their rows need not be looked at
        return {}
    fingerprints = Fingerprints.of(account, key_of(database.connection))
    with database.calling("fingerprint_of", 3, fingerprints.number):
        found = _twins(database, run, numbers, since, after)
        if State.IN_FLIGHT in found.values():
            reclaim_runs(database)  # what they had in flight is over, too
            found = _twins(database, run, numbers, since, after)
    return found


def _began(database: Database, run: int, now: float) -> float:
    """Return when a run began, whatever the clock said then.

    If only that of the run before it can be right, it began after that, which may have been days ago: not where the
    clock was set back a little, or what was sent then would count as sent meanwhile.
    """
    (started,) = database.connection.execute("SELECT started_at FROM runs WHERE id = ?", (run,)).fetchone()
    if now < started <= now + _A_LITTLE:
        return now
    (latest,) = database.connection.execute(
        "SELECT max(started_at) FROM runs WHERE id <= ? AND started_at <= ?", (run, now + SET_BACK)
    ).fetchone()
    if latest is None or cannot_be(database.connection, "runs", run, written=latest, now=now):
        return now
    return float(latest)


def _twins(database: Database, run: int, numbers: Sequence[int], since: Window, after: float) -> dict[int, str]:
    is_since = IS_SINCE.format(time="r.updated_at", number="r.run")
    cursor = database.connection.execute(
        "SELECT s.number, CASE WHEN max(r.state = 'accepted') THEN 'accepted' WHEN max(r.state = 'unknown')"
        " THEN 'unknown' ELSE 'in_flight' END FROM rows s JOIN rows r ON r.recipient = s.recipient"
        " AND r.occurrence = s.occurrence AND r.run <> s.run"
        " AND (r.run > s.run OR coalesce(r.attempted_at, r.updated_at) >= ?) AND (r.fingerprint = s.fingerprint OR"
        " r.sender <> s.sender AND r.fingerprint = fingerprint_of(s.recipient, r.sender, s.text))"
        f" WHERE s.run = ? AND s.number IN (SELECT value FROM json_each(?)) AND {is_since}"
        " AND r.state IN ('accepted', 'unknown', 'in_flight') GROUP BY s.number",
        (after, run, json.dumps(numbers), *since),
    )
    return dict(cursor)
