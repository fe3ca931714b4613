"""What each kind of variable in a registered template may hold.

Typed markers are registered since January 2026 (TRAI direction of 2025-11-18); ``%s`` and ``%d`` are those of
Exotel's dashboard (Exotel support 38686), whose exact rule is not published.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from exosms.errors import InputError
from exosms.sms.foreign_markers import Notation, find


class VariableType(StrEnum):
    """The type of a variable; the value is the most common spelling of its marker."""

    UNTYPED = "var"
    NUMERIC = "numeric"
    ALPHANUMERIC = "alphanumeric"
    URL = "url"
    APP_LINK = "urlott"
    CALLBACK = "cbn"
    EMAIL = "email"
    EXOTEL_TEXT = "%s"
    EXOTEL_NUMBER = "%d"


SPELLINGS = {
    "var": VariableType.UNTYPED,
    "numeric": VariableType.NUMERIC,
    "number": VariableType.NUMERIC,
    "num": VariableType.NUMERIC,
    "alphanumeric": VariableType.ALPHANUMERIC,
    "alp": VariableType.ALPHANUMERIC,
    "url": VariableType.URL,
    "urg": VariableType.URL,
    "urlott": VariableType.APP_LINK,
    "uro": VariableType.APP_LINK,
    "cbn": VariableType.CALLBACK,
    "email": VariableType.EMAIL,
}
"""The word between ``{#`` and ``#}``; case-sensitive."""

POOLED = frozenset({VariableType.UNTYPED, VariableType.NUMERIC, VariableType.ALPHANUMERIC})
"""Kinds whose markers, standing side by side, share one room: ``{#var#}{#var#}`` holds 60."""

COMFORTABLE = 30
"""Characters of one variable beyond which some operators are known to refuse it."""


def kind_of(name: str) -> VariableType:
    """Return the kind that a template file gives beside the text, as ``numeric`` or ``{#numeric#}``."""
    kind = SPELLINGS.get(name.strip().removeprefix("{#").removesuffix("#}"))
    if kind is None:
        raise InputError(
            f"{name!r} is not the type of a template's variable", remedy=f"The types are: {', '.join(SPELLINGS)}."
        )
    return kind


Chars = Callable[[str], bool]
"""Whether one character is legal."""


class Step(NamedTuple):
    """Between ``least`` and ``most`` characters of a sort, one after the other; without ``most`` any number."""

    chars: Chars
    least: int
    most: int | None


class Word(NamedTuple):
    """Exactly this text."""

    text: str


Shape = tuple[Step | Word, ...]
"""Steps and words that follow each other."""


def anything(_character: str) -> bool:
    """Every character, also a line break."""
    return True


def is_digit(character: str) -> bool:
    """ASCII digits; other scripts' digits are not known to pass."""
    return "0" <= character <= "9"


def is_numberlike(character: str) -> bool:
    """Digits, sign, comma and point."""
    return character in "0123456789+-,."


def is_phonelike(character: str) -> bool:
    """Digits and what people write between them."""
    return character in "0123456789 -.()"


def is_visible(character: str) -> bool:
    """No space, line break or control character."""
    return character.isprintable() and not character.isspace()


def is_mail(character: str) -> bool:
    """What stands on either side of the @ of an e-mail address."""
    return character != "@" and is_visible(character)


def is_plus(character: str) -> bool:
    """The sign before a country code."""
    return character == "+"


def is_bracket(character: str) -> bool:
    """The bracket before an area code."""
    return character == "("


LINK_STARTS = ("http://", "https://", "www.")
_SHORT_LINK = re.compile(
    r"(?<![\w@.-])(?:[a-z0-9-]+\.)+(?:in|com|co|org|net|io|me|ly|to|app|link|page|gl|cc|info|biz|ai|us|at|be|shop)/\w",
    re.ASCII | re.IGNORECASE,
)
"""One without any of them, as ``bit.ly/x``; an invoice's ``Acme.Ltd/26`` is none."""

_ADDRESS = tuple((Word(start), Step(is_visible, 1, None)) for start in LINK_STARTS)
_PHONE = (
    Step(is_plus, 0, 1),
    Step(is_bracket, 0, 1),
    Step(is_digit, 1, 1),
    Step(is_phonelike, 1, 20),
    Step(is_digit, 1, 1),
)
_MAIL = (Step(is_mail, 1, None), Word("@"), Step(is_mail, 1, None), Word("."), Step(is_mail, 1, None))
_NUMBER = (Step(is_numberlike, 0, None), Step(is_digit, 1, 1), Step(is_numberlike, 0, None))


class ValueRule(NamedTuple):
    """What one variable of a kind holds."""

    shapes: tuple[Shape, ...]
    """Alternatives; none of them branches, so that matching stays linear."""
    most: int | None
    """Characters; more than that fails."""
    words: str
    """What it holds, to end the sentence "it holds …"."""


RULES = {
    VariableType.UNTYPED: ValueRule(
        shapes=((Step(anything, 0, 30),),), most=30, words="any text of up to 30 characters"
    ),
    VariableType.NUMERIC: ValueRule(shapes=((Step(is_digit, 0, 40),),), most=40, words="digits 0-9 only, up to 40"),
    VariableType.ALPHANUMERIC: ValueRule(
        shapes=((Step(anything, 0, 40),),), most=40, words="letters, digits and spaces, up to 40"
    ),
    VariableType.URL: ValueRule(
        shapes=_ADDRESS, most=None, words="an address that begins with http://, https:// or www."
    ),
    VariableType.APP_LINK: ValueRule(
        shapes=_ADDRESS, most=None, words="an app link that begins with http://, https:// or www."
    ),
    VariableType.CALLBACK: ValueRule(shapes=(_PHONE,), most=None, words="a phone number"),
    VariableType.EMAIL: ValueRule(shapes=(_MAIL,), most=None, words="an e-mail address"),
    VariableType.EXOTEL_TEXT: ValueRule(
        shapes=((Step(anything, 1, None),),), most=None, words="one or more characters"
    ),
    VariableType.EXOTEL_NUMBER: ValueRule(shapes=(_NUMBER,), most=None, words="one or more digits 0-9"),
}


def warnings(kind: VariableType, value: str, *, count: int = 1) -> tuple[str, ...]:
    """Return what may go wrong with a value of ``count`` markers side by side, each to follow "it …".

    Nothing is said of a value that does not fit: that is no caution but a mismatch.
    """
    most = RULES[kind].most
    if most is not None and len(value) > most * count:
        return ()
    checks = (_empty, _long, _broken, _punctuated, _number_signs, _link, _marker)
    return tuple(caution for check in checks if (caution := check(kind, value, count)))


def _empty(_kind: VariableType, value: str, _count: int) -> str:
    return "" if value else "is empty, which operators may refuse"


def _long(kind: VariableType, value: str, count: int) -> str:
    # Vendors differ on whether 30 itself still fits an untyped variable.
    room = COMFORTABLE * count - (kind is VariableType.UNTYPED)
    limited = kind in POOLED or kind is VariableType.EXOTEL_TEXT
    if not limited or len(value) <= room:
        return ""
    if kind is VariableType.UNTYPED:
        return f"has {len(value)} characters, the maximum"
    return f"has {len(value)} characters; some operators allow only {COMFORTABLE * count}"


def _broken(_kind: VariableType, value: str, _count: int) -> str:
    return "contains a line break, which operators may refuse" if "\n" in value or "\r" in value else ""


def _punctuated(kind: VariableType, value: str, _count: int) -> str:
    if kind is not VariableType.ALPHANUMERIC:
        return ""
    disputed = [c for c in dict.fromkeys(value) if not c.isalnum() and not c.isspace() and not _is_mark(c)]
    return f"contains {' '.join(disputed)}, which some operators refuse in {{#alphanumeric#}}" if disputed else ""


def _is_mark(character: str) -> bool:
    # Vowel signs and joiners belong to the letters of Indic scripts.
    import unicodedata

    return unicodedata.category(character) in {"Mn", "Mc"} or character in "\u200c\u200d"


def _number_signs(kind: VariableType, value: str, _count: int) -> str:
    if kind is not VariableType.EXOTEL_NUMBER or all(map(is_digit, value)):
        return ""
    return "contains a sign, a comma or a point, which %d may not allow"


def _marker(kind: VariableType, value: str, _count: int) -> str:
    if kind not in {VariableType.UNTYPED, VariableType.ALPHANUMERIC, VariableType.EXOTEL_TEXT}:
        return ""
    marker = next((each.text for each in find(value) if each.notation is not Notation.CROSSES), "")
    return f"contains {marker}, which reads as a marker that nothing filled in" if marker else ""


def holds_link(value: str) -> bool:
    """Whether an address begins somewhere in the value."""
    small = value.lower()
    return any(start in small for start in LINK_STARTS) or ("/" in value and _SHORT_LINK.search(value) is not None)


def _link(kind: VariableType, value: str, _count: int) -> str:
    if kind is not VariableType.UNTYPED or not holds_link(value):
        return ""
    return "contains a link; operators may want {#url#} for it"
