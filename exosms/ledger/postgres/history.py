"""What was sent from every machine that shares a ledger, as it is read afterwards: single messages alone."""

from collections.abc import Iterator, Mapping
from typing import Any

from exosms.ledger.entry import DELIVERY, ENTRY, LedgerEntry, State, quoted, read_entry
from exosms.ledger.history import HistoryFilter
from exosms.ledger.postgres.messages import SharedLedger
from exosms.ledger.postgres.statements import COLUMNS, SEEN
from exosms.sms.message import Outcome

_PAGE = 1000
"""Entries that are read at once: no transaction stays open while somebody reads them, however slowly."""

_OWN = (*ENTRY, "checked_at")
_COLUMNS = f"{COLUMNS}, d.checked_at, {quoted(DELIVERY, 'd.')}"
_ORDER = "m.created_at, m.id"
_JOIN = (
    "FROM exosms.messages m LEFT JOIN exosms.deliveries d"
    " ON d.account = m.account AND d.sid = m.sid AND lower(d.sid) = lower(m.sid)"
)
"""The second comparison is for an index of the messages, the first for that of the deliveries."""


class SharedHistory:
    """What a shared ledger knows, for reading."""

    def __init__(self, ledger: SharedLedger) -> None:
        self._ledger = ledger

    def messages(self, wanted: HistoryFilter) -> Iterator[LedgerEntry]:
        """Yield what fits, oldest first, as it is asked for, however many."""
        if wanted.run is not None:
            return
        given = self._given(wanted)
        after = (float("-inf"), 0)
        where = " AND ".join([f"({_ORDER}) > (%(at)s, %(number)s)", *given])
        sql = f"SELECT {_COLUMNS} {_JOIN} WHERE {where} ORDER BY {_ORDER} LIMIT {_PAGE}"
        values = {name: value for several in given.values() for name, value in several.items()}
        database = self._ledger.database
        while rows := database.execute(sql, {**values, "at": after[0], "number": after[1]}).fetchall():
            entries = [read_entry(row, _OWN) for row in rows]
            yield from entries
            after = (entries[-1].created_at, entries[-1].id)
            if len(rows) < _PAGE:
                return

    def _given(self, wanted: HistoryFilter) -> Mapping[str, Mapping[str, Any]]:
        """Return the conditions that are asked for, each with its values."""
        given: dict[str, Mapping[str, Any]] = {}
        if wanted.to is not None:
            given["m.recipient_hash = %(hash)s"] = {"hash": self._ledger.hash_of(wanted.to)}
        if wanted.since is not None:
            # The time of the transaction, since what changes from row to row is not looked for in an index.
            given["m.created_at >= extract(epoch FROM now())::double precision - %(since)s"] = {"since": wanted.since}
        if wanted.once_key is not None:
            given["m.once_key = %(once_key)s"] = {"once_key": wanted.once_key}
        if wanted.profile is not None:
            given["m.profile = %(profile)s"] = {"profile": wanted.profile}
        if wanted.host is not None:
            given["starts_with(m.account, %(host)s)"] = {"host": f"{wanted.host}/"}
        if wanted.outcome is not None:
            given |= _of_outcome(wanted.outcome)
        return given


def _of_outcome(outcome: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the condition for an outcome: what became of an accepted message outranks that it was accepted."""
    values = {"outcome": str(outcome)}
    if outcome in {Outcome.PENDING, Outcome.DELIVERED, Outcome.FAILED}:
        return {"d.outcome = %(outcome)s": values}
    if outcome == State.ACCEPTED:
        return {"m.state = 'accepted' AND NOT m.has_delivery AND d.outcome IS NULL": {}}
    # The first two are for the index; a state may have come to an end by its lease alone.
    narrowed = "m.state <> 'accepted' AND m.state IN (%(outcome)s, 'in_flight', 'waiting')"
    return {f"{narrowed} AND ({SEEN['state']}) = %(outcome)s": values}
