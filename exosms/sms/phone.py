"""From what people type, paste and export to E.164 (ITU-T E.164)."""

import re
from typing import TYPE_CHECKING

from exosms.errors import ConfigError, InputError

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_DECORATION = re.compile(
    "[\\s()\\-\u00a0\u00ad\u2000-\u200f\u2010-\u2015\u202a-\u202f\u205f-\u2069\u3000\ufeff"
    "\u2043\u2212\ufe58\ufe63\uff08\uff09\uff0d"
    "\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u20e3\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]+"
)
"""What people put between digits, and what copy and paste adds: spaces, hyphens, brackets, direction marks, and what
cannot be seen (the property Default_Ignorable_Code_Point of Unicode, Braille's blank and the keycap)."""

_QUOTED = re.compile("""=?"([^"]*)"|['\u2018\u2019]([^']*)'?""")
"""How spreadsheets say that a number is a text."""
_WHOLE = re.compile(r"(\+?[0-9]{6,})[.,]0+")
"""A number that became a decimal: some countries' have seven digits. Between points nobody writes so many at once."""
_INDIAN = re.compile(r"(?:\+?91|0091|00910|\+910|0)?([6-9][0-9]{9})")
_SCIENTIFIC = re.compile(r"\+?[0-9]+[.,]?[0-9]*[eE]\+?[0-9]+")

_LONGEST = 16
"""The plus sign and 15 digits; the metadata knows of longer numbers, which nobody reaches from abroad."""


class TwoNumbersError(InputError):
    """A number that may be one of two."""


def parse(text: str, *, country: str = "IN") -> str:
    """Return a number as E.164, such as ``+919876543210``; raises InputError naming it.

    ``country`` (ISO 3166, two letters) is where numbers without ``+`` belong. An Indian mobile number has ten digits
    and begins with 6 to 9 (Department of Telecommunications, National Numbering Plan); that rule is checked here,
    since the metadata that serves other countries takes some of those ranges for fixed lines.
    """
    if country == "IN" and (match := _INDIAN.fullmatch(text)):
        return "+91" + match[1]
    digits = _digits(text)
    _check_digits(digits, text)
    if country == "IN" or digits.startswith(("+91", "0091")):
        if match := _INDIAN.fullmatch(digits):
            return "+91" + match[1]
        if not digits.startswith(("+", "00")) or digits.startswith(("+91", "0091")):
            raise InputError(
                f"{text!r} is not an Indian mobile number: it must have ten digits and begin with 6, 7, 8 or 9",
                remedy="Correct it, or write a number of another country with + and its country code.",
            )
    return _parse_abroad(digits, text, country)


def is_country(letters: str) -> bool:
    """Whether there is a country with these two capital letters (ISO 3166)."""
    import phonenumbers

    return letters in phonenumbers.SUPPORTED_REGIONS


def is_number(text: str, *, country: str = "IN") -> bool:
    """Whether it is one, also where ``parse`` has to know which, or misses the plus sign of one abroad."""
    try:
        return bool(parse(text, country=country))
    except TwoNumbersError:
        return True
    except InputError:
        return _lost_its_plus(_digits(text))


def _lost_its_plus(digits: str) -> bool:
    """Whether digits are a number with its country code, as a spreadsheet leaves what is typed with a plus sign."""
    if not re.fullmatch(r"[1-9][0-9]{7,14}", digits):
        return False
    import phonenumbers

    number = _read(f"+{digits}", "ZZ")
    return number is not None and phonenumbers.is_valid_number(number)


def _digits(text: str) -> str:
    """Return a number without what stands around and between its digits, and those of any script as ours."""
    digits = _DECORATION.sub("", text)
    if quoted := _QUOTED.fullmatch(digits):
        digits = quoted[1] or quoted[2] or ""
    if not digits.isascii():
        digits = "".join([str(int(each)) if each.isdecimal() else each for each in digits])
        digits = digits.replace("\N{FULLWIDTH PLUS SIGN}", "+")
    whole = _WHOLE.fullmatch(digits)
    return whole[1] if whole else digits.replace(".", "")


def is_indian(number: str) -> bool:
    """Whether an E.164 number is Indian."""
    return number.startswith("+91")


def _check_digits(digits: str, text: str) -> None:
    if _SCIENTIFIC.fullmatch(digits):
        raise InputError(
            f"{text!r} is a phone number that a spreadsheet changed; its digits are lost",
            remedy="`exosms bulk` takes the workbook itself (.xlsx, .ods, .xls), which may still have them; or format"
            " the column as text and enter the numbers again.",
        )
    if not re.fullmatch(r"\+?[0-9]+", digits):
        raise InputError(
            f"{text!r} is not a phone number{_strange(digits)}" if text.strip() else "A phone number is empty",
            remedy="Write only digits; for a number in another country, add + and the country code.",
        )


def _strange(digits: str) -> str:
    """Return a code point that nobody expects there as the end of a sentence; nothing if all are ordinary."""
    strange = next((each for each in digits if not each.isascii()), None)
    return f"; it contains U+{ord(strange):04X}" if strange else ""


def _parse_abroad(digits: str, text: str, country: str) -> str:
    import phonenumbers

    if not is_country(country):
        raise ConfigError(
            f"{country!r} is not a valid country",
            remedy='Write two capital letters in the profile, such as country = "IN".',
        )
    international = "+" + digits[2:] if digits.startswith("00") else digits
    number = _read(international, country)
    e164 = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)) if number else ""
    # Possible is enough: metadata is always older than the newest ranges, and a typo changes the length more often.
    reason = phonenumbers.is_possible_number_with_reason(number) if number else None
    if reason == phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
        raise InputError(
            f"{text!r} can only be dialled locally: its area code is missing", remedy="Write the whole number."
        )
    is_possible = reason == phonenumbers.ValidationResult.IS_POSSIBLE and len(e164) <= _LONGEST
    # A zero too many is dropped by whoever reads the number next, and there it would be another one.
    if not (is_possible and number and _is_as_long_as_others(number)) or phonenumbers.parse(e164) != number:
        raise InputError(
            f"{text!r} is not a phone number of {country if not international.startswith('+') else 'any country'}",
            remedy="Write it with + and its country code.",
        )
    # The first digits may be what is dialled for abroad, 001 in Singapore, and people leave out the plus sign, too:
    # often the metadata has room for the whole number behind the country's own code, where nobody has such a one.
    other = _read(digits if digits.startswith("00") else f"+{digits}", country)
    is_in_doubt = digits.startswith(("00", str(number.country_code))) or not phonenumbers.is_valid_number(number)
    if is_in_doubt and other is not None and other != number and phonenumbers.is_valid_number(other):
        raise TwoNumbersError(
            f"{text!r} may be {phonenumbers.format_number(other, phonenumbers.PhoneNumberFormat.E164)} or {e164}",
            remedy="Write it with + and its country code.",
        )
    return e164


def _is_as_long_as_others(number: "PhoneNumber") -> bool:
    """Whether it has the length of people's numbers: those of services are longer where a typo would go unseen."""
    import phonenumbers

    peoples = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    lengths = [phonenumbers.is_possible_number_for_type_with_reason(number, each) for each in peoples]
    return phonenumbers.ValidationResult.IS_POSSIBLE in lengths or phonenumbers.is_valid_number(number)


def _read(international: str, country: str) -> "PhoneNumber | None":
    import phonenumbers

    try:
        return phonenumbers.parse(international, None if international.startswith("+") else country)
    except phonenumbers.NumberParseException:
        return None
