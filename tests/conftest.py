"""Tests go in through the real ``main`` and compare what comes out, in a pipe and on a terminal."""

import fcntl
import io
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest
from faulty import FaultyExotel
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from pair import Pair
    from postgres_cluster import Cluster

ACCOUNT = {
    "EXOTEL_ACCOUNT_SID": "acme1",
    "EXOTEL_API_KEY": "key",
    "EXOTEL_API_TOKEN": "token",
    "EXOTEL_FROM": "ACMEIN",
    "EXOTEL_DLT_ENTITY_ID": "1101000000000000001",
}
"""An account whose address a test gives."""

settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")  # a busy machine fails no test, and luck none either; proof.py looks farther

OUR_VARIABLES = ("EXOSMS_", "EXOTEL_", "XDG_", "HTTP_", "HTTPS_", "NO_PROXY", "ALL_PROXY", "SSL_CERT_")

_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(peak // (1024 if sys.platform == "darwin" else 1), file=sys.stderr)
"""
"""Measures from a small process: a child begins with the peak of the one that it was forked from."""


def in_memory() -> Path | None:
    """Return a directory in memory where there is one: what is written thousands of times waits for no disk there."""
    memory = Path("/dev/shm")
    return memory if os.access(memory, os.W_OK) else None


@dataclass(frozen=True)
class Result:
    """What one command did."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.stdout)


@dataclass
class Shell:
    """Runs exosms with a home of its own."""

    home: Path
    env: dict[str, str] = field(default_factory=dict)

    def __call__(self, *argv: str, stdin: str | bytes = b"", env: Mapping[str, str] | None = None) -> Result:
        """Run ``main`` in this process, its three streams being pipes."""
        from exosms.cli.app import main

        stdin = stdin.encode() if isinstance(stdin, str) else stdin
        streams = sys.stdin, sys.stdout, sys.stderr
        before = dict(os.environ)
        out, err = io.BytesIO(), io.BytesIO()
        ours = [io.TextIOWrapper(stream, encoding="utf-8") for stream in (io.BytesIO(stdin), out, err)]
        sys.stdin, sys.stdout, sys.stderr = ours
        environ = self.full_env(env)
        os.environ.clear()
        os.environ.update(environ)
        try:
            exit_code = main(list(argv))
        finally:
            sys.stdin, sys.stdout, sys.stderr = streams
            os.environ.clear()
            os.environ.update(before)
        for stream in ours[1:]:
            stream.flush()
        return Result(exit_code, out.getvalue().decode(), err.getvalue().decode())

    def full_env(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """The whole environment of a command; an empty value removes nothing, it is passed as empty."""
        measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        return {
            **measured,
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "EXOSMS_STATE_DIR": str(self.home / "state"),
            **self.env,
            **(env or {}),
        }

    def command(self, *argv: str) -> list[str]:
        """The command line that starts exosms as a process of its own."""
        return [sys.executable, "-m", "exosms", *argv]

    def start(self, *argv: str, env: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[bytes]:
        """Start exosms as a process of its own; its streams are pipes unless options say otherwise."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(self.command(*argv), env=self.full_env(env), **{**pipes, **options})

    def peak(
        self, *argv: str, env: Mapping[str, str] | None = None, stdout: IO[bytes] | int = subprocess.DEVNULL
    ) -> int:
        """Run exosms to its good end and return the peak of its memory, in KiB."""
        command = [sys.executable, "-c", _PEAK, *self.command(*argv)]
        done = subprocess.run(command, env=self.full_env(env), stdout=stdout, stderr=subprocess.PIPE, check=True)
        return int(done.stderr)

    def on_terminal(
        self,
        *argv: str,
        columns: int = 80,
        env: Mapping[str, str] | None = None,
        typed: Sequence[tuple[str, str]] = (),
    ) -> Result:
        """Run exosms on a real terminal, where both output streams arrive in ``stdout`` as they would be seen.

        ``typed`` has pairs of what the screen must end with and what is typed then.
        """
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        process = self.start(
            *argv,
            env={"TERM": "xterm-256color", **(env or {})},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is heard
        )
        os.close(theirs)
        seen = b""
        waiting = list(typed)
        while chunk := _read(ours):
            seen += chunk
            if waiting and seen.endswith(waiting[0][0].encode()):
                wait_until_it_sleeps(process)
                typed_now = waiting.pop(0)[1]
                os.write(ours, typed_now.encode() + b"\n" * typed_now.isprintable())
        os.close(ours)
        if process.poll() is None and waiting:
            process.kill()
        return Result(process.wait(60), seen.decode().replace("\r\n", "\n"), "")


def until(holds: Callable[[], object], *, within: float = 60) -> None:
    """Wait until it holds; raises AssertionError if it does not come to that within so many seconds."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def side_by_side(work: Callable[[], None], times: int) -> None:
    """Do some work in so many threads at once, until all of them have done it."""
    threads = [threading.Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def wait_until_it_sleeps(process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has done what it could, such as taking a signal that was sent to it.

    A Ctrl-C between Python's look at signals and its read is kept until the next key, and of two signals that are
    taken together only one is seen.
    """
    stat = Path(f"/proc/{process.pid}/stat")
    while process.poll() is None and stat.read_text().rpartition(")")[2].split()[0] in "RD":  # D: it waits for a disk
        time.sleep(0.001)


def has_open(process: subprocess.Popen[bytes], path: Path) -> bool:
    """Say whether a process has that file open; others it may close while we look."""
    opened = []
    for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            opened.append(descriptor.readlink())
    return path in opened


def children_of(process: subprocess.Popen[bytes]) -> list[int]:
    """Return the children of all threads of a process; threads may end while we look."""
    found: list[int] = []
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, (task / "children").read_text().split())
    return found


def own_port() -> int:
    """Return a port on which nobody listens but who is told of it, also after a restart, while this process lives.

    On Linux: a socket that has it and never listens keeps it from whoever asks for any, and from nobody who names it.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    port: int = holder.getsockname()[1]
    if sys.platform == "linux":
        holder.detach()
    else:
        holder.close()
    return port


def can_mount() -> bool:
    """Whether a command can be given file systems of its own, that are gone with it."""
    tried = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /mnt"]
    try:
        return subprocess.run(tried, capture_output=True, timeout=60, check=False).returncode == 0
    except OSError:
        return False


def _read(terminal: int) -> bytes:
    """Read what is there to read; nothing once the other side is closed, or has been silent for too long."""
    if not select.select([terminal], [], [], 60)[0]:
        return b""
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: the other side is closed
        return b""


# `nohup`, CI runners and a shell's `&` may ignore these, and a process that exosms starts, or is started by, inherits
# that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def exosms(tmp_path: Path) -> Shell:
    """Exosms in an empty home."""
    home = tmp_path / "home"
    home.mkdir()
    return Shell(home)


@pytest.fixture
def exotel() -> Iterator[FaultyExotel]:
    """An Exotel that takes everything, and counts."""
    with FaultyExotel(faults=0, seed=1, latency=0) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> "Iterator[Cluster]":
    """A PostgreSQL of this process's own; a machine without one tests the rest, but in CI there is one."""
    from postgres_cluster import Cluster, binaries

    if binaries() is None and not os.environ.get("CI"):
        pytest.skip("PostgreSQL is not installed")
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def address(postgres: "Cluster") -> str:
    """The address of a new database."""
    return postgres.address(postgres.database())


@pytest.fixture
def pair(tmp_path: Path, postgres: "Cluster") -> "Iterator[Pair]":
    """Two machines that share a ledger."""
    from pair import paired

    with paired(tmp_path, postgres) as two:
        yield two


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches beyond this machine, or reads the real home, fails loudly."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in {"127.0.0.1", "::1"}:
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    for name in list(os.environ):
        if name.upper().startswith(OUR_VARIABLES):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/nonexistent")
