"""A fleet of two machines with one ledger, and proof that what goes wrong without it would be noticed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from conftest import until
from fleet import fight
from postgres_cluster import Cluster


def test_a_fleet_neither_doubles_nor_loses_nor_belies_anything(tmp_path: Path, postgres: Cluster) -> None:
    tally = fight(tmp_path, sends=80, faults=0.2, seed=20261127, at_once=6, cuts=0.03)
    assert tally.complaints == []
    assert (tally.duplicated, tally.lost, tally.lied) == (0, 0, 0)
    assert min(tally.commands, tally.restarts, tally.cuts, tally.faults, tally.skipped) > 0


def test_copies_of_a_state_directory_are_no_ledger_and_that_is_noticed(tmp_path: Path, postgres: Cluster) -> None:
    tally = fight(tmp_path, sends=20, faults=0, seed=1, at_once=2, cache=True)
    assert tally.duplicated


DIES = """
import os, signal
from postgres_cluster import Cluster
with Cluster() as cluster:
    print(cluster.directory, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_server_ends_with_whoever_started_it(postgres: Cluster) -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    died = subprocess.run([sys.executable, "-c", DIES], env=env, capture_output=True, text=True, check=False)
    assert died.returncode == -signal.SIGKILL
    directory = Path(died.stdout.strip())
    until(lambda: not directory.exists())
    until(lambda: not [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(directory) in read(path)])


def read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it has ended
        return ""
