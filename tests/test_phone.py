"""Numbers as people type, paste and export them."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exosms.errors import ConfigError, InputError
from exosms.sms.phone import is_indian, parse

INDIAN = "+919876543210"


@pytest.mark.parametrize(
    "text",
    [
        "9876543210",
        "09876543210",
        "919876543210",
        "+919876543210",
        "+91 98765-43210",
        "0091 98765 43210",
        "00919876543210",
        "+91 (0) 98765 43210",
        "(+91) 98765 43210",
        "+91-98765-43210",
        "98765.43210",
        "+91\u00a098765\u00a043210",
        "\u202a+919876543210\u202c",
        "\u200e98765\u200b43210\ufeff",
        " 9876543210 ",
        "+91‑98765–43210",
        "98765−43210",
        "9876543210.0",
        "919876543210,00",
        "'9876543210",
        '="9876543210"',
        "९८७६५४३२१०",
        "9\ufe0f\u20e38765\u034f43\u3164210",
    ],
)
def test_indian_spellings(text: str) -> None:
    assert parse(text) == INDIAN


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("9198765432", "IN", "+919198765432"),
        ("919198765432", "IN", "+919198765432"),
        ("+1 650-253-0000", "IN", "+16502530000"),
        ("0016502530000", "IN", "+16502530000"),
        ("(650) 253-0000", "US", "+16502530000"),
        ("+44 20 7946 0018", "IN", "+442079460018"),
        ("+919876543210", "US", INDIAN),
    ],
)
def test_other_numbers(text: str, country: str, number: str) -> None:
    assert parse(text, country=country) == number
    assert is_indian(number) == number.startswith("+91")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("9.19877E+11", "spreadsheet"),
        ("9,19877e11", "spreadsheet"),
        ("12345", "12345"),
        ("5876543210", "begin with 6, 7, 8 or 9"),
        ("+915876543210", "begin with 6, 7, 8 or 9"),
        ("98765432101", "begin with 6, 7, 8 or 9"),
        ("9876543210x12", "9876543210x12"),
        ("9876543210;ext=1", "ext"),
        ("98765²4321", "U+00B2"),
        ("987654321.0", "must have ten digits"),
        ("+1 555 0123", "area code"),
        ("98765 43210 / 98765 43211", "not a phone number"),
        ("+1 650", "+1 650"),
        ("+", "+"),
        ("", "empty"),
        (" ", "empty"),
        ("+999123456789", "+999123456789"),
        ("+46 00 946 0018", "+46 00 946 0018"),
        ("+81 00777 4321043210", "any country"),
        ("+49 123456789012345", "any country"),
        ("\x1b[2J", r"\x1b"),
    ],
)
def test_what_is_no_number_is_named(text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert words in caught.value.message
    assert caught.value.remedy
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("text", "country", "either"),
    [
        ("4915123456789", "DE", "+4915123456789 or +494915123456789"),
        ("62812345678", "ID", "+62812345678 or +6262812345678"),
        ("919876543210", "ID", "+919876543210 or +62919876543210"),
        ("447911123456", "IL", "+447911123456 or +972447911123456"),
        ("001 65 8123 4567", "SG", "+6581234567 or +16581234567"),
        ("0011 65 8123 4567", "AU", "+6581234567 or +16581234567"),
    ],
)
def test_a_number_that_may_begin_with_the_code_of_a_country_is_not_guessed(
    text: str, country: str, either: str
) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(f'{text!r} may be {either}')}$"):
        parse(text, country=country)
    for number in either.split(" or "):
        assert parse(number, country=country) == number


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("0501234567", "AE", "+971501234567"),
        ("501234567", "AE", "+971501234567"),
        ("971501234567", "AE", "+971501234567"),
        ("00919876543210", "SG", INDIAN),
        ("0016502530000", "SG", "+16502530000"),
        ("0412 345 678", "AU", "+61412345678"),
        ("1800 123 4567", "SG", "+6518001234567"),
        ("5123456789", "US", "+15123456789"),
        ("3123456.0", "LB", "+9613123456"),
        ("5012345.0", "EE", "+3725012345"),
    ],
)
def test_a_number_is_read_as_it_is_dialled_in_its_country(text: str, country: str, number: str) -> None:
    assert parse(text, country=country) == number


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("9876543210", "SG"),
        ("919876543210", "AE"),
        ("05012345678", "AE"),
        ("919876543210", "AU"),
        ("+65 9876 543210", "IN"),
    ],
)
def test_a_number_with_a_length_that_only_services_have_is_none(text: str, country: str) -> None:
    with pytest.raises(InputError, match="is not a phone number of"):
        parse(text, country=country)


def test_an_unknown_country_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigError, match="XX"):
        parse("12345678", country="XX")


@given(
    st.from_regex(r"[6-9][0-9]{9}", fullmatch=True),
    st.lists(st.sampled_from(" -.()\u00a0\u200e"), max_size=10),
    st.data(),
)
def test_formatting_never_changes_a_number(digits: str, noise: list[str], data: st.DataObject) -> None:
    text = digits
    for mark in noise:
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + mark + text[at:]
    assume(not re.fullmatch(r"[0-9]{6,}\.0+", re.sub(r"[^0-9.]", "", text)))  # which is a decimal
    assert parse(text) == "+91" + digits
    assert parse(parse(text)) == parse(text)
