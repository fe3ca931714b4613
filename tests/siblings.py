"""Mixed commands under fire: many processes on one state directory, struck by signals, before a server that fails.

``python tests/proof.py siblings`` prints what it came to. Files are sent, resumed, tried again by those who began
them and by others who meddle; alerts, plain messages and once keys that two processes race for go out beside them;
the log and exports are read by somebody who stops reading; old records are purged. Processes are killed, interrupted,
stopped and continued. Whoever has unknown messages asks an oracle, the server, which knows what it took, and resolves
them: by the rows, by a Sid that exosms asks about, or by Sids among which it finds out itself whose they are. In the
end everything has gone out, once.

- held: alerts (``send --once``) that slept for more than a second in statements of the ledger: ``lock_waits`` says
  what is counted, and why a busy machine counts for nothing. Whoever may have the lock is stopped only for a moment,
  since nothing but that process can give it back; a reader is stopped for long.
- lied: exit codes that do not agree with what the server took, what the ledger says, or what was printed
"""

import fcntl
import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from campaign import Tally, listens
from conftest import side_by_side
from faulty import MARK, FaultyExotel, Key

MOST_HELD = 1.0
"""Seconds that an alert may wait for others."""

_ROWS = 24
_PATIENCE = 120.0
_OLD = 60.0
"""Seconds after which records are purged."""
_MOST_STEPS = 80
"""Commands that one run or alert may take to its end."""
_SMALLEST_PIPE = 4096

_INTERRUPTED = {signal.SIGHUP: 129, signal.SIGINT: 130, signal.SIGTERM: 143}
_NOBODY = {5, 6, 7, 11}
"""Exit codes after which nobody has been sent anything; 3 and 4 are lies here, since input and settings are sound."""


@dataclass
class MixedTally(Tally):
    """What a campaign of mixed commands came to."""

    commands: int = 0
    held: int = 0
    lied: int = 0


class Ended(NamedTuple):
    """A process that has ended."""

    argv: Sequence[str]
    who: str
    """Its API key, by which the server tells it from the others."""
    code: int
    out: str
    err: str
    signals: Sequence[signal.Signals]

    @property
    def is_cut_off(self) -> bool:
        """Whether it ended by a signal, so that its exit code says nothing."""
        return self.code < 0 and -self.code in self.signals

    @property
    def is_interrupted(self) -> bool:
        """Whether it says that a signal ended it, and one did."""
        return self.code in {_INTERRUPTED[each] for each in self.signals if each in _INTERRUPTED}

    @property
    def results(self) -> list[list[str]]:
        """The cells of each line that it printed."""
        return [line.split("\t") for line in self.out.splitlines()]


@dataclass
class BulkRun:
    """A run that is not over yet; whoever holds its lock is the only one who meddles."""

    name: str
    path: Path
    rows: Sequence[Key]
    lock: threading.Lock = field(default_factory=threading.Lock)


