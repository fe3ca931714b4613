"""The way to a shared ledger: one connection, transactions that are repeated until they are certain, and limits.

A pooler may lie between (one that gives every transaction another connection), so nothing is kept in a session: no
options at its start, no prepared statements, ``SET LOCAL`` alone. Nothing waits for longer than it may, also where
the other side accepts a connection and then says nothing.
"""

import os
import random
import re
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any, TypeVar

try:
    import psycopg
except ImportError as error:
    from exosms.errors import ConfigError as _ConfigError

    raise _ConfigError(
        "The ledger is a PostgreSQL database, and what talks to one is not installed",
        remedy="In the folder that has the clone: pipx install --force './exosms[postgres]'",
    ) from error
from psycopg import errors as e

from exosms.config.ledger_address import HARMLESS, LedgerAddress
from exosms.errors import ConfigError
from exosms.ledger.database import LedgerAwayError, LedgerError

T = TypeVar("T")
Transaction = psycopg.Connection[tuple[Any, ...]]
"""What runs statements within a transaction."""

PATIENCE = 10.0
"""Seconds that anything waits for the database, where nothing else is said."""

_ONCE_MORE = 1.0
"""The same where it was waited for in vain before, so that several steps of a command do not add up."""

_LONGEST_PAUSE = 1.0
_GRACE = 0.2
"""Seconds for a connection to tell itself that its server took too long."""

_INTERVAL = 0.1
"""Seconds between looks at the clock while a statement runs."""

_REPEATABLE = (e.SerializationFailure, e.DeadlockDetected, e.LockNotAvailable)
"""Somebody else was at it: the transaction left nothing behind, and may succeed now."""

_AWAY = ("08", "0A000", "53", "57", "58", "25006", "25P03", "F0")
"""The beginnings of the codes of a server that cannot serve now, or no more: also a standby, which only reads.

It says of a transaction that writes that there is no such feature (0A000), and so of nothing else that we ask.
"""

_NO_SERVER = (
    r"starting up|shutting down|shut down|recovery|too many|slots|terminat|crash|time.?out|cannot connect"
    r"|no more connections|not (currently |yet )?accepting|login failed|server conn|paused|maintenance|query_wait"
)
"""What a server, or a pooler before it, says that would serve us at another time."""

_NOT_OURS = (
    r"supplied|password|authenticat|scram|certificate|does not support SSL|SSL was required|SSL error|gss"
    r"|invalid|Name or service not known|No address associated|private key|no such|not found|unsupported"
)
"""What libpq, or a pooler, says where a setting has to be changed."""


_TO_CONNECT = ContextVar("_TO_CONNECT", default=PATIENCE)
"""Seconds in which a connection to one host has to come about."""


class _Connection(psycopg.Connection[tuple[Any, ...]]):
    """One whose beginning, and whose statements, end at a moment, whatever the server does."""

    deadline = float("inf")
    """On the monotonic clock."""

    @classmethod
    def _connect_gen(cls, *args: Any, **options: Any) -> Any:
        # psycopg's own limit has whole seconds, two at least; it stays for where this is not asked any more.
        return _until(super()._connect_gen(*args, **options), time.monotonic() + _TO_CONNECT.get())

    def wait(self, gen: Any, interval: float = _INTERVAL, timeout: float | None = None) -> Any:
        del timeout  # older versions have none
        left = max(0.001, self.deadline - time.monotonic())
        return super().wait(_until(gen, self.deadline), interval=min(interval, left))


def _until(steps: Generator[Any, Any, T], deadline: float) -> Generator[Any, Any, T]:
    """Pass on the steps of an exchange; raises OperationalError where it takes too long."""
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() >= deadline:
                raise e.OperationalError("the server did not answer in time")
            wanted = steps.send(ready)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def _in_time(connect: Callable[[], _Connection], seconds: float) -> _Connection:
    """Connect in a thread of its own, since looking up a name takes as long as it takes.

    Raises OperationalError where nothing came of it in time; a connection that comes about later is closed.
    """
    from concurrent.futures import Future

    from exosms.system.signals import leave_signals_to_main_thread

    connected: Future[_Connection] = Future()

    def run() -> None:
        leave_signals_to_main_thread()
        try:
            connected.set_result(connect())
        except BaseException as error:  # noqa: BLE001  # kept for the thread that waits, which raises it
            connected.set_exception(error)

    threading.Thread(target=partial(copy_context().run, run), daemon=True).start()
    try:
        return connected.result(seconds)
    except TimeoutError:
        connected.add_done_callback(lambda late: None if late.exception() else late.result().close())
        raise e.OperationalError("it was neither found by its name nor connected to in time") from None


