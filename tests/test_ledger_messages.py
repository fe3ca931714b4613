"""The ledger: claims, once keys, pace, and what is left of them when a process dies or the disk fails."""

import multiprocessing
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from exosms.errors import ExitCode, GuardError
from exosms.ledger.database import LedgerError, LedgerUnavailableError, translated
from exosms.ledger.day_parts import count_parts
from exosms.ledger.entry import LedgerEntry, OnceKey, State
from exosms.ledger.history import History, HistoryFilter
from exosms.ledger.messages import Ledger
from exosms.ledger.migrations import MIGRATIONS
from exosms.ledger.runs import Journal
from exosms.ledger.unknown import UnknownMessages
from exosms.sms.message import Encoding, Message, MessageFields, Outcome, Receipt
from exosms.sms.rate import Rate

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

ACCOUNT = "api.exotel.com/acme1"
MESSAGE = Message("+919876543210", "secret text", Encoding.PLAIN, segments=1, fields=MessageFields(sender="ACMEIN"))
ACCEPTED = Receipt(outcome=Outcome.ACCEPTED, exit_code=ExitCode.OK, sid="5" * 32, status="queued", http_status=200)
UNKNOWN = Receipt(outcome=Outcome.UNKNOWN, exit_code=ExitCode.UNKNOWN)
REJECTED = Receipt(outcome=Outcome.REJECTED, exit_code=ExitCode.REFUSED)
KEY = OnceKey(key="backup")
fork = multiprocessing.get_context("fork")


class Clock:
    """A wall clock that tests turn."""

    def __init__(self) -> None:
        self.now = 1_764_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    ledger = Ledger.open(tmp_path / "state", clock=clock)
    yield ledger
    ledger.close()


def claim(ledger: Ledger, message: Message = MESSAGE, once: OnceKey | None = None) -> int:
    entry_id = ledger.claim(message, account=ACCOUNT, profile=None, once=once)
    assert isinstance(entry_id, int)
    return entry_id


def test_a_claim_is_on_disk_before_it_is_settled(ledger: Ledger, tmp_path: Path) -> None:
    entry_id = claim(ledger)
    with sqlite3.connect(tmp_path / "state" / "ledger.db") as other:
        assert other.execute("SELECT state FROM messages").fetchall() == [("in_flight",)]
    other.close()
    ledger.settle(entry_id, ACCEPTED)
    (entry,) = History(ledger).log(HistoryFilter())
    assert (entry.state, entry.sid, entry.status, entry.attempts) == (State.ACCEPTED, "5" * 32, "queued", 1)


def test_every_commit_is_synchronous_and_deleted_text_is_overwritten(ledger: Ledger) -> None:
    """NORMAL loses the claim on a power failure, and with it the promise."""
    names = ("synchronous", "journal_mode", "secure_delete")
    assert [ledger._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names] == [2, "wal", 1]


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_files_are_for_their_owner_only_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        ledger = Ledger.open(tmp_path / "deep" / "state")
        claim(ledger)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep").rglob("*")}
    ledger.close()
    assert modes.pop("state") == 0o700
    assert modes.pop("owners") == 0o700
    assert set(modes.values()) == {0o600}
    assert "ledger.db-wal" in modes


