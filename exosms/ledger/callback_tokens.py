"""Which messages a callback may be about: a token in the path of its address, new for each request.

It is all that protects callbacks, which are unsigned: nobody can guess it, and the ledger keeps its hash alone.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from exosms.ledger.database import Database
from exosms.ledger.entry import Place
from exosms.sms.message import Message


class CallbackAddress(NamedTuple):
    """Where one account's callbacks go, and what it takes to ask about their messages later."""

    url: str
    """Without a final slash; the token follows."""
    account: str
    profile: str | None
    base_url: str

    def request_for(self, messages: Iterable[Message]) -> "CallbackRequest | None":
        """Return one request with these messages, and its address; None where they name another."""
        if any(message.fields.status_callback for message in messages):
            return None
        return CallbackRequest(self, os.urandom(24).hex())

    def url_for(self, database: Database, messages: Mapping[Place, Message]) -> str | None:
        """Return the address of one request with these messages, which are known by its token from now on.

        It is committed with the claim, before the first byte. None where the messages name another address, and where
        no other process could know of this one.
        """
        request = None if database.is_in_memory else self.request_for(messages.values())
        if request is None:
            return None
        request.enter(database, messages)
        return request.url


class CallbackRequest(NamedTuple):
    """One request, and the token by which its callbacks are known."""

    address: CallbackAddress
    token: str

    @property
    def url(self) -> str:
        """Where its callbacks go."""
        return f"{self.address.url}/{self.token}"

    def enter(self, database: Database, messages: Mapping[Place, Message]) -> None:
        """Have its messages known by the token from now on."""
        _, account, profile, base_url = self.address
        with database.transaction() as connection:
            (request,) = connection.execute(
                "INSERT INTO callback_requests (token_hash, account, profile, base_url, created_at)"
                " VALUES (?, ?, ?, ?, ?) RETURNING id",
                (hash_of(self.token), account, profile, base_url, database.clock()),
            ).fetchone()
            connection.executemany(
                "INSERT INTO callback_messages VALUES (?, ?, ?, ?)",
                [(request, message.to, *place) for place, message in messages.items()],
            )


def hash_of(token: str) -> bytes:
    """Return what the ledger keeps of a token; looking it up by that takes no longer for one that is nearly right."""
    return hashlib.sha256(token.encode()).digest()
