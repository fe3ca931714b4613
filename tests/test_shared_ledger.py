"""Two machines, one ledger in PostgreSQL: what holds on the one holds on the other."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import Shell, until
from faulty import MARK
from jobs import Sandbox, sandbox
from machines import Nursery
from misbehaving import Misbehaving, accepts, answers
from pair import ONCE, SEND, TEXT, TO, Pair, started, with_profile, words
from postgres_cluster import PASSWORD, Pooler, pgbouncer

from exosms.cli import bulk_request, send_run
from exosms.exotel.client import Client
from exosms.ledger.database import LedgerError
from exosms.ledger.runs import Journal, Run

README = Path(__file__).parent.parent / "README.md"


@pytest.fixture
def served(pair: Pair) -> Iterator[Sandbox]:
    """An Exotel that holds its answers back when it is asked to; both machines send to it."""
    with sandbox(pair.first) as server:
        pair.second.env |= {"EXOSMS_BASE_URL": server.url}
        yield server


def log(shell: Shell, *argv: str) -> list[Any]:
    result = shell("log", "--json", *argv)
    assert (result.exit_code, result.json["error"]) == (0, None)
    return list(result.json["messages"])


# Once keys.


def test_a_key_holds_on_every_machine(pair: Pair) -> None:
    first = pair.first(*ONCE)
    assert (first.exit_code, words(first)) == (0, ["accepted"])
    sid = first.stdout.split("\t")[2]
    for shell in (pair.second, pair.first):
        again = shell(*ONCE)
        assert (again.exit_code, words(again), sid in again.stdout) == (0, ["skipped"], True)
    assert pair.exotel.requests == 1
    for other in (("--once", "another"), ("--once", "k", "--to", "+919876543211")):
        result = pair.second(*SEND, *other)
        assert (result.exit_code, "accepted" in words(result)) == (0, True)
    assert pair.exotel.requests == 3
    later = pair.second(*ONCE, "--within", "0s")
    assert (later.exit_code, words(later)) == (0, ["accepted"])


@pytest.mark.parametrize(
    ("kind", "body", "code", "outcome"),
    [
        ("429", TEXT, 11, "not_sent"),
        ("503 that is theirs", TEXT, 7, "not_sent"),
        ("", MARK, 6, "rejected"),
    ],
)
def test_what_was_not_sent_from_one_is_tried_again_from_the_other(
    pair: Pair, kind: str, body: str, code: int, outcome: str
) -> None:
    if kind:
        pair.exotel.suffer(1, kind)
    failed = pair.first("send", "--to", TO, "-b", body, "--once", "k", "--retry-for", "0")
    assert (failed.exit_code, words(failed)) == (code, [outcome])
    pair.exotel.suffer(0, "429")
    sent = pair.second(*ONCE)
    assert (sent.exit_code, words(sent)) == (0, ["accepted"])


@pytest.mark.parametrize(("decision", "then"), [("not_sent", "accepted"), ("accepted", "skipped")])
def test_an_unknown_one_is_decided_on_any_machine(pair: Pair, decision: str, then: str) -> None:
    pair.exotel.suffer(1, "500")
    assert pair.first(*ONCE).exit_code == 9
    pair.exotel.suffer(0, "500")
    again = pair.second(*ONCE)
    assert (again.exit_code, words(again), pair.exotel.requests) == (9, ["unknown"], 1)
    assert "runs resolve --once" in again.stderr
    assert pair.second("runs", "resolve", "--once", "k", "--as", decision).exit_code == 0
    decided = pair.first(*ONCE)
    assert (decided.exit_code, words(decided)) == (0, [then])
    assert pair.exotel.requests == 1 + (then == "accepted")


def test_what_became_of_an_unknown_one_is_found_out_on_any_machine(pair: Pair) -> None:
    pair.exotel.suffer(1, "500")
    assert pair.first(*ONCE).exit_code == 9
    pair.exotel.suffer(0, "500")
    [sid] = pair.exotel.taken
    found = pair.second("runs", "reconcile", "--once", "k", "--sids", "-", "--json", stdin=f"{sid}\n")
    assert (found.exit_code, found.json["resolved"]) == (0, 1)
    then = pair.first(*ONCE)
    assert (then.exit_code, words(then), sid in then.stdout, pair.exotel.requests) == (0, ["skipped"], True, 1)


def test_equal_unknown_ones_of_which_exotel_has_one_stay_so_and_are_told_as_such(pair: Pair) -> None:
    """Nobody tried them again, though by now their numbers are known in full."""
    pair.exotel.suffer(1, "500")
    for key in ("k", "another"):
        assert pair.first(*SEND, "--once", key).exit_code == 9
    pair.exotel.suffer(0, "500")
    sid = next(iter(pair.exotel.taken))
    command = ("runs", "reconcile", "--sids", "-")
    found = pair.second(*command, stdin=f"{sid}\n")
    why = "1 message of Exotel's for 2 equal ones of ours"
    assert found.exit_code == 9
    assert found.stdout == "".join(f"unknown\t{TO}\t\tonce {key}; {why}\n" for key in ("k", "another"))
    assert pair.second(*command, "--json", stdin=f"{sid}\n").json["ambiguous"] == 2


@pytest.mark.usefixtures("served")
def test_an_unknown_one_about_which_exotel_could_not_be_asked_is_not_called_missing(
    pair: Pair, tmp_path: Path
) -> None:
    """Of its number the last digits are known, and of the one in the report all."""
    assert pair.first("send", "--to", "+919000000500", "-b", TEXT, "--once", "k").exit_code == 9
    report = tmp_path / "report.csv"
    report.write_text(f"Id,To\n{'5' * 32},09000000500\n")
    command = ("runs", "reconcile", "--once", "k", "--report", str(report))
    refused = pair.second(*command, env={"EXOTEL_API_TOKEN": "wrong"})
    why = "Exotel could not be asked about every message that it may be"
    assert (refused.exit_code, refused.stdout) == (4, f"unknown\t…0500\t\tonce k; {why}\n")
    assert pair.second(*command).stdout == "unknown\t…0500\t\tonce k; not found\n"


@pytest.mark.parametrize("argv", [("reconcile", "--sids", "-"), ("resolve", "--as", "accepted", "--sid")])
def test_an_unknown_one_is_of_its_account_whatever_its_profile_is_called_there(
    pair: Pair, argv: tuple[str, ...]
) -> None:
    pair.exotel.suffer(1, "500")
    assert with_profile(pair.first, pair.exotel.url, "")(*ONCE, "-p", "prod").exit_code == 9
    pair.exotel.suffer(0, "500")
    [sid] = pair.exotel.taken
    command = ("runs", *argv, *([sid] if argv[-1] == "--sid" else []), "--once", "k")
    strange = pair.second(*command, stdin=f"{sid}\n", env={"EXOTEL_ACCOUNT_SID": "acme9"})
    assert strange.exit_code == 4, strange
    found = pair.second(*command, stdin=f"{sid}\n")
    assert (found.exit_code, log(pair.first, "--once", "k")[0]["sid"]) == (0, sid), found


@pytest.mark.parametrize(
    ("argv", "exit_code"),
    [
        (("reconcile", "june", "--sids", "-"), 9),
        (("reconcile", "--sids", "-"), 9),
        (("resolve", "june", "--as", "accepted", "--sid"), 3),
    ],
)
def test_the_sid_of_a_single_message_is_no_row_s(pair: Pair, argv: tuple[str, ...], exit_code: int) -> None:
    """Though the one is in the ledger of all machines and the other in that of its own."""
    assert pair.second(*SEND).exit_code == 0
    [sid] = pair.exotel.taken
    pair.exotel.suffer(1, "500")
    assert pair.first("bulk", bulk_file(pair.first, TO, text=TEXT), "--run", "june", *BULK).exit_code == 10
    pair.exotel.suffer(0, "500")
    pair.exotel.taken = {sid: pair.exotel.taken[sid]}  # it never got the other one
    found = pair.first("runs", *argv, *([sid] if argv[-1] == "--sid" else []), stdin=f"{sid}\n")
    assert found.exit_code == exit_code, found
    assert pair.first("log", "--run", "june", "--json").json["messages"][0]["outcome"] == "unknown"


@pytest.mark.parametrize("is_row", [True, False])
def test_an_answer_with_the_sid_of_the_other_ledger_s_message_is_doubted(pair: Pair, *, is_row: bool) -> None:
    said = '{"SMSMessage": {"Sid": "%s", "To": "%s", "From": "ACMEIN", "Body": "Hello", "Status": "queued"}}'
    with Misbehaving(answers(200, said % ("5" * 32, TO.lstrip("+")))) as server:
        account = {"EXOSMS_BASE_URL": server.url}
        bulk = ("bulk", bulk_file(pair.first, TO), "--run", "june", *BULK)
        if is_row:
            assert pair.second(*SEND, env=account).exit_code == 0
            result = pair.first(*bulk, env=account)
            assert (result.exit_code, result.json["counts"]["unknown"]) == (10, 1), result
        else:
            assert pair.first(*bulk, env=account).exit_code == 0
            result = pair.first(*SEND, env=account)
            assert (result.exit_code, words(result)) == (9, ["unknown"]), result


@pytest.mark.parametrize("is_known", [True, False], ids=["with its Sid", "by a person's word"])
def test_a_purge_forgets_nothing_that_an_unknown_one_could_be_mistaken_for(pair: Pair, *, is_known: bool) -> None:
    pair.exotel.suffer(0 if is_known else 1, "500")
    assert pair.first(*ONCE, "--within", "0s").exit_code == (0 if is_known else 9)
    [sid] = pair.exotel.taken
    pair.exotel.suffer(1, "500")
    assert pair.first(*SEND, "--once", "later").exit_code == 9
    pair.exotel.suffer(0, "500")
    pair.exotel.taken = {sid: pair.exotel.taken[sid]}  # it never got the last one
    if not is_known:
        assert pair.first("runs", "resolve", "--once", "k", "--as", "not_sent").exit_code == 0
    pair.second("runs", "purge", "--older-than", "0s", "--yes")
    found = pair.second("runs", "reconcile", "--once", "later", "--sids", "-", stdin=f"{sid}\n")
    assert (found.exit_code, words(found)) == (9, ["unknown"])


@pytest.mark.parametrize(
    ("is_row", "is_far"),
    [(True, False), (True, True), (False, False)],
    ids=["a row", "a row of another machine", "a single message"],
)
def test_a_purge_keeps_the_sids_that_an_unknown_one_of_the_other_ledger_could_be_given(
    pair: Pair, *, is_row: bool, is_far: bool
) -> None:
    """Rows are in the ledger of their machine, and single messages in that of all machines."""
    bulk = ("bulk", bulk_file(pair.first, TO, text=TEXT), "--run", "june", *BULK)
    earlier, later = ((*SEND, "--once", "k", "--within", "0s"), bulk) if is_row else (bulk, ONCE)
    assert pair.first(*earlier).exit_code == 0
    [sid] = pair.exotel.taken
    pair.exotel.suffer(1, "500")
    assert pair.first(*later).exit_code in {9, 10}
    pair.exotel.suffer(0, "500")
    pair.exotel.taken = {sid: pair.exotel.taken[sid]}  # it never got the later one
    with closing(sqlite3.connect(next(pair.first.home.rglob("ledger.db")))) as ledger, ledger:
        ledger.execute("UPDATE rows SET attempted_at = attempted_at - 7200 WHERE state = 'accepted'")
    purger = pair.second if is_far else pair.first
    purged = purger("runs", "purge", "--older-than", "0s", "--yes", "--json")
    assert (purged.exit_code, purged.json["purged"]) == (0, 1)
    which = ("june",) if is_row else ("--once", "k")
    found = pair.first("runs", "reconcile", *which, "--sids", "-", stdin=f"{sid}\n")
    assert (found.exit_code, words(found)) == (9, ["unknown"]), found


@pytest.mark.parametrize("word", ["accepted", "not_sent"])
def test_a_purge_keeps_what_an_unknown_row_could_be_that_a_person_settled(pair: Pair, word: str) -> None:
    """Of which Exotel may have the one or the other; no machine knows the rows of all."""
    pair.exotel.suffer(1, "500")
    assert pair.first(*ONCE, "--within", "0s").exit_code == 9
    [sid] = pair.exotel.taken
    assert pair.first("runs", "resolve", "--once", "k", "--as", word).exit_code == 0
    assert pair.first("bulk", bulk_file(pair.first, TO, text=TEXT), "--run", "june", *BULK).exit_code == 10
    pair.exotel.suffer(0, "500")
    pair.exotel.taken = {sid: pair.exotel.taken[sid]}  # it never got the row
    assert pair.second("runs", "purge", "--older-than", "0s", "--yes", "--json").json["purged"] == 1
    found = pair.first("runs", "reconcile", "june", "--sids", "-", stdin=f"{sid}\n")
    assert (found.exit_code, words(found)) == (9, ["unknown"]), found


def test_a_purge_keeps_the_sids_that_an_unknown_one_of_another_profile_s_ledger_could_be_given(pair: Pair) -> None:
    """Of that ledger the command, which is about the default profile, knows no more than that it is named."""
    prod = with_profile(pair.first, pair.exotel.url, f'ledger = "{pair.address}"')
    config = prod.home / "config.toml"
    config.write_text('default_profile = "sandbox"\n' + config.read_text())
    prod.env.pop("EXOSMS_LEDGER")
    assert prod("bulk", bulk_file(prod, TO, text=TEXT), "--run", "june", *BULK, "-p", "prod").exit_code == 0
    [sid] = pair.exotel.taken
    pair.exotel.suffer(1, "500")
    assert prod(*ONCE, "-p", "prod").exit_code == 9
    pair.exotel.suffer(0, "500")
    pair.exotel.taken = {sid: pair.exotel.taken[sid]}  # it never got the later one
    for change in (
        "UPDATE rows SET attempted_at = attempted_at - 7200",
        "UPDATE purged_sids SET attempted_at = attempted_at - 7200",
    ):
        with closing(sqlite3.connect(next(prod.home.rglob("ledger.db")))) as ledger, ledger:
            ledger.execute(change)
        assert prod("runs", "purge", "--older-than", "0s", "--yes").exit_code == 0
    found = prod("runs", "reconcile", "--once", "k", "--sids", "-", "-p", "prod", stdin=f"{sid}\n")
    assert (found.exit_code, words(found)) == (9, ["unknown"]), found


def test_the_readme_s_two_hosts_text_once(pair: Pair) -> None:
    [crontab] = re.findall(r"<!-- recipe two_hosts -->\n```crontab\n(.*?)```", README.read_text(), re.DOTALL)
    path, ledger, line = crontab.strip().splitlines()
    assert path.startswith("PATH=/usr/local/bin:")
    assert ledger.startswith("EXOSMS_LEDGER=postgresql://")
    command = line.split(maxsplit=5)[5].replace(r"\%", "%").replace("@oncall", TO)
    for shell in (pair.first, pair.second):
        script = f'exosms() {{ {shlex.join(shell.command())} "$@"; }}\n{command}'
        assert subprocess.run(["sh", "-c", script], env=shell.full_env(), timeout=60, check=False).returncode == 0
    assert pair.exotel.requests == 1


def test_a_key_in_use_is_waited_for_and_what_came_of_it_counts(pair: Pair, served: Sandbox) -> None:
    served.may_answer.clear()
    sending = pair.first.start(*ONCE)
    assert served.asked.wait(60)
    refused = pair.second(*ONCE, "--timeout", "1")
    assert (refused.exit_code, refused.stdout.count("accepted")) == (5, 0)
    waiting = pair.second.start(*ONCE, "--timeout", "60")
    served.may_answer.set()
    ended = [process.communicate(timeout=60)[0].decode() for process in (sending, waiting)]
    assert [line.partition("\t")[0] for line in ended] == ["accepted", "skipped"]
    assert (sending.returncode, waiting.returncode, served.requests) == (0, 0, 1)


def test_a_lease_that_is_over_makes_it_unknown_and_a_late_result_counts(pair: Pair, served: Sandbox) -> None:
    served.may_answer.clear()
    sending = pair.first.start(*ONCE)
    assert served.asked.wait(60)
    pair.lapse()
    over = pair.second(*ONCE)
    assert (over.exit_code, words(over), served.requests) == (9, ["unknown"], 1)
    assert [message["outcome"] for message in log(pair.second)] == ["unknown"]
    served.may_answer.set()
    out, _ = sending.communicate(timeout=60)
    assert (sending.returncode, out.decode().partition("\t")[0]) == (0, "accepted")
    (message,) = log(pair.second)
    assert (message["outcome"], message["sid"]) == ("accepted", out.decode().split("\t")[2])
    then = pair.second(*ONCE)
    assert (then.exit_code, words(then), served.requests) == (0, ["skipped"], 1)


def test_a_killed_owner_keeps_its_key_until_a_person_decides(pair: Pair, served: Sandbox) -> None:
    served.may_answer.clear()
    sending = pair.first.start(*ONCE)
    assert served.asked.wait(60)
    sending.kill()
    sending.communicate()
    served.may_answer.set()
    pair.lapse()
    for shell in (pair.second, pair.first):
        result = shell(*ONCE)
        assert (result.exit_code, words(result), served.requests) == (9, ["unknown"], 1)
    assert pair.second("runs", "resolve", "--once", "k", "--as", "not_sent").exit_code == 0
    assert (pair.first(*ONCE).exit_code, served.requests) == (0, 2)


def test_a_lease_outlives_the_attempt(pair: Pair, served: Sandbox) -> None:
    """It is as long as the attempt can last and 5 s, of which here none has passed but those that the test takes."""
    served.may_answer.clear()
    sending = pair.first.start(*ONCE, "--timeout", "300")
    assert served.asked.wait(60)
    refused = pair.second(*ONCE, "--timeout", "0.5")
    served.may_answer.set()
    sending.communicate(timeout=60)
    assert (refused.exit_code, sending.returncode, served.requests) == (5, 0, 1)


# Pace, pauses and limits.


def test_the_pace_is_one_for_all_machines(pair: Pair) -> None:
    numbers = [f"+91987654{place:04d}" for place in range(20)]
    begun = time.time()
    processes = [
        shell.start("send", "--to", ",".join(own), "-b", TEXT, "--rate", "600/min")
        for shell, own in ((pair.first, numbers[:10]), (pair.second, numbers[10:]))
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    for process in processes:
        process.communicate()
    moments = sorted(taken.moment for taken in pair.exotel.taken.values())
    assert len(moments) == 20
    assert [place for place, moment in enumerate(moments) if moment < begun + place * 60 / 600] == []


def test_a_pause_is_one_for_all_machines(pair: Pair) -> None:
    with Misbehaving(answers(429, "", "Retry-After: 200"), accepts) as server:
        there = ("--base-url", server.url)
        assert pair.first("send", "--to", TO, "-b", TEXT, "--retry-for", "0", *there).exit_code == 11
        paused = pair.second("send", "--to", TO, "-b", TEXT, "--retry-for", "0", *there)
        assert (paused.exit_code, "asked this account to pause" in paused.stderr, server.requests) == (11, True, 1)
        alone = pair.second("send", "--to", TO, "-b", TEXT, "--retry-for", "0", *there, env={"EXOSMS_LEDGER": ""})
        assert (alone.exit_code, server.requests) == (0, 2)


def test_the_parts_of_a_day_are_counted_together(pair: Pair) -> None:
    limited = [with_profile(shell, pair.exotel.url, "max_parts_per_day = 3") for shell in (pair.first, pair.second)]
    codes = [limited[place % 2](*SEND, "--json").exit_code for place in range(5)]
    assert (codes, pair.exotel.requests) == ([0, 0, 0, 5, 5], 3)
    purged = pair.second("runs", "purge", "--older-than", "0s", "--yes")
    assert purged.stdout == "3 messages deleted\n"
    assert (limited[0](*SEND, "--json").exit_code, pair.exotel.requests) == (5, 3)


# What is kept, and shown.


def test_log_shows_what_every_machine_sent(pair: Pair) -> None:
    pair.first(*ONCE)
    pair.exotel.suffer(1, "500")
    pair.second("send", "--to", "+919876543211", "-b", TEXT, "--retry-for", "0")
    assert log(pair.first) == log(pair.second)
    assert [message["outcome"] for message in log(pair.first)] == ["accepted", "unknown"]
    for argv, found in [
        (("--to", TO), ["accepted"]),
        (("--to", "9876543211"), ["unknown"]),
        (("--to", "+919876543212"), []),
        (("--once", "k"), ["accepted"]),
        (("--outcome", "unknown"), ["unknown"]),
        (("--since", "1h"), ["accepted", "unknown"]),
        (("--since", "0"), []),
    ]:
        assert [message["outcome"] for message in log(pair.second, *argv)] == found, argv


def test_numbers_are_kept_as_hashes_and_last_digits(pair: Pair) -> None:
    pair.first(*ONCE)
    pair.exotel.suffer(1, "500")
    pair.second(*SEND)
    dump = pair.cluster.dump(pair.database)
    assert [
        word for word in (TO, TO[3:], TEXT, PASSWORD, "token") if re.search(rf"\b{re.escape(word)}\b", dump)
    ] == []
    assert TO[3:] not in dump
    for shown in (pair.second("log").stdout, pair.second("log", "-o", "human").stdout):
        assert (TO[3:] in shown, TO[-4:] in shown) == (False, True)
    assert all(message["to"].endswith(TO[-4:]) for message in log(pair.second))


@pytest.mark.parametrize("written", [TO, TO[1:], f"0{TO[3:]}", f"{TO[3:8]} {TO[8:]}"])
def test_a_number_that_exotel_repeats_is_kept_by_its_last_digits(pair: Pair, written: str) -> None:
    said = json.dumps({"RestException": {"Status": 400, "Message": f"The To number {written} is invalid"}})
    with Misbehaving(answers(400, said)) as server:
        refused = pair.first(*SEND, env={"EXOSMS_BASE_URL": server.url})
    assert (refused.exit_code, f"{written} is invalid" in refused.stdout) == (6, True)
    dump = pair.cluster.dump(pair.database)
    assert [number for number in (written, TO[3:]) if number in dump] == []
    assert [message["message"] for message in log(pair.second)] == [f"The To number …{TO[-4:]} is invalid"]


def test_numbers_are_kept_whole_where_the_profile_says_so(pair: Pair) -> None:
    full = [with_profile(shell, pair.exotel.url, 'ledger_numbers = "full"') for shell in (pair.first, pair.second)]
    assert full[0](*ONCE).exit_code == 0
    assert TO in pair.cluster.dump(pair.database)
    assert [message["to"] for message in log(full[1])] == [TO]
    assert words(pair.second(*ONCE)) == ["skipped"]  # and a key is the same key


def test_a_profile_names_the_ledger_and_the_environment_another(pair: Pair) -> None:
    plain = {name: value for name, value in pair.first.env.items() if name != "EXOSMS_LEDGER"}
    profile = with_profile(Shell(pair.first.home, plain), pair.exotel.url, f'ledger = "{pair.address}"')
    assert words(profile(*ONCE)) == ["accepted"]
    assert words(pair.second(*ONCE)) == ["skipped"]
    elsewhere = {"EXOSMS_LEDGER": pair.cluster.address(pair.cluster.database())}
    assert words(profile(*ONCE, env=elsewhere)) == ["accepted"]


@pytest.mark.parametrize(
    "argv",
    [("log",), ("runs", "purge", "--older-than", "0s"), ("runs", "resolve", "--once", "k", "--as", "not_sent")],
)
def test_a_configuration_that_is_refused_may_name_one(pair: Pair, argv: tuple[str, ...]) -> None:
    """What is in it cannot be left out in silence."""
    shell = with_profile(pair.first, pair.exotel.url, f'ledger = "{pair.address}"')
    del shell.env["EXOSMS_LEDGER"]
    (shell.home / "config.toml").chmod(0o644)
    result = shell(*argv)
    assert (result.exit_code, result.stdout, "chmod" in result.stderr) == (4, "", True), result


@pytest.mark.parametrize("where", ["PGPASSWORD", "~/.pgpass"])
def test_a_password_may_come_as_every_client_of_postgresql_takes_it(pair: Pair, where: str) -> None:
    env = {"EXOSMS_LEDGER": pair.cluster.address(pair.database, password=None)}
    if where == "PGPASSWORD":
        env["PGPASSWORD"] = PASSWORD
    else:
        file = pair.first.home / ".pgpass"
        file.touch(mode=0o600)
        file.write_text(f"*:*:*:*:{PASSWORD}\n")
    sent = started(pair.first, *ONCE, env=env)
    assert (sent.exit_code, words(pair.second(*ONCE))) == (0, ["skipped"])


def test_a_dry_run_writes_nothing(pair: Pair) -> None:
    planned = pair.first(*ONCE, "-n")
    assert (planned.exit_code, words(planned), pair.exotel.requests) == (0, ["planned"], 0)
    assert "CREATE TABLE" not in pair.cluster.dump(pair.database)
    assert words(pair.first(*ONCE)) == ["accepted"]
    assert words(pair.second(*ONCE, "-n")) == ["skipped"]


# Runs.


def bulk_file(shell: Shell, *numbers: str, text: str = "") -> str:
    file = shell.home / "june.csv"
    file.write_text("to,body\n" + "".join(f"{to},{text or f'Hello {to[-2:]}'}\n" for to in numbers))
    return str(file)


ROWS = ("+919876543210", "+919876543211", "+919876543212")
BULK = ("--yes", "--rate", "off", "--json")


def test_the_name_of_a_run_is_taken_on_all_machines_until_it_is_purged(pair: Pair) -> None:
    mine, theirs = bulk_file(pair.first, *ROWS), bulk_file(pair.second, *ROWS[:2])
    assert pair.first("bulk", mine, "--run", "june", *BULK).exit_code == 0
    for more in ((), ("--sent-before", "send")):
        taken = pair.second("bulk", theirs, "--run", "june", *more, *BULK)
        assert (taken.exit_code, pair.exotel.requests) == (5, 3)
        names_machine_and_time(taken.stderr)
    again = pair.first("bulk", mine, "--run", "june", *BULK)
    assert (again.exit_code, pair.exotel.requests) == (0, 3)
    assert pair.first("runs", "purge", "--older-than", "0s", "--yes").exit_code == 0
    free = pair.second("bulk", theirs, "--run", "june", *BULK)
    assert (free.exit_code, pair.exotel.requests) == (0, 5)


def test_what_status_finds_out_is_kept_where_a_message_is(pair: Pair) -> None:
    """Of a row in the ledger of its machine, of a single one in that of all machines."""
    assert pair.first("bulk", bulk_file(pair.first, TO), "--run", "june", *BULK).exit_code == 0
    assert pair.second(*SEND).exit_code == 0
    _, single = pair.exotel.taken
    found = pair.first("status", "--run", "june", "--json").json["messages"]
    assert [(one["outcome"], one["segments"]) for one in found] == [("delivered", 1)]
    assert words(pair.first("status", single)) == ["delivered"]
    exported = pair.first("runs", "export", "june", "--outcome", "delivered").stdout
    assert len(exported.splitlines()) == 2
    assert [one["outcome"] for one in log(pair.first)] == ["delivered"] * 2
    assert [one["outcome"] for one in log(pair.second)] == ["delivered"]
    pair.exotel.taken.clear()  # what is final is known without another question, on any machine
    assert words(pair.second("status", single)) == ["delivered"]


PURGE = ("runs", "purge", "--older-than", "0s", "--yes")


def test_a_purge_forgets_what_became_of_a_message_however_late_that_was_found_out(pair: Pair) -> None:
    assert pair.first(*SEND).exit_code == pair.first(*SEND, "--once", "held").exit_code == 0
    old, held = pair.exotel.taken
    pair.cluster.ask("UPDATE exosms.messages SET created_at = 0, updated_at = 0", pair.database)
    assert words(pair.second("status", old, held)) == ["delivered"] * 2
    assert pair.second("runs", "purge", "--older-than", "1h", "--yes").stdout == "1 message deleted\n"
    dump = pair.cluster.dump(pair.database)
    assert (old in dump, held in dump) == (False, True)


def test_a_purge_leaves_nothing_of_what_became_of_a_message_on_any_machine(pair: Pair) -> None:
    """Also where another one purges what this one asked about, and of rows what is not in this machine's ledger."""
    assert pair.first(*SEND).exit_code == 0
    assert words(pair.first("status", *pair.exotel.taken)) == ["delivered"]
    assert pair.second(*PURGE).stdout == "1 message deleted\n"
    assert pair.first("bulk", bulk_file(pair.first, *ROWS), "--run", "june", *BULK).exit_code == 0
    with closing(sqlite3.connect(pair.first.home / "state/ledger.db")) as connection, connection:
        connection.execute("UPDATE runs SET started_at = started_at - 7200, updated_at = updated_at - 7200")
    assert words(pair.first("status", "--run", "june")) == ["delivered"] * 3
    assert pair.first("runs", "purge", "--older-than", "1h", "--yes").stdout == "3 messages deleted\n"
    with closing(sqlite3.connect(pair.first.home / "state/ledger.db")) as connection:
        assert connection.execute("SELECT * FROM deliveries").fetchall() == []
    dump = pair.cluster.dump(pair.database)
    assert [sid for sid in pair.exotel.taken if sid in dump] == []


