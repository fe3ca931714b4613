"""Mixed commands of many processes on one state directory, and proof that what goes wrong would be noticed."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Shell
from siblings import fight


def test_siblings_neither_double_nor_lose_nor_belie_anything(tmp_path: Path) -> None:
    tally = fight(tmp_path, commands=50, faults=0.2, seed=20261126, at_once=4)
    assert [said for said in tally.complaints if ": held back for " not in said] == []  # no test is about times
    assert (tally.duplicated, tally.lost, tally.lied) == (0, 0, 0)
    assert tally.commands >= 50
    assert tally.faults


@pytest.mark.parametrize(
    ("variant", "kind", "column"),
    [("retries_without_an_answer", "nothing", "duplicated"), ("calls_the_unknown_sent", "500", "lied")],
)
def test_what_siblings_do_wrong_is_noticed(tmp_path: Path, variant: str, kind: str, column: str) -> None:
    tally = fight(tmp_path, commands=4, faults=1, kinds=(kind,), seed=1, at_once=2, variant=variant)
    assert getattr(tally, column)


SHORT_WAITS = """
import runpy
from exosms.ledger import database
database.BUSY_TIMEOUT = 0.2
database._OPTIONS = {**database._OPTIONS, "timeout": 0.2}
runpy.run_module("lock_waits", run_name="__main__")
"""


def test_a_wait_for_the_lock_is_written_down(exosms: Shell, tmp_path: Path) -> None:
    assert exosms("runs", "list").exit_code == 0
    waits, ledger = tmp_path / "waits", exosms.home / "state" / "ledger.db"
    send = ("send", "--region", "sandbox", "--from", "ACMEIN", "--to", "+919876543210", "-b", "Full", "--once", "key")
    env = exosms.full_env({"PYTHONPATH": str(Path(__file__).parent)})
    with closing(sqlite3.connect(ledger, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        waited = subprocess.run([sys.executable, "-c", SHORT_WAITS, str(waits), *send], env=env, check=False)
    assert waited.returncode == 4  # the lock was never free
    assert "BEGIN IMMEDIATE" in waits.read_text()
