"""Key and token taken out of what a server repeats, however it spells them."""

import base64
import re
from collections.abc import Iterator, Sequence
from functools import cache

MASK = "********"

_SHORTEST = 4
"""A text shorter than this is a part of too many words to be taken out of answers."""

_SHORTEST_IN_DIGITS = 8
"""The hexadecimal digits of a shorter text may be a part of somebody's Sid."""

_DEEPEST = 5
"""Escapes within escapes that are resolved."""

_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


class Redactor:
    """Knows the credentials of one account, and how they may come back."""

    def __init__(self, key: str, token: str) -> None:
        plain = [secret for secret in (key, token, f"{key}:{token}") if len(secret) >= _SHORTEST]
        encoded = [spelled for secret in plain for spelled in _encodings(secret.encode())]
        self._secrets = sorted({*plain, *encoded}, key=len, reverse=True)

    def redact(self, text: str) -> str:
        """Return the text with a mask wherever key or token stand in it, also escaped and more than once so."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return self._redact_escaped(text) if any(mark in text for mark in "%&\\") else text

    def _redact_escaped(self, text: str) -> str:
        plain, starts = _unescaped(text)
        parts: list[str] = []
        done = 0
        for start, end in sorted(self._places(plain)):
            if starts[end] > done:
                parts += text[done : max(done, starts[start])], MASK
                done = starts[end]
        return "".join((*parts, text[done:]))

    def _places(self, plain: str) -> set[tuple[int, int]]:
        places = set()
        for secret in {_unescaped(secret)[0] for secret in self._secrets}:
            start = plain.find(secret)
            while start >= 0:
                places.add((start, start + len(secret)))
                start = plain.find(secret, start + 1)
        return places


def _encodings(text: bytes) -> Iterator[str]:
    """Yield Base64, which may lack its padding, and hexadecimal digits."""
    yield base64.b64encode(text).decode().rstrip("=")
    yield base64.urlsafe_b64encode(text).decode().rstrip("=")
    if len(text) >= _SHORTEST_IN_DIGITS:
        yield text.hex()
        yield text.hex().upper()


@cache
def _escapes() -> re.Pattern[str]:
    """Return what stands for one ASCII character in a URL, in HTML and XML, or in a string of JSON and its kin."""
    return re.compile(
        r"%([0-7][0-9A-Fa-f])"
        r"|&(?:#0*([0-9]{2,3})|#[xX]0*([0-7][0-9A-Fa-f])|(amp|lt|gt|quot|apos));"
        r"|\\(?:(?:u00|x)([0-7][0-9A-Fa-f])|([^\w\s]))"
    )


def _unescaped(text: str) -> tuple[str, Sequence[int]]:
    """Return a text with its escapes resolved until there are none, and where each character begins; then the end."""
    starts: Sequence[int] = range(len(text) + 1)
    for _ in range(_DEEPEST):
        plain, inner = _unescaped_once(text)
        if plain == text:
            break
        text, starts = plain, [starts[start] for start in inner]
    return text, starts


def _unescaped_once(text: str) -> tuple[str, list[int]]:
    characters: list[str] = []
    starts: list[int] = []
    done = 0
    for found in _escapes().finditer(text):
        characters += text[done : found.start()]
        starts += range(done, found.start())
        percent, decimal, hexadecimal, name, code, sign = found.groups()
        number = percent or hexadecimal or code
        characters.append(sign or _NAMED.get(name) or chr(int(number, 16) if number else int(decimal)))
        starts.append(found.start())
        done = found.end()
    characters += text[done:]
    starts += range(done, len(text) + 1)
    return "".join(characters), starts
