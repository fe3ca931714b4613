"""Which messages a callback may be about: a token in the path of its address, new for each request.

It is all that protects callbacks, which are unsigned: nobody can guess it, and the ledger keeps its hash alone.
"""

import hashlib
import os
from collections.abc import Mapping
from typing import NamedTuple

from exosms.ledger.database import Database
from exosms.ledger.messages import Place
from exosms.sms.message import Message


class CallbackAddress(NamedTuple):
    """Where one account's callbacks go, and what it takes to ask about their messages later."""

    url: str
    """Without a final slash; the token follows."""
    account: str
    profile: str | None
    base_url: str

    def name(self, database: Database, messages: Mapping[Place, Message]) -> str | None:
        """Return an address for one request, by whose token its messages are known from now on.

        It is committed with the claim, before the first byte. None where the messages name another address, and where
        no other process could know of this one.
        """
        if database.is_in_memory or any(message.fields.status_callback for message in messages.values()):
            return None
        token = os.urandom(24).hex()
        with database.transaction() as connection:
            (request,) = connection.execute(
                "INSERT INTO callback_requests (token_hash, account, profile, base_url, created_at)"
                " VALUES (?, ?, ?, ?, ?) RETURNING id",
                (hash_of(token), self.account, self.profile, self.base_url, database.clock()),
            ).fetchone()
            connection.executemany(
                "INSERT INTO callback_messages VALUES (?, ?, ?, ?)",
                [(request, message.to, *place) for place, message in messages.items()],
            )
        return f"{self.url}/{token}"


def hash_of(token: str) -> bytes:
    """Return what the ledger keeps of a token; looking it up by that takes no longer for one that is nearly right."""
    return hashlib.sha256(token.encode()).digest()
