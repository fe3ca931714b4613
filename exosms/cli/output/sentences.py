"""Sentences on a terminal, broken at words; a command in one stays whole, so that it can be copied."""

import os
import re
from typing import TextIO

_PIECE = r"(?<=: )(?:exosms [a-z-]|chmod ).+|`[^`]*`[^\s`]*|\S+"
"""A command at the end, or between backquotes, or a word."""


def broken(text: str, stream: TextIO, *, indent: str) -> str:
    """Return a line with breaks for the terminal that a stream is; one that does not say how wide it is breaks it."""
    columns = _columns(stream)
    if not columns:
        return text
    lines = [""]
    end = 0
    for piece in re.finditer(_PIECE, text):
        space = text[end : piece.start()]
        end = piece.end()
        if lines[-1].strip() and _cells(lines[-1] + space + piece[0]) > columns:
            lines.append(indent + piece[0])
        else:
            lines[-1] += space + piece[0]
    return "\n".join(lines)


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except OSError:
        return 0


def _cells(text: str) -> int:
    from unicodedata import category, east_asian_width

    return sum((1 + (east_asian_width(each) in "WF")) * (category(each) not in {"Mn", "Me", "Cf"}) for each in text)
