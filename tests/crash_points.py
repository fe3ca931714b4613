"""One small run, ended at each of the places where it touches the world, one place after the other.

``python crash_points.py HOME MANNER FIRST EVERY`` forks a process for every place from the first on, or for every
third and so on, so that a place costs milliseconds. The places are the statements and commits of SQLite, connects,
sends and receives of sockets, syncs, renames, and writes to standard output; each counts twice, before and after it
happened. MANNER is what happens there:

- ``kill``: SIGKILL
- ``full``, ``readonly``: from there on SQLite can write nothing, because the disk is full or the file is read-only

It prints a line of JSON for every place: the exit code, or that it was killed; and the rows of the ledger after the
run was resumed.
"""

import json
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from faulty import MARK

from exosms.cli.app import main

ROWS = 5
_ERRORS = {
    "full": ("database or disk is full", sqlite3.SQLITE_FULL),
    "readonly": ("attempt to write a readonly database", sqlite3.SQLITE_READONLY),
}
_WRITES = ("BEGIN", "INSERT", "UPDATE", "DELETE", "COMMIT", "CREATE", "DROP")


class Fate:
    """Counts the places that were passed and strikes at one of them."""

    def __init__(self, manner: str, place: int) -> None:
        self._manner = manner
        self._left = place

    def pass_by(self) -> None:
        """Pass a place."""
        if self._manner == "kill":
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def pass_statement(self) -> None:
        """Pass a place where SQLite writes."""
        self.pass_by()
        if self._manner in _ERRORS:
            self._left -= 1
        if self._left <= 0 and self._manner in _ERRORS:
            message, code = _ERRORS[self._manner]
            error = sqlite3.OperationalError(message)
            error.sqlite_errorcode = code
            raise error


def install(fate: Fate) -> None:
    """Let fate see every place of this process."""

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            return self._seen(super().execute, sql, *values)

        def executemany(self, sql: str, *values: Any) -> sqlite3.Cursor:
            return self._seen(super().executemany, sql, *values)

        def _seen(self, real: Callable[..., sqlite3.Cursor], sql: str, *values: Any) -> sqlite3.Cursor:
            if not sql.lstrip().upper().startswith(_WRITES):
                return real(sql, *values)
            fate.pass_statement()
            done = real(sql, *values)
            fate.pass_by()
            return done

    connect = sqlite3.connect
    kinds = {":memory:": sqlite3.Connection}  # which needs no disk
    watched_connect = lambda path, **options: connect(path, factory=kinds.get(path, Connection), **options)  # noqa: E731
    setattr(sqlite3, "connect", watched_connect)  # noqa: B010

    def watch(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def watched(*args: Any, **options: Any) -> Any:
            fate.pass_by()
            done = real(*args, **options)
            fate.pass_by()
            return done

        setattr(owner, name, watched)

    for name in ("connect", "sendall", "send", "recv"):
        watch(socket.socket, name)
    for name in ("fsync", "replace", "rename"):
        watch(os, name)
    setattr(sys, "stdout", _Watched(fate))  # noqa: B010


class _Watched:
    """Standard output, to nowhere."""

    def __init__(self, fate: Fate) -> None:
        self._fate = fate
        self._nowhere: TextIO = Path(os.devnull).open("w")  # noqa: SIM115  # open as long as we are

    def write(self, text: str) -> int:
        self._fate.pass_by()
        return self._nowhere.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._nowhere, name)


def forked(argv: list[str], fate: Fate) -> int | None:
    """Run a command in a process of its own; return its exit code, or None if it was killed."""
    process = os.fork()
    if process == 0:
        exit_code = 70
        try:
            install(fate)
            exit_code = main(argv, is_program=True)
        finally:
            os._exit(exit_code)
    status = os.waitpid(process, 0)[1]
    return None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def passed(home: Path, manner: str, place: int) -> tuple[int | None, dict[str, Any]]:
    """Let a run be struck at a place, go on with it, and return what became of it."""
    name = f"{manner}-{place}"
    file = home / f"{name}.csv"
    texts = [f"{MARK if row == 3 else 'Hello'} {name}.{row}" for row in range(ROWS)]
    keys = [(f"+91987654321{row}", text) for row, text in enumerate(texts)]
    file.write_text("to,body\n" + "".join(f"{to},{text}\n" for to, text in keys))
    os.environ["EXOSMS_STATE_DIR"] = str(home / name)
    begin = [
        "bulk",
        str(file),
        "--run",
        name,
        "--yes",
        "--rate",
        "off",
        "--batch",
        "2",
        "-q",
        "--results",
        f"{file}.r",
    ]
    struck = forked(begin, Fate(manner, place))
    resumed = None
    while resumed not in {0, 10}:  # with a server that fails, a breaker may stop it
        resumed = forked(begin, Fate("kill", -1))
    with sqlite3.connect(home / name / "ledger.db") as connection:
        rows = connection.execute("SELECT number, state, sid, text FROM rows ORDER BY number").fetchall()
    connection.close()
    results = Path(f"{file}.r").read_text().count("\n") - 1
    return struck, {"struck": struck, "resumed": resumed, "keys": keys, "rows": rows, "results": results}


def import_everything(home: Path) -> None:
    """Import what a run needs, by a run that is not forked."""
    file = home / "first.csv"
    file.write_text("to,body\n+919876543210,first\n")
    os.environ["EXOSMS_STATE_DIR"] = str(home / "first")
    main(["bulk", str(file), "--yes", "-q", "-o", "json", "--results", f"{file}.r"])


if __name__ == "__main__":
    home, manner, place, every = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    stdout = sys.stdout
    sys.stdout = sys.stderr = (home / f"{manner}.err").open("w")
    import_everything(home)
    is_struck = True
    while is_struck:
        struck, told = passed(home, manner, place)
        is_struck = struck is None if manner == "kill" else struck == 4
        stdout.write(json.dumps({"place": place, **told}) + "\n")
        stdout.flush()  # nobody else does: it is not ``sys.stdout`` any more
        place += every
