"""Encoding and parts: 3GPP TS 23.038 and TS 23.040, and what another implementation says of thousands of texts."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exosms.errors import InputError
from exosms.sms.message import Encoding
from exosms.sms.segments import describe, measure

VECTORS = Path(__file__).parent / "data" / "segments_vectors.json"
"""What npm's split-sms says of texts made from a seed; a text is ``character, count`` runs between tabs."""

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "\f^{}\\[~]|€"


def slowly(text: str) -> tuple[Encoding, int, int]:
    """Encoding, units and parts, one character at a time."""
    plain = all(character in BASIC + EXTENSION for character in text)
    widths = [
        (2 if character in EXTENSION else 1) if plain else len(character.encode("utf-16-le")) // 2
        for character in text
    ]
    alone, each = (160, 153) if plain else (70, 67)
    encoding = Encoding.PLAIN if plain else Encoding.UNICODE
    if sum(widths) <= alone:
        return encoding, sum(widths), 1
    parts, used = 1, 0
    for width in widths:
        if used + width > each:
            parts, used = parts + 1, 0
        used += width
    return encoding, sum(widths), parts


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("a" * 160, Encoding.PLAIN, 160, 1),
        ("a" * 161, Encoding.PLAIN, 161, 2),
        ("a" * 306, Encoding.PLAIN, 306, 2),
        ("a" * 307, Encoding.PLAIN, 307, 3),
        ("€" * 80, Encoding.PLAIN, 160, 1),
        ("€" * 81, Encoding.PLAIN, 162, 2),
        ("😀" * 35, Encoding.UNICODE, 70, 1),
        ("😀" * 35 + "a", Encoding.UNICODE, 71, 2),
        ("a" * 152 + "€" + "a" * 152, Encoding.PLAIN, 306, 3),
        ("क" * 66 + "😀" + "क" * 66, Encoding.UNICODE, 134, 3),
        ("`", Encoding.UNICODE, 1, 1),
        ("ç", Encoding.UNICODE, 1, 1),
        ("\t", Encoding.UNICODE, 1, 1),
        ("₹5", Encoding.UNICODE, 2, 1),
        ("a\r\nb", Encoding.PLAIN, 4, 1),
        ("", Encoding.PLAIN, 0, 1),
    ],
)
def test_known_texts(text: str, encoding: Encoding, units: int, segments: int) -> None:
    measured = measure(text)
    assert (measured.encoding, measured.units, measured.segments) == (encoding, units, segments)


def test_the_alphabet_is_the_standards() -> None:
    plain = {
        chr(number) for number in range(0x3000) if not 0xD800 <= number < 0xE000 and not measure(chr(number)).forcing
    }
    assert plain == set(BASIC + EXTENSION)


@given(st.text(alphabet=st.sampled_from(BASIC + EXTENSION + "₹नमस्ते😀`ç\t"), max_size=400))
def test_it_agrees_with_counting_one_by_one(text: str) -> None:
    measured = measure(text)
    assert (measured.encoding, measured.units, measured.segments) == slowly(text)
    assert [text[forcing.offset] for forcing in measured.forcing] == [f.character for f in measured.forcing]


def test_it_agrees_with_split_sms() -> None:
    vectors = json.loads(VECTORS.read_text())
    assert len(vectors["rows"]) >= 2000
    for runs, encoding, segments in vectors["rows"]:
        text = "".join(run[0] * int(run[1:]) for run in runs.split("\t"))
        measured = measure(text)
        assert (measured.encoding, measured.segments) == (encoding, segments), text


def test_what_forces_unicode_is_named_with_what_it_costs() -> None:
    measured = measure("x" * 100 + "₹")
    assert [(forcing.offset, forcing.character) for forcing in measured.forcing] == [(100, "₹")]
    assert (measured.segments, measured.segments_if_plain) == (2, 1)
    with pytest.raises(InputError, match=r"₹ \(U\+20B9 INDIAN RUPEE SIGN\) at offset 100"):
        measure("x" * 100 + "₹", Encoding.PLAIN)
    assert measure("plain", Encoding.UNICODE).encoding is Encoding.UNICODE


@pytest.mark.parametrize(
    ("character", "name"),
    [
        ("₹", "₹ (U+20B9 INDIAN RUPEE SIGN)"),
        ("\u200b", "U+200B ZERO WIDTH SPACE"),
        ("\u202e", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("\xa0", "U+00A0 NO-BREAK SPACE"),
        ("\u0301", "U+0301 COMBINING ACUTE ACCENT"),
        ("\t", "U+0009"),
    ],
)
def test_a_character_is_never_shown_where_it_could_do_harm(character: str, name: str) -> None:
    assert describe(character) == name
