"""Single messages and rows of runs as entries: one way to read both from the ledger of a state directory."""

import json
from array import array
from collections.abc import Iterator, Mapping

from exosms.ledger.database import Database, translated
from exosms.ledger.entry import DELIVERY, ENTRY, LedgerEntry, quoted, read_entry

_PAGE = 1000
"""Entries that are read at once: nothing of the ledger stays open while somebody reads them, however slowly."""

SINGLY = "(SELECT *, NULL AS run_id, NULL AS run, NULL AS row, NULL AS line FROM messages) m"
IN_BULK = """
    (SELECT r.number AS id, u.account, u.profile, NULL AS once_key, r.recipient, r.sender,
       json_extract(u.settings, '$.letterhead.template') AS template, r.segments, r.state, NULL AS owner, r.attempts,
       r.sid, r.status, r.http_status, r.code, r.error,
       min(coalesce(r.attempted_at, r.updated_at), r.updated_at) AS created_at, r.updated_at, r.attempted_at,
       r.run AS run_id, u.name AS run, r.number AS row, r.line
     FROM {rows} r JOIN runs u ON u.id = r.run) m
"""


def select(database: Database, source: str, conditions: Mapping[str, object], *, order: str) -> Iterator[LedgerEntry]:
    """Yield what meets the conditions, with what became of it; they are read as they are asked for, however many."""
    own = (*ENTRY, "run", "row", "line", "checked_at")
    columns = f"{quoted(own[:-1], 'm.')}, d.checked_at, {quoted(DELIVERY, 'd.')}"
    joined = f"{source} LEFT JOIN deliveries d ON d.account = m.account AND d.sid = m.sid"
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    values = tuple(conditions.values())
    with translated():
        # Their numbers alone first: what is found, and in which order, is settled at one moment.
        found = database.connection.execute(f"SELECT m.id FROM {joined} {where} ORDER BY {order}", values)
        ids = array("q", (number for (number,) in found))
    # The plus keeps SQLite from beginning elsewhere: every page would look for everything again. They are checked
    # once more, since an outcome may have come meanwhile.
    again = (condition if "run_id" in condition else f"+{condition}" for condition in conditions)
    kept = f"WHERE {' AND '.join(('m.id IN (SELECT value FROM json_each(?))', *again))}"
    for start in range(0, len(ids), _PAGE):
        some = json.dumps(ids[start : start + _PAGE].tolist())
        for row in database.read(f"SELECT {columns} FROM {joined} {kept} ORDER BY {order}", (some, *values)):
            yield read_entry(row, own)


def sent_as(database: Database, account: str, sid: str) -> LedgerEntry | None:
    """Return the message, or row, that Exotel gave this Sid when it was sent from here."""
    conditions = {"m.account = ?": account, "m.sid = ? COLLATE NOCASE": sid}
    sources = SINGLY, IN_BULK.format(rows="rows")
    return next((entry for source in sources for entry in select(database, source, conditions, order="m.id")), None)
