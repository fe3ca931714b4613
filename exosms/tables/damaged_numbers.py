"""What spreadsheets do to numbers that are none: those of phones and of registrations."""

import re
from enum import Enum

from exosms.tables.records import Kind

_EXPONENT = re.compile(r"\+?[0-9]+(?:[.,][0-9]*)?E\+?[0-9]+", re.IGNORECASE)
_DECIMAL = re.compile(r"\+?[0-9]{8,}[.,]0+")


class Damage(Enum):
    """What happened to a number; the value is said of it."""

    EXPONENT = "it was changed to a number and rounded"
    DECIMAL = "it was changed to a decimal"
    ZEROS = "its last digits are zeros, as after rounding to 15 digits"
    ROUNDED = "it is stored as a number and was rounded"


def damage(number: str, kind: str = Kind.TEXT) -> Damage | None:
    """Return what a spreadsheet did to a number, of which it keeps 15 digits; ``kind`` is that of its cell."""
    if _EXPONENT.fullmatch(number):
        return Damage.ROUNDED if kind == Kind.NUMBER else Damage.EXPONENT
    if _DECIMAL.fullmatch(number):
        return Damage.DECIMAL
    if not (number.isascii() and number.isdigit() and 15 < len(number) < 40):
        return None
    if number.endswith("0000"):
        return Damage.ZEROS
    return Damage.ROUNDED if kind == Kind.NUMBER else None
