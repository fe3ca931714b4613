"""The pictures show what the program prints today."""

import re
from xml.etree import ElementTree as ET

import pytest
from screenshots import FOLDER, PICTURES, drawn


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_what_the_program_prints(name: str) -> None:
    """If it is not: python tests/screenshots.py draws them anew."""
    assert (FOLDER / f"{name}.svg").read_text(encoding="utf-8") == drawn(name)


def test_each_picture_is_one_of_these_and_loads_nothing() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.svg" for name in PICTURES}
    for path in FOLDER.iterdir():
        svg = path.read_text(encoding="utf-8")
        ET.fromstring(svg)
        assert set(re.findall('[a-z]+://[^"\\s]+', svg)) == {"http://www.w3.org/2000/svg"}
        assert not re.search(r"url\((?!#)|@import|<script|<image", svg)


def test_the_table_of_errors_is_led_by_the_status() -> None:
    words = " ".join(ET.fromstring((FOLDER / "errors.svg").read_text(encoding="utf-8")).itertext())
    assert "Insufficient\xa0balance" in words
    assert "Status" in words
