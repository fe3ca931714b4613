"""Where the sandbox keeps its messages: in memory, or in a file that later commands find again."""

import os
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

_COLUMNS = "sid, account, sender, recipient, body, ends_with, created_at, callback, custom_field"
_TABLE = f"CREATE TABLE IF NOT EXISTS messages ({_COLUMNS}, PRIMARY KEY (sid)) WITHOUT ROWID"


class StoredMessage(NamedTuple):
    """A message that the sandbox took; ``ends_with`` is the detailed status that it will end with."""

    sid: str
    account: str
    sender: str
    recipient: str
    body: str
    ends_with: int
    created_at: float
    callback: str
    custom_field: str


class MessageStore:
    """Messages by Sid. With a path they are in SQLite there; sqlite3.Error and OSError pass to the caller.

    Where somebody is to hear that messages were lost, those that cannot be written are kept in memory instead.
    """

    def __init__(self, path: Path | None = None, *, tell_loss: "Callable[[], None] | None" = None) -> None:
        self._path = path
        self._tell_loss = tell_loss
        self._memory: dict[str, StoredMessage] = {}
        self._lock = threading.Lock()
        if path is not None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError, PermissionError):
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                owner = path.parent.stat()
                if os.geteuid() == 0:  # or the owner of the directory could not use it afterwards
                    os.fchown(descriptor, owner.st_uid, owner.st_gid)
                os.close(descriptor)
            with self._connection() as connection:
                connection.execute(_TABLE)

    def add(self, messages: list[StoredMessage]) -> None:
        """Keep messages, all or none."""
        if self._path is None:
            self._remember(messages)
            return
        import sqlite3

        try:
            with self._connection() as connection:
                connection.executemany(
                    f"INSERT INTO messages VALUES ({', '.join('?' * 9)})",  # noqa: S608  # nothing but question marks
                    messages,
                )
        except sqlite3.Error:
            if self._tell_loss is None:
                raise
            self._tell_loss()
            self._remember(messages)

    def get(self, account: str, sid: str) -> StoredMessage | None:
        """Return an account's message."""
        message = self._memory.get(sid)
        if self._path is None or message:
            return message if message and message.account == account else None
        with self._connection() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM messages WHERE sid = ? AND account = ?",  # noqa: S608  # our own words only
                (sid, account),
            ).fetchone()
        return StoredMessage(*row) if row else None

    def received(self, account: str | None = None) -> list[StoredMessage]:
        """Return all messages that were taken, in the order of taking, or those of one account."""
        if self._path is None:
            with self._lock:
                messages = list(self._memory.values())
        else:
            with self._connection() as connection:
                rows = connection.execute(f"SELECT {_COLUMNS} FROM messages ORDER BY created_at").fetchall()  # noqa: S608
            messages = [StoredMessage(*row) for row in rows]
        return [message for message in messages if account in {None, message.account}]

    def _remember(self, messages: list[StoredMessage]) -> None:
        with self._lock:
            self._memory.update({message.sid: message for message in messages})

    @contextmanager
    def _connection(self) -> "Iterator[sqlite3.Connection]":
        """One transaction on a connection of its own, since threads and processes share the file."""
        import sqlite3

        connection = sqlite3.connect(self._path or ":memory:", timeout=30)
        try:
            with connection:
                yield connection
        finally:
            connection.close()
