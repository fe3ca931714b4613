"""An Exotel that fails: a share of its requests goes wrong, and it remembers what it did with every message.

What matters is not what it said but what it did. A message is *acted on* once its whole request was read and not
certainly refused: it may be on its way to a phone, whatever came back.
"""

import base64
import json
import random
import re
import socket
import struct
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl

MARK = "REFUSE-THIS"
"""A text that holds this is refused by 400, and with it a request that has no other fault."""

_FIELD = re.compile(r"Messages\[(\d+)\]\[(To|Body)\]|To\[(\d+)\]")
_REFUSED = json.dumps({"RestException": {"Status": 503, "Message": "Too many requests"}})
_PAGE = "<html><body>Bad gateway</body></html>"

Key = tuple[str, str]
"""A message as the server knows it: recipient and text."""


@dataclass(frozen=True)
class Deed:
    """What the server did with one message of one request."""

    acted: bool
    sid: str | None = None


@dataclass(frozen=True)
class Taken:
    """A message that the server has, whoever sent it."""

    account: str
    key: Key
    moment: float
    callback: str = ""
    """Where it wants to hear of it."""


class FaultyExotel:
    """A server on loopback, to be used as a context."""

    def __init__(self, *, faults: float, seed: int, latency: float = 0.004, kinds: Sequence[str] = ()) -> None:
        self.deeds: defaultdict[Key, list[Deed]] = defaultdict(list)
        self.taken_from: Counter[str] = Counter()
        """How many messages it acted on for which API key."""
        self._asking = threading.local()
        self.requests = 0
        self.forms: list[bytes] = []
        """What its requests said, in the order in which they came."""
        self.faults = 0
        self.taken: dict[str, Taken] = {}
        """What it says about a Sid when it is asked."""
        self.took: Callable[[str, Taken], object] = lambda _sid, _taken: None
        """Hears of what it takes, before it answers."""
        self.ahead = 0.0
        """Seconds by which its clock is ahead."""
        self._share = faults
        self._kinds = kinds or FAULTS
        self._chance = random.Random(seed)
        self._latency = latency
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        self._at_work: set[socket.socket] = set()
        self._callers: set[tuple[str, int]] = set()
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(128)
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()

    def suffer(self, share: float, kind: str) -> None:
        """From now on let that share of requests go wrong, in that way."""
        with self._lock:
            self._share, self._kinds = share, (kind,)

    def settle(self) -> None:
        """Wait until it has done whatever was asked of it so far, also by processes that are dead by now."""
        with socket.create_connection(self._listener.getsockname()) as last, self._changed:
            self._changed.wait_for(lambda: last.getsockname() in self._callers)  # they are let in in their order
            before = set(self._at_work)
        with self._changed:
            self._changed.wait_for(lambda: not before & self._at_work)

    def _accept(self) -> None:
        while True:
            try:
                connection, caller = self._listener.accept()
            except OSError:  # it was shut down
                return
            with self._changed:
                self._at_work.add(connection)
                self._callers.add(caller)
                self._changed.notify_all()
            threading.Thread(target=self._serve, args=(connection, caller), daemon=True).start()

    def _serve(self, connection: socket.socket, caller: tuple[str, int]) -> None:
        with connection, suppress(OSError):  # the client was killed
            self._handle(connection)
        with self._changed:
            self._at_work.discard(connection)
            self._callers.discard(caller)
            self._changed.notify_all()

    def _handle(self, connection: socket.socket) -> None:
        with self._lock:
            fault = self._chance.choice(self._kinds) if self._chance.random() < self._share else None
            self.faults += fault is not None
        if fault == "reset before the body":
            connection.recv(100)
            _reset(connection)
            return
        head, body = _read(connection)
        if body is None:  # the client was killed while it wrote: nothing to act on
            return
        target = head.split(" ", 2)[1]
        self._asking.key = _api_key(head)
        account, _, what = target.removeprefix("/v1/Accounts/").partition("/")
        if what.startswith("SMS/Messages/"):
            sid = what.removeprefix("SMS/Messages/").removesuffix(".json")
            fault = fault if self._chance.random() < _OF_QUESTIONS else None
            _answer(connection, *self._say(account, sid, fault), fault)
            return
        with self._lock:
            self.requests += 1
            self.forms.append(body)
        messages = _messages(body)
        self._asking.callback = dict(parse_qsl(body.decode("ascii"))).get("StatusCallback", "")
        time.sleep(self._latency)
        status, said = self._do(messages, fault, account)
        _answer(connection, status, said, fault)

    def _say(self, account: str, sid: str, fault: str | None) -> tuple[int, str]:
        """Say what is known of a Sid."""
        if fault in {"429", "503 that is theirs"}:
            return int(fault[:3]), _REFUSED
        if fault in {"500", "503 of a gateway", "504"}:
            return int(fault[:3]), _PAGE
        taken = self.taken.get(sid)
        if taken is None or taken.account != account:
            return 200, json.dumps({"Message": "No matching results"})
        item = _item(taken.key, sid)
        item["SMSMessage"] |= {"From": "/ACMEIN", "Status": "sent", "DateCreated": _date(taken.moment)}
        return 200, json.dumps(item)

    def take(self, account: str, key: Key, *, earlier: float = 0.0) -> str:
        """Take a message from somebody else, and return its Sid."""
        with self._lock:
            sid = f"{self._chance.getrandbits(128):032x}"
            self.taken[sid] = Taken(account, key, time.time() + self.ahead - earlier)
        return sid

    def _do(self, messages: list[Key], fault: str | None, account: str) -> tuple[int, str]:
        """Act on the messages, or refuse them, and return status and body."""
        if fault in {"429", "503 that is theirs"}:
            self._note(messages, acted=False)
            return int(fault[:3]), _REFUSED
        if fault is None and any(MARK in text for _, text in messages):
            self._note(messages, acted=False)
            return 400, json.dumps({"RestException": {"Status": 400, "Message": "Invalid parameters"}})
        if fault in REFUSALS and len(messages) > 1:
            return 200, json.dumps(self._refuse_some(messages, REFUSALS[fault], account))
        sids = self._note(messages, acted=True, account=account)
        items = [_item(key, sid) for key, sid in zip(messages, sids, strict=True)]
        if fault == "part of the reply":
            items = items[: len(items) // 2]
        if fault == "another order":
            self._chance.shuffle(items)
        if fault in {"500", "503 of a gateway", "504"}:
            return int(fault[:3]), _PAGE
        if fault == "a page":
            return 200, _PAGE
        return 200, json.dumps(items if len(messages) > 1 else items[0] if items else {})

    def _refuse_some(self, messages: list[Key], statuses: Sequence[int], account: str) -> list[object]:
        """Act on a message, refuse the next ones by these statuses, and so on; refusals come in another order."""
        fates = [(0, *statuses)[place % (1 + len(statuses))] for place in range(len(messages))]
        items: list[object] = []
        for key, fate in zip(messages, fates, strict=True):
            (sid,) = self._note([key], acted=fate != 400, account=account)  # of a 500 nobody can tell
            items.append({"RestException": {"Status": fate, "Message": "No"}} if fate else _item(key, sid))
        refusals = [item for item, fate in zip(items, fates, strict=True) if fate]
        return [refusals.pop() if fate else item for item, fate in zip(items, fates, strict=True)]

    def _note(self, messages: list[Key], *, acted: bool, account: str = "") -> list[str]:
        with self._lock:
            self.taken_from[getattr(self._asking, "key", "")] += acted * len(messages)
            sids = [f"{self._chance.getrandbits(128):032x}" for _ in messages]
            for key, sid in zip(messages, sids, strict=True):
                self.deeds[key].append(Deed(acted, sid if acted else None))
                if acted:
                    callback = getattr(self._asking, "callback", "")
                    self.taken[sid] = Taken(account, key, time.time() + self.ahead, callback)
                    self.took(sid, self.taken[sid])
        return sids


_OF_QUESTIONS = 0.15
"""Share of their faults that questions suffer, since each may be waited for."""

REFUSALS = {"refused alike": (400, 400), "refused unlike, swapped": (400, 500)}
"""Answers of several messages that refuse some of them, by these statuses."""

FAULTS = (
    "429",
    "503 that is theirs",
    "reset before the body",
    "reset",
    "cut off",
    "500",
    "503 of a gateway",
    "504",
    "a page",
    "nothing",
    "part of the reply",
    "another order",
    *REFUSALS,
)


def _read(connection: socket.socket) -> tuple[str, bytes | None]:
    """Return the head of a request and its body; None for one that did not come whole."""
    received = b""
    while True:
        head, blank, body = received.partition(b"\r\n\r\n")
        if blank:
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            if head.startswith(b"GET ") or (length and len(body) >= int(length[1])):
                return head.decode(), body
        piece = connection.recv(65536)
        if not piece:
            return "", None
        received += piece


def _date(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment + 5.5 * 3600))


