"""Rate and back-off as arithmetic; the clock and the chance are arguments."""

import re
from typing import NamedTuple

LONGEST_PAUSE = 300.0
"""Seconds to which a ``Retry-After`` is clamped."""

MOST_RETRIES = 5
"""Retries of one message, after its first attempt."""

_SLACK = 0.99
"""Requests evenly spaced at exactly 200 a minute put 201 starts into a closed minute, so we keep 1 % below."""

_RATE = re.compile(r"(\d{1,6})\s*/\s*(?:min|minute|m)", re.ASCII)


class Rate(NamedTuple):
    """Requests a minute; 0 is no limit at all."""

    per_minute: int

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """Read ``200/min`` or ``off``; raises ValueError with a sentence."""
        if text.strip().lower() == "off":
            return cls(0)
        match = _RATE.fullmatch(text.strip().lower())
        if not match or not int(match[1]):
            raise ValueError(f"{text!r} is not a valid rate: write N/min, such as 200/min, or off")
        return cls(int(match[1]))

    def __str__(self) -> str:
        return f"{self.per_minute}/min" if self.per_minute else "off"

    @property
    def interval(self) -> float:
        """Seconds between the starts of two requests."""
        return 60 / (self.per_minute * _SLACK) if self.per_minute else 0.0


def back_off(retry: int, *, chance: float) -> float:
    """Return the seconds to wait before retry number ``retry`` (from 0), with full jitter: ``chance`` in 0…1."""
    return chance * min(60.0, 2.0**retry)


def pause_of(asked: float | None, retry: int, *, chance: float) -> float:
    """Return the seconds that Exotel asked us to pause, or those of a back-off where it did not say how long."""
    return back_off(retry, chance=chance) if asked is None else asked


def retry_after(value: str | None, *, date: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header (RFC 9110 §10.2.3), clamped to 0–300; None if unreadable.

    A date counts from the answer's own ``Date``, since our clock may be wrong; without one it is not read.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_PAUSE)
    moment, answered = _http_date(value), _http_date(date)
    if moment is None or answered is None:
        return None
    return min(max(moment - answered, 0.0), LONGEST_PAUSE)


def _http_date(text: str | None) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text or "").timestamp()
    except (ValueError, OverflowError, OSError):  # the last two: years that this system cannot count
        return None
