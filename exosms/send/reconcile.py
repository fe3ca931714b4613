"""What became of messages whose answer was lost: Sids that somebody lists are asked about, and compared with them.

Only what Exotel answers about a Sid is evidence. A message gets a Sid if recipient, sender, text and time agree, and
if as many Sids agree as there are such messages in the ledger. Silence proves nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import NamedTuple

from exosms.exotel.listed import Listed, tail_of
from exosms.exotel.message_content import NEAR, MessageContent
from exosms.ledger.candidates import KnownSid, ListedSids, known_sids
from exosms.ledger.rules import LAST_DIGITS
from exosms.ledger.unknown import UnknownMessages
from exosms.ledger.unsettled import Unsettled
from exosms.send.asking import Asking, GaveUpError
from exosms.send.evidence import Group, groups, is_of_another_time
from exosms.send.session import AccountSession
from exosms.sms.message import Outcome, Then
from exosms.system.times import local
from exosms.system.wording import counted

_CHUNK = 1000
_ENOUGH = 3
"""Sids in a row about which nothing could be learned, after which the others are not asked about."""

_ANYBODY = ""
"""Stands for the last digits of a recipient who is not known."""

_UNLIKELY = "?"
"""Stands for the last digits of a recipient who is another one, if what is listed beside the Sid is true."""

_MOST_UNLIKELY = 2000
"""Sids whose messages should be others', and that are asked about nevertheless before one is called absent."""

_UNASKED = "Exotel could not be asked about every message that it may be"
_NOT_FOUND = "not found"
_FOUND_OUT, _TRIED_AGAIN = "another command found out", "another command tried it again"


class Found(NamedTuple):
    """What became of one of the messages that were looked at."""

    message: Unsettled
    outcome: Outcome = Outcome.UNKNOWN
    sid: str | None = None
    detail: str = _NOT_FOUND
    is_ambiguous: bool = False


