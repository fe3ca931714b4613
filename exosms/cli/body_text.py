"""What a command is given in a file or through standard input: its text, its recipients, or Sids."""

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

from exosms.errors import InputError
from exosms.system.files import open_promptly, read_promptly, steady, unreadable

_MOST = 1_000_000
"""Bytes that are read; a hundred times of what fits into any message."""


def read_text(name: str) -> str:
    """Read a text file, or standard input for ``-``, and drop exactly one final line end; raises InputError."""
    text = _read(name, "text file")
    return text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n")


def read_recipients(*names: str, promptly: bool = False) -> list[str]:
    """Read a recipient a line of each file; raises InputError for one that names nobody.

    ``promptly`` is for what must not wait: then a pipe by its name has to be written at once.
    """
    return [recipient for name in names for recipient in _recipients(name, promptly=promptly)]


def _recipients(name: str, *, promptly: bool) -> list[str]:
    """Read one file, passing over empty lines and those that begin with ``#``."""
    lines = (line.strip() for line in _read(name, "recipient file", promptly=promptly).splitlines())
    recipients = [line for line in lines if line and not line.startswith("#")]
    if not recipients:
        raise InputError(f"The recipient file {name} names nobody", remedy="Write a number or @GROUP on each line.")
    return recipients


def _opened(name: str, *, promptly: bool) -> AbstractContextManager[BinaryIO]:
    if name == "-":
        return nullcontext(sys.stdin.buffer)
    return open_promptly(Path(name)) if promptly else Path(name).open("rb")


def read_bytes(name: str, called: str, *, most: int, remedy: str, promptly: bool = False) -> bytes:
    """Read a file, or standard input for ``-``; raises InputError for what cannot be read, or is too long."""
    try:
        with _opened(name, promptly=promptly) as file, steady(file):
            raw = read_promptly(file, most + 1) if promptly else file.read(most + 1)
    except OSError as error:
        raise unreadable(called, error) from error
    if len(raw) > most:
        raise InputError(f"{called} is over {most // 1_000_000} MB", remedy=remedy)
    return raw


def _read(name: str, what: str, *, promptly: bool = False) -> str:
    raw = read_bytes(name, f"The {what} {name}", most=_MOST, remedy="Is it the right file?", promptly=promptly)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"The {what} {name} is not UTF-8: byte {raw[error.start]:#04x} at offset {error.start}",
            remedy="Save it as UTF-8.",
        ) from error
