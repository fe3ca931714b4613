"""Both engines of the ledger of single messages keep the same promises; those of the shared one beside them."""

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Result, Shell, until
from misbehaving import Misbehaving, answers
from test_ledger_runs import begun

from exosms.config.ledger_address import parse_ledger_address
from exosms.errors import GuardError
from exosms.ledger.batons import Batons
from exosms.ledger.callback_rows import LocalCallbacks
from exosms.ledger.callback_tokens import CallbackAddress
from exosms.ledger.callbacks import Callbacks, CallbackStore, Taken
from exosms.ledger.database import LedgerAwayError, LedgerError
from exosms.ledger.entry import LedgerEntry, OnceKey, Place, State
from exosms.ledger.history import HistoryFilter
from exosms.ledger.interface import MessageLedger
from exosms.ledger.messages import Ledger
from exosms.sms.message import Delivery, Encoding, Message, MessageFields, Outcome, Receipt
from exosms.sms.rate import Rate

psycopg = pytest.importorskip("psycopg")

from exosms.ledger.postgres import history, statements  # noqa: E402
from exosms.ledger.postgres.callbacks import SharedCallbacks  # noqa: E402
from exosms.ledger.postgres.connection import SharedDatabase  # noqa: E402
from exosms.ledger.postgres.history import SharedHistory  # noqa: E402
from exosms.ledger.postgres.messages import SharedLedger, Terms  # noqa: E402
from exosms.ledger.postgres.runs import Begun, SharedRuns  # noqa: E402
from exosms.ledger.postgres.unknown import Common  # noqa: E402

ACCOUNT = "api.exotel.com/acme1"
MESSAGE = Message("+919876543210", "secret text", Encoding.PLAIN, segments=2, fields=MessageFields(sender="ACMEIN"))
ACCEPTED = Receipt(outcome=Outcome.ACCEPTED, exit_code=0, sid="5" * 32, status="queued", http_status=200)  # type: ignore[arg-type]
UNKNOWN = ACCEPTED._replace(outcome=Outcome.UNKNOWN, sid=None)
REJECTED = ACCEPTED._replace(outcome=Outcome.REJECTED, sid=None)
KEY = OnceKey(key="backup")


@pytest.fixture
def shared(address: str) -> Iterator[SharedLedger]:
    with closing(opened(address)) as ledger:
        yield ledger


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MessageLedger]:
    if request.param == "postgresql":
        yield request.getfixturevalue("shared")
        return
    with closing(Ledger.open(tmp_path / "state")) as local:
        yield local


def opened(address: str, **terms: Any) -> SharedLedger:
    return SharedLedger.open(parse_ledger_address(address), Terms(**terms), patience=5)


def again(ledger: MessageLedger) -> Ledger | SharedLedger:
    """Open the same ledger once more, as another process would."""
    if isinstance(ledger, SharedLedger):
        return opened(ledger.database.address.url)
    assert isinstance(ledger, Ledger)
    assert ledger.database._path is not None
    return Ledger.open(ledger.database._path.parent)


def execute(ledger: MessageLedger, sql: str) -> Any:
    """Run a statement beside the ledger; {} stands for the schema of its tables."""
    if isinstance(ledger, SharedLedger):
        return ledger.database.execute(sql.format("exosms."))
    assert isinstance(ledger, Ledger)
    return ledger.database.connection.execute(sql.format(""))


def claim(ledger: MessageLedger, message: Message = MESSAGE, once: OnceKey | None = None) -> int:
    claimed = ledger.claim(message, account=ACCOUNT, profile=None, once=once)
    assert isinstance(claimed, int)
    return claimed


def state(
    ledger: MessageLedger, *, to: str = MESSAGE.to, account: str = ACCOUNT, once: OnceKey = KEY
) -> State | None:
    entry = ledger.used(once, recipient=to, account=account)
    return entry.state if entry else None


def test_a_once_key_is_used_until_the_message_is_known_not_to_be_sent(ledger: MessageLedger) -> None:
    first = claim(ledger, once=KEY)
    assert state(ledger) is State.IN_FLIGHT
    assert isinstance(ledger.claim(MESSAGE, account=ACCOUNT, profile=None, once=KEY), LedgerEntry)
    assert (state(ledger, to="+919876543211"), state(ledger, account="other")) == (None, None)
    ledger.settle(first, REJECTED)
    assert state(ledger) is None
    second = claim(ledger, once=KEY)
    ledger.settle(second, ACCEPTED)
    entry = ledger.claim(MESSAGE, account=ACCOUNT, profile=None, once=KEY)
    assert isinstance(entry, LedgerEntry)
    assert (entry.id, entry.state, entry.sid) == (second, State.ACCEPTED, ACCEPTED.sid)
    assert state(ledger, once=KEY._replace(within=60.0)) is State.ACCEPTED
    assert state(ledger, once=KEY._replace(within=0.0)) is None
    assert [entry.state for entry in ledger.with_key(KEY.key)] == [State.REJECTED, State.ACCEPTED]


