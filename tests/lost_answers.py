"""Answers that were lost, and what ``runs reconcile`` finds out: bulk under fire, with equal texts to one person.

After each run a report is written as people have it, with whatever may mislead: messages that somebody else sent to
the same people, Sids of another account and of nobody beside the right numbers and texts, wrong texts beside right
Sids. The clock of the server is five minutes off, questions fail as requests do, two commands reconcile at once, and
some of them are killed.

- taken: of the unknown rows, those on which the server acted
- found: those that became accepted; more cannot be where of equal messages only some were taken
- wrong: rows that became accepted and were not taken, or under a Sid of another message
"""

import csv
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from campaign import Campaign, Tally
from faulty import FaultyExotel, Key

_BATCHES = "1", "10", "100"
_ACCOUNTS = "acme1", "acme2"
_COLUMNS = "Id", "From", "To", "Body", "Status", "Time", "Price"


class LostAnswers(Campaign):
    """A campaign that reconciles every run."""

    def how(self, name: str) -> tuple[str, ...]:
        """Return how many texts a request has, another number for each run."""
        return ("--batch", _BATCHES[self._number(name) % len(_BATCHES)])

    def account(self, name: str) -> str:
        """Return an account, another one for each run."""
        return _ACCOUNTS[self._number(name) % len(_ACCOUNTS)]

    def rows(self, number: int, chance: random.Random) -> Sequence[Key]:
        """Return messages of which some are equal to an earlier one."""
        rows: list[Key] = []
        for key in super().rows(number, chance):
            rows.append(chance.choice(rows[-5:]) if rows and chance.random() < 0.1 else key)
        return rows

    def _compare(self, name: str, rows: Sequence[Key]) -> None:
        """Judge nothing yet: of equal rows nobody can tell which of them the server acted on."""

    def after(self, name: str, rows: Sequence[Key], chance: random.Random) -> None:
        """Reconcile a finished run, and hold what was found against what the server did."""
        before = self._states(name)
        report = self._write_report(name, rows, chance)
        argv = ("runs", "reconcile", name, "--report", str(report), "--rate", "off", "-q")
        while True:
            both = [self._start(argv, account=self.account(name)) for _ in range(chance.choice((1, 1, 2)))]
            if chance.random() < 0.4:
                self._strike(both[0], chance)
            said = [process.communicate(timeout=120)[1].decode() for process in both]
            if any("Traceback" in err or "bug" in err for err in said):
                self._complain(f"{name}: {said}")
                return
            if both[-1].returncode in {0, 9}:
                break
        self._hold_against(name, rows, before, self._states(name))

    def _hold_against(
        self,
        name: str,
        rows: Sequence[Key],
        before: Sequence[tuple[str, object]],
        after: Sequence[tuple[str, object]],
    ) -> None:
        places: defaultdict[Key, list[int]] = defaultdict(list)
        for place, key in enumerate(rows):
            places[key].append(place)
        times = Counter(sid for _, sid in after if sid)
        for key, own in places.items():
            acted = {deed.sid for deed in self._server.deeds[key] if deed.acted}
            unknown = [place for place in own if before[place][0] == "unknown"]
            taken = len(acted - {before[place][1] for place in own})
            found = [place for place in unknown if after[place][0] == "accepted"]
            wrong = sum(after[place][1] not in acted or times[after[place][1]] > 1 for place in found)
            wrong += max(0, len(found) - taken) + sum(
                after[place][0] not in {"accepted", "unknown"} for place in unknown
            )
            with self._lock:
                self.tally.add(Tally(unknown=len(unknown), taken=taken, found=len(found), wrong=wrong))
            if wrong or (taken and taken == len(unknown) != len(found)):
                self._complain(
                    f"{name} {key}: {len(unknown)} unknown, {taken} taken, {len(found)} found, {wrong} wrong"
                )

    def _write_report(self, name: str, rows: Sequence[Key], chance: random.Random) -> Path:
        """Write what the server has of an account, and what may mislead."""
        server, account = self._server, self.account(name)
        for key in chance.sample(rows, 20):
            server.take(account, (key[0], f"{key[1]} from somebody else"))
            server.take(account, key, earlier=3600)
            server.take("acme3", key)
        listed = [(sid, taken.key) for sid, taken in server.taken.copy().items()]
        listed += [(f"{chance.getrandbits(128):032x}", key) for key in chance.sample(rows, 20)]
        chance.shuffle(listed)
        path = self._home / f"{name}-report.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            for sid, (to, text) in listed:
                body = chance.choice((text, f"{text}\nwrong, \"'quoted'\""))
                writer.writerow((f"'{sid}", "LM-ACMEIN", f"0{to[3:]}", body, "sent", "", "0.25"))
        return path

    def _states(self, name: str) -> list[tuple[str, object]]:
        sql = "SELECT state, sid FROM rows JOIN runs ON runs.id = rows.run WHERE name = ? ORDER BY number"
        return [(str(state), sid) for state, sid in self._query(sql, name)]

    @staticmethod
    def _number(name: str) -> int:
        return int(name.rpartition("-")[2])


def lose(home: Path, *, kills: int, messages: int, faults: float, seed: int) -> Tally:
    """Run a campaign both ways."""
    return both_ways(LostAnswers, home, kills=kills, messages=messages, faults=faults, seed=seed)


def both_ways(kind: type[Campaign], home: Path, *, kills: int, messages: int, faults: float, seed: int) -> Tally:
    """Run a campaign, one half of it before a server whose clock is ahead, the other before one that is behind."""
    total = Tally()
    for ahead in (300.0, -300.0):
        own = home / f"{ahead:.0f}"
        own.mkdir()
        with FaultyExotel(faults=faults, seed=seed) as server:
            server.ahead = ahead
            campaign = kind(own, server, kills=kills // 2, messages=messages // 2, seed=seed)
            total.add(campaign.fight())
    return total
