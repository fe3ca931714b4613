"""Whoever reads the ledger, however slowly, keeps nobody from sending; and what was erased is gone from its files."""

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Shell

from exosms.ledger.database import BUSY_TIMEOUT
from exosms.ledger.history import History, HistoryFilter
from exosms.ledger.messages import Ledger

ROWS = 3000
"""Their lines are more than a pipe holds, and more than are read at once."""
SANDBOX = ("--region", "sandbox", "--from", "ACMEIN", "--yes", "-q")


def bulk(exosms: Shell, name: str, texts: Sequence[str]) -> int:
    file = exosms.home / f"{name}.csv"
    lines = (f"+91987{number:07},{text}\n" for number, text in enumerate(texts))
    file.write_text("to,body\n" + "".join(lines))
    return exosms("bulk", *SANDBOX, str(file), "--run", name).exit_code


def ledger_of(exosms: Shell) -> Path:
    return exosms.home / "state" / "ledger.db"


def connect(exosms: Shell) -> "closing[sqlite3.Connection]":
    return closing(sqlite3.connect(ledger_of(exosms), timeout=0, isolation_level=None))


@pytest.fixture
def full(exosms: Shell) -> Shell:
    """A ledger with a run and as many single messages, of which every third has the same moment as the one before."""
    assert bulk(exosms, "june", [f"Hello {number}" for number in range(ROWS)]) == 0
    with connect(exosms) as connection:
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO messages (account, profile, recipient, sender, segments, state, sid, created_at, updated_at)"
            " VALUES ('sandbox/sandbox', 'sandbox', ?, 'ACMEIN', 1, 'accepted', ?, ?, 0)",
            ((f"+91986{number:07}", f"{number:032x}", number - number % 3 % 2) for number in range(ROWS)),
        )
        connection.execute("COMMIT")
    return exosms


def logged(text: str) -> list[str]:
    return [line.split("\t")[2] for line in text.splitlines()]


def logged_in_json(text: str) -> list[str]:
    return [message["to"] for message in json.loads(text)["messages"]]


def exported(text: str) -> list[str]:
    return [line.split(",")[2] for line in text.splitlines()[1:]]


SINGLY = [f"+91986{number:07}" for number in range(ROWS)]
IN_BULK = [f"+91987{number:07}" for number in range(ROWS)]


@pytest.mark.parametrize(
    ("argv", "read", "expected"),
    [
        (("log",), logged, SINGLY + IN_BULK),
        (("log", "--json"), logged_in_json, SINGLY + IN_BULK),
        (("log", "--run", "june"), logged, IN_BULK),
        (("log", "--outcome", "accepted"), logged, SINGLY + IN_BULK),
        (("runs", "export", "june"), exported, IN_BULK),
    ],
    ids=["log", "log as JSON", "log of a run", "log of an outcome", "export"],
)
def test_output_that_nobody_reads_keeps_nothing_open(
    full: Shell, argv: Sequence[str], read: Callable[[str], list[str]], expected: list[str]
) -> None:
    process = full.start(*argv)
    assert process.stdout is not None
    begun = os.read(process.stdout.fileno(), 100)
    closed = is_soon_free(full)
    rest, _ = process.communicate()
    assert closed
    assert (process.returncode, read((begun + rest).decode())) == (0, expected)


def test_an_export_into_a_pipe_keeps_nothing_open(full: Shell) -> None:
    fifo = full.home / "fifo"
    os.mkfifo(fifo)
    process = full.start("runs", "export", "june", str(fifo))
    with fifo.open() as pipe:
        begun = pipe.read(1)
        closed = is_soon_free(full)
        assert exported(begun + pipe.read()) == IN_BULK
    process.communicate()
    assert closed


def is_soon_free(exosms: Shell) -> bool:
    """Tell whether no reader stands in the way of a checkpoint; between two pages none does."""
    with connect(exosms) as connection:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            connection.execute("INSERT OR REPLACE INTO pace VALUES ('none', 0, 0, 0)")
            (is_busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not is_busy:
                return True
            time.sleep(0)
    return False


def test_what_changes_while_it_is_read_is_neither_skipped_nor_doubled(full: Shell) -> None:
    with closing(Ledger.open(full.home / "state")) as ledger:
        entries = History(ledger).log(HistoryFilter())
        seen = [next(entries).id]
        with connect(full) as connection:
            connection.execute("UPDATE messages SET state = 'rejected', updated_at = 1 WHERE id % 2")
            connection.execute(
                "INSERT INTO messages (account, recipient, sender, segments, state, created_at, updated_at)"
                " VALUES ('sandbox/sandbox', '+919850000000', 'ACMEIN', 1, 'accepted', 0.5, 0)"
            )
        seen += [entry.id for entry in entries]
        assert len(seen) == len({*seen}) + ROWS == 2 * ROWS  # rows are numbered from 1, too


def test_what_no_longer_fits_is_left_out(full: Shell) -> None:
    with closing(Ledger.open(full.home / "state")) as ledger:
        entries = History(ledger).log(HistoryFilter(outcome="accepted", to=None))
        next(entries)
        with connect(full) as connection:
            connection.execute("UPDATE messages SET state = 'rejected' WHERE id = ?", (ROWS,))
        assert sum(1 for _ in entries) == 2 * ROWS - 2


@pytest.fixture
def reader(exosms: Shell) -> Iterator[sqlite3.Connection]:
    """Somebody who has been looking at the ledger since before anything was sent."""
    with closing(Ledger.open(exosms.home / "state")), connect(exosms) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM messages").fetchall()
        yield connection


def test_a_run_waits_for_no_reader(exosms: Shell, reader: sqlite3.Connection) -> None:
    began = time.monotonic()
    assert bulk(exosms, "july", ["Hello"] * 3) == 0
    assert exosms("runs", "purge", "--older-than", "1s").exit_code == 0
    assert time.monotonic() - began < BUSY_TIMEOUT  # for which each of them waited, and kept others from sending
    assert reader.in_transaction


def test_texts_are_erased_once_nobody_reads_them_any_more(exosms: Shell, reader: sqlite3.Connection) -> None:
    secret = "the canary sings"
    assert bulk(exosms, "july", [secret] * 3) == 0
    assert secret in written(exosms)  # the reader may still look at what was there before
    reader.execute("ROLLBACK")
    assert exosms("runs", "list").exit_code == 0
    assert secret not in written(exosms)
    assert ledger_of(exosms).with_name("ledger.db-wal").exists()  # and not since it was the last to use it


def written(exosms: Shell) -> str:
    """Return everything that stands in the ledger's files."""
    return "".join(file.read_text("latin-1") for file in ledger_of(exosms).parent.glob("ledger.db*"))


def test_every_row_that_is_left_out_is_shown_once(exosms: Shell) -> None:
    file = exosms.home / "august.csv"
    file.write_text("to,body\n+919876543210,Hello\n" + "".join(f"nobody{number},Hello\n" for number in range(ROWS)))
    shown = exosms("bulk", *SANDBOX[:-1], str(file), "--skip-invalid").stdout.splitlines()
    left_out = [line.split("\t")[1] for line in shown if line.startswith("rejected\t")]
    assert left_out == [f"nobody{number}" for number in range(ROWS)]
