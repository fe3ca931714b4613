"""One line on a terminal that is painted over while something goes on."""

import os
import time
from collections.abc import Callable

from exosms.cli.output.out import Out
from exosms.system.escaping import printable

_REDRAW = 0.25
"""Seconds between two paintings of what changes all the time."""


class StatusLine:
    """Paints on standard error; does nothing where that is no terminal, or nobody wants to see it."""

    def __init__(self, out: Out) -> None:
        self._out = out
        self._painted = False
        self._painted_at = time.monotonic()
        out.unpaint = self.clear
        self.is_seen = not out.quiet and out.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def show(self, text: str) -> None:
        """Replace what the line says, cut to the terminal's width: a line that wraps cannot be painted over."""
        if self.is_seen:
            self._painted_at = time.monotonic()
            self._paint(f"exosms: {printable(text)}"[: self._width() - 1])

    def update(self, say: Callable[[], str]) -> None:
        """Replace what the line says, unless it was painted a moment ago."""
        if self.is_seen and time.monotonic() - self._painted_at >= _REDRAW:
            self.show(say())

    def clear(self) -> None:
        """Leave the line empty for what follows."""
        if self._painted:
            self._paint("")
            self._painted = False

    def _paint(self, text: str) -> None:
        self._out.paint(f"\r\x1b[2K{text}")
        self._painted = True

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self._out.stderr.fileno()).columns or 80
        except OSError:
            return 80
