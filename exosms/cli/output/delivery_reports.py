"""What became of messages, as lines, as tables, as JSON."""

from collections.abc import Mapping
from typing import Any

from exosms.cli.output.messages import causes, delivery_document, delivery_facts, problem_document
from exosms.cli.output.out import Format, Out, facts
from exosms.exotel.delivery_report import Finding, entry_of
from exosms.ledger.messages import Entry
from exosms.sms.message import Delivery, Outcome, Problem


def show(out: Out, finding: Finding, sent: Entry | None, *, sandbox: bool) -> None:
    """Print one message; ``sent`` is how it went out from here, if it did."""
    match out.format:
        case Format.JSON:
            return
        case Format.JSONL:
            out.document({**document(finding, sent), **({"sandbox": True} if sandbox else {})})
        case Format.HUMAN:
            _draw(out, finding, sent)
            return
        case _:
            out.line(_word(finding), _to(finding, sent) or "", finding.sid, _detail(finding))
    if finding.problem:
        about = _to(finding, sent) or finding.sid
        out.tell(f"{about}: {finding.problem.meaning} {finding.problem.remedy}".rstrip())


def document(finding: Finding, sent: Entry | None) -> Mapping[str, Any]:
    """Return one message with the keys of ``send``, and those that only delivery has."""
    delivery = finding.delivery or Delivery(outcome=Outcome.PENDING)
    return {
        "to": _to(finding, sent),
        "outcome": finding.outcome,
        "sid": finding.sid,
        "status": delivery.status,
        "http_status": finding.http_status,
        "detailed_status_code": delivery.detailed_status_code,
        "detailed_status": delivery.detailed_status,
        "encoding": None,
        "segments": delivery.segments if delivery.segments is not None or sent is None else sent.segments,
        "template": sent.template if sent else None,
        **delivery_document(delivery),
        "error": problem_document(finding.problem) if finding.problem else None,
    }


def _word(finding: Finding) -> str:
    """Return the outcome, or in its place why there is none."""
    return finding.outcome or (finding.problem.kind if finding.problem else "")


def _to(finding: Finding, sent: Entry | None) -> str | None:
    if sent is not None:
        return sent.recipient
    return finding.delivery.to if finding.delivery else None


def _detail(finding: Finding) -> str:
    if finding.delivery:
        return finding.delivery.said
    return _said(finding.problem) if finding.problem else ""


def _said(problem: Problem) -> str:
    if problem.kind == "not_found":
        return problem.message
    status = f"HTTP {problem.http_status}" if problem.http_status else ""
    return ": ".join(filter(None, (status, problem.message or problem.meaning)))


def _draw(out: Out, finding: Finding, sent: Entry | None) -> None:
    out.line(f"{_word(finding)}  {_to(finding, sent) or ''}".rstrip())
    out.line(f"  {finding.sid}")
    if finding.problem is None:
        delivery = finding.delivery
        about = "; ".join(delivery_facts(delivery)) if delivery else ""
        entry = entry_of(delivery) if delivery and not delivery.is_final else None
        out.line(f"  {about}")
        if entry:
            out.line(f"  {entry.meaning} {entry.remedy}")
        return
    out.draw(facts(_rows(finding, finding.problem)))


def _rows(finding: Finding, problem: Problem) -> list[tuple[str, str]]:
    delivery = finding.delivery
    entry = entry_of(delivery) if delivery and finding.outcome is Outcome.FAILED else None
    what, *more = delivery_facts(delivery) if delivery else [""]
    rows = [
        ("Exotel says", what.removeprefix("Exotel says ")),
        ("Parts, price, time", "; ".join(more)),
        ("What happened", "" if entry else _said(problem)),
        ("What it means", problem.meaning),
        *causes(entry),
        ("Who must act", entry.who if entry else ""),
        ("What to do now", problem.remedy),
        ("Send again?", entry.retry if entry else ""),
        ("Charged?", entry.charged if entry else ""),
    ]
    return [row for row in rows if row[1]]