def test_a_purge_forgets_what_a_dead_machine_was_to_try_again(pair: Pair) -> None:
    send = ("send", "--to", TO, "-b", TEXT, "--retry-for", "1h")
    with (
        Misbehaving(answers(429, "", "Retry-After: 200")) as server,
        pair.first.start(*send, "--base-url", server.url) as sending,
    ):
        until(lambda: "waiting" in pair.second("log").stdout)
        sending.kill()
    pair.lapse()
    assert [message["outcome"] for message in log(pair.second)] == ["not_sent"]
    assert pair.second(*PURGE).stdout == "1 message deleted\n"
    assert log(pair.second) == []


def test_a_purge_on_another_machine_gives_no_run_back(pair: Pair) -> None:
    mine, theirs = bulk_file(pair.first, *ROWS), bulk_file(pair.second, *ROWS)
    pair.exotel.suffer(1, "429")
    assert pair.first("bulk", mine, "--run", "june", *BULK).exit_code == 11
    pair.exotel.suffer(0, "429")
    assert pair.second(*PURGE).exit_code == 0
    assert pair.second("bulk", theirs, *BULK).exit_code == 5
    retried = pair.first("runs", "retry", "june", *BULK)
    assert (retried.exit_code, retried.json["counts"]["accepted"]) == (0, 3)


