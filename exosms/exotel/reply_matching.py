"""Which reply belongs to which message of a request: by number, never by guessing.

The order of replies is not promised and the shape of a refused one is not documented (Exotel's developer portal,
api/send-bulk-sms-with-dynamic-content), so whatever does not fit leaves its message without an answer.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from exosms.exotel.wire import Item, Refusal, Reply, e164
from exosms.sms.message import Message


class Matching(NamedTuple):
    """What was said of each message, in their order; None for one of which nothing was said."""

    said: tuple[Reply | Refusal | None, ...]
    fits: bool
    """Whether the replies are, one for one, what was asked for."""


def match(messages: Sequence[Message], items: Sequence[Item]) -> Matching:
    """Give every message its reply."""
    in_order = _in_order(messages, items)
    if in_order is not None:
        return Matching(in_order, fits=True)
    replies = [item for item in items if isinstance(item, Reply)]
    refusals = [item for item in items if isinstance(item, Refusal)]
    by_number = _by_number(replies)
    said: list[Reply | Refusal | None] = [by_number.get(message.to) for message in messages]
    unanswered = said.count(None)
    strangers = len(replies) != len(messages) - unanswered
    one_for_one = not strangers and len(items) == len(messages)
    if one_for_one and len(refusals) == unanswered and _are_alike(refusals):
        said = [refusals[0] if reply is None else reply for reply in said]
        unanswered = 0
    return Matching(tuple(said), fits=one_for_one and not unanswered)


def _in_order(messages: Sequence[Message], items: Sequence[Item]) -> tuple[Reply | Refusal, ...] | None:
    """Return the items if each reply stands in the place of its message, with a Sid of its own; else None."""
    sids = [item.sid for item in items if isinstance(item, Reply)]
    if len(items) != len(messages) or len(set(sids)) != len(sids):
        return None
    said = tuple(
        item
        for message, item in zip(messages, items, strict=True)
        if isinstance(item, Refusal) or (isinstance(item, Reply) and item.to and e164(item.to) == message.to)
    )
    return said if len(said) == len(messages) else None


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
    """Whether there are some and it does not matter which is whose."""
    return len({(refusal.status, refusal.code) for refusal in refusals}) == 1
