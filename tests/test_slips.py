"""Slips made at random are told for what they are, and the advice makes the text match."""

from registered_texts import HELD_OUT, SEEN
from slips import score

CASES = 150
"""Of each number of slips, in the texts seen and in those held out."""


def test_slips_are_told_exactly_and_what_is_offered_instead_is_right() -> None:
    """One test, since they are scored once: in tests of their own each worker would score them."""
    scores = {count: [score(texts, count, CASES) for texts in (SEEN, HELD_OUT)] for count in (1, 2, 3, 4)}
    assert sum(each.exact for each in scores[1]) >= 0.99 * 2 * CASES, [each.missed for each in scores[1]]
    every = [each for both in scores.values() for each in both]
    assert sum(each.exact for each in every) >= 0.97 * 8 * CASES, [each.missed for each in every]
    mended, unmended = sum(each.mended for each in every), sum(len(each.unmended) for each in every)
    assert mended >= 0.995 * (mended + unmended), [each.unmended for each in every]
    assert sum(each.right for each in every) >= 0.98 * 8 * CASES, [each.left for each in every]