def test_an_unknown_message_holds_its_key_as_long_as_one_that_was_accepted(ledger: MessageLedger) -> None:
    ledger.settle(claim(ledger, once=KEY), ACCEPTED)
    again = KEY._replace(within=0.0)
    second = claim(ledger, once=again)
    assert state(ledger, once=again) is State.IN_FLIGHT
    ledger.settle(second, UNKNOWN)
    assert state(ledger, once=KEY._replace(within=60.0)) is State.ACCEPTED
    assert state(ledger, once=again) is None
    third = claim(ledger, once=again._replace(key="other"))
    ledger.settle(third, UNKNOWN)
    assert state(ledger, once=KEY._replace(key="other", within=60.0)) is State.UNKNOWN
    assert state(ledger, once=KEY._replace(key="other", within=None)) is State.UNKNOWN
    assert state(ledger) is State.ACCEPTED


def test_an_attempt_is_repeated_by_whoever_has_it(ledger: MessageLedger) -> None:
    entry = claim(ledger, once=KEY)
    ledger.wait_for_retry(entry)
    assert state(ledger) is State.WAITING
    ledger.claim_again(entry)
    (found,) = ledger.with_key(KEY.key)
    assert (found.state, found.attempts) == (State.IN_FLIGHT, 2)


def test_turns_follow_each_other_and_a_pause_holds_for_all(ledger: MessageLedger) -> None:
    rate = Rate(6)
    assert ledger.reserve(ACCOUNT, rate) == 0
    second = ledger.reserve(ACCOUNT, rate)
    assert rate.interval - 5 < second <= rate.interval
    assert ledger.reserve(ACCOUNT, rate, at_most=second) > second
    assert ledger.reserve(ACCOUNT, rate) < 2 * rate.interval + 0.001
    assert ledger.blocked_for(ACCOUNT) == 0
    ledger.block(ACCOUNT, seconds=100)
    ledger.block(ACCOUNT, seconds=5)
    assert 90 < ledger.blocked_for(ACCOUNT) <= 100
    assert 90 < ledger.reserve(ACCOUNT, rate) <= 100
    assert (ledger.reserve("other", rate), ledger.blocked_for("other")) == (0, 0)


def test_a_limit_counts_what_may_have_been_sent_and_keeps_nothing_of_what_it_refuses(ledger: MessageLedger) -> None:
    ledger.settle(claim(ledger), ACCEPTED)
    ledger.settle(claim(ledger), UNKNOWN)
    ledger.settle(claim(ledger), REJECTED)
    claim(ledger)
    told: list[int] = []

    def refuse(parts: int) -> None:
        told.append(parts)
        raise GuardError("enough")

    with pytest.raises(GuardError):
        ledger.claim(MESSAGE, account=ACCOUNT, profile=None, once=KEY, within_limit=refuse)
    assert told == [8]
    assert (ledger.parts_today(ACCOUNT), ledger.parts_today("other"), state(ledger)) == (6, 0, None)
    assert isinstance(ledger.claim(MESSAGE, account=ACCOUNT, profile=None, once=KEY, within_limit=told.append), int)


def test_what_is_told_of_a_message_later_is_kept(ledger: MessageLedger) -> None:
    first, second = claim(ledger), claim(ledger)
    ledger.settle(first, ACCEPTED._replace(sid="Ab"))
    assert ledger.with_sid_of_another(ACCOUNT, {Place(0, second): "aB"}) == {Place(0, second)}
    assert ledger.with_sid_of_another(ACCOUNT, {Place(0, first): "ab"}) == set()
    found = ledger.sent_as(ACCOUNT, "aB")
    assert found is not None
    assert found.id == first
    for outcome in (Outcome.PENDING, Outcome.DELIVERED, Outcome.FAILED):
        ledger.keep_delivery(ACCOUNT, "Ab", Delivery(outcome=outcome, price=0.25))
    kept = ledger.delivery(ACCOUNT, "Ab")
    assert kept is not None
    assert (kept.outcome, kept.price) == (Outcome.DELIVERED, 0.25)
    assert ledger.delivery(ACCOUNT, "Abc") is None


CALLBACKS = CallbackAddress("https://acme.in", ACCOUNT, "prod", "https://api.exotel.com")
DELIVERED = Delivery(Outcome.DELIVERED, status="sent", to=MESSAGE.to)


@pytest.fixture
def store(ledger: MessageLedger) -> CallbackStore:
    if isinstance(ledger, SharedLedger):
        return SharedCallbacks(ledger)
    assert isinstance(ledger, Ledger)
    return LocalCallbacks(ledger)


def claim_called_back(ledger: MessageLedger) -> tuple[int, str]:
    """Claim a message; return its number, and the token of its callbacks."""
    request = CALLBACKS.request_for([MESSAGE])
    assert request is not None
    entry = ledger.claim(MESSAGE, account=ACCOUNT, profile="prod", callback=request)
    assert isinstance(entry, int)
    return entry, request.token


def take(store: CallbackStore, token: str, sid: str, delivery: Delivery = DELIVERED) -> Taken:
    taken = store.ledger.in_one_step(lambda: Callbacks(store).take(token, sid, delivery))
    assert Callbacks(store).is_known(token, delivery.to or "") or taken is Taken.NOBODYS
    return taken


