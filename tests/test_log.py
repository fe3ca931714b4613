"""``exosms log``: what was sent from here, and what was learned of it later."""

import datetime as dt
import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from conftest import Shell

from exosms.ledger.history import History, HistoryFilter
from exosms.ledger.messages import Ledger

SANDBOX = ("--region", "sandbox")


def send(exosms: Shell, code: str, *options: str) -> str:
    result = exosms("send", *SANDBOX, "--to", f"+9190000{code}", "--body", "Hi", "--retry-for", "0", *options)
    return result.stdout.split("\t")[2]


def logged(exosms: Shell, *options: str) -> list[Any]:
    result = exosms("log", "--json", *options)
    assert (result.exit_code, result.json["command"], result.json["error"]) == (0, "log", None)
    return list(result.json["messages"])


def test_it_learns_what_status_and_wait_learned(exosms: Shell) -> None:
    waited = send(exosms, "23185", "--wait", "0")
    asked = send(exosms, "20005")
    send(exosms, "20006")
    assert [message["outcome"] for message in logged(exosms)] == ["failed", "accepted", "accepted"]
    exosms("status", *SANDBOX, asked)
    first, second, third = logged(exosms)
    assert (first["sid"], first["outcome"], first["detailed_status"]) == (
        waited,
        "failed",
        "DLT_TEMPLATE_DOES_NOT_MATCH",
    )
    assert (second["outcome"], second["status"], second["price"]) == ("delivered", "sent", 0.25)
    assert second["sent_at"].endswith("+05:30")
    assert second["checked_at"]
    assert (third["outcome"], third["status"], third["checked_at"]) == ("accepted", "queued", None)


@pytest.mark.parametrize(
    ("config", "allow", "exit_code"),
    [
        ('[profiles.p]\nregion = "nowhere"\n', "", 0),
        ("", "nobody", 0),  # which log has no use for
        ('[profiles.p]\nregion = "nowhere"\nledger = "x"\n', "", 4),  # it may be the one that is meant
        ("[profiles.p\n", "", 4),
    ],
)
def test_what_is_flawed_and_names_no_ledger_is_no_concern_of_it(
    exosms: Shell, config: str, allow: str, exit_code: int
) -> None:
    send(exosms, "20005")
    path = exosms.home / "config.toml"
    path.touch(mode=0o600)
    path.write_text(config)
    env = {"EXOSMS_CONFIG": str(path), "EXOSMS_ALLOW": allow}
    for argv in (("log",), ("runs", "purge", "--older-than", "1d", "--yes")):
        result = exosms(*argv, env=env)
        assert result.exit_code == exit_code, result
        assert len(result.stdout.splitlines()) == (exit_code == 0)


def test_a_document_has_these_keys_and_no_text(exosms: Shell) -> None:
    send(exosms, "20005", "--once", "k", "--wait", "0")
    (message,) = logged(exosms)
    times = {name: message[name] for name in ("at", "updated_at", "sent_at", "checked_at")}
    assert all("T" in time for time in times.values())
    assert message == {
        **times,
        "account": "sandbox/sandbox",
        "profile": "sandbox",
        "sandbox": True,
        "once": "k",
        "run": None,
        "row": None,
        "to": "+919000020005",
        "from": "EXOTEL",
        "outcome": "delivered",
        "sid": message["sid"],
        "status": "sent",
        "detailed_status_code": 20005,
        "detailed_status": "DELIVERED_TO_HANDSET",
        "http_status": 200,
        "code": None,
        "message": None,
        "template": None,
        "segments": 1,
        "price": 0.25,
        "attempts": 1,
    }


def test_lines_for_scripts_and_for_people(exosms: Shell) -> None:
    sid = send(exosms, "23185", "--wait", "0")
    send(exosms, "00403")
    first, second = (line.split("\t") for line in exosms("log").stdout.splitlines())
    assert first[1:] == ["failed", "+919000023185", sid, "failed 23185 DLT_TEMPLATE_DOES_NOT_MATCH; sandbox"]
    assert second[1:] == ["not_sent", "+919000000403", "", "HTTP 403: Insufficient balance to send the SMS; sandbox"]
    shown = exosms("log", "-o", "human").stdout
    assert "  failed    +919000023185  " + sid in shown
    assert "  not_sent  +919000000403  HTTP 403: Insufficient" in shown
    documents = [json.loads(line) for line in exosms("log", "-o", "jsonl").stdout.splitlines()]
    assert [document["outcome"] for document in documents] == ["failed", "not_sent"]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ((), ["failed", "pending", "accepted", "not_sent", "unknown"]),
        (("--outcome", "failed"), ["failed"]),
        (("--outcome", "pending"), ["pending"]),
        (("--outcome", "accepted"), ["accepted"]),
        (("--outcome", "delivered"), []),
        (("--outcome", "not_sent"), ["not_sent"]),
        (("--outcome", "unknown"), ["unknown"]),
        (("--to", "9000021020"), ["pending"]),
        (("--to", "+919000021020", "--outcome", "failed"), []),
        (("--once", "k"), ["accepted"]),
        (("--once", "other"), []),
        (("--since", "1h"), ["failed", "pending", "accepted", "not_sent", "unknown"]),
        (("--since", "1h", "--outcome", "not_sent"), ["not_sent"]),
        (("--since", "0"), []),
    ],
)
def test_conditions(exosms: Shell, argv: tuple[str, ...], expected: list[str]) -> None:
    send(exosms, "23185", "--wait", "0")
    send(exosms, "21020", "--wait", "0")
    send(exosms, "20005", "--once", "k")
    send(exosms, "00403")
    send(exosms, "00500")
    assert [message["outcome"] for message in logged(exosms, *argv)] == expected


