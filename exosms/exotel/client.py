"""Exotel's SMS API: what we ask, and what its answers mean."""

from dataclasses import replace
from typing import TYPE_CHECKING

from exosms.errors import ExitCode
from exosms.exotel import wire
from exosms.exotel.attempt import Answer, Fault, NoAnswer, Verdict, judge_silence, judge_status
from exosms.exotel.line import Line
from exosms.message import Message, Outcome, Problem, Receipt, Retry
from exosms.pacing import retry_after

if TYPE_CHECKING:
    from exosms import codes

_REMEDIES = {
    Fault.RESOLVE_OR_CONNECT: "Check the network, DNS and HTTPS_PROXY, then run it again.",
    Fault.TLS: "Check that the address speaks TLS and that no firewall cuts in, then run it again.",
    Fault.CERTIFICATE: "Name the certificate of your proxy or test server in SSL_CERT_FILE, or mend the address.",
    Fault.PROXY: "Check HTTPS_PROXY, or name the host in NO_PROXY, then run it again.",
    Fault.PROXY_AUTHENTICATION: "Put the proxy's user and password into HTTPS_PROXY.",
    Fault.WRITE: "Run it again.",
    Fault.DEADLINE: "Run it again, with a longer --timeout where the network is slow.",
    Fault.INTERRUPTED: "Run it again.",
}
_THROTTLED = 40405
"""Exotel's code for throttling: what a 503 with its envelope means, whatever number it carries."""
_RETRY = {Outcome.REJECTED: Retry.NO, Outcome.NOT_SENT: Retry.SAFE, Outcome.UNKNOWN: Retry.DECIDE}


class Client:
    """Exotel's SMS API for one account."""

    def __init__(self, line: Line, *, account_sid: str) -> None:
        self._line = line
        self._account_sid = account_sid

    def send(self, message: Message) -> Receipt:
        """Post one message, once, and return what is known of it then."""
        reply = self._line.exchange("POST", wire.send_path(self._account_sid), wire.form(message))
        if isinstance(reply, NoAnswer):
            return _silence(reply)
        items = wire.read(reply.body)
        if 200 <= reply.status < 300:
            return _accepted(reply, wire.reply_to(message.to, items))
        return _refused(reply, wire.refusal_in(items))

    def check_credentials(self) -> Receipt:
        """Ask for a message that cannot exist, which shows whether the credentials are good and sends nothing.

        2xx and 404 mean that they are; source: the error table of Exotel's api/http-status-codes.
        """
        reply = self._line.exchange("GET", wire.details_path(self._account_sid, "0" * 32), b"")
        if isinstance(reply, NoAnswer):
            return _unchecked(_silence(reply))
        if 200 <= reply.status < 300 or reply.status == 404:
            return Receipt(outcome=Outcome.ACCEPTED, exit_code=ExitCode.OK, http_status=reply.status)
        return _unchecked(_refused(reply, wire.refusal_in(wire.read(reply.body))))


def _unchecked(receipt: Receipt) -> Receipt:
    """Return what a question that got no answer comes to: nothing was sent, so nothing is unknown."""
    if receipt.outcome is not Outcome.UNKNOWN or receipt.problem is None:
        return receipt
    said = receipt.problem.message or f"HTTP {receipt.http_status}"
    return replace(
        receipt,
        outcome=Outcome.NOT_SENT,
        exit_code=ExitCode.UNAVAILABLE,
        problem=replace(
            receipt.problem,
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
            Verdict(Outcome.UNKNOWN, ExitCode.UNKNOWN),
            said="" if answer.body is not None else "the answer was cut off, over 64 KiB or undecodable",
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


def _refused(answer: Answer, refusal: wire.Refusal | None) -> Receipt:
    entry = _entry(answer.status, refusal)
    code = refusal.code if refusal else None
    return _receipt(
        answer,
        judge_status(answer.status, code=code, from_exotel=refusal is not None),
        code=code,
        said=refusal.message if refusal else "",
        meaning=entry.meaning,
        remedy=entry.remedy,
    )


def _look_first() -> str:
    from exosms.catalogue.http_statuses import LOOK_FIRST

    return LOOK_FIRST


def _entry(status: int, refusal: wire.Refusal | None) -> "codes.Entry":
    """Return the catalogue's words; Exotel's number speaks only where it fits the status, which decides."""
    from exosms import codes  # only a refusal needs the catalogue

    known = codes.exotel(refusal.code) if refusal and refusal.code is not None else None
    if known and known.http_status == status:
        return known
    if status == 503 and refusal and (throttled := codes.exotel(_THROTTLED)):
        return throttled
    return codes.http(status)


def _receipt(
    answer: Answer, verdict: Verdict, *, said: str, meaning: str, remedy: str, code: int | None = None
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


def _silence(silence: NoAnswer) -> Receipt:
    verdict = judge_silence(silence)
    if silence.written:
        meaning = "The request was completely written and no usable answer came; the message may have been sent."
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
