"""A server on loopback that does one wrong thing at a time, and remembers what reached it.

A behaviour is a row of steps: ``does(reads_all, says(answer(200, "…")), resets)``. Whatever it does, the connection
is closed after its last step.
"""

import json
import secrets
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from typing import Self
from urllib.parse import parse_qsl

_PATIENCE = 30.0
"""Seconds after which a step that waits for a dead client gives up."""


class Connection:
    """One connection, and what arrived on it."""

    def __init__(self, sock: socket.socket, stopping: threading.Event) -> None:
        sock.settimeout(_PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or a reset overtakes what was said before it
        self.sock = sock
        self.stopping = stopping
        self.read = b""
        """What a step has read; after a tunnel was opened, what came through it."""
        self.tunnel = b""
        """The head of the CONNECT request that opened a tunnel."""
        self._unread = b""

    @property
    def arrived(self) -> bytes:
        """What reached this machine: what was read, and what lay unread in the kernel when we last looked."""
        return self.read + self._unread

    @property
    def complete(self) -> bool:
        """Whether a whole POST arrived, head and body."""
        return self.arrived.startswith(b"POST ") and missing(self.arrived) == 0

    @property
    def form(self) -> dict[str, str]:
        """The fields of the POST."""
        return dict(parse_qsl(self.arrived.partition(b"\r\n\r\n")[2].decode("ascii"), keep_blank_values=True))

    def take(self, count: int) -> bytes:
        """Read exactly ``count`` bytes, or raise OSError because there are no more."""
        taken = b""
        while len(taken) < count:
            piece = self.sock.recv(count - len(taken))
            if not piece:
                raise ConnectionAbortedError("the client went away")
            taken += piece
            self.read += piece
        return taken

    def look(self) -> None:
        """Note what lies unread in the kernel; what TLS holds cannot be looked at."""
        if isinstance(self.sock, ssl.SSLSocket) or self.sock.fileno() == -1:
            return
        readable, _, _ = select.select([self.sock], [], [], 0)
        try:
            self._unread = self.sock.recv(1 << 20, socket.MSG_PEEK) if readable else b""
        except OSError:  # the connection is gone
            return

    def tunnelled(self) -> None:
        """What was read so far opened a tunnel; what follows is the request."""
        self.tunnel, self.read = self.read, b""

    def wake(self) -> None:
        """Make a step that waits on the socket give up."""
        try:
            # Not SSLSocket's own: it would drop the TLS state under the thread that is reading.
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
        except OSError:  # it is closed already
            return


def missing(request: bytes) -> int:
    """Return how many bytes a request still lacks; 1 as long as its head is incomplete."""
    head, blank_line, body = request.partition(b"\r\n\r\n")
    if not blank_line:
        return 1
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
    return int(fields.get(b"content-length", b"0")) - len(body)


Step = Callable[[Connection], None]


def does(*steps: Step) -> Step:
    """One step after the other."""

    def behave(connection: Connection) -> None:
        for step in steps:
            step(connection)

    return behave


def reads(count: int) -> Step:
    """Read that many bytes of the request and no more."""

    def step(connection: Connection) -> None:
        connection.take(count)

    return step


def reads_head(connection: Connection) -> None:
    """Read the request's head, and not one byte of its body."""
    while not connection.read.endswith(b"\r\n\r\n"):
        connection.take(1)


def reads_all(connection: Connection) -> None:
    """Read the whole request."""
    reads_head(connection)
    connection.take(missing(connection.read))


def awaits_all(connection: Connection) -> None:
    """Wait until the kernel holds the whole request, and read nothing of it."""
    give_up = time.monotonic() + _PATIENCE
    while not connection.complete and not connection.stopping.wait(0.002):
        if time.monotonic() > give_up:
            raise ConnectionAbortedError("the request never came")
        connection.look()


def opens_tunnel(connection: Connection) -> None:
    """Be a proxy: read CONNECT and agree."""
    reads_head(connection)
    connection.sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    connection.tunnelled()


def handshakes(context: Callable[[], ssl.SSLContext]) -> Step:
    """Be a TLS server from here on."""

    def step(connection: Connection) -> None:
        tls = context().wrap_socket(connection.sock, server_side=True, do_handshake_on_connect=False)
        connection.sock = tls
        tls.do_handshake()

    return step


def says(data: bytes) -> Step:
    """Send these bytes at once."""

    def step(connection: Connection) -> None:
        connection.sock.sendall(data)

    return step


def says_outside_tls(data: bytes) -> Step:
    """Send these bytes on the connection below TLS."""

    def step(connection: Connection) -> None:
        socket.socket.send(connection.sock, data)

    return step


def drips(data: bytes, *, every: float) -> Step:
    """Send these bytes one by one, with so many seconds before each."""

    def step(connection: Connection) -> None:
        for byte in data:
            if connection.stopping.wait(every):
                return
            connection.sock.sendall(bytes([byte]))

    return step


def floods(piece: bytes) -> Step:
    """Send the same bytes for as long as the client takes them."""

    def step(connection: Connection) -> None:
        while not connection.stopping.is_set():
            connection.sock.sendall(piece)

    return step


def hangs(connection: Connection) -> None:
    """Do nothing, and keep the connection open."""
    connection.stopping.wait()


def resets(connection: Connection) -> None:
    """Cut the connection with a TCP reset."""
    connection.look()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.sock.close()


def says_goodbye(connection: Connection) -> None:
    """End TLS properly, with close_notify; without this step the connection is just cut."""
    assert isinstance(connection.sock, ssl.SSLSocket)
    connection.sock.unwrap()


def head(status: int | str, *headers: str) -> bytes:
    """An answer's status line and headers, exactly these."""
    return "\r\n".join((f"HTTP/1.1 {status} Status", *headers, "\r\n")).encode("latin-1")


def answer(status: int | str, body: str | bytes = b"", *headers: str) -> bytes:
    """A complete answer."""
    body = body.encode() if isinstance(body, str) else body
    return head(status, f"Content-Length: {len(body)}", "Connection: close", *headers) + body


def answers(status: int | str, body: str | bytes = b"", *headers: str) -> Step:
    """Read the whole request and give a complete answer."""
    return does(reads_all, says(answer(status, body, *headers)))


def accepts(connection: Connection) -> None:
    """Read the whole request and take its message, under a Sid of its own."""
    said = {"SMSMessage": {"Sid": secrets.token_hex(16), "Status": "queued"}}
    answers(200, json.dumps(said))(connection)


class Misbehaving:
    """The server: the first behaviour for the first connection and so on, the last for all that follow."""

    def __init__(self, *behaviours: Step, tight: bool = False) -> None:
        self.connections: list[Connection] = []
        self._behaviours = behaviours
        self._stopping = threading.Event()
        self._listener = socket.socket()
        if tight:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # the kernel's minimum
        self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._handlers: list[threading.Thread] = []

    @property
    def url(self) -> str:
        """Where it is, without TLS."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> int:
        """The connections on which at least one byte of a request arrived."""
        return sum(bool(connection.arrived) for connection in self.connections)

    @property
    def complete_requests(self) -> int:
        """The connections on which a whole POST arrived, so that a server might have acted on it."""
        return sum(connection.complete for connection in self.connections)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        try:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        except OSError:  # it never listened
            pass
        else:
            self._acceptor.join()
        self._listener.close()
        for connection in self.connections:
            connection.wake()
        for handler in self._handlers:
            handler.join()

    def open(self) -> None:
        """Begin to listen; until then connections are refused."""
        self._listener.listen()
        self._acceptor.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:  # we are stopping
                return
            behave = self._behaviours[min(len(self.connections), len(self._behaviours) - 1)]
            connection = Connection(sock, self._stopping)
            handler = threading.Thread(target=_handle, args=(connection, behave), daemon=True)
            self.connections.append(connection)
            self._handlers.append(handler)
            handler.start()


def _handle(connection: Connection, behave: Step) -> None:
    try:
        behave(connection)
    except OSError:  # the client left first: whether that was right is for the test to say
        pass
    finally:
        connection.look()
        connection.sock.close()
