"""The rows of a file before a run begins: laid out in a temporary table, so that a dry run leaves nothing behind.

Nothing here stays: the table is private to its connection and SQLite removes its file at once. Duplicates and what
was sent before are found by SQL, since a set of a million texts would not fit the memory that a command may take.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from exosms.errors import ExitCode
from exosms.ledger.database import Database, translated
from exosms.ledger.dead_processes import touch
from exosms.ledger.fingerprints import Fingerprints, as_number, key_of
from exosms.ledger.wrong_clocks import IS_SINCE, SET_BACK, corrects, window
from exosms.sms.message import OPTIONAL, Encoding, Message, MessageFields, envelope

_written: Callable[[object], str] = lru_cache(str)
_optional = attrgetter(*OPTIONAL)

_TABLE = """
    CREATE TEMP TABLE staged (
      number INTEGER PRIMARY KEY,
      line INTEGER NOT NULL,
      recipient TEXT NOT NULL,
      sender TEXT NOT NULL,
      fingerprint INTEGER,
      occurrence INTEGER NOT NULL DEFAULT 0,
      segments INTEGER NOT NULL,
      encoding TEXT NOT NULL,
      text TEXT,
      fields TEXT,
      envelope TEXT,
      state TEXT NOT NULL,
      exit_code INTEGER NOT NULL DEFAULT 0,
      error TEXT
    ) STRICT
"""
_COLUMNS = (
    "number", "line", "recipient", "sender", "fingerprint", "segments", "encoding", "text", "fields", "envelope",
    "state", "exit_code", "error",
)  # fmt: skip
_OF_MESSAGE = "recipient, sender, encoding, segments, text, fields"
"""What ``reader_of_messages`` reads."""
_ENCODINGS = {encoding.value: encoding for encoding in Encoding}
_SENT = "r.recipient = s.recipient AND r.fingerprint = s.fingerprint AND r.occurrence = s.occurrence"
_SENT_BY_ANYBODY = f"""
    (SELECT number, recipient, fingerprint, occurrence, state, 0 AS is_other FROM temp.staged UNION ALL
    SELECT o.number, o.recipient, o.fingerprint, w.occurrence, w.state, 1 FROM temp.other_senders o
    JOIN temp.staged w ON w.number = o.number) s JOIN main.rows r ON {_SENT}
"""
"""A fingerprint is of the sender too, so that a text counts as sent whoever seemed to send it."""
_OTHER_SENDERS = """
    INSERT INTO temp.other_senders SELECT s.number, s.recipient, fingerprint_of(s.recipient, e.sender, s.text) FROM
      (SELECT DISTINCT r.recipient, r.sender FROM (SELECT DISTINCT recipient, sender FROM temp.staged) d
      JOIN main.rows r ON r.recipient = d.recipient AND r.sender <> d.sender WHERE r.fingerprint IS NOT NULL) e
    JOIN temp.staged s ON s.recipient = e.recipient AND s.sender <> e.sender AND s.text IS NOT NULL
"""
"""What the fingerprints of the rows would be from other senders who wrote to the same people."""
_IS_OTHERWISE = """
    NOT EXISTS (SELECT 1 FROM temp.staged t WHERE t.recipient = r.recipient AND t.fingerprint = r.fingerprint)
    AND NOT EXISTS
      (SELECT 1 FROM temp.other_senders t WHERE t.recipient = r.recipient AND t.fingerprint = r.fingerprint)