def test_a_purge_gives_no_run_back_of_which_rows_are_left(pair: Pair) -> None:
    pair.exotel.suffer(1, "500")
    assert pair.first("bulk", bulk_file(pair.first, TO), "--run", "june", *BULK).exit_code == 10
    pair.exotel.suffer(0, "500")
    assert pair.first(*PURGE).exit_code == 0
    assert pair.first("runs", "resolve", "june", "--as", "not_sent").exit_code == 0
    assert pair.first("runs", "retry", "june", *BULK).exit_code == 0


@pytest.mark.parametrize("limit", [("--limit", "1"), ()], ids=["unfinished", "finished"])
def test_the_content_of_a_run_begins_on_one_machine_only(pair: Pair, limit: tuple[str, ...]) -> None:
    mine, theirs = bulk_file(pair.first, *ROWS), bulk_file(pair.second, *ROWS)
    begun = pair.first("bulk", mine, *limit, *BULK)
    assert begun.exit_code == 0 or begun.json["counts"]["remaining"]
    sent = pair.exotel.requests
    for more in ((), ("-n",)):
        refused = pair.second("bulk", theirs, *BULK, *more)
        assert (refused.exit_code, pair.exotel.requests) == (5, sent)
        names_machine_and_time(refused.stderr)
    lifted = pair.second("bulk", theirs, "--sent-before", "send", *BULK)
    assert (lifted.exit_code, pair.exotel.requests) == (0, sent + 3)


