"""A second matcher, slow and written from the rules alone, agrees with the fast one."""

import random
import re
from collections import Counter
from functools import cache

from exosms.templates.match import Match, match
from exosms.templates.syntax import parse, render

PAIRS = 100_000
"""Of which proof.py tries all, each time others."""

LEGAL = {
    "{#var#}": r"(?s).{0,30}",
    "{#numeric#}": r"[0-9]{0,40}",
    "{#alphanumeric#}": r"(?s).{0,40}",
    "{#url#}": r"(?:http://|https://|www\.)\S+",
    "{#uro#}": r"(?:http://|https://|www\.)\S+",
    "{#cbn#}": r"\+?\(?[0-9][0-9 ().-]{1,20}[0-9]",
    "{#email#}": r"[^\s@]+@[^\s@]+\.[^\s@]+",
    "%s": r"(?s).+",
    "%d": r"[0-9+,.-]*[0-9][0-9+,.-]*",
}
SAMPLES = {
    "{#url#}": ("www.a", "http://1", "https://a.1"),
    "{#uro#}": ("www.1",),
    "{#cbn#}": ("111", "+1 1", "(1) 1"),
    "{#email#}": ("a@a.a", "a.1@1.a"),
}
DLT = tuple(marker for marker in LEGAL if marker.startswith("{"))
EXOTEL = ("%s", "%d")
ALPHABET = "aa1. \nw@+"


@cache
def legal(marker: str, value: str) -> bool:
    return re.fullmatch(LEGAL[marker], value) is not None


def ways(pieces: list[str], body: str) -> int:
    """Count the assignments, character by character, from every offset to every other."""
    counts = Counter({0: 1})
    for piece in pieces:
        after: Counter[int] = Counter()
        for start, count in counts.items():
            ends = range(start, len(body) + 1) if piece in LEGAL else [start + len(piece)]
            for end in ends:
                value = body[start:end]
                if legal(piece, value) if piece in LEGAL else value == piece:
                    after[end] += count
        counts = after
    return counts[len(body)]


def some_text(rng: random.Random, most: int) -> str:
    return "".join(rng.choices(ALPHABET, k=rng.randint(0, most)))


def some_value(rng: random.Random, marker: str) -> str:
    if rng.random() < 0.01:
        return rng.choice("a1") * rng.choice((29, 30, 31, 40, 41, 60, 61))
    if marker in SAMPLES and rng.random() < 0.8:
        return rng.choice(SAMPLES[marker])
    if marker in {"{#numeric#}", "%d"} and rng.random() < 0.8:
        return "1" * rng.randint(0, 3)
    return some_text(rng, 3)


def some_pair(rng: random.Random) -> tuple[list[str], str]:
    markers = EXOTEL if rng.random() < 0.2 else DLT
    pieces = [rng.choice(markers) if rng.random() < 0.55 else some_text(rng, 3) for _ in range(rng.randint(1, 5))]
    pieces = pieces if any(pieces) else ["a"]
    if re.search("1%[sd][aw]", "".join(pieces)):  # a percentage, as in 50%discount
        return some_pair(rng)
    body = "".join(some_value(rng, piece) if piece in LEGAL else piece for piece in pieces)
    if rng.random() < 0.5:
        at = rng.randint(0, len(body))
        body = body[:at] + some_text(rng, 1) + body[at + rng.randint(0, 1) :]
    return pieces, body


def agree(pairs: int, seed: int) -> int:
    """Hold the two against one another that many times, and return how many pairs matched."""
    rng = random.Random(seed)
    matched = 0
    for _ in range(pairs):
        pieces, body = some_pair(rng)
        template = parse("".join(pieces))
        expected = ways(pieces, body)
        found = match(template, body)
        assert isinstance(found, Match) == (expected > 0), (pieces, body)
        if isinstance(found, Match):
            matched += 1
            assert found.ambiguous == (expected > 1), (pieces, body)
            assert render(template, found.values) == body
            markers = [piece for piece in pieces if piece in LEGAL]
            assert all(map(legal, markers, found.values)), (pieces, body, found)
    return matched


def test_a_slow_matcher_agrees_on_20_000_pairs() -> None:
    assert PAIRS // 15 < agree(PAIRS // 5, 20261123) < PAIRS * 3 // 20
