"""A list of Sids as people have it: a file, or standard input."""

from collections.abc import Sequence

from exosms.cli.body_text import read_bytes

_MOST = 10_000_000
"""Bytes: 300,000 Sids, about which Exotel could be asked in a day."""


def words_of(source: str, *, remedy: str) -> Sequence[str]:
    """Return the words of a file, or of standard input for ``-``, without quotes and commas around them.

    What is no UTF-8 is no Sid, and is shown as such. Raises InputError for what cannot be read, or is too long.
    """
    name = "Standard input" if source == "-" else source
    raw = read_bytes(source, name, most=_MOST, remedy=remedy)
    return [word.strip("'\",;") for word in raw.decode("utf-8-sig", "replace").split()]
