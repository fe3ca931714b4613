"""Where a command gets its text from."""

import sys
from pathlib import Path

from exosms.errors import InputError


def read_text(name: str) -> str:
    """Read a text file, or standard input for ``-``, and drop exactly one final line end."""
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise InputError(f"The text file {name} cannot be read: {error.strerror}") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"The text file {name} is not UTF-8: byte {raw[error.start]:#04x} at offset {error.start}",
            remedy="Save it as UTF-8.",
        ) from error
    return text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n")
