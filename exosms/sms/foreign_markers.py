"""Markers of other programs in a text: ``##name##``, ``{{name}}``, ``[name]`` and their kin. Nothing fills them in.

DLT wants ``{#var#}`` in a registered text, exosms ``{name}`` in a pattern of ``bulk``; any other notation is text
that goes out as it stands. Three functions, for three degrees of certainty:

- ``unfilled(text)``: the first marker that no text has on purpose. For texts that are about to leave.
- ``find(text)``: every marker that reads as one, by notation and name. For registered texts, and for warnings.
- ``shaped(text)``: whatever has the shape of one, with any name: ``[Acme]`` too. For whoever knows the names, such as
  those of a file's columns, and compares them with ``Marker.name``.

What only has the shape of one may hold one: ``[Order {order}]``.

DLT's own markers, ``{#var#}`` and ``#numeric#``, are never among what ``find`` and ``shaped`` give. Time is linear.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import NamedTuple


class Notation(StrEnum):
    """How a marker is written; the value is its example."""

    HASHES = "##name##"
    BRACES = "{{name}}"
    PERCENTS = "%%name%%"
    PARENTHESES = "((name))"
    BRACKETS = "[name]"
    DOLLAR = "$name"
    PERCENT = "%name%"
    ANGLES = "<name>"
    STARS = "*|name|*"
    UNDERSCORES = "__name__"
    HASH = "#NAME#"
    BRACE = "{name}"
    CROSSES = "XXXX"


class Marker(NamedTuple):
    """One marker; ``text`` stands from ``start`` to ``end``, the latter exclusive."""

    notation: Notation
    text: str
    name: str
    """What stands inside, without the spaces around it; nothing for ``XXXX``."""
    start: int
    end: int


_TYPES = "numeric|alphanumeric|url|urlott|cbn|email"
BARE_MARKER = rf"(?<![#{{])#(?:{_TYPES})#(?![#}}])"
"""DLT's own markers as news reports and two vendors print them (direction of 2025-11-18)."""

_LETTER = r"[\w\u0900-\u0dff\u200c\u200d]"  # vowel signs and joiners belong to the letters of Indic scripts
_WORD = rf"[^\W\d]{_LETTER}{{0,39}}"
_MORE_WORDS = rf"(?:[ .\-]{_LETTER}{{1,40}}){{0,4}}"
_NAME = rf"{_WORD}{_MORE_WORDS}"
_NAME_OR_NUMBER = rf"{_LETTER}{{1,40}}{_MORE_WORDS}"
_BRACES = r"\{\{[{~&]?\s{0,9}[\w$.@][^{}\n]{0,60}\}\}"
_GAP = r"[^\S\r\n]{0,9}"
_DISCOVERED = rf"(?<![{{$])\{{#(?!(?i:var|{_TYPES})[\d_.]*\}})[A-Z][A-Z0-9_.]*\}}"
"""What Zabbix knows no value for, as ``{#IFALIAS}``: an alert with one is better than none."""
_DLT = "|".join(
    (
        rf"\{{{_GAP}#[^{{}}#\n]*#{_GAP}\}}",
        rf"(?<!\$)(?!{_DISCOVERED})\{{{_GAP}#{_GAP}{_NAME}{_GAP}\}}",  # ${#name} is a shell's
        rf"\{{(?!\w#){_GAP}{_NAME}{_GAP}#{_GAP}\}}",  # {C#} is a language
        rf"\{{#{_WORD}#|#{_WORD}#\}}",
        rf"\{{#(?i:var|{_TYPES})\b|\b(?i:var|{_TYPES})#\}}",
    )
)
"""One of DLT's, also with a brace or a sign too few, or with spaces in it."""

