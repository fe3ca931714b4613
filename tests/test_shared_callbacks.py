"""A receiver of callbacks finds the messages of every machine in the ledger that they share."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from conftest import until
from test_callbacks import Hooks, Receiver, hooks  # noqa: F401  # fixtures
from test_sandbox import serving

psycopg = pytest.importorskip("psycopg")

from exosms.ledger.callbacks import dumped  # noqa: E402
from exosms.ledger.postgres.statements import lock_sids  # noqa: E402  # not without psycopg
from exosms.sms.message import Delivery, Outcome  # noqa: E402

AWAY = "postgresql://x:canary@127.0.0.1:1/x"


@pytest.fixture
def shared_hooks(hooks: Hooks, address: str) -> Hooks:  # noqa: F811
    hooks.configure(more=f'ledger = "{address}"\n')
    return hooks


@pytest.fixture
def receiver(shared_hooks: Hooks) -> Iterator[Receiver]:
    running = Receiver(shared_hooks)
    yield running
    running.kill()


def sent_elsewhere(hooks: Hooks, *more: str) -> None:  # noqa: F811
    """Send from a machine that is not the receiver's."""
    argv = ("send", "--to", "+919876543210", "-b", "Hello", "--config", str(hooks.path), *more)
    assert hooks.exosms(*argv, env={"EXOSMS_STATE_DIR": str(hooks.exosms.home / "elsewhere")}).exit_code == 0


