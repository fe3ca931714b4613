"""A message that may have been sent and has no Sid, as every engine tells of it."""

from typing import NamedTuple

from exosms.ledger.entry import State
from exosms.ledger.traces import ABSENT, BY_HAND
from exosms.sms.message import Outcome

MAY_HAVE_A_SID = (
    f"sid IS NULL AND (state IN ('unknown', 'in_flight', 'accepted') OR error IN ('{BY_HAND}', '{ABSENT}'))"
)
"""Whether Exotel may have a message under a Sid that is not known here."""

SHARED = -2
"""What stands for the run of a message that is in the ledger of many machines."""


class Unsettled(NamedTuple):
    """A message that may have been sent, and whose Sid is not known."""

    id: int
    """Of a single message; of a row its number."""
    run_id: int | None
    run: str | None
    line: int | None
    account: str
    profile: str | None
    recipient: str
    sender: str
    fingerprint: int | None
    """None: it is older than the ledger's fingerprints, so that its text cannot be compared."""
    since: float
    until: float
    """Between these moments, in seconds since the epoch, its last attempt began."""
    state: str
    """Unknown, in flight, or what a person said of it."""
    once_key: str | None

    @property
    def is_unknown(self) -> bool:
        """Whether nobody knows, and nobody is about to know, what became of it."""
        return self.state == State.UNKNOWN

    @property
    def key(self) -> tuple[int | None, int]:
        """What tells it from all others."""
        return self.run_id, self.id

    @property
    def row(self) -> int | None:
        """The number of its row; None for a single message."""
        return None if self.run is None else self.id


def by_now(found: tuple[str, str | None] | None) -> tuple[Outcome, str | None]:
    """Return what a state and a Sid that were found say by now; what is tried again counts as unknown."""
    state, sid = found or (State.UNKNOWN, None)
    return (Outcome.UNKNOWN if state in {State.WAITING, State.IN_FLIGHT} else Outcome(state)), sid
