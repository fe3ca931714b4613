"""``--wait``: until every message is final, on a clock that tests turn, and whatever happens to the questions."""

import itertools
import json
import os
import pty
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import Shell
from misbehaving import Misbehaving, answer, answers, does, reads_all, resets, says

from exosms.errors import ExitCode, Interrupted
from exosms.exotel.client import Client
from exosms.exotel.exchange import ANSWER_LIMIT, Answer, Fault, NoAnswer
from exosms.exotel.transport import InProcessTransport
from exosms.ledger.messages import Ledger
from exosms.sandbox.emulator import Emulator
from exosms.sandbox.store import MessageStore
from exosms.send.session import AccountSession
from exosms.send.track import FIRST_INTERVAL, LONGEST_INTERVAL, PATIENCE, Poller, Watch
from exosms.sms.message import Encoding, Message, MessageFields, Outcome, Receipt, exit_code_of
from exosms.sms.rate import Rate

SANDBOX = ("--region", "sandbox")
ACCOUNT = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": "key", "EXOTEL_API_TOKEN": "token"}
SID = "0f477d60517e6e6a0f6d9a7e9af8630e"
DOWN = NoAnswer(written=False, fault=Fault.RESOLVE_OR_CONNECT)
LOST = NoAnswer(written=True, fault=Fault.READ)
LIMITED = Answer(status=429, body=b"", retry_after="40")
GONE = Answer(status=200, body=b'{"Message": "No matching results"}')
NO_KEY = Answer(status=401, body=b"")
ODD = Answer(status=400, body=b"")


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1_764_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if seconds:
            self.slept.append(seconds)


class Weather:
    """A line to an emulator that between two moments answers something else."""

    def __init__(self, clock: Clock, emulator: Emulator) -> None:
        self.start = clock.now
        self.bad: Callable[[float], Answer | NoAnswer | None] = lambda _now: None
        self.asked: list[float] = []
        self._clock = clock
        self._line = InProcessTransport(emulator.answer, observe=lambda _: None)

    def hide(self, text: str, *, is_name: bool = False) -> str:
        return self._line.hide(text, is_name=is_name)

    def exchange(self, method: str, path: str, body: bytes, *, limit: int = ANSWER_LIMIT) -> Answer | NoAnswer:
        now = self._clock.now - self.start
        if method == "POST":
            return self._line.exchange(method, path, body, limit=limit)
        self.asked.append(now)
        return self.bad(now) or self._line.exchange(method, path, body, limit=limit)


class World:
    """An account at an emulator whose delivery takes ``delivery_after`` seconds."""

    def __init__(self, *, delivery_after: float = 0.0, rate: Rate | None = None) -> None:
        self.clock = Clock()
        emulator = Emulator(MessageStore(), clock=self.clock, delivery_after=delivery_after)
        self.line = Weather(self.clock, emulator)
        self.told: list[str] = []
        self.ledger = Ledger.in_memory(clock=self.clock)
        self.session = AccountSession(
            client=Client(self.line, account_sid="acme1"),
            ledger=self.ledger,
            account="host/acme1",
            rate=rate,
            pause=self.clock.sleep,
            tell=self.told.append,
            now=self.clock,
            chance=lambda: 1.0,
        )
        self.poller = Poller(self.session)

    def send(self, *codes: str) -> list[str]:
        receipts = [self.session.client.send(message_to(f"+9190000{code}")) for code in codes]
        return [receipt.sid for receipt in receipts if receipt.sid]

    def wait(self, sids: Sequence[str], seconds: float, *, fresh: bool = True) -> tuple[Watch, list[float]]:
        watch = Watch(self.poller, sids, fresh=sids if fresh else ())
        return watch, [*watch.wait(seconds)]


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.ledger.close()


def message_to(number: str) -> Message:
    return Message(number, "Hi", Encoding.PLAIN, segments=1, fields=MessageFields(sender="ACMEIN"))


def outcomes(watch: Watch) -> list[tuple[Outcome | None, ExitCode]]:
    return [(report.outcome, report.exit_code) for report in watch.reports.values()]


def test_intervals_grow_and_the_wait_ends_at_the_first_final_state() -> None:
    world = World(delivery_after=100)
    watch, intervals = world.wait(world.send("20005"), 900)
    assert outcomes(watch) == [(Outcome.DELIVERED, ExitCode.OK)]
    assert intervals[0] == FIRST_INTERVAL
    assert all(a < b <= LONGEST_INTERVAL for a, b in itertools.pairwise(intervals) if b < 30)
    assert sum(intervals) == world.clock.now - world.line.start
    assert 100 <= sum(intervals) <= 100 + LONGEST_INTERVAL
    world.ledger.close()


