"""From a number and a text to a message: what every text must pass before it may cost anything."""

import re

from exosms.errors import InputError
from exosms.sms import segments
from exosms.sms.foreign_markers import unfilled
from exosms.sms.message import Message, MessageFields

LONGEST_BODY = 2000
"""Characters; Exotel refuses more (developer portal, api/sms)."""

_NO_CHARACTER = re.compile("[\0\ud800-\udfff]")


def compose(to: str, body: str, fields: MessageFields) -> Message:
    """Return the message to ``to`` (E.164); raises InputError for a text that cannot be sent."""
    check_text(body)
    measure = segments.measure(body, fields.encoding)
    return Message(to, body, measure.encoding, measure.segments, fields)


def check_text(body: str) -> None:
    """Raise InputError for a text that Exotel would refuse, or that nobody meant to send."""
    if not body.strip():
        raise InputError("The text is empty", remedy="Give it with --body or --body-file.")
    check_length(body)
    if marker := unfilled(body):
        raise InputError(
            f"The text still has the marker {marker.text} at offset {marker.start}",
            remedy="Replace it with its value before sending.",
        )
    if not body.isprintable() and (wrong := _NO_CHARACTER.search(body)):
        raise InputError(
            f"The text contains U+{ord(wrong[0]):04X} at offset {wrong.start()}, which is not a valid character",
            remedy="Save it as UTF-8 text.",
        )


def check_length(body: str) -> None:
    """Raise InputError for a text that is longer than Exotel takes."""
    if len(body) > LONGEST_BODY:
        raise InputError(
            f"The text has {len(body)} characters, more than Exotel's {LONGEST_BODY}", remedy="Shorten or split it."
        )
