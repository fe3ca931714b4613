"""SIGINT, SIGTERM and SIGHUP: the first lets what is in flight finish, the second leaves at once.

A SIGHUP is no second one, and has none: of a terminal that is closed the shell tells its jobs, and once it has ended
the kernel does; systemd sends it right behind SIGTERM. Nobody has lost patience by that.

A handler runs between any two instructions of the main thread, where an exception would cut a commit from the message
that it stands for. So it only takes note, and whoever waits looks ten times a second whether something was noted.
"""

import errno
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Any, ClassVar, TextIO

from exosms.errors import Interrupted

LOOK = 0.1
"""Seconds between looks of whoever waits."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


_READERS_PATIENCE = 1.0
"""Seconds that whoever reads our output gets, once a signal came, to take some of it."""


class NobodyReadsError(OSError):
    """What is to be written waits for a reader, and a signal asks us to stop."""

    def __init__(self) -> None:
        super().__init__(errno.EAGAIN, "nobody reads it")


class Interrupts:
    """The signals that asked this command to stop."""

    current: ClassVar["Interrupts | None"] = None
    """Those of the command that has taken the signals over."""
    nothing_follows: ClassVar[bool] = False
    """Whether the process ends with its command: then signals stay taken over, since what is left to be said may wait
    for a reader, until ``hear_no_more``."""

    def __init__(self, *, spare: int = 0) -> None:
        """``spare``: how many signals are taken for somebody else's, and stop nothing."""
        self._spare = spare
        self._signum = 0
        self._signals = self._hangups = 0
        self._at_once = False
        self._writes_to: int | None = None
        self._announce: Callable[[], None] | None = None
        self._announced = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Take the signals over; one that the caller had ignored (``nohup``, a background job) stays ignored."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before: dict[signal.Signals, Any] = {}
        outer, Interrupts.current = Interrupts.current, self
        hook, sys.unraisablehook = sys.unraisablehook, _silent_of_signals(sys.unraisablehook)
        for signum in _SIGNALS:
            if signal.getsignal(signum) is not signal.SIG_IGN:
                before[signum] = signal.signal(signum, self._receive)
        try:
            yield
        finally:
            sys.unraisablehook = hook
            if outer or not self.nothing_follows:
                Interrupts.current = outer
                for signum, handler in before.items():
                    signal.signal(signum, handler)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """While inside, where nothing is on its way, a signal raises Interrupted wherever it comes.

        It has to end what knows nothing of signals: a prompt, a pipe that is silent, a long file.
        """
        self._at_once = True
        try:
            self.check()
            yield
        finally:
            self._at_once = False
        self.check()

    @contextmanager
    def draining(self, announce: Callable[[], None]) -> Iterator[None]:
        """While inside, a first signal is announced and lets what is in flight finish; a second one gives it up."""
        self._announce = announce
        try:
            yield
        finally:
            self._announce = None

    @contextmanager
    def once_more(self) -> Iterator[None]:
        """While inside, where nothing is on its way, a further signal raises Interrupted wherever it comes."""
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False

    @contextmanager
    def noting(self) -> Iterator[None]:
        """While inside, a signal is only noted; where it would have raised Interrupted, it does so at the end."""
        at_once, signals = self._at_once, self._signals
        self._at_once = False
        try:
            yield
        finally:
            self._at_once = at_once
        if at_once and self._signals > signals:
            self.check()

    @contextmanager
    def writing(self, stream: TextIO) -> Iterator[None]:
        """Write to a stream; raises NobodyReadsError once a signal came and whoever reads it takes nothing.

        A pager that is left open would keep the command from ending, whatever it is sent.
        """
        try:
            descriptor = stream.fileno()
        except (OSError, ValueError):  # what a caller put in its place
            yield
            return
        if self._signals and not takes_more(descriptor, within=_READERS_PATIENCE):
            raise NobodyReadsError
        if threading.current_thread() is not threading.main_thread():  # where a signal would raise it, not here
            yield
            return
        self._writes_to = descriptor
        try:
            yield
        finally:
            self._writes_to = None

    @property
    def interruption(self) -> Interrupted | None:
        """What ``check`` raises, if a signal asked us to stop."""
        return Interrupted(self._signum) if self._signals else None

    def check(self) -> None:
        """Raise Interrupted if a signal asked us to stop."""
        if interruption := self.interruption:
            raise interruption

    def pause(self, seconds: float) -> None:
        """Sleep; raises Interrupted as soon as a signal asks us to stop."""
        until = time.monotonic() + seconds
        self.check()
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, LOOK))
            self.check()

    def wait(self) -> None:
        """Sleep until a signal asks us to stop, by Interrupted: also by one that came just before a sleep began."""
        self.pause(float("inf"))

    def must_leave(self) -> bool:
        """Return whether what is in flight is to be given up; for the main thread, while it waits."""
        if self._announce is None:
            return self._signals > 0
        if self._signals and not self._announced:
            self._announced = True
            self._announce()
        return self._signals - self._hangups > 1

    def _receive(self, signum: int, _frame: FrameType | None) -> None:
        if self._spare:
            self._spare -= 1
            return
        self._signum = signum
        self._signals += 1
        self._hangups += signum == signal.SIGHUP
        if self._at_once:
            raise Interrupted(signum)
        if self._writes_to is not None and not takes_more(self._writes_to):
            raise NobodyReadsError


_Hook = Callable[["sys.UnraisableHookArgs"], object]


def _silent_of_signals(hook: _Hook) -> _Hook:
    """Return a hook that says nothing of a signal within a finalizer: ``at_once`` looks for it at its end."""

    def silent(unraisable: "sys.UnraisableHookArgs") -> None:
        if unraisable.exc_type is not Interrupted:
            hook(unraisable)

    return silent


def takes_more(descriptor: int, *, within: float = 0.0) -> bool:
    """Whether something can be written without waiting; a file that nobody can ask takes it."""
    import select

    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(within * 1000))


@contextmanager
def writing(stream: TextIO) -> Iterator[None]:
    """Write to a stream as ``Interrupts.writing`` has it, where signals are taken over."""
    with Interrupts.current.writing(stream) if Interrupts.current else nullcontext():
        yield


@contextmanager
def noting() -> Iterator[None]:
    """Only note signals, as ``Interrupts.noting`` has it, where they are taken over: other threads get none."""
    is_main = threading.current_thread() is threading.main_thread()
    with Interrupts.current.noting() if Interrupts.current and is_main else nullcontext():
        yield


@contextmanager
def held() -> Iterator[None]:
    """Have signals wait until the end: for what swallows an exception that a signal raises within it."""
    if threading.current_thread() is not threading.main_thread():  # no signal raises anything there
        yield
        return
    came: list[int] = []
    before = {signum: handler for signum in _SIGNALS if callable(handler := signal.getsignal(signum))}
    for signum in before:  # not kept from the thread: another one that is not ours might get it
        signal.signal(signum, lambda signum, _: came.append(signum))
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
        for each in came:
            signal.raise_signal(each)


def hear_no_more() -> None:
    """Ignore signals from now on: as the interpreter ends, a late one would replace the exit code."""
    for signum in _SIGNALS:
        signal.signal(signum, signal.SIG_IGN)


def never() -> bool:
    """Return False: what is in flight need not be given up."""
    return False


def leave_signals_to_main_thread() -> None:
    """Keep the signals from this thread: a system call of the main thread would sleep on while we got one."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
