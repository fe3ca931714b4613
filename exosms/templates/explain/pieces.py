"""A template and a body as pieces: words, spaces, signs and variables."""

import re
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from exosms.templates.fold import INVISIBLE, Cause, folds
from exosms.templates.syntax import Template, Variable

_LETTER = rf"[^\W_]|[\u0300-\u036f\u0900-\u0963\u0970-\u0dff{INVISIBLE}]"
_PIECE = re.compile(
    r"\{\{[^{}]*\}\}|\$?\{[^{}]*\}|%[sd](?!\w)"
    r"|&(?:#?\w{1,31});|<[bB][rR]\s*/?>|(?:%[0-9A-Fa-f]{2})+|\\r\\n|\\[nr]"
    r"|(?:[\u20b9\u20a8]|(?<![A-Za-z])(?:[Rr][Ss]\.?|INR)(?![A-Za-z]))\s*(?=[\d{%]|\Z)"
    rf"|\s+|(?:{_LETTER})+(?:['’`](?:{_LETTER})+)*|\.{{2,}}|[-–—]{{2,3}}"
    r"|[^\w\s](?:\u200d[^\w\s]|[\ufe0f\U0001f3fb-\U0001f3ff])*|.",
    re.DOTALL,
)
_WITH_SLASH = re.compile(rf"(?<![\w./])[A-Za-z]{{1,5}}/[A-Za-z]{{1,5}}(?![\w/])|{_PIECE.pattern}", re.DOTALL)


class Sort(IntEnum):
    """What a piece is."""

    WORD = 0
    SPACE = 1
    SIGN = 2
    VALUE = 3
    """A variable of the template."""


class Piece(NamedTuple):
    """One piece; offsets of the folded text."""

    text: str
    key: str
    """What is left of it once everything is folded that a reader would not see."""
    sort: Sort
    start: int
    end: int
    variable: Variable | None = None


def template_pieces(template: Template, body: str) -> list[Piece]:
    """Return the pieces of a template; a word that the body has in two is cut as there."""
    joined = _joined(_WORD.findall(body))
    pieces: list[Piece] = []
    for token in template.tokens:
        if isinstance(token, Variable):
            pieces.append(Piece(token.marker, "", Sort.VALUE, token.start, token.end, token))
        else:
            pieces += _pieces(token.text, token.start, lambda word: joined.get(word.casefold(), 0))
    return pieces


def body_pieces(body: str, template: Sequence[Piece]) -> list[Piece]:
    """Return the pieces of a body; two words of the template that stand together are cut, so is one and a value.

    Two words joined by "/", as in "a/c", are one where the template has no such sign.
    """
    fixed = [piece.text for piece in template if piece.sort is Sort.WORD]
    joined = _joined(fixed)
    known = {word.casefold() for word in fixed}
    slashes = any("/" in piece.text for piece in template)
    beside = re.compile("|".join(_beside_values(template)) or r"(?!)", re.DOTALL)

    def cut(word: str) -> int:
        found = None if word.casefold() in known else beside.match(word)
        return joined.get(word.casefold(), found.end() if found else 0)

    return _pieces(body, 0, cut, _PIECE if slashes else _WITH_SLASH)


def _beside_values(template: Sequence[Piece]) -> Iterator[str]:
    """Yield patterns of what stands before a cut between a fixed word and a value."""
    for one, other in pairwise(piece for piece in template if piece.sort is not Sort.SPACE):
        touch = one.end == other.start
        if one.sort is Sort.WORD and other.sort is Sort.VALUE:
            yield re.escape(one.text) + (r"(?=.)" if touch else _VALUE if one.text.isascii() else _VISIBLE)
        if one.sort is Sort.VALUE and other.sort is Sort.WORD:
            yield (r".+" if touch else r"\w*[A-Z\d]") + rf"(?={re.escape(other.text)}\Z)"


_VALUE = r"(?=\d|[A-Z]|www|http)"
_VISIBLE = rf"(?=[^{INVISIBLE}])"
_WORD = re.compile(rf"(?:{_LETTER})+")


def _joined(words: Sequence[str]) -> dict[str, int]:
    """Return neighbouring words written as one, and where the first one ends."""
    return {(one + other).casefold(): len(one) for one, other in pairwise(words)}


def _pieces(text: str, offset: int, cut: Callable[[str], int], pattern: re.Pattern[str] = _PIECE) -> list[Piece]:
    pieces: list[Piece] = []
    for found in pattern.finditer(text):
        word, start = found[0], offset + found.start()
        at = cut(word) if word[:1].isalnum() else 0
        parts = [word[:at], word[at:]] if 0 < at < len(word) else [word]
        for part in parts:
            key, sort = _read(part)
            pieces.append(Piece(part, key, sort, start, start + len(part)))
            start += len(part)
    return pieces


@lru_cache(4096)
def _read(text: str) -> tuple[str, Sort]:
    """Return the key of a piece, and its sort."""
    if text.isascii() and text.isalnum():
        key = "\u20b9" if text.lower() in {"rs", "inr"} else text.casefold()
        return key, Sort.WORD
    key = text
    for fold in folds():
        if fold.cause not in {Cause.SPACE, Cause.NEWLINE, Cause.PUNCTUATION}:
            key = fold.text(key)
    if key == "\u20b9":
        return key, Sort.WORD
    if not key.strip() and text != "+":
        return (" " if key else ""), Sort.SPACE if key else Sort.WORD
    return key.strip() or " ", Sort.WORD if any(map(str.isalnum, key)) else Sort.SIGN
