"""A plain ``send`` gets through whatever is wrong with the ledger; what the ledger has to vouch for stays here."""

import os
import resource
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
from conftest import Result, Shell, has_open, until
from crash_points import Fate, forked
from misbehaving import Connection, Misbehaving, accepts, answer, answers, does, reads_all, says

from exosms.errors import ExitCode, Interrupted
from exosms.ledger import database
from exosms.ledger.database import LedgerError
from exosms.ledger.messages import Ledger
from exosms.sms.message import Encoding, Message, MessageFields, Outcome, Receipt
from exosms.sms.rate import Rate
from exosms.system.files import alone
from exosms.system.signals import Interrupts

GOOD = '{"SMSMessage": {"Sid": "0f477d60517e6e6a0f6d9a7e9af8630e", "Status": "queued"}}'
ACCOUNT = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": "key", "EXOTEL_API_TOKEN": "token"}
PROFILE = """
[profiles.limited]
region = "singapore"
account_sid = "acme1"
api_key = "key"
api_token = "token"
max_parts_per_day = 5
"""
MESSAGE = Message("+919876543210", "disk full", Encoding.PLAIN, segments=1, fields=MessageFields(sender="ACMEIN"))


def argv(server: Misbehaving, *options: str) -> tuple[str, ...]:
    fixed = ("send", "--from", "ACMEIN", "--body", "disk full", "--retry-for", "0", "--rate", "off")
    return (*fixed, "--base-url", server.url, *options)


ONE = ("--to", "9876543210")
TWO = ("--to", "9876543210,9876543211")


