"""SIGINT, SIGTERM and SIGHUP: the first lets what is in flight finish, the second leaves at once."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from exosms.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Turns signals into ``Interrupted``, at once or, while draining, at the next good moment."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._signum = 0
        self._draining: Callable[[], None] | None = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Take the signals over; one that the caller had ignored (``nohup``, a background job) stays ignored."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before: dict[signal.Signals, Any] = {}
        for signum in _SIGNALS:
            if signal.getsignal(signum) is not signal.SIG_IGN:
                before[signum] = signal.signal(signum, self._receive)
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)

    @contextmanager
    def draining(self, announce: Callable[[], None]) -> Iterator[None]:
        """While inside, let the first signal only announce itself; ``pause`` and ``check`` raise it."""
        self._draining = announce
        try:
            yield
        finally:
            self._draining = None

    def pause(self, seconds: float) -> None:
        """Sleep; raises Interrupted as soon as a signal asks us to stop."""
        if self._asked.wait(seconds):
            self.check()

    def check(self) -> None:
        """Raise Interrupted if a signal asked us to stop."""
        if self._asked.is_set():
            raise Interrupted(self._signum)

    def _receive(self, signum: int, _frame: FrameType | None) -> None:
        first = not self._asked.is_set()
        self._signum = signum
        self._asked.set()
        if first and self._draining is not None:
            self._draining()
            return
        raise Interrupted(signum)
