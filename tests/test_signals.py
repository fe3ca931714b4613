"""Whatever signals come, however many and whenever: what was requested is never called not sent."""

import fcntl
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from campaign import listens
from conftest import Shell, until, wait_until_it_sleeps
from misbehaving import Connection, Misbehaving, answer, answers, awaits_all, does, hangs, says

from exosms.bulk.request_threads import Request, RequestThreads
from exosms.config.credentials import TOKEN_COMMAND_TIMEOUT, TokenCommand
from exosms.errors import Interrupted
from exosms.exotel.client import Batch
from exosms.ledger import fingerprints, traces
from exosms.system.signals import Interrupts, noting, writing

GOOD = answer(200, '{"SMSMessage": {"Sid": "0f477d60517e6e6a0f6d9a7e9af8630e", "Status": "queued"}}')
ACCOUNT = {"EXOTEL_ACCOUNT_SID": "acme1", "EXOTEL_API_KEY": "key", "EXOTEL_API_TOKEN": "token"}
NUMBERS = ("+919876543210", "+919876543211", "+919876543212")
SHORT = ("--from", "ACMEIN", "--body", "Hello")
UNREAD = "the result could not be written: nobody reads it"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def slowly(connection: Connection) -> None:
    """Take as long as a real answer does."""
    connection.stopping.wait(0.15)


def storm(process: subprocess.Popen[bytes], chance: random.Random) -> None:
    """Send a handful of signals, at once or in a row, somewhere in the life of the process that is its own."""
    until(lambda: listens(process) or process.poll() is not None)
    time.sleep(chance.uniform(0, 0.7))
    for _ in range(chance.randint(1, 6)):
        process.send_signal(chance.choice(SIGNALS))
        time.sleep(chance.choice((0, 0, 0.001, 0.01, 0.1)))


@pytest.mark.parametrize("seed", range(12))
def test_a_storm_of_signals_changes_nothing_about_what_is_known(exosms: Shell, seed: int) -> None:
    chance = random.Random(seed)
    argv = ("send", "--from", "ACMEIN", "--body", "Hello", "--rate", "off", "--to", ",".join(NUMBERS))
    with Misbehaving(*[does(awaits_all, slowly, says(GOOD))] * 3) as server:
        process = exosms.start(*argv, "--base-url", server.url, env=ACCOUNT)
        storm(process, chance)
        out, err = (stream.decode() for stream in process.communicate(timeout=60))
        requested = [connection.form["To"] for connection in server.connections if connection.complete]
    assert len(requested) == len(set(requested)), "requested twice"
    outcomes = {to: outcome for outcome, to, *_ in (line.split("\t") for line in out.splitlines())}
    assert all(outcomes[to] in {"accepted", "unknown"} for to in requested), err
    assert process.returncode in exit_codes(set(outcomes.values())), err
    assert "bug" not in err
    kept = [line.split("\t") for line in exosms("log").stdout.splitlines()]
    assert all(outcomes[line[2]] == line[1] for line in kept)
    assert set(requested) <= {line[2] for line in kept}


def exit_codes(outcomes: set[str]) -> set[int]:
    """Return the exit codes that are true of these outcomes: an unknown one outranks the signal."""
    if "unknown" in outcomes:
        return {9}
    return {0} if outcomes == {"accepted"} else {128 + signum for signum in SIGNALS}


def test_a_handler_raises_only_where_nothing_is_on_its_way() -> None:
    interrupts = Interrupts()
    announced: list[bool] = []
    with interrupts.installed():
        with interrupts.draining(lambda: announced.append(True)):
            signal.raise_signal(signal.SIGTERM)
            assert not announced  # a handler prints nothing: it may have cut through a print
            assert (interrupts.must_leave(), announced) == (False, [True])
            signal.raise_signal(signal.SIGTERM)
            assert (interrupts.must_leave(), announced) == (True, [True])
        assert interrupts.must_leave()
        with pytest.raises(Interrupted), interrupts.at_once():
            raise AssertionError


