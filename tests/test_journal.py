"""The journal on its own, where no command can bring it."""

import time
from collections.abc import Callable, Iterator

import pytest

from exosms.compose import Letterhead
from exosms.database import LedgerError
from exosms.errors import ExitCode, GuardError
from exosms.journal import Item, Journal, Run, Terms
from exosms.ledger import Ledger, State
from exosms.message import Encoding, Message, MessageType, Outcome, Priority, Problem, Receipt, Retry
from exosms.staging import VARYING, Draft, Staging, reader_of_messages

HEADED = Letterhead(
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
    return Message(
        to=to,
        sender="OTHERS",
        body="Hello",
        encoding=Encoding.PLAIN,
        segments=1,
        dlt_entity_id=HEADED.dlt_entity_id,
        dlt_template_id=HEADED.dlt_template_id,
        type=HEADED.type,
        priority=HEADED.priority,
        status_callback=HEADED.status_callback,
        custom_field=HEADED.custom_field,
        template=HEADED.template,
    )


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with_rows = Ledger.in_memory()
    yield with_rows
    with_rows.close()


def begun(ledger: Ledger, rows: int) -> tuple[Journal, Run, list[Item]]:
    journal = Journal(ledger)
    journal.prepare()
    staging = Staging(ledger.database, account="acme1", letterhead=HEADED)
    staging.lay_out(Draft(row, row + 1, message(f"+91{9800000000 + row}")) for row in range(1, rows + 1))
    run = journal.begin(
        "r1", account="acme1", profile=None, file="-", digest=staging.digest, terms=Terms(letterhead=HEADED)
    )
    ours, _ = journal.claim(run, list(journal.waiting(run)))
    return journal, run, list(ours)


def test_a_row_makes_the_message_that_was_laid_out(ledger: Ledger) -> None:
    assert Message._fields == ("to", "sender", "body", "encoding", "segments", *VARYING, "template")
    _, _, items = begun(ledger, 2)
    assert [item.message for item in items] == [message("+919800000001"), message("+919800000002")]
    own = '{"dlt_entity_id": null, "type": null, "priority": "normal"}'
    changed = reader_of_messages(HEADED)(("+919800000001", "OTHERS", "plain", 1, "Hello", own))
    assert changed == message("+919800000001")._replace(dlt_entity_id=None, type=None, priority=Priority.NORMAL)
    assert isinstance(changed.priority, Priority)


@pytest.mark.parametrize("rows", [1, 99, 100, 101, 250])
def test_every_row_is_settled_whatever_their_number(ledger: Ledger, rows: int) -> None:
    journal, run, items = begun(ledger, rows)
    journal.settle(run, [(item, ACCEPTED._replace(sid=f"{item.number:032}"), State.ACCEPTED) for item in items])
    entries = list(journal.rows(run))
    assert [(entry.number, entry.state, entry.sid, entry.text) for entry in entries] == [
        (number, "accepted", f"{number:032}", None) for number in range(1, rows + 1)
    ]


@pytest.mark.parametrize("strange", ["twice", "of no run"])
def test_results_that_are_not_one_for_each_row_are_not_recorded(ledger: Ledger, strange: str) -> None:
    journal, run, (first, second) = begun(ledger, 2)
    other = first if strange == "twice" else second._replace(number=7)
    with pytest.raises(LedgerError):
        journal.settle(run, [(first, ACCEPTED, State.ACCEPTED), (other, ACCEPTED, State.ACCEPTED)])
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
    assert [
        (row.state, row.sid, row.status, row.http_status, row.code, row.exit_code, row.error, row.text)
        for row in journal.rows(run)
    ] == [
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
        assert journal.claim(run, [second]) == ([second], [])
    assert statements.count("COMMIT") == 1
    assert [row.state for row in journal.rows(run)] == ["accepted", "in_flight", "in_flight"]


def _refusing(_parts: int) -> None:
    raise GuardError("too many parts", remedy="")


@pytest.mark.parametrize(
    ("segments", "limit", "error"),
    [
        (1, _refusing, GuardError),
        (2**70, None, OverflowError),  # more than SQLite has room for, found only once the row was changed
    ],
)
def test_a_claim_that_fails_leaves_what_was_found_to_be_committed(
    ledger: Ledger, segments: int, limit: Callable[[int], None] | None, error: type[Exception]
) -> None:
    journal, run, (first, second) = begun(ledger, 2)
    changed = second._replace(message=second.message._replace(segments=segments))
    with journal.one_commit():
        journal.settle(run, [(first, ACCEPTED, State.ACCEPTED), (second, ACCEPTED, State.WAITING)])
        with pytest.raises(error):
            journal.claim(run, [changed], within_limit=limit)
    assert [row.state for row in journal.rows(run)] == ["accepted", "waiting"]


@pytest.mark.parametrize("resolved", [True, False])
def test_a_run_that_was_touched_long_ago_holds_what_it_did_lately(ledger: Ledger, resolved: bool) -> None:
    """It may be unfinished and send again, or a person may have decided about its rows."""
    journal, old, (row,) = begun(ledger, 1)
    long_ago = time.time() - 1e6
    if resolved:
        journal.settle(old, [(row, ACCEPTED, State.UNKNOWN)])
        journal.release(old, exit_code=10)
    connection = ledger.database.connection
    connection.execute("UPDATE runs SET updated_at = ?", (long_ago,))
    connection.execute("UPDATE rows SET updated_at = ?", (long_ago,))
    staging = Staging(ledger.database, account="acme1", letterhead=HEADED)
    staging.lay_out([Draft(1, 2, row.message)])
    terms = Terms(letterhead=HEADED)
    new = journal.begin("r2", account="acme1", profile=None, file="-", digest=b"2", terms=terms)
    (same,) = journal.waiting(new)
    if resolved:
        assert journal.resolve(old, outcome=Outcome.ACCEPTED, row=None) == 1
    else:
        journal.settle(old, [(row, ACCEPTED, State.ACCEPTED)])
    assert journal.claim(new, [same]) == ([], [same])
