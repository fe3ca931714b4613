"""Callbacks in the ledger of one state directory, of single messages and of rows."""

from collections.abc import Collection, Sequence

from exosms.ledger.callbacks import LATEST, LEASE, Waiting, Whose, dumped, loaded
from exosms.ledger.candidates import known_sids
from exosms.ledger.dead_processes import reclaimed
from exosms.ledger.entry import Place
from exosms.ledger.messages import Ledger
from exosms.ledger.unknown import UnknownMessages
from exosms.sms.message import Delivery


class LocalCallbacks:
    """See ``CallbackStore``."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._database = ledger.database
        self._connection = ledger.database.connection

    def messages(self, account: str) -> UnknownMessages:
        """Return an account's messages."""
        return UnknownMessages(self.ledger, account)

    def are_known(self, account: str, sids: Collection[str]) -> bool:
        """Whether a message of the account has one of these Sids, or had it."""
        return bool(known_sids(self.ledger, account, sids))

    def whose(self, token_hash: bytes, recipient: str) -> Whose | None:
        """Return the message to a recipient of the request with that token."""
        self._database.require_in_place()  # in a file that was replaced no token of today is
        row = self._database.read_one(
            "SELECT r.id, r.account, m.run, m.number FROM callback_requests r JOIN callback_messages m"
            " ON m.request = r.id WHERE r.token_hash = ? AND m.recipient = ?",
            (token_hash, recipient),
        )
        return Whose(row[0], recipient, row[1], Place(*row[2:])) if row else None

    def others(self, whose: Whose, sid: str) -> int:
        """Count the other Sids that callbacks about the message named."""
        (others,) = self._connection.execute(
            "SELECT count(*) FROM callbacks WHERE request = ? AND recipient = ? AND sid <> ?",
            (whose.request, whose.recipient, sid),
        ).fetchone()
        return int(others)

    def keep(self, whose: Whose, sid: str, delivery: Delivery) -> None:
        """Keep what a callback said until its Sid is asked about; what is final stays."""
        now = self._database.clock()
        self._connection.execute(
            "INSERT INTO callbacks (request, recipient, sid, delivery, received_at, next_at)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET delivery = excluded.delivery"
            " WHERE json_extract(delivery, '$.outcome') = 'pending'",
            (whose.request, whose.recipient, sid, dumped(delivery), now, now),
        )

    def due(self, most: int) -> Sequence[Waiting]:
        """Return some that are to be looked into now, and leave them to nobody else for a while."""
        self._database.require_in_place()
        now = self._database.clock()
        times = now, now + LATEST
        sql = "SELECT EXISTS (SELECT 1 FROM callbacks WHERE next_at <= ? OR next_at > ?)"
        (any_due,) = self._database.read_one(sql, times)
        if not any_due:
            return ()
        with reclaimed(self._database) as connection:
            rows = connection.execute(
                "SELECT c.request, c.recipient, c.sid, r.account, r.profile, r.base_url, m.run, m.number, c.questions"
                " FROM callbacks c JOIN callback_requests r ON r.id = c.request JOIN callback_messages m"
                " ON m.request = c.request AND m.recipient = c.recipient"
                " WHERE c.next_at <= ? OR c.next_at > ? ORDER BY c.next_at LIMIT ?",
                (*times, most),
            ).fetchall()
            found = [
                Waiting(request, recipient, sid, account, profile, url, Place(run, number), questions)
                for request, recipient, sid, account, profile, url, run, number, questions in rows
            ]
            self._put_off([one.key for one in found], now + LEASE)
        return found

    def look_again(self, one: Waiting, *, seconds: float, asked: bool) -> None:
        """Look into it again after so many seconds."""
        with self._database.transaction() as connection:
            self._put_off([one.key], self._database.clock() + seconds)
            connection.execute(
                "UPDATE callbacks SET questions = questions + ? WHERE request = ? AND recipient = ? AND sid = ?",
                (asked, *one.key),
            )

    def forget(self, one: Waiting) -> Delivery | None:
        """Let go of it: its message is settled. Return what was said of it by now; None if others let go of it."""
        sql = "DELETE FROM callbacks WHERE request = ? AND recipient = ? AND sid = ? RETURNING delivery"
        with self._database.transaction() as connection:
            found = connection.execute(sql, one.key).fetchall()
        return loaded(found[0][0]) if found else None

    def _put_off(self, keys: Sequence[tuple[int, str, str]], until: float) -> None:
        self._connection.executemany(
            "UPDATE callbacks SET next_at = ? WHERE request = ? AND recipient = ? AND sid = ?",
            [(until, *key) for key in keys],
        )
