"""Which reply belongs to which message of a request: by number, never by guessing.

The order of replies is not promised and the shape of a refused one is not documented (Exotel's developer portal,
api/send-bulk-sms-with-dynamic-content), so whatever does not fit leaves its message without an answer. That holds for
refusals above all: one that is given to the wrong message lets another, which was sent, be sent again.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from exosms.exotel.wire import SEVERAL, Doubt, Item, Refusal, Reply, e164
from exosms.sms.message import Message

_WHOSE = Doubt("messages of this request were refused, and the answer does not tell which")

_MOST_TEXTS = 3
"""Different texts of refusals that are given to all whom they may concern."""


class Matching(NamedTuple):
    """What was said of each message, in their order; None for one of which nothing was said."""

    said: tuple[Reply | Refusal | Doubt | None, ...]
    fits: bool
    """Whether the replies are, one for one, what was asked for."""


def match(messages: Sequence[Message], items: Sequence[Item]) -> Matching:
    """Give every message its reply."""
    numbered = [(e164(item.to), item) for item in items if isinstance(item, Reply | Refusal) and item.to]
    times = Counter(number for number, _ in numbered)
    sids = Counter(item.sid for item in items if isinstance(item, Reply))
    by_number = {
        number: item
        for number, item in numbered
        if times[number] == 1 and (isinstance(item, Refusal) or sids[item.sid] == 1)
    }
    anybodys = [item for item in items if isinstance(item, Refusal) and not item.to]
    answered = [by_number.get(message.to) for message in messages]
    left = answered.count(None)
    is_all_told = len(items) == len(messages) and len(anybodys) == left
    theirs = _what_all_say(anybodys) if is_all_told else None
    said = [
        item or theirs or (SEVERAL if times[message.to] else _WHOSE if anybodys else None)
        for message, item in zip(messages, answered, strict=True)
    ]
    return Matching(tuple(said), fits=is_all_told and (theirs is not None or not left))


def _what_all_say(refusals: Sequence[Refusal]) -> Refusal | None:
    """Return what these refusals, in whatever order, mean for each of their messages; None if that is not the same.

    Where only their texts differ, each may be anybody's; a Sid is one's alone.
    """
    if len({(refusal.status, refusal.code, refusal.sid) for refusal in refusals}) != 1:
        return None
    texts = list(dict.fromkeys(refusal.message for refusal in refusals))
    more = ["…"] if len(texts) > _MOST_TEXTS else []
    return refusals[0]._replace(message=" / ".join([*texts[:_MOST_TEXTS], *more]))
