"""``exosms callbacks``: receives what Exotel posts about messages."""

import gc
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from exosms.cli import options as o
from exosms.cli.output.out import Out
from exosms.config.account import is_loopback
from exosms.errors import ConfigError, ExitCode, Interrupted
from exosms.ledger.database import LedgerAwayError
from exosms.system.signals import Interrupts, takes_more
from exosms.system.wording import counted

if TYPE_CHECKING:
    from exosms.ledger.callbacks import CallbackStore


def command(
    *,
    host: Annotated[
        str, o.option("--host", metavar="ADDRESS", help="The address to listen on.", show_default=True)
    ] = "127.0.0.1",
    port: Annotated[int, o.PORT] = 8377,
    config: Path | None = None,
    out: Annotated[Out, "quiet"],
) -> int:
    """Receive Exotel's delivery callbacks until interrupted, and find out what became of unknown messages by them.

    The address is the first line printed. Put a proxy with TLS before it, and its public address as callback_url into
    a profile; then send, job and bulk ask Exotel to call back there. A callback is known by the secret last part of
    its path and by its recipient; anything else is answered 404. It needs
    `pipx install --force './exosms[callbacks]'`, beside the clone.

    exosms callbacks

    exosms callbacks --port 9000 --config /etc/exosms/config.toml
    """
    from exosms.receiver.application import Application
    from exosms.receiver.server import serve
    from exosms.receiver.sources import stores

    o.refuse_empty(("--host", host))  # the system takes it for every address of the machine
    gc.enable()  # it lives long
    if not is_loopback(host):
        out.warn(f"{host} may be reached from other machines, without encryption; put a proxy with TLS before it")
    interrupts = Interrupts()
    try:
        with interrupts.installed(), interrupts.at_once():
            for opened in stores(config, warn=out.warn):  # or every callback would be refused
                _try(opened, out)
            lines = _Lines(out)
            application = Application(config=config, tell=lines.tell, warn=lines.warn)
            serve(application, host=host, port=port, announce=out.line, until=interrupts.wait)
    except OSError as error:
        raise ConfigError(
            f"`exosms callbacks` cannot listen on {host}, port {port}: {error.strerror}",
            remedy="Choose another address with --host and --port.",
        ) from error
    except Interrupted:
        pass  # as it is meant to end
    return ExitCode.OK


class _Lines:
    """What threads tell: a line that would wait for its reader is left out, or callbacks would wait as well."""

    def __init__(self, out: Out) -> None:
        self._out = out
        self._left_out = 0
        self._lock = threading.Lock()

    def tell(self, text: str) -> None:
        """Print progress."""
        self._print(self._out.tell, text)

    def warn(self, text: str) -> None:
        """Print a warning."""
        self._print(self._out.warn, text)

    def _print(self, say: Callable[[str], None], text: str) -> None:
        with self._lock:
            if not self._is_read():
                self._left_out += 1
                return
            if self._left_out:
                self._out.warn(f"nobody read standard error: {counted(self._left_out, 'line')} left out")
                self._left_out = 0
            say(text)

    def _is_read(self) -> bool:
        try:
            return takes_more(self._out.stderr.fileno())
        except (OSError, ValueError):  # what a caller put in its place
            return True


def _try(opened: "Callable[[], CallbackStore]", out: Out) -> None:
    """Open a ledger; one that is away now may be there once a callback comes."""
    try:
        opened().ledger.close()
    except LedgerAwayError as error:
        out.warn(f"{error.message}; until it is back, callbacks of its messages are to come again")
