"""A clock that was wrong once holds no message back and sends none twice."""

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import Result, Shell

from exosms.ledger.callback_rows import LocalCallbacks
from exosms.ledger.callback_tokens import CallbackAddress
from exosms.ledger.callbacks import Callbacks, Taken
from exosms.ledger.database import Database
from exosms.ledger.entry import Place
from exosms.ledger.messages import Ledger
from exosms.sms.message import Delivery, Encoding, Message, MessageFields, Outcome

NOW = datetime.fromisoformat("2026-11-23T12:00:00+05:30").timestamp()
HOUR = 3600.0
DAY = 24 * HOUR
IN_2031 = NOW + 5 * 365 * DAY
IN_1970 = 60.0
TOLD = "because the clock was wrong"


class Machine:
    """A machine whose clock is set before each command."""

    def __init__(self, exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        self._exosms = exosms
        self._clock = NOW
        opened = Database.open
        monkeypatch.setattr(time, "time", lambda: self._clock)
        monkeypatch.setattr(
            Ledger, "open", lambda directory, **how: Ledger(opened(directory, clock=lambda: self._clock, **how))
        )
        exosms.env = {"EXOTEL_FROM": "ACMEIN", "EXOTEL_DLT_ENTITY_ID": "1" * 19}

    def at(self, clock: float, *argv: str) -> Result:
        """Run a command while the clock shows that."""
        self._clock = clock
        return self._exosms(*argv)


@pytest.fixture
def machine(exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(exosms, monkeypatch)


class Step(NamedTuple):
    """A command with a once key, what the clock shows, and what comes of it."""

    clock: float
    key: str
    outcome: str
    told: bool = False


KEYS: dict[str, Sequence[Step]] = {
    "sent under 2031": [
        Step(IN_2031, "a", "accepted"),
        Step(NOW, "a", "skipped", told=True),
        Step(NOW + HOUR / 2, "a", "skipped"),
        Step(NOW + 2 * HOUR, "a", "accepted"),
        Step(IN_2031, "a", "accepted"),
    ],
    "sent under 2031, and another since": [
        Step(IN_2031, "a", "accepted"),
        Step(NOW, "b", "accepted"),
        Step(NOW + HOUR / 2, "b", "skipped"),
        Step(NOW + 2 * HOUR, "b", "accepted"),
    ],
    "sent under 2031, and met again after another": [
        Step(IN_2031, "a", "accepted"),
        Step(NOW, "b", "accepted"),
        Step(NOW + 2 * HOUR, "a", "skipped", told=True),
        Step(NOW + 2 * HOUR + 1, "b", "accepted"),
        Step(NOW + 2.5 * HOUR, "a", "skipped"),
        Step(NOW + 3.5 * HOUR, "a", "accepted"),
    ],
    "the very first under 1970": [
        Step(IN_1970, "a", "accepted"),
        Step(NOW, "a", "skipped", told=True),
        Step(NOW + HOUR / 2, "a", "skipped"),
        Step(NOW + 2 * HOUR, "a", "accepted"),
    ],
    "under 1970, after another": [
        Step(NOW, "a", "accepted"),
        Step(IN_1970, "b", "accepted"),
        Step(NOW + HOUR / 2, "b", "skipped"),
        Step(NOW + 2 * HOUR, "b", "accepted"),
    ],
    "under yesterday, after another": [
        Step(NOW, "a", "accepted"),
        Step(NOW - DAY, "b", "accepted"),
        Step(NOW - DAY, "b", "skipped"),
        Step(NOW + HOUR / 2, "b", "skipped"),
        Step(NOW + 2 * HOUR, "b", "accepted"),
    ],
    "asked for again under 1970": [
        Step(NOW, "a", "accepted"),
        Step(IN_1970, "a", "skipped"),
        Step(NOW + HOUR / 2, "a", "skipped"),
        Step(NOW + 2 * HOUR, "a", "accepted"),
    ],
    "asked for again under yesterday, after another": [
        Step(NOW, "a", "accepted"),
        Step(NOW + 1, "b", "accepted"),
        Step(NOW - DAY, "b", "skipped", told=True),
        Step(NOW + HOUR / 2, "b", "skipped"),
        Step(NOW + 2 * HOUR, "b", "accepted"),
    ],
    "a second ahead": [
        Step(NOW + 0.9, "a", "accepted"),
        Step(NOW, "a", "skipped"),
        Step(NOW + HOUR + 1, "a", "accepted"),
    ],
}


@pytest.mark.parametrize("steps", KEYS.values(), ids=KEYS)
def test_a_once_key_holds_for_as_long_as_it_was_given(machine: Machine, steps: Sequence[Step]) -> None:
    seen = []
    for clock, key, *_ in steps:
        given = ("--once", key, "--within", "1h", "--to", "9876543210", "--body", "x")
        result = machine.at(clock, "send", "--region", "sandbox", *given)
        seen.append(Step(clock, key, result.stdout.split("\t")[0], TOLD in result.stderr))
        assert result.exit_code == 0
    assert seen == steps


def test_a_dry_run_corrects_nothing(machine: Machine) -> None:
    send = ("send", "--region", "sandbox", "--once", "a", "--within", "1h", "--to", "9876543210", "--body", "x")
    machine.at(IN_2031, *send)
    for _ in range(2):
        assert machine.at(NOW, *send, "-n").stdout.startswith("skipped\t")
        assert "2031" in machine.at(NOW, "log").stdout
    assert TOLD in machine.at(NOW, *send).stderr
    assert "2031" not in machine.at(NOW, "log").stdout


LIMITS = [
    ("send", IN_2031, "alone"),
    ("send", IN_1970, "alone"),
    ("send", IN_1970, "after another of today"),
    ("send", NOW - DAY, "after another of today"),
    ("bulk", IN_2031, "alone"),
    ("bulk", IN_1970, "alone"),
    ("bulk", IN_1970, "after another of today"),
]


@pytest.mark.parametrize(("command", "wrong", "after"), LIMITS)
def test_parts_of_a_wrong_day_count_for_one(
    machine: Machine, exosms: Shell, command: str, wrong: float, after: str
) -> None:
    config = exosms.home / "config.toml"
    config.write_text('version = 1\n[profiles.s]\nregion = "sandbox"\nmax_parts_per_day = 3\n')
    config.chmod(0o600)
    exosms.env["EXOSMS_CONFIG"] = str(config)
    send = ("send", "-p", "s", "--body", "x", "--to")
    if "after another" in after:
        assert machine.at(NOW, *send, "9876543210").exit_code == 0
    if command == "send":
        assert machine.at(wrong, *send, "9876543211,9876543212").exit_code == 0
    else:
        (exosms.home / "two.csv").write_text("to,body\n9876543211,x\n9876543212,x\n")
        assert machine.at(wrong, "bulk", str(exosms.home / "two.csv"), "-p", "s", "--yes").exit_code == 0
    later = [machine.at(moment, *send, "9876543213,9876543214") for moment in (NOW, NOW + DAY, NOW + 2 * DAY)]
    assert [result.exit_code for result in later] == [5, 0, 0]


BULKS = {
    "sent under 2031": [(IN_2031, 0, False), (NOW, 5, True), (NOW + HOUR / 2, 5, False), (NOW + 2 * HOUR, 0, False)],
    "the very first under 1970": [(IN_1970, 0, False), (NOW, 5, True), (NOW + 2 * HOUR, 0, False)],
    "asked for again under 1970": [(NOW, 0, False), (IN_1970, 5, False), (NOW, 5, False), (NOW + 2 * HOUR, 0, False)],
}


@pytest.mark.parametrize("steps", BULKS.values(), ids=BULKS)
def test_what_a_file_sent_holds_for_as_long_as_was_asked_for(
    machine: Machine, exosms: Shell, steps: list[tuple[float, int, bool]]
) -> None:
    file = exosms.home / "people.csv"
    file.write_text("to,body\n9876543211,x\n9876543212,y\n")
    argv = ("bulk", str(file), "--region", "sandbox", "--yes", "--within", "1h")
    results = [(clock, machine.at(clock, *argv)) for clock, _, _ in steps]
    assert [(clock, result.exit_code, TOLD in result.stderr) for clock, result in results] == steps


@pytest.mark.parametrize("wrong", [IN_1970, NOW - DAY])
def test_what_a_file_sent_under_an_earlier_clock_was_sent_after_the_run_before_it(
    machine: Machine, exosms: Shell, wrong: float
) -> None:
    one, two = exosms.home / "one.csv", exosms.home / "two.csv"
    one.write_text("to,body\n9876543211,x\n")
    two.write_text("to,body\n9876543212,x\n")
    argv = ("--region", "sandbox", "--yes", "--within", "1h")
    codes = [
        machine.at(clock, "bulk", str(file), *argv).exit_code
        for clock, file in ((NOW, one), (wrong, two), (NOW + HOUR / 2, two), (NOW + 2 * HOUR, two))
    ]
    assert codes == [0, 0, 5, 0]


@pytest.mark.parametrize("began", [IN_2031, IN_1970, NOW])
def test_a_run_that_began_under_a_wrong_clock_sends_nothing_that_another_sent_since(
    machine: Machine, exosms: Shell, began: float
) -> None:
    both, one = exosms.home / "both.csv", exosms.home / "one.csv"
    both.write_text("to,body\n9876543211,x\n9876543212,x\n")
    one.write_text("to,body\n9876543212,x\n")
    argv = ("--region", "sandbox", "--yes", "--within", "1h")
    assert machine.at(began, "bulk", str(both), *argv, "--run", "june", "--limit", "1").exit_code == 0
    assert machine.at(NOW, "bulk", str(one), *argv).exit_code == 0
    assert machine.at(NOW + HOUR / 2, "runs", "resume", "june", "--yes").exit_code == 0
    counts = machine.at(NOW, "runs", "show", "june", "--json").json["counts"]
    assert (counts["accepted"], counts["skipped"]) == (1, 1)


@pytest.mark.parametrize("more", [(), ("--sent-before", "send")], ids=["the next day", "again"])
def test_a_clock_that_is_set_back_during_a_run_keeps_nothing_back_that_went_out_long_before(
    machine: Machine, exosms: Shell, more: tuple[str, ...]
) -> None:
    file = exosms.home / "people.csv"
    file.write_text("to,body\n9876543211,x\n9876543212,x\n")
    argv = ("bulk", str(file), "--region", "sandbox", "--yes")
    assert machine.at(NOW - DAY, *argv).exit_code == 0
    assert machine.at(NOW, *argv, *more, "--run", "today", "--limit", "1").exit_code == 0
    result = machine.at(NOW - 3, "runs", "resume", "today", "--yes", "--json")
    assert (result.json["counts"]["accepted"], result.json["counts"]["skipped"]) == (2, 0)


def test_a_clock_that_is_set_back_a_little_lets_no_run_repeat_what_a_later_one_sent(
    machine: Machine, exosms: Shell
) -> None:
    both, one = exosms.home / "both.csv", exosms.home / "one.csv"
    both.write_text("to,body\n9876543211,x\n9876543212,x\n")
    one.write_text("to,body\n9876543212,x\n")
    argv = ("--region", "sandbox", "--yes", "--sent-before", "send")
    assert machine.at(NOW, "bulk", str(both), *argv, "--run", "june", "--limit", "1").exit_code == 0
    assert machine.at(NOW - 60, "bulk", str(one), *argv).exit_code == 0
    result = machine.at(NOW - 30, "runs", "resume", "june", "--yes", "--json")
    assert (result.json["counts"]["accepted"], result.json["counts"]["skipped"]) == (1, 1)


def test_a_purge_keeps_what_was_sent_under_an_earlier_clock(machine: Machine, exosms: Shell) -> None:
    file = exosms.home / "two.csv"
    file.write_text("to,body\n9876543212,x\n")
    send = ("send", "--region", "sandbox", "--once", "a", "--within", "1h", "--to", "9876543210", "--body", "x")
    bulk = ("bulk", str(file), "--region", "sandbox", "--yes")
    machine.at(NOW, "send", "--region", "sandbox", "--to", "9876543210", "--body", "x")
    (exosms.home / "one.csv").write_text("to,body\n9876543211,x\n")
    machine.at(NOW, "bulk", str(exosms.home / "one.csv"), "--region", "sandbox", "--yes")
    assert [machine.at(IN_1970, *argv).exit_code for argv in (send, bulk)] == [0, 0]
    assert machine.at(NOW + 60, "runs", "purge", "--older-than", "1d").stdout.startswith("0 messages")
    assert machine.at(NOW + 60, *send).stdout.startswith("skipped")
    assert machine.at(NOW + 60, *bulk).exit_code == 5
    assert machine.at(NOW + 2 * DAY, "runs", "purge", "--older-than", "1d").stdout.startswith("4 messages")


def test_a_callback_that_was_put_off_under_2031_is_looked_into_once_the_clock_is_right(tmp_path: Path) -> None:
    now = IN_2031
    database = Database.open(tmp_path, clock=lambda: now)
    with closing(Ledger(database)) as ledger:
        message = Message("+919876543210", "Hello", Encoding.PLAIN, 1, MessageFields(sender="ACMEIN"))
        place = Place(0, int(ledger.claim(message, account="host/acme1", profile=None)))  # type: ignore[arg-type]
        url = CallbackAddress("https://acme.in", "host/acme1", None, "https://host").url_for(
            database, {place: message}
        )
        store = LocalCallbacks(ledger)
        delivery = Delivery(Outcome.DELIVERED, to=message.to)
        with database.transaction():
            taken = Callbacks(store).take((url or "").rpartition("/")[2], "a" * 32, delivery)
        assert taken is Taken.TO_BE_CONFIRMED

        def due_at(moment: float) -> int:
            nonlocal now
            now = moment
            return len(store.due(10))

        assert [*map(due_at, (IN_2031, NOW, NOW + 1, NOW + HOUR))] == [1, 1, 0, 1]