def test_a_delivery_that_never_ends_is_pending_when_the_time_is_over(world: World) -> None:
    watch, intervals = world.wait(world.send("21020"), 300)
    assert outcomes(watch) == [(Outcome.PENDING, ExitCode.PENDING)]
    assert sum(intervals) == 300
    assert max(intervals) == LONGEST_INTERVAL
    assert world.line.asked[-1] == 300


def test_a_wait_of_nothing_asks_once(world: World) -> None:
    watch, intervals = world.wait(world.send("21020", "20005", "23185"), 0)
    assert intervals == []
    assert len(world.line.asked) == 3
    assert outcomes(watch) == [
        (Outcome.PENDING, ExitCode.PENDING),
        (Outcome.DELIVERED, ExitCode.OK),
        (Outcome.FAILED, ExitCode.FAILED),
    ]


def test_a_final_message_is_not_asked_about_while_others_are(world: World) -> None:
    world.wait(world.send("20005", "21020"), 60)
    assert world.line.asked.count(0) == 2
    assert len(set(world.line.asked)) == len(world.line.asked) - 1


@pytest.mark.parametrize("begins", [0, 10])
@pytest.mark.parametrize("bad", [DOWN, LOST, LIMITED, GONE, ODD], ids=["down", "lost", "429", "not there", "400"])
def test_a_bad_time_in_the_middle_is_waited_out(bad: Answer | NoAnswer, begins: float) -> None:
    world = World(delivery_after=90, rate=Rate(200))
    world.line.bad = lambda now: bad if begins <= now < 60 else None
    watch, _ = world.wait(world.send("20005"), 900)
    assert outcomes(watch) == [(Outcome.DELIVERED, ExitCode.OK)]
    world.ledger.close()


@pytest.mark.parametrize("bad", [DOWN, LOST, LIMITED, GONE, NO_KEY], ids=["down", "lost", "429", "not there", "401"])
def test_a_bad_time_at_the_end_leaves_what_was_known(bad: Answer | NoAnswer) -> None:
    world = World(rate=Rate(200))
    world.line.bad = lambda now: bad if now > 10 else None
    watch, _ = world.wait(world.send("21020"), 120)
    (report,) = watch.reports.values()
    assert report.outcome is Outcome.PENDING
    assert report.exit_code is (ExitCode.CONFIG if bad is NO_KEY else ExitCode.PENDING)
    world.ledger.close()


def test_a_429_pauses_the_whole_account(world: World) -> None:
    world = World(rate=Rate(200))
    world.line.bad = lambda now: LIMITED if now < 1 else None
    world.wait(world.send("20005", "20005"), 300)
    assert world.line.asked[0] == 0
    assert all(moment >= 40 for moment in world.line.asked[1:])
    world.ledger.close()


def test_questions_keep_the_pace(world: World) -> None:
    world = World(rate=Rate(60))
    world.wait(world.send(*["20005"] * 5), 300)
    assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(world.line.asked))
    world.ledger.close()


def test_a_network_that_is_down_is_not_tried_for_each_of_many(world: World) -> None:
    sids = world.send(*["20005"] * 50)
    world.line.bad = lambda _now: DOWN
    watch, _ = world.wait(sids, 0)
    assert len(world.line.asked) == 3
    assert outcomes(watch) == [(None, ExitCode.UNAVAILABLE)] * 50
    assert [*watch.reports] == sids


def test_a_sid_that_nobody_gave_us_is_not_waited_for(world: World) -> None:
    watch, intervals = world.wait([SID], 900, fresh=False)
    assert (outcomes(watch), intervals) == ([(None, ExitCode.REFUSED)], [])


def test_without_waiting_a_silent_network_is_given_up_in_the_end(world: World) -> None:
    sids = world.send("20005")
    world.line.bad = lambda _now: DOWN
    watch = Watch(world.poller, sids)
    delays = [*watch.ask_all()]
    assert delays == [1, 2, 4, 8]
    assert sum(delays) <= PATIENCE
    assert outcomes(watch) == [(None, ExitCode.UNAVAILABLE)]