def test_a_finished_content_may_be_sent_again_once_the_window_is_over(pair: Pair) -> None:
    assert pair.first("bulk", bulk_file(pair.first, *ROWS), *BULK).exit_code == 0
    again = pair.second("bulk", bulk_file(pair.second, *ROWS), "--within", "0s", *BULK)
    assert (again.exit_code, pair.exotel.requests) == (0, 6)


@pytest.mark.parametrize("argv", [PURGE, ("bulk", "-", "--run", "june", *BULK)], ids=["purge", "bulk"])
def test_a_run_is_over_for_all_machines_although_nobody_could_say_so(pair: Pair, argv: tuple[str, ...]) -> None:
    rows = Path(bulk_file(pair.first, *ROWS)).read_text()
    assert pair.first("bulk", "-", "--run", "june", *BULK, stdin=rows).exit_code == 0
    pair.cluster.ask("UPDATE exosms.runs SET is_finished = false", pair.database)  # its process was killed
    again = ("bulk", bulk_file(pair.second, *ROWS), "--within", "0s", *BULK)
    assert pair.second(*again).exit_code == 5
    assert pair.first(*argv, stdin=rows).exit_code == 0
    assert (pair.second(*again).exit_code, pair.exotel.requests) == (0, 6)


def left_not_sent(pair: Pair) -> str:
    """Have the first machine end a run june of which nothing was sent, after three requests; return its file."""
    mine = bulk_file(pair.first, *ROWS)
    pair.exotel.suffer(1, "500")
    assert pair.first("bulk", mine, "--run", "june", *BULK).exit_code == 10
    assert pair.first("runs", "resolve", "june", "--as", "not_sent").exit_code == 0
    pair.exotel.suffer(0, "500")
    return mine


