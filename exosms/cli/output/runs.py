"""What a run shows: progress, a line for each message, documents, and a summary that ends with what matters most."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from exosms.bulk.run import Settled
from exosms.bulk.stop import Stop, stop_for
from exosms.cli.output.messages import MessageResult, detail, entry_for, message_document
from exosms.cli.output.out import Document, Format, Out, facts, problem_document
from exosms.cli.output.progress import RunProgress
from exosms.cli.output.refusals import command_again
from exosms.config.account import is_of_sandbox
from exosms.errors import ExitCode, ExosmsError, InputError, Interrupted
from exosms.ledger.database import LedgerError
from exosms.ledger.run_rows import Reason
from exosms.ledger.runs import Journal, Run
from exosms.ledger.staging import LeftOut
from exosms.ledger.unknown import UnknownRow, unknown_rows_of
from exosms.send.advice import how_to_find_out
from exosms.send.one import refused_here
from exosms.sms.message import Outcome, Receipt, Retry
from exosms.system.times import local
from exosms.system.wording import counted

if TYPE_CHECKING:
    from rich.console import RenderableType

STATES = ("accepted", "rejected", "not_sent", "unknown", "skipped")


def counts_document(counts: Mapping[str, int]) -> Document:
    """Return how many rows ended how; ``remaining`` are those that are still to be sent."""
    ended = {state: counts.get(state, 0) for state in STATES}
    rows = sum(counts.values())
    return {"rows": rows, **ended, "remaining": rows - sum(ended.values())}


def run_document(run: Run, counts: Mapping[str, int], *, exit_code: int, error: Document | None) -> Document:
    """Return a run with the keys that scripts rely on; it is the same wherever it is printed."""
    return {
        "command": "bulk",
        "run": run.name,
        "file": run.file,
        "exit_code": exit_code,
        "profile": run.profile,
        "account": run.account,
        "state": "finished" if run.is_finished else "unfinished",
        "counts": counts_document(counts),
        "error": error,
    }


class RunReport:
    """Shows a run from its first message to its summary."""

    def __init__(self, out: Out, *, rows: int) -> None:
        self._out = out
        self._progress = RunProgress(out, rows=rows)

    def show(self, settled: Sequence[Settled]) -> None:
        """Show what became of some rows."""
        match self._out.format:
            case Format.JSONL:
                for one in settled:
                    self._out.item(row_document(one.item.number, one.item.line, _result(one)))
            case Format.PLAIN:
                self._out.lines(map(self._cells, settled))
        self._progress.count(settled)

    def _cells(self, settled: Settled) -> Sequence[str]:
        sid = settled.receipt.sid or ""
        if self._out.quiet:
            return (sid,) if sid else ()
        return settled.receipt.outcome, settled.item.message.to, sid, detail(_result(settled))

    def tell(self, text: str) -> None:
        """Print a hint between two paintings of the progress."""
        self._progress.clear()
        self._out.tell(text)

    def conclude(
        self, run: Run, journal: Journal, *, exit_code: int, stop: Stop | None, unknown: Sequence[UnknownRow] = ()
    ) -> None:
        """Print the summary or the document; why the run stopped, and what to do now, come last."""
        self._progress.clear()
        counts = journal.counts(run)
        remedy = next_step(run, counts, self._out.account_flags)
        if stop:
            remedy = f"{stop.problem.remedy} {remedy}".strip()
        if self._out.is_json:
            error = problem_document(stop.problem._replace(remedy=remedy)) if stop else None
            document = run_document(run, counts, exit_code=exit_code, error=error)
            later = journal.deliveries(run)
            self._out.result(
                **document,
                **({"deliveries": later} if later else {}),
                **_unknown_document(unknown),
                **self._out.sandbox_mark,
            )
        elif self._out.is_human:
            shown = summary(run, counts, journal.deliveries(run)), *reasons(journal, run), *_unknown_table(unknown)
            self._out.draw(*shown)
        has_failed = bool(exit_code)
        if not self._out.is_seen_at_once and (has_failed or self._out.format is Format.PLAIN):
            self._out.tell(sentence(run, counts), is_needed=has_failed)
            for row in journal.reasons(run)[:_MOST_REASONS]:
                self._out.tell("  " + _reason_line(row), is_needed=has_failed)
        if stop:
            status = f"HTTP {stop.problem.http_status}" if stop.problem.http_status else ""
            said = ": ".join(filter(None, (status, stop.problem.message)))
            self._out.fail(f"{said}. {stop.problem.meaning}", remedy=remedy)
        elif remedy:
            self._out.tell(remedy, is_needed=has_failed)

    def conclude_blindly(self, run: Run, error: LedgerError, *, exit_code: int) -> None:
        """Say what was shown, where the ledger cannot be read any more, lest somebody takes that for nothing sent."""
        problem = stop_for(error).problem._replace(
            meaning="Messages may have been sent; the counts are of those whose outcome was shown.",
            retry=Retry.DECIDE,
        )
        if self._out.is_json:
            document = run_document(run, self._progress.ended, exit_code=exit_code, error=problem_document(problem))
            self._out.result(**document)
        self._out.tell(sentence(run, self._progress.ended), is_needed=True)
        self._out.fail(f"{problem.message}. {problem.meaning}", remedy=problem.remedy)


def show_left_out(out: Out, rows: Iterable[LeftOut]) -> None:
    """Show the rows of a file that no request is made for: each of them has an outcome, too."""
    if out.quiet or out.format not in {Format.PLAIN, Format.JSONL}:
        return
    for row in rows:
        result = MessageResult(to=row.recipient, receipt=left_out_receipt(row))
        if out.format is Format.JSONL:
            out.item(row_document(row.number, row.line, result))
        else:
            out.line(row.state, row.recipient, "", detail(result))


def left_out_receipt(row: LeftOut) -> Receipt:
    """Return what became of a row that no request is made for."""
    if row.state == Outcome.SKIPPED:
        return Receipt(outcome=Outcome.SKIPPED, exit_code=ExitCode.OK, note=row.error)
    return refused_here(InputError(row.error, remedy="Fix the row, and send it again."))


def row_document(number: int, line: int, result: MessageResult, *, with_text: bool = False) -> Document:
    """Return what became of one row, or in a dry run would, with the keys of ``send``."""
    return {"row": number, "line": line, **message_document(result, with_text=with_text)}


def nothing_to_retry(run: Run, journal: Journal, out: Out) -> None:
    """Say that no row of a run can be sent again, and what else can be done."""
    counts = journal.counts(run)
    out.is_sandbox = is_of_sandbox(run.account)
    if out.is_json:
        out.result(**run_document(run, counts, exit_code=ExitCode.OK, error=None), **out.sandbox_mark)
    out.tell(f"nothing to retry; {sentence(run, counts)}")
    if remedy := next_step(run, counts, out.account_flags):
        out.tell(remedy)


def show_end(run: Run, journal: Journal, out: Out, *, exit_code: int) -> None:
    """Show how a run stands as a command shows it that has just sent it."""
    out.is_sandbox = is_of_sandbox(run.account)
    RunReport(out, rows=0).conclude(run, journal, exit_code=exit_code, stop=None)


def show_run(run: Run, journal: Journal, out: Out) -> None:
    """Show a run as it stands, with the rows of which nobody knows whether they were sent."""
    unknown = unknown_rows_of(journal.ledger, run, most=None if out.is_json else _MOST_UNKNOWN)
    if out.format is not Format.PLAIN:
        out.is_sandbox = is_of_sandbox(run.account)
        RunReport(out, rows=0).conclude(run, journal, exit_code=0, stop=None, unknown=unknown)
        return
    counts = journal.counts(run)
    out.line("run", run.name)
    out.line("file", run.file)
    out.line("state", "finished" if run.is_finished else "unfinished")
    for name, count in counts_document(counts).items():
        out.line(name, str(count))
    for outcome, count in journal.deliveries(run).items():
        out.line(outcome, str(count))
    for one in unknown:
        out.line("unknown_row", str(one.number), local(one.attempted_at), one.recipient, one.ending)
    for row in journal.reasons(run)[:_MOST_REASONS]:
        out.line("reason", _reason_line(row))
    if remedy := next_step(run, counts, out.account_flags):
        out.tell(remedy)


def _unknown_document(rows: Sequence[UnknownRow]) -> Document:
    listed = [
        {"row": one.number, "line": one.line, "to": one.recipient, "at": local(one.attempted_at), "ends": one.ending}
        for one in rows
    ]
    return {"unknown_rows": listed} if listed else {}


def _unknown_table(rows: Sequence[UnknownRow]) -> Sequence["RenderableType"]:
    if not rows:
        return ()
    listed = [(f"row {one.number}", f"{local(one.attempted_at)}  {one.recipient}  {one.ending}") for one in rows]
    title = "may have been sent" + (f" (the first {len(rows)})" if len(rows) == _MOST_UNKNOWN else "")
    return (facts(listed, title=title),)


def run_in_list(run: Run, counts: Mapping[str, int]) -> Document:
    """Return a run as one of many."""
    return {
        "run": run.name,
        "file": run.file,
        "state": "finished" if run.is_finished else "unfinished",
        "started_at": local(run.started_at),
        "counts": counts_document(counts),
    }


def listed(run: Run, counts: Mapping[str, int]) -> tuple[str, ...]:
    """Return a run as one line: name, state, when it began, rows, accepted ones, file."""
    state = "finished" if run.is_finished else "unfinished"
    return run.name, state, local(run.started_at), str(sum(counts.values())), str(counts.get("accepted", 0)), run.file


def _result(settled: Settled) -> MessageResult:
    return MessageResult(to=settled.item.message.to, receipt=settled.receipt, message=settled.item.message)


_MOST_REASONS = _MOST_UNKNOWN = 20


def summary(run: Run, counts: Mapping[str, int], later: Mapping[str, int]) -> "RenderableType":
    """Return a table of how many rows ended how, and what became of the accepted ones."""
    document = counts_document(counts)
    rows = [("run", run.name), ("file", run.file)]  # in the table, since a title is broken where the table is narrow
    rows += [(str(name), str(count)) for name, count in document.items() if count or name == "rows"]
    rows += [(f"of these {outcome}", str(count)) for outcome, count in later.items()]
    return facts(rows)


def reasons(journal: Journal, run: Run) -> Sequence["RenderableType"]:
    """Return a table of why rows were not accepted, equal reasons together; nothing if all were."""
    found = journal.reasons(run)
    if not found:
        return ()
    rows = [line for row in found[:_MOST_REASONS] for line in _explained(row)]
    return (facts(rows, title="why" if len(found) <= _MOST_REASONS else f"why (the {_MOST_REASONS} most frequent)"),)


def _explained(reason: Reason) -> Sequence[tuple[str, str]]:
    """Return why rows ended alike, and what the catalogue knows about that."""
    why = (f"{reason.rows} {reason.state}", _why(reason))
    entry = entry_for(reason.state, reason.http_status, reason.code)
    if entry is None:
        return (why,)
    return why, ("", entry.meaning), ("who must act", entry.who), ("", entry.remedy)


def _reason_line(reason: Reason) -> str:
    """Return one line about rows that ended alike: how many, why, and where the first one is."""
    return f"{reason.rows} {reason.state}: {_why(reason)}"


def _why(reason: Reason) -> str:
    status = f"HTTP {reason.http_status}" if reason.http_status else ""
    known = f"code {reason.code}" if reason.code is not None else ""
    why = " ".join(filter(None, (status, known, reason.error)))
    return f"{why} (first in line {reason.line})"


def sentence(run: Run, counts: Mapping[str, int]) -> str:
    """Return the counts as one line."""
    document = counts_document(counts)
    ended = ", ".join(f"{count} {name}" for name, count in document.items() if count and name != "rows")
    return f"run {run.name}: {counted(sum(counts.values()), 'row')}: {ended or 'nothing to do'}"


def next_step(run: Run, counts: Mapping[str, int], flags: Mapping[str, str] | None = None) -> str:
    """Return what a person would do now; nothing where all is done.

    Of what the command line said about the account a run remembers all but where the configuration is.
    """
    import shlex

    flags = {name: value for name, value in (flags or {}).items() if name == "--config"}
    name = shlex.quote(run.name)
    document = counts_document(counts)
    rest = shlex.join(word for flag in flags.items() for word in flag)
    command = f"{name} {rest}".rstrip()
    if document["remaining"]:
        return f"Continue with: exosms runs resume {command}"
    if document["unknown"]:
        how = how_to_find_out([run.name], account="", flags=flags)
        return f"{document['unknown']} may have been sent. {how}"
    if document["not_sent"]:
        return f"Send what was not sent with: exosms runs retry {command}"
    if document["rejected"] and run.file != "-" and run.terms.content is not None:
        command = f"exosms runs export {name} rejected.csv --outcome rejected --with {shlex.quote(run.file)}"
        return f"Get the rejected rows, to be corrected and sent, with: {command}"
    return ""


def failure(out: Out, error: ExosmsError | Interrupted, *, file: str, run: str | None = None, **more: Any) -> int:
    """Print what kept a whole run back, before its first request, and return the exit code."""
    counts = more.pop("counts", counts_document({}))
    if isinstance(error, ExosmsError) and error.again_with:
        error.remedy = f"{error.remedy.rstrip('.')}: {command_again(out.arguments, error.again_with)}"
    out.failure(error, command="bulk", run=run, file=file, counts=counts, **more)
    return error.exit_code
