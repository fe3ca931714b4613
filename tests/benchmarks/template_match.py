"""How long the template rooms take: milliseconds of CPU and ratios, nothing is gated.

Run it with ``python tests/benchmarks/template_match.py``.
"""

import random
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

from exosms.templates.explain.explain import explain
from exosms.templates.match import match
from exosms.templates.search import Index
from exosms.templates.syntax import parse

sys.path.insert(0, str(Path(__file__).parent.parent))

from registered_texts import SEEN
from slips import make

MARKERS = ["{#var#}", "{#num#}", "{#alp#}", "{#url#}", "{#cbn#}", "{#email#}", "%s", "%d"]
BETWEEN = ["", " ", "a", "1", "a1", "www."]
FILLINGS = ["a", "1", " ", "1a", "a@a.", "www.a ", "+1 (", "x\n"]


def milliseconds(function: Callable[[], object], *, rounds: int = 5) -> float:
    """The best of a few rounds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        function()
        best = min(best, time.process_time() - start)
    return best * 1000


def adversaries() -> None:
    print(
        "2000 characters against many markers: the slowest of every separator and filling, in ms (goal: 50 and 500)"
    )
    print(f"{'marker':10} {'30':>15} {'60':>15} {'100':>15}   match/explain")
    for marker in MARKERS:
        cells = []
        for number in (30, 60, 100):
            cases = [
                (parse(between.join([marker] * number)), (filling * 2000)[:2000])
                for between, filling in product(BETWEEN, FILLINGS)
            ]
            slowest = max(milliseconds(partial(match, *case), rounds=2) for case in cases)
            explained = max(milliseconds(partial(explain, *case), rounds=2) for case in cases)
            cells.append(f"{slowest:6.2f} /{explained:7.1f}")
        print(f"{marker:10} {cells[0]:>15} {cells[1]:>15} {cells[2]:>15}")


def thousand() -> None:
    print("\none template against a thousand, in ms (goal: less than twice)")
    for words in (10, 60, 250):
        middle = " ".join(["parcel"] * words)
        texts = {
            f"t{n}": parse(f"Dear {{#var#}}, your order {n:04} has {{#var#}}. {middle} - Acme") for n in range(1000)
        }
        body = f"Dear Ravi, your order 0500 has shipped. {middle} - Acme"
        one, many = Index({"t500": texts["t500"]}), Index(texts)
        single = milliseconds(partial(one.best, body))
        thousandfold = milliseconds(partial(many.best, body))
        built = milliseconds(partial(Index, texts))
        missed = milliseconds(partial(many.best, body + "!"))
        print(f"{len(body):5} characters: one {single:.3f}, thousand {thousandfold:.3f}, ", end="")
        print(f"ratio {thousandfold / single:.2f}; building {built:.1f}, naming the nearest {missed:.1f}")


def slips() -> None:
    print("\nexplaining slips in texts as they are registered, in ms (goal: 50)")
    rng = random.Random(7)
    for count in (1, 2, 4):
        cases = [make(rng, SEEN, count) for _ in range(200)]
        taken = [milliseconds(partial(explain, parse(case.registered), case.body), rounds=2) for case in cases]
        print(f"{count} at once: usual {sorted(taken)[100]:.2f}, slowest {max(taken):.1f}")


if __name__ == "__main__":
    slips()
    adversaries()
    thousand()
