"""A plan for people and for scripts: what a file would send, take and cost, and with which texts."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from exosms.bulk.plan import Plan
from exosms.cli.output.messages import MessageResult
from exosms.cli.output.out import Document, Format, Out
from exosms.cli.output.progress import duration
from exosms.cli.output.runs import counts_document, left_out_receipt, row_document
from exosms.cli.output.tables import GAP, facts
from exosms.errors import ExitCode
from exosms.ledger.staging import LeftOut, RowMessage, Samples, Totals
from exosms.sms.message import Message, Outcome, Receipt
from exosms.sms.segments import FEW_FORCING, describe
from exosms.system.escaping import printable
from exosms.system.wording import counted

PLANNED = Receipt(outcome=Outcome.PLANNED, exit_code=ExitCode.OK)

_SCREEN = 24 - 4
"""Lines of the smallest screen that a plan may fill: its head and what the shell prints need the others."""

_SCREEN_TO_ASK = _SCREEN - 8
"""The same where a question, the run's beginning and its summary follow."""

_FEW_LINES = 2
"""Lines that a value of a plan may take, unless there is room for more of a text."""


def laid_out(totals: Totals) -> Document:
    """Return how many rows are laid out, by what becomes of them where nothing is sent."""
    counts = {"waiting": totals.messages, "rejected": totals.rejected, "skipped": totals.skipped}
    return counts_document(counts)


def show_plan(plan: Plan, rows: Iterable[RowMessage | LeftOut], out: Out, *, run: str | None, file: str) -> None:
    """Show what would be sent; JSON Lines have every row, which is read as it is printed."""
    if out.format is Format.JSONL:
        for row in rows:
            out.item(planned_document(row))
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
        draw_plan(out, [("plan for", file), *screen_rows(plan)])
    else:
        for name, *values in plan_rows(plan):
            out.line(name, *values)


def draw_plan(out: Out, rows: Sequence[tuple[str, str]]) -> None:
    """Draw the plan of a dry run, so that it fits one screen."""
    out.draw(facts(_fitted(rows, width=out.width, most=_SCREEN)))


def tell_plan(plan: Plan, out: Out, *, file: str) -> None:
    """Show what is about to be sent beside the question; no texts in a log."""
    if not out.stderr.isatty():
        for name, value in screen_rows(plan, with_texts=False):
            out.tell(f"{name}: {value}")
    elif not out.quiet:
        rows = [("plan for", file), *screen_rows(plan)]
        aside = out.aside()
        aside.draw(facts(_fitted(rows, width=aside.width, most=_SCREEN_TO_ASK)))


def planned_document(row: RowMessage | LeftOut) -> Document:
    """Return what would become of one row, with its text."""
    if isinstance(row, RowMessage):
        result = MessageResult(to=row.message.to, receipt=PLANNED, message=row.message)
    else:
        result = MessageResult(to=row.recipient, receipt=left_out_receipt(row))
    return row_document(row.number, row.line, result, with_text=True)


def plan_document(plan: Plan) -> Mapping[str, Any]:
    """Return a plan with the keys that scripts rely on."""
    samples = plan.samples
    return {
        "account": plan.account or None,
        "messages": plan.totals.messages,
        "parts": plan.totals.parts,
        "unicode": plan.totals.unicode,
        "requests": plan.requests,
        "seconds": None if plan.seconds is None else round(plan.seconds),
        "duplicates": plan.duplicates,
        "sent_before": plan.before.rows,
        "texted_otherwise": plan.texted_otherwise,
        "now": None if plan.now is None else plan.now._asdict(),
        "cost": None if plan.cost is None else round(plan.cost, 2),
        "columns": {field: {"column": column, "rows": count} for column, field, count in plan.own_fields},
        "senders": samples.senders if samples else 0,
        "first": planned_document(samples.first) if samples else None,
        "longest": planned_document(samples.longest) if samples else None,
    }


def plan_rows(plan: Plan) -> list[tuple[str, ...]]:
    """Return a plan as lines of names and values, with its texts whole."""
    totals = plan.totals
    rows: list[tuple[str, ...]] = [
        ("rows", str(totals.rows)),
        ("messages", str(totals.messages)),
        ("parts", str(totals.parts)),
        ("requests", str(plan.requests)),
    ]
    if plan.now is not None:
        rows += [("messages now", str(plan.now.messages)), ("parts now", str(plan.now.parts))]
    if plan.seconds is not None:
        rows.append(("time at the allowed rate", duration(plan.seconds)))
    if totals.unicode:
        rows.append(("unicode messages", f"{totals.unicode}{_because_of(plan)}"))
    for column, field, count in plan.own_fields:
        named = f": {plan.named_senders}" if field == "from" and plan.named_senders else ""
        rows.append((f"column {column}", f"sets {field} in {counted(count, 'row')}{named}"))
    rows += [(name, str(count)) for name, count in _apart(plan) if count]
    if plan.cost is not None:
        rows.append(("cost", f"{plan.cost:.2f}"))
    if plan.samples:
        for name, message in _texts(plan.samples):
            rows.append((name, message.to, message.body))
    return rows