def ask(address: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(address, autocommit=True) as connection:
        return list(connection.execute(sql).fetchall())


@contextmanager
def being_recorded(address: str, sid: str) -> Iterator[None]:
    """Record the answer to the one message as its sender does, until somebody waits for that."""
    with psycopg.connect(address) as sender:
        ((account,),) = sender.execute("SELECT account FROM exosms.messages").fetchall()
        lock_sids(sender, str(account), [sid])
        sender.execute("UPDATE exosms.messages SET state = 'accepted', sid = %s", (sid,))
        yield
        until(lambda: ask(address, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") != [])


def test_what_became_of_another_machines_message_is_kept(
    shared_hooks: Hooks,
    receiver: Receiver,
    address: str,
) -> None:
    sent_elsewhere(shared_hooks)
    (message,) = shared_hooks.taken
    assert receiver.call_back(message, To="09876543219") == 404
    assert receiver.call_back(message, SmsSid="f" * 32) == 404
    assert ask(address, "SELECT * FROM exosms.deliveries") == []
    assert receiver.call_back(message) == 200
    assert ask(address, 'SELECT sid, outcome, "to" FROM exosms.deliveries') == [(message.sid, "delivered", "…3210")]
    log = shared_hooks.exosms("log", "--json", env={"EXOSMS_LEDGER": address})
    assert [told["outcome"] for told in json.loads(log.stdout)["messages"]] == ["delivered"]


def test_another_machines_unknown_message_is_accepted_once_exotel_confirms_its_sid(
    shared_hooks: Hooks,
    receiver: Receiver,
    address: str,
) -> None:
    sent_elsewhere(shared_hooks)
    (message,) = shared_hooks.taken
    ask(address, "UPDATE exosms.messages SET state = 'unknown', sid = NULL RETURNING 1")
    shared_hooks.server.store.add([message._replace(sid="f" * 32, body="Another text")])
    assert receiver.call_back(message, SmsSid="f" * 32) == 200
    until(lambda: ask(address, "SELECT * FROM exosms.callbacks") == [])
    assert ask(address, "SELECT state FROM exosms.messages") == [("unknown",)]
    assert receiver.call_back(message) == 200
    until(lambda: ask(address, "SELECT state, sid FROM exosms.messages") == [("accepted", message.sid)])
    assert ask(address, "SELECT sid, outcome FROM exosms.deliveries") == [(message.sid, "delivered")]
    assert "9876543210" not in str(ask(address, "SELECT m::text FROM exosms.messages m"))


def test_a_callback_that_comes_while_the_answer_is_recorded_is_kept(
    shared_hooks: Hooks,
    receiver: Receiver,
    address: str,
) -> None:
    """It waits for that, and then finds its Sid known: as that of its own message."""
    sent_elsewhere(shared_hooks)
    (message,) = shared_hooks.taken
    ask(address, "UPDATE exosms.messages SET state = 'in_flight', sid = NULL RETURNING 1")
    with ThreadPoolExecutor(1) as pool:
        with being_recorded(address, message.sid):
            answered = pool.submit(receiver.call_back, message)
        assert answered.result() == 200
    assert ask(address, "SELECT sid, outcome FROM exosms.deliveries") == [(message.sid, "delivered")]


def test_a_callback_is_kept_if_its_answer_is_recorded_while_it_is_confirmed(
    shared_hooks: Hooks,
    receiver: Receiver,  # looks into it
    address: str,
) -> None:
    sent_elsewhere(shared_hooks)
    (message,) = shared_hooks.taken
    ask(address, "UPDATE exosms.messages SET state = 'unknown', sid = NULL RETURNING 1")
    said = dumped(Delivery(Outcome.DELIVERED, "sent"))
    with being_recorded(address, message.sid):
        ask(
            address,
            "INSERT INTO exosms.callbacks (message, sid, delivery, is_final, received_at, next_at)"
            f" SELECT id, '{message.sid}', '{said}', true, 0, 0 FROM exosms.messages RETURNING 1",
        )
    until(lambda: ask(address, "SELECT 1 FROM exosms.callbacks") == [])
    assert ask(address, "SELECT sid, outcome FROM exosms.deliveries") == [(message.sid, "delivered")]


def test_what_was_called_back_of_another_machines_message_is_compared_by_reconcile(
    shared_hooks: Hooks,
    receiver: Receiver,
    address: str,
) -> None:
    sent_elsewhere(shared_hooks)
    (message,) = shared_hooks.taken
    ask(address, "UPDATE exosms.messages SET state = 'unknown', sid = NULL RETURNING 1")
    shared_hooks.configure(more=f'api_key = "key"\nledger = "{address}"\n')  # TOML allows no key twice
    assert receiver.call_back(message) == 200
    until(lambda: ask(address, "SELECT questions > 0 FROM exosms.callbacks") == [(True,)])
    receiver.kill()
    shared_hooks.configure(more=f'ledger = "{address}"\n')
    report = shared_hooks.exosms.home / "report.csv"
    report.write_text("Id\n")
    assert shared_hooks("runs", "reconcile", "--report", str(report)).exit_code == 0
    assert ask(address, "SELECT state, sid FROM exosms.messages") == [("accepted", message.sid)]


def test_what_may_be_of_a_ledger_that_is_away_is_to_come_again(hooks: Hooks) -> None:  # noqa: F811
    """A message of this machine alone is answered for all the same."""
    assert hooks.send().exit_code == 0
    (message,) = hooks.taken
    hooks.path.write_text(f'{hooks.path.read_text()}[profiles.other]\nledger = "{AWAY}"\n')
    receiver = Receiver(hooks)
    try:
        assert receiver.call_back(message) == 200
        assert receiver.call_back(message._replace(callback=f"/{'0' * 48}")) == 503
    finally:
        exit_code, said = receiver.end()
    assert exit_code == 0
    assert "until it is back, callbacks of its messages are to come again" in said
    assert "canary" not in said


def test_credentials_go_to_no_address_that_only_another_machine_named(
    shared_hooks: Hooks,
    receiver: Receiver,
    address: str,
) -> None:
    """A machine of the same account sent to a server of its own; here somebody else may have that address."""
    with serving() as other:
        sent_elsewhere(shared_hooks, "--base-url", other.url)
        (message,) = other.store.received()
        ask(address, "UPDATE exosms.messages SET state = 'unknown', sid = NULL RETURNING 1")
        assert receiver.call_back(message) == 200
        until(lambda: ask(address, "SELECT questions > 0 FROM exosms.callbacks") != [(False,)])
    assert ask(address, "SELECT state FROM exosms.messages") == [("unknown",)]  # the server would have confirmed it
    assert "the profile prod is not of the account any more" in receiver.end()[1]


def test_a_callback_keeps_no_number_that_the_profile_of_its_message_does_not_keep(
    hooks: Hooks,  # noqa: F811
    address: str,
) -> None:
    hooks.configure(more=f'ledger = "{address}"\n[profiles.other]\nledger = "{address}"\nledger_numbers = "full"\n')
    sent_elsewhere(hooks, "-p", "prod")
    (message,) = hooks.taken
    receiver = Receiver(hooks)
    try:
        assert receiver.call_back(message) == 200
    finally:
        receiver.kill()
    assert ask(address, 'SELECT sid, "to" FROM exosms.deliveries') == [(message.sid, "…3210")]


def test_a_ledger_that_was_made_anew_meanwhile_is_the_one_that_counts(
    shared_hooks: Hooks,
    receiver: Receiver,
    address: str,
) -> None:
    """It has another key, by which it knows numbers."""
    sent_elsewhere(shared_hooks)
    assert receiver.call_back(shared_hooks.taken[0]) == 200
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP SCHEMA exosms CASCADE")
    sent_elsewhere(shared_hooks)
    message = shared_hooks.taken[1]
    ask(address, "UPDATE exosms.messages SET state = 'unknown', sid = NULL RETURNING 1")
    until(lambda: receiver.call_back(message) == 200)
    until(lambda: ask(address, "SELECT state, sid FROM exosms.messages") == [("accepted", message.sid)])
