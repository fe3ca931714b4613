"""A plan for people and for scripts: what a file would send, take and cost."""

from collections.abc import Mapping, Sequence
from typing import Any

from exosms.bulk.plan import Plan
from exosms.cli.output.out import Document, Out, facts
from exosms.cli.output.progress import duration
from exosms.cli.output.runs import counts_document
from exosms.ledger.staging import Totals
from exosms.sms.message import Message
from exosms.sms.segments import FEW_FORCING, describe
from exosms.system.wording import counted


def laid_out(totals: Totals) -> Document:
    """Return how many rows are laid out, by what becomes of them where nothing is sent."""
    counts = {"waiting": totals.messages, "rejected": totals.rejected, "skipped": totals.skipped}
    return counts_document(counts)


def show_plan(plan: Plan, goes_out: Sequence[tuple[str, str]], out: Out, *, run: str | None, file: str) -> None:
    """Show what would be sent; a person also sees ``goes_out``."""
    if out.is_json:
        out.result(
            run=run,
            file=file,
            exit_code=0,
            outcome="planned",
            counts=laid_out(plan.totals),
            plan=plan_document(plan),
            error=None,
        )
    elif out.is_human:
        out.draw(facts([("plan for", file), *plan_rows(plan), *goes_out]))
    else:
        for name, value in plan_rows(plan):
            out.line(name, value)


def plan_document(plan: Plan) -> Mapping[str, Any]:
    """Return a plan with the keys that scripts rely on."""
    return {
        "messages": plan.totals.messages,
        "parts": plan.totals.parts,
        "unicode": plan.totals.unicode,
        "requests": plan.requests,
        "seconds": None if plan.seconds is None else round(plan.seconds),
        "duplicates": plan.duplicates,
        "sent_before": plan.before.rows,
        "cost": None if plan.cost is None else round(plan.cost, 2),
        "columns": {field: {"column": column, "rows": count} for column, field, count in plan.own_fields},
    }


def plan_rows(plan: Plan) -> list[tuple[str, str]]:
    """Return a plan as names and values."""
    totals = plan.totals
    rows = [
        ("rows", str(totals.rows)),
        ("messages", str(totals.messages)),
        ("parts", str(totals.parts)),
        ("requests", str(plan.requests)),
    ]
    if plan.seconds is not None:
        rows.append(("time at the allowed rate", duration(plan.seconds)))
    if totals.unicode:
        shown = ", ".join(f"{describe(character)} in {count}" for character, count in plan.forcing[:FEW_FORCING])
        is_meant = len(plan.forcing) > FEW_FORCING and 2 * totals.unicode > totals.messages  # written in a script
        why = f"; because of {shown}" if shown and not is_meant else ""  # without any they were asked to be
        rows.append(("unicode messages", f"{totals.unicode}{why}"))
    for column, field, count in plan.own_fields:
        rows.append((f"column {column}", f"sets {field} in {counted(count, 'row')}"))
    for name, count in (
        ("rejected rows", totals.rejected),
        ("skipped rows", totals.skipped),
        ("duplicates", plan.duplicates),
        ("sent before", plan.before.rows),
    ):
        if count:
            rows.append((name, str(count)))
    if plan.cost is not None:
        rows.append(("cost", f"{plan.cost:.2f}"))
    return rows


def sample_rows(samples: Sequence[Message]) -> list[tuple[str, str]]:
    """Return the first message, and the longest if it is another, as names and values."""
    rows = [
        (name, f"{message.to}: {message.body}") for name, message in zip(("first", "longest"), samples, strict=False)
    ]
    return [*(("from", message.fields.sender) for message in samples[:1] if message.fields.sender), *rows]
