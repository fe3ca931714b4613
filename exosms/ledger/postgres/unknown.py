"""Messages of every machine that may have been sent, in a shared ledger, and what settles them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from exosms.ledger.entry import Place
from exosms.ledger.fingerprints import Fingerprints
from exosms.ledger.postgres.connection import Transaction
from exosms.ledger.postgres.messages import SharedLedger
from exosms.ledger.postgres.statements import HASH_OF_SID, NOW, SEEN, lock_sids, settle_leases, storable
from exosms.ledger.unsettled import MAY_HAVE_A_SID, SHARED, Unsettled, by_now
from exosms.sms.message import Outcome

_FOUND = (
    "SELECT m.id, m.account, m.profile, m.recipient, m.sender, m.fingerprint, m.attempted_at,"
    f" {SEEN['state']}, m.once_key FROM exosms.messages m WHERE m.account = %(account)s AND"
)
_FORMERLY = (
    "SELECT -id, account, NULL, '', sender, fingerprint, attempted_at, 'not_sent', NULL FROM exosms.former_attempts"
    " WHERE account = %(account)s AND recipient_hash = %(hash)s"
)
"""Their numbers are negative, as those of a machine's own."""
_IS_UNKNOWN = f"m.state <> 'accepted' AND m.state IN ('unknown', 'in_flight') AND {SEEN['state']} = 'unknown'"


class SharedUnknown(NamedTuple):
    """Those of one account."""

    ledger: SharedLedger
    account: str

    @property
    def fingerprints(self) -> Fingerprints:
        """What tells whether two texts of this account are the same."""
        return Fingerprints.of(self.account, self.ledger.installation.key)

    def all(self) -> Sequence[Unsettled]:
        """Return the unknown ones; of their recipients the last digits may be all that is known."""
        return self._find(f"{_IS_UNKNOWN} ORDER BY m.id", {})

    def owners(self, recipient: str) -> Sequence[Unsettled]:
        """Return the messages to a recipient under which Exotel may have a Sid that is not known here."""
        theirs = f"m.recipient_hash = %(hash)s AND {MAY_HAVE_A_SID} UNION ALL {_FORMERLY} ORDER BY 1"
        found = self._find(theirs, {"hash": self.ledger.hash_of(recipient)})
        return [one._replace(recipient=recipient) for one in found]

    def now(self, one: Unsettled) -> tuple[Outcome, str | None]:
        """Return what a message's outcome is by now, and its Sid; what is tried again counts as unknown."""
        sql = f"SELECT {SEEN['state']}, m.sid FROM exosms.messages m WHERE m.id = %s"
        return by_now(self.ledger.database.execute(sql, (one.id,)).fetchone())

    def called_back(self) -> Sequence[tuple[tuple[int | None, int], str]]:
        """Return the Sids that callbacks named of which Exotel is yet to be asked, each after its message's key."""
        sql = (
            "SELECT m.id, c.sid FROM exosms.callbacks c JOIN exosms.messages m ON m.id = c.message"
            " WHERE m.account = %s ORDER BY c.received_at"
        )
        rows = self.ledger.database.execute(sql, (self.account,), begins=False)
        return [((SHARED, number), sid) for number, sid in rows]

    def at(self, place: Place) -> Unsettled | None:
        """Return the message of that number, whatever became of it."""
        return next(iter(self._find("m.id = %(number)s", {"number": place.number})), None)

    def named(self, one: Unsettled, recipient: str) -> Unsettled:
        """Return the message with its recipient in full, if it is that one; else with what is known of its own."""
        hashed = "m.id = %(number)s AND m.recipient_hash = %(hash)s"
        values = {"number": one.id, "hash": self.ledger.hash_of(recipient)}
        return one._replace(recipient=recipient) if self._find(hashed, values) else one

    def accept(self, one: Unsettled, sid: str, status: str | None) -> None:
        """Record the Sid under which Exotel has an unknown message, and Exotel's word for it."""
        self.settle(one, Outcome.ACCEPTED, sid, status, None)

    def erase_texts(self) -> None:
        """Nothing: no texts are here."""

    def settle(
        self, one: Unsettled, outcome: Outcome, sid: str | None, status: str | None, error: str | None
    ) -> None:
        """Record what became of an unknown message, unless another machine did, or gave its Sid to another one."""
        values = {
            "id": one.id, "account": self.account, "state": str(outcome), "sid": sid,
            "status": storable(status), "error": error,
        }  # fmt: skip
        sql = (
            "UPDATE exosms.messages SET state = %(state)s, sid = %(sid)s, status = %(status)s, error = %(error)s,"
            f" http_status = NULL, code = NULL, owner = NULL, updated_at = {NOW}"
            " WHERE id = %(id)s AND state = 'unknown' AND NOT EXISTS (SELECT FROM exosms.messages o"
            " WHERE o.account = %(account)s AND lower(o.sid) = lower(%(sid)s))"
        )

        def work(transaction: Transaction) -> None:
            lock_sids(transaction, self.account, [sid.lower()] if sid else [])
            settle_leases(transaction, "id = %(id)s", values)
            transaction.execute(sql, values)

        self.ledger.database.run(work)

    def _find(self, which: str, values: Mapping[str, Any]) -> list[Unsettled]:
        given = {"account": self.account, **values}
        rows = self.ledger.database.execute(f"{_FOUND} {which}", given)
        return [
            Unsettled(number, SHARED, None, None, account, profile, recipient, sender, fingerprint, at, at, *rest)
            for number, account, profile, recipient, sender, fingerprint, at, *rest in rows
        ]


