"""The journal on its own, where no command can bring it."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from exosms.bulk.lifecycle import release
from exosms.bulk.stop import stop_for
from exosms.errors import ExitCode, GuardError
from exosms.ledger.database import PIECE, LedgerError
from exosms.ledger.dead_processes import taken_for_dead
from exosms.ledger.entry import State
from exosms.ledger.history import History
from exosms.ledger.messages import Ledger
from exosms.ledger.run_rows import Claim, ClaimedRow
from exosms.ledger.run_terms import RunTerms
from exosms.ledger.runs import Journal, Run
from exosms.ledger.staging import RowMessage, Staging, reader_of_messages
from exosms.ledger.unknown import resolve_rows
from exosms.sms.message import (
    Encoding,
    Message,
    MessageFields,
    MessageType,
    Outcome,
    Priority,
    Problem,
    Receipt,
    Retry,
)
from exosms.system.times import midnight_in_india

HEADED = MessageFields(
    sender="ACMEIN",
    dlt_entity_id="1" * 19,
    dlt_template_id="2" * 19,
    type=MessageType.TRANSACTIONAL,
    priority=Priority.HIGH,
    status_callback="https://example.com/report",
    custom_field="order 7",
    template="otp",
)
ACCEPTED = Receipt(outcome=Outcome.ACCEPTED, exit_code=ExitCode.OK, sid="5" * 32)


def message(to: str) -> Message:
    return Message(to, "Hello", Encoding.PLAIN, segments=1, fields=HEADED._replace(sender="OTHERS"))


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with_rows = Ledger.in_memory()
    yield with_rows
    with_rows.close()


def begun(ledger: Ledger, rows: int) -> tuple[Journal, Run, list[ClaimedRow]]:
    journal = Journal(ledger)
    journal.prepare()
    staging = Staging(ledger.database, account="acme1", message_fields=HEADED)
    staging.lay_out(RowMessage(row, row + 1, message(f"+91{9800000000 + row}")) for row in range(1, rows + 1))
    run = journal.begin(
        "r1", account="acme1", profile=None, file="-", digest=staging.digest, terms=RunTerms(message_fields=HEADED)
    )
    return journal, run, [*journal.claim(run, [*journal.waiting(run)]).ours]


def stored(ledger: Ledger, run: Run, columns: str) -> list[tuple[object, ...]]:
    """Return what the table has of a run's rows, texts too, which nobody is shown."""
    return ledger.database.connection.execute(
        f"SELECT {columns} FROM rows WHERE run = ? ORDER BY number", (run.id,)
    ).fetchall()


def test_a_row_makes_the_message_that_was_laid_out(ledger: Ledger) -> None:
    _, _, items = begun(ledger, 2)
    assert [item.message for item in items] == [message("+919800000001"), message("+919800000002")]
    own = '{"dlt_entity_id": null, "type": null, "priority": "normal"}'
    changed = reader_of_messages(HEADED)(("+919800000001", "OTHERS", "plain", 1, "Hello", own))
    own_fields = HEADED._replace(sender="OTHERS", dlt_entity_id=None, type=None, priority=Priority.NORMAL)
    assert changed == message("+919800000001")._replace(fields=own_fields)
    assert isinstance(changed.fields.priority, Priority)


@pytest.mark.parametrize("rows", [1, 99, 100, 101, 250])
def test_every_row_is_settled_whatever_their_number(ledger: Ledger, rows: int) -> None:
    journal, run, items = begun(ledger, rows)
    journal.settle(run, [(item, ACCEPTED._replace(sid=f"{item.number:032}"), State.ACCEPTED) for item in items])
    assert [(entry.row, entry.state, entry.sid) for entry in History(ledger).rows(run)] == [
        (number, "accepted", f"{number:032}") for number in range(1, rows + 1)
    ]
    assert stored(ledger, run, "text") == [(None,)] * rows


