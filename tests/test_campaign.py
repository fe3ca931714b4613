"""Never twice, never lost: bulk under fire, and proof that the campaign would notice."""

from pathlib import Path

import pytest
from callback_storm import storm
from campaign import fight, fight_briefly
from lost_answers import lose
from naive import VARIANTS
from told_later import tell


def test_nothing_is_duplicated_or_lost_under_fire(tmp_path: Path) -> None:
    tally = fight(tmp_path, kills=20, messages=2000, faults=0.2, seed=20261124)
    assert tally.complaints == []
    assert (tally.duplicated, tally.lost) == (0, 0)
    assert tally.kills >= 20
    assert tally.messages >= 2000
    assert tally.faults >= 20


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_campaign_notices_a_precaution_that_is_missing(tmp_path: Path, variant: str) -> None:
    tally = fight_briefly(tmp_path, variant=variant)
    assert tally.duplicated + tally.lost > 0


def test_what_was_taken_is_found_and_nothing_else_whatever_a_report_says(tmp_path: Path) -> None:
    tally = lose(tmp_path, kills=5, messages=2000, faults=0.1, seed=20261126)
    assert tally.complaints == []
    assert tally.wrong == 0
    assert tally.kills >= 5
    assert tally.taken
    assert tally.found


def test_what_was_told_is_found_and_nothing_else_whoever_is_killed(tmp_path: Path) -> None:
    tally = tell(tmp_path, kills=2, messages=1000, faults=0.1, seed=20261126)
    assert tally.complaints == []
    assert (tally.duplicated, tally.lost, tally.wrong) == (0, 0, 0)
    assert tally.told
    assert tally.found == tally.told
    assert tally.receivers


def test_what_a_receiver_acknowledged_survives_its_being_killed_under_load(tmp_path: Path) -> None:
    done = storm(tmp_path, callbacks=2000, kills=4, rate=1000.0, seed=20261126)
    assert (done.acknowledged, done.lost) == (2000, 0)
    assert done.kills == 4
