"""How far a request got.

httpx's exception classes do not tell sent from not sent: the same ``RemoteProtocolError`` comes from a
server that read nothing and from one that read everything. So a request is watched through httpcore's
trace events: it was sent once its last byte was handed to the operating system, and not before.
"""

import _thread
import threading
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from exosms import starvation
from exosms.system.signals import LOOK, leave_signals_to_main_thread, never

if TYPE_CHECKING:
    import socket

    import httpcore
    import httpx

ANSWER_LIMIT = 64 * 1024
"""Bytes of an answer, decoded, beyond which it is not read."""

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 60.0
"""Seconds; a short read timeout makes unknowns out of slow answers."""

_LEAVING = 1.0
"""Seconds that an abandoned exchange gets to say how far it came."""


class Fault(StrEnum):
    """Why there is no answer, and what to do where the request was not written either."""

    remedy: str

    def __new__(cls, said: str, remedy: str) -> Self:
        """Make a member, which is what it says."""
        fault = str.__new__(cls, said)
        fault._value_, fault.remedy = said, remedy
        return fault

    RESOLVE_OR_CONNECT = "no connection", "Check the network, DNS and HTTPS_PROXY, then run it again."
    TLS = (
        "the TLS handshake failed",
        "Check that the address speaks TLS and that no firewall interferes, then run it again.",
    )
    CERTIFICATE = (
        "the certificate did not verify",
        "Name the certificate of your proxy or test server in SSL_CERT_FILE, or correct the address.",
    )
    PROXY = "the proxy refused", "Check HTTPS_PROXY, or name the host in NO_PROXY, then run it again."
    PROXY_AUTHENTICATION = (
        "the proxy asks for authentication",
        "Put the proxy's user and password into HTTPS_PROXY.",
    )
    WRITE = "the connection broke before the request was written", "Run it again."
    READ = "no usable answer came", "Run it again."
    DEADLINE = "the time limit was reached", "Run it again, with a longer --timeout where the network is slow."
    INTERRUPTED = "interrupted", "Run it again."
    THREAD = starvation.THREADS


class Answer(NamedTuple):
    """What the server said. ``body`` is None when it was cut off, too large or could not be decoded."""

    status: int
    body: bytes | None
    retry_after: str | None = None
    date: str | None = None

    @property
    def is_success(self) -> bool:
        """Whether its status says that all is well."""
        return 200 <= self.status < 300


class NoAnswer(NamedTuple):
    """No status line arrived. ``written`` tells whether the request was completely written before that."""

    written: bool
    fault: Fault
    detail: str = ""


class AbandonedError(Exception):
    """The exchange was given up before its first byte; raised inside it so that the byte never leaves."""


class RequestProgress:
    """Follows one request through httpcore's trace events."""

    def __init__(self) -> None:
        self.begun = False
        self.written = False
        self.tunnel_status: int | None = None
        self.status: int | None = None
        self.abandoned = False
        self._lock = threading.Lock()
        self._tunnelling = False
        self._socket: socket.socket | None = None

    def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        """Take one trace event, as httpcore's ``trace`` extension passes it."""
        match event.partition(".")[2]:
            case "connect_tcp.complete" | "start_tls.complete":
                self._connected(info["return_value"])
            case "send_request_headers.started":
                self._begin(info["request"])
            case "send_request_body.complete":
                self.written = not self._tunnelling
            case "receive_response_headers.complete":
                self._answered(info["return_value"])

    @property
    def is_connected(self) -> bool:
        """Whether a connection came about, to the proxy where there is one."""
        return self._socket is not None

    def abandon(self) -> None:
        """Make sure that no further byte leaves, and wake whoever waits on the socket."""
        with self._lock:
            self.abandoned = True
            if self._socket is not None:
                _shut(self._socket)

    def _connected(self, stream: "httpcore.NetworkStream") -> None:
        with self._lock:
            self._socket = stream.get_extra_info("socket")
            if self.abandoned:
                stream.close()
                raise AbandonedError

    def _begin(self, request: "httpcore.Request") -> None:
        self._tunnelling = request.method == b"CONNECT"
        with self._lock:
            if self.abandoned:
                raise AbandonedError
            self.begun = not self._tunnelling
            starvation.has_sent |= request.method == b"POST"

    def _answered(self, head: tuple[bytes, int, bytes, object]) -> None:
        _version, status, _reason, _headers = head
        if self._tunnelling:
            self.tunnel_status = status
        else:
            self.status = status