class Siblings:
    """One state directory, one server, and many processes."""

    def __init__(
        self, home: Path, server: FaultyExotel, *, commands: int, seed: int, at_once: int, variant: str = ""
    ) -> None:
        self.tally = MixedTally()
        self._home = home
        self._server = server
        self._commands = commands
        self._seed = seed
        self._at_once = at_once
        self._variant = variant
        self._runner = ("-m", "naive", variant) if variant else ("-m", "exosms")
        self._deeds = (Siblings._alert,) if variant else _DEEDS
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._begun = 0
        self._open: list[BulkRun] = []
        self._recipients: dict[str, float] = {}
        """Those of single messages, with the moment at which the last process that texted them ended."""

    def fight(self) -> MixedTally:
        """Go on until so many commands were run."""
        started = time.monotonic()
        self._run("runs", "list")  # there is a ledger
        side_by_side(self._fight_on, self._at_once)
        self._server.settle()
        self._run("runs", "purge", "--older-than", "365d")  # settles what the dead left
        for to, at in self._recipients.items():
            self._judge_recipient(to, is_old=time.monotonic() - at > _OLD - 5)
        self.tally.faults = self._server.faults
        self.tally.seconds = time.monotonic() - started
        return self.tally

    def _fight_on(self) -> None:
        while True:
            with self._lock:
                if self.tally.commands >= self._commands:
                    return
                self._begun += 1
                number = self._begun
            chance = random.Random(self._seed * 10_000 + number)
            deed = self._deeds[number - 1] if number <= len(self._deeds) else chance.choice(self._deeds)
            try:
                deed(self, number, chance)
            except Exception as error:  # noqa: BLE001  # a thread's would be lost
                self._complain(f"{deed.__name__} {number}: {type(error).__name__}: {error}")

    # What is done.

    def _alert(self, number: int, chance: random.Random) -> None:
        """Send one message under a key of its own, until it is accepted."""
        to = self._recipient(number)
        argv = ("send", "--to", to, "--once", f"alert-{number}", "--retry-for", "3s", "--rate", "off")
        for attempt in range(_MOST_STEPS):
            file = self._home / f"waits-{number}-{attempt}"
            text = f"Alert {number}.{attempt}"
            watched = () if self._variant else ("-m", "lock_waits", str(file))
            ended = self._run(*argv, "-b", text, runner=watched)
            self._judge_wait(file, ended)
            self._judge_send(ended, [to], text)
            if ended.code == 0 or len(self._acted_on(to)) > 1:
                return
            self._resolve_key(f"alert-{number}", to, chance)
        self._complain(f"alert {number}: never accepted")

    def _plain(self, number: int, chance: random.Random) -> None:
        """Send a message to one or several, of which the server may refuse to hear."""
        several = [self._recipient(number, place) for place in range(chance.choice((1, 1, 3)))]
        text = f"{chance.choice(('Hello', 'Hello', MARK))} {number}"
        options = [word for to in several for word in ("--to", to)]
        ended = self._run("send", *options, "-b", text, "--retry-for", "2s", "--rate", "off", chance=chance)
        self._judge_send(ended, several, text)

    def _race(self, number: int, chance: random.Random) -> None:
        """Let two send under the same key at once, until one was accepted."""
        to = self._recipient(number)
        key = ("--once", f"race-{number}", "--retry-for", "3s", "--timeout", "5", "--rate", "off")
        for attempt in range(_MOST_STEPS):
            racers = [
                partial(
                    self._run,
                    *("send", "--to", to, *key, "-b", f"Race {number}.{attempt}.{place}"),
                    chance=random.Random(chance.random()),
                )
                for place in range(2)
            ]
            with ThreadPoolExecutor(len(racers)) as pool:
                ended = [each.result() for each in [pool.submit(racer) for racer in racers]]
            for each in ended:
                self._judge_send(each, [to], each.argv[-1])
            if any(each.code == 0 for each in ended) or len(self._acted_on(to)) > 1:
                return
            self._resolve_key(f"race-{number}", to, chance)
        self._complain(f"race {number}: never accepted")

    def _bulk(self, number: int, chance: random.Random) -> None:
        """Send a file to its end, whatever it takes."""
        run = self._file(number, chance)
        begin = ("bulk", str(run.path), "--run", run.name)
        for _ in range(_MOST_STEPS):
            found = self._query("SELECT exit_code FROM runs WHERE name = ?", run.name)
            states = {str(state) for (state,) in self._row_states(run)}
            if not found or found[0][0] is None:
                argv = ("runs", "resume", run.name) if found and chance.random() < 0.5 else begin
            elif "unknown" in states:
                self._resolve_rows(run, chance)
                continue
            elif "not_sent" in states:
                argv = ("runs", "retry", run.name)
            else:
                break
            self._judge_bulk(run, self._run(*argv, *_BULK, chance=chance))
        with run.lock:
            self._open.remove(run)
            self._judge_rows(run)

    def _meddle(self, _number: int, chance: random.Random) -> None:
        """Go on with, or try again, what another began."""
        run = self._any_run(chance)
        if run is None or not run.lock.acquire(blocking=False):
            self._read(_number, chance)
            return
        try:
            ended = self._run("runs", chance.choice(("resume", "retry")), run.name, *_BULK, chance=chance)
            if ended.code != 3:  # it may not have begun yet
                self._judge_bulk(run, ended)
        finally:
            run.lock.release()

    def _read(self, _number: int, chance: random.Random) -> None:
        """Read something, and stop reading for a while, or for ever."""
        run = self._any_run(chance)
        ways: list[tuple[str, ...]] = [("log",), ("log", "--json"), ("log", "--outcome", "accepted")]
        ways.append(("runs", "list"))
        if run:
            ways += [("log", "--run", run.name), ("runs", "export", run.name), ("runs", "show", run.name)]
        argv = chance.choice(ways)
        process = self._start(argv, "reader", self._runner)
        assert process.stdout is not None
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, _SMALLEST_PIPE)
        is_stopped = chance.random() < 0.5
        time.sleep(chance.uniform(0.2, 1.0))
        if is_stopped:
            process.send_signal(signal.SIGSTOP)
        time.sleep(chance.uniform(0.5, 2.0))
        if is_stopped:
            process.send_signal(signal.SIGCONT)
        is_closed = chance.random() < 0.5
        if is_closed:
            process.stdout.close()
            process.stdout = None
        out, err = process.communicate(timeout=_PATIENCE)
        ended = Ended(argv, "reader", process.returncode, (out or b"").decode(), err.decode(), ())
        is_gone = ended.code == 3 and run is not None and run.name in argv  # or has not begun
        if ended.code and not is_gone:
            self._lie(ended, "it only reads")
        elif argv[-1] == "--json" and not is_closed:
            json.loads(ended.out)

    def _purge(self, _number: int, _chance: random.Random) -> None:
        """Forget what is old."""
        ended = self._run("runs", "purge", "--older-than", f"{_OLD:.0f}s", "--yes")
        if ended.code:
            self._lie(ended, "it only purges")

    # How.

    def _recipient(self, number: int, place: int = 0) -> str:
        to = f"+9198{number:05d}{place:03d}"
        with self._lock:
            self._recipients[to] = time.monotonic()
            self.tally.messages += 1
        return to

    def _file(self, number: int, chance: random.Random) -> BulkRun:
        rows = [
            (f"+9197{number:05d}{place:03d}", f"{MARK if chance.random() < 0.02 else 'Hello'} {number}.{place}")
            for place in range(_ROWS)
        ]
        path = self._home / f"run-{number}.csv"
        path.write_text("to,body\n" + "".join(f"{to},{text}\n" for to, text in rows))
        run = BulkRun(f"run-{number}", path, rows)
        with self._lock:
            self._open.append(run)
            self.tally.messages += _ROWS
        return run

    def _any_run(self, chance: random.Random) -> BulkRun | None:
        with self._lock:
            return chance.choice(self._open) if self._open else None

    def _run(self, *argv: str, chance: random.Random | None = None, runner: Sequence[str] = ()) -> Ended:
        """Run a command to its end; where there is a chance, it may be struck."""
        with self._lock:
            who = f"key{next(self._numbers)}"
            self.tally.commands += 1
        process = self._start(argv, who, runner or self._runner)
        signals = self._strike(process, chance) if chance and chance.random() < 0.6 else ()
        out, err = process.communicate(timeout=_PATIENCE)
        ended = Ended(argv, who, process.returncode, out.decode(), err.decode(), signals)
        if ended.is_cut_off or ended.is_interrupted:
            self._server.settle()
            with self._lock:
                self.tally.kills += ended.is_cut_off
                self.tally.interruptions += ended.is_interrupted
        elif ended.code not in {0, 3, 9, 10, *_NOBODY}:
            self._lie(ended, "no cause for that")
        elif ended.code and not ended.err.strip():
            self._lie(ended, "it did not say why")
        return ended

    def _start(self, argv: Sequence[str], who: str, runner: Sequence[str]) -> subprocess.Popen[bytes]:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "PYTHONPATH": str(Path(__file__).parent),
            "EXOSMS_STATE_DIR": str(self._home / "state"),
            "EXOSMS_BASE_URL": self._server.url,
            "EXOTEL_ACCOUNT_SID": "acme1",
            "EXOTEL_API_KEY": who,
            "EXOTEL_API_TOKEN": "token",
            "EXOTEL_FROM": "ACMEIN",
        }
        command = [sys.executable, *runner, *argv]
        return subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def _strike(self, process: subprocess.Popen[bytes], chance: random.Random) -> Sequence[signal.Signals]:
        """Kill, interrupt, or stop and continue a process at a random moment; return the signals that reached it."""
        way = chance.choice(_SIGNALS)
        is_early = chance.random() < 0.3
        seen = self._server.requests
        while not is_early and process.poll() is None and self._server.requests == seen:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.4 if is_early else 0.05))
        if process.poll() is not None:
            return ()
        if way is signal.SIGSTOP:
            process.send_signal(way)
            time.sleep(0.2)
            process.send_signal(signal.SIGCONT)
            return ()
        if not listens(process):
            way = signal.SIGKILL
        process.send_signal(way)
        return (way,)

    def _query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._home / "state" / "ledger.db", timeout=30)) as connection:
            return connection.execute(sql, values).fetchall()

    def _row_states(self, run: BulkRun, *columns: str) -> list[tuple[Any, ...]]:
        names = ", ".join(columns or ("rows.state",))
        sql = f"SELECT {names} FROM rows JOIN runs ON runs.id = rows.run WHERE name = ? ORDER BY number"
        return self._query(sql, run.name)

    # The oracle.

    def _acted(self, key: Key) -> list[str | None]:
        return [deed.sid for deed in self._server.deeds[key] if deed.acted]

    def _acted_on(self, to: str) -> list[str | None]:
        keys = [key for key in list(self._server.deeds) if key[0] == to]
        return [sid for key in keys for sid in self._acted(key)]

    def _resolve_key(self, key: str, to: str, chance: random.Random) -> None:
        """Say what happened to the message of a key, if nobody knows."""
        self._server.settle()
        if not self._is_unknown(key):
            return
        with self._lock:
            self.tally.unknown += 1
        acted = self._acted_on(to)
        if acted and acted[0] and chance.random() < 0.5:
            argv = ("runs", "resolve", "--once", key, "--as", "accepted", "--sid", acted[0])
            if self._asked(argv, chance) and self._is_unknown(key):
                self._complain(f"{key} is unknown still, although it was resolved with {acted[0]}")
        if self._is_unknown(key):
            ended = self._run("runs", "resolve", "--once", key, "--as", "accepted" if acted else "not_sent")
            if ended.code:
                self._lie(ended, "it was unknown")

    def _is_unknown(self, key: str) -> bool:
        sql = "SELECT 1 FROM messages WHERE once_key = ? AND state IN ('unknown', 'in_flight')"
        return bool(self._query(sql, key))

    def _resolve_rows(self, run: BulkRun, chance: random.Random) -> None:
        """Say what happened to every unknown row of a run, while nobody meddles."""
        with run.lock:
            self._server.settle()
            with self._lock:
                self.tally.unknown += len(self._unknown_rows(run))
            if chance.random() < 0.5:
                self._reconcile(run, chance)
            for number in self._unknown_rows(run):
                sids = self._acted(run.rows[number - 1])
                if sids and sids[0] and chance.random() < 0.5:
                    self._identify(run, number, sids[0], chance)
            unknown = self._unknown_rows(run)
            taken = [number for number in unknown if self._acted(run.rows[number - 1])]
            others = [number for number in unknown if number not in taken]
            fewer, more = sorted(((taken, "accepted"), (others, "not_sent")), key=lambda each: len(each[0]))
            decisions: list[tuple[str, ...]] = [("--as", fewer[1], "--row", str(n)) for n in fewer[0]]
            decisions += [("--as", more[1])] * bool(more[0])
            for decision in decisions:
                ended = self._run("runs", "resolve", run.name, *decision)
                if ended.code:
                    self._lie(ended, "it was unknown")

    def _unknown_rows(self, run: BulkRun) -> list[int]:
        return [number for number, state in self._row_states(run, "number", "rows.state") if state == "unknown"]

    def _reconcile(self, run: BulkRun, chance: random.Random) -> None:
        """Have exosms find out whose the Sids of a run are, among others."""
        sids = [sid for key in run.rows for sid in self._acted(key) if sid]
        sids += [f"{chance.getrandbits(128):032x}" for _ in range(2)]
        chance.shuffle(sids)
        file = run.path.with_suffix(".sids")
        file.write_text("\n".join(sids) + "\n")
        ended = self._run("runs", "reconcile", run.name, "--sids", str(file), "--rate", "off", chance=chance)
        left = self._unknown_rows(run)
        if ended.code == 3 or (ended.code == 0 and left) or (ended.code == 9 and not left):
            self._lie(ended, f"rows that are unknown still: {left}")

    def _identify(self, run: BulkRun, number: int, sid: str, chance: random.Random) -> None:
        """Give a row its Sid, or another row's, which is refused."""
        place = ("--row", str(number), "--as", "accepted", "--sid")
        others = [one for key in run.rows if key != run.rows[number - 1] for one in self._acted(key) if one]
        if others and chance.random() < 0.3:
            ended = self._run("runs", "resolve", run.name, *place, chance.choice(others))
            if ended.code == 0 or number not in self._unknown_rows(run):
                self._lie(ended, "it is the Sid of another row")
        is_done = self._asked(("runs", "resolve", run.name, *place, sid), chance)
        if is_done and number in self._unknown_rows(run):
            self._complain(f"{run.name} row {number} is unknown still, although it was resolved with {sid}")

    def _asked(self, argv: Sequence[str], chance: random.Random) -> bool:
        """Run a command that asks the server, whose answer may fail, and return whether it succeeded."""
        ended = self._run(*argv, chance=chance)
        if ended.code == 3:
            self._lie(ended, "it is the Sid of that message")
        return ended.code == 0

    # What is held against it.

    def _judge_wait(self, file: Path, ended: Ended) -> None:
        waits = file.read_text() if file.exists() else ""
        slept = sum(float(line.split()[0]) for line in waits.splitlines())
        if slept > MOST_HELD:
            with self._lock:
                self.tally.held += 1
                self.tally.complaints.append(f"{ended.argv}: held back for {slept:.1f} s: {waits}")

    def _judge_send(self, ended: Ended, several: Sequence[str], text: str) -> None:
        """Hold what a send printed, and its exit code, against what the server took from it."""
        with self._lock:
            self._recipients.update(dict.fromkeys(several, time.monotonic()))
        if ended.is_cut_off:
            return
        acted = {to: self._acted((to, text)) for to in several}
        for outcome, to, sid, *_ in ended.results:
            is_true = {
                "accepted": sid in acted[to],
                "not_sent": not acted[to],
                "rejected": not acted[to],
                "unknown": True,
                "skipped": not acted[to] and self._acted_on(to),
            }.get(outcome)
            if not is_true:
                self._lie(ended, f"{outcome} {to} {sid}; the server acted: {acted[to]}")
        outcomes = {to: outcome for outcome, to, *_ in ended.results}
        silent = [to for to in several if to not in outcomes]
        if (silent and not ended.is_interrupted) or any(acted[to] for to in silent):
            self._lie(ended, f"nothing is said of {silent}")
        took = self._server.taken_from[ended.who]
        if took != sum(map(len, acted.values())) or not (ended.is_interrupted or _agrees(ended.code, outcomes, took)):
            self._lie(ended, f"the server took {took}: {acted}")

    def _judge_recipient(self, to: str, *, is_old: bool) -> None:
        """Hold what the ledger says of one recipient of single messages against what the server did."""
        acted = self._acted_on(to)
        rows = self._query("SELECT state, sid, error FROM messages WHERE recipient = ?", to)
        by_hand = [state for state, _, error in rows if error == "resolved by hand" and state == "accepted"]
        sids = [sid for state, sid, _ in rows if state == "accepted" and sid]
        unknown = [state for state, *_ in rows if state == "unknown"]
        is_told = len(acted) <= len(by_hand) + len(sids) + len(unknown) or (is_old and not rows)
        is_true = all(sid in acted for sid in sids) and len(by_hand) + len(sids) <= len(acted)
        unsettled = [state for state, *_ in rows if state in {"waiting", "in_flight"}]
        is_lost = not is_told or not is_true or bool(unsettled)
        self.tally.unknown += len(unknown)
        self.tally.duplicated += len(acted) > 1
        self.tally.lost += is_lost
        if is_lost or len(acted) > 1:
            self._complain(f"{to}: {rows}; the server acted {len(acted)} times: {acted}")

    def _judge_bulk(self, run: BulkRun, ended: Ended) -> None:
        """Hold the exit code of a run's command against what it printed and what the server took from it."""
        if ended.is_cut_off:
            return
        if ended.code == 3:
            self._lie(ended, "its input is sound")
            return
        document = json.loads(ended.out)
        counts = document["counts"]
        took = self._server.taken_from[ended.who]
        left = counts["remaining"]
        failed = counts["rejected"] + counts["not_sent"] + counts["unknown"]
        nothing_to_retry = ended.argv[:2] == ("runs", "retry") and not took
        nobody = left > 0 or not (counts["accepted"] or counts["unknown"])
        is_true = {
            0: nothing_to_retry or not (failed or left),
            5: left > 0 or not took,
            **dict.fromkeys((6, 7, 11), nobody),
            9: counts["unknown"] > 0 and left > 0,
            10: failed > 0 and counts["accepted"] + counts["unknown"] > 0,
        }.get(ended.code, ended.is_interrupted and (left > 0 or not took))
        accepted = len([state for (state,) in self._row_states(run) if state == "accepted"])
        if document["exit_code"] != ended.code or not is_true or counts["accepted"] > accepted:
            self._lie(ended, f"the server took {took}; accepted in the ledger: {accepted}")
        if left and ended.code not in {0, 5} and "runs resume" not in ended.err:
            self._lie(ended, "it does not say how to go on")

    def _judge_rows(self, run: BulkRun) -> None:
        """Hold every row of a run that is over against what the server did."""
        self._server.settle()
        found = self._row_states(run, "number", "rows.state", "rows.sid", "rows.error")
        if [number for number, *_ in found] != [*range(1, len(run.rows) + 1)]:
            self._complain(f"{run.name}: {len(found)} rows instead of {len(run.rows)}")
        for number, state, sid, error in found:
            acted = self._acted(run.rows[number - 1])
            known = acted[0] if error == "resolved by hand" and acted and not sid else sid
            with self._lock:
                self.tally.judge(f"{run.name} row {number}", state, known, acted)

    def _lie(self, ended: Ended, why: str) -> None:
        with self._lock:
            self.tally.lied += 1
            said = f"{ended.out[-600:]!r} {ended.err[-600:]!r}"
            self.tally.complaints.append(f"{' '.join(ended.argv)} ended with {ended.code}: {why}: {said}")

    def _complain(self, complaint: str) -> None:
        with self._lock:
            self.tally.complaints.append(complaint)