def test_a_signal_within_a_finalizer_is_heard_and_paints_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python raises nothing there: it prints what it ignores."""

    class Dying:
        def __init__(self, death: Callable[[], object]) -> None:
            self.death = death

        def __del__(self) -> None:
            self.death()

    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    interrupts = Interrupts()
    with interrupts.installed():
        with pytest.raises(Interrupted), interrupts.at_once():
            Dying(lambda: signal.raise_signal(signal.SIGINT))
        assert capsys.readouterr().err == ""
        Dying(lambda: 1 / 0)
        assert "ZeroDivisionError" in capsys.readouterr().err
    assert sys.unraisablehook is sys.__unraisablehook__


def test_signals_in_a_retried_request_leave_it_unknown(exosms: Shell) -> None:
    with Misbehaving(answers(429, "", "Retry-After: 0"), does(awaits_all, hangs)) as server:
        argv = ("send", "--from", "ACMEIN", "--body", "Hello", "--rate", "off", "--to", NUMBERS[0])
        process = exosms.start(*argv, "--base-url", server.url, env=ACCOUNT)
        while server.complete_requests < 2 and process.poll() is None:
            time.sleep(0.01)
        for signum in SIGNALS:
            process.send_signal(signum)
            wait_until_it_sleeps(process)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out.split(b"\t")[0]) == (9, b"unknown"), err
    assert exosms("log").stdout.split("\t")[1] == "unknown"


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("send", "--to", NUMBERS[0], "--body", "Hello"), f"not_sent\t{NUMBERS[0]}\t\tinterrupted\n"),
        (("status", "0" * 32), ""),
    ],
    ids=["send", "status"],
)
def test_a_token_command_is_not_waited_for_once_a_signal_came(
    exosms: Shell, tmp_path: Path, argv: tuple[str, ...], expected: str
) -> None:
    config, runs = tmp_path / "config.toml", tmp_path / "runs"
    config.write_text(f"""
[profiles.prod]
base_url = "http://127.0.0.1:1"
account_sid = "acme1"
api_key = "key"
token_command = ["sh", "-c", "touch {runs}; sleep 1000"]
from = "ACMEIN"
""")
    config.chmod(0o600)
    process = exosms.start(*argv, "--config", str(config))
    while not runs.exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=TOKEN_COMMAND_TIMEOUT - 5)
    assert (process.returncode, out.decode()) == (143, expected)


def test_a_signal_that_comes_while_a_token_command_is_started_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Struck(subprocess.Popen[bytes]):
        """Runs by now, although nobody knows yet."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            started.append(self)
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(subprocess, "Popen", Struck)
    interrupts = Interrupts()
    with interrupts.installed(), pytest.raises(Interrupted), interrupts.at_once():
        TokenCommand(("sleep", "1000")).fetch(environ=os.environ, warn=print)
    assert [process.returncode for process in started] == [-signal.SIGKILL]


@pytest.mark.parametrize(
    ("module", "name", "argv"),
    [
        (fingerprints, "as_number", ("bulk", "people.csv", "--from", "OTHERS", "--region", "sandbox", "-n")),
        (traces, "_hash", ("runs", "purge", "--older-than", "0s")),
    ],
    ids=["bulk", "purge"],
)
def test_a_signal_within_what_the_ledger_calls_is_no_fault_of_the_ledger(
    exosms: Shell, monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, argv: Sequence[str]
) -> None:
    """SQLite swallows what a signal raises in a function of ours."""
    monkeypatch.chdir(exosms.home)
    Path("people.csv").write_text("to,body\n+919876543210,Hello\n")
    assert exosms("bulk", "people.csv", "--from", "ACMEIN", "--region", "sandbox", "--yes").exit_code == 0
    unstruck = getattr(module, name)

    def strike(*values: Any) -> object:
        os.kill(os.getpid(), signal.SIGINT)
        return unstruck(*values)

    monkeypatch.setattr(module, name, strike)
    result = exosms(*argv)
    assert (result.exit_code, result.stdout) == (130, "")
    assert "exosms: error: interrupted by SIGINT\n" in result.stderr


@pytest.fixture
def rows(exosms: Shell) -> Path:
    """A file whose results are more than a pipe holds."""
    file = exosms.home / "rows.csv"
    file.write_text("to,body\n" + "".join(f"+91987{number:07},Hello\n" for number in range(2000)))
    return file


