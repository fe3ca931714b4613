"""The journal on its own, where no command can bring it."""

from collections.abc import Iterator

import pytest

from exosms.compose import Letterhead
from exosms.database import LedgerError
from exosms.errors import ExitCode
from exosms.journal import Item, Journal, Run, Terms
from exosms.ledger import Ledger, State
from exosms.message import Encoding, Message, MessageType, Outcome, Priority, Receipt
from exosms.staging import VARYING, Draft, Staging, message_of

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
    changed = message_of(("+919800000001", "OTHERS", "plain", 1, "Hello", own), HEADED)
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