@pytest.mark.parametrize("to", ["020 7946 0958", "+442079460958"])
def test_a_number_without_a_country_code_is_of_the_profile_s_country(exosms: Shell, to: str) -> None:
    config = exosms.home / "config.toml"
    config.write_text('version = 1\n[profiles.uk]\ncountry = "GB"\n')
    config.chmod(0o600)
    exosms.env |= {"EXOSMS_CONFIG": str(config), "EXOSMS_PROFILE": "uk"}
    exosms("send", "-p", "sandbox", "--to", "+442079460958", "--body", "Hi")
    assert [message["to"] for message in logged(exosms, "--to", to)] == ["+442079460958"]


@pytest.mark.parametrize("option", ["--to", "--once", "--profile"])
def test_an_empty_condition_is_refused_and_shows_nobody_s_messages(exosms: Shell, option: str) -> None:
    result = exosms("log", option, "")
    said = f"exosms: error: {option} is empty\n  Give it a value, or leave it out.\n"
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", said)


def test_nothing_sent_is_nothing_printed(exosms: Shell) -> None:
    assert exosms("log").stdout == ""
    assert "nothing was sent" in exosms("log", "-o", "human").stderr


@pytest.mark.parametrize(
    "conditions",
    [
        {"to": "+919876543210"},
        {"since": 3600.0},
        {"once_key": "k"},
        {"outcome": "unknown"},
        {"outcome": "not_sent"},
        {"outcome": "failed"},
        {"outcome": "failed", "since": 3600.0},
        {"outcome": "delivered", "since": 3600.0},
        {"outcome": "delivered", "to": "+919876543210"},
        {"outcome": "failed", "profile": "prod"},
    ],
    ids=str,
)
def test_no_question_reads_the_whole_ledger(exosms: Shell, conditions: dict[str, Any]) -> None:
    """Every condition has an index that SQLite takes: a million rows are not looked at for one of them."""
    state = exosms.home / "state"
    statements: list[str] = []
    with closing(Ledger.open(state)) as ledger:
        ledger._connection.set_trace_callback(statements.append)
        assert [*History(ledger).log(HistoryFilter(**conditions))] == []
    with closing(sqlite3.connect(state / "ledger.db")) as other:
        plans = [
            row[3]
            for statement in statements
            if statement.startswith("SELECT")
            for row in other.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]
    searched = [plan for plan in plans if plan.startswith(("SCAN", "SEARCH"))]
    assert [plan for plan in searched if plan.startswith("SCAN") and "owner" not in plan and "runs" not in plan] == []
    assert [plan for plan in searched if "(account=? AND created_at>?)" in plan] == []


def bulk(exosms: Shell, *codes: str, name: str = "r1") -> None:
    rows = "".join(f"+9190000{code},Hello {place}\n" for place, code in enumerate(codes))
    exosms("bulk", "-", *SANDBOX, "--yes", "--run", name, stdin=f"to,body\n{rows}")


def test_the_rows_of_a_run_stand_beside_single_messages(exosms: Shell) -> None:
    send(exosms, "20005")
    bulk(exosms, "20006", "23185", "00400")
    sid = send(exosms, "20007")
    exosms("status", "--run", "r1")
    messages = logged(exosms)
    assert [(message["run"], message["row"], message["outcome"]) for message in messages] == [
        (None, None, "accepted"),
        ("r1", 1, "delivered"),
        ("r1", 2, "failed"),
        ("r1", 3, "rejected"),
        (None, None, "accepted"),
    ]
    assert [message["row"] for message in logged(exosms, "--run", "r1", "--outcome", "failed")] == [2]
    assert [message["row"] for message in logged(exosms, "--to", "+919000023185")] == [2]
    assert [message["sid"] for message in logged(exosms, "--outcome", "accepted")][1:] == [sid]
    assert logged(exosms, "--once", "k") == []
    assert (
        exosms("log")
        .stdout.splitlines()[2]
        .endswith("\tfailed 23185 DLT_TEMPLATE_DOES_NOT_MATCH; run r1 row 2; sandbox")
    )


