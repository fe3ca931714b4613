"""Words that fit a number, and sentences that say the same."""

import re

_OWN = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\d+"""


def counted(count: int, noun: str) -> str:
    """Return a number with its noun in the right form."""
    return f"{count} {noun}{'s'[: count != 1]}"


def alike(sentence: str) -> str:
    """Return what a sentence about one value has in common with those about others: no numbers, nothing quoted."""
    return re.sub(_OWN, "…", sentence)  # compiled when it is needed, which most commands never do
