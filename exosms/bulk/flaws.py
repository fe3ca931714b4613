"""What is wrong with the rows of a file: the same problem in many of them is one."""

from collections.abc import Sequence
from typing import NamedTuple

from exosms.bulk.table import RowError
from exosms.system.wording import alike

MOST_FLAWS = 1000
"""Flaws that are kept one by one, and problems that are told apart; the others are counted."""

_FIRST_LINES = 5


class Flaw(NamedTuple):
    """One problem and the rows that have it."""

    example: RowError
    """That of the first of them."""
    rows: int
    lines: Sequence[int]
    """Those of the first rows."""


class Flaws:
    """Collects what is wrong with rows, in memory that does not grow with them."""

    def __init__(self) -> None:
        self.first: list[RowError] = []
        """The first ones, one by one."""
        self.rows = 0
        """Rows with a flaw."""
        self._alike: dict[tuple[str | None, str], Flaw] = {}

    def add(self, row_errors: Sequence[RowError]) -> None:
        """Take everything that is wrong with one row."""
        self.rows += 1
        self.first += row_errors[: max(0, MOST_FLAWS - len(self.first))]
        of_row: dict[tuple[str | None, str], RowError] = {}
        for row_error in row_errors:
            of_row.setdefault((row_error.column, alike(row_error.message)), row_error)
        for key, row_error in of_row.items():
            known = self._alike.get(key)
            if known is not None:
                lines = [*known.lines, row_error.line][:_FIRST_LINES]
                self._alike[key] = Flaw(known.example, known.rows + 1, lines)
            elif len(self._alike) < MOST_FLAWS:
                self._alike[key] = Flaw(row_error, 1, [row_error.line])

    def told(self) -> Sequence[Flaw]:
        """Return the problems, that of most rows first."""
        return sorted(self._alike.values(), key=lambda flaw: (-flaw.rows, flaw.lines[0]))


def flaw_of(row_errors: Sequence[RowError], *, rows: int) -> Flaw:
    """Return one problem of so many rows, of which these are the first."""
    return Flaw(row_errors[0], rows, [row_error.line for row_error in row_errors[:_FIRST_LINES]])
