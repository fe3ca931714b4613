"""A small run is ended at every place where it touches the world, then resumed: nobody twice, nobody lost."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from campaign import Tally
from conftest import in_memory
from crash_points import ROWS
from faulty import FaultyExotel

RUNNER = Path(__file__).parent / "crash_points.py"


@pytest.fixture
def fast() -> Iterator[Path]:
    """A directory in memory where there is one: hundreds of runs wait for their disk thousands of times."""
    home = Path(tempfile.mkdtemp(dir=in_memory()))
    yield home
    shutil.rmtree(home)


def struck_everywhere(
    home: Path, manner: str, first: int, every: int, server: FaultyExotel
) -> tuple[list[dict[str, Any]], str]:
    """Return what came of each place, and what was said on standard error."""
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
    argv = [sys.executable, str(RUNNER), str(home), manner, str(first), str(every)]
    told = subprocess.run(argv, env=env, stdout=subprocess.PIPE, check=True, timeout=300).stdout
    return [json.loads(line) for line in told.splitlines()], (home / f"{manner}.err").read_text()


def judged(run: dict[str, Any], server: FaultyExotel) -> Tally:
    """Hold the ledger of one place against what the server did with every message."""
    place = f"place {run['place']}"
    tally = Tally(kills=run["struck"] is None, messages=ROWS)
    for key, (number, state, sid, text) in zip(run["keys"], run["rows"], strict=False):
        acted = [deed.sid for deed in server.deeds[tuple(key)] if deed.acted]
        tally.judge(f"{place} row {number}", state, sid, acted)
        if state not in {"accepted", "rejected", "unknown"} or (state == "accepted" and text is not None):
            tally.complaints.append(f"{place} row {number}: {state} with the text {text!r}")
    numbers = [number for number, *_ in run["rows"]]
    exit_code = 0 if {state for _, state, *_ in run["rows"]} == {"accepted"} else 10
    if (numbers, run["results"], run["resumed"]) != ([1, 2, 3, 4, 5], 5, exit_code):
        tally.complaints.append(f"{place}: rows {numbers}, {run['results']} results, exit code {run['resumed']}")
    return tally


def judged_everywhere(
    home: Path, manner: str, faults: float, *, first: int = 1, every: int = 1
) -> tuple[Tally, list[dict[str, Any]], str]:
    """Return what all places came to, or every third and so on; what came of each, and what standard error said."""
    started = time.monotonic()
    kinds = ("part of the reply", "another order", "reset", "refused unlike, swapped")
    with FaultyExotel(faults=faults, seed=7, kinds=kinds) as server:
        runs, err = struck_everywhere(home, manner, first, every, server)
        tallies = [judged(run, server) for run in runs]
    total = Tally(faults=server.faults + len(runs) - 1, seconds=time.monotonic() - started)
    for tally in tallies:
        total.add(tally)
    return total, runs, err


# Every second place is before something, and the next one after it: two tests of all of them, and a few with faults.
@pytest.mark.parametrize(("faults", "first", "every"), [(0.0, 1, 2), (0.0, 2, 2), (0.4, 1, 5)])
def test_killed_at_every_place(fast: Path, faults: float, first: int, every: int) -> None:
    tally, runs, err = judged_everywhere(fast, "kill", faults, first=first, every=every)
    assert tally.complaints == []
    assert tally.kills == len(runs) - 1 > 150 // every
    assert all(run["struck"] is None for run in runs[:-1])
    assert "bug" not in err
    assert tally.unknown > 0  # where it was killed between request and answer
    if not faults:
        assert tally.unknown < len(runs)


@pytest.mark.parametrize(("manner", "every"), [("full", 1), ("readonly", 3)])
def test_a_disk_that_takes_no_more(fast: Path, manner: str, every: int) -> None:
    tally, runs, err = judged_everywhere(fast, manner, 0.0, every=every)
    assert tally.complaints == []
    assert len(runs) > 40 // every
    assert {run["struck"] for run in runs[:-1]} == {4}
    assert runs[-1]["struck"] == 10  # no place was left to strike at
    assert "bug" not in err
    assert err.count("error: ") == len(runs) - 1  # one sentence each
