"""An account's pace: one turn after another, shared by every process that sends or asks for it."""

from collections.abc import Callable
from typing import NamedTuple

from exosms.ledger.interface import MessageLedger
from exosms.sms.rate import Rate

_WORTH_TELLING = 2.0
"""Seconds of waiting that a person would wonder about."""


class Pace(NamedTuple):
    """What one account may do when, whichever process does it."""

    ledger: MessageLedger
    account: str
    rate: Rate | None
    """None: no pace at all, not even another process's pause, since nobody is reached."""

    @property
    def interval(self) -> float:
        """Seconds between two turns."""
        return self.rate.interval if self.rate else 0.0

    def reserve(self, *, at_most: float | None = None) -> float:
        """Take the next turn and return the seconds until it; one more than ``at_most`` away is left to others."""
        if self.rate is None:
            return 0.0
        if self.rate.per_minute:
            return self.ledger.reserve(self.account, self.rate, at_most=at_most)
        return self.ledger.blocked_for(self.account)

    def take_turn(
        self, pause: Callable[[float], None], *, tell: Callable[[str], None], at_most: float | None = None
    ) -> bool:
        """Wait for the next turn, and return whether it came: one more than ``at_most`` seconds away is not ours."""
        seconds = self.reserve(at_most=at_most)
        if at_most is not None and seconds > at_most:
            return False
        if seconds >= _WORTH_TELLING:
            tell(waiting(seconds, paused=self.blocked_for(), rate=f" ({self.rate})"))
        if seconds > 0:
            pause(seconds)
        return True

    def blocked_for(self) -> float:
        """Return the seconds that are left of a pause that Exotel asked for."""
        return 0.0 if self.rate is None else self.ledger.blocked_for(self.account)

    def block(self, seconds: float) -> None:
        """Let everyone who sends for the account wait, since Exotel asked for it."""
        if self.rate is not None:
            self.ledger.block(self.account, seconds=seconds)


def waiting(seconds: float, *, paused: float, rate: str = "") -> str:
    """Return what is told of a wait: a pause of Exotel's, where that makes most of it, or the account's own rate."""
    if paused > seconds / 2:
        return f"waiting {seconds:.0f} s, because Exotel asked this account to pause"
    return f"waiting {seconds:.0f} s to keep to this account's rate{rate}"
