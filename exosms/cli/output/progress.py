"""How far a run, or a wait for delivery, is: on a line that is painted over, or now and then as a sentence."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from exosms.cli.output.out import Out
from exosms.cli.output.status_line import StatusLine
from exosms.sms.message import Outcome

if TYPE_CHECKING:  # a wait needs nothing of runs, and a run nothing of waits
    from exosms.bulk.run import Settled
    from exosms.send.track import Watch

_QUIET_SECONDS, _QUIET_SHARE, _QUIET_ROWS = 10.0, 0.1, 10
"""Where nothing can be painted: a line so often, in seconds or as a share of the rows, though not for a few rows."""


class RunProgress:
    """How far a run is, with its rate and the time that is left."""

    def __init__(self, out: Out, *, rows: int) -> None:
        self._out = out
        self._line = StatusLine(out)
        self._rows = rows
        self.ended: Counter[str] = Counter()
        """Rows by what became of them."""
        self._done = self._told_done = 0
        self._started = self._told = time.monotonic()

    def count(self, settled: "Sequence[Settled]") -> None:
        """Take more rows that are settled."""
        self._done += len(settled)
        self.ended.update([one.receipt.outcome for one in settled])
        if self._line.is_seen:
            self._line.update(self._sentence)
            return
        now = time.monotonic()
        enough = max(self._rows * _QUIET_SHARE, _QUIET_ROWS)
        if now - self._told >= _QUIET_SECONDS or self._done - self._told_done >= enough:
            self._told, self._told_done = now, self._done
            self._out.tell(self._sentence())

    def clear(self) -> None:
        """Make room for other lines."""
        self._line.clear()

    def _sentence(self) -> str:
        seconds = max(time.monotonic() - self._started, 0.001)
        rate = self._done / seconds
        pace = f"{rate:.0f}/s" if rate >= 1 else f"{60 * rate:.0f}/min"
        left = duration((self._rows - self._done) / rate) if rate else "unknown time"
        return (
            f"{self._done} of {self._rows} ({100 * self._done // max(self._rows, 1)} %),"
            f" {self.ended[Outcome.ACCEPTED]} accepted, {pace}, {left} left"
        )


class WaitProgress:
    """How many messages are final of those that are asked about, on a terminal alone."""

    def __init__(self, out: Out, watch: "Watch") -> None:
        self._line = StatusLine(out)
        self._watch = watch
        self._total = len(watch.open)

    def asked(self, place: int) -> None:
        """Show how far a round is."""
        self._line.update(lambda: f"{self._final}; asked about {place} of {len(self._watch.open)}")

    def asks_again(self, seconds: float) -> None:
        """Show when the next round begins."""
        self._line.show(f"{self._final}; asking again in {seconds:.0f} s")

    def clear(self) -> None:
        """Make room for other lines."""
        self._line.clear()

    @property
    def _final(self) -> str:
        return f"{self._watch.final} of {self._total} final"


def duration(seconds: float) -> str:
    """Return a duration as people say it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{rest} s"
