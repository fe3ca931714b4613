"""Where a command gets its text from."""

import sys
from contextlib import nullcontext
from pathlib import Path

from exosms.errors import InputError
from exosms.system.files import steady

_MOST = 1_000_000
"""Bytes that are read; a hundred times of what fits into any message."""


def read_text(name: str) -> str:
    """Read a text file, or standard input for ``-``, and drop exactly one final line end."""
    try:
        with nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb") as file, steady(file):
            raw = file.read(_MOST + 1)
    except OSError as error:
        raise InputError(f"The text file {name} cannot be read: {error.strerror}") from error
    if len(raw) > _MOST:
        raise InputError(f"The text file {name} is over {_MOST // 1_000_000} MB", remedy="Is it the right file?")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"The text file {name} is not UTF-8: byte {raw[error.start]:#04x} at offset {error.start}",
            remedy="Save it as UTF-8.",
        ) from error
    return text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n")
