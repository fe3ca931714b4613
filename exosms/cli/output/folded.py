"""The text of a table's cell, folded so that a command in it can be copied and a list be read."""

import re
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.containers import Lines
from rich.text import Text

_COMMAND = re.compile("`[^`]*`")
_INDENT = "  "
_HELD = "\ue000"
"""Stands for a space at which no line may end; a letter of no alphabet."""


class Folded(Text):
    """Lines of a cell: a command between backquotes stays whole where it has room; a list is indented."""

    def wrap(self, console: Console, width: int, **how: Any) -> Lines:
        """Return the lines as they have room in so many cells."""
        lines = Lines()
        given = self.plain.split("\n")
        is_list = all(line.startswith("- ") for line in given)
        for line in given:
            indent = _INDENT if is_list and cell_len(line) > width > len(_INDENT) else ""
            parts = Text(_held(line, width)).wrap(console, width - len(indent), **how)
            lines.extend(Text(indent * bool(at) + part.plain.replace(_HELD, " ")) for at, part in enumerate(parts))
        return lines


def _held(line: str, room: int) -> str:
    return _COMMAND.sub(lambda found: found[0].replace(" ", _HELD) if cell_len(found[0]) <= room else found[0], line)
