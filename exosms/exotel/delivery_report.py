"""The answer to one question about a message: its delivery, with a remedy if it failed, or why there is none."""

from collections.abc import Sequence
from typing import NamedTuple

from exosms.codes import lookup
from exosms.codes.entry import CodeEntry
from exosms.errors import ExitCode
from exosms.exotel import wire
from exosms.sms.message import Delivery, Outcome, Problem, Receipt, Retry, Then, urgency

ASK_AGAIN = "Ask again later, with `exosms status`."
"""The remedy of a question that brought no answer for a reason that passes."""

_ABOUT_THE_TEMPLATE = {23082, 23182, 23185, 633, 635}
"""Exotel's codes, and the operators' own for the same."""

_DO_NOT_DISTURB = 23005

_DECISIVE = (Outcome.FAILED, Outcome.DELIVERED, Outcome.PENDING)
"""What counts of states that differ, first: see ``lookup.outcome_of_delivery``."""


class DeliveryReport(NamedTuple):
    """What one question brought. Asking changes nothing: without an answer the message is what it was."""

    sid: str
    exit_code: ExitCode
    delivery: Delivery | None = None
    """None: Exotel does not know the Sid, or did not say."""
    http_status: int | None = None
    problem: Problem | None = None
    """Why it failed, or why there is no answer."""
    then: Then = Then.GO_ON
    retry_after: float | None = None
    """Seconds that Exotel asked us to wait, already clamped."""

    @property
    def outcome(self) -> Outcome | None:
        """The message's outcome, where it is known."""
        return self.delivery.outcome if self.delivery else None


def reply_about(sid: str, items: Sequence[wire.Item]) -> wire.Reply | None:
    """Return what is said of the message ``sid``; another message's state is never taken for its own.

    Of several states a final one counts, and of these a failure, as where Exotel's word and code differ.
    """
    replies = (item for item in items if isinstance(item, wire.Reply) and item.sid.casefold() == sid.casefold())
    return min(replies, key=lambda reply: _DECISIVE.index(delivery_in(reply).outcome), default=None)


def delivery_in(about: wire.Reply) -> Delivery:
    """Return what an answer of Exotel's says of a delivery."""
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


def found(sid: str, delivery: Delivery, *, http_status: int | None = None) -> DeliveryReport:
    """Return the report that a delivery state makes."""
    failed = delivery.outcome is Outcome.FAILED
    return DeliveryReport(
        sid=sid,
        exit_code=ExitCode.FAILED if failed else ExitCode.OK,
        delivery=delivery,
        http_status=http_status,
        problem=_failure(delivery) if failed else None,
    )


def missing(sid: str, *, http_status: int) -> DeliveryReport:
    """Return the report for a Sid that Exotel does not know."""
    return DeliveryReport(
        sid=sid,
        exit_code=ExitCode.REFUSED,
        http_status=http_status,
        problem=Problem(
            kind="not_found",
            message="not found",
            meaning="Exotel knows no message of this account under this Sid.",
            remedy="Compare the Sid with `exosms log`, and account and region with `exosms profile show`.",
            retry=Retry.NO,
            http_status=http_status,
        ),
    )


def untold(sid: str, receipt: Receipt) -> DeliveryReport:
    """Return the report of a question without an answer; what would be unknown of a message is not so here."""
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


def decisive(reports: Sequence[DeliveryReport]) -> DeliveryReport | None:
    """Return the report that decides a command's exit code; None if there are none.

    A failed message comes first: it is certain, and asking again does not mend it. Then whatever kept an answer back,
    what a person has to mend before what time mends; then what is still pending when a wait is over.
    """

    def rank(report: DeliveryReport) -> tuple[bool, int]:
        return report.exit_code is not ExitCode.FAILED, urgency(report.exit_code)

    return min(reports, key=rank, default=None)


def entry_of(delivery: Delivery) -> CodeEntry | None:
    """Return what the catalogue says of a delivery; None where it would contradict Exotel's own word."""
    word = (delivery.status or "").lower().replace("-", "_")
    code = delivery.detailed_status_code
    if code is None and word == "failed_dnd":
        code = _DO_NOT_DISTURB
    entry = lookup.delivery(code or 0)
    if entry.outcome is delivery.outcome:
        return entry
    return lookup.operator(code or 0) if delivery.outcome is Outcome.FAILED else None


def is_about_the_template(problem: Problem) -> bool:
    """Whether a message failed with a code that the text of its template may explain."""
    return problem.kind == Outcome.FAILED and problem.code in _ABOUT_THE_TEMPLATE


def _failure(delivery: Delivery) -> Problem:
    entry = entry_of(delivery)
    return Problem(
        kind=Outcome.FAILED,
        message=delivery.detailed_status or delivery.status or "",
        meaning=entry.meaning if entry else "The message failed; Exotel's code does not say why.",
        remedy=entry.remedy if entry else "Give Exotel the Sid and ask.",
        retry=entry.retry if entry else Retry.DECIDE,
        code=delivery.detailed_status_code,
    )
