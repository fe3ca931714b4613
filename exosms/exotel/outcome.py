"""What an attempt to send means for its message, as a receipt.

What a status or Exotel's code means, and what follows from it, is written in ``exosms.codes`` and nowhere else.
"""

from exosms.errors import ExitCode, in_our_words
from exosms.exotel.exchange import Answer, Fault, NoAnswer
from exosms.exotel.wire import Doubt, Refusal, Reply
from exosms.sms.message import Outcome, Problem, Receipt, Retry, Then
from exosms.sms.rate import retry_after

_TO_BE_MENDED = {Fault.CERTIFICATE, Fault.PROXY_AUTHENTICATION}
"""Every request of this machine would meet them."""


def accepted(answer: Answer, reply: Reply | Doubt | None) -> Receipt:
    """Return the receipt of a message for which a 2xx came; without a Sid it may or may not have been accepted."""
    if isinstance(reply, Doubt):
        return doubted(reply, http_status=answer.status)
    if reply is None:
        said = "" if answer.body is not None else "the answer was cut off, too long or undecodable"
        meaning = f"Exotel answered {answer.status} but gave no Sid; the message may have been sent."
        return _unknown(said, meaning, http_status=answer.status)
    return Receipt(
        outcome=Outcome.ACCEPTED,
        exit_code=ExitCode.OK,
        sid=reply.sid,
        status=reply.status,
        http_status=answer.status,
        detailed_status_code=reply.detailed_status_code,
        detailed_status=reply.detailed_status,
    )


def doubted(doubt: Doubt, *, http_status: int | None) -> Receipt:
    """Return the receipt of a message whose answer is not to be believed: it may have been accepted."""
    told = f"To {doubt.to}" if doubt.to else "", f"Sid {doubt.sid}" if doubt.sid else ""
    said = ": ".join(filter(None, (doubt.why, ", ".join(filter(None, told)))))
    meaning = (
        f"Exotel answered {http_status}, but that does not tell what became of this message; it may have been sent."
    )
    return _unknown(said, meaning, http_status=http_status)


def doubted_sid(receipt: Receipt) -> Receipt:
    """Return what becomes of a message that was accepted with a Sid that is another one's."""
    doubt = Doubt("the answer gives it the Sid of another message", sid=receipt.sid)
    return doubted(doubt, http_status=receipt.http_status)


def refused(answer: Answer, refusal: Refusal | None) -> Receipt:
    """Return the receipt of a message for which no 2xx came; ``refusal`` is what Exotel itself says in the answer."""
    from exosms.codes import lookup  # only a refusal needs the catalogue

    code = refusal.code if refusal else None
    entry = lookup.refusal(answer.status, code, from_exotel=refusal is not None)
    outcome = entry.outcome or Outcome.UNKNOWN  # only the codes of a delivery leave it open
    return Receipt(
        outcome=outcome,
        exit_code=entry.exit_code,
        then=entry.then,
        retry_after=retry_after(answer.retry_after, date=answer.date),
        http_status=answer.status,
        problem=Problem(
            kind=outcome,
            message=refusal.message if refusal else "",
            meaning=entry.meaning,
            remedy=entry.remedy,
            retry=entry.retry,
            http_status=answer.status,
            code=code,
        ),
    )


def unanswered(silence: NoAnswer) -> Receipt:
    """Return the receipt of a message whose request got no answer: once written, it may have been sent."""
    said = ": ".join(filter(None, (silence.fault, silence.detail)))
    if silence.written:
        meaning = "The whole request left this machine and no usable answer came; the message may have been sent."
        return _unknown(said, meaning)
    mended = silence.fault in _TO_BE_MENDED
    return Receipt(
        outcome=Outcome.NOT_SENT,
        exit_code=ExitCode.CONFIG if mended else ExitCode.UNAVAILABLE,
        then=Then.STOP if mended else Then.RETRY,
        problem=Problem(
            kind=Outcome.NOT_SENT,
            message=said,
            meaning="The request did not reach Exotel; nothing was sent.",
            remedy=silence.fault.remedy,
            retry=Retry.SAFE,
        ),
    )


def no_thread() -> Receipt:
    """Return the receipt of a message for whose request this machine had no thread, so that nothing began."""
    return unanswered(NoAnswer(written=False, fault=Fault.THREAD))


def lost_sight_of(error: Exception) -> Receipt:
    """Return the receipt of a message that may have been on its way when we stumbled; it stops the command."""
    stumbled = in_our_words(error)
    return Receipt(
        outcome=Outcome.UNKNOWN,
        exit_code=ExitCode.UNKNOWN,
        then=Then.STOP,
        problem=Problem(
            kind=Outcome.UNKNOWN,
            message=stumbled.message,
            meaning=f"The message may have been sent. {stumbled.remedy}",
            remedy="Do not send again yet. Look for the message in Exotel's dashboard first.",
            retry=Retry.DECIDE,
        ),
    )


def _unknown(said: str, meaning: str, *, http_status: int | None = None) -> Receipt:
    from exosms.codes.http import LOOK_FIRST

    return Receipt(
        outcome=Outcome.UNKNOWN,
        exit_code=ExitCode.UNKNOWN,
        http_status=http_status,
        problem=Problem(
            kind=Outcome.UNKNOWN,
            message=said,
            meaning=meaning,
            remedy=LOOK_FIRST,
            retry=Retry.DECIDE,
            http_status=http_status,
        ),
    )
