"""What is known of one status or code."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from exosms.errors import ExitCode
from exosms.sms.message import Outcome, Retry, Then


class Family(StrEnum):
    """Who speaks the code: the HTTP answer, Exotel's error, Exotel's delivery report, or the operator."""

    HTTP = "http"
    EXOTEL = "exotel"
    DELIVERY = "delivery"
    OPERATOR = "operator"


class Who(StrEnum):
    """Who has to act before the message can go through."""

    YOU = "you"
    DLT_PORTAL = "DLT portal"
    EXOTEL = "Exotel"
    OPERATOR = "operator"
    RECIPIENT = "recipient"
    NOBODY = "nobody"


class Charged(StrEnum):
    """Whether the message may cost money; Exotel's published pages settle only the one case."""

    NO = "no"
    MAYBE = "maybe"

    @property
    def reason(self) -> str:
        """Why, in one sentence."""
        if self is Charged.NO:
            return "No message was created, so there is nothing to charge."
        return "Exotel may charge for it; check the account's statement."


class CodeEntry(NamedTuple):
    """One status or code, or a range of them, and what a person can do about it."""

    family: Family
    name: str
    outcome: Outcome | None
    """What becomes of a message whose sending, or whose delivery report, is answered so; None: undecided."""
    meaning: str
    who: Who
    remedy: str
    code: int = 0
    """The key of the entry in its table."""
    last: int | None = None
    """The last code of a range that begins at ``code``; None for a single code."""
    causes: tuple[str, ...] = ()
    """Possible causes, the likelier first; empty where the code itself proves the cause."""
    temporary: bool = False
    """An accepted message failed for a reason that may pass: the same text may get through later."""
    http_status: int | None = None
    """The HTTP status that carries an Exotel error code."""
    exit_code: ExitCode = ExitCode.UNKNOWN
    """With which a command ends whose request is answered so; of a delivery ``outcome`` says everything."""
    then: Then = Then.GO_ON
    """What such an answer means for the next request."""

    @property
    def retry(self) -> Retry:
        """Whether to send again.

        ``safe`` only where the message certainly was not taken. A message that was accepted and then failed
        for a passing reason is for a person to ``decide``, since the second one is a new message that may be
        charged again, and a program that repeats whatever is ``safe`` must not ring a dead phone all night.
        """
        if self.outcome is Outcome.NOT_SENT:
            return Retry.SAFE
        if self.outcome is Outcome.UNKNOWN or self.temporary:
            return Retry.DECIDE
        return Retry.NO

    @property
    def charged(self) -> Charged:
        """``no`` where no message came into being; a failed one went to the operator and may be charged."""
        return Charged.NO if self.outcome in {Outcome.REJECTED, Outcome.NOT_SENT} else Charged.MAYBE

    @property
    def label(self) -> str:
        """The code as a table shows it: ``403``, ``4xx`` or ``600–604``."""
        if self.last is None:
            return str(self.code)
        places = len(str(self.last)) - len(str(self.last).rstrip("9"))
        if self.code % 10**places == 0 and self.last - self.code == 10**places - 1:
            return str(self.code)[:-places] + "x" * places
        return f"{self.code}–{self.last}"

    def covers(self, code: int) -> bool:
        """Whether ``code`` is this code or lies in this range."""
        return self.code <= code <= (self.code if self.last is None else self.last)


Codes = Mapping[int | tuple[int, int], CodeEntry]
"""What is known of codes and, behind these, of ranges of them, by the code or by the first and the last one."""


def table(entries: Codes) -> tuple[CodeEntry, ...]:
    """Return the entries in their order, each with its code or range."""
    return tuple(
        entry._replace(code=key) if isinstance(key, int) else entry._replace(code=key[0], last=key[1])
        for key, entry in entries.items()
    )