@pytest.mark.parametrize("both", [False, True], ids=["output", "output and errors"])
def test_a_reader_that_takes_nothing_keeps_no_signal_from_ending_a_run(exosms: Shell, rows: Path, both: bool) -> None:
    """Such as a pager that was left open."""
    ours, theirs = os.pipe()
    options = ("--run", "june", "--region", "sandbox", "--from", "ACMEIN", "--yes", "-o", "jsonl", "--batch", "1")
    process = exosms.start("bulk", str(rows), *options, stdout=theirs, stderr=theirs if both else subprocess.PIPE)
    until(lambda: _is_full(theirs))
    wait_until_it_sleeps(process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 143
    assert both or f"error: {UNREAD}\n" in err.decode()
    counts = exosms("runs", "show", "june", "--json").json["counts"]
    assert counts["accepted"] == 2000 - counts["remaining"] > 0


@pytest.mark.parametrize("command", ["bulk", "resume"])
def test_a_reader_that_takes_nothing_from_the_beginning_keeps_no_signal_from_ending_a_run(
    exosms: Shell, rows: Path, command: str
) -> None:
    """What is said before the first message waits for a reader, and so does what the signal gives reason to say."""
    argv = {
        "bulk": ("bulk", str(rows), "--region", "sandbox", "--from", "ACMEIN", "--yes"),
        "resume": ("runs", "resume", "there-is-none"),
    }
    ours, theirs = _full_pipe()
    process = exosms.start(*argv[command], stdout=subprocess.DEVNULL, stderr=theirs)
    until(lambda: listens(process))
    wait_until_it_sleeps(process)
    process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(timeout=60) in {143, 3}  # 3: it knew by then that there is no such run
    finally:
        process.kill()
        os.close(ours)
        os.close(theirs)
    assert exosms("runs", "list").stdout == ""


def test_a_reader_that_takes_nothing_of_what_threads_show_keeps_no_answer_back(exosms: Shell, rows: Path) -> None:
    ours, theirs = _full_pipe()
    options = ("--run", "june", "--region", "sandbox", "--from", "ACMEIN", "--yes", "-q", "--verbose")
    process = exosms.start("bulk", str(rows), *options, stdout=subprocess.DEVNULL, stderr=theirs)
    until(lambda: "in_flight" in exosms("runs", "export", "june", "--outcome", "in_flight").stdout)
    wait_until_it_sleeps(process)
    process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(timeout=60) == 143
    finally:
        process.kill()
        os.close(ours)
        os.close(theirs)
    counts = exosms("runs", "show", "june", "--json").json["counts"]
    assert counts["accepted"] == 2000 - counts["remaining"] > 0


def test_a_full_pipe_keeps_no_signal_from_ending_a_send(exosms: Shell) -> None:
    ours, theirs = _full_pipe()
    send = exosms.start("send", "--to", NUMBERS[0], "--region", "sandbox", *SHORT, stdout=theirs)
    until(lambda: "accepted" in exosms("log").stdout)
    wait_until_it_sleeps(send)
    send.send_signal(signal.SIGTERM)
    _, err = send.communicate(timeout=60)
    assert (send.returncode, err.decode().splitlines()[-1]) == (0, f"exosms: error: {UNREAD}")
    os.close(ours)
    os.close(theirs)


def test_a_full_pipe_keeps_no_second_signal_from_ending_a_job(exosms: Shell) -> None:
    """The first one was most likely meant for the command."""
    ours, theirs = _full_pipe()
    options = ("--to", "+919000000400", "--region", "sandbox", "--from", "ACMEIN")
    command = ("--", "sh", "-c", "exit 3")
    job = exosms.start("job", *options, *command, stdout=subprocess.DEVNULL, stderr=theirs)
    until(lambda: "rejected" in exosms("log").stdout)
    try:
        for _ in range(2):
            wait_until_it_sleeps(job)
            job.send_signal(signal.SIGINT)
        assert job.wait(timeout=60) == 3
    finally:
        job.kill()
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(
    "command", [["send", "--help"], ["codes"], ["profile", "test", "--region", "sandbox"]], ids=" ".join
)
def test_full_pipes_keep_no_second_signal_from_ending_what_sends_nothing(exosms: Shell, command: list[str]) -> None:
    """The first one ends the command, which says so; the second one does not wait for who reads that."""
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)  # less than a page of help has
    if command[0] == "profile":
        os.write(theirs, bytes(4096))
    process = exosms.start(*command, stdout=theirs, stderr=theirs)
    until(lambda: _is_full(theirs) and (listens(process) or command[0] != "profile"))
    try:
        for _ in range(2):
            wait_until_it_sleeps(process)
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
    finally:
        process.kill()
        os.close(ours)
        os.close(theirs)


def test_a_pipe_without_a_reader_as_result_file_is_left_at_a_signal(exosms: Shell, rows: Path) -> None:
    pipe = exosms.home / "pipe"
    os.mkfifo(pipe)
    options = ("--run", "june", "--region", "sandbox", "--from", "ACMEIN", "--yes", "-q", "--limit", "2")
    process = exosms.start("bulk", str(rows), *options, "--results", str(pipe), stdout=subprocess.DEVNULL)
    until(lambda: exosms("runs", "list").stdout)
    until(lambda: exosms("runs", "show", "june", "--json").json["counts"]["accepted"] == 2)
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:  # the first may come before it is written
        wait_until_it_sleeps(process)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
    _, err = process.communicate(timeout=1)
    assert process.returncode in {0, 143}
    assert err.decode().endswith(
        f"exosms: error: The result file {pipe} was not written: interrupted by SIGTERM\n"
        "  Write it elsewhere with: exosms runs export june FILE\n"
    )