class Reconciliation:
    """Some unknown messages of one account, the Sids that may be theirs, and what came of it."""

    def __init__(
        self,
        session: AccountSession,
        targets: Sequence[Unsettled],
        others: Sequence[Unsettled],
        *,
        asks_all: bool,
    ) -> None:
        """``others``: the account's unknown messages that nobody asked for; they are counted with, and stay.

        With ``asks_all`` Sids are asked about whatever is listed beside them, as absence takes it to be proven.
        """
        self.found = {target.key: Found(target) for target in targets}
        self.strangers = 0
        """Sids of which this ledger knows nothing."""
        self.asked: Callable[[int, int], None] = lambda _done, _all: None
        """Told how many questions were asked of how many."""
        self._session = session
        self._asking = Asking(session)
        self._messages = UnknownMessages(session.own_ledger, session.account)
        self._fingerprints = self._messages.fingerprints
        self._listed = ListedSids(session.own_ledger, session.account)
        self._targets, self._others = _by_tail(targets), _by_tail(others)
        self._called_back = dict.fromkeys(sid for key, sid in self._messages.called_back() if key in self.found)
        """Sids that callbacks named: they are candidates too, and a list without them is not complete."""
        self._candidates: dict[str, list[str]] = defaultdict(list, {_ANYBODY: [*self._called_back]})
        """Sids to be asked about by the last digits of their recipient, or ``_ANYBODY``."""
        self._contents: dict[str, list[MessageContent]] = defaultdict(list)
        self._asks_all = asks_all
        self._unlikely: list[str] = []
        self._unasked: set[str] = set()
        self._unread: list[str] = []
        """Sids of which Exotel does not say to whom they are and what."""
        self._to: dict[str, list[str]] = defaultdict(list)
        """Sids that Exotel has, by the last digits of their recipient, who is one of the targets'."""
        self._statuses: dict[str, str | None] = {}
        self._witnesses: list[KnownSid] = []
        self._proven: list[float] = []
        """When messages were attempted of which Exotel said that it has them."""
        self._times: list[float] = []
        """When others came to be, by Exotel's clock."""
        self._questions = self._total = 0

    @property
    def candidates(self) -> int:
        """How many Sids are to be asked about."""
        return sum(map(len, self._candidates.values())) + len(self._unlikely) * (not self._are_too_many)

    @property
    def _are_too_many(self) -> bool:
        return len(self._unlikely) > _MOST_UNLIKELY

    def take(self, listed: Iterable[Listed]) -> None:
        """Take Sids that somebody lists, and leave out those that cannot be of any message that was asked for."""
        items = iter(listed)
        while chunk := {one.sid: one for one in islice(items, _CHUNK)}:
            new = self._listed.add(chunk)
            known = self._known(new)
            self._witness(known.values())
            numbers = self._listed.numbers(new - known.keys())
            for sid in (sid for sid in chunk if sid in new and sid not in known):
                if sid not in self._called_back:
                    self._sort_in(chunk[sid], tail_of(numbers[sid]) if sid in numbers else chunk[sid].tail)

    def resolve(self) -> None:
        """Ask about the Sids and settle what they prove, recipient by recipient.

        Raises GaveUpError, or Interrupted, and then what was not asked about settles nothing.
        """
        self._total = self.candidates
        try:
            if self._are_too_many:
                self.strangers += len(self._unlikely)
            else:
                self._ask_about(self._unlikely, _UNLIKELY)
            for tail in sorted(self._candidates):  # those of which nobody knows whose they are come first
                self._ask_about(self._candidates[tail], tail)
                for recipient in {target.recipient for target in self._targets.get(tail, ())}:
                    self._decide(recipient)
                del self._candidates[tail]
        finally:
            self._unasked |= self._candidates.keys()
            for recipient in list(self._contents):
                self._decide(recipient)
            self._say_who_was_not_asked_about()
            self._messages.erase_texts()
            self._look_again()

    def call_absent(self, *, incomplete: str = "") -> str:
        """Settle as not sent what Exotel certainly does not have, and return why the others are not, if any are left.

        That is only what lies between two messages of the account that are listed, if every Sid is known to be
        another's. ``incomplete``: why the list may lack some, if it may.
        """
        left = [one.message for one in self.found.values() if one.detail == _NOT_FOUND and not one.is_ambiguous]
        if not left or self._unasked:
            return _UNASKED if self._unasked else ""
        if incomplete or self._are_too_many or self._unread:
            return incomplete or self._why_any_may_be_there()
        doubted = [*filter(self._may_be_there, left)]
        absent, why = self._absent_of([one for one in left if one not in doubted])
        with self._messages.at_once():
            self._look_again()
            self._see_who_was_called_back()
            for one in absent:
                if self.found[one.key].detail == _NOT_FOUND:
                    self._messages.call_absent(one)
                    self._note(Found(one, Outcome.NOT_SENT, detail="Exotel does not have it"))
        others = f"{counted(len(doubted), 'message')} may be among those that this ledger does not know"
        return "; ".join(filter(None, (why, others if doubted else "")))

    def _absent_of(self, left: Sequence[Unsettled]) -> tuple[Sequence[Unsettled], str]:
        """Return which of those that may be absent are, and why the others are not."""
        if not left:
            return [], ""
        since, until = self._proven_time()
        absent = [one for one in left if since < one.since and one.until < until]
        if not absent:
            return [], "nothing is listed of this account from before and after them"
        if missing := self._listed.missing_between(since, until):
            return [], f"the list is not complete: {counted(missing, 'accepted message')} of that time are not on it"
        rest = len(left) - len(absent)
        return absent, f"nothing is listed from before and after {counted(rest, 'of them')}" if rest else ""

    def _why_any_may_be_there(self) -> str:
        if self._are_too_many:
            return (
                f"{len(self._unlikely)} Sids that this ledger does not know would have to be asked about: export a"
                " report of a shorter time"
            )
        rest = len(self._unread) - 1
        what = (
            f"{self._unread[0]} is, which is"
            if not rest
            else f"{self._unread[0]} and {counted(rest, 'other')} are, which are"
        )
        return f"Exotel does not say which message {what} listed"

    def _may_be_there(self, one: Unsettled) -> bool:
        """Tell whether Exotel has a message to the same recipient that is no other's, and say so."""
        sids = self._to[tail_of(one.recipient) or _ANYBODY]
        known = self._known(sids)
        other = next((sid for sid in sids if sid not in known), None)
        if other is not None:
            detail = f"{_NOT_FOUND}; Exotel has one to this number that the ledger does not know, {other}"
            self.found[one.key] = Found(one, detail=detail)
        return other is not None

    def _known(self, sids: Iterable[str]) -> Mapping[str, KnownSid]:
        return known_sids(self._session.own_ledger, self._session.account, sids)

    def _sort_in(self, listed: Listed, tail: str | None) -> None:
        anybody = (one for several in self._targets.values() for one in several)
        if self._may_be(listed, anybody if tail is None else _among(self._targets, tail)):
            self._candidates[_ANYBODY if tail is None else tail].append(listed.sid)
        elif self._asks_all and self._targets:
            self._unlikely.append(listed.sid)
        elif tail is None or not self._may_be(listed, _among(self._others, tail)):
            self.strangers += 1

    def _may_be(self, listed: Listed, messages: Iterable[Unsettled]) -> bool:
        return any(listed.may_be_from(one.since, one.until) for one in messages)

    def _witness(self, known: Iterable[KnownSid]) -> None:
        """Keep the first and the last of the messages that are known: what lies between them is listed, too."""
        ordered = sorted([*self._witnesses, *known], key=lambda one: one.attempted_at)
        self._witnesses = [*ordered[:1], *ordered[1:][-1:]]

    def _ask_about(self, sids: Sequence[str], tail: str) -> None:
        silent = 0
        for sid in sids:
            report, content = self._asking.about(sid)
            self._questions += 1
            self.asked(self._questions, self._total)
            if report.then is not Then.GO_ON:
                self._unasked.add(tail)
                silent += 1
                if silent == _ENOUGH:
                    raise GaveUpError(report)
                continue
            silent = 0
            if content is not None and content.created_at is not None:
                self._times.append(content.created_at)
            self._keep_in_mind(sid, content)
            if content is None or not self._is_awaited(content.to):
                self.strangers += 1
                continue
            self._statuses[content.sid] = report.delivery.status if report.delivery else None
            self._contents[content.to].append(content)

    def _keep_in_mind(self, sid: str, content: MessageContent | None) -> None:
        """Note a Sid that keeps messages from being absent unless it turns out to be another's."""
        tail = tail_of(content.to) if content else None
        if content is None or tail is None:
            self._unread.append(sid)
        elif any(_among(self._targets, tail)):
            self._to[tail].append(content.sid)

    def _is_awaited(self, recipient: str) -> bool:
        tail = tail_of(recipient)
        return tail is not None and any(chain(_among(self._targets, tail), _among(self._others, tail)))

    def _decide(self, recipient: str) -> None:
        """Settle the messages to one recipient with all Sids that Exotel has for them."""
        contents = {content.sid: content for content in self._contents.pop(recipient, ())}
        if self._unasked & {_ANYBODY, tail_of(recipient)}:
            return
        with self._messages.at_once():
            known = self._known(contents)
            free = [content for sid, content in contents.items() if sid not in known]
            owners = self._messages.owners(recipient)
            for group in groups(owners, free, self._fingerprints):
                if group.owners:
                    self._settle(group)
                else:
                    self.strangers += len(group.contents)
                    self._doubt(owners, group.contents)

    def _doubt(self, owners: Sequence[Unsettled], strangers: Sequence[MessageContent]) -> None:
        """Say that a message may be there after all, if a clock or a zone was wrong by more than we allow for."""
        for owner in owners:
            one = self.found.get(owner.key)
            if one and one.detail == _NOT_FOUND:
                equal = (content for content in strangers if is_of_another_time(owner, content, self._fingerprints))
                if (content := next(equal, None)) and content.created_at is not None:
                    detail = f"not found; Exotel has an equal one of {local(content.created_at)}, {content.sid}"
                    self.found[owner.key] = one._replace(detail=detail)

    def _settle(self, group: Group) -> None:
        pairs = group.pairs
        for owner in group.owners if pairs is None else ():
            if owner.key in self.found:
                self.found[owner.key] = Found(owner, detail=group.doubt, is_ambiguous=True)
        for owner, content in pairs or ():
            self._proven.append(owner.since)
            if owner.key in self.found and owner.is_unknown:
                status = self._statuses[content.sid]
                self._messages.accept(owner, content.sid, status)
                self._note(Found(owner, Outcome.ACCEPTED, content.sid, status or ""))

    def _note(self, settled: Found) -> None:
        """Note what a message was settled as, unless another machine, which no step here keeps out, was quicker."""
        outcome, sid = self._messages.now(settled.message)
        if (outcome, sid) != (settled.outcome, settled.sid):
            settled = Found(settled.message, outcome, sid, _FOUND_OUT)
        self.found[settled.message.key] = settled

    def _say_who_was_not_asked_about(self) -> None:
        for tail in self._targets if _ANYBODY in self._unasked else self._unasked:
            for target in _among(self._targets, tail):
                one = self.found[target.key]
                if one.detail == _NOT_FOUND:
                    self.found[target.key] = one._replace(detail=_UNASKED)

    def _look_again(self) -> None:
        """See what others did meanwhile; what they tried again is another attempt, of which nothing was learned."""
        unknown = {(one.key, one.until) for one in self._messages.all()}  # of their numbers we may know more by now
        for key, one in self.found.items():
            if one.outcome is Outcome.UNKNOWN and (key, one.message.until) not in unknown:
                outcome, sid = self._messages.now(one.message)
                what = _TRIED_AGAIN if outcome is Outcome.UNKNOWN else _FOUND_OUT
                self.found[key] = Found(one.message, outcome, sid, what)

    def _see_who_was_called_back(self) -> None:
        """Say of which messages callbacks named Sids meanwhile, about which Exotel was not asked here."""
        for key, sid in self._messages.called_back():
            one = self.found.get(key)
            if one and one.detail == _NOT_FOUND and sid not in self._called_back:
                self.found[key] = one._replace(detail=f"{_NOT_FOUND}; meanwhile a callback named {sid}")

    def _proven_time(self) -> tuple[float, float]:
        """Return between which moments Exotel's messages of this account are listed; asks at most twice."""
        for witness in self._witnesses:
            _, content = self._asking.about(witness.sid)
            if content and content.is_near(witness.attempted_at, witness.attempted_at):
                self._proven.append(witness.attempted_at)
        moments = [*self._proven, *(time + NEAR for time in self._times)]
        return min(moments, default=0.0), max([*self._proven, *(time - NEAR for time in self._times)], default=0.0)


def _among(messages: Mapping[str, Sequence[Unsettled]], tail: str) -> Iterable[Unsettled]:
    """Return those to numbers with these last digits, of which a shared ledger may know still fewer."""
    return chain(messages.get(tail, ()), messages.get(tail[-LAST_DIGITS:], ()))


def _by_tail(messages: Iterable[Unsettled]) -> Mapping[str, Sequence[Unsettled]]:
    """Return them by the last digits; those of whose number fewer are known stand below these, and all together."""
    found: dict[str, list[Unsettled]] = defaultdict(list)
    for message in messages:
        tail = tail_of(message.recipient)
        for place in (tail,) if tail else (_ANYBODY, message.recipient[-LAST_DIGITS:]):
            found[place].append(message)
    return found
