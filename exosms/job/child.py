"""A command run as a shell would, in the place of this one: it gets our streams, terminal, directory and environment.

It stays in our process group, so that a terminal asks, stops and interrupts both; what only we hear is passed on.
Nothing of ours is between it and its streams, and nothing but its own end is waited for.
"""

import errno
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from pathlib import Path

from exosms.job.ending import Ending, ended
from exosms.system.signals import Interrupts

_MEANT_FOR_IT = (signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
"""What ends nothing any more once the command has ended: the others ask us, too, to stop."""
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, *_MEANT_FOR_IT)
_STOPS = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
_BRIEF = 1.0
"""Seconds that a command may take which leaves no time for anything else."""
_FIRST_LOOK, _RAREST_LOOK = 0.0005, 0.05
"""Seconds between looks for a signal within them: each time twice as many."""
_FROM_KERNEL = 0x80
"""``SI_KERNEL`` (Linux, asm-generic/siginfo.h): nobody sent the signal but a terminal."""

_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_COERCED = {b"C.UTF-8", b"C.utf8", b"UTF-8"}

SignalSet = AbstractSet[int]


@contextmanager
def signals_held() -> Iterator[SignalSet]:
    """Hold back the signals that are the command's, until it has ended, and afterwards; lends the mask from before.

    One that our caller has ignored (``nohup``, a shell's ``&``) is ignored by the command as well.
    """
    held = {signum for signum in _PASSED_ON if signal.getsignal(signum) is not signal.SIG_IGN}
    on_end = signal.signal(signal.SIGCHLD, lambda *_: None)  # ignored, it would take the exit code with it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*held, signal.SIGCHLD})
    try:
        yield before
    finally:
        if not Interrupts.nothing_follows:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            signal.signal(signal.SIGCHLD, on_end)


@contextmanager
def signals_released() -> Iterator[None]:
    """Let go of them for what is left to do once the command has ended: what is started now, holds nothing back.

    A closed terminal, a second SIGQUIT or a SIGUSR1 that comes late meant the command.
    """
    deaf = [signum for signum in _MEANT_FOR_IT if signal.getsignal(signum) is not signal.SIG_IGN]
    before = {signum: signal.signal(signum, lambda *_: None) for signum in deaf}
    held = signal.pthread_sigmask(signal.SIG_UNBLOCK, (*_PASSED_ON, signal.SIGCHLD))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        for signum, handler in before.items():
            signal.signal(signum, handler)


def run(argv: Sequence[str], mask: SignalSet, *, meanwhile: Callable[[], object]) -> Ending:
    """Run a command to its end; the signals must be held, and ``mask`` is the one that the command starts with.

    Of one that takes its time ``meanwhile`` makes use.
    """
    began = time.monotonic()
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        pid = _start(argv, mask)
    except OSError as error:
        code = 127 if error.errno == errno.ENOENT else 126
        return Ending(code, f"could not be started: {error.strerror}", has_started=False)
    else:
        return ended(_wait(pid, meanwhile), time.monotonic() - began)
    finally:
        while pending := signal.sigpending() & {*_STOPS}:  # it was the command's, which has ended meanwhile
            signal.sigwait(pending)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {*_STOPS} - mask)


def _start(argv: Sequence[str], mask: SignalSet) -> int:
    environ = _environment()
    if not argv[0]:  # of which the system says this, and Python something else
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    try:
        return os.posix_spawnp(argv[0], list(argv), environ, setsigmask=mask, setsigdef=_IGNORED_BY_PYTHON)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
    script = ["/bin/sh", _found(argv[0]), *argv[1:]]  # one without #!, as POSIX has it for execvp
    return os.posix_spawn(script[0], script, environ, setsigmask=mask, setsigdef=_IGNORED_BY_PYTHON)


def _found(program: str) -> str:
    """Return the file that a program's name stands for."""
    if "/" in program:
        return program
    places = (os.path.join(directory or ".", program) for directory in os.get_exec_path())  # noqa: PTH118
    return next((place for place in places if os.access(place, os.X_OK)), program)


