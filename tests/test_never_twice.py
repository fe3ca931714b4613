"""``--once`` and signals: whoever races, dies or is interrupted, no message is requested twice or lost in silence."""

import json
import shutil
import signal
import sqlite3
import subprocess
import threading
from contextlib import closing

import pytest
from conftest import Shell, has_open, until, wait_until_it_sleeps
from misbehaving import Connection, Misbehaving, Step, accepts, answer, answers, awaits_all, does, hangs, says

from exosms.system.files import alone
from exosms.system.signals import Interrupts

GOOD = '{"SMSMessage": {"Sid": "0f477d60517e6e6a0f6d9a7e9af8630e", "Status": "queued"}}'
ACCOUNT = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": "key", "EXOTEL_API_TOKEN": "token"}
ONE = ("--to", "9876543210")
TWO = ("--to", "9876543210,9876543211")


def after(seconds: float) -> Step:
    """Wait as a slow server does."""

    def step(connection: Connection) -> None:
        connection.stopping.wait(seconds)

    return step


def when(event: threading.Event) -> Step:
    """Wait until the test says so."""

    def step(_connection: Connection) -> None:
        event.wait(60)

    return step


def argv(server: Misbehaving, *options: str) -> tuple[str, ...]:
    fixed = ("send", "--from", "ACMEIN", "--body", "Hello", "--rate", "off", "--retry-for", "0")
    return (*fixed, "--base-url", server.url, *options)


def start(exosms: Shell, server: Misbehaving, *options: str) -> subprocess.Popen[bytes]:
    return exosms.start(*argv(server, *options), env=ACCOUNT)


def test_of_racing_processes_one_sends_and_the_others_wait_for_its_result(exosms: Shell) -> None:
    with Misbehaving(*[does(awaits_all, after(1), says(answer(200, GOOD)))] * 6) as server:
        processes = [start(exosms, server, *ONE, "--once", "k") for _ in range(6)]
        outputs = [process.communicate(timeout=60)[0].decode() for process in processes]
        assert server.requests == 1
    assert [process.returncode for process in processes] == [0] * 6
    assert sorted(output.split("\t")[0] for output in outputs) == ["accepted"] + ["skipped"] * 5
    assert {output.split("\t")[2] for output in outputs} == {"0f477d60517e6e6a0f6d9a7e9af8630e"}


def test_a_key_whose_owner_was_killed_waits_for_a_person(exosms: Shell) -> None:
    with Misbehaving(does(awaits_all, hangs), answers(200, GOOD), answers(200, GOOD)) as server:
        process = start(exosms, server, *ONE, "--once", "k")
        until(lambda: server.complete_requests == 1)
        process.kill()
        process.communicate()
        send = argv(server, *ONE, "--once", "k")
        again = exosms(*send, env=ACCOUNT)
        assert (again.exit_code, again.stdout.split("\t")[0]) == (9, "unknown")
        assert "exosms runs resolve --once k" in again.stderr
        assert server.requests == 1

        assert exosms("runs", "resolve", "--once", "k", "--as", "not_sent").exit_code == 0
        sent = exosms(*send, env=ACCOUNT)
        assert (sent.exit_code, sent.stdout.split("\t")[0]) == (0, "accepted")
        skipped = exosms(*send, "--json", env=ACCOUNT)
        assert (skipped.exit_code, skipped.json["outcome"]) == (0, "skipped")
        assert skipped.json["messages"][0]["sid"] == "0f477d60517e6e6a0f6d9a7e9af8630e"
        assert server.requests == 2


def test_a_key_whose_owner_was_killed_is_free_at_the_end_of_its_within(exosms: Shell) -> None:
    with Misbehaving(does(awaits_all, hangs), answers(200, GOOD)) as server:
        process = start(exosms, server, *ONE, "--once", "k")
        until(lambda: server.complete_requests == 1)
        process.kill()
        process.communicate()
        again = exosms(*argv(server, *ONE, "--once", "k", "--within", "0s"), env=ACCOUNT)
        assert (again.exit_code, server.requests) == (0, 2)


