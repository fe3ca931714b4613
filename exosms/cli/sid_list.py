"""A list of Sids as people have it: a file, or standard input."""

import sys
from collections.abc import Sequence
from pathlib import Path

from exosms.errors import InputError
from exosms.system.files import unreadable

_MOST = 10_000_000
"""Bytes: 300,000 Sids, about which Exotel could be asked in a day."""


def words_of(source: str, *, remedy: str) -> Sequence[str]:
    """Return the words of a file, or of standard input for ``-``, without quotes and commas around them.

    What is no UTF-8 is no Sid, and is shown as such. Raises InputError for what cannot be read, or is too long.
    """
    name = "Standard input" if source == "-" else source
    try:
        if source == "-":
            raw = sys.stdin.buffer.read(_MOST + 1)
        else:
            with Path(source).open("rb") as file:
                raw = file.read(_MOST + 1)
    except OSError as error:
        raise unreadable(name, error) from error
    if len(raw) > _MOST:
        raise InputError(f"{name} is over {_MOST // 1_000_000} MB, so it is no list of Sids", remedy=remedy)
    return [word.strip("'\",;") for word in raw.decode("utf-8-sig", "replace").split()]
