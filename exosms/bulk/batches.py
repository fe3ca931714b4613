"""How many texts a request carries, and which rows may share one."""

from collections.abc import Iterator, Sequence
from itertools import islice

from exosms.ledger.run_rows import ClaimedRow
from exosms.sms.message import envelope

LARGEST_BATCH = 100
"""Texts that Exotel takes in one request (40400, 40406)."""

_SMALL_FILE = 200
"""Rows up to which one text a request costs nobody time."""

_LOOKAHEAD = 4
"""Batches' worth of rows among which those that fit into one request are looked for."""


class FreshRows:
    """Rows that were not tried yet, the first so many of them, put together as requests allow."""

    def __init__(self, items: Iterator[ClaimedRow], *, most: int | None) -> None:
        self._items = islice(items, most)
        self._buffer: list[ClaimedRow] = []

    def __bool__(self) -> bool:
        """Whether there is one more row to be sent."""
        self._fill(1)
        return bool(self._buffer)

    def take(self, size: int) -> Sequence[ClaimedRow]:
        """Return at most ``size`` rows that one request may carry, the first one among them."""
        self._fill(size * _LOOKAHEAD if size > 1 else 1)
        first = self._buffer[0].message
        shared, recipients = envelope(first), set[str]()
        chosen: list[ClaimedRow] = []
        rest: list[ClaimedRow] = []
        for place, item in enumerate(self._buffer):
            if len(chosen) == size:
                rest += self._buffer[place:]
                break
            fits = not chosen or (
                shared is not None and item.message.to not in recipients and envelope(item.message) == shared
            )
            (chosen if fits else rest).append(item)
            if fits:
                recipients.add(item.message.to)
        self._buffer = rest
        return chosen

    def _fill(self, wanted: int) -> None:
        while len(self._buffer) < wanted:
            item = next(self._items, None)
            if item is None:
                return
            self._buffer.append(item)


def size_for(rows: int, *, asked: int) -> int:
    """Return the texts a request: as asked, or by the number of rows where 0 leaves it to us."""
    return asked or (1 if rows <= _SMALL_FILE else LARGEST_BATCH)
