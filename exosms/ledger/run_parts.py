"""The parts that rows use of an account's day, counted in step with the commits that claim and settle them.

A ledger that other machines share counts in a transaction of its own. So what is claimed counts there before it is
committed here, and what was not used after all until that is: whatever fails in between, too many count and never too
few.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from exosms.ledger.database import LedgerError
from exosms.ledger.messages import Ledger


class RunParts:
    """Those of the rows of one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._is_within = False
        self._taken = Counter[str]()
        """By account, what this commit has claimed in a shared ledger."""
        self._unused = Counter[str]()
        """By account, what counts there no more once this commit is made."""

    @contextmanager
    def one_commit(self) -> Iterator[None]:
        """Let everything that is recorded within be committed together, or nothing of it."""
        if self._is_within:
            yield
            return
        self._is_within, over = True, self._taken
        try:
            with self._ledger.database.transaction():
                yield
            over = self._unused
        finally:
            self._is_within, self._taken, self._unused = False, Counter(), Counter()
            for account, parts in over.items():
                with suppress(LedgerError):  # too many count then, and what became of rows is recorded
                    self._ledger.common.take_parts(account, -parts)

    def take(self, account: str, parts: int, within_limit: Callable[[int], None] | None) -> None:
        """Count parts as used today; ``within_limit`` as in ``MessageLedger.claim``."""
        unused = self._unused[account]

        def within(used: int) -> None:
            if within_limit is not None:
                within_limit(used - unused)

        self._ledger.common.take_parts(account, parts, None if within_limit is None else within)
        if self._ledger.shared is not None:
            self._taken[account] += parts

    def give_back(self, account: str, parts: int) -> None:
        """Have parts count as not used after all, once the commit is made."""
        if self._ledger.shared is not None:
            self._unused[account] += parts
        elif parts:
            self._ledger.take_parts(account, -parts)