class Common(NamedTuple):
    """A shared ledger as a machine's own one asks it; see ``CommonLedger``."""

    messages: SharedLedger

    def unknown(self, account: str) -> SharedUnknown:
        """Return an account's messages that may have been sent."""
        return SharedUnknown(self.messages, account)

    def known_sids(self, account: str, sids: Iterable[str]) -> Mapping[str, float]:
        """Return those of the Sids that messages of any machine have or had, and when these were attempted."""
        wanted = {sid.lower(): sid for sid in sids}
        sql = (
            "SELECT w.sid, p.attempted_at FROM unnest(%(sids)s::text[]) AS w(sid) JOIN exosms.purged_sids p"
            f" ON p.account = %(account)s AND p.hash = {HASH_OF_SID.format(sid='w.sid')}"
            " UNION ALL SELECT lower(sid), attempted_at FROM exosms.messages"
            " WHERE account = %(account)s AND lower(sid) = ANY(%(sids)s)"
        )
        values = {"account": account, "sids": [*wanted]}
        rows = self.messages.database.execute(sql, values, begins=False)
        return {wanted[sid]: attempted_at for sid, attempted_at in rows}

    def unknown_elsewhere(self, account: str, once_key: str | None, *, since: float) -> Mapping[str, str | None]:
        """Return the other accounts that have unknown messages, or those with a once key, each with a profile."""
        sql = (
            f"SELECT m.account, max(m.profile) FROM exosms.messages m WHERE {_IS_UNKNOWN}"
            " AND m.account <> %(account)s AND (%(once_key)s::text IS NULL OR m.once_key = %(once_key)s)"
            " AND m.attempted_at >= %(since)s GROUP BY m.account"
        )
        values = {"account": account, "once_key": once_key, "since": since}
        return dict(self.messages.database.execute(sql, values).fetchall())

    def is_any_unknown(self) -> bool:
        """Whether any of its messages may have been sent, or is being sent."""
        which = "state <> 'accepted' AND state IN ('unknown', 'in_flight')"
        sql = f"SELECT EXISTS (SELECT FROM exosms.messages WHERE {which})"
        return self.messages.database.execute(sql).fetchone() == (True,)
