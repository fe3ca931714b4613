"""Bulk under fire: killed at random moments, against a server that fails, and resumed until nothing is left.

``python tests/proof.py campaign`` prints what it came to. Afterwards the ledger is held against what the server did
with every message:

- duplicated: the server acted, or may have acted, more than once on one row's message;
- lost: a row that is in no final state, or that is called not sent although the server acted on it, or accepted under
  a Sid that the server never gave to it;
- unknown: rows of which exosms says that nobody can tell.
"""

import csv
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields
from pathlib import Path

from conftest import side_by_side
from faulty import MARK, FaultyExotel, Key

ROWS = 1000
"""Rows of one file."""
_SIDE_BY_SIDE = 2
_PATIENCE = 600.0
"""Seconds for one command, on a machine that has other things to do."""


@dataclass
class Tally:
    """What a campaign came to."""

    kills: int = 0
    receivers: int | None = None
    """Receivers that were killed."""
    interruptions: int = 0
    faults: int = 0
    messages: int = 0
    duplicated: int = 0
    lost: int = 0
    unknown: int = 0
    taken: int | None = None
    told: int | None = None
    found: int | None = None
    wrong: int | None = None
    seconds: float = 0.0
    complaints: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Count what another one counted."""
        for part in fields(self):
            own, more = getattr(self, part.name), getattr(other, part.name)
            setattr(self, part.name, own if more is None else more if own is None else own + more)

    def judge(self, row: str, state: str, sid: object, acted: Sequence[str | None]) -> None:
        """Hold one row of the ledger against the Sids under which the server acted on its message."""
        is_lost = {
            "accepted": sid not in acted,
            "unknown": False,
            "rejected": bool(acted),
            "not_sent": bool(acted),
        }.get(state, True)
        self.unknown += state == "unknown"
        self.duplicated += len(acted) > 1
        self.lost += is_lost
        if is_lost or len(acted) > 1:
            self.complaints.append(f"{row}: {state} {sid}; the server acted {len(acted)} times: {acted}")


class Campaign:
    """One state directory, one server, several files at a time."""

    def __init__(
        self,
        home: Path,
        server: FaultyExotel,
        *,
        kills: int,
        messages: int,
        seed: int,
        variant: str | None = None,
        size: int = ROWS,
    ) -> None:
        self.tally = Tally()
        self._home = home
        self._server = server
        self._kills = kills
        self._messages = messages
        self._seed = seed
        self._variant = variant
        self._size = size
        self._lock = threading.Lock()
        self._files = 0

    def fight(self) -> Tally:
        """Go on until there were enough kills and enough messages; a variant is done for once it is noticed."""
        started = time.monotonic()
        side_by_side(self._fight_on, 1 if self._variant else _SIDE_BY_SIDE)
        self.tally.faults = self._server.faults
        self.tally.seconds = time.monotonic() - started
        return self.tally

    def _fight_on(self) -> None:
        while True:
            with self._lock:
                if self._is_enough:
                    return
                self._files += 1
                self.tally.messages += self._size
                number = self._files
            chance = random.Random(self._seed * 1000 + number)
            rows = self.rows(number, chance)
            name = f"run-{number}"
            try:
                self._send(name, self._write(name, rows), chance)
                self._compare(name, rows)
                self.after(name, rows, chance)
            except subprocess.TimeoutExpired as hung:
                self._complain(f"{name}: {hung}")
                return

    @property
    def _is_enough(self) -> bool:
        if self._variant and self.tally.duplicated + self.tally.lost:
            return True
        return self.tally.kills >= self._kills and self.tally.messages >= self._messages

    def after(self, name: str, rows: Sequence[Key], chance: random.Random) -> None:
        """Do what else is to be done with a finished run."""

    def _write(self, name: str, rows: Sequence[Key]) -> Path:
        path = self._home / f"{name}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("to", "body"))
            writer.writerows(rows)
        return path

    def _send(self, name: str, path: Path, chance: random.Random) -> None:
        """Begin the run, kill it, go on with it, until a process ends by itself with nothing left."""
        how = self.how(name)
        begin = ("bulk", str(path), "--run", name, "--yes", "--rate", "off", "--duplicates", "all", *how, "-q")
        resume = ("runs", "resume", name, "--yes", "--rate", "off", *how, "-q")
        while not self._is_finished(name):
            has_begun = self._is_known(name)
            process = self._start(
                resume if has_begun and chance.random() < 0.5 else begin, account=self.account(name)
            )
            self._strike(process, chance)
            err = process.communicate(timeout=_PATIENCE)[1].decode()
            if "Traceback" in err or "bug" in err:
                self._complain(f"{name}: {err}")
                return

    def how(self, _name: str) -> tuple[str, ...]:
        """Return how a run is sent."""
        return ("--batch", "10")

    def account(self, _name: str) -> str:
        """Return from which account."""
        return "acme1"

    def rows(self, number: int, chance: random.Random) -> Sequence[Key]:
        """Return the messages of a file."""
        return _rows(number, chance, self._size)

    def _environ(self, account: str) -> dict[str, str]:
        """Return the environment in which commands send from an account."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "PYTHONPATH": str(Path(__file__).parent),
            "EXOSMS_STATE_DIR": str(self._home / "state"),
            "EXOSMS_BASE_URL": self._server.url,
            "EXOTEL_ACCOUNT_SID": account,
            "EXOTEL_API_KEY": "key",
            "EXOTEL_API_TOKEN": "token",
            "EXOTEL_FROM": "ACMEIN",
        }

    def _start(self, argv: Sequence[str], *, account: str) -> subprocess.Popen[bytes]:
        runner = ("-m", "naive", self._variant) if self._variant else ("-m", "exosms")
        return subprocess.Popen(
            [sys.executable, *runner, *argv],
            env=self._environ(account),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def _strike(self, process: subprocess.Popen[bytes], chance: random.Random) -> None:
        """Stop the process at a random moment, mostly by SIGKILL and mostly once it sends."""
        if self.tally.kills >= self._kills:
            return
        if chance.random() < 0.8:
            seen = self._server.requests
            while process.poll() is None and self._server.requests == seen:
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.08))
        else:
            time.sleep(chance.uniform(0.05, 0.6))
        if process.poll() is not None:
            return
        if chance.random() < 0.9 or not listens(process):
            process.kill()
            if process.wait() == -signal.SIGKILL:
                with self._lock:
                    self.tally.kills += 1
            return
        for _ in range(chance.choice((1, 2))):
            process.send_signal(chance.choice((signal.SIGINT, signal.SIGTERM)))
            time.sleep(0.01)
        with self._lock:
            self.tally.interruptions += 1

    def _query(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        path = self._home / "state" / "ledger.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            try:
                return connection.execute(sql, values).fetchall()
            except sqlite3.OperationalError:  # killed before the tables were there
                return []

    def _is_known(self, name: str) -> bool:
        return bool(self._query("SELECT 1 FROM runs WHERE name = ?", name))

    def _is_finished(self, name: str) -> bool:
        return bool(self._query("SELECT 1 FROM runs WHERE name = ? AND exit_code IS NOT NULL", name))

    def _compare(self, name: str, rows: Sequence[Key]) -> None:
        """Hold every row of the ledger against what the server did."""
        found = self._query(
            "SELECT number, state, sid FROM rows JOIN runs ON runs.id = rows.run WHERE name = ? ORDER BY number", name
        )
        if [number for number, *_ in found] != [*range(1, len(rows) + 1)]:
            self._complain(f"{name}: {len(found)} rows instead of {len(rows)}")
            return
        for key, (number, state, sid) in zip(rows, found, strict=True):
            acted = [deed.sid for deed in self._server.deeds[key] if deed.acted]
            self._judge(f"{name} row {number}", str(state), sid, acted)

    def _judge(self, row: str, state: str, sid: object, acted: Sequence[str | None]) -> None:
        with self._lock:
            self.tally.judge(row, state, sid, acted)

    def _complain(self, complaint: str) -> None:
        with self._lock:
            self.tally.complaints.append(complaint)


def listens(process: subprocess.Popen[bytes]) -> bool:
    """Say whether it has taken over the signals, SIGHUP being the last: until then a Ctrl-C is the interpreter's."""
    caught = next(
        line.split()[1]
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
        if line.startswith("SigCgt")
    )
    return bool(int(caught, 16) & 1 << signal.SIGHUP - 1)


def _rows(number: int, chance: random.Random, size: int) -> Sequence[Key]:
    """Return messages that differ from all others; some recipients get several, some texts are refused."""
    rows: list[Key] = []
    for place in range(size):
        to = rows[-1][0] if rows and chance.random() < 0.05 else f"+9198{number % 1000:03d}{place:05d}"
        mark = MARK if chance.random() < 0.003 else "Hello"
        rows.append((to, f"{mark} {number}.{place}"))
    return rows


def fight(home: Path, *, kills: int, messages: int, faults: float, seed: int) -> Tally:
    """Run a campaign and return what it came to."""
    with FaultyExotel(faults=faults, seed=seed) as server:
        return Campaign(home, server, kills=kills, messages=messages, seed=seed).fight()


def fight_briefly(home: Path, *, variant: str) -> Tally:
    """Run a campaign without a precaution, until that is noticed or it was long enough to notice it.

    What goes wrong only at a death is looked at after every request: most deaths came when it was long known.
    """
    kills, size = (40, 10) if variant in _WRONG_AT_A_DEATH else (0, 100)
    with FaultyExotel(faults=0.2, seed=5) as server:
        return Campaign(home, server, kills=kills, messages=4000, seed=5, variant=variant, size=size).fight()


_WRONG_AT_A_DEATH = {"resends_what_was_in_flight", "claims_too_late"}
