"""Words that fit a number, and sentences that say the same."""

import re
from collections.abc import Sequence

_OWN = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\d+"""


def counted(count: int, noun: str) -> str:
    """Return a number with its noun in the right form."""
    return f"{count} {noun}{'s'[: count != 1]}"


def some(words: Sequence[str], most: int) -> str:
    """Return the first so many words in a row, and how many more there are."""
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more} more" if more > 0 else "")


def alike(sentence: str) -> str:
    """Return what a sentence about one value has in common with those about others: no numbers, nothing quoted."""
    return re.sub(_OWN, "…", sentence)  # compiled when it is needed, which most commands never do
