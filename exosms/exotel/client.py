"""Exotel's SMS API: what we ask, and what its answers mean."""

import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from exosms.errors import ExitCode
from exosms.exotel import wire
from exosms.exotel.exchange import ANSWER_LIMIT, Answer, NoAnswer
from exosms.exotel.outcome import accepted, doubted, refused, unanswered
from exosms.exotel.transport import Transport
from exosms.sms.compose import LONGEST_BODY
from exosms.sms.message import Message, Outcome, Receipt, Retry, Then

if TYPE_CHECKING:
    from exosms.exotel.delivery_report import DeliveryReport
    from exosms.exotel.message_content import MessageContent
    from exosms.exotel.message_list import Page

_Said = TypeVar("_Said", bound=wire.Item | wire.Doubt | None)

_TAKEN = "the request was refused, but the answer has a Sid"
_SOME_TAKEN = wire.Doubt("the request was refused, but the answer has Sids")

# Compiled where it is needed, which a plain start is not.
_SID_IN_PIECES = rb'"Sid"\s*:\s*(?:"[^"]|\d)|<Sid>\s*[^<\s]'
"""A Sid in what is no JSON or XML: it is cut off, or has a warning of the server's before it."""

_REPLY_SIZE = 12 * LONGEST_BODY + 1000
"""Bytes that one more message adds to a reply: its text comes back, each character as up to two \\uXXXX."""


class Batch(NamedTuple):
    """What is known of the messages of one request, in their order."""

    receipts: tuple[Receipt, ...]
    whole: bool
    """Whether the request as such was answered, refused or not, so that every receipt says the same."""
    matched: bool = True
    """False: a reply came that does not fit what was asked."""


