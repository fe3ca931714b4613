"""Never twice, never lost: bulk under fire, and proof that the campaign would notice."""

from pathlib import Path

import pytest
from campaign import fight, fight_briefly
from lost_answers import lose
from naive import VARIANTS


def test_nothing_is_duplicated_or_lost_under_fire(tmp_path: Path) -> None:
    tally = fight(tmp_path, kills=100, messages=10_000, faults=0.2, seed=20261124)
    assert tally.complaints == []
    assert (tally.duplicated, tally.lost) == (0, 0)
    assert tally.kills >= 100
    assert tally.messages >= 10_000
    assert tally.faults >= 100


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_campaign_notices_a_precaution_that_is_missing(tmp_path: Path, variant: str) -> None:
    tally = fight_briefly(tmp_path, variant=variant)
    assert tally.duplicated + tally.lost > 0


def test_what_was_taken_is_found_and_nothing_else_whatever_a_report_says(tmp_path: Path) -> None:
    tally = lose(tmp_path, kills=10, messages=4000, faults=0.1, seed=20261126)
    assert tally.complaints == []
    assert tally.wrong == 0
    assert tally.kills >= 10
    assert tally.taken
    assert tally.found
