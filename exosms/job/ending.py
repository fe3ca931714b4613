"""How a command ended, and the words for it in a text."""

import os
import re
import signal
from collections.abc import Mapping
from enum import StrEnum
from pathlib import PurePath
from typing import NamedTuple

_PLACEHOLDER = re.compile(r"(?<!\{)\{(job|host|status|code|duration)\}(?!\})")
"""Not within two braces, which is another notation: whoever checks the text refuses them."""

DEFAULT_TEXT = "{job} on {host}: {status} after {duration}"


class On(StrEnum):
    """Which endings are worth a text."""

    FAILURE = "failure"
    SUCCESS = "success"
    ALWAYS = "always"


class Ending(NamedTuple):
    """How a command ended."""

    code: int
    """As a shell has it: 128 and the number of the signal that ended it, 126 or 127 if it could not be started."""
    status: str
    """In words, such as ``exit code 3``."""
    seconds: float = 0.0
    has_started: bool = True

    def is_wanted(self, on: On, *, longer_than: float) -> bool:
        """Whether somebody wants to hear of it; ``longer_than`` in seconds."""
        matches = on is On.ALWAYS or (on is On.SUCCESS) == (self.code == 0)
        return matches and self.seconds >= longer_than

    def words(self, job: str) -> Mapping[str, str]:
        """Return what each placeholder of a text stands for."""
        return {
            "job": job,
            "host": os.uname().nodename,
            "status": self.status,
            "code": str(self.code),
            "duration": _duration(self.seconds),
        }


def ended(wait_status: int, seconds: float) -> Ending:
    """Return the ending that a wait status (POSIX, ``waitpid``) tells of."""
    code = os.waitstatus_to_exitcode(wait_status)
    if code < 0:
        return Ending(128 - code, f"killed by {_signal_name(-code)}", seconds)
    return Ending(code, f"exit code {code}" if code else "succeeded", seconds)


def sample(on: On) -> Ending:
    """Return the ending with which a text is tried: exit code 1, unless only success is told."""
    return Ending(0, "succeeded") if on is On.SUCCESS else Ending(1, "exit code 1")


def name_of(program: str) -> str:
    """Return the file name of a program as text, whatever its bytes."""
    return os.fsencode(PurePath(program).name or program).decode("utf-8", "replace")


def filled(text: str, words: Mapping[str, str]) -> str:
    """Return a text with its placeholders replaced, each once: what comes in their place may look like one."""
    return _PLACEHOLDER.sub(lambda match: words[match[1]], text)


def _signal_name(signum: int) -> str:
    try:
        return signal.Signals(signum).name
    except ValueError:  # a real-time signal
        return f"signal {signum}"


def _duration(seconds: float) -> str:
    """Return a duration in its two largest units, such as ``1 h 5 min``."""
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    left = int(seconds)
    place = next((place for place, (_, size) in enumerate(units) if left >= size), len(units) - 1)
    parts: list[str] = []
    for unit, size in units[place : place + 2]:
        count, left = divmod(left, size)
        if count or not parts:
            parts.append(f"{count} {unit}")
    return " ".join(parts)
