"""A Sid that somebody lists, in a report or in Exotel's list of messages, and what narrows down whose it may be.

What is beside a Sid is a guess and proves nothing. It may only save a question that would be answered with no: so a
number is compared by its last digits, however it is written, and a day with a margin.
"""

import re
from functools import lru_cache
from typing import NamedTuple

SID = re.compile(r"[!-~]{1,200}")
"""What can be a Sid: Exotel's have 32 hexadecimal digits, which nobody promised."""

_DIGITS = 8
_BEFORE, _AFTER = 2 * 86400.0, 5 * 86400.0
"""Seconds by which a date may be off: zones, days written the other way round, the day of the delivery."""

_DATE = re.compile(r"(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})(?:\D.*)?", re.ASCII | re.DOTALL)
_DAMAGED = re.compile(r"[^\d\s+'\"()-]")


class Listed(NamedTuple):
    """A Sid, and what is said beside it."""

    sid: str
    tail: str | None = None
    """The last digits of the recipient's number; None where it cannot be read."""
    days: tuple[float, ...] = ()
    """The days that its date may mean, in seconds since the epoch; none where it cannot be read."""

    def may_be_from(self, since: float, until: float) -> bool:
        """Whether the message may have been sent between these moments."""
        return not self.days or any(since - _BEFORE <= day <= until + _AFTER for day in self.days)


def is_damaged(number: str) -> bool:
    """Whether there is more in a number than its digits and what people put between them, as in a masked one."""
    return _DAMAGED.search(number) is not None


def tail_of(number: str) -> str | None:
    """Return the last digits of a number, however it is written; None for what is none, or not all of one."""
    if is_damaged(number):
        return None
    digits = "".join(filter(str.isdecimal, number))
    return digits[-_DIGITS:] if len(digits) >= _DIGITS else None


@lru_cache(1000)  # a report has few
def days_of(date: str) -> tuple[float, ...]:
    """Return every day that a date may mean: ``2026-11-23``, ``23/11/26`` and ``11/23/26``."""
    match = _DATE.match(date.strip().lstrip("'"))
    if not match:
        return ()
    first, second, third = map(int, match.groups())
    readings = {(first, second, third), (third, second, first), (third, first, second)}
    return tuple({moment for reading in readings if (moment := _midnight(*reading)) is not None})


def _midnight(year: int, month: int, day: int) -> float | None:
    from datetime import UTC, datetime

    try:
        moment = datetime(year + 2000 if year < 100 else year, month, day, tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp() if moment.year > 2000 else None