def receipt(outcome: Outcome, exit_code: ExitCode = ExitCode.OK) -> Receipt:
    return Receipt(outcome=outcome, exit_code=exit_code)


DELIVERED = receipt(Outcome.DELIVERED)
FAILED = receipt(Outcome.FAILED, ExitCode.FAILED)
PENDING = receipt(Outcome.PENDING, ExitCode.PENDING)
UNANSWERED = receipt(Outcome.ACCEPTED, ExitCode.PENDING)
REJECTED = receipt(Outcome.REJECTED, ExitCode.REFUSED)
NOT_SENT = receipt(Outcome.NOT_SENT, ExitCode.UNAVAILABLE)
UNKNOWN = receipt(Outcome.UNKNOWN, ExitCode.UNKNOWN)


@pytest.mark.parametrize(
    ("receipts", "expected"),
    [
        ([DELIVERED, DELIVERED], 0),
        ([DELIVERED, PENDING], 8),
        ([UNANSWERED], 8),
        ([PENDING, FAILED, DELIVERED], 12),
        ([FAILED, UNKNOWN], 9),
        ([DELIVERED, REJECTED], 10),
        ([PENDING, NOT_SENT], 10),
        ([FAILED, REJECTED], 10),
        ([REJECTED, NOT_SENT], 6),
    ],
)
def test_what_became_of_the_send_outranks_what_became_of_the_delivery(receipts: list[Receipt], expected: int) -> None:
    assert exit_code_of(receipts) == expected


@pytest.mark.parametrize(
    ("codes", "exit_code", "words"),
    [
        (["20005"], 0, ["delivered"]),
        (["23185"], 12, ["failed"]),
        (["21020"], 8, ["pending"]),
        (["20005", "21020", "23185"], 12, ["delivered", "pending", "failed"]),
        (["20005", "00400"], 10, ["delivered", "rejected"]),
        (["23185", "00500"], 9, ["failed", "unknown"]),
        (["00400"], 6, ["rejected"]),
    ],
)
def test_send_and_wait(exosms: Shell, codes: list[str], exit_code: int, words: list[str]) -> None:
    numbers = ",".join(f"+9190000{code}" for code in codes)
    argv = ("send", *SANDBOX, "--to", numbers, "--body", "Hi", "--wait", "0")
    assert exosms(*argv).exit_code == exit_code
    document = exosms(*argv, "--json").json
    assert document["exit_code"] == exit_code
    assert [message["outcome"] for message in document["messages"]] == words


def test_a_delivered_send_as_line_and_as_json(exosms: Shell) -> None:
    argv = ("send", *SANDBOX, "--to", "9876543210", "--body", "Hi", "--wait", "15m")
    result = exosms(*argv)
    word, to, sid, said = result.stdout.removesuffix("\n").split("\t")
    assert (word, to, said) == ("delivered", "+919876543210", "sent 20005 DELIVERED_TO_HANDSET")
    assert f"accepted: {sid}" in result.stderr
    (message,) = exosms(*argv, "--json").json["messages"]
    assert (message["status"], message["price"], message["encoding"], message["error"]) == (
        "sent",
        0.25,
        "plain",
        None,
    )


def test_a_failed_send_is_explained_on_a_terminal(exosms: Shell) -> None:
    argv = ("send", *SANDBOX, "--to", "+919000023185", "--body", "Hi", "--wait", "1m")
    shown = exosms.on_terminal(*argv, columns=120, env={"NO_COLOR": "1"})
    assert shown.exit_code == 12
    for words in (
        "failed  +919000023185",
        "DLT_TEMPLATE_DOES_NOT_MATCH",
        "exosms check-template",
        "Exotel accepted it",
    ):
        assert words in shown.stdout


@pytest.mark.parametrize(
    ("code", "exit_code", "word"), [("20005", 0, "skipped"), ("23185", 12, "failed"), ("21020", 8, "pending")]
)
def test_a_key_that_was_used_waits_for_the_earlier_message(
    exosms: Shell, code: str, exit_code: int, word: str
) -> None:
    """A CI job that died while it waited finds out in its second run."""
    argv = ("send", *SANDBOX, "--to", f"+9190000{code}", "--body", "Hi", "--once", "k")
    assert exosms(*argv).exit_code == 0
    result = exosms(*argv, "--wait", "0")
    assert (result.exit_code, result.stdout.split("\t")[0]) == (exit_code, word)


GOOD = json.dumps({"SMSMessage": {"Sid": SID, "Status": "queued"}})


