"""What sending and asking share: one account, in one command."""

import random
import time
from collections.abc import Callable
from typing import NamedTuple

from exosms.exotel.client import Client
from exosms.ledger.messages import Ledger
from exosms.send.pace import Pace
from exosms.sms.rate import Rate


class AccountSession(NamedTuple):
    """An account that one command sends from, or asks about."""

    client: Client
    ledger: Ledger
    account: str
    rate: Rate | None
    """None: no pace at all, since nobody is reached."""
    pause: Callable[[float], None]
    """Sleeps; raises Interrupted when asked to stop."""
    tell: Callable[[str], None]
    profile: str | None = None
    now: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random

    @property
    def pace(self) -> Pace:
        """The account's turns."""
        return Pace(self.ledger, self.account, self.rate)

    def take_turn(self, *, at_most: float | None = None) -> bool:
        """Wait for the account's next turn, and return whether it came."""
        self.pause(0)  # whoever was asked to stop meanwhile does so here
        return self.pace.take_turn(self.pause, tell=self.tell, at_most=at_most)
