"""What the README promises, put to the proof: ``python tests/proof.py`` prints one table, with a line for each part.

``--scale 0.1`` kills, sends and breaks a tenth as much and tries every tenth mutant. The places where a run can be
struck and the misbehaviours of a server are few enough to be tried always, all of them. The tests do
every misbehaviour, most places, and a fiftieth of the rest.

- faults: what went wrong on purpose: requests, places, misbehaviours, mutants
- duplicated: messages on which the server acted, or may have acted, more than once
- lost: messages in no final state, or of which exosms said what is not true
- unknown: messages of which exosms says that nobody can tell
- taken, told, found, wrong: of the unknown, those that the server took, those of which a callback told, those that
  were found, by a report (``lost_answers``) or by callbacks (``told_later``), and those of which something was found
  that is not true; of callbacks those are lost that were acknowledged and are not in the ledger
- held: alerts that waited for other processes for more than a second (``siblings``)
- lied: exit codes that do not agree with what the server took, what the ledger says, or what was printed
- executions, crashes: inputs of a parser or a matcher, and those with which it broke one of its promises
- survived: mutants that no test noticed (``mutants``)
"""

import argparse
import dataclasses
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from pathlib import Path

import fleet as fleets
import pytest
import siblings as mixed
from callback_storm import storm
from campaign import Tally, fight, fight_briefly
from conftest import Shell, in_memory
from fuzz_targets import TARGETS
from fuzzing import Found, fuzz
from lost_answers import lose
from mutants import MUTANTS, is_caught, noticed_without
from naive import VARIANTS
from postgres_cluster import binaries
from test_crash_points import judged_everywhere
from test_misbehaviour import CASES, MENDED, MENDING, UNKNOWN, authority, meet, name, truth
from test_misbehaviour import told as said_of
from test_template_agreement import PAIRS, agree
from told_later import tell

KILLS = 1000
MESSAGES = 100_000
COMMANDS = 600
CALLBACKS = 60_000
STORMS = 60
A_SECOND = 1000.0
"""Callbacks that are posted; the line says how many were acknowledged."""
SENDS = 10_000

_AT_ONCE = os.cpu_count() or 1
_WAITING = 4
"""Misbehaviours for each processor: most of their time passes in waiting."""


@dataclass(kw_only=True)
class Line:
    """What one part came to; None is what does not apply to it."""

    part: str
    faults: int | None = None
    kills: int | None = None
    messages: int | None = None
    duplicated: int | None = None
    lost: int | None = None
    unknown: int | None = None
    taken: int | None = None
    told: int | None = None
    found: int | None = None
    wrong: int | None = None
    held: int | None = None
    lied: int | None = None
    executions: int | None = None
    crashes: int | None = None
    survived: int | None = None
    seconds: float = 0.0
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, part: str, tally: Tally) -> "Line":
        """Return what messages came to."""
        shared = {column.name for column in fields(cls)} & {column.name for column in fields(tally)}
        return cls(part=part, **{column: getattr(tally, column) for column in shared})

    @property
    def is_good(self) -> bool:
        """Whether nothing happened that must not."""
        flaws = (
            self.duplicated,
            self.lost,
            self.wrong,
            self.held,
            self.lied,
            self.crashes,
            self.survived,
            self.complaints,
        )
        return not any(flaws)

    @property
    def cells(self) -> list[str]:
        """The line as the table shows it."""
        values = (getattr(self, column) for column in COLUMNS)
        return [self.part, *("" if value is None else f"{value:.0f}" for value in values)]


COLUMNS = tuple(column.name for column in fields(Line) if column.name not in {"part", "complaints"})


def campaign(scale: float, seed: int) -> Iterator[Line]:
    """Bulk, killed at random moments before a server that fails."""
    with tempfile.TemporaryDirectory() as home:
        tally = fight(Path(home), kills=round(KILLS * scale), messages=round(MESSAGES * scale), faults=0.1, seed=seed)
    yield Line.of("bulk, killed and resumed", tally)