def send_to(server: Misbehaving, *options: str) -> tuple[str, ...]:
    fixed = ("send", "--to", "9876543210", "--from", "ACMEIN", "--body", "Hi", "--rate", "off", "--retry-for", "0")
    return (*fixed, "--base-url", server.url, *options)


@pytest.mark.parametrize(
    "bad", [does(reads_all, resets), answers(401, ""), answers(500, ""), answers(404, ""), answers(403, "")]
)
def test_a_failing_poll_changes_nothing_about_the_send(exosms: Shell, bad: Any) -> None:
    with Misbehaving(answers(200, GOOD), bad) as server:
        result = exosms(*send_to(server, "--wait", "0"), env=ACCOUNT)
        assert server.complete_requests == 1
    assert (result.exit_code, result.stdout.split("\t")[:3]) == (8, ["accepted", "+919876543210", SID])


def test_a_lost_answer_to_the_send_is_unknown_and_not_asked_about(exosms: Shell) -> None:
    with Misbehaving(does(reads_all, resets)) as server:
        result = exosms(*send_to(server, "--wait", "1m"), env=ACCOUNT)
        assert server.requests == 1
    assert (result.exit_code, result.stdout.split("\t")[0]) == (9, "unknown")


QUEUED = does(reads_all, says(answer(200, GOOD)))


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_wait_says_how_to_go_on(exosms: Shell, signum: signal.Signals) -> None:
    with Misbehaving(QUEUED) as server:
        process = exosms.start(*send_to(server, "--wait", "15m"), env=ACCOUNT)
        assert process.stderr
        assert b"waiting for its delivery" in process.stderr.readline() + process.stderr.readline()
        process.send_signal(signum)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signum
    assert out.split(b"\t")[2] == SID.encode()
    assert f"exosms status --base-url {server.url} {SID} --wait 15m" in err.decode()
    assert b"not attempted" not in err


def test_an_interrupted_status_lists_what_it_knows(exosms: Shell) -> None:
    with Misbehaving(QUEUED) as server:
        argv = ("status", "--base-url", server.url, "--rate", "off", "-v", SID, "--wait", "90s", "--json")
        process = exosms.start(*argv, env=ACCOUNT)
        assert process.stderr
        process.stderr.readline()  # the first answer
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    document = json.loads(out)
    assert (process.returncode, document["exit_code"]) == (130, 130)
    assert [message["sid"] for message in document["messages"]] == [SID]
    assert f"exosms status --base-url {server.url} {SID} --wait 90s" in err.decode()


def test_progress_is_one_line_on_a_terminal_and_nothing_in_a_pipe(exosms: Shell) -> None:
    with Misbehaving(QUEUED) as server:
        argv = ("status", "--base-url", server.url, "--rate", "off", SID, "--wait", "15m")
        ours, theirs = pty.openpty()
        process = exosms.start(*argv, env={**ACCOUNT, "TERM": "xterm"}, stderr=theirs)
        os.close(theirs)
        seen = b""
        while b"asking again in 2 s" not in seen:
            seen += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        os.close(ours)
        assert seen.startswith(b"\r\x1b[2Kexosms: 0 of 1 final")
        assert out.startswith(b"pending\t")
        assert "asking again in" not in exosms(*argv[:-1], "0", env=ACCOUNT).stderr


def test_an_interruption_leaves_the_watch_with_what_it_found(world: World) -> None:
    sids = world.send("20005", "21020")
    watch = Watch(world.poller, sids, fresh=sids)

    def wait() -> None:
        for _ in watch.wait(60):
            raise Interrupted(signal.SIGINT)

    with pytest.raises(Interrupted):
        wait()
    assert watch.open == (sids[1],)
    assert [report.outcome for report in watch.reports.values()] == [Outcome.DELIVERED, Outcome.PENDING]