def test_a_key_whose_owner_is_stopped_is_not_waited_for_without_an_end(exosms: Shell) -> None:
    with Misbehaving(does(awaits_all, hangs), answers(200, GOOD)) as server:
        owner = start(exosms, server, *ONE, "--once", "k")
        until(lambda: server.complete_requests == 1)
        owner.send_signal(signal.SIGSTOP)
        waiter = start(exosms, server, *ONE, "--once", "k", "--retry-for", "1s", "--timeout", "1", "--json")
        try:
            out, err = (stream.decode() for stream in waiter.communicate(timeout=60))
        finally:
            waiter.kill()
            owner.kill()
            owner.communicate()
        assert server.requests == 1
    document = json.loads(out)
    assert (waiter.returncode, document["exit_code"], document["outcome"]) == (5, 5, "not_sent")
    error = document["messages"][0]["error"]
    assert (error["kind"], error["retry"], error["meaning"]) == ("guard", "decide", "Nothing was sent.")
    said = f"The once key 'k' is in use by process {owner.pid}, which is still sending"
    assert error["message"] == said
    assert (
        f"in use by another process; waiting for its result\nexosms: error: +919876543210: not_sent: {said}\n" in err
    )


def test_what_a_living_process_is_sending_is_not_for_a_person_to_decide(exosms: Shell) -> None:
    with Misbehaving(does(awaits_all, hangs)) as server:
        owner = start(exosms, server, *ONE, "--once", "k")
        until(lambda: server.complete_requests == 1)
        refused = exosms("runs", "resolve", "--once", "k", "--as", "not_sent", "--json")
        owner.kill()
        owner.communicate()
    assert (refused.exit_code, refused.json["exit_code"], refused.json["error"]["kind"]) == (5, 5, "guard")
    said = f"The once key 'k' is in use by process {owner.pid}, which is still sending"
    assert refused.json["error"]["message"] == said
    assert said in refused.stderr
    resolved = exosms("runs", "resolve", "--once", "k", "--as", "not_sent")
    assert (resolved.exit_code, resolved.stdout) == (0, "1 message of the once key 'k': not_sent\n")
    again = exosms("runs", "resolve", "--once", "k", "--as", "not_sent")
    assert (again.exit_code, again.stderr) == (0, "exosms: the once key 'k' has no unknown messages\n")


def test_a_run_that_a_living_process_is_sending_is_not_for_a_person_to_decide(exosms: Shell) -> None:
    (exosms.home / "one.csv").write_text("to,body\n9876543210,x\n")
    with Misbehaving(does(awaits_all, hangs)) as server:
        file = str(exosms.home / "one.csv")
        fixed = ("--base-url", server.url, "--from", "ACMEIN", "--yes", "--run", "june")
        owner = exosms.start("bulk", file, *fixed, env=ACCOUNT)
        until(lambda: server.complete_requests == 1)
        refused = exosms("runs", "resolve", "june", "--as", "not_sent")
        row = exosms("runs", "resolve", "june", "--as", "not_sent", "--row", "1")
        owner.kill()
        owner.communicate()
    assert (refused.exit_code, refused.stdout, row.exit_code) == (5, "", 3)
    assert f"The run june is being sent by process {owner.pid}" in refused.stderr
    assert exosms("runs", "resolve", "june", "--as", "not_sent").exit_code == 0


def test_a_second_attempt_is_claimed_before_it_leaves(exosms: Shell) -> None:
    with Misbehaving(answers(429, "", "Retry-After: 0"), does(awaits_all, hangs)) as server:
        process = start(exosms, server, *ONE, "--once", "k", "--retry-for", "5m")
        until(lambda: server.complete_requests == 2)
        process.kill()
        process.communicate()
    assert exosms("log").stdout.split("\t")[1] == "unknown"


def test_a_person_may_say_that_it_arrived(exosms: Shell) -> None:
    with Misbehaving(does(awaits_all), answers(200, GOOD)) as server:
        send = argv(server, *ONE, "--once", "k")
        assert exosms(*send, "--dry-run", env=ACCOUNT).stdout.startswith("planned\t")
        assert exosms(*send, env=ACCOUNT).exit_code == 9
        foreseen = exosms(*send, "--dry-run", env=ACCOUNT)
        assert (foreseen.exit_code, foreseen.stdout.split("\t")[0]) == (9, "unknown")
        assert exosms("runs", "resolve", "--once", "k", "--as", "accepted").stdout.startswith("1 message")
        assert exosms(*send, "--dry-run", env=ACCOUNT).stdout.startswith("skipped\t")
        assert exosms(*send, env=ACCOUNT).stdout.startswith("skipped\t")
        assert server.requests == 1
    assert exosms("runs", "resolve", "--once", "nosuch", "--as", "accepted").exit_code == 3


