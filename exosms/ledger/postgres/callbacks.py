"""Callbacks of single messages of every machine, in a ledger that many machines share.

A request has one message, by whose number it is known here; of recipients there are keyed hashes.
"""

from collections.abc import Collection, Sequence
from typing import Any

from exosms.config.region import Region
from exosms.ledger.callbacks import LATEST, LEASE, Waiting, Whose, dumped, loaded
from exosms.ledger.database import LedgerError
from exosms.ledger.entry import Place
from exosms.ledger.postgres.messages import SharedLedger
from exosms.ledger.postgres.statements import NOW, owners_of_sids
from exosms.ledger.postgres.unknown import SharedUnknown
from exosms.sms.message import Delivery, Outcome

_IS_DUE = f"c.next_at <= {NOW} OR c.next_at > {NOW} + {LATEST}"
_DUE = f"""
    UPDATE exosms.callbacks c SET next_at = {NOW} + {LEASE} FROM exosms.messages m,
      (SELECT message, sid FROM exosms.callbacks c WHERE {_IS_DUE} ORDER BY next_at LIMIT %s
       FOR UPDATE SKIP LOCKED) d
    WHERE c.message = d.message AND c.sid = d.sid AND m.id = c.message
    RETURNING c.message, m.recipient, c.sid, m.account, m.profile,
      CASE WHEN m.base_url = ANY(%s) THEN m.base_url END, c.questions
"""
_WHOSE = """
    SELECT i.key, m.id, m.account FROM exosms.installation i
    LEFT JOIN exosms.messages m ON m.callback_token = %s AND m.recipient_hash = %s
"""
_EXOTELS = [region.base_url for region in Region if region.host]
"""The addresses that may be asked because the ledger has them: whoever writes there could name any other one, and
would be sent key and token."""


class SharedCallbacks:
    """See ``CallbackStore``."""

    def __init__(self, ledger: SharedLedger) -> None:
        self.ledger = ledger

    def messages(self, account: str) -> SharedUnknown:
        """Return an account's messages."""
        return SharedUnknown(self.ledger, account)

    def are_known(self, account: str, sids: Collection[str]) -> bool:
        """Whether a message of the account has one of these Sids."""
        given = sorted({sid.lower() for sid in sids})
        return bool(self.ledger.database.run(lambda transaction: owners_of_sids(transaction, account, given)))

    def whose(self, token_hash: bytes, recipient: str) -> Whose | None:
        """Return the message to a recipient of the request with that token."""
        values = token_hash, self.ledger.hash_of(recipient)
        row = self.ledger.database.execute(_WHOSE, values, begins=False).fetchone()
        self._require_in_place(row)
        return Whose(row[1], recipient, row[2], Place(0, row[1])) if row and row[1] else None

    def others(self, whose: Whose, sid: str) -> int:
        """Count the other Sids that callbacks about the message named."""
        sql = "SELECT count(*) FROM exosms.callbacks WHERE message = %s AND sid <> %s"
        row = self.ledger.database.execute(sql, (whose.request, sid), begins=False).fetchone()
        return int(row[0]) if row else 0

    def keep(self, whose: Whose, sid: str, delivery: Delivery) -> None:
        """Keep what a callback said until its Sid is asked about; what is final stays."""
        said = dumped(self.ledger.as_kept(delivery))
        self.ledger.database.execute(
            "INSERT INTO exosms.callbacks AS c (message, sid, delivery, is_final, received_at, next_at)"
            f" VALUES (%s, %s, %s, %s, {NOW}, {NOW}) ON CONFLICT (message, sid) DO UPDATE"
            " SET delivery = excluded.delivery, is_final = excluded.is_final WHERE NOT c.is_final",
            (whose.request, sid, said, delivery.outcome is not Outcome.PENDING),
        )

    def due(self, most: int) -> Sequence[Waiting]:
        """Return some that are to be looked into now, and leave them to nobody else, on any machine, for a while."""
        database = self.ledger.database
        is_any = f"SELECT EXISTS (SELECT FROM exosms.callbacks c WHERE {_IS_DUE})"
        if database.execute(is_any, begins=False).fetchone() == (False,):
            return ()
        self._require_in_place(database.execute("SELECT key FROM exosms.installation", begins=False).fetchone())
        rows = database.execute(_DUE, (most, _EXOTELS))
        return [
            Waiting(number, recipient, sid, account, profile, url, Place(0, number), questions)
            for number, recipient, sid, account, profile, url, questions in rows
        ]

    def look_again(self, one: Waiting, *, seconds: float, asked: bool) -> None:
        """Look into it again after so many seconds."""
        self.ledger.database.execute(
            f"UPDATE exosms.callbacks SET next_at = {NOW} + %s, questions = questions + %s"
            " WHERE message = %s AND sid = %s",
            (seconds, int(asked), one.request, one.sid),
        )

    def forget(self, one: Waiting) -> Delivery | None:
        """Let go of it: its message is settled. Return what was said of it by now; None if others let go of it."""
        sql = "DELETE FROM exosms.callbacks WHERE message = %s AND sid = %s RETURNING delivery"
        row = self.ledger.database.execute(sql, (one.request, one.sid)).fetchone()
        return loaded(row[0]) if row else None

    def _require_in_place(self, found: tuple[Any, ...] | None) -> None:
        """Refuse to go on with the key of a ledger that was made anew, which would not find a number in this one."""
        if found is None or bytes(found[0]) != self.ledger.installation.key:
            raise LedgerError(
                f"The ledger {self.ledger.database.address} was made anew while this command used it",
                remedy="Run it again.",
            )
