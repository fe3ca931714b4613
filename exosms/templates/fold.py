"""Texts with one kind of difference taken out, each character remembering where it came from."""

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


class Mapped(NamedTuple):
    """A text of which each character knows the span it came from in an original."""

    text: str
    spans: tuple[tuple[int, int], ...]
    original: str

    @classmethod
    def of(cls, text: str) -> "Mapped":
        """Return a text that is its own original."""
        return cls(text, tuple((offset, offset + 1) for offset in range(len(text))), text)

    def part(self, start: int, end: int) -> "Mapped":
        """Return a part of the text; its spans stay those of the whole original."""
        return Mapped(self.text[start:end], self.spans[start:end], self.original)


class Fold(NamedTuple):
    """One kind of difference: two texts that differ only in it are equal once folded."""

    cause: Cause
    pattern: re.Pattern[str]
    replace: Callable[[str], str]

    def apply(self, mapped: Mapped) -> Mapped:
        """Return the text without the difference."""
        pieces: list[str] = []
        spans: list[tuple[int, int]] = []
        done = 0
        for found in self.pattern.finditer(mapped.text):
            start, end = found.span()
            piece = self.replace(found[0])
            whole = (mapped.spans[start][0], mapped.spans[end - 1][1])
            pieces += mapped.text[done:start], piece
            spans += mapped.spans[done:start]
            spans += [whole] * len(piece)
            done = end
        if not pieces:
            return mapped
        return Mapped("".join(pieces) + mapped.text[done:], (*spans, *mapped.spans[done:]), mapped.original)

    def equal(self, one: str, other: str) -> bool:
        """Whether two texts differ in nothing else."""
        return self.text(one) == self.text(other)

    def text(self, text: str) -> str:
        """Return the folded text alone."""
        return self.pattern.sub(lambda found: self.replace(found[0]), text)


_SPACES = " \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_INVISIBLE = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
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
        fold(Cause.ZERO_WIDTH, f"[{_INVISIBLE}]+", _nothing),
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
