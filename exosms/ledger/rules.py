"""What holds of once keys, of Sids and of an account's turns, whichever engine keeps them."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from exosms.ledger.portable import Statements
from exosms.ledger.wrong_clocks import SET_BACK, cannot_be, corrects, first_since, in_its_place
from exosms.sms.rate import LONGEST_PAUSE, Rate
from exosms.system.times import local

if TYPE_CHECKING:
    from exosms.ledger.entry import LedgerEntry, OnceKey, Place

MAY_HOLD = (
    "WHERE {same} AND (state IN ('unknown', 'in_flight', 'waiting')"
    " OR id = (SELECT max(+id) FROM {messages} WHERE {same} AND state = 'accepted'))"
)
"""Of the entries with the same key, recipient and account those that may hold it; see ``KeyRule``."""

MAY_BE_FORGOTTEN = (
    "state IN ('accepted', 'rejected', 'not_sent')"
    " AND (once_key IS NULL OR state <> 'accepted'"
    " OR expires_at < {now} AND expires_at - created_at + updated_at < {now})"
)
"""Whether a message is settled, and its once key holds no more, which one without an end always does.

It holds from when the answer came, which may be long after the claim.
"""

LAST_DIGITS = 4
"""Of a recipient's number that a shared ledger is not to keep whole, how many it keeps."""


class Turns(NamedTuple):
    """When an account may send next; moments are seconds since the epoch."""

    next_at: float = 0.0
    blocked_until: float = 0.0

    @classmethod
    def of(cls, row: tuple[float, float, float] | None, now: float) -> "Turns":
        """Return what was kept, with the moment at which that was; it means nothing once the clock was set back."""
        return cls(*row[:2]) if row and row[2] <= now + SET_BACK else cls()

    def slot(self, now: float) -> float:
        """Return when the next turn is."""
        return max(now, self.next_at, self.blocked_until)

    def taken(self, now: float, rate: Rate) -> "Turns":
        """Return what is left once that turn is taken."""
        return self._replace(next_at=self.slot(now) + rate.interval)

    def paused(self, now: float, seconds: float) -> "Turns":
        """Return what is left while Exotel has had enough: of several pauses the longest counts."""
        until = min(max(now + seconds, self.blocked_until), now + LONGEST_PAUSE)
        return self._replace(blocked_until=until)


def of_another(sids: "Mapping[Place, str]", owners: "Mapping[str, Place]") -> "set[Place]":
    """Return the places whose Sid another message has, or one before them; ``owners`` has them in small letters."""
    first = dict(owners)
    return {place for place, sid in sids.items() if first.setdefault(sid.lower(), place) != place}


class KeyRule(NamedTuple):
    """Who holds a once key at a moment."""

    statements: Statements
    once: "OnceKey"
    now: float
    warn: Callable[[str], None]
    rewrite: bool = True
    """Whether a time that cannot be right is corrected."""

    def holder(self, entries: Iterable["LedgerEntry"]) -> "LedgerEntry | None":
        """Return which holds it, of those that may have been sent and the last one that was accepted."""
        for entry in sorted(entries, key=lambda entry: (entry.state == "accepted", entry.id), reverse=True):
            if entry.state not in {"accepted", "unknown"}:
                return entry  # on its way, however long that takes
            if held := self._held(entry):
                return held
        return None

    def _held(self, entry: "LedgerEntry") -> "LedgerEntry | None":
        """Return an entry if it holds its key now; a time of it that cannot be right counts as now."""
        written, within = max(entry.created_at, entry.used_at), self.once.within
        if cannot_be(self.statements, "messages", entry.id, written=written, now=self.now):
            return self._corrected(entry) if self.rewrite and corrects(self.now) else entry
        since = written if within is None else self.now - within
        if written >= since or entry.id >= first_since(self.statements, "messages", since, self.now):
            return entry
        return None

    def _corrected(self, entry: "LedgerEntry") -> "LedgerEntry":
        """Have what a wrong clock wrote count as used now, and as written when it may have been."""
        self.warn(
            f"once key {entry.once_key!r} counts as used now, not at {local(entry.used_at)}, because the clock was"
            " wrong when it was used, or is now"
        )
        began = in_its_place(self.statements, entry.id, self.now)
        self.statements.execute(
            "UPDATE messages SET created_at = ?, updated_at = ?, attempted_at = ?,"
            " expires_at = ? + expires_at - created_at WHERE id = ?",
            (began, self.now, self.now, began, entry.id),
        )
        return entry._replace(created_at=began, updated_at=self.now, attempted_at=self.now)
