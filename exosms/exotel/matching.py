"""Which reply belongs to which message of a request: by number, never by guessing.

The order of replies is not promised and the shape of a refused one is not documented (Exotel's developer portal,
api/send-bulk-sms-with-dynamic-content), so whatever does not fit leaves its message without an answer.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from exosms.exotel.wire import Refusal, Reply, e164
from exosms.message import Message


@dataclass(frozen=True, slots=True)
class Matching:
    """What was said of each message, in their order; None for one of which nothing was said."""

    said: tuple[Reply | Refusal | None, ...]
    fits: bool
    """Whether the replies are, one for one, what was asked for."""


def match(messages: Sequence[Message], items: Sequence[Reply | Refusal]) -> Matching:
    """Give every message its reply."""
    if _are_in_order(messages, items):
        return Matching(tuple(items), fits=True)
    replies = [item for item in items if isinstance(item, Reply)]
    refusals = [item for item in items if isinstance(item, Refusal)]
    by_number = _by_number(replies)
    said: list[Reply | Refusal | None] = [by_number.get(message.to) for message in messages]
    unanswered = said.count(None)
    strangers = len(replies) != len(messages) - unanswered
    if unanswered and not strangers and len(refusals) == unanswered and _are_alike(refusals):
        said = [refusals[0] if reply is None else reply for reply in said]
        unanswered = 0
    return Matching(tuple(said), fits=not unanswered and not strangers and len(items) == len(messages))


def _are_in_order(messages: Sequence[Message], items: Sequence[Reply | Refusal]) -> bool:
    """Whether every reply stands in the place of its message, each with a Sid of its own."""
    sids = [item.sid for item in items if isinstance(item, Reply)]
    return (
        len(items) == len(messages)
        and len(set(sids)) == len(sids)
        and all(
            isinstance(item, Refusal) or (item.to is not None and e164(item.to) == message.to)
            for message, item in zip(messages, items, strict=True)
        )
    )


def _by_number(replies: Sequence[Reply]) -> dict[str, Reply]:
    """Return the replies whose number and Sid nobody shares."""
    numbers = [None if reply.to is None else e164(reply.to) for reply in replies]
    count, sids = Counter(numbers), Counter(reply.sid for reply in replies)
    return {
        number: reply
        for number, reply in zip(numbers, replies, strict=True)
        if number is not None and count[number] == 1 and sids[reply.sid] == 1
    }


def _are_alike(refusals: Sequence[Refusal]) -> bool:
    """Whether it does not matter which refusal is whose."""
    return len({(refusal.status, refusal.code) for refusal in refusals}) == 1