def test_a_callback_of_a_message_with_that_sid_is_its_delivery(store: CallbackStore) -> None:
    entry, token = claim_called_back(store.ledger)
    other = claim(store.ledger)
    store.ledger.settle(entry, ACCEPTED)
    store.ledger.settle(other, ACCEPTED._replace(sid="6" * 32))
    for sid in ("6" * 32, "7" * 32):
        assert take(store, token, sid) is Taken.NOBODYS
    assert take(store, token, "5" * 32, DELIVERED._replace(to="+919876543219")) is Taken.NOBODYS
    assert take(store, "0" * 48, "5" * 32) is Taken.NOBODYS
    assert store.ledger.delivery(ACCOUNT, "5" * 32) is None
    for outcome in (Outcome.PENDING, Outcome.DELIVERED, Outcome.FAILED):
        assert take(store, token, "5" * 32, DELIVERED._replace(outcome=outcome)) is Taken.KEPT
    kept = store.ledger.delivery(ACCOUNT, "5" * 32)
    assert kept is not None
    assert kept.outcome is Outcome.DELIVERED
    assert store.due(10) == ()


def test_a_callback_of_a_message_without_a_sid_waits_until_that_is_confirmed(store: CallbackStore) -> None:
    entry, token = claim_called_back(store.ledger)
    store.ledger.settle(claim(store.ledger), ACCEPTED)
    assert take(store, token, "5" * 32) is Taken.NOBODYS  # it is another message's
    store.ledger.settle(entry, UNKNOWN)
    for outcome in (Outcome.PENDING, Outcome.DELIVERED, Outcome.PENDING):
        assert take(store, token, "6" * 32, DELIVERED._replace(outcome=outcome)) is Taken.TO_BE_CONFIRMED
    assert [take(store, token, digit * 32) for digit in "789"] == [*[Taken.TO_BE_CONFIRMED] * 2, Taken.NOBODYS]
    found = {one.sid: one for one in store.due(10)}
    assert (sorted(found), store.due(10)) == ([digit * 32 for digit in "678"], ())
    one = found["6" * 32]
    assert (one.account, one.profile, one.base_url, one.questions) == (*CALLBACKS[1:], 0)
    store.look_again(one, seconds=-1, asked=True)
    (again_due,) = store.due(10)
    assert (again_due.key, again_due.questions) == (one.key, 1)
    messages = store.messages(ACCOUNT)
    message = messages.at(one.place)
    assert message is not None
    assert message.is_unknown
    assert messages.named(message, "+919876543219") == message
    assert messages.named(message, MESSAGE.to).recipient == MESSAGE.to
    messages.accept(message, "6" * 32, "sent")
    assert (messages.now(message), store.are_known(ACCOUNT, ["6" * 32])) == ((Outcome.ACCEPTED, "6" * 32), True)
    called_back = store.forget(one)
    assert called_back is not None
    assert (called_back.outcome, store.forget(one)) == (Outcome.DELIVERED, None)
    store.look_again(one, seconds=-1, asked=True)
    assert store.due(10) == ()


def test_a_message_that_was_purged_has_no_callbacks_any_more(store: CallbackStore) -> None:
    entry, token = claim_called_back(store.ledger)
    assert take(store, token, "6" * 32) is Taken.TO_BE_CONFIRMED
    store.ledger.settle(entry, REJECTED)
    assert isinstance(store.ledger, Ledger | SharedLedger)
    assert store.ledger.purge(-60) == 1
    assert take(store, token, "6" * 32) is Taken.NOBODYS


def test_two_who_are_given_one_sid_at_once_do_not_both_get_it(ledger: MessageLedger) -> None:
    first, second = claim(ledger), claim(ledger)
    found: list[set[Place]] = []

    def look(place: Place) -> Callable[[], None]:
        return lambda: found.append(other.with_sid_of_another(ACCOUNT, {place: "aB"}))

    with closing(again(ledger)) as other:
        racing = threading.Thread(target=lambda: other.in_one_step(look(Place(0, second))))

        def settle() -> None:
            assert ledger.with_sid_of_another(ACCOUNT, {Place(0, first): "Ab"}) == set()
            racing.start()
            racing.join(0.5)  # it would be through by now, were it let through
            ledger.settle(first, ACCEPTED._replace(sid="Ab"))

        ledger.in_one_step(settle)
        racing.join(60)
    assert found == [{Place(0, second)}]


def test_going_on_in_memory_keeps_promises_to_this_process_alone(ledger: MessageLedger) -> None:
    ledger.go_on_in_memory()
    assert ledger.is_in_memory
    ledger.settle(claim(ledger, once=KEY), ACCEPTED)
    assert state(ledger) is State.ACCEPTED


# What holds of the shared ledger alone.


def test_a_lease_that_ended_makes_a_message_unknown_and_a_late_result_is_recorded(
    shared: SharedLedger, address: str
) -> None:
    entry = claim(shared, once=KEY)
    expire(shared)
    with closing(opened(address)) as other:
        found = other.claim(MESSAGE, account=ACCOUNT, profile=None, once=KEY)
        assert isinstance(found, LedgerEntry)
        assert (found.state, found.error) == (State.UNKNOWN, "the lease ended before a result was recorded")
        with pytest.raises(LedgerError, match="given up"):
            shared.wait_for_retry(entry)
        shared.settle(entry, ACCEPTED)
        assert state(other) is State.ACCEPTED


def test_who_waits_for_a_retry_and_is_given_up_does_not_try_again(shared: SharedLedger, address: str) -> None:
    entry = claim(shared, once=KEY)
    shared.wait_for_retry(entry)
    expire(shared)
    assert state(shared) is None
    with closing(opened(address)) as other:
        claim(other, once=KEY)
    with pytest.raises(LedgerError, match="given up"):
        shared.claim_again(entry)


