"""What an answer says a message is: to whom, from whom, which text, when; to be held against what was to be sent."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from exosms.exotel import wire
from exosms.exotel.listed import is_damaged

NEAR = 900.0
"""Seconds that Exotel's time of a message may be away from its attempt: clocks differ, and answers are late."""

_PIECES = re.compile(r"[/-]")


class MessageContent(NamedTuple):
    """A message as Exotel has it. Its text is never shown or kept."""

    sid: str
    to: str
    """E.164, as far as it can be read; an X stands for what is masked."""
    sender: str
    """As Exotel writes it: ``<ExoPhone>/<header>``, ``/<header>``, perhaps with an operator's prefix."""
    body: str
    created_at: float | None
    """Seconds since the epoch; None where no date can be read."""

    def is_from(self, sender: str) -> bool:
        """Whether a message that was sent from there comes from there."""
        wanted = _comparable(sender)
        return any(_comparable(piece) == wanted for piece in (self.sender, *_PIECES.split(self.sender)))

    @property
    def texts(self) -> Iterator[str]:
        """The text, and how it may have been before its line ends were written in another way."""
        line_feeds = self.body.replace("\r\n", "\n").replace("\r", "\n")
        yield from dict.fromkeys((self.body, line_feeds, line_feeds.replace("\n", "\r\n")))

    def is_near(self, since: float, until: float) -> bool:
        """Whether it may be from an attempt between these moments."""
        return self.created_at is not None and since - NEAR <= self.created_at <= until + NEAR


def content_about(sid: str, body: bytes | None) -> MessageContent | None:
    """Return what an answer says of the message ``sid``; None if it says nothing of it, or the same twice."""
    found = [node for node in wire.described(body) if str(node.get("Sid")).lower() == sid.lower()]
    if len(found) != 1:
        return None
    (node,) = found
    to, sender, text = (node.get(name) for name in ("To", "From", "Body"))
    if not (isinstance(to, str) and isinstance(sender, str) and isinstance(text, str)):
        return None
    number = re.sub(r"\D+", "X", to) if is_damaged(to) else wire.e164(to)
    return MessageContent(str(node["Sid"]), number, sender.strip(), text, seconds_of(node.get("DateCreated")))


def seconds_of(date: Any) -> float | None:
    """Return one of Exotel's dates as seconds since the epoch; None for no date."""
    from datetime import datetime

    written = wire.moment(date if isinstance(date, str) else None)
    return datetime.fromisoformat(written).timestamp() if written else None


def _comparable(sender: str) -> str:
    """Return a sender so that the spellings of one are equal: an ExoPhone is a number with or without its prefix."""
    text = sender.strip().casefold()
    digits = re.sub(r"[\s()+-]", "", text)
    return digits[-10:] if digits.isdecimal() and len(digits) >= 10 else text