def lost(scale: float, seed: int) -> Iterator[Line]:
    """Answers that were lost, looked for in reports that mislead."""
    with tempfile.TemporaryDirectory() as home:
        tally = lose(
            Path(home), kills=round(KILLS * scale / 4), messages=round(MESSAGES * scale / 4), faults=0.1, seed=seed
        )
    yield dataclasses.replace(Line.of("answers lost, looked for", tally), duplicated=None, lost=None)


def told(scale: float, seed: int) -> Iterator[Line]:
    """Answers that were lost, and callbacks, of which a third is lost and another one doubled."""
    with tempfile.TemporaryDirectory() as home:
        tally = tell(
            Path(home), kills=round(KILLS * scale / 4), messages=round(MESSAGES * scale / 4), faults=0.1, seed=seed
        )
    kills = tally.kills + (tally.receivers or 0)
    yield dataclasses.replace(Line.of("answers lost, told later", tally), kills=kills)


def storms(scale: float, seed: int) -> Iterator[Line]:
    """A receiver under callbacks, killed at random moments."""
    with tempfile.TemporaryDirectory() as home:
        done = storm(
            Path(home), callbacks=round(CALLBACKS * scale), kills=round(STORMS * scale), rate=A_SECOND, seed=seed
        )
    yield Line(
        part=f"callbacks, {done.rate:.0f} a second",
        kills=done.kills,
        messages=done.acknowledged,
        lost=done.lost,
        seconds=done.seconds,
    )


def siblings(scale: float, seed: int) -> Iterator[Line]:
    """Mixed commands of many processes on one state directory."""
    with tempfile.TemporaryDirectory() as home:
        tally = mixed.fight(Path(home), commands=round(COMMANDS * scale), faults=0.2, seed=seed, at_once=8)
    yield Line.of("mixed commands", tally)


def fleet(scale: float, seed: int) -> Iterator[Line]:
    """Two machines with one ledger in PostgreSQL, while everything between them fails."""
    if binaries() is None:
        sys.stderr.write("fleet: PostgreSQL is not installed\n")
        return
    with tempfile.TemporaryDirectory(dir=in_memory()) as home:
        tally = fleets.fight(Path(home), sends=round(SENDS * scale), faults=0.1, seed=seed)
    yield Line.of("a fleet, one ledger", tally)


def places(_scale: float, _seed: int) -> Iterator[Line]:
    """A small run, struck at every place where it touches the world."""
    for part, manner, faults in (
        ("killed at every place", "kill", 0.0),
        ("killed there, and faults", "kill", 0.4),
        ("the disk full from there", "full", 0.0),
        ("read-only from there", "readonly", 0.0),
    ):
        with tempfile.TemporaryDirectory(dir=in_memory()) as home:
            yield Line.of(part, judged_everywhere(Path(home), manner, faults)[0])


def misbehaviours(_scale: float, _seed: int) -> Iterator[Line]:
    """Every misbehaviour, and once more before a server that mends its ways where that may be tried."""
    started = time.monotonic()
    total = Tally()
    authority()  # one for all processes
    jobs = [(number, False) for number in range(len(CASES))] + [(CASES.index(case), True) for case in MENDING]
    with multiprocessing.get_context("fork").Pool(_AT_ONCE * _WAITING) as pool:
        for tally in pool.imap_unordered(_met, jobs):
            total.add(tally)
    total.seconds = time.monotonic() - started
    yield Line.of("misbehaviours", total)


def _met(job: tuple[int, bool]) -> Tally:
    number, mends = job
    case = CASES[number]
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as monkeypatch:
        home = Path(directory)
        authority_file = home / "ca.pem"
        authority().cert_pem.write_to_path(str(authority_file))
        result, server = meet(case, Shell(home), authority_file, monkeypatch, mends=mends)
    said, true = said_of(result), truth(MENDED if mends else case)
    is_true = said == true
    tally = Tally(faults=1, messages=1, lost=not is_true, unknown=case.verdict is UNKNOWN)
    tally.duplicated = server.complete_requests > case.complete + mends or len(server.connections) > 1 + mends
    if not is_true or tally.duplicated:
        tally.complaints.append(f"{name(case)}: {said} instead of {true}; {server.complete_requests} requests")
    return tally


