"""Bulk runs: every row of a file, from before its first message until a person has decided about the last.

The order that holds at every instant: the whole file is committed, then the claim of a request's rows, then its
first byte leaves, then what came of it is committed, then it is shown. Whatever a process that died had in flight is
unknown.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from exosms.errors import GuardError
from exosms.ledger.database import PIECE, REPLACE, Database, LedgerError, translated
from exosms.ledger.dead_processes import lose, reclaimed, taken_for_dead, touch
from exosms.ledger.entry import State
from exosms.ledger.fingerprints import lasting_key
from exosms.ledger.messages import Ledger
from exosms.ledger.process_locks import process_of
from exosms.ledger.run_parts import RunParts
from exosms.ledger.run_rows import SENT_ELSEWHERE, UNRECORDED, Claim, ClaimedRow, Reason, rows_as_seen, settling
from exosms.ledger.run_terms import RunTerms
from exosms.ledger.staging import reader_of_messages
from exosms.ledger.traces import forget, keep_attempts, keep_what_is_purged
from exosms.ledger.twins import sent_elsewhere
from exosms.ledger.wrong_clocks import IS_SINCE, window
from exosms.sms.message import Receipt
from exosms.system.times import midnight_in_india
from exosms.system.wording import alike

_CHUNK = 1000

_MOST_FOUND = 100
"""Rows that one statement settles: SQLite may be built to take no more than 999 values."""


class Run(NamedTuple):
    """One run; times are seconds since the epoch."""

    id: int
    name: str
    account: str
    profile: str | None
    file: str
    digest: bytes
    terms: RunTerms
    owner: str | None
    exit_code: int | None
    """None: it is unfinished."""
    started_at: float
    updated_at: float

    @property
    def is_finished(self) -> bool:
        """Whether no row is left to be sent."""
        return self.exit_code is not None

    @property
    def state(self) -> str:
        """The same as a word."""
        return "finished" if self.is_finished else "unfinished"


class Journal:
    """The runs in a ledger: begun, claimed and settled row by row, and counted; ``History`` reads the rows."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._database: Database = ledger.database
        self._connection = ledger.database.connection
        self._clock = ledger.database.clock
        self._parts = RunParts(ledger)

    def prepare(self) -> None:
        """Make sure that this installation has its key, before rows are laid out."""
        with self._database.transaction() as connection:
            lasting_key(connection)

    def begin(
        self,
        name: str,
        *,
        account: str,
        profile: str | None,
        file: str,
        digest: bytes,
        terms: RunTerms,
        baton: bytes | None = None,
    ) -> Run:
        """Take over everything that is laid out, in one transaction, and return the run, which is ours."""
        now = self._clock()
        owner = self._database.me()
        with reclaimed(self._database) as connection:
            self._require_free(name, digest)
            run = connection.execute(
                "INSERT INTO runs"
                " (name, account, profile, file, digest, settings, owner, started_at, updated_at, baton)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                (name, account, profile, file, digest, terms.dump(), owner, now, now, baton),
            ).fetchone()[0]
            columns = (
                "number, line, recipient, sender, fingerprint, occurrence, segments, encoding, text, fields, state,"
                " exit_code, error"
            )
            connection.execute(
                f"INSERT INTO main.rows (run, {columns}, updated_at)"
                f" SELECT ?, {columns}, ? FROM temp.staged ORDER BY number",
                (run, now),
            )
            (begun,) = self._runs("WHERE id = ?", run)  # here: once it is committed nothing may fail any more
        return begun

    def require_free(self, name: str, *, digest: bytes) -> None:
        """Raise GuardError where ``begin`` would, since another process was quicker."""
        with reclaimed(self._database):
            self._require_free(name, digest)

    def _require_free(self, name: str, digest: bytes) -> None:
        if same := self._unfinished("digest = ?", digest):
            raise already_on_its_way(same)
        if self._runs("WHERE name = ?", name):
            raise GuardError(f"Another process has just begun a run {name}", remedy="Nothing was sent. Run it again.")

    def run(self, name: str) -> Run:
        """Return the run of that name; raises KeyError for a stranger's."""
        with reclaimed(self._database):
            runs = self._runs("WHERE name = ?", name)
        if not runs:
            raise KeyError(name)
        return runs[0]

    def runs(self) -> Sequence[Run]:
        """Return all runs, oldest first."""
        with reclaimed(self._database):
            return self._runs("ORDER BY started_at, id")

    def unfinished(self, *, digest: bytes) -> Run | None:
        """Return an unfinished run of the same content."""
        with reclaimed(self._database):
            return self._unfinished("digest = ?", digest)

    def unfinished_of(self, file: str, *, account: str) -> Run | None:
        """Return an unfinished run of a file of that path, whatever was in it."""
        with reclaimed(self._database):
            return self._unfinished("file = ? AND account = ?", file, account)

    def take(self, run: Run) -> Run:
        """Make the run ours; raises GuardError naming the process that has it, or if it was purged meanwhile."""
        owner = self._database.me()
        with reclaimed(self._database) as connection:
            found = self._runs("WHERE id = ? AND name = ? AND started_at = ?", run.id, run.name, run.started_at)
            if not found:  # another run may have its id by now
                raise GuardError(
                    f"The run {run.name} was purged meanwhile", remedy="See what is left: exosms runs list"
                )
            if found[0].owner not in {None, owner}:
                raise being_sent(found[0])
            connection.execute("UPDATE runs SET owner = ? WHERE id = ?", (owner, run.id))
        return self.run(run.name)

    def let_go(self, run: Run) -> None:
        """Let go of a run of which nothing was sent after all."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE runs SET owner = NULL WHERE id = ? AND owner = ?", (run.id, run.owner))

    def purge(self, seconds: float) -> int:
        """Forget the finished runs that were last touched longer ago, but no unknown rows; return the rows."""
        now = self._clock()
        is_since = IS_SINCE.format(time="updated_at", number="id")
        old = f"exit_code IS NOT NULL AND owner IS NULL AND NOT {is_since}"
        is_any_unknown = self.ledger.is_any_unknown_elsewhere()
        with reclaimed(self._database) as connection:
            kept = window(connection, "runs", since=now - seconds, now=now)
        rows = (
            f"rowid IN (SELECT rowid FROM rows WHERE run IN (SELECT id FROM runs WHERE {old}) AND state <> 'unknown'"
            f" ORDER BY run, number LIMIT {PIECE})"
        )

        def purge_some() -> int:
            keep_what_is_purged(self._database, "rows", rows, kept, always=is_any_unknown)
            purged = self._connection.execute(f"DELETE FROM rows WHERE {rows}", kept).rowcount
            self._connection.execute(
                f"DELETE FROM runs WHERE {old} AND NOT EXISTS (SELECT 1 FROM rows WHERE rows.run = runs.id)", kept
            )
            return purged

        purged = self._database.piece_by_piece(purge_some)
        self.ledger.purge_callbacks(seconds)
        with self._database.transaction():
            forget(self._database, is_any_elsewhere=is_any_unknown)
        self._database.erase_log()
        return purged

    def release(self, run: Run, *, exit_code: int | None) -> Run:
        """Let go of the run, if it is still ours, and return it; an exit code says that it is finished.

        Texts that were erased are overwritten in the log as well: ``secure_delete`` alone leaves them there.
        """
        with self._database.transaction() as connection:
            touch(self._database, run.id)
            if run.id in self.ledger.abandoned and self._is_ours(run):
                lose(self._database, run.id, because=UNRECORDED)
            connection.execute(
                "UPDATE runs SET owner = NULL, exit_code = ? WHERE id = ? AND owner = ?",
                (exit_code, run.id, run.owner),
            )
            found = self._runs("WHERE id = ?", run.id)  # here: once nobody has it, it may be purged
        self._database.erase_log()
        return found[0] if found else run

    def counts(self, run: Run) -> Mapping[str, int]:
        """Return how many rows are in each state."""
        sql = f"SELECT state, count(*) FROM {self._seen(run)} WHERE run = ? GROUP BY state"
        return dict(self._database.read(sql, (run.id,)))

    def outcomes(self, run: Run) -> Sequence[tuple[str, int]]:
        """Return every pair of state and exit code that its rows have, waiting ones left out."""
        return self._database.read(
            f"SELECT DISTINCT state, exit_code FROM {self._seen(run)} WHERE run = ?"
            " AND state NOT IN ('waiting', 'in_flight')",
            (run.id,),
        )

    def reasons(self, run: Run) -> Sequence[Reason]:
        """Return why rows did not go out, the most frequent reason first; what differs in its values only is one."""
        found: dict[object, Reason] = {}
        with translated():
            cursor = self._connection.execute(
                "SELECT state, exit_code, http_status, code, error, count(*), min(line)"
                f" FROM {self._seen(run)} WHERE run = ?"
                " AND state NOT IN ('accepted', 'waiting', 'in_flight') GROUP BY 1, 2, 3, 4, 5 ORDER BY 7",
                (run.id,),
            )
            for reason in map(Reason._make, cursor):
                kind = (*reason[:4], alike(reason.error or ""))
                known = found.get(kind)
                found[kind] = known._replace(rows=known.rows + reason.rows) if known else reason
        return sorted(found.values(), key=lambda reason: (-reason.rows, reason.line))

    def waiting(self, run: Run, *, again: bool = False) -> Iterator[ClaimedRow]:
        """Yield the rows that are left to be sent, in order; with ``again`` only those that were put back."""
        among = " AND number IN (SELECT number FROM temp.again)" if again else ""
        return self._sendable(run, f"state = 'waiting'{among}")

    def would_go(self, run: Run, states: Sequence[State]) -> Iterator[tuple[ClaimedRow, str | None]]:
        """Yield the rows that ``put_back`` would take, each with what would keep it back when its turn comes."""
        condition, values = _can_go_again(states)
        rows = self._sendable(run, condition, *values)
        while chunk := [*islice(rows, _CHUNK)]:
            with reclaimed(self._database):
                others = self._sent_elsewhere(run, chunk)
            for row in chunk:
                yield row, SENT_ELSEWHERE.get(others.get(row.number, ""))

    def _sendable(self, run: Run, condition: str, *values: object) -> Iterator[ClaimedRow]:
        """Yield the rows of a run that meet a condition, in order."""
        message_of = reader_of_messages(run.terms.message_fields)
        after = 0
        while True:
            chunk = self._database.read(
                "SELECT number, line, attempts, recipient, sender, encoding, segments, text, fields FROM rows"
                f" WHERE run = ? AND number > ? AND {condition} ORDER BY number LIMIT ?",
                (run.id, after, *values, _CHUNK),
            )
            for number, line, attempts, *message in chunk:
                yield ClaimedRow(number, line, message_of(message), attempts)
            if len(chunk) < _CHUNK:
                return
            after = chunk[-1][0]

    def one_commit(self) -> AbstractContextManager[object]:
        """Let everything that is recorded within be committed together, or nothing of it."""
        return self._parts.one_commit()

    def claim(
        self, run: Run, items: Sequence[ClaimedRow], *, within_limit: Callable[[int], None] | None = None
    ) -> Claim:
        """Enter rows as in flight, before the first byte of their request, unless another run has them.

        ``within_limit`` may refuse as in ``Ledger.claim``. Raises LedgerError if the run is no longer ours.
        """
        with self._parts.one_commit():
            if not self._is_ours(run):
                raise taken_for_dead()
            others = self._sent_elsewhere(run, items)
            theirs = {
                state: [item for item in items if others.get(item.number) == state]
                for state in (*SENT_ELSEWHERE, State.IN_FLIGHT)
            }
            busy = theirs.pop(State.IN_FLIGHT)
            ours = [item for item in items if item.number not in others]
            if not ours and not any(theirs.values()):
                return Claim(busy=items)
            parts = sum(item.message.segments for item in ours)
            self._parts.take(run.account, parts, within_limit)
            now = touch(self._database, run.id)
            numbers = "run = ? AND number IN (SELECT value FROM json_each(?))"
            self._connection.execute(
                "UPDATE rows SET state = 'in_flight', attempts = attempts + 1, attempted_at = ?, updated_at = ?"
                f" WHERE {numbers}",
                (now, now, run.id, json.dumps([item.number for item in ours])),
            )
            for state, rows in theirs.items():
                self._connection.execute(
                    "UPDATE rows SET state = 'skipped', text = NULL, error = ?, updated_at = ?,"
                    f" status = NULL, http_status = NULL, code = NULL, exit_code = 0 WHERE {numbers}",
                    (SENT_ELSEWHERE[state], now, run.id, json.dumps([item.number for item in rows])),
                )
        return Claim(
            ours,
            elsewhere={SENT_ELSEWHERE[state]: rows for state, rows in theirs.items() if rows},
            busy=busy,
        )

    def settle(self, run: Run, results: Sequence[tuple[ClaimedRow, Receipt, State]]) -> None:
        """Record what became of rows; ``waiting`` is for those that will be tried again."""
        if len({item.number for item, _, _ in results}) != len(results):
            raise _strange_rows()
        alike: dict[tuple[object, ...], list[int | str | None]] = {}
        unused = [item.number for item, _, state in results if state not in {State.ACCEPTED, State.UNKNOWN}]
        for item, receipt, state in results:
            code, error = receipt.cause
            said = (str(state), receipt.status, receipt.http_status, code, int(receipt.exit_code), error)
            alike.setdefault(said, []).extend((item.number, receipt.sid))
        with self._parts.one_commit():
            now = touch(self._database, run.id)
            for found, rows in alike.items():
                for start in range(0, len(rows), 2 * _MOST_FOUND):
                    some = rows[start : start + 2 * _MOST_FOUND]
                    values = (*found, found[0], now, *some, run.id)  # the state is needed twice
                    if self._connection.execute(settling(len(some) // 2), values).rowcount != len(some) // 2:
                        raise _strange_rows()
            self._parts.give_back(run.account, self._parts_claimed_today(run, unused) if unused else 0)

    def _parts_claimed_today(self, run: Run, numbers: Sequence[int]) -> int:
        """Return the parts of those of the rows that count as used today: what was claimed before does not."""
        sql = (
            "SELECT total(segments) FROM rows WHERE run = ? AND number IN (SELECT value FROM json_each(?))"
            " AND attempted_at >= ?"
        )
        values = (run.id, json.dumps(numbers), midnight_in_india(self._clock()))
        return int(self._database.read_one(sql, values)[0])

    def abandon(self, run: Run) -> None:
        """From now on nobody waits for what is in flight: it counts as unknown even where that cannot be written."""
        if self._is_ours(run):
            self.ledger.abandoned.add(run.id)

    def _seen(self, run: Run) -> str:
        return rows_as_seen(run.id, self.ledger.abandoned)

    def give_up(self, run: Run) -> int:
        """Mark what is in flight as unknown, since nobody will wait for its answer; return how many rows that are."""
        with self._database.transaction():
            if not self._is_ours(run):
                return 0
            return lose(self._database, run.id, because="stopped before the answer came")

    def may_go_again(self, run: Run, states: Sequence[State]) -> int:
        """Count the rows that ``put_back`` would let be sent again."""
        rows, values = _again(run, states)
        return int(self._database.read_one(f"SELECT count(*) FROM ({rows})", values)[0])

    def put_back(self, run: Run, states: Sequence[State]) -> None:
        """Let rows in these states be sent again, where their text is known; ``waiting`` can tell them apart.

        So can those that wait to be tried again, where whoever tried them was stopped.
        """
        with self._database.transaction() as connection:
            connection.execute("CREATE TEMP TABLE IF NOT EXISTS again (number INTEGER PRIMARY KEY)")
            connection.execute("DELETE FROM temp.again")
            rows, values = _again(run, states)
            connection.execute(f"INSERT INTO temp.again {rows}", values)
            again = "m.run = ? AND m.number IN (SELECT number FROM temp.again)"
            keep_attempts(connection, "rows", again, (run.id,))
            changed = connection.execute(
                "UPDATE rows SET state = 'waiting', status = NULL, http_status = NULL, code = NULL, error = NULL,"
                " updated_at = ?"
                " WHERE run = ? AND number IN (SELECT number FROM temp.again)",
                (touch(self._database, run.id), run.id),
            ).rowcount
            if changed:
                connection.execute("UPDATE runs SET exit_code = NULL WHERE id = ?", (run.id,))

    def deliveries(self, run: Run) -> Mapping[str, int]:
        """Return how many of a run's accepted rows ended how, as far as Exotel was asked."""
        found = self._database.read(
            "SELECT d.outcome, count(*) FROM rows r JOIN deliveries d ON d.account = ? AND d.sid = r.sid"
            " WHERE r.run = ? GROUP BY 1 ORDER BY 1",
            (run.account, run.id),
        )
        return dict(found)

    def _is_ours(self, run: Run) -> bool:
        """Whether no other process took the run over, having taken us for dead: then its rows are that one's."""
        (owner,) = self._database.read_one("SELECT owner FROM runs WHERE id = ?", (run.id,))
        return bool(owner == run.owner)

    def _sent_elsewhere(self, run: Run, items: Sequence[ClaimedRow]) -> dict[int, str]:
        numbers, terms = [item.number for item in items], run.terms
        within = None if terms.resend else terms.within
        return sent_elsewhere(self._database, run.id, numbers, account=run.account, within=within)

    def _unfinished(self, condition: str, *values: object) -> Run | None:
        runs = self._runs(f"WHERE exit_code IS NULL AND {condition} ORDER BY id DESC", *values)
        return runs[0] if runs else None

    def _runs(self, where: str, *values: object) -> list[Run]:
        columns = ", ".join(Run._fields).replace("terms", "settings")
        found: Iterator[Any] = map(Run._make, self._connection.execute(f"SELECT {columns} FROM runs {where}", values))
        return [run._replace(terms=RunTerms.load(run.terms)) for run in found]


