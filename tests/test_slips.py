"""Slips made at random are told for what they are, and the advice makes the text match."""

import pytest
from registered_texts import HELD_OUT, SEEN
from slips import Score, score

CASES = 150
"""Of each number of slips, in the texts seen and in those held out."""


@pytest.fixture(scope="module")
def scores() -> dict[int, list[Score]]:
    return {count: [score(texts, count, CASES) for texts in (SEEN, HELD_OUT)] for count in (1, 2, 3, 4)}


def test_of_single_slips_99_in_100_are_told_exactly(scores: dict[int, list[Score]]) -> None:
    assert sum(each.exact for each in scores[1]) >= 0.99 * 2 * CASES, [each.missed for each in scores[1]]


def test_of_one_to_four_slips_97_in_100_are_told_exactly(scores: dict[int, list[Score]]) -> None:
    exact = sum(each.exact for both in scores.values() for each in both)
    assert exact >= 0.97 * 8 * CASES, [each.missed for both in scores.values() for each in both]


def test_of_the_texts_offered_995_in_1000_match(scores: dict[int, list[Score]]) -> None:
    every = [each for both in scores.values() for each in both]
    mended, unmended = sum(each.mended for each in every), sum(len(each.unmended) for each in every)
    assert mended >= 0.995 * (mended + unmended), [each.unmended for each in every]


def test_a_text_is_offered_for_98_in_100_and_is_the_right_one(scores: dict[int, list[Score]]) -> None:
    every = [each for both in scores.values() for each in both]
    assert sum(each.right for each in every) >= 0.98 * 8 * CASES, [each.left for each in every]
