"""What became of messages, as lines, as tables, as JSON."""

from collections.abc import Iterable, Sequence

from exosms.cli.output.messages import delivery_document, joined, parts_price_time, reason
from exosms.cli.output.out import Document, Format, Out, problem_document
from exosms.cli.output.refusals import Shortfall
from exosms.cli.output.tables import Cell, explanation, facts
from exosms.exotel.delivery_report import DeliveryReport, entry_of
from exosms.ledger.entry import LedgerEntry
from exosms.sms.message import Delivery, Outcome, Problem

NOT_FOUND = "not_found"

INTERRUPTED = "interrupted"
"""The kind of problem of a message that was not asked about."""


def show(out: Out, report: DeliveryReport, sent: LedgerEntry | None, *, is_alone: bool) -> None:
    """Print one message on standard output; ``sent`` is how it went out from here, if it did.

    Of one alone a person sees all that is known; of several, one table shows why they failed.
    """
    match out.format:
        case Format.JSON:
            pass
        case Format.JSONL:
            out.item(document(report, sent))
        case Format.HUMAN:
            _draw(out, report, sent)
            if report.problem and is_alone:
                out.draw(facts(_rows(report, report.problem)))
        case _:
            out.line(_word(report), _to(report, sent) or "", report.sid, _detail(report))


def refusals(found: Iterable[tuple[DeliveryReport, LedgerEntry | None]]) -> list[Shortfall]:
    """Return why messages failed, or why nothing is known of them."""
    return [
        Shortfall(_to(report, sent) or report.sid, _word(report), _reason(report), _problem(report, report.problem))
        for report, sent in found
        if report.problem and report.problem.kind != INTERRUPTED  # that is said once, with how to go on
    ]


def document(report: DeliveryReport, sent: LedgerEntry | None) -> Document:
    """Return one message with the keys of ``send``, and those that only delivery has."""
    delivery = report.delivery or Delivery(outcome=Outcome.PENDING)
    return {
        "to": _to(report, sent),
        "outcome": report.outcome,
        "sid": report.sid,
        "status": delivery.status,
        "http_status": report.http_status,
        "detailed_status_code": delivery.detailed_status_code,
        "detailed_status": delivery.detailed_status,
        "encoding": None,
        "segments": delivery.segments if delivery.segments is not None or sent is None else sent.segments,
        "template": sent.template if sent else None,
        **delivery_document(delivery),
        "error": problem_document(report.problem) if report.problem else None,
    }


def _word(report: DeliveryReport) -> str:
    """Return the outcome, or in its place why there is none."""
    return report.outcome or (report.problem.kind if report.problem else "")


def _to(report: DeliveryReport, sent: LedgerEntry | None) -> str | None:
    if sent is not None:
        return sent.recipient
    return report.delivery.to if report.delivery else None


def _detail(report: DeliveryReport) -> str:
    if report.delivery:
        return report.delivery.said
    return _said(report.problem) if report.problem else ""


def _reason(report: DeliveryReport) -> str:
    return report.delivery.said if report.delivery else report.problem.said if report.problem else ""


def _problem(report: DeliveryReport, problem: Problem) -> Problem:
    """Return why a message failed, with the code of its delivery; that a Sid is not found is said in words."""
    if report.delivery:
        return problem._replace(code=report.delivery.detailed_status_code)
    return problem._replace(http_status=None) if problem.kind == NOT_FOUND else problem


def _said(problem: Problem) -> str:
    return problem.message if problem.kind == NOT_FOUND else reason(problem)


def _draw(out: Out, report: DeliveryReport, sent: LedgerEntry | None) -> None:
    out.line(f"{_word(report)}  {_to(report, sent) or ''}".rstrip())
    out.line(f"  {report.sid}")
    delivery = report.delivery
    if delivery and not report.problem:
        out.sentence(joined(f"Exotel says {delivery.said}", parts_price_time(delivery)), indent="  ")
        entry = None if delivery.is_final else entry_of(delivery)
        if entry:
            out.sentence(f"{entry.meaning} {entry.remedy}", indent="  ")


def _rows(report: DeliveryReport, problem: Problem) -> Sequence[tuple[str, Cell]]:
    delivery = report.delivery
    entry = entry_of(delivery) if delivery and report.outcome is Outcome.FAILED else None
    return [
        ("Exotel says", delivery.said if delivery else ""),
        ("Parts, price, time", parts_price_time(delivery) if delivery else ""),
        ("What happened", "" if entry else _said(problem)),
        *explanation(entry, meaning=problem.meaning, remedy=problem.remedy),
    ]
