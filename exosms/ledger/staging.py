"""The rows of a file before a run begins: laid out in a temporary table, so that a dry run leaves nothing behind.

Nothing here stays: the table is private to its connection and SQLite removes its file at once. Duplicates and what
was sent before are found by SQL, since a set of a million texts would not fit the memory that a command may take.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from exosms.errors import ExitCode
from exosms.ledger.database import Database, translated
from exosms.ledger.earlier_runs import EarlierRuns
from exosms.ledger.fingerprints import Fingerprints, as_number, key_of
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
_OTHER_SENDERS = """
    INSERT INTO temp.other_senders SELECT s.number, s.recipient, fingerprint_of(s.recipient, e.sender, s.text) FROM
      (SELECT DISTINCT r.recipient, r.sender FROM (SELECT DISTINCT recipient, sender FROM temp.staged) d
      JOIN main.rows r ON r.recipient = d.recipient AND r.sender <> d.sender WHERE r.fingerprint IS NOT NULL) e
    JOIN temp.staged s ON s.recipient = e.recipient AND s.sender <> e.sender AND s.text IS NOT NULL
"""
"""What the fingerprints of the rows would be from other senders who wrote to the same people."""
_PAGE = 1000
"""Rows that are read at once: no statement stays open while they are printed."""


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


class Staging:
    """The rows of one file for one account."""

    def __init__(
        self, database: Database, *, account: str, message_fields: MessageFields, shared_key: bytes | None = None
    ) -> None:
        self._database = database
        self._connection = database.connection
        self._message_fields = message_fields
        self._common = _optional(message_fields)
        self.earlier = EarlierRuns(database)
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
        common = f"{account}\0{json.dumps(self._common)}\0".encode()  # what all have, so that `_fields` leaves it out
        self._digest = hashlib.blake2b(common, key=key, digest_size=16)
        self._shared = shared_key and hashlib.blake2b(common, key=shared_key, digest_size=16)

    @property
    def digest(self) -> bytes:
        """What tells one content from another: account, rows in their order, and whatever changes a message."""
        return self._digest.digest()

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
            with self._database.calling("fingerprint_of", 3, self._fingerprints.number):
                self._connection.execute(_OTHER_SENDERS)
            self._connection.execute("CREATE INDEX temp.by_other ON other_senders (recipient, fingerprint)")
        return rows

    def totals(self) -> Totals:
        """Count what is laid out."""
        row = self._database.read_one(
            "SELECT count(*), total(state = 'waiting'), total(iif(state = 'waiting', segments, 0)),"
            " total(state = 'waiting' AND encoding = 'unicode'), total(state = 'rejected'), total(state = 'skipped')"
            " FROM temp.staged"
        )
        names = ("rows", "messages", "parts", "unicode", "rejected", "skipped")
        return Totals(**dict(zip(names, map(int, row), strict=True)))

    def parts_of_first(self, messages: int) -> int:
        """Return the parts of so many messages, from the first one on."""
        row = self._database.read_one(
            "SELECT total(segments) FROM (SELECT segments FROM temp.staged WHERE state = 'waiting'"
            " ORDER BY number LIMIT ?)",
            (messages,),
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
            page = self._database.read(
                f"SELECT {columns} FROM temp.staged WHERE {condition} AND number > ? ORDER BY number LIMIT ?",
                (after, _PAGE),
            )
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1][0]

    def envelopes(self) -> Envelopes:
        """Count the messages that may share requests, as ``bulk`` puts them together."""
        sql = "SELECT envelope, count(*) FROM temp.staged WHERE state = 'waiting' GROUP BY envelope"
        groups: dict[str | None, int] = dict(self._database.read(sql))
        return Envelopes(groups.pop(None, 0), tuple(groups.values()))

    def duplicates(self) -> int:
        """Count the rows that repeat recipient, text and sender of an earlier one."""
        return int(
            self._database.read_one("SELECT count(*) FROM temp.staged WHERE occurrence > 0 AND state = 'waiting'")[0]
        )

    def first_duplicates(self, most: int) -> Sequence[tuple[int, int, int, str]]:
        """Return number, line, line of the first, and recipient of the first repeated rows."""
        return self._database.read(
            "SELECT number, line, (SELECT f.line FROM temp.staged f WHERE f.recipient = s.recipient"
            " AND f.fingerprint = s.fingerprint ORDER BY f.number LIMIT 1), recipient FROM temp.staged s"
            " WHERE occurrence > 0 ORDER BY number LIMIT ?",
            (most,),
        )

    def skip_duplicates(self) -> None:
        """Leave out the rows that repeat an earlier one."""
        self._execute(
            "UPDATE temp.staged SET state = 'skipped', error = 'the same message as in an earlier row'"
            " WHERE occurrence > 0 AND state = 'waiting'"
        )

    def samples(self) -> Samples | None:
        """Return the first and the longest of what would be sent; None if nothing would."""
        message_of = reader_of_messages(self._message_fields)
        waiting = "FROM temp.staged WHERE state = 'waiting'"
        rows = [
            self._database.read_one(f"SELECT number, line, {_OF_MESSAGE} {waiting} ORDER BY {order} LIMIT 1")
            for order in ("number", "length(text) DESC, number")
        ]
        if None in rows:
            return None
        first, longest = (RowMessage(row[0], row[1], message_of(row[2:])) for row in rows)
        (senders,) = self._database.read_one(f"SELECT count(DISTINCT sender) {waiting}")
        return Samples(first, longest, senders)

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
        (repeated,) = self._database.read_one(
            "SELECT EXISTS (SELECT 1 FROM temp.staged WHERE fingerprint IS NOT NULL"
            " GROUP BY recipient, fingerprint HAVING count(*) > 1)"
        )
        if repeated:
            self._execute(
                "UPDATE temp.staged SET occurrence = d.place - 1 FROM (SELECT number, row_number() OVER"
                " (PARTITION BY recipient, fingerprint ORDER BY number) AS place FROM temp.staged"
                " WHERE fingerprint IS NOT NULL) d WHERE d.number = staged.number AND d.place > 1"
            )

    def _execute(self, sql: str) -> None:
        with translated():
            self._connection.execute(sql)


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
