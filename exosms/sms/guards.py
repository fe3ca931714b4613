"""What keeps a correct message back until a person decides otherwise."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from exosms.errors import GuardedError, GuardError
from exosms.sms.message import Message
from exosms.sms.phone import is_indian
from exosms.system.times import in_india

OPENS, CLOSES = 10, 21
"""Hours in India between which promotional SMS are delivered, the end exclusive (TRAI, October 2025)."""


class Guards(NamedTuple):
    """The limits of one command and its profile; None is no limit."""

    any_hour: bool = False
    max_segments: int | None = None
    max_parts: int | None = None
    max_parts_per_day: int | None = None
    allow: frozenset[str] | None = None

    def check_all(self, messages: Sequence[Message], *, now: float, parts_today: int) -> None:
        """Raise GuardError for the first thing that keeps these messages back; ``now`` is seconds since the epoch."""
        _check_each(messages, self.check_message)
        self.check_total(sum(message.segments for message in messages), parts_today=parts_today)
        _check_each(messages, lambda message: self.check_hour(message, now=now))

    def check_message(self, message: Message) -> None:
        """Raise GuardError for a message that may not go out whatever the others are."""
        if self.allow is not None and message.to not in self.allow:
            raise GuardError(
                f"{message.to} is not on the allow list, so exosms does not send to it",
                remedy="Add the number to the profile's allow list (or EXOSMS_ALLOW), or use another profile.",
            )
        if self.max_segments is not None and message.segments > self.max_segments:
            raise GuardError(
                f"The text to {message.to} takes {message.segments} parts, more than --max-segments"
                f" {self.max_segments}",
                remedy="Shorten the text or raise --max-segments.",
            )

    def check_total(self, parts: int, *, parts_today: int) -> None:
        """Raise GuardError if a command may not send that many parts."""
        if self.max_parts is not None and parts > self.max_parts:
            raise GuardError(
                f"This command would send {parts} parts, more than --max-parts {self.max_parts}",
                remedy="Shorten the text, send to fewer people or raise --max-parts.",
            )
        self.check_day(parts_today + parts)

    def check_day(self, parts: int) -> None:
        """Raise GuardError if the account may not use that many parts in one day."""
        if self.max_parts_per_day is not None and parts > self.max_parts_per_day:
            raise GuardError(
                f"This would make {parts} parts today, more than the profile's max_parts_per_day"
                f" {self.max_parts_per_day}",
                remedy="Wait for tomorrow (in India), or raise the limit in the profile.",
            )

    def check_hour(self, message: Message, *, now: float) -> None:
        """Raise GuardError for a promotional message to India outside 10:00–21:00 there."""
        if self.any_hour or not message.fields.is_promotional or not is_indian(message.to):
            return
        moment = in_india(now)
        if not is_promotional_hour(moment):
            raise GuardError(
                f"Promotional SMS to {message.to} go out from {OPENS}:00 to {CLOSES}:00 in India;"
                f" it is {time.strftime('%H:%M', moment)} there",
                remedy="Run it again within these hours, or add --any-hour to send, job or bulk.",
            )


def _check_each(messages: Sequence[Message], check: Callable[[Message], None]) -> None:
    """Raise GuardedError where a check refuses some messages, with the error of each."""
    refused: dict[str, GuardError] = {}
    for message in messages:
        try:
            check(message)
        except GuardError as error:
            refused[message.to] = error
    if refused:
        raise GuardedError(refused)


def is_promotional_hour(moment: time.struct_time) -> bool:
    """Whether promotional SMS are delivered when the clocks in India show this."""
    return OPENS <= moment.tm_hour < CLOSES
