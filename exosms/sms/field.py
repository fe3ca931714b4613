"""What a field of a message is: its name at Exotel, where a request says it, and how a cell of a file is read."""

import re
from collections.abc import Callable, Mapping
from enum import Enum, StrEnum
from typing import Any, NamedTuple

from exosms.errors import InputError
from exosms.system.escaping import printable, shown


class Scope(Enum):
    """Where a request with several messages says a field."""

    REQUEST = "once for all of them"
    MESSAGE = "for each of them"
    ALONE = "nowhere"
    """A message that has it goes alone, since what it means in such a request is not documented."""


class Field(NamedTuple):
    """One field; what it is called here is the name of the attribute of ``MessageFields``."""

    wire: str
    """Exotel's name; empty for what every message says."""
    scope: Scope
    check: Callable[[str], tuple[str, ...]] | None = None
    """Returns warnings about a text without blanks around it, or raises InputError; None: any text, as it is."""
    words: Mapping[str, StrEnum | None] | None = None
    """All that may be said, and what each word stands for."""
    column: str = ""
    """What its column in a file is called; by itself, what the attribute is called."""

    def read(self, cell: str) -> tuple[str | None, tuple[str, ...]]:
        """Return the value of a cell that is not empty, and warnings; raises InputError."""
        if self.words is not None:
            word = cell.strip().casefold()
            if word not in self.words:
                words = ", ".join(self.words)
                raise InputError(f"{shown(cell)!r} is not a valid {self.column}", remedy=f"Write one of: {words}.")
            return self.words[word], ()
        if self.check is None:
            check_text(cell)
            return cell, ()
        text = cell.strip()
        return text, self.check(text)

    def restored(self, stored: Any) -> Any:
        """Return a value that was stored as JSON."""
        return stored if stored is None or self.words is None else self.words[stored]


def words_of(kind: type[StrEnum]) -> Mapping[str, StrEnum]:
    """Return the words of a field that has no others."""
    return {word.value: word for word in kind}


def is_url(text: str) -> bool:
    """Whether Exotel can post to it: a host and a port that can be read, no blanks, and nothing that is not seen."""
    from urllib.parse import urlsplit

    if printable(text) != text or not re.fullmatch(r"https?://\S+", text):
        return False
    try:
        address = urlsplit(text)
        return bool(address.hostname) and address.port != 0
    except ValueError:
        return False


def check_text(text: str) -> None:
    """Raise InputError for what no request can carry: some encodings of files hold halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{shown(text)!r} contains U+{ord(text[error.start]):04X}, which is not a valid character",
            remedy="Save it as UTF-8 text.",
        ) from error


def check_url(text: str) -> tuple[str, ...]:
    """Raise InputError for what is no address to call back."""
    if not is_url(text):
        raise InputError(f"{shown(text)!r} is not a valid URL", remedy="Write http://… or https://….")
    return ()