def _apart(plan: Plan) -> Sequence[tuple[str, int]]:
    """Return how many rows are not as the others."""
    return (
        ("rejected rows", plan.totals.rejected),
        ("skipped rows", plan.totals.skipped),
        ("duplicate rows", plan.duplicates),
        ("sent before", plan.before.rows),
        ("people who got another text", plan.texted_otherwise),
    )


def _because_of(plan: Plan) -> str:
    """Return which characters make texts Unicode; nothing where it is meant, or was asked for."""
    shown = ", ".join(f"{describe(character)} in {count}" for character, count in plan.forcing[:FEW_FORCING])
    is_meant = len(plan.forcing) > FEW_FORCING and 2 * plan.totals.unicode > plan.totals.messages  # in a script
    return f"; because of {shown}" if shown and not is_meant else ""


def _texts(samples: Samples) -> Sequence[tuple[str, Message]]:
    return ("first", samples.first.message), ("longest", samples.longest.message)


def otherwise(plan: Plan) -> str:
    """Return the warning about people who have just been sent another text; empty if there are none."""
    if not plan.texted_otherwise:
        return ""
    people = "1 person" if plan.texted_otherwise == 1 else f"{plan.texted_otherwise} people"
    return f"{people} got, or may have got, another text from an earlier run within {duration(plan.within)}"


def screen_rows(plan: Plan, *, with_texts: bool = True) -> list[tuple[str, str]]:
    """Return a plan as few names and values, what a person looks at before paying."""
    totals, samples = plan.totals, plan.samples
    counts = dict(_apart(plan)[:-1])
    if plan.are_those_skipped:  # once is enough for a person; one that another run is sending now is not skipped yet
        counts["skipped rows"] = max(counts["skipped rows"] - plan.before.rows, 0)
    apart = ", ".join(f"{count} {name.removesuffix(' rows')}" for name, count in counts.items() if count)
    because = re.sub(r"(U\+[0-9A-F]+)[^),]*(?= in |\))", r"\1", _because_of(plan)).replace("; because of", ":")
    unicode = f"; {totals.unicode} in Unicode{because}" if totals.unicode else ""
    pace = "" if plan.seconds is None else f"; {duration(plan.seconds)} at the allowed rate"
    columns = "; ".join(f"{name} sets {field} in {counted(count, 'row')}" for name, field, count in plan.own_fields)
    rows = [
        ("account", plan.account),
        ("sender", _sender(samples, plan.named_senders) if samples else ""),
        ("columns", columns),
        ("messages", f"{totals.messages} of {counted(totals.rows, 'row')}{f' ({apart})' if apart else ''}"),
        ("now", _now(plan)),
        ("parts", f"{totals.parts}{unicode}"),
        ("requests", f"{plan.requests}{pace}"),
        ("cost", "" if plan.cost is None else f"{plan.cost:.2f}"),
        ("warning", otherwise(plan)),
    ]
    if samples and with_texts:
        is_one = samples.first == samples.longest
        rows += [(name, f"{message.to}: {message.body}") for name, message in _texts(samples)[: 2 - is_one]]
    return [(name, value) for name, value in rows if value]


def _now(plan: Plan) -> str:
    if plan.now is None:
        return ""
    sent = f"{counted(plan.now.messages, 'message')}, {counted(plan.now.parts, 'part')}"
    return f"{sent}; {plan.now.left} left for `runs resume`"


def _sender(samples: Samples, named: str) -> str:
    if samples.senders > 1:
        return f"from a column, {samples.senders} different: {named}"
    return samples.first.message.fields.sender


def _fitted(rows: Sequence[tuple[str, str]], *, width: int, most: int) -> list[tuple[str, str]]:
    """Return a plan that fits so many lines: long values are cut, and say of how many characters they were."""
    width -= max(len(name) for name, _ in rows) + GAP
    texts = [name for name, _ in rows if name in {"first", "longest"}]
    short = [(name, value if name in texts else _cut(value, width, _FEW_LINES)) for name, value in rows]
    taken = sum(_lines(value, width) for name, value in short if name not in texts)
    each = max(_FEW_LINES, (most - taken) // max(len(texts), 1))
    return [(name, _cut(value, width, each) if name in texts else value) for name, value in short]


def _lines(value: str, width: int) -> int:
    """Return the lines that a value takes where words are kept together as far as they fit."""
    from rich.console import Console
    from rich.text import Text

    return len(Text(printable(value)).wrap(Console(width=width), max(width, 1), overflow="fold"))


def _cut(value: str, width: int, most: int) -> str:
    """Return as much of a value as so many lines have room for."""
    room = max(width, 1) * most
    shown = value if len(value) <= room else value[:room]
    while shown != value or _lines(shown, width) > most:
        cut = f"{shown}… ({len(value)} characters)"
        if not shown or _lines(cut, width) <= most:
            return cut
        shown = shown[:-4]
    return value
