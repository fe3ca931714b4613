"""Texts with one kind of difference taken out, and which kind is all that two texts differ in."""

import re
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import NamedTuple


class Cause(StrEnum):
    """Why a body differs; the words are stable."""

    SPACE = "space"
    NEWLINE = "newline"
    ESCAPE = "escape"
    ZERO_WIDTH = "zero_width"
    DECOMPOSED = "decomposed"
    QUOTES = "quotes"
    DASH = "dash"
    ELLIPSIS = "ellipsis"
    LOOK_ALIKE = "look_alike"
    CASE = "case"
    RUPEE = "rupee"
    HTML_ENTITY = "html_entity"
    DOUBLE_ENCODING = "double_encoding"
    PUNCTUATION = "punctuation"
    WORDING = "wording"
    MISSING_HEAD = "missing_head"
    MISSING_TAIL = "missing_tail"
    EXTRA_HEAD = "extra_head"
    EXTRA_TAIL = "extra_tail"
    UNFILLED_MARKER = "unfilled_marker"
    VALUE_TOO_LONG = "value_too_long"
    WRONG_TYPE = "wrong_type"
    MISSING_VALUE = "missing_value"
    ORDER = "order"


class Fold(NamedTuple):
    """One kind of difference: two texts that differ only in it are equal once folded."""

    cause: Cause
    pattern: re.Pattern[str]
    replace: Callable[[str], str]

    def equal(self, one: str, other: str) -> bool:
        """Whether two texts differ in nothing else."""
        return self.text(one) == self.text(other)

    def text(self, text: str) -> str:
        """Return the folded text alone."""
        return self.pattern.sub(lambda found: self.replace(found[0]), text)


_SPACES = " \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
INVISIBLE = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
_DASHES = "\\-\u2010-\u2015\u2212\ufe58\ufe63\uff0d"
_QUOTES = "\"'`\u00b4\u2018-\u201f\u2032\u2033\u2035\u2036\u00ab\u00bb\uff02\uff07"
_PUNCTUATION = r".,;:!?()\[\]*_/|\u2022\u0964" + _QUOTES + _DASHES + "\u2026"

_HOMOGLYPHS = str.maketrans(
    "АВЕКМНОРСТХаеорсухіјѕΑΒΕΖΗΙΚΜΝΟΡΤΥΧο",
    "ABEKMHOPCTXaeopcyxijsABEZHIKMNOPTYXo",
)


def _nothing(_text: str) -> str:
    return ""


def _always(replacement: str) -> Callable[[str], str]:
    return lambda _text: replacement


def _unescape(text: str) -> str:
    import html

    if text.lower().startswith("<br"):
        return "\n"
    return html.unescape(text).replace("\u00a0", " ")


def _unquote(text: str) -> str:
    from urllib.parse import unquote

    return " " if text == "+" else unquote(text)


def _compose(text: str) -> str:
    import unicodedata

    return unicodedata.normalize("NFC", text)


def _plain_letters(text: str) -> str:
    import unicodedata

    return unicodedata.normalize("NFKC", text).translate(_HOMOGLYPHS)


@cache
def folds() -> tuple[Fold, ...]:
    """Return the foldings in the order in which they are put on; the first ones undo encodings of the whole text."""

    def fold(cause: Cause, pattern: str, replace: Callable[[str], str]) -> Fold:
        return Fold(cause, re.compile(pattern), replace)

    return (
        fold(Cause.HTML_ENTITY, r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,31});|<[bB][rR]\s*/?>", _unescape),
        fold(Cause.DOUBLE_ENCODING, r"(?:%[0-9A-Fa-f]{2})+|\+", _unquote),
        fold(Cause.ESCAPE, r"\\r\\n|\\[nr]", _always("\n")),
        fold(Cause.DECOMPOSED, r"[^\s\x21-\x2f]?[^\x00-\u02ff\u2000-\u2bff\s]+", _compose),
        fold(Cause.ZERO_WIDTH, f"[{INVISIBLE}]+", _nothing),
        fold(
            Cause.RUPEE,
            rf"(?:\u20b9|\u20a8|(?<![A-Za-z])(?:[Rr][Ss]\.?|INR)(?![A-Za-z]))[{_SPACES}]*",
            _always("\u20b9"),
        ),
        fold(Cause.SPACE, f"[{_SPACES}]+", _nothing),
        fold(Cause.NEWLINE, r"\n+", _nothing),
        fold(Cause.QUOTES, f"[{_QUOTES}]", _always("'")),
        fold(Cause.DASH, f"[{_DASHES}]{{1,3}}", _always("-")),
        fold(Cause.ELLIPSIS, r"\u2026|\.{2,}", _always("\u2026")),
        fold(Cause.CASE, r"[^\W\d_]", str.casefold),
        fold(Cause.LOOK_ALIKE, r"[^\x00-\x7f\s]", _plain_letters),
        fold(Cause.PUNCTUATION, f"[{_PUNCTUATION}]+", _nothing),
    )


def cause_of(wanted: str, seen: str) -> Cause:
    """Return the first folding that makes two texts equal, alone or after all before it, if it says what differs."""
    if "\n" in wanted + seen and not (wanted + seen).strip():
        return Cause.NEWLINE
    # "Rs. " against "Rs." is a space to a person, though the rupee sign would explain it too.
    for fold in sorted(folds(), key=lambda each: each.cause is not Cause.SPACE):
        if fold.equal(wanted, seen):
            return fold.cause
    return _joint_cause(wanted, seen)


def _joint_cause(wanted: str, seen: str) -> Cause:
    lettered = any(map(str.isalnum, wanted + seen))
    decoded: Cause | None = None
    for fold in folds():
        plain = fold.text(seen)
        if plain != seen and fold.cause in {Cause.HTML_ENTITY, Cause.DOUBLE_ENCODING}:
            decoded = fold.cause
        wanted, seen = fold.text(wanted), plain
        if wanted == seen:
            if decoded and fold.cause in {Cause.SPACE, Cause.NEWLINE}:  # <br> in the place of a space
                return decoded
            return Cause.WORDING if lettered and fold.cause is Cause.PUNCTUATION else fold.cause
    return Cause.WORDING
