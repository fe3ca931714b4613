"""A receiver under as many callbacks as are asked for in a second, killed at random moments.

Each callback is about another message and is posted until it is acknowledged, over connections that stay open. What
was acknowledged is then looked for in the ledger. The rate is that of acknowledgements while there was a receiver.
"""

import hashlib
import http.client
import os
import random
import sqlite3
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from told_later import Receiver

_CONNECTIONS = 24
_BEHIND = 0.1
"""Seconds that are made up for, when callbacks could not be posted in time."""


class Storm(NamedTuple):
    """What came of it."""

    kills: int
    acknowledged: int
    refused: int
    """Callbacks that got no answer, or another one, and were posted again."""
    lost: int
    rate: float
    """Acknowledgements a second, while there was a receiver."""
    seconds: float


def storm(home: Path, *, callbacks: int, kills: int, rate: float, seed: int) -> Storm:
    """Post so many callbacks, so many a second, and kill the receiver so often meanwhile."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "EXOSMS_STATE_DIR": str(home / "state"),
    }
    receiver = Receiver(env)
    ledger = home / "state" / "ledger.db"
    calls = _sent(ledger, callbacks)
    poster = _Poster(receiver, calls, rate)
    poster.start()
    chance = random.Random(seed)
    killed = 0
    while killed < kills:
        enough = (killed + chance.random()) * callbacks / kills
        while len(poster.acknowledged) < enough and not poster.is_over:
            time.sleep(0.001)
        receiver.kill()
        stopped = time.monotonic()
        killed += 1
        receiver.start()
        poster.without += time.monotonic() - stopped
    seconds = poster.join()
    receiver.kill()
    with closing(sqlite3.connect(ledger)) as connection:
        kept = {sid for (sid,) in connection.execute("SELECT sid FROM deliveries WHERE outcome = 'delivered'")}
    done = len(poster.acknowledged)
    lost = len(poster.acknowledged - kept)
    return Storm(killed, done, poster.refused, lost, done / max(seconds - poster.without, 0.001), seconds)


def _sent(ledger: Path, count: int) -> list[tuple[str, str]]:
    """Enter messages as accepted in the ledger; return the path and the form of the callback of each."""
    calls = []
    with closing(sqlite3.connect(ledger)) as connection, connection:
        for number in range(1, count + 1):
            token, sid, to = os.urandom(24).hex(), os.urandom(16).hex(), f"+9198{number:08d}"
            connection.execute(
                "INSERT INTO callback_requests VALUES (?, ?, 'host/acme1', NULL, 'https://host', ?)",
                (number, hashlib.sha256(token.encode()).digest(), time.time()),
            )
            connection.execute("INSERT INTO callback_messages VALUES (?, ?, 0, ?)", (number, to, number))
            connection.execute(
                "INSERT INTO messages (id, account, recipient, sender, segments, state, attempts, created_at,"
                " updated_at, sid) VALUES (?, 'host/acme1', ?, 'ACMEIN', 1, 'accepted', 1, ?, ?, ?)",
                (number, to, time.time(), time.time(), sid),
            )
            form = f"SmsSid={sid}&To=0{to[3:]}&Status=sent&SmsUnits=1&DetailedStatusCode=20005"
            calls.append((f"/hooks/{token}", form))
    return calls


class _Poster:
    """Threads that post, each with a connection of its own."""

    def __init__(self, receiver: Receiver, calls: list[tuple[str, str]], rate: float) -> None:
        self.acknowledged: set[str] = set()
        self.refused = 0
        self.without = 0.0
        """Seconds in which there was no receiver."""
        self._receiver = receiver
        self._left = calls
        self._rate = rate
        self._lock = threading.Lock()
        self._began = self._due = time.monotonic()
        self._threads = [threading.Thread(target=self._post_all, daemon=True) for _ in range(_CONNECTIONS)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def join(self) -> float:
        """Wait until all are acknowledged; return how many seconds it took."""
        for thread in self._threads:
            thread.join()
        return time.monotonic() - self._began

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to post."""
        return not any(thread.is_alive() for thread in self._threads)

    def _post_all(self) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self._receiver.port, timeout=30)) as connection:
            while call := self._next():
                is_taken = _is_taken(connection, *call)
                with self._lock:
                    if is_taken:
                        self.acknowledged.add(call[1][7:39])
                    else:
                        self.refused += 1
                        self._left.append(call)

    def _next(self) -> tuple[str, str] | None:
        """Return the next callback once it is due."""
        with self._lock:
            if not self._left:
                return None
            call = self._left.pop()
            self._due = max(self._due + 1 / self._rate, time.monotonic() - _BEHIND)
            due = self._due
        time.sleep(max(0.0, due - time.monotonic()))
        return call


def _is_taken(connection: http.client.HTTPConnection, path: str, form: str) -> bool:
    try:
        connection.request("POST", path, form, _KIND)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        time.sleep(0.05)
        return False
    return answer.status == 200


_KIND: Mapping[str, str] = {"Content-Type": "application/x-www-form-urlencoded"}