class Client:
    """Exotel's SMS API for one account."""

    def __init__(self, transport: Transport, *, account_sid: str, region: str = "", other_region: str = "") -> None:
        """Take where the account is said to be, and where it may be instead, for who is told of a 401."""
        self._transport = transport
        self._account_sid = account_sid
        self._other_region = f" in {region}; the other region is {other_region}" if other_region else ""

    def send(self, message: Message) -> Receipt:
        """Post one message, once, and return what is known of it then."""
        reply = self._transport.exchange("POST", wire.send_path(self._account_sid), wire.form(message))
        if isinstance(reply, NoAnswer):
            return unanswered(reply)
        items = wire.read(reply.body)
        if reply.is_success:
            return accepted(reply, self._shown(wire.reply_to(message.to, items)))
        receipt = self._refused(reply, items)
        taken = _taken_in(reply)
        if taken and receipt.then is Then.PAUSE:  # or it would be sent again
            return doubted(self._shown(taken), http_status=reply.status)
        return receipt

    def send_batch(self, messages: Sequence[Message]) -> Batch:
        """Post messages in one request, once.

        At most 100 of them, no recipient twice, and several of them with the same ``envelope``.
        """
        if len(messages) == 1:
            return Batch((self.send(messages[0]),), whole=True)
        if all(one.body == messages[0].body and one.fields == messages[0].fields for one in messages):
            path, form = wire.send_path(self._account_sid), wire.same_text_form(messages)
        else:
            path, form = wire.bulk_path(self._account_sid), wire.texts_form(messages)
        limit = ANSWER_LIMIT + _REPLY_SIZE * (len(messages) - 1)
        reply = self._transport.exchange("POST", path, form, limit=limit)
        if isinstance(reply, NoAnswer):
            return Batch((unanswered(reply),) * len(messages), whole=True)
        items = wire.read(reply.body)
        if reply.is_success:
            return self._matched(messages, items, reply)
        some_taken = _taken_in(reply) is not None
        receipt = doubted(_SOME_TAKEN, http_status=reply.status) if some_taken else self._refused(reply, items)
        return Batch((receipt,) * len(messages), whole=not some_taken)

    def details(self, sid: str) -> "DeliveryReport":
        """Ask, once, what became of a message. Asking again is always safe, and no answer makes nothing unknown.

        A Sid that does not exist is answered 200 without a message; source: Exotel's api/sms-details.
        """
        return self._report(sid, self._ask(sid))

    def content(self, sid: str) -> "tuple[DeliveryReport, MessageContent | None]":
        """Ask as ``details`` does; return also what the message is, if Exotel says all of it."""
        from exosms.exotel.message_content import content_about

        reply = self._ask(sid)
        report = self._report(sid, reply)
        if isinstance(reply, NoAnswer) or report.delivery is None:
            return report, None
        return report, content_about(sid, reply.body)

    def listed(self, since: float, until: float, *, host: str) -> "Iterator[Page | DeliveryReport]":
        """Yield the pages of Exotel's list of the messages between two moments; a report says why there is none.

        After a report that there was no answer it asks for the same page again. No other host is ever asked.
        """
        from exosms.exotel import delivery_report, message_list

        path: str | None = message_list.list_path(self._account_sid, since, until)
        seen: set[str] = set()
        sids: set[str] = set()  # pages that shift while they are read repeat some and lack others
        total = 0
        while path is not None and path not in seen:
            limit = ANSWER_LIMIT + _REPLY_SIZE * message_list.PAGE
            reply = self._transport.exchange("GET", path, b"", limit=limit)
            if isinstance(reply, NoAnswer):
                yield delivery_report.untold("", unanswered(reply))
                continue
            page = message_list.read_page(reply.body, host=host) if reply.is_success else None
            if page is not None:
                seen.add(path)
                path = page.next_path
                listed = [one._replace(sid=self._transport.hide(one.sid, is_name=True)) for one in page.listed]
                sids.update(one.sid.lower() for one in listed)
                total = max(total, page.total)
                is_short = path in seen or (path is None and len(sids) < total)  # one that turns back hides its rest
                yield page._replace(listed=listed, is_whole=page.is_whole and not is_short)
            elif reply.is_success:
                yield delivery_report.missing("", http_status=reply.status)
                return
            else:
                yield delivery_report.untold("", self._refused(reply, wire.read(reply.body)))

    def _ask(self, sid: str) -> Answer | NoAnswer:
        return self._transport.exchange("GET", wire.details_path(self._account_sid, sid), b"")

    def _report(self, sid: str, reply: Answer | NoAnswer) -> "DeliveryReport":
        from exosms.exotel import delivery_report

        if isinstance(reply, NoAnswer):
            return delivery_report.untold(sid, unanswered(reply))
        is_missing = reply.status == 404
        said = reply.is_success or is_missing
        if said and reply.body is not None and (is_missing or not wire.is_speechless(reply.body)):
            about = delivery_report.reply_about(sid, wire.read(reply.body))
            if about is None:
                return delivery_report.missing(sid, http_status=reply.status)
            outcome = delivery_report.delivery_in(about).outcome  # of the status as Exotel wrote it
            delivery = delivery_report.delivery_in(self._shown(about))._replace(outcome=outcome)
            return delivery_report.found(sid, delivery, http_status=reply.status)
        if said:
            return delivery_report.untold(sid, accepted(reply, None))
        return delivery_report.untold(sid, self._refused(reply, wire.read(reply.body)))

    def check_credentials(self) -> Receipt:
        """Ask for a message that cannot exist, which shows whether the credentials are good and sends nothing.

        2xx and 404 mean that they are; source: the error table of Exotel's api/http-status-codes.
        """
        reply = self._ask("0" * 32)
        if isinstance(reply, NoAnswer):
            return _unchecked(unanswered(reply))
        if reply.is_success or reply.status == 404:
            return Receipt(outcome=Outcome.ACCEPTED, exit_code=ExitCode.OK, http_status=reply.status)
        return _unchecked(self._refused(reply, wire.read(reply.body)))

    def _refused(self, answer: Answer, items: Sequence[wire.Item]) -> Receipt:
        receipt = refused(answer, self._shown(wire.refusal_in(items)))
        if answer.status != HTTPStatus.UNAUTHORIZED or not self._other_region or receipt.problem is None:
            return receipt
        meaning = f"Exotel did not accept this API key and token{self._other_region}."
        return receipt._replace(problem=receipt.problem._replace(meaning=meaning))

    def _shown(self, said: _Said) -> _Said:
        """Return what was understood without the credentials."""
        return wire.hidden([said], self._transport.hide)[0]

    def _matched(self, messages: Sequence[Message], items: Sequence[wire.Item], answer: Answer) -> Batch:
        from exosms.exotel.reply_matching import match

        matching = match(messages, items)
        receipts = tuple(
            _refused_in_place(answer, said) if isinstance(said, wire.Refusal) else accepted(answer, said)
            for said in wire.hidden(matching.said, self._transport.hide)
        )
        answered = any(isinstance(said, wire.Reply | wire.Refusal) for said in matching.said)
        return Batch(receipts, whole=not answered, matched=matching.fits)


def _taken_in(refusal: Answer) -> wire.Doubt | None:
    """Return why a refused request may have been taken all the same: its answer has a Sid, wherever that stands."""
    taken = next(wire.described(refusal.body), None)
    if taken is not None:
        return wire.doubt_about(taken, _TAKEN)
    return wire.Doubt(_TAKEN) if re.search(_SID_IN_PIECES, refusal.body or b"") else None


def _unchecked(receipt: Receipt) -> Receipt:
    """Return what a question that got no answer comes to: nothing was sent, so nothing is unknown."""
    if receipt.outcome is not Outcome.UNKNOWN or receipt.problem is None:
        return receipt
    return receipt._replace(
        outcome=Outcome.NOT_SENT,
        exit_code=ExitCode.UNAVAILABLE,
        problem=receipt.problem._replace(
            kind=Outcome.NOT_SENT,
            message=receipt.problem.message or receipt.problem.status_text,
            meaning="Exotel could not be asked; nothing was sent.",
            remedy="Check the network and the address, then run it again.",
            retry=Retry.SAFE,
        ),
    )


def _refused_in_place(answer: Answer, refusal: wire.Refusal) -> Receipt:
    """Return what a refusal among accepted messages means: its own status says so, as if it had come alone."""
    if refusal.sid:
        return doubted(wire.Doubt(_TAKEN, refusal.sid, refusal.to), http_status=answer.status)
    if refusal.status is None or refusal.status < 400:
        return accepted(answer, None)
    return refused(Answer(status=refusal.status, body=answer.body, date=answer.date), refusal)
