"""What a person decides about the rows of a file that repeat others."""

from enum import StrEnum


class Duplicates(StrEnum):
    """What to do with a row that repeats recipient, text and sender of an earlier one."""

    REFUSE = "refuse"
    FIRST = "first"
    ALL = "all"


class SentBefore(StrEnum):
    """What to do with a row that an earlier run sent, or may have sent."""

    REFUSE = "refuse"
    SKIP = "skip"
    SEND = "send"