"""
"""Whether a row has a text that this file does not have for its recipient, whoever seems to send it."""
_MAYBE_SENT = "r.state IN ('accepted', 'unknown', 'in_flight')"
_LATELY = IS_SINCE.format(time="r.updated_at", number="r.run")
_PAGE = 1000
"""Rows that are read at once: no statement stays open while they are printed."""
_IS_OVER = "r.state <> 'in_flight'"
"""What is not over is looked at again when its turn comes, since it may come to nothing."""


class RowMessage(NamedTuple):
    """A row that makes a message; ``line`` is the physical line on which it begins."""

    number: int
    line: int
    message: Message


class RejectedRow(NamedTuple):
    """A row that makes none, and why; ``recipient`` is what stands in the file."""

    number: int
    line: int
    recipient: str
    error: str


class LeftOut(NamedTuple):
    """A row that is not to be sent: rejected or skipped, and why."""

    number: int
    line: int
    recipient: str
    state: str
    error: str


class Samples(NamedTuple):
    """What stands for all that would be sent."""

    first: RowMessage
    longest: RowMessage
    """Of those of the most characters the first one; it may be the first of all."""
    senders: int
    """How many different ones there are."""


class Totals(NamedTuple):
    """What is laid out; ``messages``, ``parts`` and ``unicode`` count what would be sent."""

    rows: int
    messages: int
    parts: int
    unicode: int
    rejected: int
    skipped: int


class Envelopes(NamedTuple):
    """How many messages may share requests: ``alone`` go one by one, the others by what a request says once."""

    alone: int
    shared: tuple[int, ...]


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


class Staging:
    """The rows of one file for one account."""

    def __init__(
        self, database: Database, *, account: str, message_fields: MessageFields, shared_key: bytes | None = None
    ) -> None:
        self._database = database
        self._connection = database.connection
        self._message_fields = message_fields
        self._common = _optional(message_fields)
        self.content = b""
        """The digest of the file's cells, once it was read."""
        key = key_of(self._connection)
        with translated():
            for table in ("staged", "other_senders"):
                self._connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
            self._connection.execute(_TABLE)
            columns = "number INTEGER, recipient TEXT, fingerprint INTEGER"
            self._connection.execute(f"CREATE TEMP TABLE other_senders ({columns}) STRICT")
        self._fingerprints = Fingerprints.of(account, key)
        self._connection.create_function("fingerprint_of", 3, self._fingerprints.number, deterministic=True)
        common = f"{account}\0{json.dumps(self._common)}\0".encode()  # what all have, so that `_fields` leaves it out
        self._digest = hashlib.blake2b(common, key=key, digest_size=16)
        self._shared = shared_key and hashlib.blake2b(common, key=shared_key, digest_size=16)

    @property
    def shared_digest(self) -> bytes:
        """The same for the ledger that other machines share, by its key: of the messages alone."""
        return self._shared.digest() if self._shared else b""

    def lay_out(self, drafts: Iterable[RowMessage | RejectedRow]) -> int:
        """Take the rows of the file, in order, and return how many there are."""
        insert = f"INSERT INTO temp.staged ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
        with translated():
            self._connection.execute("BEGIN")  # of the temporary table alone: nobody else is kept waiting
            try:
                rows = self._connection.executemany(insert, map(self._row, drafts)).rowcount
            finally:
                self._connection.execute("COMMIT")
            self._connection.execute(
                "CREATE INDEX temp.staged_by_recipient ON staged (recipient, fingerprint, number)"
            )
            self._number_occurrences()
            self._connection.execute(_OTHER_SENDERS)
            self._connection.execute("CREATE INDEX temp.by_other ON other_senders (recipient, fingerprint)")
        return rows

    @property
    def digest(self) -> bytes:
        """What tells one content from another: account, rows in their order, and whatever changes a message."""
        return self._digest.digest()

    def totals(self) -> Totals:
        """Count what is laid out."""
        row = self._one(
            "SELECT count(*), total(state = 'waiting'), total(iif(state = 'waiting', segments, 0)),"
            " total(state = 'waiting' AND encoding = 'unicode'), total(state = 'rejected'), total(state = 'skipped')"
            " FROM temp.staged"
        )
        names = ("rows", "messages", "parts", "unicode", "rejected", "skipped")
        return Totals(**dict(zip(names, map(int, row), strict=True)))

    def parts_of_first(self, messages: int) -> int:
        """Return the parts of so many messages, from the first one on."""
        row = self._one(
            "SELECT total(segments) FROM (SELECT segments FROM temp.staged WHERE state = 'waiting'"
            " ORDER BY number LIMIT ?)",
            min(messages, sys.maxsize),
        )
        return int(row[0])

    def left_out(self) -> Iterator[LeftOut]:
        """Yield the rows that are not to be sent, in order."""
        condition = "state IN ('rejected', 'skipped')"
        return map(LeftOut._make, self._paged("number, line, recipient, state, error", condition))

    def planned(self) -> Iterator[RowMessage | LeftOut]:
        """Yield every row, in order: its message, or why it has none."""
        message_of = reader_of_messages(self._message_fields)
        for row in self._paged(f"number, line, recipient, state, error, {_OF_MESSAGE}", "true"):
            if row[3] == "waiting":
                yield RowMessage(row[0], row[1], message_of(row[5:]))
            else:
                yield LeftOut._make(row[:5])

    def _paged(self, columns: str, condition: str) -> Iterator[Sequence[Any]]:
        """Yield rows that meet a condition, by their number, which is the first column."""
        after = 0
        while True:
            with translated():
                page = self._connection.execute(
                    f"SELECT {columns} FROM temp.staged WHERE {condition} AND number > ? ORDER BY number LIMIT ?",
                    (after, _PAGE),
                ).fetchall()
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1][0]

    def envelopes(self) -> Envelopes:
        """Count the messages that may share requests, as ``bulk`` puts them together."""
        with translated():
            groups: dict[str | None, int] = dict(
                self._connection.execute(
                    "SELECT envelope, count(*) FROM temp.staged WHERE state = 'waiting' GROUP BY envelope"
                )
            )
        return Envelopes(groups.pop(None, 0), tuple(groups.values()))

    def duplicates(self) -> int:
        """Count the rows that repeat recipient, text and sender of an earlier one."""
        return int(self._one("SELECT count(*) FROM temp.staged WHERE occurrence > 0 AND state = 'waiting'")[0])

    def first_duplicates(self, most: int) -> Sequence[tuple[int, int, int, str]]:
        """Return number, line, line of the first, and recipient of the first repeated rows."""
        with translated():
            return self._connection.execute(
                "SELECT number, line, (SELECT min(f.line) FROM temp.staged f WHERE f.recipient = s.recipient"
                " AND f.fingerprint = s.fingerprint), recipient FROM temp.staged s WHERE occurrence > 0"
                " ORDER BY number LIMIT ?",
                (most,),
            ).fetchall()

    def skip_duplicates(self) -> None:
        """Leave out the rows that repeat an earlier one."""
        self._execute(
            "UPDATE temp.staged SET state = 'skipped', error = 'the same message as in an earlier row'"
            " WHERE occurrence > 0 AND state = 'waiting'"
        )

    def correct_times(self, now: float) -> bool:
        """Have earlier rows of the same messages whose times cannot be right count as sent now; tell if there are."""
        wrong = window(self._connection, "runs", since=now, now=now)[2:]
        (is_any,) = self._one(
            "SELECT EXISTS (SELECT 1 FROM main.runs WHERE updated_at > ? OR started_at < ?)",
            now + SET_BACK, wrong[0],
        )  # fmt: skip
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
        row = self._one(
            "SELECT coalesce(sum(accepted), 0), coalesce(sum(1 - accepted), 0), coalesce(max(name), ''),"
            " coalesce(sum(is_other), 0) FROM"
            " (SELECT max(r.state = 'accepted') AS accepted, max(u.name) AS name, min(s.is_other) AS is_other"
            f" FROM {_SENT_BY_ANYBODY} JOIN main.runs u ON u.id = r.run"
            f" WHERE s.state = 'waiting' AND {_MAYBE_SENT} AND {_LATELY} GROUP BY s.number)",
            *window(self._connection, "runs", since=since, now=now),
        )
        return EarlierMessages(accepted=row[0], unknown=row[1], run=row[2], from_another=row[3])

    def skip_sent_before(self, since: float, now: float) -> None:
        """Leave out the rows that earlier runs sent, or may have sent, since that moment."""
        self._execute(
            "UPDATE temp.staged SET state = 'skipped', error = iif(e.sent IS NULL, 'perhaps ', '') || 'sent before'"
            " || iif(e.is_other, ' from another sender', '') || ', by the run ' || coalesce(e.sent, e.perhaps)"
            " FROM (SELECT s.number, min(s.is_other) AS is_other,"
            " max(iif(r.state = 'accepted', u.name, NULL)) AS sent, max(u.name) AS perhaps"
            f" FROM {_SENT_BY_ANYBODY} JOIN main.runs u ON u.id = r.run WHERE s.state = 'waiting'"
            f" AND {_MAYBE_SENT} AND {_IS_OVER} AND {_LATELY} GROUP BY s.number) e WHERE staged.number = e.number",
            *window(self._connection, "runs", since=since, now=now),
        )

    def changed_since(self, run: int) -> tuple[int, int, int, int]:
        """Return how many rows are as in that run, how many are new, and how many of the run's are gone.

        The last is of the people here who got a text from it, or may have, that they do not have here.
        """
        (same,) = self._one(
            "SELECT count(*) FROM temp.staged s WHERE EXISTS"
            f" (SELECT 1 FROM main.rows r WHERE r.run = ? AND {_SENT})",
            run,
        )
        (then,) = self._one("SELECT count(*) FROM main.rows WHERE run = ?", run)
        (now,) = self._one("SELECT count(*) FROM temp.staged")
        (people,) = self._one(
            f"SELECT count(DISTINCT r.recipient) FROM main.rows r WHERE r.run = ? AND {_MAYBE_SENT}"
            f" AND EXISTS (SELECT 1 FROM temp.staged s WHERE s.recipient = r.recipient) AND {_IS_OTHERWISE}",
            run,
        )
        return same, now - same, max(0, then - same), people

    def samples(self) -> Samples | None:
        """Return the first and the longest of what would be sent; None if nothing would."""
        message_of = reader_of_messages(self._message_fields)
        waiting = "FROM temp.staged WHERE state = 'waiting'"
        rows = [
            self._one(f"SELECT number, line, {_OF_MESSAGE} {waiting} ORDER BY {order} LIMIT 1")
            for order in ("number", "length(text) DESC, number")
        ]
        if None in rows:
            return None
        first, longest = (RowMessage(row[0], row[1], message_of(row[2:])) for row in rows)
        (senders,) = self._one(f"SELECT count(DISTINCT sender) {waiting}")
        return Samples(first, longest, senders)

    def texted_otherwise(self, since: float, now: float, *, account: str) -> int:
        """Count the people whom an earlier run sent a text, or may have, that this file does not have for them."""
        row = self._one(
            "SELECT count(DISTINCT s.recipient) FROM temp.staged s WHERE s.state = 'waiting' AND EXISTS"
            " (SELECT 1 FROM main.rows r JOIN main.runs u ON u.id = r.run WHERE r.recipient = s.recipient"
            f" AND u.account = ? AND {_MAYBE_SENT} AND {_LATELY} AND {_IS_OTHERWISE})",
            account,
            *window(self._connection, "runs", since=since, now=now),
        )
        return int(row[0])

    def _row(self, draft: RowMessage | RejectedRow) -> tuple[object, ...]:
        if isinstance(draft, RejectedRow):
            self._digest.update(f"{draft.number}\0{draft.recipient}\0{draft.error}\0".encode(errors="replace"))
            recipient, error = _storable(draft.recipient), _storable(draft.error)
            return (
                draft.number, draft.line, recipient, "", None, 0, Encoding.PLAIN.value, None, None, None, "rejected",
                int(ExitCode.INPUT), error,
            )  # fmt: skip
        message = draft.message
        sender = message.fields.sender
        fingerprint = self._fingerprints.digest(message.to, sender, message.body)
        fields = self._fields(message)
        self._digest.update(fingerprint)
        if self._shared:
            self._shared.update(f"{message.to}\0{sender}\0{message.body}\0{message.encoding}{fields}\0".encode())
        if fields or message.encoding is not Encoding.PLAIN:
            self._digest.update(f"{message.encoding}{fields}\0".encode())
        return (
            draft.number, draft.line, message.to, sender, as_number(fingerprint),
            message.segments, str(message.encoding), message.body, fields, _envelope(message), "waiting", 0, None,
        )  # fmt: skip

    def _fields(self, message: Message) -> str | None:
        """Return what this message has of its own, as JSON; None for nothing."""
        if message.fields is self._message_fields:  # as of most rows
            return None
        values = _optional(message.fields)
        if values == self._common:
            return None
        return json.dumps(
            {
                name: value
                for name, value, common in zip(OPTIONAL, values, self._common, strict=True)
                if value != common
            }
        )

    def _number_occurrences(self) -> None:
        (repeated,) = self._one(
            "SELECT EXISTS (SELECT 1 FROM temp.staged WHERE fingerprint IS NOT NULL"
            " GROUP BY recipient, fingerprint HAVING count(*) > 1)"
        )
        if repeated:
            self._execute(
                "UPDATE temp.staged SET occurrence = d.place - 1 FROM (SELECT number, row_number() OVER"
                " (PARTITION BY recipient, fingerprint ORDER BY number) AS place FROM temp.staged"
                " WHERE fingerprint IS NOT NULL) d WHERE d.number = staged.number AND d.place > 1"
            )

    def _one(self, sql: str, *values: object) -> Any:
        with translated():
            return self._connection.execute(sql, values).fetchone()

    def _execute(self, sql: str, *values: object) -> None:
        with translated():
            self._connection.execute(sql, values)


def reader_of_messages(message_fields: MessageFields) -> Callable[[Sequence[Any]], Message]:
    """Return what makes a message of a row's recipient, sender, encoding, segments, text and fields."""

    def message_of(columns: Sequence[Any]) -> Message:
        to, sender, encoding, segments, text, own = columns
        fields = message_fields.with_stored(json.loads(own)) if own else message_fields
        if sender != fields.sender:
            fields = fields._replace(sender=sender)
        return Message(to, text, _ENCODINGS[encoding], segments, fields)

    return message_of


def _envelope(message: Message) -> str | None:
    shared = envelope(message)
    return None if shared is None else _written(shared)


def _storable(text: str) -> str:
    """Return text that UTF-8 can hold: what a CSV in a wrong encoding has may be no character."""
    return text.encode(errors="backslashreplace").decode()


def seal(database: Database, account: str, digest: bytes) -> str:
    """Return a file's digest with this installation's key, without which numbers cannot be guessed from it."""
    return hashlib.blake2b(account.encode() + b"\0" + digest, key=key_of(database.connection)).hexdigest()[:32]
