"""A fleet under fire: two machines, one ledger in PostgreSQL, and everything between them fails.

``python tests/proof.py fleet`` prints what it came to. Alerts go out under once keys for which both machines race,
and plain messages beside them; processes are killed, the database is restarted as a crash would, its connections are
cut before and after a request is carried out, and the server that takes the messages fails too. What nobody knows is
asked of an oracle, that server, and decided by ``runs resolve``, until every alert has gone out.

- duplicated: messages on which the server acted more than once
- lost: alerts that never went out, and plain messages that the server has, of which neither the ledger knows nor the
  process that sent them said so
- lied: exit codes and printed outcomes that do not agree with what the server took

Without the shared ledger, as ``cache`` has it, each command works on a copy of a state directory and puts it back
when it is done, as a CI's cache does: the fleet has to notice.
"""

import itertools
import random
import shutil
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from campaign import Tally
from conftest import ACCOUNT, Shell, side_by_side, until
from faulty import FaultyExotel
from machines import Finished, Nursery, Process
from postgres_cluster import Cluster
from postgres_proxy import Proxy

_MOST_STEPS = 60
"""Commands that one alert may take."""
_CODES = {0, 5, 7, 9, 11}
"""Exit codes that have a cause here."""
_WITHOUT = "without a ledger"
"""What a plain message's process says of itself where nobody else will know."""
_TIMEOUT = 2.0
_LEASE = _TIMEOUT + 5.0
_ON_ITS_WAY = {"in_flight", "waiting"}
_BETWEEN_RESTARTS = 6.0


@dataclass
class FleetTally(Tally):
    """What a fleet came to."""

    commands: int = 0
    restarts: int = 0
    cuts: int = 0
    lied: int = 0
    skipped: int = 0


class Machine:
    """One of the two: where its processes come from, and what they are given."""

    def __init__(self, home: Path, nursery: Nursery, env: dict[str, str], cache: Path | None) -> None:
        self.home = home
        self.nursery = nursery
        self._env = env
        self._cache = cache
        self._copies = itertools.count(1)

    def run(self, argv: Sequence[str], strike: "Strike | None" = None) -> Finished:
        """Run a command to its end, or to the end that a strike makes of it."""
        if self._cache is None:
            return self._finish(argv, self._env, strike)
        state = self.home / f"copy-{next(self._copies)}"
        if self._cache.exists():
            shutil.copytree(self._cache, state)
        done = self._finish(argv, {**self._env, "EXOSMS_STATE_DIR": str(state)}, strike)
        with _SAVING:
            shutil.rmtree(self._cache, ignore_errors=True)
            if state.exists():
                state.rename(self._cache)
        return done

    def _finish(self, argv: Sequence[str], env: dict[str, str], strike: "Strike | None") -> Finished:
        process = self.nursery.start(*argv, env=env)
        if strike:
            strike.at(process)
        return process.wait()


_SAVING = threading.Lock()


class Strike:
    """SIGKILL, at a random moment."""

    def __init__(self, chance: random.Random) -> None:
        self._after = chance.uniform(0, 0.3) if chance.random() < _SHARE_OF_KILLS else None

    def at(self, process: Process) -> None:
        """Kill it, if it is to be killed and still runs then."""
        if self._after is not None:
            time.sleep(self._after)
            process.send_signal(signal.SIGKILL)


_SHARE_OF_KILLS = 0.08


