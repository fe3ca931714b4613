"""What earlier runs did with the messages of a file that is laid out in ``ledger/staging.py``, and to its people."""

from typing import NamedTuple

from exosms.ledger.database import Database, translated
from exosms.ledger.dead_processes import touch
from exosms.ledger.wrong_clocks import IS_SINCE, SET_BACK, corrects, window

_SENT = "r.recipient = s.recipient AND r.fingerprint = s.fingerprint AND r.occurrence = s.occurrence"
_SENT_BY_ANYBODY = f"""
    (SELECT number, recipient, fingerprint, occurrence, state, 0 AS is_other FROM temp.staged UNION ALL
    SELECT o.number, o.recipient, o.fingerprint, w.occurrence, w.state, 1 FROM temp.other_senders o
    JOIN temp.staged w ON w.number = o.number) s JOIN main.rows r ON {_SENT}
"""
"""A fingerprint is of the sender too, so that a text counts as sent whoever seemed to send it."""
_IS_OTHERWISE = """
    NOT EXISTS (SELECT 1 FROM temp.staged t WHERE t.recipient = r.recipient AND t.fingerprint = r.fingerprint)
    AND NOT EXISTS
      (SELECT 1 FROM temp.other_senders t WHERE t.recipient = r.recipient AND t.fingerprint = r.fingerprint)
"""
"""Whether a row has a text that this file does not have for its recipient, whoever seems to send it."""
_MAYBE_SENT = "r.state IN ('accepted', 'unknown', 'in_flight')"
_LATELY = IS_SINCE.format(time="r.updated_at", number="r.run")
_IS_OVER = "r.state <> 'in_flight'"
"""What is not over is looked at again when its turn comes, since it may come to nothing."""


class EarlierMessages(NamedTuple):
    """How many rows were sent by earlier runs, or may have been."""

    accepted: int
    unknown: int
    run: str
    """One of these runs, by name."""
    from_another: int = 0
    """How many of them had the same text from another sender."""

    @property
    def rows(self) -> int:
        """All of them."""
        return self.accepted + self.unknown


class EarlierRuns:
    """The runs that are in a ledger already, as seen from the rows that this connection has laid out."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection = database.connection

    def correct_times(self, now: float) -> bool:
        """Have earlier rows of the same messages whose times cannot be right count as sent now; tell if there are."""
        wrong = window(self._connection, "runs", since=now, now=now)[2:]
        sql = "SELECT EXISTS (SELECT 1 FROM main.runs WHERE updated_at > ? OR started_at < ?)"
        (is_any,) = self._database.read_one(sql, (now + SET_BACK, wrong[0]))
        if not (is_any and corrects(now)):
            return False
        with self._database.transaction() as connection:
            runs = connection.execute(
                "UPDATE main.rows SET updated_at = ? WHERE (run, number) IN"
                f" (SELECT r.run, r.number FROM {_SENT_BY_ANYBODY} WHERE {_MAYBE_SENT}"
                " AND (r.updated_at > ? OR r.updated_at < ? AND r.run < ?)) RETURNING run",
                (now, now + SET_BACK, *wrong),
            ).fetchall()
            for (run,) in set(runs):
                touch(self._database, run)
        return bool(runs)

    def sent_before(self, since: float, now: float) -> EarlierMessages:
        """Count the rows that earlier runs sent, or may have sent, since that moment."""
        row = self._database.read_one(
            "SELECT coalesce(sum(accepted), 0), coalesce(sum(1 - accepted), 0), coalesce(max(name), ''),"
            " coalesce(sum(is_other), 0) FROM"
            " (SELECT max(r.state = 'accepted') AS accepted, max(u.name) AS name, min(s.is_other) AS is_other"
            f" FROM {_SENT_BY_ANYBODY} JOIN main.runs u ON u.id = r.run"
            f" WHERE s.state = 'waiting' AND {_MAYBE_SENT} AND {_LATELY} GROUP BY s.number)",
            window(self._connection, "runs", since=since, now=now),
        )
        return EarlierMessages(accepted=row[0], unknown=row[1], run=row[2], from_another=row[3])

    def skip_sent_before(self, since: float, now: float) -> None:
        """Leave out the rows that earlier runs sent, or may have sent, since that moment."""
        sql = (
            "UPDATE temp.staged SET state = 'skipped', error = iif(e.sent IS NULL, 'perhaps ', '') || 'sent before'"
            " || iif(e.is_other, ' from another sender', '') || ', by the run ' || coalesce(e.sent, e.perhaps)"
            " FROM (SELECT s.number, min(s.is_other) AS is_other,"
            " max(iif(r.state = 'accepted', u.name, NULL)) AS sent, max(u.name) AS perhaps"
            f" FROM {_SENT_BY_ANYBODY} JOIN main.runs u ON u.id = r.run WHERE s.state = 'waiting'"
            f" AND {_MAYBE_SENT} AND {_IS_OVER} AND {_LATELY} GROUP BY s.number) e WHERE staged.number = e.number"
        )
        with translated():
            self._connection.execute(sql, window(self._connection, "runs", since=since, now=now))

    def changed_since(self, run: int) -> tuple[int, int, int, int]:
        """Return how many rows are as in that run, how many are new, and how many of the run's are gone.

        The last is of the people here who got a text from it, or may have, that they do not have here.
        """
        (same,) = self._database.read_one(
            "SELECT count(*) FROM temp.staged s WHERE EXISTS"
            f" (SELECT 1 FROM main.rows r WHERE r.run = ? AND {_SENT})",
            (run,),
        )
        (then,) = self._database.read_one("SELECT count(*) FROM main.rows WHERE run = ?", (run,))
        (now,) = self._database.read_one("SELECT count(*) FROM temp.staged")
        (people,) = self._database.read_one(
            f"SELECT count(DISTINCT r.recipient) FROM main.rows r WHERE r.run = ? AND {_MAYBE_SENT}"
            f" AND EXISTS (SELECT 1 FROM temp.staged s WHERE s.recipient = r.recipient) AND {_IS_OTHERWISE}",
            (run,),
        )
        return same, now - same, max(0, then - same), people

    def texted_otherwise(self, since: float, now: float, *, account: str) -> int:
        """Count the people whom an earlier run sent a text, or may have, that this file does not have for them."""
        row = self._database.read_one(
            "SELECT count(DISTINCT s.recipient) FROM temp.staged s WHERE s.state = 'waiting' AND EXISTS"
            " (SELECT 1 FROM main.rows r JOIN main.runs u ON u.id = r.run WHERE r.recipient = s.recipient"
            f" AND u.account = ? AND {_MAYBE_SENT} AND {_LATELY} AND {_IS_OTHERWISE})",
            (account, *window(self._connection, "runs", since=since, now=now)),
        )
        return int(row[0])
