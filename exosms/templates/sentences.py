"""Where a sentence ends."""

import re

ABBREVIATIONS = frozenset(
    {"rs", "dr", "mr", "ms", "st", "no", "co", "jr", "sr", "rd", "mrs", "ltd", "pvt", "smt", "shri"}
)
"""Words whose full stop ends no sentence."""
SENTENCE_END = re.compile(
    "".join(rf"(?<!\b(?i:{word}))" for word in sorted(ABBREVIATIONS)) + r"[.!?\u0964]+(?=\s)|\n+"
)
