"""What was sent from here, single messages and rows of bulk runs alike, with what became of each."""

import heapq
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from exosms.ledger.entry import LedgerEntry, State
from exosms.ledger.messages import Ledger
from exosms.ledger.reading import IN_BULK, SINGLY, select
from exosms.ledger.run_rows import rows_as_seen
from exosms.ledger.runs import Journal, Run
from exosms.sms.message import Outcome


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

    def rows(self, run: Run) -> Iterator[LedgerEntry]:
        """Yield every row of a run, in order, those too that wait."""
        return select(self._ledger.database, self._in_bulk(run), {"m.run_id = ?": run.id}, order="m.id")

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
        return select(self._ledger.database, SINGLY, narrowed, order="m.created_at, m.id")

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
        return select(self._ledger.database, self._in_bulk(run), _with(conditions, wanted.outcome), order="m.id")

    def _in_bulk(self, run: Run) -> str:
        return IN_BULK.format(rows=rows_as_seen(run.id, self._ledger.abandoned))

    def _moment(self, since: float | None) -> float | None:
        return None if since is None else self._ledger.database.clock() - since


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
