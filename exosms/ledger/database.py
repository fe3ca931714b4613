"""The ledger's file: SQLite in the state directory, durable at every commit, private, and never recreated.

``synchronous=FULL``, since with NORMAL a power failure loses what was committed last.
"""

import errno
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from exosms import starvation
from exosms.errors import ConfigError, ExitCode
from exosms.ledger.migrations import MIGRATIONS
from exosms.ledger.process_locks import Owners
from exosms.system.files import FULL, Foreign, alone, create_private, foreign, is_full, make_private, why_unwritten
from exosms.system.signals import LOOK, Interrupts, held

DATABASE = "ledger.db"
"""The file's name; SQLite's own files beside it begin with it."""

_OWNERS = "owners"
"""The directory with the locks of living processes."""

BUSY_TIMEOUT = 30.0
"""Seconds to wait for another process's transaction, at most."""

LEAST_PATIENCE = 1.0
"""Seconds for which it is waited at least, since most take milliseconds and few are as slow as their disk."""

PIECE = 5000
"""Rows that are deleted in one transaction, of any number."""

_GAP = 0.05
"""Seconds between two pieces of work: who waits for one to end looks more often, up to ``LOOK``."""

MEND = "Free some disk space or fix the permissions, then run it again."
REPLACE = "Restore a copy, or start again without the state directory; once keys and runs are then forgotten."

_REMEDIES = {
    sqlite3.SQLITE_BUSY: "Another process is using it: run it again later.",
    sqlite3.SQLITE_CORRUPT: REPLACE,
    sqlite3.SQLITE_NOTADB: REPLACE,
}
_OPTIONS: Mapping[str, Any] = {"timeout": BUSY_TIMEOUT, "isolation_level": None, "check_same_thread": False}

_BEGIN = "BEGIN IMMEDIATE"
_PRIMARY = 0xFF
"""The part of SQLite's extended codes that says which kind it is."""


class LedgerUnavailableError(ConfigError):
    """There is no place for a ledger: the state directory is missing or cannot be written."""


class LedgerError(ConfigError):
    """The ledger is there but cannot be trusted or written; nothing may leave for which it has to vouch."""


class LedgerAwayError(LedgerError):
    """The ledger is on another machine, which does not answer: what needs it is not sent, and may be sent later."""

    exit_code = ExitCode.UNAVAILABLE
    kind = "unavailable"


