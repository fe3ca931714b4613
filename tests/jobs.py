"""What tests of `exosms job` share: a sandbox that counts and can hold an answer back, and commands on a terminal."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from conftest import Shell

from exosms.sandbox.emulator import Emulator
from exosms.sandbox.server import Behaviour, Server

TO = "+919876543210"
PATIENCE = 60

SPIN = "while :; do :; done"
"""What a shell does that hears of a signal at once: one that comes just before it reads waits for a line with it."""


class Sandbox(Server):
    """Exotel, emulated: what was asked of it, and what it accepted."""

    def __init__(self) -> None:
        super().__init__(0, Behaviour())
        self.requests = 0
        self.asked = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()

    def emulator(self, **more: Any) -> Emulator:
        """Return what answers one request, once it may be answered."""
        self.requests += 1
        self.asked.set()
        self.may_answer.wait(PATIENCE)
        return super().emulator(**more)

    @property
    def texts(self) -> list[str]:
        """The texts that it accepted."""
        return [message.body for message in self.store.received()]


@contextlib.contextmanager
def sandbox(exosms: Shell) -> Iterator[Sandbox]:
    """Serve it, and let exosms have an account there."""
    with Sandbox() as served:
        threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True).start()
        exosms.env |= {
            "EXOTEL_ACCOUNT_SID": "acme1",
            "EXOTEL_API_KEY": "key",
            "EXOTEL_API_TOKEN": "token",
            "EXOTEL_FROM": "ACMEIN",
            "EXOSMS_BASE_URL": served.url,
        }
        yield served
        served.shutdown()


class Ended(NamedTuple):
    """What a shell would see of a command."""

    code: int
    out: bytes
    err: bytes = b""


def as_shell(code: int) -> int:
    """Return an exit code as a shell has it."""
    return 128 - code if code < 0 else code


Step = tuple[bytes, "bytes | Callable[[subprocess.Popen[bytes]], object]"]
"""What is waited for on the screen, and what is typed or done then."""


def on_terminal(
    argv: Sequence[str], env: dict[str, str], steps: Sequence[Step] = (), *, hangs_up: bool = False
) -> Ended:
    """Run a command as the leader of a terminal of its own; ``hangs_up`` closes that after the last step."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
    leads = 'exec "$@" < "$0" > "$0" 2>&1'  # the first terminal that the leader of a session opens is its own
    leader = ["/bin/sh", "-c", leads, os.ttyname(theirs), *argv]
    process = subprocess.Popen(leader, env=env, start_new_session=True)
    seen, place, waiting = b"", 0, list(steps)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        while waiting and (found := seen.find(waiting[0][0], place)) >= 0:
            place = found + len(waiting[0][0])
            do = waiting.pop(0)[1]
            if callable(do):
                do(process)
            else:
                os.write(ours, do)
        if hangs_up and not waiting:
            break
        if process.poll() is not None and theirs >= 0:
            os.close(theirs)
            theirs = -1
        if not select.select([ours], [], [], 0.05)[0]:
            continue
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux: nobody has it open any more
            break
        seen += chunk
    os.close(ours)
    if theirs >= 0:
        os.close(theirs)
    if waiting:
        process.kill()
        process.wait()
        raise AssertionError((waiting, seen))
    return Ended(as_shell(process.wait(PATIENCE)), seen)
