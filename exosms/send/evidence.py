"""Which of several messages are which of several Sids: decided by counting, never by choosing."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from enum import Enum, auto
from typing import NamedTuple

from exosms.exotel.message_content import MessageContent
from exosms.ledger.entry import State
from exosms.ledger.fingerprints import Fingerprints
from exosms.ledger.unsettled import Unsettled
from exosms.system.times import local
from exosms.system.wording import counted


class Group(NamedTuple):
    """Messages and Sids that cannot be told apart from each other, but from all others."""

    owners: Sequence[Unsettled]
    contents: Sequence[MessageContent]

    @property
    def pairs(self) -> Sequence[tuple[Unsettled, MessageContent]] | None:
        """The messages with their Sids, if there is one for each; None for more or fewer, or where one is being sent.

        They are equal in all that is known of them, so that it does not matter which of them gets which Sid.
        """
        if len(self.owners) != len(self.contents):
            return None
        pairs = list(
            zip(
                sorted(self.owners, key=lambda owner: (owner.since, owner.id)),
                sorted(self.contents, key=lambda content: (content.created_at or 0.0, content.sid)),
                strict=True,
            )
        )
        is_sound = all(
            owner.fingerprint is not None
            and owner.state != State.IN_FLIGHT
            and content.is_near(owner.since, owner.until)
            for owner, content in pairs
        )
        return pairs if is_sound else None

    @property
    def doubt(self) -> str:
        """Why the messages cannot have their Sids."""
        if any(owner.fingerprint is None for owner in self.owners):
            return "its text is not known any more"
        if any(owner.state == State.IN_FLIGHT for owner in self.owners):
            return "an equal message is being sent"
        return f"{counted(len(self.contents), 'message')} of Exotel's for {len(self.owners)} equal ones of ours"


def differences(owner: Unsettled, content: MessageContent, fingerprints: Fingerprints) -> Iterator[str]:
    """Yield what keeps a Sid from being a message's; nothing if recipient, sender, text and time agree."""
    when = local(content.created_at) if content.created_at else "at an unknown time"
    said = {
        _Aspect.RECIPIENT: f"it is to {content.to}, not to {owner.recipient}",
        _Aspect.SENDER: f"it is from {content.sender!r}, not from {owner.sender!r}",
        _Aspect.FORGOTTEN_TEXT: "the text of ours is not known any more",
        _Aspect.TEXT: "its text is another",
        _Aspect.TIME: f"Exotel got it {when}, and ours was sent {local(owner.until)}",
    }
    for aspect in _differing(owner, content, fingerprints):
        yield said[aspect]


def is_of_another_time(owner: Unsettled, content: MessageContent, fingerprints: Fingerprints) -> bool:
    """Whether a Sid would be a message's, had Exotel got it when it was sent."""
    return {*_differing(owner, content, fingerprints)} <= {_Aspect.TIME}


def groups(
    owners: Sequence[Unsettled], contents: Sequence[MessageContent], fingerprints: Fingerprints
) -> Iterator[Group]:
    """Yield the groups that messages and Sids of one recipient make; a Sid that fits none is a group of its own."""
    fits: list[list[int]] = []
    of_owner: list[list[int]] = [[] for _ in owners]
    of_sender = {owner.sender: owner for owner in owners}
    of_text: dict[tuple[str, int | None], list[int]] = defaultdict(list)
    for number, owner in enumerate(owners):
        of_text[owner.sender, owner.fingerprint].append(number)
    for place, content in enumerate(contents):
        texts = [
            (sender, n) for sender, one in of_sender.items() for n in (None, *_numbers(one, content, fingerprints))
        ]
        equal = [of_text[text] for text in texts if text in of_text]  # of which one stands for all but their times
        near = (
            number
            for numbers in equal
            if _may_be(owners[numbers[0]], content, fingerprints)
            for number in numbers
            if content.is_near(owners[number].since, owners[number].until)
        )
        fits.append([*near])
        for number in fits[-1]:
            of_owner[number].append(place)
    left = dict.fromkeys(range(len(contents)))
    while left:
        open_places, places, numbers = [next(iter(left))], set[int](), set[int]()
        while open_places:
            place = open_places.pop()
            if place not in places:
                places.add(place)
                new = [number for number in fits[place] if number not in numbers]
                numbers.update(new)
                open_places += [other for number in new for other in of_owner[number]]
        for place in places:
            del left[place]
        yield Group([owners[number] for number in sorted(numbers)], [contents[place] for place in sorted(places)])


class _Aspect(Enum):
    """In what one of Exotel's messages may differ from one of ours."""

    RECIPIENT = auto()
    SENDER = auto()
    FORGOTTEN_TEXT = auto()
    """Ours may be the same, but is not known any more."""
    TEXT = auto()
    TIME = auto()


def _differing(owner: Unsettled, content: MessageContent, fingerprints: Fingerprints) -> Iterator[_Aspect]:
    """Yield each aspect in which they differ."""
    if content.to != owner.recipient:
        yield _Aspect.RECIPIENT
    if not content.is_from(owner.sender):
        yield _Aspect.SENDER
    if owner.fingerprint is None:
        yield _Aspect.FORGOTTEN_TEXT
    elif owner.fingerprint not in _numbers(owner, content, fingerprints):
        yield _Aspect.TEXT
    if not content.is_near(owner.since, owner.until):
        yield _Aspect.TIME


def _may_be(owner: Unsettled, content: MessageContent, fingerprints: Fingerprints) -> bool:
    """Whether they agree in all that is known but their times."""
    return {*_differing(owner, content, fingerprints)} <= {_Aspect.FORGOTTEN_TEXT, _Aspect.TIME}


def _numbers(owner: Unsettled, content: MessageContent, fingerprints: Fingerprints) -> Collection[int]:
    """Return the fingerprints that the text may have had when it was sent."""
    try:
        return set().union(*(fingerprints.numbers(owner.recipient, owner.sender, text) for text in content.texts))
    except UnicodeEncodeError:  # JSON can hold half a surrogate pair, which was never sent
        return ()
