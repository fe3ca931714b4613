"""How a text is encoded and how many parts it takes (3GPP TS 23.038 §6.2, TS 23.040 §9.2.3.24)."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from exosms.errors import InputError
from exosms.sms.message import Encoding

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The default alphabet, one septet a character."""

_EXTENSION = "\f^{}\\[~]|€"
"""The extension table: an escape and a character, two septets."""

_EACH_ONE_SEPTET = re.compile(f"[{re.escape(_BASIC)}]*+")
_NOT_GSM = re.compile(f"[^{re.escape(_BASIC + _EXTENSION)}]")
_EXTENDED = re.compile(f"[{re.escape(_EXTENSION)}]")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_LIMITS = {Encoding.PLAIN: (160, 153), Encoding.UNICODE: (70, 67)}
"""Units that one lone part holds, and each part of several: septets or UTF-16 code units."""

FEW_FORCING = 5
"""Of so many different characters it is news that they force Unicode; a text in an Indian script is meant to be."""


class Forcing(NamedTuple):
    """A character that forces Unicode, at a 0-based offset in code points."""

    offset: int
    character: str


class Measure(NamedTuple):
    """What a text costs. ``units`` are septets when plain, UTF-16 code units when Unicode."""

    encoding: Encoding
    units: int
    segments: int
    forcing: tuple[Forcing, ...] = ()
    segments_if_plain: int | None = None
    """Parts, were every forcing character one septet; None where none forces Unicode."""


def measure(body: str, encoding: Encoding | None = None) -> Measure:
    """Return how ``body`` is encoded and how many parts it takes; an empty one takes one.

    ``encoding`` None chooses by content. Raises InputError where plain is asked for and the text is not GSM.
    """
    if encoding is not Encoding.UNICODE and _EACH_ONE_SEPTET.fullmatch(body):  # as most texts are
        return Measure(Encoding.PLAIN, len(body), _segments(body, Encoding.PLAIN, len(body)))
    if not _NOT_GSM.search(body):
        chosen = encoding or Encoding.PLAIN
        units = _units(body, chosen)
        return Measure(encoding=chosen, units=units, segments=_segments(body, chosen, units))
    forcing = tuple(Forcing(match.start(), match[0]) for match in _NOT_GSM.finditer(body))
    if encoding is Encoding.PLAIN:
        raise InputError(
            f"The text cannot be sent as plain: {named(forcing)}",
            remedy="Replace what is named, or leave --encoding at auto.",
        )
    units, plain = _units(body, Encoding.UNICODE), _NOT_GSM.sub("x", body)
    return Measure(
        encoding=Encoding.UNICODE,
        units=units,
        segments=_segments(body, Encoding.UNICODE, units),
        forcing=forcing,
        segments_if_plain=_segments(plain, Encoding.PLAIN, _units(plain, Encoding.PLAIN)),
    )


def forcing_characters(body: str) -> set[str]:
    """Return the characters that force Unicode."""
    return set(_NOT_GSM.findall(body))


def named(forcing: Sequence[Forcing]) -> str:
    """Return the first characters that force Unicode, with their places."""
    first = ", ".join(f"{describe(each.character)} at offset {each.offset}" for each in forcing[:3])
    return first + (f" and {len(forcing) - 3} more" if len(forcing) > 3 else "")


def describe(character: str) -> str:
    """Name a character so that it can be found: itself where it shows on its own, its code point, its name."""
    import unicodedata

    name = unicodedata.name(character, "")
    point = f"U+{ord(character):04X} {name}".rstrip()
    if not character.isprintable() or unicodedata.combining(character) or unicodedata.category(character) == "Zs":
        return point
    return f"{character} ({point})"


def _doubled(encoding: Encoding) -> re.Pattern[str]:
    return _EXTENDED if encoding is Encoding.PLAIN else _ASTRAL


def _units(body: str, encoding: Encoding) -> int:
    return len(body) + len(_doubled(encoding).findall(body))


def _segments(body: str, encoding: Encoding, units: int) -> int:
    """Pack the text: a character of two units never straddles the border between two parts."""
    alone, each = _LIMITS[encoding]
    if units <= alone:
        return 1
    if units == len(body):
        return -(-units // each)
    doubled = _doubled(encoding)
    parts, used = 1, 0
    for character in body:
        width = 2 if doubled.match(character) else 1
        if used + width > each:
            parts, used = parts + 1, 0
        used += width
    return parts
