"""``exosms runs``: what bulk began, gone on with, tried again, resolved by a person, exported and forgotten."""

import json
import os
import re
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import closing

import pytest
from conftest import Result, Shell
from faulty import FaultyExotel

from exosms.ledger.database import Database, LedgerError
from exosms.ledger.runs import Journal

SANDBOX = ("--region", "sandbox", "--from", "ACMEIN")
MIXED = "to,body\n+919876543210,ok\n+919000000400,refused\n+919000000500,perhaps\n"
SID = re.compile(r"[0-9a-f]{32}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")
COUNTS = {"rows": 3, "accepted": 1, "rejected": 1, "not_sent": 0, "unknown": 1, "skipped": 0, "remaining": 0}


def masked(text: str) -> str:
    return TIME.sub("TIME", SID.sub("SID", text))


def bulk(exosms: Shell, text: str, *argv: str) -> Result:
    path = exosms.home / "people.csv"
    path.write_text(text)
    return exosms("bulk", *SANDBOX, str(path), "--yes", "--run", "june", *argv)


def set_back(exosms: Shell) -> None:
    """Let all rows be as if they had not been sent."""
    with closing(sqlite3.connect(exosms.home / "state" / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE rows SET state = 'not_sent', text = 'Hello'")


def dumped(exosms: Shell) -> list[str]:
    with closing(sqlite3.connect(exosms.home / "state" / "ledger.db")) as ledger:
        return [*ledger.iterdump()]


@pytest.fixture
def mixed(exosms: Shell) -> Shell:
    """A finished run with a row of each kind that the sandbox can be asked for quickly."""
    assert bulk(exosms, MIXED).exit_code == 10
    return exosms


def states(exosms: Shell, name: str = "june") -> list[str]:
    """Return the outcome of each row, as the export has it."""
    return [line.split(",")[3] for line in exosms("runs", "export", name).stdout.splitlines()[1:]]


def test_there_is_nothing_to_list_at_first(exosms: Shell) -> None:
    result = exosms("runs", "list")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert exosms("runs", "list", "--json").json == {
        "schema": 1,
        "command": "runs",
        "exit_code": 0,
        "runs": [],
        "error": None,
    }
    assert "no bulk run was started from this machine yet" in exosms.on_terminal("runs", "list").stdout


def test_runs_are_listed_in_the_order_in_which_they_began(mixed: Shell) -> None:
    mixed(
        "bulk",
        *SANDBOX,
        str(mixed.home / "people.csv"),
        "--yes",
        "--sent-before",
        "skip",
        "--limit",
        "1",
        "--run",
        "b",
    )
    listed = mixed("runs", "list")
    path = mixed.home / "people.csv"
    assert masked(listed.stdout) == f"june\tfinished\tTIME\t3\t1\t{path}\nb\tfinished\tTIME\t3\t0\t{path}\n"
    drawn = mixed.on_terminal("runs", "list", columns=200).stdout
    assert all(word in drawn for word in ("Accepted", "june", "finished", path.name))
    first, _ = mixed("runs", "list", "--json").json["runs"]
    assert {**first, "started_at": ""} == {
        "run": "june",
        "file": str(path),
        "state": "finished",
        "started_at": "",
        "counts": COUNTS,
    }


@pytest.mark.parametrize("sender", ["ACMEIN", "NEWSND"])
@pytest.mark.parametrize("number", ["+919876543211", "+919000000500"])
def test_what_another_run_sent_meanwhile_or_may_have_sent_is_left_out(
    exosms: Shell, number: str, sender: str
) -> None:
    bulk(exosms, f"to,body\n+919876543210,one\n{number},two\n", "--limit", "1")
    other = exosms.home / "other.csv"
    other.write_text(f"to,body\n{number},two\n")
    other_run = ("bulk", str(other), "--region", "sandbox", "--from", sender, "--yes", "--run", "other")
    assert exosms(*other_run).exit_code in {0, 10}
    assert exosms("runs", "resume", "june", "--yes").exit_code == 0
    assert states(exosms) == ["accepted", "skipped"]


def test_show_counts_groups_the_reasons_and_ends_with_what_to_do(mixed: Shell) -> None:
    result = mixed("runs", "show", "june")
    assert result.exit_code == 0
    assert masked(result.stdout) == (
        f"run\tjune\nfile\t{mixed.home / 'people.csv'}\nstate\tfinished\n"
        "rows\t3\naccepted\t1\nrejected\t1\nnot_sent\t0\nunknown\t1\nskipped\t0\nremaining\t0\n"
        "unknown_row\t3\tTIME\t+919000000500\tperhaps\n"
        "reason\t1 rejected: HTTP 400 code 40203 Invalid Recipient (first in line 3)\n"
        "reason\t1 unknown: HTTP 500 code 35000 Internal Server Error (first in line 4)\n"
    )
    assert result.stderr == (
        "exosms: Get the rejected rows, to be corrected and sent, with: exosms runs export june rejected.csv"
        f" --outcome rejected --with {mixed.home / 'people.csv'}\n"
        "exosms: 1 may have been sent. Export the SMS Detailed Report (Type: All) from Exotel's dashboard, then run"
        " `exosms runs reconcile june --report FILE`.\n"
    )
    document = mixed("runs", "show", "june", "--json").json
    assert (document["command"], document["run"], document["state"], document["counts"]) == (
        "bulk",
        "june",
        "finished",
        COUNTS,
    )


def test_unknown_rows_are_listed_with_the_last_words_of_what_is_left_of_their_texts(mixed: Shell) -> None:
    path = mixed.home / "state" / "ledger.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE rows SET text = 'Dear Mina, order 19 has\nleft \u0007now' WHERE number = 3")
    listed = mixed("runs", "show", "june").stdout
    assert "\t+919000000500\t… 19 has left \\x07now\n" in listed
    (row,) = mixed("runs", "show", "june", "--json").json["unknown_rows"]
    assert {**row, "at": ""} == {
        "row": 3,
        "line": 4,
        "to": "+919000000500",
        "at": "",
        "ends": "… 19 has left \u0007now",
    }
    seen = mixed.on_terminal("runs", "show", "june", columns=100).stdout
    assert all(word in seen for word in ("may have been sent", "\n3    20", "19 has left"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE rows SET text = NULL WHERE number = 3")
    assert "\t+919000000500\t\n" in mixed("runs", "show", "june").stdout


def test_equal_reasons_are_one_line(exosms: Shell) -> None:
    rows = "".join(f"+919000000400,refused {n}\n+9198765432{n:02d},ok\n" for n in range(4))
    bulk(exosms, "to,body\n" + rows)
    assert (
        "4 rejected: HTTP 400 code 40203 Invalid Recipient (first in line 2)" in exosms("runs", "show", "june").stdout
    )


@pytest.mark.parametrize("verb", ["show", "resume", "retry", "export"])
def test_a_name_that_is_not_there_gets_the_nearest_suggested(mixed: Shell, verb: str) -> None:
    result = mixed("runs", verb, "jume")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "There is no run 'jume'; did you mean 'june'?" in result.stderr


def test_a_name_that_is_not_there_is_a_document_too(mixed: Shell) -> None:
    document = mixed("runs", "show", "jume", "--json").json
    assert (document["command"], document["exit_code"], document["error"]["kind"]) == ("runs", 3, "rejected")
    document = mixed("runs", "resume", "jume", "--json").json
    assert (document["command"], document["exit_code"], document["run"]) == ("bulk", 3, "jume")


# --- resume and retry ---


def test_resume_sends_what_is_left_once(exosms: Shell) -> None:
    text = "to,body\n" + "".join(f"+9198765432{n:02d},ok\n" for n in range(9))
    assert bulk(exosms, text, "--limit", "4").exit_code == 0
    first = states(exosms)
    assert Counter(first) == {"accepted": 4, "waiting": 5}
    asked = exosms("runs", "resume", "june")
    assert (asked.exit_code, asked.stdout) == (5, "")
    some = exosms("runs", "resume", "june", "--yes", "--limit", "2", "--json")
    assert (some.exit_code, some.json["counts"]["remaining"], some.json["state"]) == (0, 3, "unfinished")
    rest = exosms("runs", "resume", "june", "--yes", "-q")
    assert (rest.exit_code, masked(rest.stdout)) == (0, "SID\nSID\nSID\n")
    again = exosms("runs", "resume", "june", "--yes")
    assert (again.exit_code, again.stdout) == (0, "")


def test_resume_asks_on_a_terminal(exosms: Shell) -> None:
    bulk(exosms, "to,body\n9876543210,a\n9876543211,b\n", "--limit", "1")
    result = exosms.on_terminal("runs", "resume", "june", typed=[("Send the 1 row left of june? [y/N]: ", "y")])
    assert result.exit_code == 0
    assert states(exosms) == ["accepted", "accepted"]


def test_resume_needs_the_file_no_more(exosms: Shell) -> None:
    bulk(exosms, "to,body\n9876543210,a\n9876543211,b\n", "--limit", "1")
    (exosms.home / "people.csv").unlink()
    assert exosms("runs", "resume", "june", "--yes").exit_code == 0
    assert states(exosms) == ["accepted", "accepted"]


def test_a_run_is_gone_on_with_from_its_own_account_only(exosms: Shell, exotel: FaultyExotel) -> None:
    bulk(exosms, "to,body\n9876543210,a\n9876543211,b\n", "--limit", "1")
    config = exosms.home / "config.toml"
    config.write_text(
        '[profiles.prod]\nregion = "mumbai"\naccount_sid = "a"\napi_key = "k"\napi_token = "t"\nfrom = "ACMEIN"\n'
    )
    config.chmod(0o600)
    result = exosms("runs", "resume", "june", "--yes", "-p", "prod", "--config", str(config))
    assert result.exit_code != 0
    assert "sandbox" in result.stderr
    assert states(exosms) == ["accepted", "waiting"]


def test_what_may_have_been_sent_is_never_retried(mixed: Shell) -> None:
    result = mixed("runs", "retry", "june", "--yes", "--rejected")
    assert masked(result.stdout) == "rejected\t+919000000400\t\tHTTP 400: Invalid Recipient\n"
    assert states(mixed) == ["accepted", "rejected", "unknown"]


def test_without_being_asked_for_refused_rows_are_not_retried(mixed: Shell) -> None:
    result = mixed("runs", "retry", "june", "--yes")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("exosms: nothing to retry; run june: 3 rows: 1 accepted, 1 rejected, 1 unknown\n")
    of_rejected, of_unknown = result.stderr.splitlines()[1:]
    assert "exosms runs reconcile june --report FILE" in of_unknown
    assert "exosms runs export june rejected.csv --outcome rejected --with " in of_rejected


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_nothing_to_retry_is_no_failure(mixed: Shell, options: tuple[str, ...]) -> None:
    result = mixed("runs", "retry", "june", "--json", *options)
    assert (result.exit_code, result.json["exit_code"], result.json["counts"]) == (0, 0, COUNTS)
    assert "nothing to retry" in result.stderr
    assert states(mixed) == ["accepted", "rejected", "unknown"]


def test_a_dry_retry_shows_what_would_be_sent_and_sends_nothing(
    exosms: Shell, exotel: FaultyExotel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exosms.bulk.run.back_off", lambda *_args, **_more: 0.0)
    file = exosms.home / "people.csv"
    file.write_text("to,body\n9876543210,Hello\n9876543211,Namaste\n9876543212,Hi\n")
    account = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": "key", "EXOTEL_API_TOKEN": "token"}
    closed = {**account, "EXOSMS_BASE_URL": "http://127.0.0.1:9", "EXOTEL_FROM": "ACMEIN"}
    sent = exosms("bulk", str(file), "--yes", "--run", "june", "--limit", "1", "--rate", "off", env=closed)
    assert states(exosms) == ["not_sent", "waiting", "waiting"], sent
    before = dumped(exosms)
    dry = ("runs", "retry", "june", "--dry-run")
    plain = exosms(*dry)  # without any account
    assert (plain.exit_code, plain.stdout) == (0, "planned\t+919876543210\t\t1 part, plain: Hello\n")
    assert plain.stderr == "exosms: run june: 1 message, 1 part, 0 skipped\n"
    document = exosms(*dry, "--json").json
    assert (document["outcome"], document["plan"]["messages"], document["plan"]["parts"]) == ("planned", 1, 1)
    assert document["plan"]["first"]["text"] == document["plan"]["longest"]["text"] == "Hello"
    row, last = map(json.loads, exosms(*dry, "-o", "jsonl").stdout.splitlines())
    expected = {"row": 1, "line": 2, "to": "+919876543210", "outcome": "planned", "text": "Hello"}
    assert row.items() >= expected.items()
    assert last == document
    assert "Hello" in exosms.on_terminal(*dry).stdout
    left = exosms("bulk", str(file), "--dry-run", "--run", "june", env={**closed, "EXOSMS_BASE_URL": exotel.url})
    assert left.exit_code == 5, left  # the account is another one, and so is the run
    assert dumped(exosms) == before
    assert exotel.requests == 0


def test_a_dry_run_of_a_run_that_is_left_shows_its_rows(exosms: Shell) -> None:
    file = exosms.home / "people.csv"
    file.write_text("to,body\n9876543210,Hello\n9876543211,Namaste\n9876543212,Hi\n")
    argv = ("bulk", str(file), *SANDBOX, "--run", "june")
    assert exosms(*argv, "--limit", "1", "--yes").exit_code == 0
    left = exosms(*argv, "--dry-run")
    assert left.exit_code == 0
    assert left.stdout == (
        "planned\t+919876543211\t\t1 part, plain: Namaste\nplanned\t+919876543212\t\t1 part, plain: Hi\n"
    )
    first = exosms(*argv, "--dry-run", "--limit", "1", "--max-parts", "1")
    assert (first.exit_code, first.stdout) == (0, "planned\t+919876543211\t\t1 part, plain: Namaste\n")
    asked = exosms("runs", "resume", "june", "--limit", "1")
    assert "Send 1 of the 2 rows left of june? This needs the answer yes" in asked.stderr
    assert states(exosms) == ["accepted", "waiting", "waiting"]


def test_a_dry_retry_goes_no_further_than_its_limit(exosms: Shell) -> None:
    assert bulk(exosms, "to,body\n9876543211,x\n9876543212,y\n").exit_code == 0
    set_back(exosms)
    retried = ("runs", "retry", "june", "--limit", "1")
    dry = exosms(*retried, "--dry-run", env={"EXOSMS_ALLOW": "+919876543211"})
    assert (dry.exit_code, dry.stdout) == (0, "planned\t+919876543211\t\t1 part, plain: Hello\n")
    assert "Send 1 row of june again?" in exosms(*retried).stderr


def test_a_dry_retry_says_what_another_run_has_sent_meanwhile(exosms: Shell) -> None:
    file = exosms.home / "people.csv"
    file.write_text("to,body\n9876543210,Hello\n")
    argv = ("bulk", str(file), *SANDBOX, "--yes")
    assert exosms(*argv, "--run", "june").exit_code == 0
    set_back(exosms)
    assert exosms(*argv, "--run", "july").exit_code == 0
    dry = exosms("runs", "retry", "june", "--dry-run")
    assert dry.stdout == "skipped\t+919876543210\t\tsent by another run in the meantime\n"
    assert exosms("runs", "retry", "june", "--yes", "--json").json["counts"]["skipped"] == 1
    (row,) = exosms("runs", "export", "june", "-", "--json").json["rows"]
    assert (row["outcome"], row["http_status"], row["code"]) == ("skipped", None, None)


def test_a_run_that_repeats_others_is_not_retried_over_later_ones(exosms: Shell) -> None:
    """``--sent-before send`` is about what earlier runs sent."""
    file = exosms.home / "people.csv"
    file.write_text("to,body\n9876543210,Hello\n")
    argv = ("bulk", str(file), *SANDBOX, "--yes")
    assert exosms(*argv, "--run", "may").exit_code == 0
    assert exosms(*argv, "--run", "june", "--sent-before", "send").exit_code == 0
    assert states(exosms, "june") == ["accepted"]
    set_back(exosms)
    retried = ("runs", "retry", "june", "--dry-run")
    planned = exosms(*retried).stdout
    assert exosms(*argv, "--run", "july", "--sent-before", "send").exit_code == 0
    assert (planned.partition("\t")[0], exosms(*retried).stdout) == (
        "planned",
        "skipped\t+919876543210\t\tsent by another run in the meantime\n",
    )
    assert exosms("runs", "retry", "june", "--yes", "--json").json["counts"]["skipped"] == 1


def test_a_run_that_repeats_others_does_not_repeat_what_went_since_it_began(exosms: Shell) -> None:
    """From an earlier run, which was gone on with meanwhile."""
    file = exosms.home / "people.csv"
    file.write_text("to,body\n9876543210,Hello\n9876543211,Hello\n")
    argv = ("bulk", str(file), *SANDBOX, "--yes", "--limit", "1")
    assert exosms(*argv, "--run", "may").exit_code == 0
    file.write_text(file.read_text() + "9876543212,Hello\n")
    assert exosms(*argv, "--run", "june", "--sent-before", "send").exit_code == 0
    for run, accepted, skipped in (("may", 2, 0), ("june", 2, 1)):
        counts = exosms("runs", "resume", run, "--yes", "--json").json["counts"]
        assert (counts["accepted"], counts["skipped"]) == (accepted, skipped), run


def test_a_guard_speaks_in_a_dry_retry_too(exosms: Shell) -> None:
    assert bulk(exosms, "to,body\n9876543211,x\n").exit_code == 0
    set_back(exosms)
    env = {"EXOSMS_ALLOW": "+919876543210"}
    assert exosms("runs", "retry", "june", "--dry-run", env=env).exit_code == 5


def test_rows_that_were_not_sent_are_retried(exosms: Shell, exotel: FaultyExotel) -> None:
    with FaultyExotel(faults=1, seed=1, latency=0, kinds=["429"]) as busy:
        path = exosms.home / "people.csv"
        path.write_text("to,body\n9876543210,a\n9876543211,b\n")
        env = {
            "EXOTEL_ACCOUNT_SID": "acme1",
            "EXOTEL_API_KEY": "key",
            "EXOTEL_API_TOKEN": "token",
            "EXOTEL_FROM": "ACMEIN",
            "EXOSMS_BASE_URL": busy.url,
        }
        result = exosms("bulk", str(path), "--yes", "--rate", "off", "--run", "june", "--json", env=env)
    assert result.exit_code == 11
    assert result.json["counts"]["not_sent"] == 2
    assert "exosms runs retry june" in result.stderr.splitlines()[-1]
    # The account is host and SID: the same port is needed to go on, so the host of this one is put in its place.
    with closing(sqlite3.connect(exosms.home / "state" / "ledger.db")) as connection:
        connection.execute("UPDATE runs SET account = replace(account, ?, ?)", (busy.url[7:], exotel.url[7:]))
        connection.commit()
    env["EXOSMS_BASE_URL"] = exotel.url
    again = exosms("runs", "retry", "june", "--yes", "--rate", "off", env=env)
    assert again.exit_code == 0, again.stderr
    assert states(exosms) == ["accepted", "accepted"]
    assert sorted(exotel.deeds) == [("+919876543210", "a"), ("+919876543211", "b")]


def test_a_retry_leaves_alone_what_was_never_tried(exosms: Shell) -> None:
    assert bulk(exosms, MIXED + "+919876543211,later\n", "--limit", "3").exit_code == 10
    assert exosms("runs", "resolve", "june", "--as", "not_sent").exit_code == 0
    result = exosms("runs", "retry", "june", "--yes")
    assert [line.split("\t")[1] for line in result.stdout.splitlines()] == ["+919000000500"]
    assert states(exosms) == ["accepted", "rejected", "unknown", "waiting"]
    assert result.stderr.rstrip().endswith("Continue with: exosms runs resume june")
    last = exosms("runs", "resume", "june", "--yes")
    assert [line.split("\t")[1] for line in last.stdout.splitlines()] == ["+919876543211"]


def test_a_retry_that_was_stopped_is_run_again_as_it_was(mixed: Shell) -> None:
    """By a guard, the account or a limit: its rows wait then, and were certainly not sent."""
    assert mixed("runs", "resolve", "june", "--as", "not_sent").exit_code == 0
    retry = ("runs", "retry", "june")
    assert mixed(*retry, "--yes", env={"EXOSMS_ALLOW": "+919876543299"}).exit_code == 5
    assert states(mixed) == ["accepted", "rejected", "waiting"]
    assert mixed(*retry, "--dry-run").stdout == "planned\t+919000000500\t\t1 part, plain: perhaps\n"
    again = mixed(*retry, "--yes")
    assert (again.exit_code, states(mixed)) == (10, ["accepted", "rejected", "unknown"])
    assert again.stdout.startswith("unknown\t+919000000500\t")


def test_a_retry_that_cannot_be_recorded_to_its_end_says_why_and_that_the_run_is_not_finished(
    mixed: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise LedgerError("The ledger cannot be used: the disk is full")

    assert mixed("runs", "resolve", "june", "--as", "not_sent").exit_code == 0
    for written in ("claim", "release"):
        monkeypatch.setattr(Journal, written, full)
    result = mixed("runs", "retry", "june", "--yes", "--json")
    assert (result.exit_code, result.json["exit_code"], result.json["state"]) == (4, 4, "unfinished")
    assert result.json["error"]["message"] == "The ledger cannot be used: the disk is full"
    assert "exosms: error: The ledger cannot be used: the disk is full." in result.stderr


@pytest.mark.parametrize("again", [(), ("--base-url",)], ids=["as it began", "said again"])
def test_a_run_is_gone_on_with_at_the_address_where_it_began(
    exosms: Shell, exotel: FaultyExotel, again: tuple[str, ...]
) -> None:
    env = {
        "EXOTEL_ACCOUNT_SID": "acme1",
        "EXOTEL_API_KEY": "key",
        "EXOTEL_API_TOKEN": "token",
        "EXOTEL_REGION": "mumbai",
    }
    (exosms.home / "people.csv").write_text("to,body\n9876543210,a\n9876543211,b\n")
    begin = ("bulk", str(exosms.home / "people.csv"), "--from", "ACMEIN", "--base-url", exotel.url, "--rate", "off")
    assert exosms(*begin, "--yes", "--run", "june", "--limit", "1", env=env).exit_code == 0
    flags = [*again, *([exotel.url] if again else [])]
    result = exosms("runs", "resume", "june", "--yes", *flags, env=env)
    assert (result.exit_code, exotel.requests) == (0, 2), result.stderr
    elsewhere = exosms("runs", "retry", "june", "--yes", "--region", "mumbai", env=env)
    assert (elsewhere.exit_code, exotel.requests) == (4, 2)
    assert "belongs to the account" in elsewhere.stderr


def test_where_nothing_is_left_a_run_answers_again_without_being_asked(mixed: Shell) -> None:
    result = mixed("runs", "resume", "june", "--json")
    assert (result.exit_code, result.json["state"], result.json["counts"]) == (10, "finished", COUNTS)


def test_a_question_without_an_answer_changes_nothing(mixed: Shell) -> None:
    asked = mixed("runs", "retry", "june", "--rejected", "--json")
    assert (asked.exit_code, asked.json["counts"]) == (5, COUNTS)
    assert "Send 1 row of june again? This needs the answer yes" in asked.stderr
    assert mixed("runs", "list", "--json").json["runs"][0]["state"] == "finished"
    assert states(mixed) == ["accepted", "rejected", "unknown"]


# --- what a person decides ---


def test_a_person_resolves_what_is_unknown(mixed: Shell) -> None:
    result = mixed("runs", "resolve", "june", "--as", "accepted")
    assert (result.exit_code, result.stdout) == (0, "1 message of the run june: accepted\n")
    assert states(mixed) == ["accepted", "rejected", "accepted"]
    again = mixed("runs", "resolve", "june", "--as", "accepted")
    assert (again.exit_code, again.stdout, again.stderr) == (0, "", "exosms: the run june has no unknown messages\n")


def test_rows_are_resolved_by_their_numbers_and_all_others_stay(exosms: Shell) -> None:
    bulk(exosms, "to,body\n" + "".join(f"+919876543210,text {number}\n" for number in range(7)))
    with closing(sqlite3.connect(exosms.home / "state" / "ledger.db")) as connection, connection:
        connection.execute("UPDATE rows SET state = 'unknown', sid = NULL")
    result = exosms("runs", "resolve", "june", "--as", "accepted", "--row", "5, 2-3,3")
    assert (result.exit_code, result.stdout) == (0, "3 messages of the run june: accepted\n")
    assert [number for number, state in enumerate(states(exosms), 1) if state == "accepted"] == [2, 3, 5]
    assert exosms("runs", "resolve", "june", "--as", "not_sent", "--row", "1-2").exit_code == 3
    assert exosms("runs", "show", "june", "--json").json["counts"]["unknown"] == 4


def test_what_is_resolved_as_not_sent_can_be_retried(mixed: Shell) -> None:
    result = mixed("runs", "resolve", "june", "--as", "not_sent", "--row", "3", "--json")
    assert result.json == {
        "schema": 1,
        "command": "runs",
        "exit_code": 0,
        "run": "june",
        "as": "not_sent",
        "resolved": 1,
        "error": None,
    }
    assert states(mixed) == ["accepted", "rejected", "not_sent"]
    retried = mixed("runs", "retry", "june", "--yes")
    assert retried.stdout.startswith("unknown\t+919000000500\t")


def test_a_finished_run_answers_with_what_was_resolved_since(mixed: Shell) -> None:
    mixed("runs", "resolve", "june", "--as", "accepted")
    mixed("runs", "retry", "june", "--yes", "--rejected")
    result = mixed("bulk", *SANDBOX, str(mixed.home / "people.csv"), "--yes", "--run", "june")
    assert (result.exit_code, result.stdout) == (10, "")
    assert "2 accepted, 1 rejected" in result.stderr


@pytest.mark.parametrize(
    ("argv", "exit_code", "said"),
    [
        (("june", "--as", "accepted", "--row", "1"), 3, "The run june has no unknown row 1"),
        (("june", "--as", "accepted", "--row", "9"), 3, "The run june has no unknown row 9"),
        (("june", "--as", "accepted", "--row", "9" * 30), 3, "The run june has no unknown row 999"),
        (("june", "--as", "accepted", "--row", "3,1"), 3, "The run june has no unknown row 1; nothing was changed"),
        (("june", "--as", "accepted", "--row", "3-4"), 3, "The run june has no unknown row 4"),
        (("june", "--as", "accepted", "--row", "4-3"), 2, "'4-3' names no rows: write numbers and ranges"),
        (("june", "--as", "accepted", "--row", "0"), 2, "'0' names no rows"),
        (("june", "--as", "accepted", "--row", "3,"), 2, "'3,' names no rows"),
        (("--as", "accepted"), 2, "Give either a RUN or --once KEY"),
        (("june", "--once", "k", "--as", "accepted"), 2, "Give either a RUN or --once KEY"),
        (("june", "--as", "not_sent", "--sid", "x"), 2, "--sid is of a message that Exotel has"),
        (("june", "--as", "accepted", "--sid", "0" * 32), 3, "Exotel has no message of this account under the Sid"),
        (("--once", "k", "--as", "accepted", "--sid", "0" * 32), 3, "No message was sent with the once key 'k'"),
        (("june", "--as", "accepted", "--sid", "x", "--row", "1"), 3, "The run june has no unknown row 1"),
        (("--once", "k", "--as", "accepted", "--row", "1"), 2, "--row needs a RUN"),
        (("--once", "k", "--as", "accepted"), 3, "No message was sent with the once key 'k' from this machine"),
        (("june", "--as", "sent"), 2, "'sent'"),
        (("june",), 2, "--as"),
    ],
)
def test_what_cannot_be_resolved_changes_nothing(
    mixed: Shell, argv: tuple[str, ...], exit_code: int, said: str
) -> None:
    result = mixed("runs", "resolve", *argv)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert said in result.stderr
    assert states(mixed) == ["accepted", "rejected", "unknown"]


# --- export and purge ---


def test_an_export_has_every_row(mixed: Shell) -> None:
    result = mixed("runs", "export", "june")
    assert masked(result.stdout) == (
        "row,line,to,outcome,sid,http_status,code,error,segments,attempts,updated_at\n"
        "1,2,+919876543210,accepted,SID,200,,,1,1,TIME\n"
        "2,3,+919000000400,rejected,,400,40203,Invalid Recipient,1,1,TIME\n"
        "3,4,+919000000500,unknown,,500,35000,Internal Server Error,1,1,TIME\n"
    )
    path = mixed.home / "out.csv"
    path.write_text("old")
    assert mixed("runs", "export", "june", str(path)).exit_code == 0
    assert path.read_text() == result.stdout


def test_an_export_knows_what_status_learned(mixed: Shell) -> None:
    mixed("status", "--run", "june", "--region", "sandbox")
    assert states(mixed) == ["delivered", "rejected", "unknown"]
    assert "delivered\t1\n" in mixed("runs", "show", "june").stdout


@pytest.mark.parametrize(("name", "exit_code"), [("people.csv", 3), ("missing/out.csv", 4), (".", 4)])
def test_an_export_that_cannot_be_written_changes_nothing(mixed: Shell, name: str, exit_code: int) -> None:
    result = mixed("runs", "export", "june", str(mixed.home / name))
    assert result.exit_code == exit_code
    assert (mixed.home / "people.csv").read_text() == MIXED


def test_an_export_goes_through_a_link_and_into_a_pipe(mixed: Shell) -> None:
    link = mixed.home / "link.csv"
    link.symlink_to("real.csv")
    (mixed.home / "real.csv").write_text("old")
    assert mixed("runs", "export", "june", str(link)).exit_code == 0
    assert link.is_symlink()
    assert (mixed.home / "real.csv").read_text().count("\n") == 4
    fifo = mixed.home / "fifo"
    os.mkfifo(fifo)
    process = mixed.start("runs", "export", "june", str(fifo))
    assert fifo.read_text().count("\n") == 4
    process.communicate()
    assert process.returncode == 0


def test_an_export_whose_reader_has_left_says_nothing(mixed: Shell) -> None:
    with closing(sqlite3.connect(mixed.home / "state" / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE rows SET error = printf('%*s', 200000, 'x')")
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        process = mixed.start("runs", "export", "june", stdout=gone, stderr=subprocess.PIPE)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")


def test_purge_keeps_what_is_unknown_or_unfinished(mixed: Shell) -> None:
    (mixed.home / "more.csv").write_text("to,body\n9876543299,x\n9876543298,y\n")
    mixed("bulk", *SANDBOX, str(mixed.home / "more.csv"), "--yes", "--limit", "1", "--run", "half")
    mixed("send", *SANDBOX, "--to", "9876543297", "--body", "x", "--once", "k")
    mixed("send", *SANDBOX, "--to", "9876543296", "--body", "x", "-q")
    refused = mixed.on_terminal("runs", "purge", "--older-than", "0s", typed=[(": ", "n")])
    assert (refused.exit_code, "nothing was done" in refused.stdout) == (5, True)
    assert re.match(
        r"Delete the records of what was sent before 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\? \[y/N\]: n\n", refused.stdout
    )
    result = mixed("runs", "purge", "--older-than", "0s", "--json")  # cron has nobody to ask
    assert (result.exit_code, result.json["purged"]) == (0, 3)
    assert states(mixed) == ["unknown"]
    assert states(mixed, "half") == ["accepted", "waiting"]
    assert mixed("log", "--once", "k").stdout != ""
    assert mixed("runs", "purge", "--older-than", "0s", "--yes").stdout == "0 messages deleted\n"


def test_purge_keeps_what_is_younger(mixed: Shell) -> None:
    assert mixed("runs", "purge", "--older-than", "1h", "--yes").stdout == "0 messages deleted\n"
    assert states(mixed) == ["accepted", "rejected", "unknown"]


def test_a_run_that_is_purged_once_nobody_has_it_ends_as_its_messages_did(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another command comes between the end of the run and what is told of it."""
    erase_log = Database.erase_log
    purged: list[bytes] = []

    def purge(self: Database) -> None:
        if not purged:
            purging = exosms.start("runs", "purge", "--older-than", "0s", "--yes")
            purged.append(purging.communicate(timeout=60)[0])
        erase_log(self)

    monkeypatch.setattr(Database, "erase_log", purge)
    ended = bulk(exosms, "to,body\n+919876543210,ok\n")
    assert (ended.exit_code, purged) == (0, [b"1 message deleted\n"]), ended


def test_purge_needs_no_configuration_for_an_account_of_the_environment(mixed: Shell) -> None:
    account = {"EXOTEL_ACCOUNT_SID": "a", "EXOTEL_API_KEY": "k", "EXOTEL_API_TOKEN": "t", "EXOTEL_REGION": "mumbai"}
    config = mixed.home / "broken.toml"
    config.touch(mode=0o600)
    config.write_text("[profiles.p")
    purged = mixed("runs", "purge", "--older-than", "1h", env={**account, "EXOSMS_CONFIG": str(config)})
    assert purged.exit_code == 0, purged


@pytest.mark.parametrize(("days", "is_kept"), [(365, True), (367, False)])
def test_purge_keeps_no_number_for_ever_where_another_ledger_may_have_unknown_messages(
    mixed: Shell, days: int, is_kept: bool
) -> None:
    config = mixed.home / "config.toml"
    config.touch(mode=0o600)
    config.write_text('default_profile = "sandbox"\n[profiles.prod]\nledger = "postgresql://db.acme.in/exosms"\n')
    mixed.env["EXOSMS_CONFIG"] = str(config)
    assert mixed("runs", "resolve", "june", "--as", "not_sent").exit_code == 0
    with closing(sqlite3.connect(mixed.home / "state" / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE rows SET attempted_at = attempted_at - ?", (days * 86400,))
    assert mixed("runs", "purge", "--older-than", "0s", "--yes").stdout == "3 messages deleted\n"
    assert ("+919000000500" in "".join(dumped(mixed))) is is_kept


def test_log_and_status_know_a_run(mixed: Shell) -> None:
    logged = mixed("log", "--run", "june").stdout
    assert logged.count("\n") == 3
    assert mixed("status", "--run", "june", "--region", "sandbox").stdout.count("\n") == 1
    assert mixed("log", "--run", "jume").exit_code == 3


def account_at(exotel: FaultyExotel) -> dict[str, str]:
    return {
        "EXOTEL_ACCOUNT_SID": "acme1",
        "EXOTEL_API_KEY": "key",
        "EXOTEL_API_TOKEN": "token",
        "EXOTEL_FROM": "ACMEIN",
        "EXOSMS_BASE_URL": exotel.url,
    }


def test_a_run_is_gone_on_with_at_its_pace(exosms: Shell, exotel: FaultyExotel) -> None:
    (exosms.home / "people.csv").write_text("to,body\n9876543210,a\n9876543211,b\n")
    env = account_at(exotel)
    argv = ("bulk", str(exosms.home / "people.csv"), "--yes", "--run", "june", "--limit", "1", "--rate", "6000/min")
    assert exosms(*argv, env=env).exit_code == 0
    assert exosms("runs", "resume", "june", "--yes", env=env).exit_code == 0
    with closing(sqlite3.connect(exosms.home / "state" / "ledger.db")) as connection:
        [(until_next,)] = connection.execute("SELECT next_at - written_at FROM pace")
    assert until_next < 0.1  # seconds; 0.3 at the default


def test_a_run_of_a_process_that_was_killed_is_gone_on_with(exosms: Shell, exotel: FaultyExotel) -> None:
    (exosms.home / "people.csv").write_text("to,body\n" + "".join(f"98765{n:05d},a\n" for n in range(30)))
    env = account_at(exotel)
    argv = ("bulk", str(exosms.home / "people.csv"), "--yes", "--run", "june", "--rate", "300/min")
    process = exosms.start(*argv, env=env)
    while exotel.requests < 3 and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    shown = exosms("runs", "show", "june", "--json").json
    assert shown["state"] == "unfinished"
    result = exosms("runs", "resume", "june", "--yes", "--rate", "off", "--json", env=env)
    counts = result.json["counts"]
    assert counts["accepted"] + counts["unknown"] == 30
    assert result.exit_code == (10 if counts["unknown"] else 0)
    assert all(len(deeds) == 1 for deeds in exotel.deeds.values())
