"""A small run is ended at every place where it touches the world, then resumed: nobody twice, nobody lost."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty import FaultyExotel

RUNNER = Path(__file__).parent / "crash_points.py"


@pytest.fixture
def fast() -> Iterator[Path]:
    """A directory in memory where there is one: hundreds of runs wait for their disk thousands of times."""
    memory = Path("/dev/shm")
    home = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))
    yield home
    shutil.rmtree(home)


def struck_everywhere(home: Path, manner: str, server: FaultyExotel) -> tuple[list[dict[str, Any]], str]:
    """Return what came of every place, and what was said on standard error."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(RUNNER.parent),
        "EXOSMS_BASE_URL": server.url,
        "EXOTEL_ACCOUNT_SID": "acme1",
        "EXOTEL_API_KEY": "key",
        "EXOTEL_API_TOKEN": "token",
        "EXOTEL_FROM": "ACMEIN",
    }
    argv = [sys.executable, str(RUNNER), str(home), manner]
    told = subprocess.run(argv, env=env, stdout=subprocess.PIPE, check=True, timeout=300).stdout
    return [json.loads(line) for line in told.splitlines()], (home / f"{manner}.err").read_text()


def check(run: dict[str, Any], server: FaultyExotel) -> None:
    """Hold the ledger against what the server did with every message."""
    place = run["place"]
    assert [number for number, *_ in run["rows"]] == [1, 2, 3, 4, 5], place
    assert run["results"] == 5, place
    for key, (_, state, sid, text) in zip(run["keys"], run["rows"], strict=True):
        acted = [deed.sid for deed in server.deeds[tuple(key)] if deed.acted]
        assert len(acted) <= 1, (place, key, "was sent twice")
        assert state in {"accepted", "rejected", "unknown"}, (place, key)
        if state == "accepted":
            assert (acted, text) == ([sid], None), (place, key)
        if state == "rejected":
            assert not acted, (place, key)
        if not acted:
            assert state != "accepted", (place, key)
    assert run["resumed"] == (0 if {state for _, state, *_ in run["rows"]} == {"accepted"} else 10), place


@pytest.mark.parametrize("faults", [0.0, 0.4])
def test_killed_at_every_place(fast: Path, faults: float) -> None:
    with FaultyExotel(faults=faults, seed=7, kinds=("part of the reply", "another order", "reset")) as server:
        runs, err = struck_everywhere(fast, "kill", server)
        for run in runs:
            check(run, server)
    assert len(runs) > 150
    assert all(run["struck"] is None for run in runs[:-1])
    assert "bug" not in err
    unknown = sum(state == "unknown" for run in runs for _, state, *_ in run["rows"])
    assert unknown > 0  # where it was killed between request and answer
    if not faults:
        assert unknown < len(runs)


@pytest.mark.parametrize("manner", ["full", "readonly"])
def test_a_disk_that_takes_no_more(fast: Path, manner: str) -> None:
    with FaultyExotel(faults=0, seed=7) as server:
        runs, err = struck_everywhere(fast, manner, server)
        for run in runs:
            check(run, server)
    assert len(runs) > 40
    assert {run["struck"] for run in runs[:-1]} == {4}
    assert runs[-1]["struck"] == 10  # no place was left to strike at
    assert "bug" not in err
    assert err.count("error: ") == len(runs) - 1  # one sentence each
