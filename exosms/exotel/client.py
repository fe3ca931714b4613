"""Exotel's SMS API: what we ask, and what its answers mean."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from exosms.errors import ExitCode
from exosms.exotel import wire
from exosms.exotel.exchange import (
    ANSWER_LIMIT,
    Answer,
    AttemptMeaning,
    Fault,
    NoAnswer,
    judge_silence,
    judge_status,
)
from exosms.exotel.transport import Transport
from exosms.sms.compose import LONGEST_BODY
from exosms.sms.message import Delivery, Message, Outcome, Problem, Receipt, Retry, Then
from exosms.sms.rate import retry_after

if TYPE_CHECKING:
    from exosms.exotel.delivery_report import DeliveryReport

_REMEDIES = {
    Fault.RESOLVE_OR_CONNECT: "Check the network, DNS and HTTPS_PROXY, then run it again.",
    Fault.TLS: "Check that the address speaks TLS and that no firewall interferes, then run it again.",
    Fault.CERTIFICATE: "Name the certificate of your proxy or test server in SSL_CERT_FILE, or correct the address.",
    Fault.PROXY: "Check HTTPS_PROXY, or name the host in NO_PROXY, then run it again.",
    Fault.PROXY_AUTHENTICATION: "Put the proxy's user and password into HTTPS_PROXY.",
    Fault.WRITE: "Run it again.",
    Fault.DEADLINE: "Run it again, with a longer --timeout where the network is slow.",
    Fault.INTERRUPTED: "Run it again.",
    Fault.THREAD: "Raise the limit on processes, or run it again later.",
}
_RETRY = {Outcome.REJECTED: Retry.NO, Outcome.NOT_SENT: Retry.SAFE, Outcome.UNKNOWN: Retry.DECIDE}

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

    def __init__(self, line: Transport, *, account_sid: str) -> None:
        self._line = line
        self._account_sid = account_sid

    def send(self, message: Message) -> Receipt:
        """Post one message, once, and return what is known of it then."""
        reply = self._line.exchange("POST", wire.send_path(self._account_sid), wire.form(message))
        if isinstance(reply, NoAnswer):
            return _silence(reply)
        items = self._read(reply)
        if 200 <= reply.status < 300:
            return _accepted(reply, wire.reply_to(message.to, items))
        return _refused(reply, wire.refusal_in(items))

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
        reply = self._line.exchange("POST", path, form, limit=limit)
        if isinstance(reply, NoAnswer):
            return Batch((_silence(reply),) * len(messages), whole=True)
        items = self._read(reply)
        if not 200 <= reply.status < 300:
            return Batch((_refused(reply, wire.refusal_in(items)),) * len(messages), whole=True)
        return _matched(messages, items, reply)

    def details(self, sid: str) -> "DeliveryReport":
        """Ask, once, what became of a message. Asking again is always safe, and no answer makes nothing unknown.

        A Sid that does not exist is answered 200 without a message; source: Exotel's api/sms-details.
        """
        from exosms.exotel import delivery_report

        reply = self._line.exchange("GET", wire.details_path(self._account_sid, sid), b"")
        if isinstance(reply, NoAnswer):
            return _unanswered(sid, _silence(reply))
        said = 200 <= reply.status < 300 or reply.status == 404
        if said and reply.body is not None:
            about = wire.reply_about(sid, self._read(reply))
            if about is None:
                return delivery_report.missing(sid, http_status=reply.status)
            return delivery_report.found(sid, _delivery(about), http_status=reply.status)
        if said:
            return _unanswered(sid, _accepted(reply, None))
        return _unanswered(sid, _refused(reply, wire.refusal_in(self._read(reply))))

    def check_credentials(self) -> Receipt:
        """Ask for a message that cannot exist, which shows whether the credentials are good and sends nothing.

        2xx and 404 mean that they are; source: the error table of Exotel's api/http-status-codes.
        """
        reply = self._line.exchange("GET", wire.details_path(self._account_sid, "0" * 32), b"")
        if isinstance(reply, NoAnswer):
            return _unchecked(_silence(reply))
        if 200 <= reply.status < 300 or reply.status == 404:
            return Receipt(outcome=Outcome.ACCEPTED, exit_code=ExitCode.OK, http_status=reply.status)
        return _unchecked(_refused(reply, wire.refusal_in(self._read(reply))))

    def _read(self, answer: Answer) -> list[wire.Item]:
        return wire.read(answer.body, hide=self._line.hide)


def _unchecked(receipt: Receipt) -> Receipt:
    """Return what a question that got no answer comes to: nothing was sent, so nothing is unknown."""
    if receipt.outcome is not Outcome.UNKNOWN or receipt.problem is None:
        return receipt
    said = receipt.problem.message or f"HTTP {receipt.http_status}"
    return receipt._replace(
        outcome=Outcome.NOT_SENT,
        exit_code=ExitCode.UNAVAILABLE,
        problem=receipt.problem._replace(
            kind=Outcome.NOT_SENT,
            message=said,
            meaning="Exotel could not be asked; nothing was sent.",
            remedy="Check the network and the address, then run it again.",
            retry=Retry.SAFE,
        ),
    )


def _accepted(answer: Answer, reply: wire.Reply | None) -> Receipt:
    if reply is None:
        return _receipt(
            answer,
            AttemptMeaning(Outcome.UNKNOWN, ExitCode.UNKNOWN),
            said="" if answer.body is not None else "the answer was cut off, too long or undecodable",
            meaning=f"Exotel answered {answer.status} but gave no Sid; the message may have been sent.",
            remedy=_look_first(),
        )
    return Receipt(
        outcome=Outcome.ACCEPTED,
        exit_code=ExitCode.OK,
        sid=reply.sid,
        status=reply.status,
        http_status=answer.status,
        detailed_status_code=reply.detailed_status_code,
        detailed_status=reply.detailed_status,
    )


def _matched(messages: Sequence[Message], items: Sequence[wire.Item], answer: Answer) -> Batch:
    from exosms.exotel.matching import match

    matching = match(messages, items)
    receipts = tuple(
        _refused_in_place(answer, said) if isinstance(said, wire.Refusal) else _accepted(answer, said)
        for said in matching.said
    )
    return Batch(receipts, whole=not any(matching.said), matched=matching.fits)


def _refused_in_place(answer: Answer, refusal: wire.Refusal) -> Receipt:
    """Return what a refusal among accepted messages means: its own status says so, as if it had come alone."""
    if refusal.status is None or refusal.status < 400:
        return _accepted(answer, None)
    return _refused(Answer(status=refusal.status, body=answer.body, date=answer.date), refusal)


def _delivery(about: wire.Reply) -> Delivery:
    from exosms.codes import lookup

    return Delivery(
        outcome=lookup.outcome_of_delivery(about.status, about.detailed_status_code),
        status=about.status,
        detailed_status_code=about.detailed_status_code,
        detailed_status=about.detailed_status,
        to=wire.e164(about.to) if about.to and any(map(str.isdigit, about.to)) else None,
        segments=about.units,
        price=about.price,
        sent_at=wire.moment(about.date_sent),
        updated_at=wire.moment(about.date_updated),
    )


def _unanswered(sid: str, receipt: Receipt) -> "DeliveryReport":
    """Return the report of a question without an answer; what would be unknown of a message is not so here."""
    from exosms.exotel.delivery_report import ASK_AGAIN, DeliveryReport

    problem = receipt.problem
    if problem is None:  # only what was not accepted comes here
        raise AssertionError
    passing = receipt.outcome is Outcome.UNKNOWN
    exit_code = ExitCode.UNAVAILABLE if passing else receipt.exit_code
    meaning, remedy = "Exotel did not say what happened to the message.", ASK_AGAIN
    if receipt.then is Then.STOP:
        # The catalogue speaks to whoever was sending; this message was accepted, and a second one would be too many.
        meaning = f"{meaning} {problem.meaning}"
        remedy = problem.remedy.replace("then send again", "then ask again")
    elif exit_code is ExitCode.REFUSED:
        remedy = "Read Exotel's text, and compare account and address with `exosms profile show`."
    return DeliveryReport(
        sid=sid,
        exit_code=exit_code,
        http_status=receipt.http_status,
        then=Then.RETRY if passing else receipt.then,
        retry_after=receipt.retry_after,
        problem=Problem(
            kind=exit_code.name.lower(),
            message=problem.message,
            meaning=meaning,
            remedy=remedy,
            retry=Retry.SAFE,
            http_status=receipt.http_status,
            code=problem.code,
        ),
    )


def _refused(answer: Answer, refusal: wire.Refusal | None) -> Receipt:
    from exosms.codes import lookup  # only a refusal needs the catalogue

    code = refusal.code if refusal else None
    entry = lookup.refusal(answer.status, code, from_exotel=refusal is not None)
    return _receipt(
        answer,
        judge_status(answer.status, code=code, from_exotel=refusal is not None),
        code=code,
        said=refusal.message if refusal else "",
        meaning=entry.meaning,
        remedy=entry.remedy,
    )


def _look_first() -> str:
    from exosms.codes.http import LOOK_FIRST

    return LOOK_FIRST


def _receipt(
    answer: Answer, verdict: AttemptMeaning, *, said: str, meaning: str, remedy: str, code: int | None = None
) -> Receipt:
    return Receipt(
        outcome=verdict.outcome,
        exit_code=verdict.exit_code,
        then=verdict.then,
        retry_after=retry_after(answer.retry_after, date=answer.date),
        http_status=answer.status,
        problem=Problem(
            kind=verdict.outcome,
            message=said,
            meaning=meaning,
            remedy=remedy,
            retry=_RETRY[verdict.outcome],
            http_status=answer.status,
            code=code,
        ),
    )


def no_thread() -> Receipt:
    """Return the receipt of a message for whose request this machine had no thread, so that nothing began."""
    return _silence(NoAnswer(written=False, fault=Fault.THREAD))


def _silence(silence: NoAnswer) -> Receipt:
    verdict = judge_silence(silence)
    if silence.written:
        meaning = "The whole request left this machine and no usable answer came; the message may have been sent."
        remedy = _look_first()
    else:
        meaning = "The request did not reach Exotel; nothing was sent."
        remedy = _REMEDIES[silence.fault]
    return Receipt(
        outcome=verdict.outcome,
        exit_code=verdict.exit_code,
        then=verdict.then,
        problem=Problem(
            kind=verdict.outcome,
            message=": ".join(filter(None, (silence.fault, silence.detail))),
            meaning=meaning,
            remedy=remedy,
            retry=_RETRY[verdict.outcome],
        ),
    )
