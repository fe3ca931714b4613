"""What a person does about messages that may have been sent: export Exotel's report, and let it be compared."""

import time
from collections.abc import Mapping, Sequence

from exosms.config.account import is_of_sandbox
from exosms.system.escaping import for_shell
from exosms.system.times import in_india

_AROUND = 15 * 60
"""Seconds before and after an attempt in which Exotel may say that it got the message."""


def how_to_find_out(
    which: Sequence[str],
    *,
    account: str,
    profile: str | None = None,
    flags: Mapping[str, str] | None = None,
    window: tuple[float, float] | None = None,
) -> str:
    """Return what to export, and the command that compares it; ``window`` is when messages were sent, if few were.

    ``flags``: what the command line says about the account, and a run does not remember.
    """
    place = dict(flags or {})
    if is_of_sandbox(account) and "-p" not in place:
        place["--region"] = "sandbox"
    elif profile:
        place.setdefault("-p", profile)
    words = [word for flag in place.items() for word in flag]
    command = for_shell("exosms", "runs", "reconcile", *which, *words)
    when = f", for {_shown(*window)}" if window else ""
    report = f"Export the SMS Detailed Report (Type: All) from Exotel's dashboard{when}"
    return f"{report}, then run `{command} --report FILE`."


def _shown(since: float, until: float) -> str:
    begin, end = in_india(since - _AROUND), in_india(until + _AROUND)
    day = "" if begin.tm_yday == end.tm_yday else "%Y-%m-%d "
    return f"{time.strftime('%Y-%m-%d %H:%M', begin)} to {time.strftime(f'{day}%H:%M', end)}, Indian time"