def test_a_lease_is_as_long_as_an_attempt_and_is_extended_for_each(address: str) -> None:
    with closing(opened(address, attempt=30.0, retry_for=600.0)) as ledger:
        entry = claim(ledger)
        assert 34 < left(ledger) <= 35
        ledger.wait_for_retry(entry)
        assert 604 < left(ledger) <= 605
        ledger.claim_again(entry)
        assert 34 < left(ledger) <= 35


@pytest.mark.parametrize("once", [None, KEY])
@pytest.mark.parametrize("is_made", [True, False])
def test_a_commit_in_doubt_is_looked_up(
    shared: SharedLedger, monkeypatch: pytest.MonkeyPatch, once: OnceKey | None, is_made: bool
) -> None:
    lose_the_next_commit(shared, monkeypatch, is_made=is_made)
    entry = claim(shared, once=once)
    assert ask(shared, "SELECT id, state FROM exosms.messages") == [(entry, "in_flight")]
    lose_the_next_commit(shared, monkeypatch, is_made=is_made)
    shared.settle(entry, ACCEPTED)
    assert ask(shared, "SELECT state FROM exosms.messages") == [("accepted",)]


def test_a_result_is_recorded_although_a_failover_lost_the_claim(shared: SharedLedger) -> None:
    entry = claim(shared, once=KEY)
    ask(shared, "WITH k AS (DELETE FROM exosms.once_keys) DELETE FROM exosms.messages RETURNING id")
    shared.settle(entry, ACCEPTED)
    assert state(shared) is State.ACCEPTED


def test_a_connection_that_is_cut_is_made_anew(shared: SharedLedger) -> None:
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'exosms'"
    cut += " AND datname = current_database()"
    with psycopg.connect(shared.database.address.url, autocommit=True) as other:
        for _ in range(3):
            other.execute(cut)
            claim(shared)
    assert ask(shared, "SELECT count(*) FROM exosms.messages") == [(3,)]


def test_fifty_at_once_make_the_tables_once_and_take_no_turn_twice(address: str) -> None:
    waits: list[float] = []
    began = time.monotonic()

    def race() -> None:
        with closing(SharedLedger.open(parse_ledger_address(address), Terms(), patience=60)) as ledger:
            waits.append(time.monotonic() + ledger.reserve(ACCOUNT, Rate(6)))

    together(race, times=50)
    interval, spread = Rate(6).interval, time.monotonic() - began
    ordered = sorted(waits)
    assert ordered[-1] - ordered[0] >= 49 * interval - spread


def test_no_number_and_no_text_comes_into_the_database(shared: SharedLedger, address: str) -> None:
    ask(shared, "SELECT 1")
    claim(shared, once=KEY)
    shared.keep_delivery(ACCOUNT, "5", Delivery(outcome=Outcome.PENDING, to=MESSAGE.to))
    kept = str(ask(shared, "SELECT m::text FROM exosms.messages m UNION SELECT d::text FROM exosms.deliveries d"))
    assert "3210" in kept
    assert "9876543210" not in kept
    assert "secret" not in kept
    with closing(opened(address, keeps_numbers=True)) as full:
        claim(full)
    assert MESSAGE.to in str(ask(shared, "SELECT recipient FROM exosms.messages"))


def test_whatever_others_say_is_kept(shared: SharedLedger) -> None:
    """PostgreSQL takes no NUL, no half character, and no number that is too large for its column."""
    said = "Sent\0 \ud83d\N{GREEK SMALL LETTER ALPHA}"
    entry = claim(shared)
    shared.settle(entry, ACCEPTED._replace(status=said, http_status=10**12))
    shared.keep_delivery(ACCOUNT, "5", Delivery(Outcome.PENDING, status=said, detailed_status_code=10**12))
    shared.settle(claim(shared, once=KEY), UNKNOWN)
    messages = Common(shared).unknown(ACCOUNT)
    [unknown] = messages.all()
    messages.accept(unknown, "6", said)
    assert messages.now(unknown) == (Outcome.ACCEPTED, "6")
    kept = shared.delivery(ACCOUNT, "5")
    assert kept is not None
    assert (kept.status, kept.detailed_status_code) == (
        "Sent\N{REPLACEMENT CHARACTER} ?\N{GREEK SMALL LETTER ALPHA}",
        None,
    )


@pytest.mark.parametrize("hosts", [1, 2])
def test_a_server_that_says_nothing_keeps_nobody_for_longer_than_may_be(hosts: int) -> None:
    """Psycopg would wait for two seconds: it has whole ones, and two at least."""
    with ExitStack() as opened_ones:
        silent = [opened_ones.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(hosts)]
        names = ",".join(f"127.0.0.1:{one.getsockname()[1]}" for one in silent)
        database = SharedDatabase(parse_ledger_address(f"postgresql://x@{names}/x"), patience=0.3)
        began = time.monotonic()
        with pytest.raises(LedgerAwayError, match="the server did not answer in time"):
            database.run(lambda transaction: transaction.execute("SELECT 1"))
        assert time.monotonic() - began >= 0.2  # all of them were asked
        for one in silent:
            one.settimeout(5)
            one.accept()[0].close()


