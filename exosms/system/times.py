"""Moments as people and programs read them."""

from datetime import UTC, datetime


def local(moment: float) -> str:
    """Return seconds since the epoch as ISO 8601 in the local zone; empty for what is no moment of any calendar."""
    try:
        return datetime.fromtimestamp(moment, UTC).astimezone().isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):  # a ledger that somebody, or a broken disk, wrote into
        return ""
