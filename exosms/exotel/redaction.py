"""Secrets taken out of what a server or a proxy repeats, however it spells them."""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence

MASK = "********"

_SHORTEST = 4
"""A text shorter than this is a part of too many words to be taken out of answers."""

_SHORTEST_IN_NAMES = 8
"""A shorter text, or its hexadecimal digits, may be a part of somebody's Sid, of a number or of a status."""

_DEEPEST = 5
"""Escapes within escapes that are resolved."""


def of_user(name: str, password: str) -> tuple[str, ...]:
    """Return what is secret of somebody who signs in by HTTP Basic."""
    return name, password, f"{name}:{password}"


class Redactor:
    """Knows secrets, and how they may come back."""

    def __init__(self, secrets: Iterable[str]) -> None:
        plain = [secret for secret in secrets if len(secret) >= _SHORTEST]
        self._secrets = _spelled(plain)
        self._long = _spelled([secret for secret in plain if len(secret) >= _SHORTEST_IN_NAMES])

    def redact(self, text: str, *, is_name: bool = False) -> str:
        """Return the text with a mask wherever a secret stands in it, or only a mask where it does so escaped.

        In a name, which is a Sid, a number or a status, only what is too long to stand there by chance counts.
        """
        secrets = self._long if is_name else self._secrets
        for secret in secrets:
            text = text.replace(secret, MASK)
        if any(mark in text for mark in "%&\\"):
            plain = _unescaped(text)
            if any(_unescaped(secret) in plain for secret in secrets):
                return MASK
        return text


def _spelled(plain: Sequence[str]) -> Sequence[str]:
    """Return texts and their encodings, the longest first."""
    encoded = [spelled for secret in plain for spelled in _encodings(secret.encode(errors="surrogateescape"))]
    return sorted({*plain, *encoded}, key=len, reverse=True)


def _encodings(text: bytes) -> Iterator[str]:
    """Yield Base64, which may lack its padding, and hexadecimal digits."""
    yield base64.b64encode(text).decode().rstrip("=")
    yield base64.urlsafe_b64encode(text).decode().rstrip("=")
    if len(text) >= _SHORTEST_IN_NAMES:
        yield text.hex()
        yield text.hex().upper()


def _unescaped(text: str) -> str:
    """Resolve the escapes of URLs, of HTML and XML, and of strings of JSON and its kin, until there are none."""
    from html import unescape
    from urllib.parse import unquote

    for _ in range(_DEEPEST):
        plain = re.sub(r"\\(?:(?:u00|x)([0-7][0-9A-Fa-f])|([^\w\s]))", _unescaped_character, unescape(unquote(text)))
        if plain == text:
            break
        text = plain
    return text


def _unescaped_character(found: re.Match[str]) -> str:
    code, sign = found.groups()
    return sign or chr(int(code, 16))
