"""TOML as its specification bounds it."""

from collections.abc import Iterable, Mapping
from typing import Any

_INTEGERS = range(-(1 << 63), 1 << 63)
"""Those of TOML (v1.0.0, Integer). Python reads longer ones from hexadecimal digits, and cannot print them."""


def loads(content: bytes) -> dict[str, Any]:
    """Return a document; raises ValueError (tomllib's own, or for an integer beyond 64 bits) and RecursionError."""
    import tomllib

    document = tomllib.loads(content.decode("utf-8-sig"))
    _check_integers(document.values())
    return document


def _check_integers(values: Iterable[object]) -> None:
    for value in values:
        if isinstance(value, Mapping):
            _check_integers(value.values())
        elif isinstance(value, list):
            _check_integers(value)
        elif isinstance(value, int) and value not in _INTEGERS:
            raise ValueError("it contains an integer of more than 64 bits")
