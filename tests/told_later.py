"""Answers that were lost, and what callbacks then tell: bulk under fire, beside a receiver that is killed as well.

The server calls back about everything that it took, from before its answer to seconds later: a third is never called
about, a third twice, all out of order, and what the receiver does not acknowledge is posted again. Between them come
callbacks that lie: a guessed token, the right token with another recipient, with a Sid of nobody, of another account,
or of a message that somebody else sent to the same person.

- taken: of the rows whose answer was lost, those on which the server acted
- told: those of them whose callback was acknowledged
- found: those that became accepted, which have to be the ones that were told
- lost: callbacks that were acknowledged, and are not in the ledger as what became of their own row
- wrong: rows that are accepted under a Sid that is not theirs
"""

import hashlib
import heapq
import http.client
import random
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from campaign import Tally
from conftest import own_port
from faulty import FaultyExotel, Key, Taken
from lost_answers import LostAnswers, both_ways

_CALLERS = 4
_LATEST = 2.0
"""Seconds until a callback is posted, at most; the first ones come before the answer."""
_PATIENCE = 120.0
"""Seconds for all that was told to be found, of which each kill of a receiver may take fifteen."""


class Receiver:
    """``exosms callbacks``, which can be killed and comes back at the same place."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = dict(env)
        self.port = own_port()
        self.start()

    def start(self) -> None:
        """Begin to listen."""
        argv = [sys.executable, "-m", "exosms", "callbacks", "--port", str(self.port), "-q"]
        self._process = subprocess.Popen(argv, env=self._env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self._process.stdout
        assert self._process.stdout.readline() == f"http://127.0.0.1:{self.port}\n".encode()  # it listens

    def kill(self) -> str:
        """End it at once, and return what it had to say."""
        self._process.kill()
        return self._process.communicate(timeout=60)[1].decode()


class Call(NamedTuple):
    """A callback to be posted; the soonest comes first."""

    due: float
    number: int
    path: str
    to: str
    sid: str
    is_lie: bool = False


class Caller:
    """Posts callbacks until they are acknowledged, each in its time."""

    def __init__(self, port: Callable[[], int]) -> None:
        self.acknowledged: set[str] = set()
        self.complaints: list[str] = []
        self._port = port
        self._calls: list[Call] = []
        self._numbers = 0
        self._busy = 0
        self._is_over = False
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(_CALLERS)]
        for thread in self._threads:
            thread.start()

    def add(self, path: str, to: str, sid: str, *, after: float, is_lie: bool = False) -> None:
        """Have a callback posted in so many seconds."""
        with self._changed:
            self._numbers += 1
            heapq.heappush(self._calls, Call(time.monotonic() + after, self._numbers, path, to, sid, is_lie))
            self._changed.notify()

    def finish(self) -> None:
        """Wait until all are acknowledged."""
        with self._changed:
            self._changed.wait_for(lambda: not self._calls and not self._busy, timeout=_PATIENCE)
            if self._calls or self._busy:
                self.complaints.append(f"{len(self._calls)} callbacks were never acknowledged")
            self._is_over = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(_PATIENCE)

    def _work(self) -> None:
        while call := self._next():
            status = self._post(call)
            with self._changed:
                self._busy -= 1
                if status == 200 and not call.is_lie:
                    self.acknowledged.add(call.sid)
                elif status in {0, 429, 503}:
                    heapq.heappush(self._calls, call._replace(due=time.monotonic() + 0.1))
                elif not call.is_lie:
                    self.complaints.append(f"{status} is the answer to {call}")
                self._changed.notify_all()

    def _next(self) -> Call | None:
        with self._changed:
            while not self._is_over:
                now = time.monotonic()
                if self._calls and self._calls[0].due <= now:
                    self._busy += 1
                    return heapq.heappop(self._calls)
                self._changed.wait(self._calls[0].due - now if self._calls else None)
        return None

    def _post(self, call: Call) -> int:
        """Return the status of the answer; 0 if there was none."""
        form = {"SmsSid": call.sid, "To": call.to, "Status": "sent", "DetailedStatusCode": "20005"}
        connection = http.client.HTTPConnection("127.0.0.1", self._port(), timeout=30)
        try:
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", call.path, urlencode(form), kind)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()


class ToldLater(LostAnswers):
    """A campaign beside a receiver, with a profile for each account."""

    def __init__(self, home: Path, server: FaultyExotel, *, kills: int, messages: int, seed: int) -> None:
        super().__init__(home, server, kills=kills, messages=messages, seed=seed)
        self._config = home / "config.toml"
        self._config.write_text("")
        self._config.chmod(0o600)
        self._receiver = Receiver(self._environ(""))
        self._config.write_text("".join(map(self._profile, ("acme1", "acme2"))))
        self._caller = Caller(lambda: self._receiver.port)
        self._rows_of: dict[str, Sequence[Key]] = {}
        self._taken_under: defaultdict[tuple[object, object], set[str]] = defaultdict(set)
        """Sids by the hash of a token and a recipient."""
        self._fates = random.Random(seed)
        self._fates_lock = threading.Lock()
        self._is_over = threading.Event()
        server.took = self._plan

    def fight(self) -> Tally:
        """Send, kill and call back; then hold the ledger against what was acknowledged."""
        killer = threading.Thread(target=self._kill_receivers, args=(random.Random(self._seed),))
        killer.start()
        super().fight()
        self._is_over.set()
        killer.join()
        self._caller.finish()
        self._wait_until_found()
        self._complain_of(self._receiver.kill())
        self.tally.complaints += self._caller.complaints
        for sid, taken in self._server.taken.items():
            token = taken.callback.rpartition("/")[2]
            self._taken_under[hashlib.sha256(token.encode()).digest(), taken.key[0]].add(sid)
        for name, rows in self._rows_of.items():
            self._hold(name, rows)
        return self.tally

    def after(self, name: str, rows: Sequence[Key], chance: random.Random) -> None:
        """Judge nothing yet: callbacks are still to come."""
        del chance
        self._rows_of[name] = rows

    def _plan(self, sid: str, taken: Taken) -> None:
        """Decide what is told of a message, and when; the server waits for it."""
        path, to = urlsplit(taken.callback).path, taken.key[0]
        with self._fates_lock:
            chance = self._fates
            fate = chance.choice(("lost", "once", "twice"))
            times = [chance.choice((0.0, chance.uniform(0, _LATEST))) for _ in range(2)]
            lie = chance.randrange(60)
            nobody = f"{chance.getrandbits(128):032x}"
        for after in times[: ("lost", "once", "twice").index(fate)]:
            self._caller.add(path, to, sid, after=after)
        lies: Sequence[tuple[str, str, str]] = (
            (f"/{nobody}{nobody[:16]}", to, sid),
            (path, f"{to[:-1]}{(int(to[-1]) + 1) % 10}", sid),
            (path, to, nobody),
        )
        if lie < len(lies):
            self._caller.add(*lies[lie], after=times[0], is_lie=True)
        elif lie in {3, 4}:
            threading.Thread(target=self._mislead, args=(path, taken, lie == 3)).start()

    def _mislead(self, path: str, taken: Taken, is_of_another_account: bool) -> None:
        to, text = taken.key
        if is_of_another_account:
            sid = self._server.take("acme3", taken.key)
        else:
            sid = self._server.take(taken.account, (to, f"{text} from somebody else"))
        self._caller.add(path, to, sid, after=0.0, is_lie=True)

    def _kill_receivers(self, chance: random.Random) -> None:
        while not self._is_over.wait(chance.uniform(0.3, 2)):
            self._complain_of(self._receiver.kill())
            self._receiver.start()
            with self._lock:
                self.tally.receivers = (self.tally.receivers or 0) + 1

    def _complain_of(self, said: str) -> None:
        if "Traceback" in said or "bug" in said:
            self._complain(said)

    def _wait_until_found(self) -> None:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and self._caller.acknowledged - self._found().keys():
            time.sleep(0.2)

    def _found(self) -> Mapping[str, tuple[int, int]]:
        rows = self._query("SELECT sid, run, number FROM rows WHERE sid IS NOT NULL AND state = 'accepted'")
        return {str(sid): (int(str(run)), int(str(number))) for sid, run, number in rows}

    def _hold(self, name: str, rows: Sequence[Key]) -> None:
        """Hold the rows of a run against what the server took for each of them, and what was told of that."""
        sql = "FROM rows JOIN runs ON runs.id = rows.run WHERE name = ? ORDER BY number"
        found = self._query(f"SELECT state, sid, http_status IS NULL, run, number {sql}", name)
        told_of = {sid for (sid,) in self._query("SELECT sid FROM deliveries WHERE outcome = 'delivered'")}
        times = Counter(sid for _, sid, *_ in found if sid)
        owners = self._owners(int(str(found[0][3])))
        tally = Tally(taken=0, told=0, found=0, wrong=0)
        for key, (state, sid, is_late, _, number) in zip(rows, found, strict=True):
            theirs = {own for own in owners.get(int(str(number)), ()) if self._server.taken[own].key == key}
            told = theirs & self._caller.acknowledged
            is_lost = bool(told and (state != "accepted" or not told <= told_of))
            was_unknown = state == "unknown" or (state == "accepted" and bool(is_late))
            is_wrong = sid is not None and (sid not in theirs or times[sid] > 1)
            is_wrong = is_wrong or (was_unknown and state not in {"accepted", "unknown"})
            part = Tally(lost=is_lost, wrong=is_wrong, duplicated=len(theirs) > 1, unknown=was_unknown)
            if was_unknown:
                part.taken, part.told, part.found = bool(theirs), bool(told), state == "accepted"
            tally.add(part)
            if is_lost or is_wrong or len(theirs) > 1:
                tally.complaints.append(f"{name} row {number}: {state} {sid}; taken {theirs}, told {told}")
        with self._lock:
            self.tally.add(tally)

    def _owners(self, run: int) -> Mapping[int, set[str]]:
        """Return the Sids that the server took for each row, by the token of its own request."""
        owners: defaultdict[int, set[str]] = defaultdict(set)
        rows = self._query(
            "SELECT token_hash, recipient, number FROM callback_messages m JOIN callback_requests r"
            " ON r.id = m.request WHERE run = ?",
            run,
        )
        for token, recipient, number in rows:
            owners[int(str(number))] |= self._taken_under[token, recipient]
        return owners

    def _environ(self, account: str) -> dict[str, str]:
        return super()._environ(account) | {"EXOSMS_CONFIG": str(self._config), "EXOSMS_PROFILE": account}

    def _profile(self, name: str) -> str:
        return (
            f'[profiles.{name}]\nbase_url = "{self._server.url}"\naccount_sid = "{name}"\napi_key = "key"\n'
            f'api_token = "token"\nfrom = "ACMEIN"\nrate = "off"\n'
            f'callback_url = "http://127.0.0.1:{self._receiver.port}/hooks"\n'
        )


def tell(home: Path, *, kills: int, messages: int, faults: float, seed: int) -> Tally:
    """Run a campaign, one half of it before a server whose clock is ahead, the other before one that is behind."""
    return both_ways(ToldLater, home, kills=kills, messages=messages, faults=faults, seed=seed)