_SHAPES = {
    Notation.HASHES: r"(?<!#)##[^#\n]{1,60}##(?!#)",
    Notation.BRACES: _BRACES,
    Notation.PERCENTS: rf"(?<![\d%])%%\|?{_NAME}(?:\^\{{[^{{}}\n]{{0,200}}\}})?%%",
    Notation.PARENTHESES: r"\(\([^()\n]{1,200}\)\)",
    Notation.BRACKETS: r"\[[^\[\]\n]{1,60}\]",
    Notation.DOLLAR: rf"(?<![\w$])\$(?:{_WORD}|\{{{_NAME}\}})",
    Notation.PERCENT: rf"(?<![\d%])%(?:[^\W\d]{_LETTER}{{1,39}}(?:[.\-]{_LETTER}+)*%(?![\w%])|\({_NAME}\)[sd])",
    Notation.ANGLES: r"<<?[^<>\n]{1,60}>>?|«[^«»\n]{1,60}»|&lt;[^&\n]{1,60}&gt;",
    Notation.STARS: r"\*\|[^|\n]{1,60}\|\*",
    Notation.UNDERSCORES: rf"(?<![\w/])__(?!_){_NAME}(?<!_)__(?![\w/.(])",
    Notation.HASH: rf"(?<![#&{{])#{_NAME}\.?#(?![\w#}}])",
    Notation.BRACE: rf"\{{\s?{_NAME_OR_NUMBER}\s?\}}|{_DISCOVERED}",
    Notation.CROSSES: r"(?<![\w*@/.\-])(?:X{4,}|x{4,})(?:[ \-](?:X{2,}|x{2,}))*(?![\w*@/]|[.\-]\w)",
}

_DATA = frozenset(
    """
    account acct acno address alphanumeric amount amt balance brand city code company contact cost count coupon
    customer date day description discount domain email expiry field firstname fname hour hours id invoice
    lastname link lname location login minutes mobile month name no num number numeric order orderid otp param
    password percent person phone pin place placeholder price product quantity qty reason ref reference string
    surname text time title token total url user userid username value var variable website year
    """.split()  # noqa: SIM905 - a hundred quotes would hide them
)
"""What a marker is named after, in whatever case; of several words the last one counts."""

_CURRENCIES = frozenset({"USD", "AUD", "CAD", "SGD", "HKD", "NZD"})


def unfilled(text: str) -> Marker | None:
    """Return the first marker no text has on purpose: ``{#var#}``, ``{#var}``, ``{{name}}`` or ``##name##``."""
    if "{" not in text and "#" not in text:  # as in most texts
        return None
    found = _certain().search(text)
    if found is None:
        return None
    notation = Notation.BRACES if found[0].startswith("{") else Notation.HASHES
    return Marker(notation, found[0], _inner(found[0], notation), *found.span())


def undiscovered(text: str) -> str | None:
    """Return the first ``{#NAME}`` of a text, as Zabbix leaves it, or somebody who forgot a sign of ``{#NAME#}``."""
    found = re.search(_DISCOVERED, text) if "{#" in text else None
    return found[0] if found else None


def find(text: str) -> Sequence[Marker]:
    """Return the markers of other notations, in order.

    ``$5``, ``#1``, ``50%``, ``[1]``, ``[PROD]`` and masked numbers (``XXXX1234``) are none.
    """
    return [*shaped(text, lambda marker: _READS_AS_ONE[marker.notation](marker, text))]


def is_one(text: str) -> bool:
    """Whether a text is nothing but a marker of another notation; only its beginning is looked at."""
    first = next(shaped(text), None)
    return first is not None and first.text == text and _READS_AS_ONE[first.notation](first, text)


def shaped(text: str, is_meant: Callable[[Marker], bool] = lambda _: True) -> Iterator[Marker]:
    """Yield, in order, what has the shape of a marker, whatever it is named after.

    In the place of one that is not meant come those inside it.
    """
    return _shaped(text, 0, len(text), is_meant) if may_hold_one(text) else iter(())


def _shaped(text: str, start: int, end: int, is_meant: Callable[[Marker], bool]) -> Iterator[Marker]:
    for found in _any_notation().finditer(text, start, end):
        if found.lastgroup and found.lastgroup != "dlt":
            notation = Notation[found.lastgroup]
            marker = Marker(notation, found[0], _inner(found[0], notation), *found.span())
            if is_meant(marker):
                yield marker
            else:
                yield from _shaped(text, marker.start + 1, marker.end, is_meant)


def may_hold_one(text: str) -> bool:
    """Whether a text has a sign that markers are made of: a quick no for most texts."""
    # A fourth of the time of any(), which counts in a file of a million rows.
    few = "#" in text or "{" in text or "%" in text or "[" in text or "$" in text
    some = "((" in text or "<" in text or "«" in text or "&lt;" in text or "*|" in text or "__" in text
    return few or some or "XXXX" in text or "xxxx" in text


# Made when they are first needed: a start has no two milliseconds for them.