def test_a_name_that_nobody_looks_up_keeps_nobody_for_longer_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's look-up cannot be interrupted; what it connects to later is closed."""
    from exosms.ledger.postgres import connection

    is_over, closed, waited = threading.Event(), threading.Event(), []

    def connect(*_: object, **__: object) -> object:
        waited.append(is_over.wait(60))
        return SimpleNamespace(close=closed.set)

    monkeypatch.setattr(connection._Connection, "connect", connect)
    database = SharedDatabase(parse_ledger_address("postgresql://x@db.example/x"), patience=0.1)
    with pytest.raises(LedgerAwayError, match="neither found by its name nor connected to in time"):
        database.run(lambda transaction: transaction.execute("SELECT 1"))
    is_over.set()
    assert closed.wait(60)
    assert waited == [True]


def test_what_was_waited_for_in_vain_is_tried_once_more_at_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run takes several when it ends, and each of them waited as long as the first."""
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr("exosms.ledger.postgres.connection.time", clock)
    database = SharedDatabase(parse_ledger_address("postgresql://x@127.0.0.1:1/x"))
    waited = []
    for _ in range(3):
        before = now[0]
        with pytest.raises(LedgerAwayError):
            database.run(lambda transaction: transaction.execute("SELECT 1"))
        waited.append(now[0] - before)
    assert waited[0] >= 8, waited
    assert waited[1:] == [0, 0]


JUNE = Begun("june", b"content", {})
CLAIMED = Batons(latest=b"next", before=b"first")


def begun_on(ledger: SharedLedger, baton: bytes) -> SharedRuns:
    runs = SharedRuns.of(ledger, b"key")
    runs.begin(JUNE, ACCOUNT, baton, within=0.0, resend=True)
    return runs


def test_a_run_of_which_a_copy_claims_rows_meanwhile_is_not_begun(
    shared: SharedLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its look at the names and its entry, which took the run away and let the same rows be sent again."""
    check = SharedRuns._check
    with closing(again(shared)) as another:
        assert isinstance(another, SharedLedger)
        copy = begun_on(another, b"first")

        def check_and_wait(*given: Any, resend: bool) -> None:
            check(*given, resend=resend)
            copy.pass_on("june", ACCOUNT, CLAIMED)

        monkeypatch.setattr(SharedRuns, "_check", check_and_wait)
        with pytest.raises(GuardError, match="began a run june at "):
            begun_on(shared, b"second")
        assert copy.held("june", CLAIMED) == b"next"


def test_a_run_of_which_rows_are_claimed_is_unfinished_whatever_was_said_of_it(shared: SharedLedger) -> None:
    """As where another command of its machine says that it is over just before rows of it are sent again."""
    runs = begun_on(shared, b"first")
    runs.leave("june", Batons(latest=b"first", before=None), is_finished=True)
    assert runs.unfinished() == set()
    assert runs.pass_on("june", ACCOUNT, CLAIMED) == b"next"
    assert runs.unfinished() == {"june"}


def test_whose_a_run_is_nobody_says_before_an_earlier_claim_is_certain(shared: SharedLedger) -> None:
    """As where a COMMIT waits for a standby: the next claim forgot its baton, and then nobody had the right one."""
    runs = begun_on(shared, b"first")
    with psycopg.connect(shared.database.address.url) as late, closing(again(shared)) as ledger:
        late.execute("UPDATE exosms.runs SET baton = 'next'")
        assert isinstance(ledger, SharedLedger)
        ledger.database._patience = 0.2
        with pytest.raises(LedgerAwayError):
            SharedRuns.of(ledger, b"key").held("june", CLAIMED)
    assert runs.held("june", CLAIMED) == b"next"


def expire(ledger: SharedLedger, *ids: int) -> None:
    which = f"WHERE id IN ({', '.join(map(str, ids))})" if ids else ""
    ask(ledger, f"UPDATE exosms.messages SET lease_until = lease_until - 10000 {which} RETURNING 1")


def left(ledger: SharedLedger) -> float:
    ((seconds,),) = ask(ledger, "SELECT lease_until - extract(epoch FROM updated_at_) FROM (SELECT lease_until,"
                        " to_timestamp(updated_at) AS updated_at_ FROM exosms.messages) m")  # fmt: skip
    return float(seconds)


def ask(ledger: SharedLedger, statement: str) -> list[tuple[Any, ...]]:
    """Ask in a connection of its own."""
    with psycopg.connect(ledger.database.address.url, autocommit=True) as connection:
        done = connection.execute(statement)
        while done.nextset():
            pass
        return list(done.fetchall())


def lose_the_next_commit(ledger: SharedLedger, monkeypatch: pytest.MonkeyPatch, *, is_made: bool) -> None:
    """Cut the connection before, or right after, the server has it."""
    connection = ledger.database._connected(time.monotonic() + 5)
    execute = connection.execute

    def cut(statement: Any, *args: Any, **options: Any) -> Any:
        if statement != "COMMIT":
            return execute(statement, *args, **options)
        if is_made:
            execute(statement)
        connection.close()
        raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(connection, "execute", cut)


def together(work: Callable[[], None], *, times: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), sys.version