def _environment() -> Mapping[bytes, bytes]:
    """Return the environment as it was given: Python sets LC_CTYPE in its own where there is no locale (PEP 538)."""
    environ = dict(os.environb)
    if environ.get(b"LC_CTYPE") in _COERCED:
        with suppress(OSError):  # where there is no /proc
            given = Path("/proc/self/environ").read_bytes().split(b"\0")
            del environ[b"LC_CTYPE"]
            pairs = (line.partition(b"=") for line in given)
            environ.update({name: value for name, _, value in pairs if name == b"LC_CTYPE"})
    return environ


def _wait(pid: int, meanwhile: Callable[[], object]) -> int:
    """Return the wait status of the command, having passed on what only we heard.

    Where the terminal stops both, we stop once it has: who is told that we did may type, and it would read that.
    """
    held = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    heard = held & {*_PASSED_ON, *_STOPS, signal.SIGCHLD}
    asked, has_stopped = 0, False
    patience: float | None = _BRIEF
    while True:
        signum, is_the_terminals = _next_signal(heard, patience)
        if not signum:
            patience = None
            meanwhile()
        elif signum == signal.SIGCHLD:
            status = _changed(pid)
            if status is not None and not (os.WIFSTOPPED(status) or os.WIFCONTINUED(status)):
                return status
            has_stopped = has_stopped if status is None else os.WIFSTOPPED(status)
        elif signum in _STOPS:  # never passed on: who stops all of a group, as editors do, has stopped itself
            asked = signum
        elif not (is_the_terminals and os.getpgid(pid) == os.getpgrp()):  # `timeout` makes a group of its own
            with suppress(PermissionError):  # it may have become another user's, by sudo say
                os.kill(pid, signum)
        if asked and has_stopped:
            _stop(asked)
            asked, has_stopped = 0, False


def _stop(signum: int) -> None:
    """Stop as the signal wants it; returns when we go on, which nothing makes us that lets the command wait."""
    os.kill(os.getpid(), signum)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signum})
    signal.pthread_sigmask(signal.SIG_BLOCK, {signum})


def _next_signal(heard: SignalSet, within: float | None) -> tuple[int, bool]:
    """Wait for a signal; return its number and whether the terminal has sent it to all of our process group.

    The number is 0 once so many seconds have passed.
    """
    if not hasattr(signal, "sigwaitinfo"):  # macOS, which neither says who sent it nor stops waiting
        if within is not None:
            return 0, False
        signum = signal.sigwait(heard)
        return signum, signum in {signal.SIGINT, signal.SIGQUIT, *_STOPS} and _is_in_foreground()
    info = signal.sigwaitinfo(heard) if within is None else _signal_within(heard, within)
    if info is None:
        return 0, False
    is_the_terminals = info.si_code == _FROM_KERNEL
    # One that is closed tells only the leader of its session.
    leads = info.si_signo == signal.SIGHUP and os.getsid(0) == os.getpid()
    return info.si_signo, is_the_terminals and not leads


def _signal_within(heard: SignalSet, seconds: float) -> signal.struct_siginfo | None:
    """Return the next signal, if one comes in time; it is looked for, not waited for.

    A wait that is stopped, and goes on after its time, ends in CPython 3.11 (``signal_sigtimedwait_impl``) with a
    signal that was never filled in.
    """
    until, pause = time.monotonic() + seconds, _FIRST_LOOK
    while (info := signal.sigtimedwait(heard, 0)) is None and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, pause))
        pause = min(pause * 2, _RAREST_LOOK)
    return info


def _is_in_foreground() -> bool:
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)


def _changed(pid: int) -> int | None:
    """Return what became of the command, if anything; as the first process we are everybody's parent."""
    whose = -1 if os.getpid() == 1 else pid
    while True:
        changed, status = os.waitpid(whose, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
        if changed in {0, pid}:
            return status if changed else None