def test_a_row_was_sent_when_its_request_left_whatever_was_found_out_later(exosms: Shell) -> None:
    send(exosms, "00500", "--once", "k")
    bulk(exosms, "20005", "00500", "00400")
    with closing(sqlite3.connect(exosms.home / "state" / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE messages SET created_at = 1e9, attempted_at = 1e9, updated_at = 1e9")
        ledger.execute("UPDATE rows SET attempted_at = 1e9 + number, updated_at = 1e9 + number")
    for which in (("--once", "k"), ("r1",)):
        assert exosms("runs", "resolve", *which, "--as", "accepted").exit_code == 0
    messages = logged(exosms)
    assert [message["outcome"] for message in messages] == ["accepted", "accepted", "accepted", "rejected"]
    assert [dt.datetime.fromisoformat(message["at"]).timestamp() - 1e9 for message in messages] == [0, 1, 2, 3]
    assert messages[2]["updated_at"] > messages[2]["at"]
    assert logged(exosms, "--since", "1h") == []


def test_what_one_profile_sent_is_shown_alone(exosms: Shell) -> None:
    config = exosms.home / "config.toml"
    config.write_text(
        'version = 1\n[profiles.uk]\nregion = "sandbox"\ncountry = "GB"\n[profiles.in]\nregion = "sandbox"\n'
    )
    config.chmod(0o600)
    exosms.env |= {"EXOSMS_CONFIG": str(config)}
    exosms("send", "-p", "uk", "--to", "020 7946 0018", "--from", "ACMEIN", "--body", "Hi")
    exosms("send", "-p", "in", "--to", "9876543210", "--from", "ACMEIN", "--body", "Hi")
    options = ("--from", "ACMEIN", "--yes", "--sent-before", "send")
    for profile in ("uk", "in"):
        argv = ("bulk", "-", "-p", profile, "--run", f"of-{profile}", *options)
        assert exosms(*argv, stdin="to,body\n+919876543211,Hi\n").exit_code == 0
    assert [(message["to"], message["run"]) for message in logged(exosms, "-p", "uk")] == [
        ("+442079460018", None),
        ("+919876543211", "of-uk"),
    ]
    assert [message["profile"] for message in logged(exosms, "--profile", "in", "--to", "98765 43210")] == ["in"]
    assert len(logged(exosms, "-p", "uk", "--to", "020 7946 0018")) == 1
    assert logged(exosms, "-p", "uk", "--run", "of-in") == []
    config.write_text("version = 1\n")
    assert len(logged(exosms, "-p", "uk")) == 2, "a profile that was removed sent what it sent"
    assert exosms("log", "-p", "uk", "--to", "020 7946 0018").exit_code == 4


def test_an_unknown_run_is_refused_with_the_nearest_name(exosms: Shell) -> None:
    bulk(exosms, "20005", name="customers-1")
    result = exosms("log", "--run", "customer-1")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "did you mean 'customers-1'" in result.stderr


def test_a_ledger_that_fails_on_the_way_still_makes_one_document(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from exosms.ledger.database import LedgerError

    send(exosms, "20005")
    send(exosms, "20006")
    log = History.log

    def failing(self: History, wanted: HistoryFilter) -> Any:
        yield next(log(self, wanted))
        raise LedgerError("The ledger cannot be used: disk I/O error")

    monkeypatch.setattr(History, "log", failing)
    result = exosms("log", "--json")
    assert (result.exit_code, result.json["exit_code"], result.json["error"]["kind"]) == (4, 4, "config")
    assert [message["to"] for message in result.json["messages"]] == ["+919000020005"]
    assert "disk I/O error" in result.stderr


def test_a_document_is_printed_as_its_messages_are_read(exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A million of them took three gigabytes at once."""
    import gc

    send(exosms, "20005")
    log = History.log
    alive = []

    def many(self: History, wanted: HistoryFilter) -> Any:
        (entry,) = log(self, wanted)
        for number in range(300):
            if number % 100 == 99:
                alive.append(sum(isinstance(thing, dict) and "checked_at" in thing for thing in gc.get_objects()))
            yield entry._replace(id=number)

    monkeypatch.setattr(History, "log", many)
    assert len(exosms("log", "--json").json["messages"]) == 300
    assert max(alive) < 50