class SharedDatabase:
    """One process's way to the database at an address."""

    def __init__(self, address: LedgerAddress, *, patience: float = PATIENCE, is_hasty: bool = False) -> None:
        """``patience``: seconds that anything waits; raises ConfigError for an address that asks for no encryption.

        ``is_hasty``: whether it is tried again but once, as where somebody waits, or a way leads around it.
        """
        self.address = address
        self._tls = address.tls(os.environ)
        self._is_here = address.is_here(os.environ)
        self._secrets = _passwords(address)
        self._patience = patience
        self._is_hasty = is_hasty
        self._connection: _Connection | None = None
        self._current: Transaction | None = None
        """The transaction that is under way."""
        self._is_committing = False
        """Whether the last one may have been committed."""
        self._was_away = False
        """Whether the last one was waited for in vain."""
        self._was_there = False
        """Whether there ever was a connection."""

    def close(self) -> None:
        """Let go of the connection; what was not committed never happened."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def run(self, work: Callable[[Transaction], T], *, begins: bool = True, repeats: bool = True) -> T:
        """Do some work in one transaction, durable once this returns; again until that is certain.

        So work that was done once already has to come to the same. Work within other work is a part of its
        transaction. ``begins``: whether it is a transaction at all, for one statement that only reads. ``repeats``:
        whether it is also done again if it may have been done. Raises LedgerAwayError where the database is away for
        too long, LedgerError for what it refuses, ConfigError for what has to be set otherwise.
        """
        if self._current is not None:
            return work(self._current)
        deadline = time.monotonic() + min(self._patience, _ONCE_MORE if self._was_away else self._patience)
        tried = 0
        while True:
            try:
                result = self._attempt(work, deadline, begins=begins)
            except psycopg.Error as error:
                tried += 1
                pause = random.uniform(0, min(_LONGEST_PAUSE, 0.02 * 2**tried))  # noqa: S311  # spreads who was in step
                is_short = isinstance(error, _REPEATABLE)
                if not (is_short or is_away(error)):
                    raise LedgerError(
                        f"The ledger {self.address} cannot be used: {self.said(error)}",
                        remedy="`exosms doctor --ledger` tests it, and prints the privileges it needs.",
                    ) from None
                is_enough = self._was_away or (self._is_hasty and tried > 1)
                is_last = is_enough or (self._is_committing and not repeats)
                if time.monotonic() + pause >= deadline or (is_last and not is_short):
                    self._was_away = True
                    raise self._away(error) from None
                time.sleep(pause)
            else:
                self._was_away = False
                return result

    def execute(
        self, sql: str, values: Sequence[Any] | Mapping[str, Any] | None = None, *, begins: bool = True
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run one statement as ``run`` does work; all that it found is here by then."""
        return self.run(lambda transaction: transaction.execute(sql, values), begins=begins)

    def _attempt(self, work: Callable[[Transaction], T], deadline: float, *, begins: bool) -> T:
        connection = self._connected(deadline)
        connection.deadline, self._is_committing = deadline, False
        try:
            if begins:
                connection.execute(_beginning(deadline - time.monotonic()))
                self._current = connection
            result = work(connection)
            if begins:
                self._is_committing = True
                connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back(connection, is_lost=isinstance(error, psycopg.Error) and is_away(error))
            raise
        finally:
            self._current = None
        return result

    def _roll_back(self, connection: _Connection, *, is_lost: bool) -> None:
        """Undo what was begun, or let go of a connection in the middle of a statement, as where a signal came."""
        status = connection.pgconn.transaction_status
        if status == psycopg.pq.TransactionStatus.IDLE and not is_lost:
            return
        try:
            if is_lost or status == psycopg.pq.TransactionStatus.ACTIVE:
                raise e.OperationalError
            connection.execute("ROLLBACK")
        except psycopg.Error:
            self.close()

    def _connected(self, deadline: float) -> _Connection:
        if self._connection is not None and not (self._connection.closed or self._connection.broken):
            return self._connection
        seconds = (deadline - time.monotonic()) / max(1, len(self.address.hosts))
        _TO_CONNECT.set(seconds)
        options: dict[str, Any] = {
            "connect_timeout": max(2, int(seconds)),  # libpq counts whole seconds, and two at least
            "client_encoding": "UTF8",
            "fallback_application_name": "exosms",
            **self._tls,
        }
        try:
            connect = partial(
                _Connection.connect, self.address.url, autocommit=True, prepare_threshold=None, **options
            )
            connection = connect() if self._is_here else _in_time(connect, deadline - time.monotonic() + _GRACE)
        except psycopg.Error as error:
            said = str(error)
            if error.sqlstate is None and _is_wrong(said):
                # What was used may be needed for the result of a request, which never turns on it.
                raise (LedgerError if self._was_there else ConfigError)(
                    f"The ledger {self.address} cannot be opened: {self.said(error)}",
                    remedy="Correct the address in EXOSMS_LEDGER or in the profile's ledger, or its password.",
                ) from None
            raise
        self._connection, self._was_there = connection, True
        return connection

    def _away(self, error: psycopg.Error) -> LedgerAwayError:
        return LedgerAwayError(
            f"The ledger {self.address} is away: {self.said(error)}",
            remedy="Run it again once the database answers. `exosms doctor --ledger` tests it.",
        )

    def said(self, error: psycopg.Error) -> str:
        """Return the first line of an error, without what is secret."""
        said = error.diag.message_primary or (str(error).strip() or type(error).__name__).splitlines()[0]
        said = said.rpartition(" failed: ")[2]
        for secret in self._secrets:
            said = said.replace(secret, "********")
        return said


