"""What decides sent from not sent: the trace events of httpcore."""

import inspect
import socket
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpcore
import httpx
import pytest

from exosms.exotel import exchange
from exosms.exotel.exchange import AbandonedError, Answer, Exchange, Fault, NoAnswer, RequestProgress
from exosms.exotel.outcome import unanswered
from exosms.exotel.transport import HttpsTransport
from exosms.sms.message import Outcome

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def serve(handle: Callable[[socket.socket], None]) -> str:
    """Let ``handle`` have the first connection; return the address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with listener, listener.accept()[0] as connection:
            handle(connection)

    threading.Thread(target=accept, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def read_request(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(65536)
    return head


def test_httpcore_still_tells_how_far_a_request_got() -> None:
    """An event that vanished, or came in another order, would turn sent into not sent."""
    seen: list[tuple[str, list[str]]] = []

    def answer(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(OK)

    with httpx.Client(trust_env=False) as client:
        client.post(
            serve(answer),
            content=b"From=A",
            extensions={"trace": lambda event, info: seen.append((event, sorted(info)))},
        )
    names = [name for name, _ in seen]
    wanted = [
        "connection.connect_tcp.complete",
        "http11.send_request_headers.started",
        "http11.send_request_body.complete",
        "http11.receive_response_headers.complete",
    ]
    assert [name for name in names if name in wanted] == wanted
    details = dict(seen)
    assert "return_value" in details["connection.connect_tcp.complete"]
    assert "request" in details["http11.send_request_headers.started"]
    assert "return_value" in details["http11.receive_response_headers.complete"]


def test_a_request_whose_body_could_not_be_written_was_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, release = threading.Event(), threading.Event()

    def hardly_read(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        connection.recv(1)
        begun.set()  # and with that the time limit is reached
        release.wait(60)

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + 3600 * begun.is_set())
    monkeypatch.setattr(exchange, "time", clock)
    monkeypatch.setattr(exchange, "_LEAVING", 60)  # which is not waited for
    must_leave = lambda: False  # noqa: E731  # so that the clock is looked at
    url = serve(hardly_read)
    line = HttpsTransport(url, key="k", token="t", timeout=60, observe=lambda _: None, must_leave=must_leave)
    try:
        reply = line.exchange("POST", "/", b"x" * 64_000_000)
    finally:
        release.set()
    assert isinstance(reply, NoAnswer)
    assert (reply.written, reply.fault) == (False, Fault.DEADLINE)


def test_a_request_that_was_given_up_before_it_began_never_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name resolution has no time limit of its own; the request must not go out when it comes back late."""
    arrived, late, resolved = threading.Event(), threading.Event(), threading.Event()
    url = serve(lambda connection: arrived.set() if connection.recv(1) else None)
    resolve = socket.getaddrinfo

    def slow(*args: Any, **kwargs: Any) -> Any:
        late.wait(60)
        resolved.set()
        return resolve(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    monkeypatch.setattr(exchange, "_LEAVING", 20)  # which is not waited for
    reply = HttpsTransport(url, key="k", token="t", timeout=0.1, observe=lambda _: None).exchange(
        "POST", "/", b"From=A"
    )
    late.set()
    assert isinstance(reply, NoAnswer)
    assert (reply.written, reply.fault) == (False, Fault.RESOLVE_OR_CONNECT)
    assert reply.detail.endswith(": the time limit was reached")
    assert unanswered(reply).outcome is Outcome.NOT_SENT
    assert resolved.wait(60)
    assert not arrived.wait(0.5)


def test_a_request_that_was_given_up_during_the_handshake_never_leaves() -> None:
    progress = RequestProgress()
    progress.abandon()
    with pytest.raises(AbandonedError):
        progress("http11.send_request_headers.started", {"request": httpcore.Request("POST", "https://127.0.0.1/")})
    assert not progress.begun


def test_a_status_stands_though_its_exchange_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    told, enough = threading.Event(), threading.Event()

    def stuck(progress: RequestProgress) -> Answer:
        progress.written, progress.status = True, 401
        told.set()
        enough.wait(60)
        raise AssertionError("nobody waited for it")

    monkeypatch.setattr(exchange, "_LEAVING", 0.05)
    try:
        assert Exchange(stuck).result(timeout=60, must_leave=told.is_set) == Answer(status=401, body=None)
    finally:
        enough.set()


def test_every_transport_error_of_httpx_is_translated() -> None:
    """A new exception class of httpx must be looked at before it is classified."""
    known = {
        "TransportError", "TimeoutException", "ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout",
        "NetworkError", "ConnectError", "ReadError", "WriteError", "CloseError", "ProxyError", "UnsupportedProtocol",
        "ProtocolError", "LocalProtocolError", "RemoteProtocolError",
    }  # fmt: skip
    classes = {
        name for name, item in inspect.getmembers(httpx, inspect.isclass) if issubclass(item, httpx.TransportError)
    }
    assert classes == known