def test_what_a_person_says_of_a_key_is_about_one_account(exosms: Shell) -> None:
    other = {**ACCOUNT, "EXOTEL_ACCOUNT_SID": "acme2"}
    with Misbehaving(does(awaits_all), does(awaits_all), answers(200, GOOD)) as server:
        send = argv(server, *ONE, "--once", "k")
        assert [exosms(*send, env=account).exit_code for account in (ACCOUNT, other)] == [9, 9]
        resolve = ("runs", "resolve", "--once", "k", "--as", "not_sent")
        refused = exosms(*resolve, env=other)
        assert refused.exit_code == 4
        assert "acme1" in refused.stderr
        assert "acme2" in refused.stderr
        assert exosms(*resolve, "--base-url", server.url, env=other).stdout.startswith("1 message")
        assert exosms(*resolve, "--base-url", server.url, env=other).exit_code == 4  # what is left is the other's
        assert [exosms(*send, env=account).exit_code for account in (ACCOUNT, other)] == [9, 0]
        assert server.requests == 3
    assert exosms(*resolve).stdout.startswith("1 message")  # nobody else's can be meant now


@pytest.mark.parametrize(("status", "exit_code"), [(400, 6), (429, 11)])
def test_a_key_is_free_again_when_nothing_was_sent(exosms: Shell, status: int, exit_code: int) -> None:
    with Misbehaving(answers(status), answers(200, GOOD)) as server:
        send = argv(server, *ONE, "--once", "k")
        assert exosms(*send, env=ACCOUNT).exit_code == exit_code
        assert exosms(*send, env=ACCOUNT).exit_code == 0
        assert server.requests == 2


def test_a_key_is_for_one_recipient_and_one_account(exosms: Shell) -> None:
    with Misbehaving(*[accepts] * 4) as server:
        exosms(*argv(server, *ONE, "--once", "k"), env=ACCOUNT)
        both = exosms(*argv(server, *TWO, "--once", "k"), env=ACCOUNT)
        assert [line.split("\t")[0] for line in both.stdout.splitlines()] == ["skipped", "accepted"]
        other = exosms(*argv(server, *ONE, "--once", "k"), env={**ACCOUNT, "EXOTEL_ACCOUNT_SID": "acme2"})
        assert other.stdout.startswith("accepted\t")


def test_without_a_ledger_once_refuses_and_a_plain_send_warns(exosms: Shell) -> None:
    blocked = exosms.home / "file"
    blocked.write_text("")
    env = {**ACCOUNT, "EXOSMS_STATE_DIR": str(blocked / "state")}
    with Misbehaving(answers(200, GOOD)) as server:
        refused = exosms(*argv(server, *ONE, "--once", "k"), env=env)
        assert (refused.exit_code, server.requests) == (4, 0)
        sent = exosms(*argv(server, *ONE), env=env)
        assert (sent.exit_code, server.requests) == (0, 1)
        assert "without a ledger" in sent.stderr


def test_the_first_signal_lets_the_request_in_flight_finish(exosms: Shell) -> None:
    go = threading.Event()
    with Misbehaving(does(awaits_all, when(go), says(answer(200, GOOD))), answers(200, GOOD)) as server:
        process = start(exosms, server, *TWO)
        until(lambda: server.complete_requests == 1)
        process.send_signal(signal.SIGINT)
        wait_until_it_sleeps(process)
        go.set()
        out, err = (stream.decode() for stream in process.communicate(timeout=60))
        assert server.requests == 1
    assert process.returncode == 130, err
    assert [line.split("\t")[0] for line in out.splitlines()] == ["accepted", "not_sent"]
    assert "+919876543211" in err


def test_a_signal_with_nothing_left_to_do_changes_nothing(exosms: Shell) -> None:
    go = threading.Event()
    with Misbehaving(does(awaits_all, when(go), says(answer(200, GOOD)))) as server:
        process = start(exosms, server, *ONE)
        until(lambda: server.complete_requests == 1)
        process.send_signal(signal.SIGTERM)
        wait_until_it_sleeps(process)
        go.set()
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out[:9]) == (0, b"accepted\t")