def _shut(sock: "socket.socket") -> None:
    import socket

    try:
        # Not SSLSocket's own: it would drop the TLS state under the thread that is reading.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:  # it is closed already
        return


class Exchange:
    """One request and its answer, in a thread of its own.

    httpx has no total deadline (a server that drips keeps every single read alive) and no bound on name
    resolution, so somebody else must be able to stop waiting; nor must a signal cut through httpx's code.

    The thread is one of ``_thread``: whoever starts one of ``threading`` waits until it runs, and that is 3 % of an
    unpaced bulk run. Like a daemon it does not hold up the end of the process.
    """

    def __init__(self, exchange: Callable[[RequestProgress], Answer]) -> None:
        self.progress = RequestProgress()
        self._exchange = exchange
        self._answer: Answer | None = None
        self._error: BaseException | None = None
        self._done = threading.Lock()
        self._done.acquire()

    def _run(self) -> None:
        """Exchange, keeping the answer or the error for ``result``."""
        leave_signals_to_main_thread()
        try:
            self._answer = self._exchange(self.progress)
        except BaseException as error:  # noqa: BLE001  # kept for the thread that waits, which raises it
            self._error = error
        finally:
            self._done.release()

    def result(self, *, timeout: float, must_leave: Callable[[], bool] = never) -> Answer | NoAnswer:
        """Wait at most ``timeout`` seconds in total, or until we must leave, and return what is known then."""
        try:
            _thread.start_new_thread(self._run, ())
        except RuntimeError as error:  # the system has no thread left; nothing began
            return NoAnswer(written=False, fault=Fault.THREAD, detail=str(error))
        fault = self._wait(timeout, must_leave)
        has_ended = fault is None
        if not has_ended:
            self.progress.abandon()  # what has not begun never will, and nobody waits for a name that nobody knows
            has_ended = not self.progress.begun or self._done.acquire(timeout=_LEAVING)
        if self._answer is not None:
            return self._answer
        if self.progress.status is not None:
            return Answer(status=self.progress.status, body=None)
        if fault is None and self._error is not None:
            return explain(self._error, self.progress)
        # Whoever does not say in time that the request was not written may just have written it.
        written = self.progress.written or (self.progress.begun and not has_ended)
        if fault is Fault.DEADLINE and not self.progress.is_connected:
            return NoAnswer(written=written, fault=Fault.RESOLVE_OR_CONNECT, detail=fault)
        return NoAnswer(written=written, fault=fault or Fault.DEADLINE)

    def _wait(self, timeout: float, must_leave: Callable[[], bool]) -> Fault | None:
        """Wait for the end of the exchange; returns why it is to be given up, or None when it ended."""
        until = time.monotonic() + timeout
        look = timeout if must_leave is never else LOOK  # eight requests in flight would look 80 times a second
        while not self._done.acquire(timeout=min(look, max(0.0, until - time.monotonic()))):
            if must_leave():
                return Fault.INTERRUPTED
            if time.monotonic() >= until:
                return Fault.DEADLINE
        return None


def explain(error: BaseException, progress: RequestProgress) -> NoAnswer:
    """Translate httpx's exception; one that this table does not know is a bug and is raised."""
    import httpx

    if isinstance(error, UnicodeError) and not progress.begun:  # Python does not ask DNS for a label of 64 letters
        return NoAnswer(written=False, fault=Fault.RESOLVE_OR_CONNECT, detail="the host's name cannot be one")
    if not isinstance(error, httpx.TransportError):
        raise error
    return NoAnswer(written=progress.written, fault=_fault_of(error, progress), detail=str(error))


def _fault_of(error: "httpx.TransportError", progress: RequestProgress) -> Fault:
    import httpx

    if progress.written:
        return Fault.READ
    if isinstance(error, httpx.ProxyError):
        return Fault.PROXY_AUTHENTICATION if progress.tunnel_status == 407 else Fault.PROXY
    import ssl

    causes = starvation.causes(error)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return Fault.CERTIFICATE
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Fault.TLS
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return Fault.RESOLVE_OR_CONNECT
    return Fault.WRITE