def takes_nothing() -> None:
    """What a full disk or a used-up quota is for this process: no file takes another byte."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def on_a_full_disk(exosms: Shell, *command: str) -> Result:
    process = exosms.start(*command, env=ACCOUNT, preexec_fn=takes_nothing)
    out, err = process.communicate(timeout=60)
    return Result(process.returncode, out.decode(), err.decode())


@pytest.mark.parametrize("is_new", [True, False])
def test_that_the_disk_is_full_can_be_told(exosms: Shell, is_new: bool) -> None:
    if not is_new:
        begin(exosms)
    with Misbehaving(*[accepts] * 2) as server:
        refused = on_a_full_disk(exosms, *argv(server, *ONE, "--once", "k"))
        assert (refused.exit_code, server.requests) == (4, 0)
        sent = on_a_full_disk(exosms, *argv(server, *TWO))
        assert (sent.exit_code, server.requests) == (0, 2)
        assert [line.split("\t")[0] for line in sent.stdout.splitlines()] == ["accepted", "accepted"]
        assert sent.stderr.count("without a ledger") == 1
        assert "bug" not in sent.stderr


def test_a_state_directory_that_is_lost_meanwhile_takes_nothing_from_the_result(exosms: Shell) -> None:
    state = exosms.home / "state"

    def replaced(_connection: Connection) -> None:
        state.rename(exosms.home / "away")
        state.write_text("no directory any more")

    with Misbehaving(does(reads_all, replaced, says(answer(200, GOOD)))) as server:
        sent = exosms(*argv(server, *ONE, "--once", "k"), env=ACCOUNT)
        assert (sent.exit_code, server.requests) == (0, 1)
    assert sent.stdout.startswith("accepted\t+919876543210\t0f47")
    assert "error" not in sent.stderr
    assert "the result could not be recorded, so it counts as unknown from now on" in sent.stderr


def test_the_sandbox_gets_through_as_well(exosms: Shell) -> None:
    send = ("send", "--region", "sandbox", "--body", "Hi", *ONE)
    assert exosms(*send).exit_code == 0
    sent = on_a_full_disk(exosms, *send)
    assert (sent.exit_code, sent.stdout.split("\t")[0]) == (0, "accepted")
    assert "without a ledger" in sent.stderr


def test_a_home_that_is_not_there_is_not_made(exosms: Shell, tmp_path: Path) -> None:
    nowhere = tmp_path / "nonexistent" / "home"
    env = {**ACCOUNT, "HOME": str(nowhere), "EXOSMS_STATE_DIR": "", "XDG_STATE_HOME": "", "XDG_CONFIG_HOME": ""}
    with Misbehaving(accepts) as server:
        sent = exosms(*argv(server, *ONE), env=env)
        assert (sent.exit_code, server.requests) == (0, 1)
        assert "There is no home directory for the ledger; continuing without a ledger" in sent.stderr
        keyed = exosms(*argv(server, *ONE, "--once", "k"), env=env)
        assert (keyed.exit_code, server.requests) == (4, 1)
        assert keyed.stderr.endswith("  Set EXOSMS_STATE_DIR.\n")
    sandbox = exosms("send", "--region", "sandbox", "--body", "Hi", *ONE, env=env)
    assert (sandbox.exit_code, "no place to remember" in sandbox.stderr) == (0, False)
    account = ("--account-sid", "a", "--api-key", "k", "--token-stdin", "--region", "mumbai")
    stored = exosms("profile", "add", "prod", *account, stdin="token\n", env=env)
    assert (stored.exit_code, "Set HOME, or name a file with --config" in stored.stderr) == (4, True)
    for command in (("log",), ("runs", "list"), ("template", "list"), ("doctor",)):
        assert "bug" not in exosms(*command, env=env).stderr
    assert not nowhere.parent.exists()
    nowhere.mkdir(parents=True)
    with Misbehaving(accepts) as server:
        assert exosms(*argv(server, *ONE, "--once", "k"), env=env).exit_code == 0
    assert (nowhere / ".local/state/exosms/ledger.db").exists()


def begin(exosms: Shell) -> Path:
    """Begin a ledger, and return where it is."""
    state = exosms.home / "state"
    with closing(Ledger.open(state)) as ledger:
        ledger.reserve("other", Rate.parse("200/min"))
    return state / "ledger.db"


def damage(exosms: Shell) -> None:
    begin(exosms).write_bytes(b"x" * 5000)


def empty(exosms: Shell) -> None:
    ledger = begin(exosms)
    (ledger.parent / "owners").mkdir()
    ledger.write_bytes(b"")


def lose_a_table(exosms: Shell) -> None:
    with closing(sqlite3.connect(begin(exosms))) as connection:
        connection.execute("DROP TABLE messages")


def outdate(exosms: Shell) -> None:
    with closing(sqlite3.connect(begin(exosms))) as connection:
        connection.execute("PRAGMA user_version = 999")


@pytest.mark.parametrize("spoil", [damage, empty, lose_a_table, outdate])
def test_a_plain_send_needs_no_sound_ledger(exosms: Shell, spoil: Callable[[Shell], None]) -> None:
    spoil(exosms)
    before = (exosms.home / "state" / "ledger.db").read_bytes()
    with Misbehaving(answers(200, GOOD)) as server:
        refused = exosms(*argv(server, *ONE, "--once", "k"), env=ACCOUNT)
        assert (refused.exit_code, server.requests) == (4, 0)
        sent = exosms(*argv(server, *ONE), env=ACCOUNT)
        assert (sent.exit_code, server.requests) == (0, 1)
        assert "ledger" in sent.stderr
        assert "without a ledger" in sent.stderr
    assert (exosms.home / "state" / "ledger.db").read_bytes() == before


def test_a_limit_needs_the_ledger(exosms: Shell) -> None:
    damage(exosms)
    config = exosms.home / "config.toml"
    config.write_text(PROFILE)
    config.chmod(0o600)
    with Misbehaving() as server:
        refused = exosms(*argv(server, *ONE, "-p", "limited", "--config", str(config)))
        assert (refused.exit_code, server.requests) == (4, 0)
        assert "file is not a database" in refused.stderr


@contextmanager
def locked(ledger: Path) -> Iterator[None]:
    with closing(sqlite3.connect(ledger, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


def test_a_ledger_that_somebody_keeps_locked_holds_nothing_back(exosms: Shell) -> None:
    ledger = begin(exosms)
    began = time.monotonic()
    with Misbehaving(*[accepts] * 2) as server, locked(ledger):
        assert exosms(*argv(server, *ONE, "--once", "k"), env=ACCOUNT).exit_code == 4
        sent = exosms(*argv(server, *TWO), env=ACCOUNT)
        assert (sent.exit_code, server.requests) == (0, 2)
        assert sent.stderr.count("database is locked; continuing without a ledger") == 1
    assert time.monotonic() - began < database.BUSY_TIMEOUT  # which neither waited for: it may retry for no time


def test_a_signal_ends_the_wait_for_a_ledger_that_somebody_keeps_locked(exosms: Shell) -> None:
    ledger = begin(exosms)
    with Misbehaving() as server, locked(ledger):
        process = exosms.start(*argv(server, *ONE, "--once", "k", "--retry-for", "2m"), env=ACCOUNT)
        until(lambda: has_open(process, ledger))
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
        assert (process.returncode, server.requests) == (143, 0), told
        assert time.monotonic() - began < database.BUSY_TIMEOUT / 2


def test_a_result_is_waited_for_until_it_is_to_be_left(exosms: Shell) -> None:
    """It may be all that is known of a message that was sent."""
    path = begin(exosms)
    accepted = Receipt(outcome=Outcome.ACCEPTED, exit_code=ExitCode.OK)
    with (
        closing(Ledger.open(path.parent, patience=0)) as ledger,
        closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other,
    ):
        first = ledger.claim(MESSAGE, account="a", profile=None)
        second = ledger.claim(MESSAGE, account="a", profile=None)
        assert isinstance(first, int)
        assert isinstance(second, int)
        ledger.database.interrupts = interrupts = Interrupts()
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked"):
            ledger.claim(MESSAGE, account="a", profile=None)
        ledger.database.patience = database.BUSY_TIMEOUT
        interrupts._receive(signal.SIGINT, None)
        with pytest.raises(Interrupted):
            ledger.claim(MESSAGE, account="a", profile=None)
        with interrupts.draining(lambda: None):
            timer = threading.Timer(0.5, other.execute, ["ROLLBACK"])
            timer.start()
            ledger.in_one_step(partial(ledger.settle, first, accepted))
            timer.join()
            other.execute("BEGIN IMMEDIATE")
            interrupts._receive(signal.SIGINT, None)
            with pytest.raises(LedgerError, match="locked"):
                ledger.in_one_step(partial(ledger.settle, second, accepted))


def test_a_ledger_that_somebody_keeps_changing_holds_nothing_back(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one who was stopped while it brought the tables up to date."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.1)
    (exosms.home / "state").mkdir()
    ledger = exosms.home / "state" / "ledger.db"
    with Misbehaving(*[accepts] * 2) as server, alone(ledger, within=0):
        refused = exosms(*argv(server, *ONE, "--once", "k"), env=ACCOUNT)
        assert (refused.exit_code, server.requests) == (4, 0)
        assert "Another process is using it: run it again later." in refused.stderr
        sent = exosms(*argv(server, *TWO), env=ACCOUNT)
        assert (sent.exit_code, server.requests) == (0, 2)
        assert sent.stderr.count(f".{ledger.name}.lock: another process holds it; continuing without a ledger") == 1


def test_a_pause_that_can_still_be_read_is_kept(exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exotel asked for it: no message of ours makes it wait less because it cannot be recorded."""
    ledger = begin(exosms)
    with Misbehaving(answers(429, "", "Retry-After: 4"), answers(200, GOOD)) as server:
        assert exosms(*argv(server, *ONE), env=ACCOUNT).exit_code == 11
        monkeypatch.setattr(database, "_OPTIONS", {**database._OPTIONS, "timeout": 0.1})
        with locked(ledger):
            with closing(sqlite3.connect(ledger)) as connection:
                (until,) = connection.execute("SELECT max(blocked_until) FROM pace").fetchone()
            assert exosms(*argv(server, *ONE, "--rate", "200/min"), env=ACCOUNT).exit_code == 0
            assert time.time() > until - 0.1
        assert server.requests == 2


