"""Exosms that writes down how long it waited for others, as ``python -m lock_waits FILE ARGUMENT…``.

What counts is the time that a statement of the ledger's slept, in seconds, one to a line: neither the time on a
processor nor that in the queue for one, which a busy machine makes long, nor a commit's, which waits for the disk.
"""

import sqlite3
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from exosms.cli.app import entry_point

_TO = Path(sys.argv.pop(1))


class Watched(sqlite3.Connection):
    """A connection whose waits are written down as they end."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Run a statement."""
        before = _asleep()
        try:
            return super().execute(sql, *values)
        finally:
            slept = _asleep() - before
            if slept > 0.001 and sql != "COMMIT":
                with _TO.open("a") as file:
                    file.write(f"{slept:.3f} {sql[:40]!r}\n")


def _asleep() -> float:
    """Return a clock that stands still while this thread runs, or could if there were a processor for it."""
    on_processor, in_queue, _ = map(int, Path("/proc/thread-self/schedstat").read_text().split())
    return time.monotonic() - (on_processor + in_queue) / 1e9


if __name__ == "__main__":
    sqlite3.connect = partial(sqlite3.connect, factory=Watched)  # type: ignore[assignment]  # that is the point
    entry_point()
