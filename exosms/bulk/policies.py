"""What a person decides about a file: which rows may repeat others, and how many may fail."""

from enum import StrEnum
from typing import NamedTuple


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


class MostFailures(NamedTuple):
    """``--max-failures``: a number of rows, or a share of the file's."""

    number: int
    is_percent: bool

    def of(self, rows: int) -> int:
        """Return the number of failed rows at which a run of that many stops."""
        return max(1, -(-rows * self.number // 100) if self.is_percent else self.number)