def test_the_log_has_what_every_machine_sent(shared: SharedLedger, address: str) -> None:
    first = claim(shared, once=KEY)
    shared.settle(first, ACCEPTED)
    with closing(opened(address)) as other:
        other.settle(claim(other, MESSAGE._replace(to="+919876543211")), UNKNOWN)
        left_over = claim(other)
    log = SharedHistory(shared)

    def found(**wanted: Any) -> list[int]:
        return [entry.id for entry in log.messages(HistoryFilter(**wanted))]

    assert found() == [first, first + 1, left_over]
    assert found(to=MESSAGE.to) == [first, left_over]
    assert found(once_key=KEY.key) == found(outcome="accepted") == [first]
    assert found(outcome="unknown") == [first + 1]
    assert (found(host="api.exotel.com"), found(host="api"), found(profile="x")) == (found(), [], [])
    assert (found(since=60.0), found(since=-60.0), found(run="r")) == (found(), [], [])
    shared.keep_delivery(ACCOUNT, "5" * 32, Delivery(outcome=Outcome.DELIVERED))
    (delivered,) = log.messages(HistoryFilter(outcome="delivered"))
    assert delivered.delivery is not None
    assert delivered.recipient == "…3210"
    assert found(outcome="accepted") == []
    expire(shared, left_over)
    assert found(outcome="unknown") == [first + 1, left_over]


def test_what_was_merely_accepted_is_found_among_very_many(shared: SharedLedger) -> None:
    """And is so again once what was known of it is purged."""
    log = SharedHistory(shared)
    wanted = HistoryFilter(outcome="accepted")
    lasting = claim(shared, once=KEY)
    shared.settle(lasting, ACCEPTED)
    shared.keep_delivery(ACCOUNT, "5" * 32, Delivery(Outcome.DELIVERED))
    shared.settle(claim(shared), ACCEPTED._replace(sid="6" * 32))
    assert [entry.id for entry in log.messages(wanted)] == [lasting + 1]
    ask(shared, "UPDATE exosms.messages SET has_delivery = false RETURNING 1")  # as if one had lagged behind
    assert [entry.id for entry in log.messages(wanted)] == [lasting + 1]
    shared.keep_delivery(ACCOUNT, "5" * 32, Delivery(Outcome.DELIVERED))
    shared.purge(-60)
    assert [entry.id for entry in log.messages(wanted)] == [lasting]
    many = (
        "INSERT INTO exosms.messages (claim, account, recipient, recipient_hash, sender, segments, state, attempts,"
        " created_at, updated_at, attempted_at, fingerprint, has_delivery) SELECT gen_random_uuid(), account,"
        " recipient, recipient_hash, sender, segments, state, attempts, created_at + i, updated_at, attempted_at,"
        " fingerprint, true FROM exosms.messages, generate_series(1, 20000) i; ANALYZE exosms.messages; SELECT 1"
    )
    ask(shared, many)
    scans = "SELECT pg_stat_get_numscans('exosms.messages_merely_accepted'::regclass)"
    before = ask(shared, scans)
    assert [entry.id for entry in log.messages(wanted)] == [lasting]
    shared.close()
    until(lambda: ask(shared, scans) > before)  # what is counted comes a moment later