def test_a_text_that_does_not_come_keeps_no_signal_from_ending_a_run(exosms: Shell, rows: Path) -> None:
    options = ("--region", "sandbox", "--from", "ACMEIN", "--yes")
    process = exosms.start("bulk", str(rows), *options, "-F", "-", stdin=subprocess.PIPE)
    until(lambda: listens(process))
    wait_until_it_sleeps(process)
    process.send_signal(signal.SIGTERM)
    exit_code = process.wait(timeout=60)
    process.communicate()
    assert exit_code == 143
    assert exosms("runs", "list").stdout == ""


def test_a_signal_that_takes_what_is_left_of_a_wait_for_answers_ends_it() -> None:
    """As one that comes at its very end, or on a machine that has other things to do."""
    carriers = RequestThreads(lambda messages: Batch((), whole=not messages), most=1)
    rescue = threading.Timer(30, carriers.carry, [Request(due=0, place=0, items=())])
    rescue.start()
    before = signal.signal(signal.SIGALRM, lambda *_: time.sleep(0.3))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        assert carriers.arrived(timeout=0.2) == []
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        rescue.cancel()


TWICE = """
import gc, signal
from exosms.cli import app
def main(**_):
    raise KeyboardInterrupt
app.main, gc.freeze = main, lambda: signal.raise_signal(signal.SIGINT)
app.entry_point()
"""


def test_a_second_ctrl_c_before_anything_began_paints_no_traceback(exosms: Shell) -> None:
    argv = [sys.executable, "-c", TWICE]
    done = subprocess.run(argv, env=exosms.full_env(), capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (130, b"")


HEARD_BY_ANOTHER = """
import signal, sys, threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
from exosms.cli.app import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("command", ["sandbox", "callbacks"])
def test_what_serves_ends_also_if_a_signal_wakes_nobody(exosms: Shell, command: str) -> None:
    """As one that comes just before a wait begins; here another thread gets it."""
    argv = [sys.executable, "-c", HEARD_BY_ANOTHER, command, "--port", "0"]
    with subprocess.Popen(argv, env=exosms.full_env(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        try:
            assert process.stdout.readline().startswith(b"http://")
            wait_until_it_sleeps(process)
            process.terminate()
            assert process.wait(60) == 0
        finally:
            process.kill()


def _is_full(descriptor: int) -> bool:
    """Whether a pipe takes no more."""
    return not select.select([], [descriptor], [], 0)[1]


def _full_pipe() -> tuple[int, int]:
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    with suppress(BlockingIOError):
        while True:
            os.write(theirs, bytes(65536))
    os.set_blocking(theirs, True)
    return ours, theirs


def test_a_signal_while_another_thread_starts_a_token_command_ends_the_main_thread_alone() -> None:
    """That one would have ended with a traceback: it gets no signals, and cannot say that it was interrupted."""
    interrupts = Interrupts()
    is_within, is_over = threading.Event(), threading.Event()
    gone_on: list[bool] = []

    def start() -> None:
        with noting():
            is_within.set()
            is_over.wait(60)
        gone_on.append(True)

    def wait() -> None:
        with interrupts.at_once():
            thread.start()
            is_within.wait(60)
            os.kill(os.getpid(), signal.SIGTERM)
            interrupts.wait()

    thread = threading.Thread(target=start)
    with interrupts.installed(), pytest.raises(Interrupted):
        wait()
    is_over.set()
    thread.join()
    assert gone_on


def test_a_signal_while_another_thread_writes_what_nobody_reads_ends_no_wait_of_the_main_thread() -> None:
    """Such as a line of ``exosms callbacks``, which would have said that it cannot listen."""
    interrupts = Interrupts()
    is_within, is_over = threading.Event(), threading.Event()
    ours, theirs = _full_pipe()

    def write() -> None:
        with os.fdopen(theirs, "w") as stream, writing(stream):
            is_within.set()
            is_over.wait(60)

    def wait() -> None:
        thread.start()
        is_within.wait(60)
        os.kill(os.getpid(), signal.SIGTERM)
        interrupts.wait()

    thread = threading.Thread(target=write)
    with interrupts.installed(), pytest.raises(Interrupted):
        wait()
    is_over.set()
    thread.join()
    os.close(ours)
