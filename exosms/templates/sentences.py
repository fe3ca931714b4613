"""Where a sentence ends."""

import re

ABBREVIATIONS = frozenset(
    {"rs", "dr", "mr", "ms", "st", "no", "co", "jr", "sr", "rd", "mrs", "ltd", "pvt", "smt", "shri"}
)
"""Words whose full stop ends no sentence."""
SENTENCE_END = re.compile(
    "".join(rf"(?<!\b(?i:{word}))" for word in sorted(ABBREVIATIONS)) + r"[.!?\u0964]+(?=\s)|\n+"
)
_MONTHS = frozenset({"jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"})


def is_abbreviation(word: str) -> bool:
    """Whether a full stop behind it may be its own: it is an initial, a month, or one of those above."""
    return (len(word) == 1 and word.isupper()) or word.casefold() in ABBREVIATIONS | _MONTHS
