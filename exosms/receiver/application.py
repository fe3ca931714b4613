"""The receiver as a WSGI application: it believes nobody, says little, and answers 200 only to what is durable.

Whoever posts proves by the token in the path, and by the recipient, of which message it speaks. All that is not such
a callback is answered alike, so that nothing can be learned by trying.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exosms.errors import ExosmsError
from exosms.exotel.callback import LARGEST, Callback, read_callback
from exosms.ledger.callbacks import Taken
from exosms.receiver.confirm import Confirmation
from exosms.receiver.intake import Intake, NotKeptError
from exosms.receiver.sources import stores

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

_TOKEN = re.compile(r"[0-9a-f]{48}", re.ASCII)

_MOST_PER_SECOND = 2000.0
"""Requests; more come from nobody who means well."""

_TAKEN, _ANYTHING_ELSE, _TOO_LARGE = "200 OK", "404 Not Found", "413 Content Too Large"
_TOO_MANY, _NOT_NOW = "429 Too Many Requests", "503 Service Unavailable"


def _say_nothing(_line: str) -> None:
    pass


class Application:
    """Takes callbacks for the ledger in the state directory and for those that machines share.

    ``tell`` and ``warn`` get a line, yet to be escaped.
    """

    def __init__(
        self,
        *,
        config: Path | None = None,
        tell: Callable[[str], None] = _say_nothing,
        warn: Callable[[str], None],
    ) -> None:
        self._config = config
        self._tell = tell
        self._warn = warn
        self._lock = threading.Lock()
        self._process = 0
        self._left, self._counted_at = _MOST_PER_SECOND, time.monotonic()

    def start(self) -> Sequence[Intake]:
        """Have the threads run, which a server that forks leaves behind."""
        with self._lock:
            if self._process != os.getpid():
                all_stores = stores(self._config, warn=self._warn)
                self._intakes = [Intake(opened, warn=self._warn) for opened in all_stores]
                self._confirmations = [
                    Confirmation(opened, config=self._config, tell=self._tell, warn=self._warn)
                    for opened in all_stores
                ]
                self._process = os.getpid()
            return self._intakes

    def start_again(self) -> Sequence[Intake] | None:
        """Start in whichever process this is; None, and a warning, where the configuration cannot be read by now."""
        try:
            return self.start()
        except ExosmsError as error:
            self._warn(f"callbacks cannot be kept: {error.message}")
            return None

    def stop(self) -> None:
        """Begin nothing more."""
        if self._process:
            for confirmation in self._confirmations:
                confirmation.stop()

    def before_fork(self) -> None:
        """Close the ledger: a process that is made with one of SQLite's open takes its parent's locks for its own.

        So a server that loads the application before it forks leaves all to those that it makes.
        """
        with self._lock:
            if self._process == os.getpid():
                for confirmation in self._confirmations:
                    confirmation.end()
            self._process = 0

    def __call__(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request, with a status alone."""
        status = self._status(environ)
        headers: Sequence[tuple[str, str]] = [("Content-Length", "0"), ("Content-Type", "text/plain")]
        if status in {_TOO_MANY, _NOT_NOW}:
            headers = [*headers, ("Retry-After", "30")]
        start_response(status, [*headers])
        return [b""]

    def _status(self, environ: dict[str, Any]) -> str:
        if not self._may_come():
            return _TOO_MANY
        token = environ.get("PATH_INFO", "").rpartition("/")[2]
        if environ["REQUEST_METHOD"] != "POST" or not _TOKEN.fullmatch(token):
            return _ANYTHING_ELSE
        body = _body(environ)
        if body is None:
            return _TOO_LARGE
        callback = read_callback(body, environ.get("CONTENT_TYPE", ""))
        return self._take(token, callback) if callback else _ANYTHING_ELSE

    def _take(self, token: str, callback: Callback) -> str:
        intakes = self.start_again()
        if intakes is None:
            return _NOT_NOW
        taken, is_any_away = Taken.NOBODYS, False
        for intake in intakes:
            try:
                taken = intake.take(token, callback)
            except NotKeptError:
                is_any_away = True
            if taken is not Taken.NOBODYS:
                break
        else:  # of what is away nobody knows whose it is
            return _NOT_NOW if is_any_away else _ANYTHING_ELSE
        word = callback.delivery.outcome if taken is Taken.KEPT else "to be confirmed"
        self._tell(f"{word}: {callback.to} {callback.sid}")
        return _TAKEN

    def _may_come(self) -> bool:
        with self._lock:
            now = time.monotonic()
            self._left = min(_MOST_PER_SECOND, self._left + (now - self._counted_at) * _MOST_PER_SECOND)
            self._counted_at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


def _body(environ: dict[str, Any]) -> bytes | None:
    """Return the body of a request; None for one that is too large."""
    length = environ.get("CONTENT_LENGTH") or ""
    if not length.isdecimal() and not environ.get("wsgi.input_terminated"):
        return b""
    most = int(length) if length.isdecimal() and len(length) < 10 else LARGEST + 1
    if length.isdecimal() and most > LARGEST:
        return None
    body: bytes = environ["wsgi.input"].read(most)
    return body if len(body) <= LARGEST else None