class Fleet:
    """Two machines, one ledger, one server."""

    def __init__(
        self, server: FaultyExotel, machines: Sequence[Machine], *, sends: int, seed: int, at_once: int
    ) -> None:
        self.tally = FleetTally()
        self._server = server
        self._machines = machines
        self._sends = sends
        self._seed = seed
        self._at_once = at_once
        self._lock = threading.Lock()
        self._begun = itertools.count(1)
        self._texts: defaultdict[str, list[str]] = defaultdict(list)
        """What was tried to be sent to whom."""
        self._said_without: set[str] = set()
        """Plain messages of which a process said that others would not know."""

    def fight(self) -> FleetTally:
        """Go on until so many sends were run."""
        started = time.monotonic()
        side_by_side(self._fight_on, max(1, self._at_once // 2))
        self._server.settle()
        self.tally.faults = self._server.faults
        self.tally.seconds = time.monotonic() - started
        return self.tally

    def _fight_on(self) -> None:
        while True:
            with self._lock:
                if self.tally.commands >= self._sends:
                    return
                number = next(self._begun)
            chance = random.Random(self._seed * 100_000 + number)
            try:
                (self._alert if number % 3 else self._plain)(number, chance)
            except Exception as error:  # noqa: BLE001  # a thread's would be lost
                self._complain(f"{number}: {type(error).__name__}: {error}")

    def _alert(self, number: int, chance: random.Random) -> None:
        """Let both machines send under one key until it is known that one did."""
        to, key = f"+9197{number:08d}", f"alert-{number}"
        argv = ("send", "--to", to, "--once", key, "--retry-for", "5s", "--timeout", f"{_TIMEOUT:g}", "--rate", "off")
        with self._lock:
            self.tally.messages += 1
        for attempt in range(_MOST_STEPS):
            texts = [f"Alert {number}.{attempt}.{place}" for place in range(len(self._machines))]
            self._texts[to] += texts
            ended = self._race([(*argv, "-b", text) for text in texts], chance)
            for each, text in zip(ended, texts, strict=True):
                self._judge(each, to, text)
            if any(each.code == 0 for each in ended) or len(self._acted_on(to)) > 1:
                break
            if any(each.code == 9 for each in ended):
                self._resolve(key, to, chance)
            elif any(each.code in {5, -signal.SIGKILL} for each in ended):
                time.sleep(_LEASE / 4)  # a dead process's lease has to end
        acted = self._acted_on(to)
        self._count(duplicated=len(acted) > 1, lost=not acted)
        if len(acted) != 1:
            self._complain(f"{key}: the server acted {len(acted)} times: {acted}")

    def _plain(self, number: int, chance: random.Random) -> None:
        """Let each machine send a message of its own, again as long as that is safe."""
        tos = [f"+9198{number:07d}{place}" for place in range(len(self._machines))]
        waiting = dict(enumerate(tos))
        self._count(messages=len(tos))
        for attempt in range(_MOST_STEPS):
            if not waiting:
                return
            texts = {place: f"Plain {number}.{attempt}.{place}" for place in waiting}
            for place, text in texts.items():
                self._texts[tos[place]].append(text)
            argvs = [
                (
                    "send",
                    "--to",
                    to,
                    "-b",
                    texts[place],
                    "--retry-for",
                    "1s",
                    "--timeout",
                    f"{_TIMEOUT:g}",
                    "--rate",
                    "off",
                )
                for place, to in waiting.items()
            ]
            ended = dict(zip(waiting, self._race(argvs, chance, first=min(waiting)), strict=True))
            for place, each in ended.items():
                to = tos[place]
                self._judge(each, to, texts[place])
                if _WITHOUT in each.err:
                    with self._lock:
                        self._said_without.add(to)
                if each.code not in {7, 11}:
                    del waiting[place]
        self._complain(f"plain {number}: never accepted")

    def _race(self, argvs: Sequence[Sequence[str]], chance: random.Random, first: int = 0) -> list[Finished]:
        ended: list[Finished | None] = [None] * len(argvs)

        def one(place: int, argv: Sequence[str], strike: Strike) -> None:
            ended[place] = self._run(self._machines[(first + place) % len(self._machines)], argv, strike)

        racers = [
            threading.Thread(target=one, args=(place, argv, Strike(chance))) for place, argv in enumerate(argvs)
        ]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        self._server.settle()  # what the killed have left it with
        return [each for each in ended if each is not None]

    def _run(self, machine: Machine, argv: Sequence[str], strike: Strike | None = None) -> Finished:
        done = machine.run(argv, strike)
        is_killed = done.code == -signal.SIGKILL
        self._count(commands=1, kills=is_killed)
        if not is_killed and done.code not in _CODES:
            self._lie(argv, done, "no cause for that")
        elif done.code and not is_killed and not done.err.strip():
            self._lie(argv, done, "it did not say why")
        return done

    def _resolve(self, key: str, to: str, chance: random.Random) -> None:
        """Say what happened to the message of a key; the ledger may be away for a while."""
        decision = "accepted" if self._acted_on(to) else "not_sent"
        self._count(unknown=1)
        argv = ("runs", "resolve", "--once", key, "--as", decision)
        done = chance.choice(self._machines).run(argv)
        for _ in range(_MOST_STEPS):
            if done.code != 7:
                break
            done = chance.choice(self._machines).run(argv)
        if done.code not in {0, 3}:  # 3: what the first try did was not answered
            self._lie(argv, done, "it was unknown")

    # What is held against it.

    def _acted_on(self, to: str) -> list[str | None]:
        deeds = self._server.deeds
        return [deed.sid for text in list(self._texts[to]) for deed in deeds.get((to, text), ()) if deed.acted]

    def _judge(self, ended: Finished, to: str, text: str) -> None:
        """Hold what a send printed, and its exit code, against what the server took from it."""
        if ended.code == -signal.SIGKILL:
            return
        acted = [deed.sid for deed in self._server.deeds.get((to, text), ()) if deed.acted]
        line = ended.out.partition("\n")[0].split("\t")
        outcome, sid = line[0], line[2] if len(line) > 2 else None
        truths = {
            "accepted": (ended.code == 0 and sid in acted),
            "skipped": (ended.code == 0 and not acted and bool(self._acted_on(to))),
            "not_sent": (ended.code in {5, 7, 11} and not acted),
            "unknown": ended.code == 9,
        }
        self._count(skipped=outcome == "skipped")
        if not truths.get(outcome):
            self._lie(("send", to, text), ended, f"the server took {acted}")

    def judge_log(self, entries: Sequence[dict[str, Any]]) -> None:
        """Hold what the ledger says in the end against what the server did."""
        known: dict[str, list[dict[str, Any]]] = {}
        for entry in entries:
            known.setdefault(entry["once"] or entry["to"][-4:], []).append(entry)
        for to in {key[0] for key in self._server.deeds if key[0].startswith("+9198")}:
            acted = self._acted_on(to)
            found = known.get(to[-4:], [])
            is_told = to in self._said_without or any(each["outcome"] in {"accepted", "unknown"} for each in found)
            is_lost = bool(acted) and not is_told
            self._count(
                duplicated=len(acted) > 1, lost=is_lost, unknown=any(e["outcome"] == "unknown" for e in found)
            )
            if is_lost or len(acted) > 1:
                self._complain(f"{to}: the server acted {len(acted)} times, and the ledger says {found}")
        sids = {sid: entry["once"] for entry in entries if (sid := entry["sid"])}
        for sid in sids.keys() - self._server.taken.keys():
            self._count(lost=1)
            self._complain(f"the ledger has a Sid that nobody gave: {sid} of {sids[sid]}")

    def _count(self, **more: int) -> None:
        with self._lock:
            for name, value in more.items():
                setattr(self.tally, name, getattr(self.tally, name) + value)

    def _lie(self, argv: Sequence[str], ended: Finished, why: str) -> None:
        self._count(lied=1)
        said = f"{ended.out[-400:]!r} {ended.err[-600:]!r}"
        self._complain(f"{' '.join(argv)} ended with {ended.code}: {why}: {said}")

    def _complain(self, complaint: str) -> None:
        with self._lock:
            self.tally.complaints.append(complaint)


def _log(observer: Shell) -> Sequence[dict[str, Any]]:
    return observer("log", "--json").json["messages"]  # type: ignore[no-any-return]


def _restarts(cluster: Cluster, over: threading.Event, chance: random.Random) -> int:
    """Restart the database now and then, once at least; return how often."""
    count = 0
    while True:
        over.wait(chance.uniform(0.5, 1.5) * (_BETWEEN_RESTARTS if count else 1))
        if over.is_set() and count:
            return count
        cluster.stop()
        time.sleep(chance.choice((0, 0, 0.5, 2)))
        cluster.start()
        count += 1


def fight(
    home: Path,
    *,
    sends: int,
    faults: float,
    seed: int,
    at_once: int = 20,
    cuts: float = 0.01,
    cache: bool = False,
) -> FleetTally:
    """Run a fleet and return what it came to; with ``cache`` it shares copies of a state directory, and no ledger."""
    with ExitStack() as stack:
        server = stack.enter_context(FaultyExotel(faults=faults, seed=seed))
        cluster = stack.enter_context(Cluster())
        database = cluster.database()
        proxy = stack.enter_context(Proxy(cluster.port, cuts=cuts, seed=seed))
        account = {**ACCOUNT, "EXOSMS_BASE_URL": server.url}
        ledger = {} if cache else {"EXOSMS_LEDGER": cluster.address(database, port=proxy.port)}
        observer = Shell(home, {**account, "EXOSMS_LEDGER": cluster.address(database)})
        assert cache or observer("log").exit_code == 0  # there are tables
        machines = []
        for name in ("north", "south"):
            (home / name).mkdir()
            shell = Shell(home / name, {**account, **ledger})
            nursery = stack.enter_context(Nursery(shell.full_env()))
            machines.append(Machine(home / name, nursery, shell.full_env(), home / "cache" if cache else None))
        fleet = Fleet(server, machines, sends=sends, seed=seed, at_once=at_once)
        if cache:
            return fleet.fight()
        over, counted = threading.Event(), []
        disturber = threading.Thread(
            target=lambda: counted.append(_restarts(cluster, over, random.Random(seed))), daemon=True
        )
        disturber.start()
        tally = fleet.fight()
        over.set()
        disturber.join(60)
        until(
            lambda: not any(each["outcome"] in _ON_ITS_WAY for each in _log(observer))
        )  # as those killed last have it
        fleet.judge_log(_log(observer))
        tally.restarts, tally.cuts = sum(counted), proxy.struck
        tally.faults += tally.restarts + tally.cuts
        return tally
