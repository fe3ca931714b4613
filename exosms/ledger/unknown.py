"""Messages that may have been sent and have no Sid: which there are, and what settles them.

A person's word settles them, or a Sid under which Exotel has just that message.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from exosms.errors import ExitCode
from exosms.ledger.dead_processes import reclaimed, touch
from exosms.ledger.entry import Place
from exosms.ledger.fingerprints import Fingerprints, key_of
from exosms.ledger.messages import Ledger
from exosms.ledger.runs import Run
from exosms.ledger.traces import ABSENT, BY_HAND
from exosms.ledger.unsettled import MAY_HAVE_A_SID, SHARED, Unsettled, by_now
from exosms.sms.message import Outcome

_LAST_WORDS = 4

_SINGLY = """
    SELECT id, NULL, NULL, NULL, account, profile, recipient, sender, fingerprint,
      coalesce(attempted_at, created_at), coalesce(attempted_at, updated_at), state, once_key
    FROM messages WHERE +account = :account AND {which}
"""
_IN_BULK = """
    SELECT r.number, r.run, u.name, r.line, u.account, u.profile, r.recipient, r.sender, r.fingerprint,
      coalesce(r.attempted_at, u.started_at), coalesce(r.attempted_at, r.updated_at), r.state, NULL
    FROM rows r JOIN runs u ON u.id = r.run WHERE u.account = :account AND {which}
"""
_FORMERLY = """
    SELECT -id, -1, NULL, NULL, account, NULL, recipient, sender, fingerprint, since, until, 'not_sent', NULL
    FROM former_attempts WHERE account = :account AND {which}
"""
"""Their numbers are negative, lest they are taken for messages that can still be settled."""


class Rows(NamedTuple):
    """The rows from one number to another, both included."""

    first: int
    last: int


class UnknownRow(NamedTuple):
    """An unknown row as a person looks for it in Exotel's report."""

    number: int
    line: int
    recipient: str
    attempted_at: float
    text: str | None

    @property
    def ending(self) -> str:
        """The last words of its text, by which equal beginnings are told apart; nothing once it is erased."""
        words = (self.text or "").split()
        return ("… " if len(words) > _LAST_WORDS else "") + " ".join(words[-_LAST_WORDS:])


class NotUnknownError(Exception):
    """A row of which somebody wants to say what became of it is not unknown, or not there."""

    def __init__(self, row: int) -> None:
        super().__init__(row)
        self.row = row


class UnknownMessages:
    """The messages of one account that may have been sent."""

    def __init__(self, ledger: Ledger, account: str) -> None:
        """With those of other machines, where the ledger has what they share beside it."""
        self.account = account
        self._database = ledger.database
        self._connection = ledger.database.connection
        self._shared = None if ledger.shared is None else ledger.shared.unknown(account)

    @property
    def fingerprints(self) -> Fingerprints:
        """What tells whether two texts of this account are the same."""
        own = Fingerprints.of(self.account, key_of(self._connection))
        if self._shared is None:
            return own
        return own._replace(other=self._shared.fingerprints)

    def all(self) -> Sequence[Unsettled]:
        """Return the unknown ones, single ones first, in the order in which they were sent."""
        with reclaimed(self._database):
            singly = self._find(_SINGLY, "state <> 'accepted' AND state = 'unknown' ORDER BY id", {})
            in_bulk = self._find(_IN_BULK, "r.state = 'unknown' ORDER BY r.run, r.number", {})
        return [*(self._shared.all() if self._shared else ()), *singly, *in_bulk]

    def owners(self, recipient: str) -> Sequence[Unsettled]:
        """Return the messages to a recipient under which Exotel may have a Sid that is not known here."""
        values, theirs = {"recipient": recipient}, "recipient = :recipient"
        return [
            *(self._shared.owners(recipient) if self._shared else ()),
            *self._find(_SINGLY, f"{theirs} AND {MAY_HAVE_A_SID}", values),
            *self._find(_IN_BULK, f"{theirs} AND {MAY_HAVE_A_SID}", values),
            *self._find(_FORMERLY, theirs, values),
        ]

    def called_back(self) -> Sequence[tuple[tuple[int | None, int], str]]:
        """Return the Sids that callbacks named of which Exotel is yet to be asked, each after its message's key."""
        found = self._database.read(
            "SELECT nullif(m.run, 0), m.number, c.sid FROM callbacks c JOIN callback_requests r ON r.id = c.request"
            " JOIN callback_messages m ON m.request = c.request AND m.recipient = c.recipient WHERE r.account = ?",
            (self.account,),
        )
        ours = [((run, number), sid) for run, number, sid in found]
        return [*(self._shared.called_back() if self._shared else ()), *ours]

    def at(self, place: Place) -> Unsettled | None:
        """Return the message that the ledger keeps there, whatever became of it."""
        if place.run:
            found = self._find(_IN_BULK, "r.run = :run AND r.number = :number", place._asdict())
        else:
            found = self._find(_SINGLY, "id = :number", place._asdict())
        return found[0] if found else None

    def now(self, one: Unsettled) -> tuple[Outcome, str | None]:
        """Return what a message's outcome is by now, and its Sid; what is tried again counts as unknown."""
        if self._shared and one.run_id == SHARED:
            return self._shared.now(one)
        sql = "SELECT state, sid FROM rows WHERE run = ? AND number = ?"
        if one.run_id is None:
            sql = "SELECT state, sid FROM messages WHERE ? IS NULL AND id = ?"
        return by_now(self._database.read_one(sql, one.key))

    def named(self, one: Unsettled, recipient: str) -> Unsettled:
        """Return a message with its recipient in full, if it is that one, where only its last digits are kept."""
        return self._shared.named(one, recipient) if self._shared and one.run_id == SHARED else one

    def at_once(self) -> AbstractContextManager[object]:
        """Let what is read, decided and recorded within be one step, which no other process can come between."""
        return self._database.transaction()

    def accept(self, one: Unsettled, sid: str, status: str | None) -> None:
        """Record the Sid under which Exotel has an unknown message, and Exotel's word for it."""
        self._settle(one, Outcome.ACCEPTED, sid, status, None)

    def call_absent(self, one: Unsettled) -> None:
        """Record that Exotel has no such message."""
        self._settle(one, Outcome.NOT_SENT, None, None, ABSENT)

    def erase_texts(self) -> None:
        """Overwrite the texts of what was accepted, which the log still has."""
        self._database.erase_log()

    def _settle(
        self, one: Unsettled, outcome: Outcome, sid: str | None, status: str | None, error: str | None
    ) -> None:
        if self._shared and one.run_id == SHARED:
            self._shared.settle(one, outcome, sid, status, error)
            return
        said = (str(outcome), sid, status, error)
        with self._database.transaction() as connection:
            if one.run_id is None:
                connection.execute(
                    "UPDATE messages SET state = ?, sid = ?, status = ?, error = ?, http_status = NULL, code = NULL,"
                    " updated_at = ? WHERE id = ? AND state = 'unknown'",
                    (*said, self._database.clock(), one.id),
                )
                return
            exit_code = ExitCode.OK if sid else ExitCode.UNAVAILABLE
            connection.execute(
                "UPDATE rows SET state = ?, sid = ?, status = ?, error = ?, http_status = NULL, code = NULL,"
                " exit_code = ?, text = iif(?, NULL, text), updated_at = ?"
                " WHERE run = ? AND number = ? AND state = 'unknown'",
                (*said, int(exit_code), sid is not None, touch(self._database, one.run_id), one.run_id, one.id),
            )

    def _find(self, source: str, which: str, values: Mapping[str, object]) -> list[Unsettled]:
        found = self._database.read(source.format(which=which), {"account": self.account, **values})
        return [*map(Unsettled._make, found)]


