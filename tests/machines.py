"""Processes of machines that share a ledger, which cost a hundredth of a second each.

``python machines.py`` is their nursery: it imports what a command needs, once, and then forks a process for each line
of JSON that it reads. Those run the program's own ``main``, each with an environment, a process id and streams of its
own, and may be killed like any other.
"""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self, TextIO

PATIENCE = 120.0

_ACCOUNT = {
    "EXOSMS_BASE_URL": "http://127.0.0.1:9",
    "EXOTEL_ACCOUNT_SID": "nobody",
    "EXOTEL_API_KEY": "key",
    "EXOTEL_API_TOKEN": "token",
    "EXOTEL_FROM": "ACMEIN",
}


class Finished(NamedTuple):
    """What a process came to; a negative code is the signal that ended it."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> list[str]:
        """The outcome of each message that it printed."""
        return [line.partition("\t")[0] for line in self.out.splitlines()]


class Process:
    """One command on its way."""

    def __init__(self, streams: Path) -> None:
        self.pid = 0
        self._streams = streams
        self._begun = threading.Event()
        self._over = threading.Event()
        self._code = 0

    def begin(self, pid: int) -> None:
        """It has that process id."""
        self.pid = pid
        self._begun.set()

    def end(self, code: int) -> None:
        """It has come to that."""
        self._code = code
        self._over.set()

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._over.is_set()

    def send_signal(self, signum: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self._begun.wait(PATIENCE) and not self.is_over:
            try:
                os.kill(self.pid, signum)
            except ProcessLookupError:
                return

    def wait(self) -> Finished:
        """Wait for its end."""
        assert self._over.wait(PATIENCE), "it never ended"
        read = [self._streams.with_suffix(end).read_text() for end in (".out", ".err")]
        for end in (".out", ".err"):
            self._streams.with_suffix(end).unlink()
        return Finished(self._code, *read)


class Nursery:
    """Where processes come from; a context."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parent), **env}
        self._directory = Path(tempfile.mkdtemp())
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._processes: dict[int, Process] = {}

    def __enter__(self) -> Self:
        self._mother = subprocess.Popen(
            [sys.executable, __file__, str(self._directory)],
            env=self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._mother.stdin is not None
        self._mother.stdin.close()
        self._mother.wait(PATIENCE)
        self._listener.join(PATIENCE)
        assert self._mother.stdout is not None
        self._mother.stdout.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def start(self, *argv: str, env: Mapping[str, str]) -> Process:
        """Start a command in that environment."""
        assert self._mother.stdin is not None
        with self._lock:
            number = next(self._numbers)
            process = self._processes[number] = Process(self._directory / str(number))
            self._mother.stdin.write(json.dumps({"number": number, "argv": argv, "env": {**env}}) + "\n")
            self._mother.stdin.flush()
        return process

    def _listen(self) -> None:
        assert self._mother.stdout is not None
        for line in self._mother.stdout:
            number, what, value = map(int, line.split())
            process = self._processes[number]
            if what:
                process.end(value)
            else:
                process.begin(value)
        for process in self._processes.values():  # the mother is dead
            process.end(-signal.SIGKILL)


class _Mother:
    """Forks, and says what became of each child."""

    def __init__(self, directory: Path, said: TextIO) -> None:
        self._directory = directory
        self._said = said
        self._lock = threading.Lock()
        self._numbers: dict[int, int] = {}

    def work(self) -> None:
        """Fork until nobody asks for more, and wait for all."""
        from importlib.util import find_spec

        from exosms.cli.app import main

        os.environ["EXOSMS_STATE_DIR"] = str(self._directory / "first")
        with Path(os.devnull).open("w") as nowhere:
            streams, (sys.stdout, sys.stderr) = (sys.stdout, sys.stderr), (nowhere, nowhere)
            os.environ.update(_ACCOUNT)
            main(["send", "--to", "+919876543210", "-b", "First", "--once", "first", "--retry-for", "0"])  # to nobody
            main(["log"])
            sys.stdout, sys.stderr = streams
        if find_spec("psycopg"):
            import psycopg  # noqa: F401  # so that children need not
        signal.signal(signal.SIGCHLD, lambda *_: None)  # so that a read is interrupted
        wakes, signals = os.pipe()
        os.set_blocking(signals, False)
        signal.set_wakeup_fd(signals)
        self._serve(wakes)

    def _serve(self, wakes: int) -> None:
        import select

        unread = b""
        is_open = True
        while is_open or self._numbers:
            ready, _, _ = select.select([wakes, *([0] if is_open else [])], [], [], 1.0)
            if wakes in ready:
                os.read(wakes, 4096)
            self._reap()
            if 0 in ready:
                piece = os.read(0, 65536)
                is_open = bool(piece)
                *lines, unread = (unread + piece).split(b"\n")
                for line in lines:
                    self._fork(json.loads(line))

    def _fork(self, asked: dict[str, Any]) -> None:
        streams = self._directory / str(asked["number"])
        for end in (".out", ".err"):
            streams.with_suffix(end).touch()
        pid = os.fork()
        if pid == 0:
            self._become(asked, streams)
        self._numbers[pid] = asked["number"]
        self._say(asked["number"], 0, pid)

    def _become(self, asked: dict[str, Any], streams: Path) -> None:
        """Run the command as a process of its own would."""
        exit_code = 70
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for number, end in ((1, ".out"), (2, ".err")):
                os.dup2(os.open(streams.with_suffix(end), os.O_WRONLY), number)
            for number, name in enumerate(("stdin", "stdout", "stderr")):
                setattr(sys, name, os.fdopen(number, "r" if not number else "w", closefd=False))
            os.environ.clear()
            os.environ.update(asked["env"])
            exit_code = _ended(asked["argv"])
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(exit_code)

    def _reap(self) -> None:
        while self._numbers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._say(self._numbers.pop(pid), 1, os.waitstatus_to_exitcode(status))

    def _say(self, *numbers: int) -> None:
        self._said.write(" ".join(map(str, numbers)) + "\n")
        self._said.flush()


def _ended(argv: Sequence[str]) -> int:
    from exosms.cli.app import main

    try:
        return main(argv, is_program=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1


if __name__ == "__main__":
    _Mother(Path(sys.argv[1]), sys.stdout).work()
