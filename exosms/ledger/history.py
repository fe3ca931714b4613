"""What was sent from here, single messages and rows of bulk runs alike, with what became of each."""

import heapq
import json
from array import array
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from exosms.ledger.database import translated
from exosms.ledger.messages import DELIVERY, ENTRY, Ledger, LedgerEntry, State, read_delivery, read_entry
from exosms.ledger.run_rows import rows_as_seen
from exosms.ledger.runs import Journal, Run
from exosms.sms.message import Outcome

_PAGE = 1000
"""Entries that are read at once: nothing of the ledger stays open while somebody reads them, however slowly."""

_SINGLY = "(SELECT *, NULL AS run_id, NULL AS run, NULL AS row, NULL AS line FROM messages) m"
_IN_BULK = """
    (SELECT r.number AS id, u.account, u.profile, NULL AS once_key, r.recipient, r.sender,
       json_extract(u.settings, '$.letterhead.template') AS template, r.segments, r.state, NULL AS owner, r.attempts,
       r.sid, r.status, r.http_status, r.code, r.error, r.updated_at AS created_at, r.updated_at,
       r.run AS run_id, u.name AS run, r.number AS row, r.line
     FROM {rows} r JOIN runs u ON u.id = r.run) m
"""


class HistoryFilter(NamedTuple):
    """Which entries are asked for; None leaves a condition out."""

    to: str | None = None
    since: float | None = None
    """Seconds before now."""
    once_key: str | None = None
    outcome: str | None = None
    run: str | None = None
    profile: str | None = None
    host: str | None = None
    """The first part of an account's identity."""


class History:
    """What a ledger knows, for reading."""

    def __init__(
        self, ledger: Ledger, *, singly: Callable[[HistoryFilter], Iterator[LedgerEntry]] | None = None
    ) -> None:
        """``singly``: what finds single messages, where another ledger has them."""
        self._ledger = ledger
        self._singly = singly or self._messages
        self._journal = Journal(ledger)
        self._connection = ledger.database.connection

    def log(self, wanted: HistoryFilter) -> Iterator[LedgerEntry]:
        """Yield what fits, oldest first, the rows of a run together where it began; KeyError for an unknown run.

        What became of an accepted message outranks ``accepted``. Entries are read as they are asked for, however
        many.
        """
        if wanted.run is not None:
            yield from self._rows(self._journal.run(wanted.run), wanted)
            return
        runs = self._journal.runs()
        singly = ((entry.created_at, entry) for entry in self._singly(wanted))
        in_bulk = ((run.started_at, entry) for run in runs for entry in self._rows(run, wanted))
        for _, entry in heapq.merge(singly, in_bulk, key=lambda dated: dated[0]):
            yield entry

    def sent_as(self, account: str, sid: str) -> LedgerEntry | None:
        """Return the message that Exotel gave this Sid when it was sent from here."""
        conditions = {"m.account = ?": account, "m.sid = ? COLLATE NOCASE": sid}
        sources = _SINGLY, _IN_BULK.format(rows="rows")
        found = (entry for source in sources for entry in self._select(source, conditions, order="m.id"))
        return next(found, None)

    def rows(self, run: Run) -> Iterator[LedgerEntry]:
        """Yield every row of a run, in order, those too that wait."""
        return self._select(self._in_bulk(run), {"m.run_id = ?": run.id}, order="m.id")

    def _messages(self, wanted: HistoryFilter) -> Iterator[LedgerEntry]:
        conditions = {
            "m.recipient = ?": wanted.to,
            "m.created_at >= ?": self._moment(wanted.since),
            "m.once_key = ?": wanted.once_key,
        }
        narrowed = _with(conditions, wanted.outcome)
        if wanted.profile is not None:
            narrowed["m.profile = ?"] = wanted.profile  # afterwards, since it narrows little
        if wanted.host is not None:
            narrowed["m.account GLOB ?"] = f"{wanted.host}/*"
        return self._select(_SINGLY, narrowed, order="m.created_at, m.id")

    def _rows(self, run: Run, wanted: HistoryFilter) -> Iterator[LedgerEntry]:
        """Yield the rows of a run that were sent or settled; what waits was not sent yet."""
        since = self._moment(wanted.since)
        is_older = since is not None and run.is_finished and run.updated_at < since
        is_elsewhere = wanted.host is not None and not run.account.startswith(f"{wanted.host}/")
        if is_older or is_elsewhere or wanted.once_key is not None or wanted.profile not in {None, run.profile}:
            return iter(())
        # The plus keeps SQLite from walking through every run where the recipient has an index.
        conditions = {
            "m.run_id = ?" if wanted.to is None else "+m.run_id = ?": run.id,
            "m.state <> ?": State.WAITING.value,
            "m.recipient = ?": wanted.to,
            "m.created_at >= ?": since,
        }
        return self._select(self._in_bulk(run), _with(conditions, wanted.outcome), order="m.id")

    def _in_bulk(self, run: Run) -> str:
        return _IN_BULK.format(rows=rows_as_seen(run.id, self._ledger.abandoned))

    def _moment(self, since: float | None) -> float | None:
        return None if since is None else self._ledger.database.clock() - since

    def _select(self, source: str, conditions: Mapping[str, object], *, order: str) -> Iterator[LedgerEntry]:
        own = (*ENTRY, "run", "row", "line", "checked_at")
        columns = ", ".join(
            (*(f"m.{name}" for name in own[:-1]), "d.checked_at", *(f'd."{name}"' for name in DELIVERY))
        )
        joined = f"{source} LEFT JOIN deliveries d ON d.account = m.account AND d.sid = m.sid"
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        values = tuple(conditions.values())
        with translated():
            # Their numbers alone first: what is found, and in which order, is settled at one moment.
            found = self._connection.execute(f"SELECT m.id FROM {joined} {where} ORDER BY {order}", values)
            ids = array("q", (number for (number,) in found))
        # The plus keeps SQLite from beginning elsewhere: every page would look for everything again. They are checked
        # once more, since an outcome may have come meanwhile.
        again = (condition if "run_id" in condition else f"+{condition}" for condition in conditions)
        kept = f"WHERE {' AND '.join(('m.id IN (SELECT value FROM json_each(?))', *again))}"
        for start in range(0, len(ids), _PAGE):
            some = json.dumps(ids[start : start + _PAGE].tolist())
            with translated():
                rows = self._connection.execute(
                    f"SELECT {columns} FROM {joined} {kept} ORDER BY {order}", (some, *values)
                ).fetchall()
            for row in rows:
                named = dict(zip(own, row, strict=False))
                delivery = read_delivery(row[len(own) :]) if named["checked_at"] is not None else None
                yield read_entry(named, delivery)


def _with(conditions: Mapping[str, object], outcome: str | None) -> dict[str, object]:
    """Return the conditions that are asked for, with that for an outcome in the words of the index that serves it.

    Beside other conditions, which are narrower, SQLite must not begin with the deliveries: a million times a day's
    messages took it five minutes.
    """
    given = {sql: value for sql, value in conditions.items() if value is not None}
    if outcome in {Outcome.PENDING, Outcome.DELIVERED, Outcome.FAILED}:
        given["coalesce(d.outcome, '') = ?" if given else "d.outcome = ?"] = outcome
    elif outcome == State.ACCEPTED:
        given["m.state = ? AND d.outcome IS NULL"] = outcome
    elif outcome is not None:
        given["m.state = ? AND m.state <> 'accepted'"] = outcome
    return given