def test_a_run_that_is_retried_is_unfinished_for_all_machines(pair: Pair) -> None:
    """While it waits for its turn: what another machine sent meanwhile, it sent once more."""
    left_not_sent(pair)
    assert pair.first(*SEND[:-2], "--rate", "1/min").exit_code == 0  # which takes the turn of a minute
    again = ("bulk", bulk_file(pair.second, *ROWS), "--within", "0s", *BULK)
    retrying = pair.first.start("runs", "retry", "june", "--yes", "--json", "--rate", "1/min")
    until(lambda: "\tunfinished\t" in pair.first("runs", "list").stdout)
    refused = pair.second(*again)
    retrying.send_signal(signal.SIGINT)
    _, err = retrying.communicate(timeout=60)
    assert (refused.exit_code, retrying.returncode, pair.exotel.requests) == (5, 130, 4), err
    names_machine_and_time(refused.stderr)
    assert (pair.first(*RESUME).exit_code, pair.exotel.requests) == (0, 7)
    assert pair.second(*again).exit_code == 0


def test_a_run_that_is_about_to_be_retried_is_not_taken_for_over(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """By another command of its machine, while its rows are not put back yet."""
    left_not_sent(pair)
    again = ("bulk", bulk_file(pair.second, *ROWS), "--within", "0s", *BULK)
    put_back = Journal.put_back
    beside: list[int] = []

    def late(*arguments: Any) -> None:
        beside.extend(started(*command).exit_code for command in ((pair.first, *PURGE), (pair.second, *again)))
        put_back(*arguments)

    monkeypatch.setattr(Journal, "put_back", late)
    assert pair.first("runs", "retry", "june", *BULK).exit_code == 0
    assert (beside, pair.exotel.requests) == ([0, 5], 6)


def test_another_content_may_begin_anywhere_and_rows_stay_on_their_machine(pair: Pair) -> None:
    assert pair.first("bulk", bulk_file(pair.first, *ROWS[:1]), *BULK).exit_code == 0
    assert pair.second("bulk", bulk_file(pair.second, *ROWS), *BULK).exit_code == 0
    assert pair.exotel.requests == 4
    runs = [shell("runs", "list", "--json").json["runs"] for shell in (pair.first, pair.second)]
    assert [[run["counts"]["rows"] for run in own] for own in runs] == [[1], [3]]


def test_a_run_that_lies_elsewhere_is_told_of_by_every_command_that_names_it(pair: Pair) -> None:
    assert pair.first("bulk", bulk_file(pair.first, TO), "--run", "june", *BULK).exit_code == 0
    sids = ("--sids", bulk_file(pair.second))
    for argv in (
        ("runs", "show", "june"),
        ("runs", "export", "june"),
        ("runs", "resume", "june", "--yes"),
        ("runs", "retry", "june", "--dry-run"),
        ("runs", "resolve", "june", "--as", "accepted"),
        ("runs", "reconcile", "june", *sids),
        ("status", "--run", "june"),
        ("log", "--run", "june"),
    ):
        unknown = pair.second(*argv)
        assert (unknown.exit_code, unknown.stdout) == (3, ""), argv
        assert "error: There is no run 'june' in this state directory. The machine " in unknown.stderr
        assert "or name the state directory that has the run with EXOSMS_STATE_DIR.\n" in unknown.stderr
        names_machine_and_time(unknown.stderr)
    away = {"EXOSMS_LEDGER": "postgresql://nobody@127.0.0.1/x?sslmode=canary"}
    for name, env in (("juni", None), ("june", away)):  # no machine has it, or nobody can be asked
        unknown = pair.second("runs", "show", name, env=env)
        assert (unknown.exit_code, f"There is no run {name!r}\n" in unknown.stderr) == (3, True), unknown


def test_of_two_copies_of_a_state_directory_one_begins(pair: Pair) -> None:
    """As a CI's cache hands them out."""
    assert pair.first("bulk", bulk_file(pair.first, ROWS[2]), *BULK).exit_code == 0
    shutil.copytree(pair.first.home / "state", pair.second.home / "state")
    assert pair.first("bulk", bulk_file(pair.first, *ROWS[:2]), "--run", "july", *BULK).exit_code == 0
    refused = pair.second("bulk", bulk_file(pair.second, *ROWS[:2]), *BULK)
    assert (refused.exit_code, pair.exotel.requests) == (5, 3)
    names_machine_and_time(refused.stderr)
    named = pair.second("bulk", bulk_file(pair.second, *ROWS[:2]), "--run", "july", "--sent-before", "send", *BULK)
    assert (named.exit_code, pair.exotel.requests) == (5, 3)


RESUME = ("runs", "resume", "june", *BULK)


@pytest.mark.parametrize("begins_without", [False, True], ids=["shared from the beginning", "shared later"])
def test_of_two_copies_of_an_unfinished_run_one_goes_on(pair: Pair, begins_without: bool) -> None:
    """As where a state directory comes from a CI's cache or a backup: what is left in one was sent from the other."""
    mine, env = bulk_file(pair.first, *ROWS), {"EXOSMS_LEDGER": ""} if begins_without else {}
    assert pair.first("bulk", mine, "--run", "june", "--limit", "1", *BULK, env=env).exit_code == 0
    shutil.copytree(pair.first.home / "state", pair.second.home / "state")
    assert (pair.second(*RESUME, "--limit", "1").exit_code, pair.exotel.requests) == (0, 2)
    for argv in (RESUME, ("bulk", mine, "--run", "june", *BULK)):
        refused = pair.first(*argv)
        assert (refused.exit_code, pair.exotel.requests) == (5, 2)
        names_machine_and_time(refused.stderr)
    assert (pair.second(*RESUME).exit_code, pair.exotel.requests) == (0, 3)
    assert pair.first("runs", "list", "--json").json["runs"][0]["state"] == "unfinished"
    taken = pair.first("bulk", bulk_file(pair.first, "+919876543219"), "--run", "june", *BULK)
    assert (taken.exit_code, pair.exotel.requests) == (5, 3)


def test_what_a_copy_retried_does_not_begin_anew(pair: Pair) -> None:
    """Its rows are in both copies; that they were sent after all is known to one of them and to the shared ledger."""
    mine = left_not_sent(pair)
    shutil.copytree(pair.first.home / "state", pair.second.home / "state")
    assert (pair.first("runs", "retry", "june", *BULK).exit_code, pair.exotel.requests) == (0, 6)
    theirs = ("bulk", bulk_file(pair.second, *ROWS), *BULK)
    refused = pair.second(*theirs)
    assert (refused.exit_code, pair.exotel.requests) == (5, 6)
    names_machine_and_time(refused.stderr)
    assert (pair.second(*theirs, "--sent-before", "send").exit_code, pair.exotel.requests) == (0, 9)
    ours = pair.first("bulk", mine, "--run", "july", "--within", "0s", *BULK)  # where its rows are known
    assert (ours.exit_code, pair.exotel.requests) == (0, 12)


def test_what_a_copy_is_about_to_retry_does_not_begin_anew(pair: Pair) -> None:
    """Its rows wait already, as by night or before a limit, and none is claimed yet."""
    left_not_sent(pair)
    shutil.copytree(pair.first.home / "state", pair.second.home / "state")
    kept_back = pair.first("runs", "retry", "june", *BULK, env={"EXOSMS_ALLOW": "+919876500000"})
    assert (kept_back.exit_code, kept_back.json["counts"]["remaining"]) == (5, 3)
    refused = pair.second("bulk", bulk_file(pair.second, *ROWS), *BULK)
    assert (refused.exit_code, pair.exotel.requests) == (5, 3)
    names_machine_and_time(refused.stderr)
    assert (pair.first(*RESUME).exit_code, pair.exotel.requests) == (0, 6)
    assert pair.second("runs", "retry", "june", *BULK).exit_code == 5


@pytest.mark.parametrize("is_copy", [False, True], ids=["another machine", "a copy"])
def test_what_was_begun_elsewhere_since_is_not_retried(pair: Pair, *, is_copy: bool) -> None:
    """Its rows that were not sent went from there; a copy knows them, and so needs no other time for it."""
    left_not_sent(pair)
    if is_copy:
        shutil.copytree(pair.first.home / "state", pair.second.home / "state")
    begun = ("bulk", bulk_file(pair.second, *ROWS), *(() if is_copy else ("--within", "0s")), *BULK)
    assert (pair.second(*begun).exit_code, pair.exotel.requests) == (0, 6)
    for more in ((), ("-n",)):
        refused = pair.first("runs", "retry", "june", *BULK, *more)
        assert (refused.exit_code, pair.exotel.requests) == (5, 6)
        names_machine_and_time(refused.stderr)
        assert "exosms runs export june --outcome not_sent,rejected --with FILE" in refused.stderr
    rest = ("bulk", bulk_file(pair.first, *ROWS[:2]), "--run", "rest", *BULK)
    assert (pair.first(*rest).exit_code, pair.exotel.requests) == (0, 8)


def test_a_run_that_began_with_a_shared_ledger_does_not_go_on_without_it(pair: Pair) -> None:
    """As where the variable is not set in the shell in which somebody resumes: a copy would not hear of it."""
    mine, alone = bulk_file(pair.first, *ROWS), {"EXOSMS_LEDGER": ""}
    assert pair.first("bulk", mine, "--run", "june", "--limit", "1", *BULK).exit_code == 0
    shutil.copytree(pair.first.home / "state", pair.second.home / "state")
    for argv in (RESUME, ("bulk", mine, "--run", "june", *BULK)):
        refused = pair.second(*argv, env=alone)
        assert (refused.exit_code, pair.exotel.requests) == (5, 1), argv
        assert "EXOSMS_LEDGER" in refused.stderr
    assert (pair.first(*RESUME).exit_code, pair.exotel.requests) == (0, 3)
    assert (pair.first(*RESUME, env=alone).exit_code, pair.exotel.requests) == (0, 3)


def test_a_dry_run_refuses_what_would_be_refused(pair: Pair) -> None:
    machines = [with_profile(shell, pair.exotel.url, "max_parts_per_day = 2") for shell in (pair.first, pair.second)]
    first, second = machines
    assert first("bulk", bulk_file(first, TO, text=MARK), "--run", "july", *BULK).exit_code == 6
    file = bulk_file(first, *ROWS)
    assert first("bulk", file, "--run", "june", "--limit", "1", *BULK).exit_code == 0
    resuming, retrying = ("bulk", file, "--run", "june", "--limit", "1"), ("runs", "retry", "july", "--rejected")
    for command in (resuming, retrying):
        dry = first(*command, "-n")
        assert (dry.exit_code, words(dry)) == (0, ["planned"]), dry
        unnamed = [first(*command, option, env={"EXOSMS_LEDGER": ""}) for option in ("-n", "--yes")]
        assert [(each.exit_code, "none is named now" in each.stderr) for each in unnamed] == [(5, True)] * 2, unnamed
    assert second(*SEND).exit_code == 0  # which takes the last part of the day
    for command in (resuming, retrying):
        dry = first(*command, "-n")
        assert (dry.exit_code, "max_parts_per_day" in dry.stderr) == (5, True), dry


def test_what_a_copy_finished_stays_where_it_is_after_a_purge(pair: Pair) -> None:
    mine = bulk_file(pair.first, *ROWS)
    assert pair.first("bulk", mine, "--run", "june", "--limit", "1", *BULK).exit_code == 0
    shutil.copytree(pair.first.home / "state", pair.second.home / "state")
    assert (pair.second(*RESUME).exit_code, pair.exotel.requests) == (0, 3)
    assert pair.second("runs", "purge", "--older-than", "0s", "--yes").exit_code == 0
    refused = pair.first(*RESUME)
    assert (refused.exit_code, pair.exotel.requests) == (5, 3)
    assert "purged" in refused.stderr


def test_a_run_that_began_alone_stays_too_once_it_was_known(pair: Pair) -> None:
    mine = bulk_file(pair.first, *ROWS)
    assert pair.first("bulk", mine, "--run", "june", "--limit", "1", *BULK, env={"EXOSMS_LEDGER": ""}).exit_code == 0
    assert pair.first(*RESUME, "--limit", "1").exit_code == 0
    shutil.copytree(pair.first.home / "state", pair.second.home / "state")
    assert (pair.first(*RESUME).exit_code, pair.first(*PURGE).exit_code, pair.exotel.requests) == (0, 0, 3)
    refused = pair.second(*RESUME)
    assert (refused.exit_code, pair.exotel.requests) == (5, 3)
    assert "this one does not know it" in refused.stderr


def test_a_run_that_began_alone_goes_on_although_another_machine_has_its_name(pair: Pair) -> None:
    mine, alone = bulk_file(pair.first, *ROWS), {"EXOSMS_LEDGER": ""}
    assert pair.first("bulk", mine, "--run", "june", "--limit", "1", *BULK, env=alone).exit_code == 0
    assert pair.second("bulk", bulk_file(pair.second, TO), "--run", "june", *BULK).exit_code == 0
    for requests in (3, 4):
        assert (pair.first(*RESUME, "--limit", "1").exit_code, pair.exotel.requests) == (0, requests)


def test_a_run_that_a_copy_takes_over_while_it_is_sent_stops_there(pair: Pair, served: Sandbox) -> None:
    served.may_answer.clear()
    sending = pair.first.start("bulk", bulk_file(pair.first, *ROWS), "--run", "june", *BULK)
    assert served.asked.wait(60)
    shutil.copytree(pair.first.home / "state", pair.second.home / "state")
    served.asked.clear()
    over = pair.second.start(*RESUME)
    assert served.asked.wait(60)
    served.may_answer.set()
    (out, err), (went_on, _) = sending.communicate(timeout=60), over.communicate(timeout=60)
    assert (sending.returncode, over.returncode) == (5, 10), err
    assert [json.loads(each)["counts"]["accepted"] for each in (out, went_on)] == [1, 2]
    assert json.loads(went_on)["counts"]["unknown"] == 1
    assert sorted(served.texts) == [f"Hello {to[-2:]}" for to in ROWS]
    assert b"runs resume" not in out + err


def test_rows_that_nobody_may_be_told_of_stay_to_be_sent(pair: Pair) -> None:
    assert pair.first("bulk", bulk_file(pair.first, *ROWS), "--run", "june", "--limit", "1", *BULK).exit_code == 0
    for owner, exit_code, remaining in (("postgres", 4, 2), ("exosms", 0, 0)):
        rights = "GRANT SELECT, UPDATE (machine) ON exosms.runs TO exosms"
        pair.cluster.ask(f"ALTER TABLE exosms.runs OWNER TO {owner}; {rights}", pair.database)
        result = pair.first(*RESUME)
        assert (result.exit_code, result.json["counts"]["remaining"]) == (exit_code, remaining)
        assert (result.json["counts"]["unknown"], pair.exotel.requests) == (0, 3 - remaining)


def test_a_name_under_which_nothing_was_begun_can_be_taken_again(pair: Pair) -> None:
    """As where a process is killed between the shared ledger and its own; where that cannot be written it is free."""
    assert pair.first("bulk", bulk_file(pair.first, ROWS[2]), *BULK).exit_code == 0
    ledger = pair.first.home / "state/ledger.db"
    with closing(sqlite3.connect(ledger)) as connection:
        connection.execute("CREATE TRIGGER full BEFORE INSERT ON runs BEGIN SELECT RAISE(FAIL, 'full'); END")
    mine = bulk_file(pair.first, *ROWS[:2])
    assert pair.first("bulk", mine, "--run", "june", *BULK).exit_code == 4
    names = "SELECT name FROM exosms.runs WHERE name = 'june'"
    assert pair.cluster.ask(names, pair.database) == []
    pair.cluster.ask(
        "INSERT INTO exosms.runs (name, account, content, installation, machine, started_at, updated_at, has_claimed)"
        " SELECT 'june', account, 'x', installation, machine, 0, 0, false FROM exosms.runs",
        pair.database,
    )
    with closing(sqlite3.connect(ledger)) as connection:
        connection.execute("DROP TRIGGER full")
    taken = pair.second("bulk", bulk_file(pair.second, *ROWS), "--run", "june", *BULK)
    assert (taken.exit_code, pair.exotel.requests) == (5, 1)
    assert (pair.first("bulk", mine, "--run", "june", *BULK).exit_code, pair.exotel.requests) == (0, 3)


def test_a_run_that_is_committed_here_is_not_forgotten_there(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where another process holds the ledger for long from that moment on: nothing went on with it ever after."""
    begin = Journal.begin

    def begun(self: Journal, *given: Any, **options: Any) -> Run:
        with monkeypatch.context() as later:
            later.setattr(Journal, "run", _cannot_be_read)
            return begin(self, *given, **options)

    monkeypatch.setattr(Journal, "begin", begun)
    sent = pair.first("bulk", bulk_file(pair.first, *ROWS), "--run", "june", *BULK)
    assert (sent.exit_code, pair.exotel.requests) == (0, 3), sent


def _cannot_be_read(_journal: Journal, _name: str) -> Run:
    raise LedgerError("The ledger cannot be used: database is locked")


def test_what_was_begun_there_and_not_here_keeps_its_messages_from_nobody(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a process is killed in between: on another day the run has another name."""
    with monkeypatch.context() as later:
        later.setattr(Journal, "begin", _killed)
        pair.first("bulk", bulk_file(pair.first, *ROWS), *BULK)
    pair.cluster.ask("UPDATE exosms.runs SET name = 'yesterday'", pair.database)
    assert pair.second("bulk", bulk_file(pair.second, *ROWS), *BULK).exit_code == 5
    sent = pair.first("bulk", bulk_file(pair.first, *ROWS), *BULK)
    assert (sent.exit_code, pair.exotel.requests) == (0, 3), sent
    assert [name for (name,) in pair.cluster.ask("SELECT name FROM exosms.runs", pair.database)] == [sent.json["run"]]


def _killed(_journal: Journal, *_given: Any, **_options: Any) -> Run:
    raise SystemExit


def test_a_run_that_begins_beside_another_one_does_not_take_that_for_left_behind(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one has checked its file before the first one begins, which then waits for its turn."""
    assert pair.first(*SEND[:-2], "--rate", "1/min").exit_code == 0
    begun: list[subprocess.Popen[bytes]] = []

    def late(*arguments: Any, **options: Any) -> Client:
        mine = bulk_file(pair.first, *ROWS)
        begun.append(pair.first.start("bulk", mine, "--run", "june", "--yes", "--json", "--rate", "1/min"))
        until(lambda: started(pair.first, "runs", "list").stdout)
        return send_run.client_for(*arguments, **options)

    with monkeypatch.context() as beside:
        beside.setattr(bulk_request, "client_for", late)
        second = pair.first("bulk", bulk_file(pair.first, "+919876543214"), "--run", "june", *BULK)
    [first] = begun
    first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=60)
    assert (second.exit_code, "has just begun a run june" in second.stderr) == (5, True), second
    assert first.returncode == 130, err
    result = pair.first(*RESUME)
    assert (result.exit_code, pair.exotel.requests) == (0, 4), result.stderr


def names_machine_and_time(said: str) -> None:
    assert socket.gethostname() in said, said
    assert re.search(r"\d\d:\d\d", said), said


# Between two machines.


@pytest.mark.skipif(not (pgbouncer() or os.environ.get("CI")), reason="pgbouncer is not installed")
def test_it_works_behind_a_pooler_in_transaction_mode(pair: Pair) -> None:
    with Pooler(pair.cluster) as pooler:
        through = pair.through(pooler.port)
        processes = [
            shell.start(*SEND, "--once", f"k{place % 4}", env=through)
            for place, shell in enumerate([pair.first, pair.second] * 4)
        ]
        assert [process.wait(60) for process in processes] == [0] * 8
        for process in processes:
            process.communicate()
        assert pair.exotel.requests == 4
        assert pair.first("log", env=through).stdout.count("\n") == 4
        assert pair.first("bulk", bulk_file(pair.first, *ROWS), *BULK, env=through).exit_code == 0


def test_of_fifty_processes_with_one_key_one_sends(pair: Pair) -> None:
    env = [shell.full_env() for shell in (pair.first, pair.second)]
    argv = ("send", "--to", TO, "-b", TEXT, "--once", "k", "--retry-for", "60s", "--rate", "off")
    with Nursery(env[0]) as nursery:
        processes = [nursery.start(*argv, env=env[place % 2]) for place in range(50)]
        ended = [process.wait() for process in processes]
    assert [end.err for end in ended if end.code] == []
    said = [word for end in ended for word in end.words]
    assert (said.count("accepted"), said.count("skipped"), len(said)) == (1, 49, 50)
    assert pair.exotel.requests == 1


# The server comes and goes.


@pytest.mark.parametrize("when", ["before", "while it is asked"])
def test_a_restart_of_the_server_loses_nothing(pair: Pair, served: Sandbox, when: str) -> None:
    pair.first("log")
    if when == "before":
        pair.cluster.restart()
    served.may_answer.clear()
    sending = pair.first.start(*ONCE, "--retry-for", "30s")
    assert served.asked.wait(60)
    if when != "before":
        pair.cluster.restart()
    served.may_answer.set()
    out, err = sending.communicate(timeout=60)
    assert (sending.returncode, out.decode().partition("\t")[0]) == (0, "accepted"), err
    then = pair.second(*ONCE)
    assert (then.exit_code, words(then), served.requests) == (0, ["skipped"], 1)


def test_the_arguments_of_processes_hold_no_password(pair: Pair, served: Sandbox) -> None:
    served.may_answer.clear()
    sending = pair.first.start(*ONCE)
    assert served.asked.wait(60)
    lines = [read(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
    served.may_answer.set()
    sending.communicate(timeout=60)
    assert any("--once" in line for line in lines)
    assert [line for line in lines if PASSWORD in line] == []


def read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it has ended
        return ""
