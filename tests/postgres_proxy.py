"""A way to PostgreSQL that fails at a chosen moment: before a request, or after it was carried out but not answered.

A request is what a client sends until it waits for an answer (a ``Query`` or a ``Sync``). They are counted over all
connections, from 1. The way is never encrypted, so that it can be read: it refuses TLS as a server without it does.
"""

import random
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import NamedTuple, Self

_SSL, _GSS, _CANCEL = 80877103, 80877104, 80877102
"""Codes that stand in place of a protocol version."""
_IN_A_QUERY = b"QP"
"""Messages that carry SQL."""
_WAITS = b"QS"
"""Messages after which a client waits for an answer."""
_READY = b"Z"


class Manner(StrEnum):
    """What happens to a request."""

    CUT_BEFORE = "cut before"
    CUT_AFTER = "cut after"
    STALL_BEFORE = "stall before"
    STALL_AFTER = "stall after"

    @property
    def is_after(self) -> bool:
        """Whether the server carries it out all the same."""
        return self in {Manner.CUT_AFTER, Manner.STALL_AFTER}


class Strike(NamedTuple):
    """The request with which it begins to fail, and how."""

    manner: Manner
    is_it: Callable[[int, bytes], bool]
    """Is told the number of a request and its SQL."""
    stays: bool = True
    """Whether all that comes later fares the same; else it is one bad moment."""

    @classmethod
    def at(cls, number: int, manner: Manner, *, stays: bool = True) -> "Strike":
        """Strike the request of that number."""
        return cls(manner, lambda found, _sql: found == number, stays)


class Proxy:
    """A server on loopback that hands on to PostgreSQL; a context."""

    def __init__(self, port: int, strike: Strike | None = None, *, cuts: float = 0.0, seed: int = 0) -> None:
        self.requests = 0
        self.struck = 0
        self.refused = 0
        """Connections that came while nobody was let through."""
        self.strike = strike
        self.cuts = cuts
        """The share of requests that are cut off, before or after they are carried out."""
        self._chance = random.Random(seed)
        self._is_down: Manner | None = None
        self._target = port
        self._lock = threading.Lock()
        self._held: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for held in self._held:
                _end(held)

    def fail(self, manner: Manner) -> None:
        """From now on let nobody through: new connections are reset, or accepted and never answered."""
        self._is_down = manner

    def heal(self) -> None:
        """Let everybody through again."""
        self.strike = self._is_down = None
        with self._lock:
            for held in self._held:
                _end(held)

    def fate(self, statement: bytes) -> Manner | None:
        """Count a request and say what happens to it."""
        with self._lock:
            self.requests += 1
            strike, manner = self.strike, self._is_down
            if manner is None and strike and strike.is_it(self.requests, statement):
                manner = strike.manner
                self.strike = None
                self._is_down = manner if strike.stays else None
            if manner is None and self._chance.random() < self.cuts:
                manner = self._chance.choice((Manner.CUT_BEFORE, Manner.CUT_AFTER))
            self.struck += manner is not None
            return manner

    def hold(self, *sockets: socket.socket) -> None:
        """Say nothing more on these, and close them in the end."""
        with self._lock:
            self._held += sockets

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # it was shut down
                return
            self.refused += self._is_down is not None
            if self._is_down in {Manner.STALL_BEFORE, Manner.STALL_AFTER}:
                self.hold(client)
            elif self._is_down:
                _end(client)
            else:
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError):
            greeting = _greeting(client)
            server = socket.create_connection(("127.0.0.1", self._target), timeout=30)
            server.settimeout(None)
            server.sendall(greeting)
            _Connection(self, client, server).carry()
            return
        _end(client)


class _Connection:
    """One client's connection, read message by message in one direction and answer by answer in the other."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._asked = 0
        self._unanswered: int | None = None
        """The request whose answer does not arrive, as this connection counts them."""
        self._manner = Manner.CUT_BEFORE

    def carry(self) -> None:
        """Hand on until one side is over, or it is struck."""
        threading.Thread(target=self._carry_answers, daemon=True).start()
        statement = b""
        with suppress(OSError):
            while True:
                kind, message = _message(self._client)
                if kind in _IN_A_QUERY:
                    statement += message[5:] + b"\n"
                if kind in _WAITS:
                    manner = self._proxy.fate(statement)
                    statement = b""
                    self._asked += 1
                    if manner and not manner.is_after:
                        self._strike(manner)
                        return
                    if manner:
                        self._manner = manner
                        self._unanswered = self._asked
                self._server.sendall(message)
        _end(self._client)
        _end(self._server)

    def _carry_answers(self) -> None:
        answered = -1  # one says that the session has begun
        with suppress(OSError):
            while True:
                kind, message = _message(self._server)
                answered += kind == _READY
                if self._unanswered is not None and answered >= self._unanswered - (kind != _READY):
                    if kind == _READY:
                        self._strike(self._manner)
                        return
                    continue
                self._client.sendall(message)
        _end(self._client)
        _end(self._server)

    def _strike(self, manner: Manner) -> None:
        if manner in {Manner.STALL_BEFORE, Manner.STALL_AFTER}:
            self._proxy.hold(self._client, self._server)
            return
        _end(self._client)
        _end(self._server)


def _greeting(client: socket.socket) -> bytes:
    """Read how a client begins; what it says about encryption is declined."""
    while True:
        head = _exactly(client, 8)
        length, code = struct.unpack("!II", head)
        if code not in {_SSL, _GSS}:
            return head + _exactly(client, length - 8)
        client.sendall(b"N")


def _message(connection: socket.socket) -> tuple[bytes, bytes]:
    """Read one message and return its kind and all of it."""
    head = _exactly(connection, 5)
    return head[:1], head + _exactly(connection, int(struct.unpack("!I", head[1:])[0]) - 4)


def _exactly(connection: socket.socket, length: int) -> bytes:
    received = b""
    while len(received) < length:
        piece = connection.recv(length - len(received))
        if not piece:
            raise ConnectionResetError
        received += piece
    return received


def _end(connection: socket.socket) -> None:
    """Reset it: whoever waits on it hears of that at once, also another thread."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