def test_no_text_comes_to_disk(ledger: Ledger, tmp_path: Path) -> None:
    ledger.settle(claim(ledger), REJECTED)
    ledger.close()
    assert all(b"secret text" not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_claim_keeps_a_fingerprint_of_the_text_and_the_moment_of_its_last_attempt(
    ledger: Ledger, clock: Clock
) -> None:
    first = claim(ledger)
    claim(ledger, MESSAGE._replace(body="another text"))
    clock.now += 30
    ledger.wait_for_retry(first)
    ledger.claim_again(first)
    clock.now += 90
    ledger.settle(first, UNKNOWN)
    (other, one) = UnknownMessages(ledger, ACCOUNT).owners(MESSAGE.to)[::-1]
    fingerprints = UnknownMessages(ledger, ACCOUNT).fingerprints
    assert one.fingerprint == fingerprints.of_message(MESSAGE)
    assert other.fingerprint not in {None, one.fingerprint}
    assert (one.since, one.until, one.is_unknown) == (clock.now - 90, clock.now - 90, True)
    assert (other.since, other.is_unknown) == (clock.now - 120, False)
    assert UnknownMessages(ledger, "other").owners(MESSAGE.to) == []


def test_a_once_key_is_used_until_the_message_is_known_not_to_be_sent(ledger: Ledger, clock: Clock) -> None:
    def used(*, to: str = MESSAGE.to, account: str = ACCOUNT, within: float | None = KEY.within) -> State | None:
        entry = ledger.used(KEY._replace(within=within), recipient=to, account=account)
        return entry.state if entry else None

    first = claim(ledger, once=KEY)
    assert used() is State.IN_FLIGHT
    assert isinstance(ledger.claim(MESSAGE, account=ACCOUNT, profile=None, once=KEY), LedgerEntry)
    ledger.settle(first, REJECTED)
    assert used() is None
    ledger.settle(claim(ledger, once=KEY), ACCEPTED)
    assert used() is State.ACCEPTED
    assert used(to="+919876543211") is None
    assert used(account="api.in.exotel.com/acme1") is None
    clock.now += 3600
    assert used(within=3601.0) is State.ACCEPTED
    assert used(within=3599.0) is None
    assert used() is State.ACCEPTED


@pytest.mark.parametrize("state", ["in_flight", "waiting"])
def test_what_is_on_its_way_holds_its_once_key_without_an_end(ledger: Ledger, clock: Clock, state: str) -> None:
    once = KEY._replace(within=60.0)
    entry = claim(ledger, once=once)
    if state == "waiting":
        ledger.wait_for_retry(entry)
    clock.now += 3600
    used = ledger.used(once, recipient=MESSAGE.to, account=ACCOUNT)
    assert used
    assert used.state == state


def test_what_may_have_been_sent_holds_its_once_key_from_its_last_attempt_on(ledger: Ledger, clock: Clock) -> None:
    once = KEY._replace(within=60.0)
    entry = claim(ledger, once=once)
    clock.now += 90
    ledger.claim_again(entry)
    ledger.settle(entry, UNKNOWN)
    held = []
    for key in (once, KEY._replace(within=None), once):
        used = ledger.used(key, recipient=MESSAGE.to, account=ACCOUNT)
        held.append(used and used.state)
        clock.now += 50
    assert held == [State.UNKNOWN, State.UNKNOWN, None]


@pytest.mark.parametrize("is_decided", [True, False])
def test_what_is_found_to_be_accepted_holds_its_once_key_from_its_last_attempt_on(
    ledger: Ledger, clock: Clock, is_decided: bool
) -> None:
    began = clock.now
    ledger.settle(claim(ledger, once=KEY), UNKNOWN)
    clock.now += 90
    unknown = UnknownMessages(ledger, ACCOUNT)
    if is_decided:
        ledger.resolve_key(KEY.key, outcome=Outcome.ACCEPTED)
    else:
        unknown.accept(unknown.all()[0], "5" * 32, "sent")
    used = [
        ledger.used(KEY._replace(within=within), recipient=MESSAGE.to, account=ACCOUNT) for within in (100.0, 60.0)
    ]
    assert [one and (one.state, one.used_at) for one in used] == [(State.ACCEPTED, began), None]


def test_an_answer_that_took_longer_than_the_within_of_its_key_holds_it(ledger: Ledger, clock: Clock) -> None:
    entry = claim(ledger, once=KEY)
    clock.now += 90
    ledger.settle(entry, ACCEPTED)
    assert ledger.used(KEY._replace(within=60.0), recipient=MESSAGE.to, account=ACCOUNT) is not None


def test_what_may_have_been_sent_under_a_wrong_clock_holds_its_once_key_no_longer(
    ledger: Ledger, clock: Clock
) -> None:
    once = KEY._replace(within=60.0)
    clock.now += 86400
    ledger.settle(claim(ledger, once=once), UNKNOWN)
    clock.now -= 86400
    held = []
    for _ in range(3):
        used = ledger.used(once, recipient=MESSAGE.to, account=ACCOUNT)
        held.append(used and used.state)
        clock.now += 50
    assert held == [State.UNKNOWN, State.UNKNOWN, None]


@pytest.mark.parametrize("left", [b"", None])
def test_a_ledger_that_was_used_never_begins_anew_by_itself(
    ledger: Ledger, tmp_path: Path, left: bytes | None
) -> None:
    claim(ledger)
    ledger.close()
    for path in (tmp_path / "state").glob("ledger.db*"):
        path.unlink()
    if left is not None:
        (tmp_path / "ledger.db").write_bytes(left)
    for _ in range(2):
        with pytest.raises(LedgerError, match="empty or missing"):
            Ledger.open(tmp_path / "state")


def test_the_owner_of_a_claim_names_no_other_file(ledger: Ledger, tmp_path: Path) -> None:
    precious = tmp_path / "state" / "precious"
    precious.write_text("x")
    claim(ledger, once=KEY)
    with ledger.database.transaction() as connection:
        connection.execute("UPDATE messages SET owner = '../precious'")
    assert ledger.resolve_key(KEY.key, outcome=Outcome.NOT_SENT) == 1  # so it was taken for dead
    assert precious.exists()


def _claim_and_die(directory: Path, how: str, queue: "Queue[int]") -> None:
    ledger = Ledger.open(directory)
    entry_id = claim(ledger, once=KEY)
    if how == "waiting":
        ledger.wait_for_retry(entry_id)
    queue.put(entry_id)
    queue.close()
    queue.join_thread()
    os._exit(9)


@pytest.mark.parametrize(("how", "state"), [("in_flight", State.UNKNOWN), ("waiting", State.NOT_SENT)])
def test_what_a_dead_process_had_in_flight_is_unknown(tmp_path: Path, how: str, state: State) -> None:
    queue = fork.Queue()
    process = fork.Process(target=_claim_and_die, args=(tmp_path, how, queue))
    process.start()
    queue.get(timeout=60)
    process.join()
    ledger = Ledger.open(tmp_path)
    used = ledger.used(KEY, recipient=MESSAGE.to, account=ACCOUNT)
    assert (used.state if used else None) == (State.UNKNOWN if state is State.UNKNOWN else None)
    assert [entry.state for entry in History(ledger).log(HistoryFilter())] == [state]
    assert list((tmp_path / "owners").iterdir()) == []
    ledger.close()


def test_a_directory_whose_name_reads_as_a_uri_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = Path("file:ledger?mode=memory&x=")
    with closing(Ledger.open(place)) as ledger:
        claim(ledger, once=KEY)
    assert (place / "ledger.db").stat().st_size > 0


def test_a_person_resolves_what_is_unknown(ledger: Ledger) -> None:
    unknown = Receipt(outcome=Outcome.UNKNOWN, exit_code=ExitCode.UNKNOWN)
    ledger.settle(claim(ledger, once=KEY), unknown)
    assert ledger.resolve_key("backup", outcome=Outcome.NOT_SENT) == 1
    assert ledger.used(KEY, recipient=MESSAGE.to, account=ACCOUNT) is None
    assert ledger.resolve_key("backup", outcome=Outcome.ACCEPTED) == 0
    ledger.settle(claim(ledger, once=KEY), unknown)
    assert ledger.resolve_key("backup", outcome=Outcome.ACCEPTED) == 1
    used = ledger.used(KEY, recipient=MESSAGE.to, account=ACCOUNT)
    assert used is not None
    assert used.state is State.ACCEPTED


def _claim_once(directory: Path, queue: "Queue[int]") -> None:
    ledger = Ledger.open(directory)
    claimed = ledger.claim(MESSAGE, account=ACCOUNT, profile=None, once=KEY)
    if isinstance(claimed, int):
        ledger.settle(claimed, ACCEPTED)
    queue.put(isinstance(claimed, int))
    ledger.close()


def test_of_twenty_racing_processes_one_gets_the_key_and_the_ledger_is_created_once(tmp_path: Path) -> None:
    queue = fork.Queue()
    processes = [fork.Process(target=_claim_once, args=(tmp_path, queue)) for _ in range(20)]
    for process in processes:
        process.start()
    winners = [queue.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert sum(winners) == 1


def test_a_transaction_keeps_others_out_from_its_beginning(ledger: Ledger, tmp_path: Path) -> None:
    """Two that both read first, and then both write, would have one of them fail."""
    with (
        closing(sqlite3.connect(tmp_path / "state" / "ledger.db", timeout=0, isolation_level=None)) as other,
        ledger.database.transaction(),
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")


def test_slots_are_evenly_spaced_below_the_rate_and_one_pause_holds_for_all(ledger: Ledger, clock: Clock) -> None:
    rate = Rate.parse("200/min")
    waits = [ledger.reserve(ACCOUNT, rate) for _ in range(201)]
    assert waits[0] == 0
    assert waits[1] == pytest.approx(60 / 198)
    assert waits[200] > 60
    assert ledger.reserve("another/account", rate) == 0
    clock.now += 120
    ledger.block(ACCOUNT, seconds=30)
    assert ledger.blocked_for(ACCOUNT) == 30
    assert ledger.reserve(ACCOUNT, rate) == 30


def test_a_slot_that_comes_too_late_is_left_to_others(ledger: Ledger) -> None:
    rate = Rate.parse("6/min")
    assert ledger.reserve(ACCOUNT, rate, at_most=0) == 0
    late = ledger.reserve(ACCOUNT, rate, at_most=5)
    assert late == pytest.approx(10, rel=0.02)
    assert ledger.reserve(ACCOUNT, rate, at_most=late) == late


def test_a_short_pause_does_not_end_a_longer_one(ledger: Ledger, clock: Clock) -> None:
    ledger.block("acme1", seconds=30)
    clock.now += 1
    ledger.block("acme1", seconds=0.5)
    assert ledger.blocked_for("acme1") == pytest.approx(29)


def test_what_others_write_while_we_wait_for_the_ledger_is_not_of_the_future(
    ledger: Ledger, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would count as of a clock that was wrong: the pause forgotten, and of the key that would be told."""
    transaction = ledger.database.transaction
    ledger.warn = pytest.fail
    with closing(Ledger.open(tmp_path / "state", clock=clock)) as theirs:

        def waited(**options: bool) -> AbstractContextManager[sqlite3.Connection]:
            clock.now += 5
            theirs.block(ACCOUNT, seconds=60)
            theirs.claim(MESSAGE, account=ACCOUNT, profile=None, once=KEY)
            return transaction(**options)

        monkeypatch.setattr(ledger.database, "transaction", waited)
        assert ledger.reserve(ACCOUNT, Rate(200)) == 60
        ledger.block(ACCOUNT, seconds=1)
        assert ledger.blocked_for(ACCOUNT) == 60
        assert isinstance(ledger.claim(MESSAGE, account=ACCOUNT, profile=None, once=KEY), LedgerEntry)


def test_a_slot_from_before_the_clock_was_set_back_is_ignored(ledger: Ledger, clock: Clock) -> None:
    ledger.block(ACCOUNT, seconds=30)
    ledger.reserve(ACCOUNT, Rate(200))
    clock.now -= 86400
    assert ledger.blocked_for(ACCOUNT) == 0
    assert ledger.reserve(ACCOUNT, Rate(200)) == 0
    assert 0 < ledger.reserve(ACCOUNT, Rate(200)) < 1


def test_a_pause_from_before_the_clock_was_set_back_brings_no_slot_back(ledger: Ledger, clock: Clock) -> None:
    ledger.reserve(ACCOUNT, Rate(200))
    clock.now -= 86400
    ledger.block(ACCOUNT, seconds=5)
    assert ledger.reserve(ACCOUNT, Rate(200)) == 5


def test_a_long_queue_is_no_reason_to_begin_another(ledger: Ledger) -> None:
    waits = [ledger.reserve(ACCOUNT, Rate(1)) for _ in range(40)]
    assert waits == sorted(waits)
    assert waits[-1] > 39 * 60


def test_parts_of_the_day_are_counted_from_midnight_in_india(ledger: Ledger, clock: Clock) -> None:
    clock.now = 1_764_008_999.0  # 2025-11-24 23:59:59 in India
    ledger.settle(claim(ledger, MESSAGE._replace(segments=3)), ACCEPTED)
    assert ledger.parts_today(ACCOUNT) == 3
    ledger.settle(claim(ledger, MESSAGE._replace(segments=5)), REJECTED)
    assert ledger.parts_today(ACCOUNT) == 3
    clock.now += 1
    assert ledger.parts_today(ACCOUNT) == 0


def test_the_limit_is_checked_within_the_claim(ledger: Ledger) -> None:
    def two_at_most(parts: int) -> None:
        if parts > 2:
            raise GuardError("too many")

    for _ in range(2):
        ledger.claim(MESSAGE, account=ACCOUNT, profile=None, within_limit=two_at_most)
    with pytest.raises(GuardError):
        ledger.claim(MESSAGE, account=ACCOUNT, profile=None, within_limit=two_at_most)
    assert len([*History(ledger).log(HistoryFilter())]) == 2


def test_a_ledger_that_is_corrupt_or_from_the_future_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database at all, but long enough to look at" * 100)
    content = path.read_bytes()
    with pytest.raises(LedgerError):
        Ledger.open(tmp_path)
    assert path.read_bytes() == content
    path.unlink()
    Ledger.open(tmp_path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(LedgerError, match="newer"):
        Ledger.open(tmp_path)


def test_a_ledger_for_which_there_is_no_memory_advises_a_limit_not_the_disk(tmp_path: Path) -> None:
    with (
        pytest.raises(LedgerError, match="cannot be used: out of memory") as told,
        translated(tmp_path / "ledger.db"),
    ):
        raise MemoryError
    assert told.value.remedy.startswith("Raise its limit (ulimit -v")


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_an_older_ledger_is_brought_up_to_date(tmp_path: Path, version: int) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as connection:
        for script in MIGRATIONS[:version]:
            connection.executescript(script)
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute(
            "INSERT INTO messages (account, recipient, sender, segments, state, created_at, updated_at)"
            " VALUES (?, '+919876543210', 'ACMEIN', 1, 'unknown', 1, 1)",
            (ACCOUNT,),
        )
        connection.execute("INSERT INTO pace (account, next_at, blocked_until) VALUES (?, 5, 0)", (ACCOUNT,))
        connection.commit()
    with closing(Ledger.open(tmp_path)) as ledger:
        claim(ledger)
        ledger.reserve(ACCOUNT, Rate.parse("200/min"))
    with closing(sqlite3.connect(path)) as migrated, closing(sqlite3.connect(":memory:")) as new:
        for script in MIGRATIONS:
            new.executescript(script)
        assert _schema(migrated) == _schema(new)
        assert migrated.execute("SELECT state FROM messages").fetchall() == [("unknown",), ("in_flight",)]


def test_the_rows_of_an_older_ledger_stay_what_they_were(tmp_path: Path) -> None:
    rows = [(1, number, state, f"text {number}") for number, state in enumerate(ROW_STATES)]
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as connection:
        for script in MIGRATIONS[:4]:
            connection.executescript(script)
        connection.execute("PRAGMA user_version = 4")
        connection.executemany(_ROW, rows)
        connection.execute("UPDATE rows SET updated_at = number * 10")
        connection.executemany(
            "INSERT INTO runs VALUES (?, ?, '', '', '', x'', '', '', 0, 1, 20)", [(1, "a"), (2, "b")]
        )
        connection.commit()
        before = connection.execute("SELECT *, NULL FROM rows ORDER BY number").fetchall()
    Ledger.open(tmp_path).close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM rows ORDER BY number").fetchall() == before
        assert connection.execute("SELECT updated_at FROM runs").fetchall() == [(60,), (20,)]


ROW_STATES = ("waiting", "in_flight", "accepted", "rejected", "not_sent", "unknown", "skipped")
_ROW = (
    "INSERT INTO rows (run, number, line, recipient, sender, occurrence, segments, encoding, state, text, updated_at)"
    " VALUES (?, ?, 1, '+919876543210', 'ACMEIN', 0, 1, 'plain', ?, ?, 1)"
)


def test_a_row_is_in_one_of_seven_states(ledger: Ledger) -> None:
    connection = ledger.database.connection
    connection.executemany(_ROW, [(1, number, state, None) for number, state in enumerate(ROW_STATES)])
    assert {*ROW_STATES} == {*State, "skipped"}
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(_ROW, (1, 99, "sent", None))


def test_a_transaction_within_another_is_a_part_of_it(ledger: Ledger, tmp_path: Path) -> None:
    def seen() -> list[str]:
        with closing(sqlite3.connect(tmp_path / "state" / "ledger.db")) as other:
            return [account for (account,) in other.execute("SELECT account FROM parts ORDER BY 1")]

    def count(*accounts: str, fails: bool = False) -> None:
        with ledger.database.transaction() as connection:
            for account in accounts:
                with ledger.database.transaction():
                    count_parts(ledger.database, account, 1)
                assert seen() == ["kept"] * (account != "kept")
            if fails:
                connection.execute("no statement")

    count("kept")
    assert seen() == ["kept"]
    with pytest.raises(LedgerError, match="syntax error"):
        count("undone", "undone too", fails=True)
    assert seen() == ["kept"]
    count("another")
    assert seen() == ["another", "kept"]


def test_others_write_while_a_purge_asks_the_ledger_that_machines_share(ledger: Ledger) -> None:
    asked = []

    class Shared:
        def is_any_unknown(self) -> bool:
            asked.append(ledger.database.connection.in_transaction)
            return False

    ledger.settle(claim(ledger), UNKNOWN)
    ledger.shared = Shared()  # type: ignore[assignment]  # what a purge needs of it
    ledger.purge(0)
    Journal(ledger).purge(0)
    assert asked == [False, False]


def test_a_transaction_that_was_left_open_is_not_taken_for_ours(ledger: Ledger) -> None:
    """As after a ROLLBACK that failed: what comes next would seem to be committed and be lost."""
    ledger.database.connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="within a transaction"):
        ledger.examine()
    ledger.examine()


def test_an_unreadable_ledger_is_let_go_of(tmp_path: Path) -> None:
    opened: list[sqlite3.Connection] = []

    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        opened.append(sqlite3_connect(*args, **options))
        return opened[-1]

    sqlite3_connect = sqlite3.connect
    (tmp_path / "ledger.db").write_bytes(b"not a database at all, but long enough to look at" * 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", connect)
        with pytest.raises(LedgerError):
            Ledger.open(tmp_path)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")


def _schema(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    found = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").fetchall()
    return [(name, " ".join(sql.split())) for name, sql in found]


def test_a_lock_that_is_no_file_is_no_bug(tmp_path: Path) -> None:
    (tmp_path / ".ledger.db.lock").mkdir()
    with pytest.raises(LedgerError, match=r"cannot be locked: .*\.ledger\.db\.lock: Is a directory"):
        Ledger.open(tmp_path)
    (tmp_path / ".ledger.db.lock").rmdir()
    with closing(Ledger.open(tmp_path)) as ledger, closing(Ledger.open(tmp_path)) as other:
        ledger.claim(MESSAGE, account=ACCOUNT, profile=None)
        (tmp_path / "owners" / ledger.database.me()).unlink()
        (tmp_path / "owners" / ledger.database.me()).mkdir()
        with pytest.raises(LedgerError, match=r"cannot be locked: .*: Is a directory"):
            other.examine()
        (tmp_path / "owners" / ledger.database.me()).rmdir()


def test_without_a_place_for_it_there_is_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerUnavailableError, match="cannot be written"):
        Ledger.open(tmp_path / "file" / "state")