def _strange_rows() -> LedgerError:
    return LedgerError("The ledger does not have the rows that were sent, each of them once", remedy=REPLACE)


def being_sent(run: Run) -> GuardError:
    """Return what keeps a run that a living process has from everybody else."""
    return GuardError(
        f"The run {run.name} is being sent by process {process_of(run.owner or '')}",
        remedy="Wait for it, or stop it first.",
    )


def already_on_its_way(run: Run) -> GuardError:
    """Return what keeps the same messages from being begun twice."""
    holder = f", being sent by process {process_of(run.owner)}" if run.owner else ""
    begin = "Wait for it, or after it has stopped continue" if holder else "Continue"
    return GuardError(
        f"This file already has an unfinished run, {run.name}{holder}",
        remedy=f"{begin} with: exosms runs resume {run.name}",
    )


def _again(run: Run, states: Sequence[State]) -> tuple[str, tuple[object, ...]]:
    condition, values = _can_go_again(states)
    return f"SELECT number FROM rows WHERE run = ? AND {condition}", (run.id, *values)


def _can_go_again(states: Sequence[State]) -> tuple[str, Sequence[str]]:
    """Return the condition for rows in these states, and for those that were tried and wait: they were not sent."""
    marks = ", ".join("?" * len(states))
    return f"(state IN ({marks}) OR state = 'waiting' AND attempts > 0) AND text IS NOT NULL", [*map(str, states)]


def names_of_runs(ledger: Path) -> Sequence[str]:
    """Return the names of the runs in a ledger, the newest first, without waiting for it or changing it.

    Raises LedgerError if it cannot be read at once.
    """
    return [name for (name,) in _glance(ledger, "SELECT name FROM runs ORDER BY started_at DESC, id DESC")]


def is_of_row(ledger: Path, account: str, sid: str) -> bool:
    """Whether a row of an account has a Sid, as far as that can be read without waiting for it or changing it."""
    sql = "SELECT 1 FROM rows r JOIN runs u ON u.id = r.run WHERE u.account = ? AND r.sid = ? COLLATE NOCASE LIMIT 1"
    try:
        return bool(_glance(ledger, sql, account, sid))
    except LedgerError:  # what was answered stands
        return False


def _glance(ledger: Path, sql: str, *values: object) -> Sequence[tuple[Any, ...]]:
    from urllib.parse import quote

    # Since Python 3.14 Path.as_uri imports an HTTP client.
    uri = f"file://{quote(bytes(ledger.absolute()))}?mode=ro"
    with translated(ledger), closing(sqlite3.connect(uri, uri=True, timeout=0)) as connection:
        return connection.execute(sql, values).fetchall()