class Database:
    """One process's connection, its clock, and the lock that marks it as alive."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        owners: Owners,
        *,
        clock: Callable[[], float],
        path: Path | None = None,
    ) -> None:
        self.connection = connection
        self.owners = owners
        self.clock = clock
        self.patience = BUSY_TIMEOUT
        """Seconds to wait for another process's transaction, unless ours has a result that would be lost."""
        self.interrupts: Interrupts | None = None
        """The signals that end such a wait; without them only those that raise do."""
        self._path = path
        self._file = path and _identity(path)
        self._in_transaction = False

    @classmethod
    def open(
        cls, directory: Path, *, clock: Callable[[], float] = time.time, patience: float = BUSY_TIMEOUT
    ) -> "Database":
        """Open the ledger in ``directory``, creating both where they are missing; others are waited for ``patience``.

        Raises LedgerUnavailableError where nothing can be written, LedgerError where the ledger is corrupt or was
        written by a newer exosms.
        """
        path = directory / DATABASE
        try:
            make_private(directory)
            _create_private(path)
            _require_writable(directory, path)
        except OSError as error:
            others = foreign(path)
            why = others.said if others else why_unwritten(error)
            raise LedgerUnavailableError(
                f"The state directory {directory} cannot be written: {why}",
                remedy=others.remedy
                if others
                else MEND
                if FULL in why
                else "Name a writable one in EXOSMS_STATE_DIR.",
            ) from error
        with translated(path), ExitStack() as undo:
            connection = undo.enter_context(closing(sqlite3.connect(path.absolute(), **_OPTIONS)))
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")
            if _version(connection) != len(MIGRATIONS):
                with _one_at_a_time(path, within=patience):
                    if _version(connection) == 0:
                        require_none_lost(directory)
                    _migrate(connection, path)
            undo.pop_all()
        database = cls(connection, Owners(directory / _OWNERS), clock=clock, path=path)
        database.patience = patience
        return database

    @classmethod
    def in_memory(cls, *, clock: Callable[[], float] = time.time) -> "Database":
        """Return one that this process alone knows and that ends with it."""
        connection = sqlite3.connect(":memory:", **_OPTIONS)
        _migrate(connection, Path(":memory:"))
        return cls(connection, Owners(None), clock=clock)

    @property
    def is_in_memory(self) -> bool:
        """Whether this process alone knows it."""
        return self._path is None

    def close(self) -> None:
        """Let go of the file and of the lock that marks us as alive."""
        self.erase_log()  # also what was left by others that could not
        self.connection.close()
        self.owners.leave()

    def read(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """Return all that a statement finds."""
        with translated():
            return self.connection.execute(sql, values).fetchall()

    def read_one(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> Any:
        """Return the first of what a statement finds; None for nothing."""
        with translated():
            return self.connection.execute(sql, values).fetchone()

    @contextmanager
    def calling(self, name: str, arguments: int, function: Callable[..., int]) -> Iterator[None]:
        """Let the statements within call a function of ours, by that name.

        Signals wait meanwhile: SQLite would take what one raises in the function for an error of the ledger.
        """
        with held():
            self.connection.create_function(name, arguments, function, deterministic=True)
            yield

    @contextmanager
    def transaction(self, *, of_result: bool = False) -> Iterator[sqlite3.Connection]:
        """All or nothing, and durable once it ends; one within another is a part of that.

        Raises Interrupted for a signal while another process's is waited for; with ``of_result`` only what is to
        leave at once ends the wait, and then the result counts as not recorded.
        """
        if self._in_transaction:
            yield self.connection
            return
        with translated(), _all_or_nothing(self.connection, lambda: self._begin(of_result=of_result)):
            self._in_transaction = True
            try:
                self.require_in_place()
                yield self.connection
            finally:
                self._in_transaction = False

    def piece_by_piece(self, work: Callable[[], int]) -> int:
        """Do work on up to ``PIECE`` rows in each transaction until none is left; return on how many that was.

        Between them others write: they would wait for minutes for a million rows.
        """
        done = 0
        while True:
            with self.transaction():
                piece = work()
            done += piece
            if piece < PIECE:
                return done
            time.sleep(_GAP)

    def _begin(self, *, of_result: bool) -> None:
        """Begin as soon as no other process writes: SQLite waits a moment at a time, so that signals are seen."""
        until = time.monotonic() + (BUSY_TIMEOUT if of_result else self.patience)
        self._set_busy_timeout(LOOK)
        try:
            while not self._has_begun(until, of_result=of_result):
                if self.interrupts and not of_result:
                    self.interrupts.check()
        finally:
            self._set_busy_timeout(BUSY_TIMEOUT)

    def _has_begun(self, until: float, *, of_result: bool) -> bool:
        try:
            self.connection.execute(_BEGIN)
        except sqlite3.OperationalError as error:
            leaves = of_result and self.interrupts is not None and self.interrupts.must_leave()
            if leaves or error.sqlite_errorcode & _PRIMARY != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            return False
        return True

    def _set_busy_timeout(self, seconds: float) -> None:
        self.connection.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}").fetchall()

    def one_at_a_time(self) -> AbstractContextManager[None]:
        """Keep out whoever else asks for this, where steps belong together that are not all of one transaction."""
        return nullcontext() if self._path is None else _one_at_a_time(self._path, within=self.patience)

    def erase_log(self) -> None:
        """Empty the write-ahead log, where texts still stand that were erased: ``secure_delete`` leaves them there.

        Nobody is waited for, since whoever sends would wait for us meanwhile: while others read what is in the log it
        stays, as on a full disk, and the next command that ends tries again. All that was committed is safe there.
        """
        if self._path is None:
            return
        with suppress(LedgerError), translated(self._path):
            self._set_busy_timeout(0)
            try:
                # First as much as can be done without keeping others from writing, so that the rest takes no time.
                for mode in ("PASSIVE", "TRUNCATE"):
                    self.connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
            finally:
                self._set_busy_timeout(BUSY_TIMEOUT)

    def require_in_place(self) -> None:
        """Refuse to go on with a file that no other command would find: SQLite writes into a deleted one as well."""
        if self._path is not None and _identity(self._path) != self._file:
            raise LedgerError(
                f"The ledger {self._path} was removed or replaced while this command used it", remedy=REPLACE
            )

    def me(self) -> str:
        """Return this process's name as an owner; its lock dies with it."""
        try:
            return self.owners.mine()
        except OSError as error:
            raise _unlocked(error) from error

    def is_alive(self, owner: str) -> bool:
        """Tell whether the process of that name still runs; raises LedgerError where nobody can tell."""
        try:
            return self.owners.is_alive(owner)
        except OSError as error:
            raise _unlocked(error) from error


def _unlocked(error: OSError) -> LedgerError:
    others = foreign(Path(error.filename)) if error.filename else None
    said = others.said if others else f"{error.filename}: {why_unwritten(error)}"
    remedy = _REMEDIES[sqlite3.SQLITE_BUSY] if error.errno == errno.EBUSY else MEND
    return LedgerError(f"The ledger cannot be locked: {said}", remedy=others.remedy if others else remedy)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells the file at a path from any other; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _create_private(path: Path) -> None:
    """Create the file before SQLite does, which would use the umask.

    Never open one that exists: closing it again would drop the locks that SQLite holds on it in this process.
    """
    try:
        os.close(create_private(path))
    except FileExistsError:
        status = path.lstat()  # what a link points to is not ours to change
        if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_mode & 0o077:
            path.chmod(0o600)


def _require_writable(directory: Path, path: Path) -> None:
    """Raise OSError where nothing can be written: SQLite would find out in the middle of a command."""
    for needed in (directory, path):
        if not os.access(needed, os.W_OK):
            raise OSError(errno.EACCES, "no permission to write", str(needed))


def require_none_lost(directory: Path) -> None:
    """Refuse to begin a ledger anew where one was used: once keys and runs would be forgotten in silence."""
    if (directory / _OWNERS).is_dir():
        raise LedgerError(
            f"The ledger {directory / DATABASE} is empty or missing, although messages were sent from this machine",
            remedy=REPLACE,
        )


@contextmanager
def _one_at_a_time(path: Path, *, within: float) -> Iterator[None]:
    """Keep other processes out: SQLite's own lock does not cover a change of the journal mode."""
    with ExitStack() as lock:
        try:
            lock.enter_context(alone(path, within=within))
        except OSError as error:
            raise _unlocked(error) from error
        yield


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the tables up to date; a ledger from the future is refused."""
    if _version(connection) > len(MIGRATIONS):
        raise LedgerError(f"The ledger {path} was written by a newer exosms", remedy="Upgrade exosms.")
    connection.execute("PRAGMA journal_mode = WAL")
    with _all_or_nothing(connection, lambda: connection.execute(_BEGIN)):
        for number, script in enumerate(MIGRATIONS[_version(connection) :], start=_version(connection) + 1):
            for statement in filter(str.strip, script.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")


@contextmanager
def _all_or_nothing(connection: sqlite3.Connection, begin: Callable[[], object]) -> Iterator[None]:
    try:
        begin()
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error, MemoryError):  # the first error is the one to tell
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def translated(path: Path | None = None) -> Iterator[None]:
    """Tell SQLite's errors as our own."""
    try:
        yield
    except (sqlite3.Error, MemoryError) as error:  # MemoryError is how SQLITE_NOMEM comes
        others = _foreign_file(path) if path else None
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
        lack = starvation.lacking(error)
        remedy = lack[1] if lack else _REMEDIES.get(code, MEND)
        said = others.said if others else FULL if _is_full(code, path) else str(error) or "out of memory"
        raise LedgerError(
            f"The ledger {f'{path} ' if path else ''}cannot be used: {said}",
            remedy=others.remedy if others else remedy,
        ) from error


def _is_full(code: int, path: Path | None) -> bool:
    """Whether the disk is: SQLite says so only where it writes a page, and not where processes share memory."""
    return code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and path is not None and is_full(path.parent))


def _foreign_file(path: Path) -> Foreign | None:
    """Return what another user's file among the ledger's keeps us from it, if there is one."""
    found = (foreign(path.with_name(path.name + end)) for end in ("", "-wal", "-shm", "-journal"))
    return next(filter(None, found), None)
