"""What can go wrong, and with which exit code it ends.

- ExosmsError
  - UsageError          2  the command line does not make sense
  - InputError          3  a number, body, template or file was refused here; nothing was sent
  - ConfigError         4  configuration, credentials or the ledger
  - GuardError          5  a guard refused; a person decides
  - BugError            1  nobody foresaw it; ``in_our_words`` makes one of whatever is none of ours
- Interrupted         128 + signal; not an ``Exception``, so that nothing on the way up swallows it

Errors of an attempt to send are no exceptions: they are receipts (see ``message``).
"""

import signal
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import ClassVar

from exosms.starvation import lacking


class ExitCode(IntEnum):
    """The exit codes that scripts rely on."""

    OK = 0
    BUG = 1
    USAGE = 2
    INPUT = 3
    CONFIG = 4
    GUARD = 5
    REFUSED = 6
    UNAVAILABLE = 7
    PENDING = 8
    UNKNOWN = 9
    PARTIAL = 10
    RATE_LIMITED = 11
    FAILED = 12


class ExosmsError(Exception):
    """An error with a sentence that names the offending value, and the next step as its remedy."""

    exit_code: ClassVar[ExitCode]
    kind: ClassVar[str]

    def __init__(self, message: str, *, remedy: str = "", again_with: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.again_with = again_with
        """Options with which the same command does what the remedy says last."""

    def about(self, _recipient: str) -> "ExosmsError":
        """Return what this error means for one recipient's message."""
        return self


class UsageError(ExosmsError):
    """The arguments do not fit together."""

    exit_code = ExitCode.USAGE
    kind = "usage"


class InputError(ExosmsError):
    """A number, a body, a template or a file was refused before anything was sent."""

    exit_code = ExitCode.INPUT
    kind = "rejected"


class EachError(ExosmsError):
    """Some recipients were refused, by the error of each; the others wait for them to be mended."""

    def __init__(self, refused: Mapping[str, ExosmsError]) -> None:
        first = next(iter(refused.values()))
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        super().__init__(first.message + more, remedy=first.remedy)
        self._refused = refused

    def about(self, recipient: str) -> ExosmsError:
        """Return the recipient's own error, or that it was kept back because of another's."""
        kept_back = KeptBackError("Not sent, because another recipient was refused", remedy=self.remedy)
        return self._refused.get(recipient, kept_back)


class RecipientsError(EachError, InputError):
    """Some recipients are no numbers that can be texted."""


class KeptBackError(ExosmsError):
    """Nothing is wrong with this message: it waits for others, and is then safe to send."""

    exit_code = ExitCode.GUARD
    kind = "guard"


class ConfigError(ExosmsError):
    """Configuration, credentials or the ledger cannot be used."""

    exit_code = ExitCode.CONFIG
    kind = "config"


class GuardError(ExosmsError):
    """A guard refused: quiet hours, limits, the allow list, something sent before."""

    exit_code = ExitCode.GUARD
    kind = "guard"


class GuardedError(EachError, GuardError):
    """A guard refused some recipients and has nothing against the others."""


class BugError(ExosmsError):
    """Something that nobody foresaw."""

    exit_code = ExitCode.BUG
    kind = "bug"


def in_our_words(error: Exception) -> ExosmsError:
    """Return an error of ours as it is; of any other what this process lacks, or where a bug showed.

    Its message is left out, which may quote a secret. Nothing is imported for it: that may be what failed. No remedy
    says to run the command again: a message may have been sent by then.
    """
    if isinstance(error, ExosmsError):
        return error
    if lack := lacking(error):
        said, remedy = lack
        return ConfigError(said, remedy=remedy)
    if part := _missing_part(error):
        return ConfigError(
            f"exosms cannot go on: its part {part} is gone",
            remedy="Wait if another version is just being installed; else install exosms again.",
        )
    place, step = "", error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if not place or "exosms" in code.co_filename:
            place = f"{code.co_name}, {_name(code.co_filename)}:{step.tb_lineno}"
        step = step.tb_next
    return BugError(
        f"a bug in exosms: {type(error).__name__} in {place}",
        remedy="Please report it, with the command that you ran.",
    )


def _missing_part(error: Exception) -> str | None:
    """Return what was to be imported and is not there any more, as while another version takes our place."""
    if isinstance(error, ModuleNotFoundError):
        return error.name
    file = str(error.filename) if isinstance(error, OSError) else ""
    return _name(file) if file.endswith((".py", ".pyc")) else None


def _name(file: str) -> str:
    return file.rpartition("/")[2]


class Interrupted(BaseException):
    """A signal asked us to stop while something was left to do."""

    kind = "interrupted"

    def __init__(self, signum: int, *, remedy: str = "") -> None:
        super().__init__(signum)
        self.signum = signum
        self.remedy = remedy

    @property
    def exit_code(self) -> int:
        """128 + signal, as shells count."""
        return 128 + self.signum

    @property
    def message(self) -> str:
        """What the signal did, as errors say it."""
        return f"interrupted by {self.name}"

    @property
    def name(self) -> str:
        """The signal's name, such as ``SIGINT``."""
        return signal.Signals(self.signum).name
