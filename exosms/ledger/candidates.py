"""The Sids that somebody lists, each once, however many: which of them this ledger knows, and which are missing.

They are kept in a temporary table, which is private to its connection and whose file SQLite removes at once.
"""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from exosms.ledger.database import translated
from exosms.ledger.messages import Ledger
from exosms.ledger.traces import purged


class KnownSid(NamedTuple):
    """A Sid that Exotel gave to a message of this ledger, which was attempted at that moment."""

    sid: str
    attempted_at: float


class ListedSids:
    """Those that were listed for one account."""

    def __init__(self, ledger: Ledger, account: str) -> None:
        self._database = ledger.database
        self._account = account
        with translated():
            ledger.database.connection.execute("DROP TABLE IF EXISTS temp.listed")
            ledger.database.connection.execute(
                "CREATE TEMP TABLE listed (sid TEXT PRIMARY KEY COLLATE NOCASE) STRICT, WITHOUT ROWID"
            )

    def add(self, sids: Iterable[str]) -> set[str]:
        """Take some more, and return those that were not listed before."""
        sql = "INSERT OR IGNORE INTO temp.listed SELECT value FROM json_each(?) RETURNING sid"
        return {sid for (sid,) in self._database.read(sql, (json.dumps([*sids]),))}

    def numbers(self, sids: Iterable[str]) -> Mapping[str, str]:
        """Return the recipients of those about which Exotel was asked before."""
        sql = (
            'SELECT sid, "to" FROM json_each(?) JOIN deliveries ON account = ? AND sid = value WHERE "to" IS NOT NULL'
        )
        return dict(self._database.read(sql, (json.dumps([*sids]), self._account)))

    def missing_between(self, since: float, until: float) -> int:
        """Count the messages of the account that have a Sid, were attempted in that time, and are not listed."""
        values = {"account": self._account, "since": since, "until": until}
        (singly,) = self._database.read_one(
            "SELECT count(*) FROM messages m WHERE account = :account AND sid IS NOT NULL"
            " AND coalesce(attempted_at, updated_at) BETWEEN :since AND :until"
            " AND NOT EXISTS (SELECT 1 FROM temp.listed l WHERE l.sid = m.sid)",
            values,
        )
        (in_bulk,) = self._database.read_one(
            "SELECT count(*) FROM rows m WHERE sid IS NOT NULL"
            " AND run IN (SELECT id FROM runs WHERE account = :account AND updated_at >= :since)"
            " AND coalesce(attempted_at, updated_at) BETWEEN :since AND :until"
            " AND NOT EXISTS (SELECT 1 FROM temp.listed l WHERE l.sid = m.sid)",
            values,
        )
        return int(singly) + int(in_bulk)


def known_sids(ledger: Ledger, account: str, sids: Iterable[str]) -> Mapping[str, KnownSid]:
    """Return those of the Sids, as they are given, that messages of this ledger have, or had that were purged.

    Two that differ only in the case of their letters are one.
    """
    wanted = [*sids]
    found = ledger.database.read(
        "SELECT value, coalesce(attempted_at, updated_at) FROM json_each(:wanted)"
        " CROSS JOIN messages ON account = :account AND sid = value COLLATE NOCASE UNION ALL"
        " SELECT value, coalesce(attempted_at, updated_at) FROM json_each(:wanted)"
        " CROSS JOIN rows ON sid = value COLLATE NOCASE",
        {"wanted": json.dumps(wanted), "account": account},
    )
    known = {**purged(ledger.database, wanted), **dict(found)}
    if ledger.shared is not None:
        known |= ledger.shared.known_sids(account, wanted)
    return {sid: KnownSid(sid, attempted_at) for sid, attempted_at in known.items()}