@cache
def _certain() -> re.Pattern[str]:
    return re.compile(rf"{_DLT}|{_BRACES}|(?<!#)##{_NAME_OR_NUMBER}##(?!#)|{BARE_MARKER}")


@cache
def _any_notation() -> re.Pattern[str]:
    # DLT's own come first and whole, so that nothing begins inside them.
    notations = "|".join(f"(?P<{notation.name}>{shape})" for notation, shape in _SHAPES.items())
    return re.compile(rf"(?P<dlt>\{{#[^\s{{}}#]+#\}}|{BARE_MARKER})|{notations}")


@cache
def _whole_name() -> re.Pattern[str]:
    return re.compile(_NAME_OR_NUMBER)


def _inner(marker: str, notation: Notation) -> str:
    bare = marker.removesuffix(")s").removesuffix(")d").partition("^{")[0].partition("??")[0]
    for begin, end in (("&lt;", "&gt;"), ("<%", "%>")):
        bare = bare.removeprefix(begin).removesuffix(end)
    if notation is Notation.BRACES:  # which may have a filter
        bare = bare.partition("|")[0]
    return bare.strip(_AROUND[notation])


_AROUND: Mapping[Notation, str] = {
    Notation.HASHES: "#{} ",
    Notation.BRACES: "{~&}#$ ",
    Notation.PERCENTS: "%| ",
    Notation.PARENTHESES: "() ",
    Notation.BRACKETS: "[] ",
    Notation.DOLLAR: "${} ",
    Notation.PERCENT: "%( ",
    Notation.ANGLES: "<>«»= ",
    Notation.STARS: "*| ",
    Notation.UNDERSCORES: "_",
    Notation.HASH: "#",
    Notation.BRACE: "{}# ",
    Notation.CROSSES: "Xx -",
}


# What makes something that is shaped like a marker read as one.


def _in_brackets(marker: Marker, text: str) -> bool:
    name = marker.name
    begins = not text[: marker.start].strip()  # "[nginx] is down"
    is_word = _is_name(name) and name == name.lower() and not name[0].isdigit() and name != "sic"
    return _is_data(name) or (is_word and not begins)


def _in_angles(marker: Marker, _text: str) -> bool:
    return _is_data(marker.name) or (marker.text.startswith(("<<", "«")) and _is_name(marker.name))


def _between_hashes(marker: Marker, text: str) -> bool:
    """``#NAME#``, but not the end of ``#sale#offer#``, nor what stands between the signs of ``#sale and C#``."""
    joined = text[marker.start - 1 : marker.start].isalnum() or " " in marker.name
    return _is_data(marker.name) or (len(marker.name) > 1 and not joined)


def _not_masked(marker: Marker, text: str) -> bool:
    """``XXXX`` without the digits that a masked number shows before or behind it."""
    behind = re.compile(r"[ \-]?(?:\d|\{|%[sd])").match(text, marker.end)
    before = re.search(r"\d{4}[ \-]\Z", text[max(marker.start - 5, 0) : marker.start])
    return not before and not behind


_READS_AS_ONE: Mapping[Notation, Callable[[Marker, str], bool]] = {
    Notation.HASHES: lambda marker, _: marker.text == f"##{marker.name}##" and _is_name(marker.name),
    Notation.BRACES: lambda _marker, _: True,
    Notation.PERCENTS: lambda _marker, _: True,
    Notation.PARENTHESES: lambda marker, _: _is_name(marker.name),
    Notation.BRACKETS: _in_brackets,
    Notation.DOLLAR: lambda marker, _: marker.name not in _CURRENCIES,
    Notation.PERCENT: lambda _marker, _: True,
    Notation.ANGLES: _in_angles,
    Notation.STARS: lambda marker, _: _is_name(marker.name),
    Notation.UNDERSCORES: lambda marker, _: _is_data(marker.name) and marker.name != "name",
    Notation.HASH: _between_hashes,
    Notation.BRACE: lambda _marker, _: True,
    Notation.CROSSES: _not_masked,
}


def _is_name(name: str) -> bool:
    return _whole_name().fullmatch(name) is not None


def _is_data(name: str) -> bool:
    """Whether it is named after what differs from message to message, as ``OTP``, ``First Name`` or ``orderId2``."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)]
    return _is_name(name) and ((words[-1:] and words[-1] in _DATA) or "".join(words) in _DATA)
