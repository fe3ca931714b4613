"""What a person does about messages that may have been sent: export Exotel's report, and let it be compared."""

import time
from collections.abc import Sequence

from exosms.config.account import is_of_sandbox
from exosms.system.times import in_india

_AROUND = 15 * 60
"""Seconds before and after an attempt in which Exotel may say that it got the message."""


def how_to_find_out(
    which: Sequence[str], *, account: str, profile: str | None = None, window: tuple[float, float] | None = None
) -> str:
    """Return what to export, and the command that compares it; ``window`` is when messages were sent, if few were."""
    import shlex

    place = ["-p", profile] if profile else []
    if is_of_sandbox(account):
        place = ["--region", "sandbox"]
    command = shlex.join(["exosms", "runs", "reconcile", *which, *(place if "--once" in which or not which else [])])
    when = f", for {_shown(*window)}" if window else ""
    report = f"Export the SMS Detailed Report (Type: All) from Exotel's dashboard{when}"
    return f"{report}, then run `{command} --report FILE`."


def _shown(since: float, until: float) -> str:
    begin, end = in_india(since - _AROUND), in_india(until + _AROUND)
    day = "" if begin.tm_yday == end.tm_yday else "%Y-%m-%d "
    return f"{time.strftime('%Y-%m-%d %H:%M', begin)} to {time.strftime(f'{day}%H:%M', end)}, Indian time"