def unknown_elsewhere(
    ledger: Ledger, account: str, once_key: str | None = None, *, since: float = 0.0
) -> Mapping[str, str | None]:
    """Return the other accounts that have unknown messages, or those with a once key, each with a profile of its.

    With those of other machines, where the ledger has what they share beside it. ``since``: only those last tried
    after that moment, in seconds since the epoch.
    """
    with reclaimed(ledger.database) as connection:
        cursor = connection.execute(
            "SELECT account, profile FROM messages WHERE state <> 'accepted' AND state = 'unknown'"
            " AND account <> :own AND (:key IS NULL OR once_key = :key)"
            " AND coalesce(attempted_at, updated_at) >= :since"
            " UNION SELECT account, profile FROM runs WHERE account <> :own AND :key IS NULL AND EXISTS (SELECT 1"
            " FROM rows r WHERE r.run = runs.id AND r.state = 'unknown'"
            " AND coalesce(r.attempted_at, r.updated_at) >= :since)",
            {"own": account, "key": once_key, "since": since},
        )
        found = dict(cursor.fetchall())
    if ledger.shared is not None:
        found |= ledger.shared.unknown_elsewhere(account, once_key, since=since)
    return found


def resolve_rows(ledger: Ledger, run: Run, *, outcome: Outcome, rows: Sequence[Rows] = ()) -> int:
    """Record a person's decision about the unknown rows of a run, or some of them; return how many there were.

    Raises NotUnknownError, and changes nothing, if one of those rows is not unknown.
    """
    with ledger.database.transaction() as connection:
        unknown = unknown_rows(ledger, run, rows)
        exit_code = ExitCode.OK if outcome is Outcome.ACCEPTED else ExitCode.UNAVAILABLE
        return connection.execute(
            "UPDATE rows SET state = ?, exit_code = ?, error = ?, text = iif(?, NULL, text), updated_at = ?"
            " WHERE run = ? AND number IN (SELECT value FROM json_each(?))",
            (
                str(outcome), int(exit_code), BY_HAND, outcome is Outcome.ACCEPTED, touch(ledger.database, run.id),
                run.id, json.dumps(unknown),
            ),
        ).rowcount  # fmt: skip


def unknown_rows(ledger: Ledger, run: Run, rows: Sequence[Rows]) -> Sequence[int]:
    """Return a run's unknown rows, or those that are asked for; raises NotUnknownError for one that is not."""
    sql = "SELECT number FROM rows WHERE run = ? AND state = 'unknown' ORDER BY number"
    unknown = [number for (number,) in ledger.database.read(sql, (run.id,))]
    if not rows:
        return unknown
    found = set(unknown)
    for first, last in rows:
        if missing := next((number for number in range(first, last + 1) if number not in found), None):
            raise NotUnknownError(missing)
    return [number for number in unknown if any(first <= number <= last for first, last in rows)]


def unknown_rows_of(ledger: Ledger, run: Run, *, most: int | None) -> Sequence[UnknownRow]:
    """Return the unknown rows of a run, or the first of them, with what is still known of their texts."""
    found = ledger.database.read(
        "SELECT number, line, recipient, coalesce(attempted_at, updated_at), text FROM rows"
        " WHERE run = ? AND state = 'unknown' ORDER BY number LIMIT ?",
        (run.id, -1 if most is None else most),
    )
    return [*map(UnknownRow._make, found)]
