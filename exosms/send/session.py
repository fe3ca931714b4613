"""What sending and asking share: one account, in one command."""

import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from exosms.exotel.client import Client
from exosms.ledger.callback_tokens import CallbackAddress
from exosms.ledger.interface import MessageLedger
from exosms.ledger.messages import Ledger
from exosms.send.pace import Pace
from exosms.sms.rate import Rate

if TYPE_CHECKING:
    from exosms.config.settings import Settings


class AccountSession(NamedTuple):
    """An account that one command sends from, or asks about."""

    client: Client
    ledger: MessageLedger
    account: str
    rate: Rate | None
    """None: no pace at all, since nobody is reached."""
    pause: Callable[[float], None]
    """Sleeps; raises Interrupted when asked to stop."""
    tell: Callable[[str], None]
    profile: str | None = None
    now: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random
    callbacks: CallbackAddress | None = None
    """Where messages have their delivery posted to that name no address themselves."""
    is_of_row: Callable[[str], bool] = lambda _sid: False
    """Whether a row that was sent from here has a Sid, which a ledger that machines share does not know."""
    flags: Mapping[str, str] = {}
    """What the command line says about the account, for the commands that are advised."""

    @property
    def own_ledger(self) -> Ledger:
        """The ledger, for whoever opened that of this machine."""
        assert isinstance(self.ledger, Ledger)  # noqa: S101  # for mypy: nobody else asks
        return self.ledger

    @property
    def pace(self) -> Pace:
        """The account's turns."""
        return Pace(self.ledger.common, self.account, self.rate)

    def take_turn(self, *, at_most: float | None = None) -> bool:
        """Wait for the account's next turn, and return whether it came."""
        self.pause(0)  # whoever was asked to stop meanwhile does so here
        return self.pace.take_turn(self.pause, tell=self.tell, at_most=at_most)


def callback_address(settings: "Settings") -> CallbackAddress | None:
    """Return where the account's callbacks go; nowhere from the sandbox in this process, which calls nobody."""
    if settings.callback_url is None or settings.is_sandbox:
        return None
    account = settings.own_account
    return CallbackAddress(settings.callback_url, account.identity, settings.profile, account.base_url)
