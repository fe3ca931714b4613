"""What of a text outlives it: a keyed hash of account, recipient, sender and text, by which messages are compared.

A plain hash of a phone number is reversed in an hour; one with this installation's key is not without the key.
"""

import hashlib
import os
import sqlite3
from typing import NamedTuple

from exosms.ledger.database import translated
from exosms.sms.message import Message


class Fingerprints(NamedTuple):
    """Those of one account's messages."""

    account_hash: "hashlib.blake2b"
    other: "Fingerprints | None" = None
    """Those of the same messages in the ledger that many machines share, which has a key of its own."""

    @classmethod
    def of(cls, account: str, key: bytes) -> "Fingerprints":
        """Return them for an account; the key is the installation's."""
        return cls(hashlib.blake2b(account.encode() + b"\0", key=key, digest_size=8))

    def digest(self, to: str, sender: str, body: str) -> bytes:
        """Return a message's as bytes; raises UnicodeEncodeError for a text that could never have been sent."""
        hasher = self.account_hash.copy()
        hasher.update(f"{to}\0{sender}\0{body}".encode())
        return hasher.digest()

    def number(self, to: str, sender: str, body: str) -> int:
        """Return it as the ledger keeps it."""
        return as_number(self.digest(to, sender, body))

    def numbers(self, to: str, sender: str, body: str) -> set[int]:
        """Return it as any ledger keeps it."""
        return {self.number(to, sender, body), *(self.other.numbers(to, sender, body) if self.other else ())}

    def of_message(self, message: Message) -> int:
        """Return a whole message's."""
        return self.number(message.to, message.fields.sender, message.body)


def as_number(digest: bytes) -> int:
    """Return a fingerprint's bytes as a number that SQLite takes."""
    return int.from_bytes(digest, "big", signed=True)


def key_of(connection: sqlite3.Connection) -> bytes:
    """Return this installation's key, or one for this command alone where there is none yet."""
    with translated():
        return _stored_key(connection) or os.urandom(32)


def lasting_key(connection: sqlite3.Connection) -> bytes:
    """Return this installation's key, which is made where there is none; within a transaction."""
    key = _stored_key(connection)
    if key is None:
        key = os.urandom(32)
        connection.execute("INSERT INTO main.installation VALUES (?)", (key,))
    return key


def _stored_key(connection: sqlite3.Connection) -> bytes | None:
    row = connection.execute("SELECT fingerprint_key FROM main.installation").fetchone()
    return row[0] if row else None