def test_a_state_that_cannot_be_kept_ends_the_wait_and_keeps_the_send(exosms: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    env = {"EXOSMS_STATE_DIR": str(tmp_path / "file" / "state")}
    result = exosms("send", *SANDBOX, "--to", "9876543210", "--body", "Hi", "--wait", "1m", env=env)
    assert (result.exit_code, result.stdout.split("\t")[0]) == (0, "delivered")


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (answers(401, ""), "did not accept this API key and token in this region"),
        (answers(403, ""), "does not allow this account to do this now"),
        (answers(404, ""), "knows no message of this account under this Sid"),
        (answers(500, ""), "did not say what happened to the message"),
    ],
)
def test_a_wait_that_ends_without_an_answer_says_why_and_how_to_go_on(exosms: Shell, bad: Any, why: str) -> None:
    with Misbehaving(answers(200, GOOD), bad) as server:
        result = exosms(*send_to(server, "--wait", "0"), env=ACCOUNT)
    assert result.exit_code == 8
    assert why in result.stderr
    assert "send again" not in result.stderr
    assert result.stderr.endswith(
        f"exosms: error: 1 message not final yet\n  Continue with: exosms status --base-url {server.url} {SID}\n"
    )


def test_a_delivered_wait_leaves_nothing_to_tell(exosms: Shell) -> None:
    argv = ("send", *SANDBOX, "--to", "9876543210", "--body", "Hi", "--wait", "1m")
    assert "go on with" not in exosms(*argv).stderr


def test_after_many_sids_an_interruption_does_not_repeat_them_all(exosms: Shell) -> None:
    sids = [f"{number:032x}" for number in range(25)]
    with Misbehaving(does(reads_all, resets)) as server:
        argv = ("status", "--base-url", server.url, "--rate", "off", "-v", "-", "--wait", "90s")
        with (exosms.home / "sids").open("w+b") as given:
            given.write("\n".join(sids).encode())
            given.seek(0)
            process = exosms.start(*argv, env=ACCOUNT, stdin=given)
        assert process.stderr
        process.stderr.readline()  # the first question went unanswered
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert [line.split(b"\t")[2].decode() for line in out.splitlines()] == sids
    assert (
        f"exosms status --base-url {server.url} - --wait 90s, with the same Sids on its standard input"
        in err.decode()
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "123 is your OTP - Acme",
            "check-template finds that it matches the template 'otp' as stored here, so compare that template's",
        ),
        ("123 is your OTP – Acme", "check-template finds, against the template 'otp', at offset 16: "),
    ],
)
def test_a_text_that_failed_at_its_template_is_compared_with_it(exosms: Shell, text: str, found: str) -> None:
    file = exosms.home / "templates.toml"
    file.write_text(
        'version = 1\n[templates.otp]\ntext = "{#var#} is your OTP - Acme"\ndlt_template_id = "1107234567890123456"\n'
    )
    argv = ("send", *SANDBOX, "--body", text, "--dlt-template-id", "1107234567890123456", "--wait", "0", "--json")
    env = {"EXOSMS_TEMPLATES": str(file)}
    (message,) = exosms(*argv, "--to", "+919000023185", env=env).json["messages"]
    assert found in message["error"]["remedy"]
    (message,) = exosms(*argv, "--to", "+919000023035", env=env).json["messages"]
    assert "check-template" not in message["error"]["remedy"]
    (message,) = exosms(*argv, "--to", "+919000023185").json["messages"]  # no such template is known
    assert "check-template finds" not in message["error"]["remedy"]


def test_a_failed_send_has_its_sid_and_names_who_must_act(exosms: Shell) -> None:
    argv = ("send", *SANDBOX, "--to", "+919000023081", "--body", "Hi", "--wait", "0", "-o", "human")
    lines = exosms(*argv, env={"COLUMNS": "200"}).stdout.splitlines()
    assert lines[0] == "failed  +919000023081"
    assert len(lines[1].strip()) == 32
    rows = {line[:20].strip(): line[20:].strip() for line in lines[4:]}
    assert rows["Exotel said"] == "failed 23081 ENTITY_BLOCKED_BY_DLT"
    assert (rows["Who must act"], rows["Send again?"], rows["Charged?"]) == ("you", "no", "maybe")
    assert rows["Parts, price, time"].startswith("1 part; price 0.25; 2")


def test_a_line_that_is_painted_makes_room_for_others() -> None:
    import io

    from exosms.cli.output.out import Out
    from exosms.cli.output.status_line import StatusLine

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

        def fileno(self) -> int:
            raise OSError

    out = Out(io.StringIO(), Terminal())
    StatusLine(out).show("0 of 1 final")
    out.tell("no answer")
    out.tell("no answer")
    out.line("accepted")
    assert out.stderr.getvalue() == (  # type: ignore[attr-defined]
        "\r\x1b[2Kexosms: 0 of 1 final\r\x1b[2Kexosms: no answer\nexosms: no answer\n"
    )
