"""The emulator over HTTP, on this machine only, with faults on request.

``GET /sandbox/messages.json`` lists every message that was really taken, and ``/sandbox/report.csv`` is the report
that the dashboard exports of them (``?account=SID``: of one account); these addresses are the sandbox's own.
"""

import http.client
import http.server
import json
import random
import socket
import struct
import threading
import time
import urllib.request
from collections.abc import Callable
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from exosms.sandbox.emulator import Emulator, RefusedError, SandboxAnswer, json_answer
from exosms.sandbox.request_body import read_body
from exosms.sandbox.store import MessageStore, StoredMessage

_GATEWAY = SandboxAnswer(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html")

_LATE = 2.0
"""Seconds that a callback is late."""


class Behaviour(NamedTuple):
    """How the server treats its clients; times are in seconds, ``faults`` is a share of requests from 0 to 1."""

    latency: float = 0.0
    faults: float = 0.0
    seed: int | None = None
    delivery_after: float = 0.0
    search: bool = True
    callback_faults: float = 0.0
    """Share of callbacks that are lost, doubled, late, early or out of order."""


class Server(http.server.ThreadingHTTPServer):
    """The emulator behind a socket on 127.0.0.1."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, behaviour: Behaviour) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.behaviour = behaviour
        self.store = MessageStore()
        self._chance = random.Random(behaviour.seed)  # noqa: S311  # faults, not secrets
        self._callback_chance = random.Random(behaviour.seed)  # noqa: S311  # so that the other faults stay the same
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The address to send to."""
        return f"http://127.0.0.1:{self.server_port}"

    def emulator(self, *, taken: Callable[[StoredMessage], None] = lambda _: None) -> Emulator:
        """Return the emulator for one request; ``taken`` hears of the messages that it took."""
        behaviour = self.behaviour
        return Emulator(self.store, delivery_after=behaviour.delivery_after, search=behaviour.search, taken=taken)

    def fault(self) -> str:
        """Return the fault of the next request, or nothing."""
        kinds = ("reset", "reset after", "cut", "429", "503", "gateway", "reorder", "partial")
        with self._lock:
            return self._chance.choice(kinds) if self._chance.random() < self.behaviour.faults else ""

    def handle_error(self, *_: object) -> None:
        """Keep quiet about clients that go away."""

    def callback_fault(self) -> str:
        """Return the fault of the next callback, or nothing."""
        with self._lock:
            is_fault = self._callback_chance.random() < self.behaviour.callback_faults
            return self._callback_chance.choice(("lost", "doubled", "late", "early", "reordered")) if is_fault else ""

    def call_back(self, message: StoredMessage, fault: str) -> None:
        """Post the final state to a StatusCallback on this machine; other addresses are left alone."""
        if not _is_loopback(message.callback) or fault == "lost":
            return
        if fault == "early":  # before the answer, which waits for it
            self._post(message)
            return
        delay = self.behaviour.delivery_after
        if fault == "late":
            delay += _LATE
        elif fault == "reordered":
            delay += _LATE * int(message.sid[:4], 16) / 0xFFFF
        for each in (delay, delay + _LATE / 2) if fault == "doubled" else (delay,):
            timer = threading.Timer(each, self._post, [message])
            timer.daemon = True
            timer.start()

    def _post(self, message: StoredMessage) -> None:
        form = urlencode(self.emulator().callback_form(message)).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            opener.open(message.callback, form, timeout=10).close()
        except (OSError, ValueError, http.client.HTTPException):  # the last: it is no server of HTTP, or no path
            return


def serve(*, port: int, behaviour: Behaviour, announce: Callable[[str], None], until: Callable[[], None]) -> None:
    """Serve until ``until`` returns or raises; ``announce`` gets the address first. OSError: the port is taken."""
    with Server(port, behaviour) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            announce(server.url)
            until()
        finally:
            server.shutdown()


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server
    timeout = 60
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer as Exotel does, or list what was taken."""
        if self.path == "/sandbox/messages.json":
            self._list()
        elif self.path.partition("?")[0] == "/sandbox/report.csv":
            self._report()
        else:
            self._exchange()

    def do_POST(self) -> None:
        """Answer as Exotel does."""
        self._exchange()

    do_PUT = do_DELETE = do_PATCH = do_HEAD = do_POST  # noqa: N815  # http.server finds them by these names

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def parse_request(self) -> bool:
        """Refuse what is meant for another host: the page of a stranger whose name leads here (DNS rebinding)."""
        if not super().parse_request():
            return False
        host = self.headers.get("Host")
        if host is None or _is_loopback(f"http://{host}"):
            return True
        self._refuse(RefusedError(421, message=f"The sandbox answers on {self.server.url} only, not as {host[:80]}"))
        return False

    def _exchange(self) -> None:
        try:
            body = read_body(self.headers, self.rfile)
        except RefusedError as refusal:
            self._refuse(refusal)
            return
        except EOFError:
            self.close_connection = True
            return
        time.sleep(self.server.behaviour.latency)
        fault = self.server.fault()
        if fault == "reset":
            self._reset()
            return
        taken: list[StoredMessage] = []
        answer = self._refusal(fault) or self._answer(body, taken)
        calls = [(message, self.server.callback_fault()) for message in taken if message.callback]
        for message, how in calls:
            if how == "early":
                self.server.call_back(message, how)
        try:
            if fault == "reset after":
                self._reset()
            else:
                self._write(_rearranged(answer, fault), cut=fault == "cut")
        finally:
            for message, how in calls:
                if how != "early":
                    self.server.call_back(message, how)

    def _answer(self, body: bytes, taken: list[StoredMessage]) -> SandboxAnswer:
        emulator = self.server.emulator(taken=taken.append)
        return emulator.answer(self.command, self.path, dict(self.headers.items()), body)

    def _refuse(self, refusal: RefusedError) -> None:
        """Answer a request whose body was not read, so that nothing else can follow it."""
        self.close_connection = True
        self._write(json_answer(refusal.status, refusal.document()))

    def _refusal(self, fault: str) -> SandboxAnswer | None:
        """Return the answer of a fault that refuses before anything is taken."""
        if fault == "gateway":
            return _GATEWAY
        if fault not in {"429", "503"}:
            return None
        return json_answer(int(fault), RefusedError(int(fault)).document())

    def _list(self) -> None:
        received = [
            {"Sid": message.sid, "From": message.sender, "To": message.recipient, "Body": message.body}
            for message in self.server.store.received()
        ]
        self._write(json_answer(200, received))

    def _report(self) -> None:
        account = parse_qs(urlsplit(self.path).query).get("account", [None])[0]
        self._write(SandboxAnswer(200, self.server.emulator().report(account), "text/csv; charset=utf-8"))

    def _write(self, answer: SandboxAnswer, *, cut: bool = False) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)
        if cut:
            self.close_connection = True

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True


def _rearranged(answer: SandboxAnswer, fault: str) -> SandboxAnswer:
    """Return the answer to several messages in another order, or without some of them."""
    if fault not in {"reorder", "partial"} or not answer.body.startswith(b"["):
        return answer
    items = json.loads(answer.body)
    items = items[::-1] if fault == "reorder" else items[: max(1, len(items) // 2)]
    return json_answer(answer.status, items)


def _is_loopback(address: str) -> bool:
    try:
        url = urlsplit(address)
        return url.scheme == "http" and (url.hostname == "localhost" or ip_address(url.hostname or "").is_loopback)
    except ValueError:
        return False