def fuzzing(scale: float, seed: int) -> Iterator[Line]:
    """A million broken inputs, and what the parsers make of them."""
    jobs = [(place, round(target.share * scale), seed) for place, target in enumerate(TARGETS)]
    with multiprocessing.get_context("fork").Pool(_AT_ONCE) as pool:
        for target, found in zip(TARGETS, pool.imap(_fuzzed, jobs, chunksize=1), strict=True):
            yield Line(
                part=f"fuzzed: {target.name}",
                executions=found.executions,
                crashes=found.crashes,
                seconds=found.seconds,
                complaints=found.complaints,
            )


def _fuzzed(job: tuple[int, int, int]) -> Found:
    place, executions, seed = job
    return fuzz(TARGETS[place], executions=executions, seed=seed)


def matchers(scale: float, seed: int) -> Iterator[Line]:
    """Two matchers, a fast one and a slow one, which have to agree on texts made at random."""
    started = time.monotonic()
    line = Line(part="matchers agree", executions=round(PAIRS * scale), crashes=0)
    try:
        agree(round(PAIRS * scale), seed)
    except AssertionError as error:
        line.crashes, line.complaints = 1, [str(error)]
    line.seconds = time.monotonic() - started
    yield line


def mutants(scale: float, _seed: int) -> Iterator[Line]:
    """Exosms with one thing wrong, and whether its tests notice; first with nothing wrong, which they must not."""
    started = time.monotonic()
    variants = VARIANTS if scale >= 1 else ()
    chosen = MUTANTS[:: round(1 / scale)] if scale < 1 else MUTANTS
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        sound = pool.submit(noticed_without, chosen)
        caught = list(pool.map(is_caught, chosen))
    survivors = [mutant.name for mutant, is_it in zip(chosen, caught, strict=True) if not is_it]
    survivors += [variant for variant in variants if not _is_noticed(variant)]
    yield Line(
        part="mutants",
        faults=len(chosen) + len(variants),
        survived=len(survivors),
        seconds=time.monotonic() - started,
        complaints=[f"survived: {name}" for name in survivors]
        + [f"noticed without a mutant: {flaw}" for flaw in [sound.result()] if flaw],
    )


def _is_noticed(variant: str) -> bool:
    with tempfile.TemporaryDirectory() as home:
        tally = fight_briefly(Path(home), variant=variant)
    return tally.duplicated + tally.lost > 0


PARTS: dict[str, Callable[[float, int], Iterator[Line]]] = {
    part.__name__: part
    for part in (campaign, lost, told, storms, siblings, fleet, places, misbehaviours, fuzzing, matchers, mutants)
}


def main() -> int:
    """Print the table; 0 if nothing was duplicated or lost, no parser broke a promise and no mutant survived."""
    parser = argparse.ArgumentParser(prog="proof", description="See the top of this file.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"all of them, or some of: {', '.join(PARTS)}")
    parser.add_argument("--scale", type=float, default=1.0, help="how much of it, such as 0.1")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    asked = parser.parse_args()
    started = time.monotonic()
    lines = []
    for part in asked.parts or PARTS:
        for line in PARTS[part](asked.scale, asked.seed):
            lines.append(line)
            for complaint in line.complaints[:20]:
                sys.stderr.write(f"{complaint}\n")
            sys.stderr.write(f"{line.part}: {line.seconds:.0f} s\n")
    sys.stdout.write(table([["", *COLUMNS], *(line.cells for line in lines)]))
    sys.stdout.write(f"seed {asked.seed}, scale {asked.scale:g}, {time.monotonic() - started:.0f} seconds\n")
    return 0 if all(line.is_good for line in lines) else 1


def table(rows: list[list[str]]) -> str:
    """Return the rows as columns, the first one flush left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        + "\n"
        for row in rows
    )


if __name__ == "__main__":
    sys.exit(main())