def test_the_second_signal_leaves_at_once_and_the_message_is_unknown(exosms: Shell) -> None:
    with Misbehaving(does(awaits_all, hangs)) as server:
        process = start(exosms, server, *TWO)
        until(lambda: server.complete_requests == 1)
        process.send_signal(signal.SIGINT)
        wait_until_it_sleeps(process)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        assert server.requests == 1
    assert process.returncode == 9
    assert [line.split(b"\t")[0] for line in out.splitlines()] == [b"unknown", b"not_sent"]
    assert exosms("log").stdout.split("\t")[1] == "unknown"


def test_what_waits_to_retry_is_not_called_sent(exosms: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at from within the waits: for its first turn, to retry, for its second turn."""
    seen = []

    def look(_interrupts: Interrupts, _seconds: float) -> None:
        seen.append([message["outcome"] for message in exosms("log", "--json").json["messages"]])

    monkeypatch.setattr(Interrupts, "pause", look)
    with Misbehaving(answers(429, "", "Retry-After: 0"), answers(200, GOOD)) as server:
        result = exosms(*argv(server, *ONE, "--retry-for", "5m"), env=ACCOUNT)
    assert result.exit_code == 0
    assert seen == [[], ["waiting"], ["waiting"]]


def waits(exosms: Shell) -> bool:
    """Whether the message waits to be tried again; a look that takes no time from the wait."""
    with closing(sqlite3.connect(exosms.home / "state" / "ledger.db")) as connection:
        return connection.execute("SELECT state FROM messages").fetchall() == [("waiting",)]


@pytest.mark.parametrize(("signum", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_while_waiting_to_retry_leaves_nothing_behind(exosms: Shell, signum: int, exit_code: int) -> None:
    with Misbehaving(answers(429, "", "Retry-After: 200"), answers(200, GOOD)) as server:
        process = start(exosms, server, *ONE, "--retry-for", "5m")
        until(lambda: server.requests == 1)
        until(lambda: waits(exosms))
        process.send_signal(signum)
        process.communicate(timeout=60)
        assert server.requests == 1
    assert process.returncode == exit_code
    assert exosms("log").stdout.split("\t")[1] == "not_sent"


def test_a_command_that_was_taken_for_dead_does_not_try_again(exosms: Shell) -> None:
    """Another one with the same key may have sent the message by then."""
    with Misbehaving(answers(429, "", "Retry-After: 3"), answers(200, GOOD)) as server:
        process = start(exosms, server, *ONE, "--retry-for", "5m", "--once", "k")
        until(lambda: server.requests == 1)
        until(lambda: waits(exosms))
        process.send_signal(signal.SIGSTOP)  # so that the other one is the first, however long it takes to start
        shutil.rmtree(exosms.home / "state" / "owners")
        other = start(exosms, server, *ONE, "--retry-for", "5m", "--once", "k")
        other.communicate(timeout=60)
        process.send_signal(signal.SIGCONT)
        _, err = process.communicate(timeout=60)
        assert server.requests == 2
    assert (other.returncode, process.returncode) == (0, 11)
    assert b"is not tried again: Another command treated this one as ended" in err


def test_a_closed_standard_output_changes_nothing_about_what_is_sent(exosms: Shell) -> None:
    with Misbehaving(accepts, accepts) as server:
        process = exosms.start(*argv(server, *TWO), env=ACCOUNT)
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate(timeout=60)
        assert server.requests == 2
    assert process.returncode == 0
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err


WAITING = {
    "send": ("send", "--to", "9876543210", "--body", "x"),
    "bulk": ("bulk", "one.csv", "--yes"),
    "status": ("status", "5" * 32),
    "runs resume": ("runs", "resume", "june"),
}


@pytest.mark.parametrize(("signum", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("argv", WAITING.values(), ids=WAITING)
def test_a_signal_ends_the_wait_for_another_process_that_changes_the_ledger(
    exosms: Shell, argv: tuple[str, ...], signum: int, exit_code: int
) -> None:
    state = exosms.home / "state"
    state.mkdir()
    (exosms.home / "one.csv").write_text("to,body\n9876543210,x\n")
    with alone(state / "ledger.db", within=0):
        process = exosms.start(*argv, "--region", "sandbox", "--json", cwd=exosms.home)
        try:
            until(lambda: has_open(process, state / ".ledger.db.lock"))
            process.send_signal(signum)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, json.loads(out)["exit_code"]) == (exit_code, exit_code)
    assert b"interrupted by" in err