def _api_key(head: str) -> str:
    found = re.search(r"(?i)authorization: *basic *(\S+)", head)
    return base64.b64decode(found[1]).decode().partition(":")[0] if found else ""


def _item(key: Key, sid: str) -> dict[str, dict[str, str]]:
    to, text = key
    return {"SMSMessage": {"Sid": sid, "To": f"0{to[3:]}", "Body": text, "Status": "queued"}}


def _messages(body: bytes) -> list[Key]:
    fields = parse_qsl(body.decode("ascii"), keep_blank_values=True)
    plain = dict(fields)
    recipients: dict[int, str] = {}
    texts: dict[int, str] = {}
    for name, value in fields:
        if match := _FIELD.fullmatch(name):
            place = int(match[1] or match[3])
            (texts if match[2] == "Body" else recipients)[place] = value
    if not recipients:
        return [(plain["To"], plain["Body"])]
    return [(to, texts.get(place, plain.get("Body", ""))) for place, to in recipients.items()]


def _answer(connection: socket.socket, status: int, body: str, fault: str | None) -> None:
    if fault == "reset":
        _reset(connection)
        return
    if fault == "nothing":
        return
    content = body.encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\nRetry-After: 0\r\nConnection: close\r\n\r\n"
    connection.sendall(head.encode() + (content[: len(content) // 2] if fault == "cut off" else content))


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