_BULK = ("--yes", "--rate", "off", "--batch", "4", "--json")
_SIGNALS = (*[signal.SIGKILL] * 3, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGSTOP, signal.SIGSTOP)
_DEEDS: Sequence[Callable[[Siblings, int, random.Random], None]] = (
    Siblings._bulk,
    Siblings._bulk,
    Siblings._alert,
    Siblings._race,
    Siblings._read,
    Siblings._alert,
    Siblings._meddle,
    Siblings._plain,
    Siblings._read,
    Siblings._alert,
    Siblings._purge,
    Siblings._meddle,
    Siblings._plain,
    Siblings._alert,
)


def _agrees(code: int, outcomes: dict[str, str], took: int) -> bool:
    """Say whether an exit code is that of these outcomes, and of what the server took."""
    kinds = {*outcomes.values()} - {"skipped"}
    if "unknown" in kinds:
        return code == 9
    if kinds <= {"accepted"}:
        return code == 0
    if "accepted" in kinds:
        return code == 10
    return code in _NOBODY and not took


def fight(
    home: Path,
    *,
    commands: int,
    faults: float,
    seed: int,
    at_once: int = 6,
    kinds: Sequence[str] = (),
    variant: str = "",
) -> MixedTally:
    """Run a campaign of mixed commands and return what it came to; of a variant of ``naive`` only the alerts."""
    with FaultyExotel(faults=faults, seed=seed, kinds=kinds) as server:
        return Siblings(home, server, commands=commands, seed=seed, at_once=at_once, variant=variant).fight()
