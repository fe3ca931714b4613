"""The receiver behind a socket, served by waitress, with limits on what clients may take of it.

A proxy with TLS stands before it; the limits hold where somebody reaches it without one.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from exosms.errors import ConfigError
from exosms.exotel.callback import LARGEST
from exosms.receiver.application import Application

_LONGEST_REQUEST = 20.0
"""Seconds that a request may take to come, and that a connection may be silent."""

_MOST_CONNECTIONS = 500


def serve(
    application: Application,
    *,
    host: str,
    port: int,
    announce: Callable[[str], None],
    until: Callable[[], object],
) -> None:
    """Serve until ``until`` returns or raises; ``announce`` gets the address first.

    Raises ConfigError where waitress is not installed, OSError where the port is taken.
    """
    server = _server(application, host, port)
    threading.Thread(target=server.run, daemon=True, name="server").start()
    shown_host = f"[{server.effective_host}]" if ":" in server.effective_host else server.effective_host
    try:
        application.start()
        announce(f"http://{shown_host}:{server.effective_port}")
        until()
    finally:
        application.stop()
        server.accepting = False


def _server(application: Application, host: str, port: int) -> Any:
    try:
        from waitress.adjustments import Adjustments
    except ImportError:
        raise ConfigError(
            "`exosms callbacks` needs waitress, which is not installed",
            remedy="In the folder that has the clone: pipx install --force './exosms[callbacks]'",
        ) from None

    # What it would log is of others: it logs nothing.
    logging.getLogger("waitress").addHandler(logging.NullHandler())
    logging.getLogger("waitress").propagate = False
    listening = _listening(host, port)
    adjustments = Adjustments(
        sockets=[listening],
        ident=None,
        threads=16,
        connection_limit=_MOST_CONNECTIONS,
        channel_timeout=int(_LONGEST_REQUEST),
        cleanup_interval=5,
        max_request_header_size=16 * 1024,
        max_request_body_size=LARGEST + 1,
        asyncore_use_poll=True,
    )
    return _server_class()(
        application, _sock=listening, bind_socket=False, adj=adjustments, sockinfo=adjustments.listen[0]
    )


def _server_class() -> Any:
    """Return waitress's server, at whose limit the connection goes that was idle for longest, not the new one."""
    from waitress.server import TcpWSGIServer

    class Receiver(TcpWSGIServer):  # type: ignore[misc]  # waitress has no types
        channel_class = _channel_class()

        def handle_accept(self) -> None:
            super().handle_accept()
            if len(self._map) >= self.adj.connection_limit:
                channels = self.active_channels.values()
                idle = [one for one in channels if not (one.requests or one.total_outbufs_len)]
                if idle:
                    min(idle, key=lambda channel: channel.idle_since).handle_close()

    return Receiver


def _channel_class() -> Any:
    """Return waitress's connection, which is closed if a request takes too long to come, byte by byte."""
    from waitress.channel import HTTPChannel

    class Channel(HTTPChannel):  # type: ignore[misc]  # as above
        parser_class = _parser_class()
        began: float | None = None
        asked_at: float | None = None

        def handle_read(self) -> None:
            super().handle_read()
            if self.request is None:
                self.began, self.asked_at = None, time.time()
            elif self.began is None:
                self.began = time.monotonic()
            elif time.monotonic() - self.began > _LONGEST_REQUEST:
                self.handle_close()

        @property
        def idle_since(self) -> float:
            return self.asked_at or self.creation_time

    return Channel


def _parser_class() -> Any:
    """Return waitress's parser, which refuses a request whose end is told in two ways, as a proxy may read it."""
    from waitress.parser import HTTPRequestParser, ParsingError

    class Parser(HTTPRequestParser):  # type: ignore[misc]  # as above
        def parse_header(self, header_plus: bytes) -> None:
            super().parse_header(header_plus)
            if self.chunked and "CONTENT_LENGTH" in self.headers:
                raise ParsingError("Both a length and chunks")

    return Parser


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except UnicodeError:
        raise ConfigError(f"{host!r} is not a valid host", remedy="Write an address such as 127.0.0.1.") from None