def is_away(error: psycopg.Error) -> bool:
    """Whether the server is not there, or not able to; another transaction may be, later."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate.startswith(_AWAY)


def _is_wrong(said: str) -> bool:
    """Whether no connection comes about because something has to be set otherwise, for which there is no code."""
    words = re.sub(r'"[^"]*"', "", said)  # names of databases and users
    if "SYSCALL" in words or "unexpected" in words:
        return False
    of_server = re.search(r"[^\W\d_]+:  .*", said)  # it gives a severity, in its own language
    if of_server and re.search(_NO_SERVER, words, re.IGNORECASE):
        return False
    # Whom or what it does not let in it quotes, in any language; a pooler that has no server now quotes nothing.
    is_named = of_server is not None and re.search(r'["«»„]', of_server[0]) is not None
    return is_named or re.search(_NOT_OURS, words, re.IGNORECASE) is not None


def _beginning(seconds: float) -> str:
    """Return what begins a transaction that lasts for so long at most, whoever else is at it; one round trip."""
    left = max(1, round(seconds * 1000))
    return (
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
        f" SET LOCAL statement_timeout = {left}; SET LOCAL lock_timeout = {left};"
        f" SET LOCAL idle_in_transaction_session_timeout = {max(left, 1000)};"
        # What was committed is there after a crash, whatever others who use the database think of that.
        " SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
    )


def _passwords(address: LedgerAddress) -> list[str]:
    """Return the passwords that we know of, as they are written and as they are meant."""
    from urllib.parse import parse_qsl, unquote, urlsplit

    parts = urlsplit(address.url)
    user = parts.netloc.rpartition("@")[0]
    given = [user.partition(":")[2], os.environ.get("PGPASSWORD", "")]
    given += [value for name, value in parse_qsl(parts.query) if name not in HARMLESS]
    return sorted({text for secret in given for text in (secret, unquote(secret)) if text}, key=len, reverse=True)