def test_a_log_of_many_pages_is_whole(shared: SharedLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_PAGE", 3)
    ids = [claim(shared) for _ in range(7)]
    assert [entry.id for entry in SharedHistory(shared).messages(HistoryFilter())] == ids


def test_a_person_decides_about_a_key_of_every_machine(ledger: MessageLedger) -> None:
    ledger.settle(claim(ledger, once=KEY), UNKNOWN)
    assert ledger.resolve_key("other", outcome=Outcome.NOT_SENT) == 0
    assert ledger.resolve_key(KEY.key, outcome=Outcome.NOT_SENT, account="another") == 0
    assert ledger.resolve_key(KEY.key, outcome=Outcome.NOT_SENT, account=ACCOUNT) == 1
    assert state(ledger) is None
    claim(ledger, once=KEY)
    assert ledger.resolve_key(KEY.key, outcome=Outcome.NOT_SENT) == 0


def test_a_key_whose_lease_ended_can_be_decided(shared: SharedLedger) -> None:
    claim(shared, once=KEY)
    expire(shared)
    assert shared.resolve_key(KEY.key, outcome=Outcome.ACCEPTED) == 1
    assert state(shared) is State.ACCEPTED


def test_what_is_old_and_settled_is_purged_with_its_key(ledger: MessageLedger) -> None:
    assert isinstance(ledger, Ledger | SharedLedger)
    ledger.settle(claim(ledger, once=KEY._replace(within=0.0)), ACCEPTED)
    ledger.settle(claim(ledger, once=KEY._replace(key="lasting")), ACCEPTED)
    other = MESSAGE._replace(body="other")  # or it could be mistaken for one that is purged
    ledger.settle(claim(ledger, other), UNKNOWN)
    claim(ledger, other)
    assert ledger.purge(60) == 0
    assert ledger.purge(-60) == 1
    assert (state(ledger), state(ledger, once=OnceKey("lasting"))) == (None, State.ACCEPTED)
    claim(ledger, once=KEY)


def test_a_purge_is_many_short_transactions(shared: SharedLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes longer than anything waits for the database comes to nothing, as for 400,000 messages.

    Or for the deliveries of 300,000 that stay, since their keys hold.
    """
    monkeypatch.setattr(statements, "PIECE", 2)
    for number in range(5):
        shared.settle(claim(shared), REJECTED)
        shared.keep_delivery(ACCOUNT, f"{number:032}", DELIVERED)
    run, left = shared.database.run, []
    both = "SELECT (SELECT count(*) FROM exosms.messages), (SELECT count(*) FROM exosms.deliveries)"

    def watched(work: Callable[[Any], Any], **options: Any) -> Any:
        done = run(work, **options)
        left.append(run(lambda transaction: transaction.execute(both).fetchone()))
        return done

    monkeypatch.setattr(shared.database, "run", watched)
    assert shared.purge(-60) == 5
    assert left == [(5, 5), (3, 5), (1, 5), (0, 5), (0, 5), (0, 3), (0, 1), (0, 0), (0, 0)]


def test_a_purge_keeps_a_key_for_as_long_as_it_holds(ledger: MessageLedger) -> None:
    """Which is from the answer on, and here that came an hour after the claim."""
    assert isinstance(ledger, Ledger | SharedLedger)
    key = KEY._replace(within=1800.0)
    ledger.settle(claim(ledger, once=key), ACCEPTED)
    execute(ledger, "UPDATE {}messages SET created_at = created_at - 3600, expires_at = expires_at - 3600")
    assert (ledger.purge(-60), state(ledger, once=key)) == (0, State.ACCEPTED)


# Through the program: two state directories are two machines.


def on(exosms: Shell, machine: str, address: str, *argv: str) -> Result:
    return exosms(
        *argv, env={"EXOSMS_STATE_DIR": str(exosms.home / machine), "EXOSMS_LEDGER": address, "PGPASSWORD": "canary"}
    )


SEND = ("send", "--region", "sandbox", "--to", "9876543210", "-b", "Hello", "--once", "nightly")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://canary@127.0.0.1/x", "must begin with postgresql://"),
        ("postgresql://x:canary@db.acme.in/x?sslmode=prefer", "may send it unencrypted"),
        ("postgresql://x:canary/x@127.0.0.1/x", "not a valid address"),
        ("postgresql://x:canary@127.0.0.1/x?sslmode=canary", "sslmode must be one of"),
        ("postgresql://x:canary@127.0.0.1/x?nosuch=1", "cannot be opened"),
        ("postgresql://x:canary@127.0.0.1:1/x?service=canary", "names a service"),
    ],
)
def test_an_address_that_is_wrong_sends_nothing_and_is_not_repeated(exosms: Shell, url: str, said: str) -> None:
    for argv in (SEND, SEND[:-2]):
        done = on(exosms, "a", url, *argv)
        assert (done.exit_code, said in done.stderr) == (4, True), done
        assert "canary" not in done.stdout + done.stderr


@pytest.mark.parametrize("url", ["postgresql:///x", "postgresql://x@127.0.0.1/x?sslmode=disable"])
def test_a_service_that_may_name_another_host_sends_nothing(exosms: Shell, url: str) -> None:
    done = exosms(*SEND, env={"EXOSMS_LEDGER": url, "PGSERVICE": "acme"})
    assert (done.exit_code, "PGSERVICE names a service" in done.stderr) == (4, True), done
    strict = {"PGSERVICE": "acme", "PGSSLMODE": "verify-full"}  # which the service itself could do without
    assert parse_ledger_address("postgresql://db.acme.in/x").tls(strict) == {"sslmode": "verify-full"}


def test_a_password_is_not_taken_from_the_command_line(exosms: Shell) -> None:
    config = exosms.home / "config.toml"
    config.write_text('[profiles.p]\nregion = "sandbox"\n')
    config.chmod(0o600)
    given = ("profile", "set", "p", "--config", str(config))
    refused = exosms(*given, "ledger=postgresql://x:canary@db.acme.in/x")
    assert (refused.exit_code, "canary" in refused.stderr, "canary" in config.read_text()) == (2, False, False)
    assert exosms(*given, "ledger=postgresql://x@db.acme.in/x").exit_code == 0
    assert 'ledger = "postgresql://x@db.acme.in/x"' in config.read_text()


def test_the_parts_of_a_run_count_on_every_machine(exosms: Shell, address: str) -> None:
    config = exosms.home / "config.toml"
    config.write_text('[profiles.p]\nregion = "sandbox"\nmax_parts_per_day = 3\n')
    config.chmod(0o600)
    file = exosms.home / "file.csv"
    file.write_text("to,name\n9876543210,Asha\n9000000400,Ravi\n9876543212,Mina\n")
    bulk = ("bulk", str(file), "--body", "Hi {name}", "-p", "p", "--config", str(config), "--yes")
    assert on(exosms, "a", address, *bulk).exit_code in {0, 10}
    send = (*SEND[:1], *SEND[3:], "-p", "p", "--config", str(config))
    assert on(exosms, "b", address, *send).exit_code == 0  # the third part: what was refused uses none
    refused = on(exosms, "a", address, *send[:-5], "other", *send[-4:])
    assert (refused.exit_code, "max_parts_per_day" in refused.stderr) == (5, True)


@pytest.mark.parametrize("days", [3, -10_000])
def test_parts_that_a_wrong_clock_dated_are_a_reason_to_refuse_for_one_day_alone(
    ledger: MessageLedger, days: int
) -> None:
    ledger.take_parts(ACCOUNT, 5)
    (today,) = execute(ledger, "SELECT day FROM {}parts").fetchone()
    execute(ledger, f"UPDATE {{}}parts SET day = day + {days}")
    ledger.take_parts(ACCOUNT, 2)
    warnings: list[str] = []
    ledger.warn = warnings.append
    for told in (1, 1):
        with pytest.raises(GuardError), ledger.limiting(ACCOUNT):
            raise GuardError("enough")
        assert len(warnings) == told
    found = execute(ledger, "SELECT day, parts FROM {}parts").fetchall()
    assert {day for day, _ in found} <= {today, today + 1}  # it may be midnight
    assert sum(counted for _, counted in found) == 7


def test_a_message_that_a_wrong_clock_dated_makes_no_later_one_younger_when_that_is_corrected(
    ledger: MessageLedger,
) -> None:
    """Neither where a limit refuses, nor where its own key is asked for: other keys may be used again."""
    ahead, later = KEY._replace(key="ahead", within=3600.0), KEY._replace(key="later", within=3600.0)
    for once, moved in ((ahead, 30 * 86400), (later, -7200)):
        number = claim(ledger, once=once)
        ledger.settle(number, ACCEPTED._replace(sid=once.key))
        times = ", ".join(f"{name} = {name} + {moved}" for name in ("created_at", "updated_at", "attempted_at"))
        execute(ledger, f"UPDATE {{}}messages SET {times} WHERE id = {number}")
    with pytest.raises(GuardError), ledger.limiting(ACCOUNT):
        raise GuardError("enough")
    assert state(ledger, once=later) is None
    assert state(ledger, once=ahead) is State.ACCEPTED
    assert state(ledger, once=later) is None


@pytest.fixture
def local(ledger: MessageLedger, tmp_path: Path) -> Iterator[Ledger]:
    """A ledger of runs, whose parts count there, or in the one that it shares."""
    if isinstance(ledger, Ledger):
        yield ledger
        return
    with closing(Ledger.open(tmp_path / "state")) as own:
        assert isinstance(ledger, SharedLedger)
        own.shared = Common(ledger)
        yield own


def test_a_claim_that_fails_beside_a_result_counts_each_part_once(local: Ledger) -> None:
    journal, run, (first, second) = begun(local, 2)
    settled = [(first, REJECTED, State.REJECTED)]
    counted: list[int] = []

    def refuse(parts: int) -> None:
        counted.append(parts)
        raise GuardError("enough")

    def fail(within_limit: Callable[[int], None] | None) -> None:
        with journal.one_commit():
            journal.settle(run, settled)
            journal.claim(run, [second], within_limit=within_limit)
            raise ZeroDivisionError

    for within_limit, error in ((refuse, GuardError), (None, ZeroDivisionError)):
        with pytest.raises(error):
            fail(within_limit)
    assert (counted, local.common.parts_today("acme1")) == ([2], 2)  # of the two one is not used, and one anew
    journal.settle(run, settled)
    assert local.common.parts_today("acme1") == 1


def test_parts_are_not_given_back_twice_although_no_answer_to_that_came(
    shared: SharedLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared.take_parts(ACCOUNT, 3)
    lose_the_next_commit(shared, monkeypatch, is_made=True)
    with pytest.raises(LedgerAwayError):
        shared.take_parts(ACCOUNT, -1)
    assert shared.parts_today(ACCOUNT) == 2


def test_a_person_names_the_sid_of_what_another_machine_sent(exosms: Shell, address: str) -> None:
    """Exotel is asked whether it is that message's, which another machine sent and did not hear of."""
    said = '{"SMSMessage": {"Sid": "%s", "To": "%s", "From": "ACMEIN", "Body": "Hello", "Status": "sent",'
    said += ' "DateCreated": "%s"}}'
    env = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": "key", "EXOTEL_API_TOKEN": "token"}
    india = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 5.5 * 3600))
    anothers, its = (answers(200, said % ("5" * 32, to, india)) for to in ("09876543219", "09876543210"))
    with Misbehaving(answers(500), anothers, its) as server:

        def on_machine(name: str, *argv: str) -> Result:
            state = {"EXOSMS_STATE_DIR": str(exosms.home / name), "EXOSMS_LEDGER": address}
            return exosms(*argv, "--base-url", server.url, env={**env, **state})

        send = ("send", "--to", "9876543210", "--from", "ACMEIN", "-b", "Hello", "--once", "k", "--timeout", "60")
        assert on_machine("a", *send).exit_code == 9
        resolve = ("runs", "resolve", "--as", "accepted", "--sid", "5" * 32, "--once")
        strange = on_machine("b", *resolve, "other")
        assert (strange.exit_code, "once key 'other'" in strange.stderr, server.requests) == (3, True, 1)
        wrong = on_machine("b", *resolve, "k")
        assert (wrong.exit_code, "it is to +919876543219, not to …3210" in wrong.stderr) == (3, True), wrong
        right = on_machine("b", *resolve, "k", "--json")
        assert (right.exit_code, json.loads(right.stdout)["resolved"]) == (0, 1), right
        assert on_machine("b", *resolve, "k").exit_code == 0  # nothing unknown is left
        skipped = on_machine("a", *send).stdout.split("\t")
        assert (skipped[0], "5" * 32 in skipped, server.requests) == ("skipped", True, 3)
