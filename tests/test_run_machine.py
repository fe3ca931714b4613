"""Any sequence of sending, dying, resuming, retrying, resolving and editing: nobody twice, nobody lost.

The person in it tells the truth: a row is resolved as what the server really did.
"""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crash_points import Fate, forked
from faulty import MARK, FaultyExotel, Key
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

OURS = {
    "EXOTEL_ACCOUNT_SID": "acme1",
    "EXOTEL_API_KEY": "key",
    "EXOTEL_API_TOKEN": "token",
    "EXOTEL_FROM": "ACMEIN",
}
HOW = ("--yes", "--rate", "off", "--batch", "2", "-q")
OUTLOOKS = ("good", "good", "reset before the body", "reset", "cut off", "500", "part of the reply", "another order")

places = st.one_of(st.none(), st.none(), st.integers(1, 160))
"""Where a process is killed; None: nowhere."""


class Runs(RuleBasedStateMachine):
    """One list of messages, one state directory, one server."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        self.home = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))
        self.file = self.home / "list.csv"
        self.rows: list[Key] = []
        self.edits = 0
        self.resolved: set[Key] = set()
        self.server = FaultyExotel(faults=0, seed=1, latency=0).__enter__()
        self.before = dict(os.environ)
        os.environ.update(OURS, EXOSMS_STATE_DIR=str(self.home / "state"), EXOSMS_BASE_URL=self.server.url)

    def teardown(self) -> None:
        """Go on with everything on a good day; then nothing is left open."""
        self.the_weather_changes("good")
        while unfinished := self.query("SELECT name FROM runs WHERE exit_code IS NULL"):
            for (name,) in unfinished:  # 6: refused texts, of which five in a row stop it; 7: resolved as not sent
                assert self.exosms("runs", "resume", name, *HOW) in {0, 6, 7, 10}
        assert self.query("SELECT 1 FROM rows WHERE state IN ('waiting', 'in_flight')") == []
        self.nobody_got_a_message_twice_and_none_is_lost()
        self.server.__exit__()
        os.environ.clear()
        os.environ.update(self.before)
        shutil.rmtree(self.home)

    def query(self, sql: str, *values: object) -> list[Any]:
        path = self.home / "state" / "ledger.db"
        if not path.exists():
            return []
        with contextlib.closing(sqlite3.connect(path)) as connection:
            try:
                return connection.execute(sql, values).fetchall()
            except sqlite3.OperationalError:  # killed before the tables were there
                return []

    def exosms(self, *argv: str, killed_at: int | None = None) -> int | None:
        """Run a command; None if it was killed."""
        exit_code = forked([*argv], Fate("kill", killed_at or -1))
        assert exit_code not in {1, 2, 70}, argv
        return exit_code

    def names(self) -> Iterator[str]:
        for (name,) in self.query("SELECT name FROM runs ORDER BY id DESC"):
            yield name

    def write(self) -> None:
        self.file.write_text("to,body\n" + "".join(f"{to},{text}\n" for to, text in self.rows))

    @initialize(size=st.integers(1, 6))
    def a_list(self, size: int) -> None:
        self.rows = [(f"+91987654321{place % 4}", f"Hello {place}") for place in range(size)]
        self.write()

    @rule(place=st.integers(0, 9), text=st.sampled_from(["Hello", MARK]))
    def somebody_edits_it(self, place: int, text: str) -> None:
        self.edits += 1
        row = (f"+91987654321{place}", f"{text} again {self.edits}")
        if place % 2 and len(self.rows) > 1:
            self.rows[place % len(self.rows)] = row
        else:
            self.rows.append(row)
        self.write()

    @rule(outlook=st.sampled_from(OUTLOOKS))
    def the_weather_changes(self, outlook: str) -> None:
        self.server.suffer(0 if outlook == "good" else 1, outlook)

    @rule(policy=st.sampled_from(["refuse", "skip", "skip"]), killed_at=places)
    def bulk(self, policy: str, killed_at: int | None) -> None:
        self.exosms("bulk", str(self.file), "--sent-before", policy, *HOW, killed_at=killed_at)

    @rule(which=st.integers(0, 3), killed_at=places)
    def resume(self, which: int, killed_at: int | None) -> None:
        for name in [*self.names()][which : which + 1]:
            self.exosms("runs", "resume", name, *HOW, killed_at=killed_at)

    @rule(which=st.integers(0, 3), rejected=st.booleans(), killed_at=places)
    def retry(self, which: int, rejected: bool, killed_at: int | None) -> None:
        for name in [*self.names()][which : which + 1]:
            self.exosms("runs", "retry", name, *["--rejected"][:rejected], *HOW, killed_at=killed_at)

    @rule()
    def somebody_resolves_what_is_unknown(self) -> None:
        unknown = self.query(
            "SELECT name, number, recipient, text FROM rows JOIN runs ON runs.id = run WHERE state = 'unknown'"
        )
        for name, number, to, text in unknown[:2]:
            truth = "accepted" if self.acted((to, text)) else "not_sent"
            assert self.exosms("runs", "resolve", name, "--row", str(number), "--as", truth) == 0
            if truth == "accepted":
                self.resolved.add((to, text))

    def acted(self, key: Key) -> list[str | None]:
        return [deed.sid for deed in self.server.deeds[key] if deed.acted]

    @invariant()
    def nobody_got_a_message_twice_and_none_is_lost(self) -> None:
        known: dict[Key, set[str]] = {}
        for number, to, text, state, sid in self.query("SELECT number, recipient, text, state, sid FROM rows"):
            known.setdefault((to, text or sid), set()).add(state)
            assert (state == "accepted") <= (text is None), number
        for key in [*self.server.deeds]:
            acted = self.acted(key)
            assert len(acted) <= 1, (key, "was sent twice")
            for sid in acted:
                states = known.get(key, set()) | known.get((key[0], sid or ""), set())
                is_known = states & {"accepted", "unknown", "in_flight"} or key in self.resolved
                assert is_known, (key, states, "is called not sent")
        sids = {sid for key in [*self.server.deeds] for sid in self.acted(key)}
        accepted = self.query("SELECT sid FROM rows WHERE state = 'accepted' AND sid IS NOT NULL")
        assert {sid for (sid,) in accepted} <= sids


TestRuns = Runs.TestCase
TestRuns.settings = settings(max_examples=60, stateful_step_count=14)