def test_others_write_while_very_much_is_purged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They waited until all was gone: an alert was not sent, and a bulk could not record what became of rows."""
    with closing(Ledger.open(tmp_path)) as ledger, closing(Ledger.open(tmp_path)) as other:
        journal, run, items = begun(ledger, PIECE + 1)
        journal.settle(run, [(item, ACCEPTED._replace(sid=f"{item.number:032}"), State.ACCEPTED) for item in items])
        journal.release(run, exit_code=0)
        ledger.database.connection.execute(
            "INSERT INTO messages (account, recipient, sender, segments, state, attempts, created_at, updated_at)"
            " SELECT 'acme1', recipient, sender, 1, 'accepted', 1, updated_at, updated_at FROM rows"
        )
        ledger.database.connection.execute(
            "INSERT INTO deliveries (account, sid, outcome, checked_at) SELECT 'acme1', sid, 'delivered', 0 FROM rows"
        )
        ledger.database.connection.execute("INSERT INTO callback_requests VALUES (1, x'', 'acme1', NULL, '', 0)")
        ledger.database.connection.execute("INSERT INTO callback_messages SELECT 1, sid, run, number FROM rows")
        other.database.patience = 0
        pauses: list[float] = []

        def write(seconds: float) -> None:
            other.block("acme1", seconds=1)
            ((left,),) = ledger.database.read("SELECT count(*) FROM rows")
            assert (left > 0) == bool(journal.runs())
            pauses.append(seconds)

        monkeypatch.setattr(time, "sleep", write)
        assert (ledger.purge(-60), journal.purge(-60)) == (PIECE + 1, PIECE + 1)
        assert (len(pauses), journal.runs()) == (4, [])
        for table in ("deliveries", "callback_messages", "callback_requests"):
            assert ledger.database.read(f"SELECT count(*) FROM {table}") == [(0,)]


def test_a_run_that_was_purged_meanwhile_is_not_taken_nor_the_one_that_has_its_place(ledger: Ledger) -> None:
    journal, run, items = begun(ledger, 1)
    journal.settle(run, [(items[0], ACCEPTED, State.ACCEPTED)])
    journal.release(run, exit_code=0)
    assert journal.purge(-60) == 1
    with pytest.raises(GuardError, match="r1 was purged meanwhile"):
        journal.take(run)
    terms = RunTerms(message_fields=HEADED)
    other = journal.begin("r2", account="acme1", profile=None, file="-", digest=b"2", terms=terms)
    journal.release(other, exit_code=None)
    assert other.id == run.id
    with pytest.raises(GuardError, match="r1 was purged meanwhile"):
        journal.take(run)


@pytest.mark.parametrize("strange", ["twice", "of no run"])
@pytest.mark.parametrize("state", [State.ACCEPTED, State.UNKNOWN])
def test_results_that_are_not_one_for_each_row_are_not_recorded(ledger: Ledger, strange: str, state: State) -> None:
    journal, run, (first, second) = begun(ledger, 2)
    other = first if strange == "twice" else second._replace(number=7)
    with pytest.raises(LedgerError):
        journal.settle(run, [(first, ACCEPTED, State.ACCEPTED), (other, ACCEPTED, state)])
    assert journal.counts(run) == {"in_flight": 2}


def test_rows_of_which_different_things_are_known_are_settled_each_as_it_is(ledger: Ledger) -> None:
    journal, run, items = begun(ledger, 4)
    refused = Problem(kind="rejected", message="Invalid", meaning="", remedy="", retry=Retry.NO, code=40203)
    receipts = [
        ACCEPTED._replace(status="queued", http_status=200),
        ACCEPTED._replace(status="sent", http_status=200, sid="6" * 32),
        Receipt(outcome=Outcome.REJECTED, exit_code=ExitCode.REFUSED, http_status=400, problem=refused),
        Receipt(outcome=Outcome.UNKNOWN, exit_code=ExitCode.UNKNOWN),
    ]
    journal.settle(
        run, [(item, said, State(said.outcome.value)) for item, said in zip(items, receipts, strict=True)][::-1]
    )
    assert stored(ledger, run, "state, sid, status, http_status, code, exit_code, error, text") == [
        ("accepted", "5" * 32, "queued", 200, None, 0, None, None),
        ("accepted", "6" * 32, "sent", 200, None, 0, None, None),
        ("rejected", None, None, 400, 40203, 6, "Invalid", "Hello"),
        ("unknown", None, None, None, None, 9, None, "Hello"),
    ]


def test_what_is_recorded_together_is_one_commit(ledger: Ledger) -> None:
    journal, run, (first, second, _) = begun(ledger, 3)
    statements: list[str] = []
    ledger.database.connection.set_trace_callback(statements.append)
    with journal.one_commit():
        journal.settle(run, [(first, ACCEPTED, State.ACCEPTED), (second, ACCEPTED, State.WAITING)])
        assert parted(journal.claim(run, [second])) == ([second], [], [])
    assert statements.count("COMMIT") == 1
    assert [row.state for row in History(ledger).rows(run)] == ["accepted", "in_flight", "in_flight"]


def _refusing(_parts: int) -> None:
    raise GuardError("too many parts", remedy="")


@pytest.mark.parametrize(
    ("segments", "limit", "error"),
    [
        (1, _refusing, GuardError),
        (2**70, None, OverflowError),  # more than SQLite has room for, found only once the row was changed
    ],
)
def test_with_a_claim_that_fails_nothing_is_committed(
    ledger: Ledger, segments: int, limit: Callable[[int], None] | None, error: type[Exception]
) -> None:
    journal, run, (first, second) = begun(ledger, 2)

    def go_on() -> None:
        changed = second._replace(message=second.message._replace(segments=segments))
        with journal.one_commit():
            journal.settle(run, [(first, ACCEPTED, State.ACCEPTED), (second, ACCEPTED, State.WAITING)])
            journal.claim(run, [changed], within_limit=limit)

    with pytest.raises(error):
        go_on()
    assert [row.state for row in History(ledger).rows(run)] == ["in_flight", "in_flight"]


HOUR = 3600.0


class Clock:
    """A wall clock that can be set."""

    def __init__(self) -> None:
        self.now = 1_764_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("claimed", [-60, 60])
def test_parts_that_were_used_yesterday_are_not_given_back_today(claimed: int) -> None:
    """Else so many more than the limit would go out after midnight in India."""
    clock = Clock()
    clock.now = midnight_in_india(clock.now) + claimed
    with closing(Ledger.in_memory(clock=clock)) as ledger:
        journal, run, items = begun(ledger, 3)
        clock.now += 120
        ledger.take_parts("acme1", 5)
        journal.settle(run, [(item, ACCEPTED._replace(sid=None), State.NOT_SENT) for item in items])
        assert ledger.parts_today("acme1") == 5


def parted(claim: Claim) -> tuple[list[ClaimedRow], list[ClaimedRow], list[ClaimedRow]]:
    """Return the rows of a claim: ours, those that another run has sent, and those that it is sending."""
    return [*claim.ours], [row for rows in claim.elsewhere.values() for row in rows], [*claim.busy]


def begun_again(ledger: Ledger, item: ClaimedRow) -> tuple[Run, ClaimedRow]:
    """Begin another run with the same message; what was sent more than an hour ago does not count."""
    journal = Journal(ledger)
    staging = Staging(ledger.database, account="acme1", message_fields=HEADED)
    staging.lay_out([RowMessage(1, 2, item.message)])
    terms = RunTerms(message_fields=HEADED, within=HOUR)
    run = journal.begin("r2", account="acme1", profile=None, file="-", digest=b"2", terms=terms)
    (same,) = journal.waiting(run)
    return run, same


def _answered(journal: Journal, run: Run, item: ClaimedRow) -> None:
    journal.settle(run, [(item, ACCEPTED, State.ACCEPTED)])


def _resolved(journal: Journal, run: Run, item: ClaimedRow) -> None:
    journal.settle(run, [(item, ACCEPTED, State.UNKNOWN)])
    journal._connection.execute("UPDATE runs SET updated_at = started_at")
    assert resolve_rows(journal.ledger, run, outcome=Outcome.ACCEPTED) == 1


@pytest.mark.parametrize("changed", [_answered, _resolved])
def test_a_run_that_ended_long_ago_holds_what_became_of_it_lately(
    changed: Callable[[Journal, Run, ClaimedRow], None],
) -> None:
    """As where its process was taken for dead, or where a person decides."""
    clock = Clock()
    with closing(Ledger.in_memory(clock=clock)) as ledger:
        journal, old, (row,) = begun(ledger, 1)
        journal.release(old, exit_code=0)
        clock.now += 9 * HOUR
        new, same = begun_again(ledger, row)
        changed(journal, old, row)
        assert parted(journal.claim(new, [same])) == ([], [same], [])


@pytest.mark.parametrize("later", [0.0, 6 * HOUR])
def test_a_run_holds_what_it_sent_wherever_the_clock_is_set_then(later: float) -> None:
    clock = Clock()
    with closing(Ledger.in_memory(clock=clock)) as ledger:
        journal, old, (row,) = begun(ledger, 1)
        clock.now += 4 * HOUR
        new, same = begun_again(ledger, row)
        clock.now += HOUR
        _answered(journal, old, row)
        clock.now -= 6 * HOUR
        journal.release(old, exit_code=0)
        clock.now += later
        assert parted(journal.claim(new, [same])) == ([], [same], [])


def test_what_an_older_exosms_writes_meanwhile_holds() -> None:
    """It does not keep its run as new as its rows."""
    clock = Clock()
    with closing(Ledger.in_memory(clock=clock)) as ledger:
        journal, old, (row,) = begun(ledger, 1)
        clock.now += 9 * HOUR
        new, same = begun_again(ledger, row)
        ledger.database.connection.execute(
            "UPDATE rows SET state = 'accepted', updated_at = ? WHERE run = ?", (clock.now, old.id)
        )
        assert parted(journal.claim(new, [same])) == ([], [same], [])


def test_what_other_runs_sent_before_the_window_does_not_hold() -> None:
    clock = Clock()
    with closing(Ledger.in_memory(clock=clock)) as ledger:
        journal, old, (row,) = begun(ledger, 1)
        _answered(journal, old, row)
        journal.release(old, exit_code=0)
        clock.now += 2 * HOUR
        new, same = begun_again(ledger, row)
        assert parted(journal.claim(new, [same])) == ([same], [], [])


def test_what_another_run_is_sending_waits_for_what_comes_of_it(ledger: Ledger) -> None:
    journal, old, (row,) = begun(ledger, 1)
    new, same = begun_again(ledger, row)
    assert journal.claim(new, [same]).busy == [same]
    assert stored(ledger, new, "text") == [("Hello",)]
    journal.settle(old, [(row, ACCEPTED._replace(outcome=Outcome.NOT_SENT), State.NOT_SENT)])
    assert parted(journal.claim(new, [same])) == ([same], [], [])


def test_what_a_process_was_sending_that_died_is_over(tmp_path: Path) -> None:
    with closing(Ledger.open(tmp_path)) as died, closing(Ledger.open(tmp_path)) as ours:
        _, _, (row,) = begun(died, 1)
        new, same = begun_again(ours, row)
        assert Journal(ours).claim(new, [same]).busy == [same]
        died.database.owners.leave()
        assert Journal(ours).claim(new, [same]).elsewhere == {"perhaps sent by another run in the meantime": [same]}


def test_what_another_run_sent_meanwhile_says_nothing_of_an_earlier_refusal(ledger: Ledger) -> None:
    journal, old, (row,) = begun(ledger, 1)
    new, same = begun_again(ledger, row)
    refused = Receipt(outcome=Outcome.NOT_SENT, exit_code=ExitCode.RATE_LIMITED, status="failed", http_status=429)
    journal.settle(new, [(same, refused, State.WAITING)])
    journal.settle(old, [(row, ACCEPTED, State.ACCEPTED)])
    assert parted(journal.claim(new, [same])) == ([], [same], [])
    assert stored(ledger, new, "state, status, http_status, code, exit_code") == [("skipped", None, None, None, 0)]


@pytest.mark.parametrize("recorded", [True, False])
def test_what_is_unknown_says_nothing_of_an_earlier_attempt(ledger: Ledger, recorded: bool) -> None:
    journal, run, (row,) = begun(ledger, 1)
    refused = Problem(kind="", message="slow down", meaning="", remedy="", retry=Retry.SAFE, code=42900)
    again = Receipt(outcome=Outcome.NOT_SENT, exit_code=ExitCode.RATE_LIMITED, http_status=429, problem=refused)
    journal.settle(run, [(row, again, State.WAITING)])
    journal.claim(run, [row])
    journal.abandon(run)
    if recorded:
        journal.release(run, exit_code=None)
    (entry,) = History(ledger).rows(run)
    assert (entry.state, entry.http_status, entry.code) == ("unknown", None, None)
    assert entry.error == "its result could not be recorded"
    assert journal.outcomes(run) == [("unknown", 9)]


def test_the_rows_of_whoever_took_a_run_over_are_left_to_it(ledger: Ledger) -> None:
    """As where the file that marks its process as alive was deleted."""
    journal, run, (row,) = begun(ledger, 1)
    ledger.database.connection.execute("UPDATE runs SET owner = 'another'")
    journal.abandon(run)
    assert journal.give_up(run) == 0
    journal.release(run, exit_code=None)
    assert journal.counts(run) == {"in_flight": 1}
    with pytest.raises(LedgerError, match="treated this one as ended"):
        journal.claim(run, [row])
    journal.settle(run, [(row, ACCEPTED, State.ACCEPTED)])  # that is the truth all the same
    assert journal.counts(run) == {"accepted": 1}


def test_what_is_in_flight_elsewhere_is_not_skipped_before_it_is_over(ledger: Ledger) -> None:
    journal, old, (row,) = begun(ledger, 1)

    def waiting() -> int:
        staging = Staging(ledger.database, account="acme1", message_fields=HEADED)
        staging.lay_out([RowMessage(1, 2, row.message)])
        assert staging.earlier.sent_before(0.0, time.time()).rows == 1
        staging.earlier.skip_sent_before(0.0, time.time())
        return staging.totals().messages

    assert waiting() == 1
    journal.settle(old, [(row, ACCEPTED, State.UNKNOWN)])
    assert waiting() == 0


@pytest.mark.parametrize(("owner", "exit_code", "state"), [("another", 4, "in_flight"), (None, 10, "unknown")])
def test_a_command_whose_run_was_taken_over_ends_with_what_stopped_it(
    ledger: Ledger, owner: str | None, exit_code: int, state: str
) -> None:
    """What is in flight at the other process is left; what nobody waits for any more is unknown."""
    journal, run, (first, _) = begun(ledger, 2)
    journal.settle(run, [(first, ACCEPTED, State.ACCEPTED)])
    if owner:
        ledger.database.connection.execute("UPDATE runs SET owner = ?", (owner,))
    assert release(run, journal, stop_for(taken_for_dead())).exit_code == exit_code
    assert journal.counts(run) == {"accepted": 1, state: 1}


def test_the_first_of_many_equal_rows_is_found_at_once(ledger: Ledger) -> None:
    """Each of a thousand looked at all the others: a column that was filled to its end took minutes."""
    staging = Staging(ledger.database, account="acme1", message_fields=HEADED)
    staging.lay_out(RowMessage(row, row + 1, message("+919800000000")) for row in range(1, 1001))
    steps = [0]
    ledger.database.connection.set_progress_handler(lambda: steps.__setitem__(0, steps[0] + 1), 100)
    found = staging.first_duplicates(1000)
    ledger.database.connection.set_progress_handler(None, 0)
    assert [first for _, _, first, _ in found] == [2] * 999
    assert steps[0] < 1000
