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
        from waitress.channel import HTTPChannel
        from waitress.server import TcpWSGIServer
    except ImportError:
        raise ConfigError(
            "exosms callbacks needs waitress, which is not installed", remedy="pip install 'exosms[callbacks]'"
        ) from None

    class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
        """A connection that is closed if a request takes too long to come, byte by byte."""

        began: float | None = None

        def handle_read(self) -> None:
            """Take what has come."""
            super().handle_read()
            if self.request is None:
                self.began = None
            elif self.began is None:
                self.began = time.monotonic()
            elif time.monotonic() - self.began > _LONGEST_REQUEST:
                self.handle_close()

    class Server(TcpWSGIServer):  # type: ignore[misc]  # as above
        """Waitress's server with these connections."""

        channel_class = Channel

    # What it would log is of others: it logs nothing.
    logging.getLogger("waitress").addHandler(logging.NullHandler())
    logging.getLogger("waitress").propagate = False
    listening = _listening(host, port)
    adjustments = Adjustments(
        sockets=[listening],
        ident=None,
        threads=16,
        connection_limit=500,
        channel_timeout=int(_LONGEST_REQUEST),
        cleanup_interval=5,
        max_request_header_size=16 * 1024,
        max_request_body_size=LARGEST + 1,
        asyncore_use_poll=True,
    )
    return Server(application, _sock=listening, bind_socket=False, adj=adjustments, sockinfo=adjustments.listen[0])


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except UnicodeError:
        raise ConfigError(f"{host!r} is not a valid host", remedy="Write an address such as 127.0.0.1.") from None
