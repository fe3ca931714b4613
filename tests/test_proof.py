"""``python tests/proof.py`` proves what it says; what it kills, strikes and misleads has tests of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mutants import CLASSIFIER, MUTANTS, PACKAGE, Mutant, is_caught
from proof import COLUMNS, Line

from exosms.codes.exotel import CODES
from exosms.codes.http import STATUSES
from exosms.sms.message import Outcome

PROOF = Path(__file__).with_name("proof.py")


def test_a_fiftieth_of_the_fuzzing_finds_nothing_and_a_fiftieth_of_the_mutants_is_caught() -> None:
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}
    unmeasured["PYTHONHASHSEED"] = "0"  # the order of sets decides which inputs are broken further
    argv = [sys.executable, str(PROOF), "--scale", "0.02", "--seed", "20261125", "fuzzing", "mutants"]
    ran = subprocess.run(argv, env=unmeasured, capture_output=True, text=True, timeout=3000, check=False)
    assert ran.returncode == 0, ran.stderr
    head, *lines, end = ran.stdout.splitlines()
    assert head.split() == [*COLUMNS]
    fuzzed = [line.split()[-3:] for line in lines if line.startswith("fuzzed: ")]
    assert sum(int(executions) for executions, _crashes, _seconds in fuzzed) == 20_000
    assert {crashes for _executions, crashes, _seconds in fuzzed} == {"0"}
    assert re.fullmatch(rf"mutants +{len(MUTANTS[::50])} +0 +\d+", lines[-1])
    assert end.startswith("seed 20261125, scale 0.02, ")


@pytest.mark.parametrize(
    "bad",
    [
        Line(part="any", duplicated=1),
        Line(part="any", lost=1),
        Line(part="any", wrong=1),
        Line(part="any", held=1),
        Line(part="any", lied=1),
        Line(part="any", crashes=1),
        Line(part="any", survived=1),
        Line(part="any", complaints=["any"]),
    ],
)
def test_one_that_must_not_be_spoils_the_proof(bad: Line) -> None:
    assert Line(part="any", faults=1, kills=1, messages=1, unknown=1, taken=1, told=1, found=1, executions=1).is_good
    assert not bad.is_good


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_one(mutant: Mutant) -> None:
    assert mutant.source.count(mutant.old) == 1
    assert mutant.old != mutant.new
    for test in mutant.tests:
        file, _, name = test.partition("[")[0].partition("::")
        assert (f"\ndef {name}(" if name else "\ndef ") in PROOF.with_name(file).read_text(), test


def test_every_row_of_the_classifier_has_a_mutant() -> None:
    rows = [
        f" {(entry.code, entry.last) if entry.last else entry.code}: "
        for entry in (*STATUSES, *CODES)
        if entry.outcome is not Outcome.ACCEPTED
    ]
    source = (PACKAGE / "exotel/exchange.py").read_text()
    faults = re.findall(
        r"return (?:Fault\.PROXY_AUTH\w+ if progress.)?(Fault\.\w+|tunnel_status)",
        source[source.index("def _fault_of") :],
    )
    changed = "".join(mutant.old for mutant in CLASSIFIER)
    assert len(faults) == 6
    assert [row for row in [*rows, *faults] if row not in changed] == []


def test_a_mutant_that_changes_nothing_survives() -> None:
    [mutant] = [mutant for mutant in MUTANTS if mutant.name == "a wrong key goes on"]
    same = Mutant("the same", mutant.file, mutant.old, mutant.old, mutant.tests)
    assert not is_caught(same)
