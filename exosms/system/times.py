"""Moments as people and programs read them, and the clock of India, by which limits and hours count."""

import time

INDIA = 5.5 * 3600
"""Seconds by which India is ahead of UTC, the whole year."""

_DAY = 86400


def local(moment: float) -> str:
    """Return seconds since the epoch as ISO 8601 in the local zone; empty for what is no moment of any calendar."""
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(moment, UTC).astimezone().isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):  # a ledger that somebody, or a broken disk, wrote into
        return ""


def for_people(moment: float | str | None) -> str:
    """Return seconds since the epoch, or ISO 8601, as people of this place read it; empty for no moment."""
    if isinstance(moment, str):
        from datetime import datetime

        moment = datetime.fromisoformat(moment).timestamp()
    return "" if moment is None else local(moment)[:19].replace("T", " ")


def in_india(moment: float) -> time.struct_time:
    """Return what the clocks in India show."""
    return time.gmtime(moment + INDIA)


def day_in_india(moment: float) -> int:
    """Return the number of the day in India."""
    return int((moment + INDIA) // _DAY)


def midnight_in_india(moment: float) -> float:
    """Return the moment at which that day in India began."""
    return day_in_india(moment) * _DAY - INDIA