@pytest.mark.parametrize("manner", ["full", "readonly"])
def test_from_whichever_write_on_the_ledger_takes_no_more(
    exosms: Shell, manner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request, one truth: also where the claim was written and the result is not."""
    for name in os.environ.keys() - {"PATH"}:
        monkeypatch.delenv(name)
    for name, value in exosms.full_env(ACCOUNT).items():
        monkeypatch.setenv(name, value)
    begin(exosms)
    places = 12
    with Misbehaving(*[accepts] * (2 * places)) as server:
        for place in range(1, places + 1):
            assert forked([*argv(server, *TWO), "-q"], Fate(manner, place)) == 0
            assert server.requests == 2 * place
            assert forked([*argv(server, *ONE), "--once", f"k{place}"], Fate(manner, 1)) == 4
            assert server.requests == 2 * place


def test_asking_needs_no_sound_ledger(exosms: Shell) -> None:
    damage(exosms)
    said = '{"SMSMessage": {"Sid": "0f477d60517e6e6a0f6d9a7e9af8630e", "Status": "sent"}}'
    with Misbehaving(answers(200, said)) as server:
        asked = exosms("status", "--base-url", server.url, "0f477d60517e6e6a0f6d9a7e9af8630e", env=ACCOUNT)
    assert (asked.exit_code, asked.stdout.split("\t")[0]) == (0, "delivered")
    assert "file is not a database; continuing without a ledger" in asked.stderr
