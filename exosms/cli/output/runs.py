"""What a run shows: progress, a line for each message, documents, and a summary that ends with what matters most."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from exosms.bulk.run import Settled
from exosms.bulk.stop import Stop, stop_for
from exosms.cli.output.messages import MessageResult, detail, entry_for, message_document
from exosms.cli.output.out import Document, Format, Out, problem_document
from exosms.cli.output.progress import RunProgress
from exosms.cli.output.refusals import ErrorRow, command_again, draw_errors
from exosms.cli.output.tables import draw_table
from exosms.config.account import is_of_sandbox
from exosms.errors import ExitCode, ExosmsError, InputError, Interrupted
from exosms.ledger.database import LedgerError
from exosms.ledger.process_locks import process_of
from exosms.ledger.run_rows import Reason
from exosms.ledger.runs import Journal, Run
from exosms.ledger.staging import LeftOut
from exosms.ledger.unknown import UnknownRow, unknown_rows_of
from exosms.send.advice import how_to_find_out
from exosms.send.one import refused_here
from exosms.sms.message import Outcome, Problem, Receipt, Retry
from exosms.system.escaping import for_shell
from exosms.system.times import for_people, local
from exosms.system.wording import counted

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
        "state": run.state,
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
        self._out.show_traced()
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
        self._out.show_traced()
        self._out.tell(text)

    def conclude(
        self,
        run: Run,
        journal: Journal,
        *,
        exit_code: int,
        stop: Stop | None,
        unknown: Sequence[UnknownRow] = (),
        holder: str | None = None,
    ) -> None:
        """Print the summary or the document; why the run stopped, and what to do now, come last."""
        self._progress.clear()
        self._out.show_traced()
        counts = journal.counts(run)
        is_over = stop is not None and stop.is_for_good
        flags = self._out.account_flags
        *steps, remedy = ([] if is_over else [*next_steps(run, counts, flags, holder=holder)]) or [""]
        if stop and not self._is_stop_drawn(stop):
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
            self._draw(run, journal, counts, unknown, stop)
        has_failed = bool(exit_code)
        if not self._out.is_seen_at_once and (has_failed or self._out.format is Format.PLAIN):
            self._out.tell(sentence(run, counts), is_needed=has_failed)
            for row in journal.reasons(run)[:_MOST_REASONS]:
                self._out.tell("  " + _reason_line(row), is_needed=has_failed)
        for step in steps:
            self._out.tell(step, is_needed=has_failed)
        if stop and not self._is_stop_drawn(stop):
            status = f"HTTP {stop.problem.http_status}" if stop.problem.http_status else ""
            said = ": ".join(filter(None, (status, stop.problem.message)))
            self._out.fail(f"{said}. {stop.problem.meaning}", remedy=remedy)
        elif remedy:
            self._out.tell(remedy, is_needed=has_failed)

    def _draw(
        self, run: Run, journal: Journal, counts: Mapping[str, int], unknown: Sequence[UnknownRow], stop: Stop | None
    ) -> None:
        """Draw how many rows ended how, then why, then of which nobody knows whether they were sent."""
        ended: dict[str, tuple[str, ...]] = {
            name: (str(n),) for name, n in counts_document(counts).items() if n or name == "rows"
        }
        if later := journal.deliveries(run):
            ended["accepted"] += tuple(f"{count} {outcome}" for outcome, count in later.items())
        self._out.sentence(f"run {run.name}  {run.file}")
        draw_table(self._out, (*ended,), [(*ended.values(),)], folding=0)
        reasons = journal.reasons(run)
        stopped = [_stop_row(stop.problem, counts)] if stop and self._is_stop_drawn(stop) else []
        if stopped or reasons:
            draw_errors(self._out, [*stopped, *map(_error_row, reasons[:_MOST_REASONS])])
            if len(reasons) > _MOST_REASONS:
                self._out.line(f"and {len(reasons) - _MOST_REASONS} less frequent reasons")
        if unknown:
            self._out.line("")
            self._out.line("may have been sent" + f" (the first {len(unknown)})" * (len(unknown) == _MOST_UNKNOWN))
            rows = [(str(one.number), for_people(one.attempted_at), one.recipient, one.ending) for one in unknown]
            draw_table(self._out, ("row", "at", "to", "text ends"), rows)

    def _is_stop_drawn(self, stop: Stop) -> bool:
        """Whether the table of errors is seen and has the answer that stopped the run."""
        return self._out.is_seen_at_once and stop.problem.http_status is not None

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
    for step in next_steps(run, counts, out.account_flags):
        out.tell(step)


def show_end(run: Run, journal: Journal, out: Out, *, exit_code: int) -> None:
    """Show how a run stands as a command shows it that has just sent it."""
    out.is_sandbox = is_of_sandbox(run.account)
    RunReport(out, rows=0).conclude(run, journal, exit_code=exit_code, stop=None)


def show_run(run: Run, journal: Journal, out: Out) -> None:
    """Show a run as it stands, with the rows of which nobody knows whether they were sent."""
    unknown = unknown_rows_of(journal.ledger, run, most=None if out.is_json else _MOST_UNKNOWN)
    if out.format is not Format.PLAIN:
        out.is_sandbox = is_of_sandbox(run.account)
        RunReport(out, rows=0).conclude(run, journal, exit_code=0, stop=None, unknown=unknown, holder=run.owner)
        return
    counts = journal.counts(run)
    out.line("run", run.name)
    out.line("file", run.file)
    out.line("state", run.state)
    for name, count in counts_document(counts).items():
        out.line(name, str(count))
    for outcome, count in journal.deliveries(run).items():
        out.line(outcome, str(count))
    for one in unknown:
        out.line("unknown_row", str(one.number), local(one.attempted_at), one.recipient, one.ending)
    for row in journal.reasons(run)[:_MOST_REASONS]:
        out.line("reason", _reason_line(row))
    for step in next_steps(run, counts, out.account_flags, holder=run.owner):
        out.tell(step)


def _unknown_document(rows: Sequence[UnknownRow]) -> Document:
    listed = [
        {"row": one.number, "line": one.line, "to": one.recipient, "at": local(one.attempted_at), "ends": one.ending}
        for one in rows
    ]
    return {"unknown_rows": listed} if listed else {}


def run_in_list(run: Run, counts: Mapping[str, int]) -> Document:
    """Return a run as one of many."""
    return {
        "run": run.name,
        "file": run.file,
        "state": run.state,
        "started_at": local(run.started_at),
        "counts": counts_document(counts),
    }


def draw_list(out: Out, runs: Iterable[tuple[Run, Mapping[str, int]]]) -> None:
    """Draw runs, one in a row."""
    rows = [
        (for_people(run.started_at), state, f"{accepted} of {of_all}", name, file)
        for run, counts in runs
        for name, state, _, of_all, accepted, file in [listed(run, counts)]
    ]
    draw_table(out, ("Began", "State", "Accepted", "Run", "File"), rows)


def listed(run: Run, counts: Mapping[str, int]) -> tuple[str, ...]:
    """Return a run as one line: name, state, when it began, rows, accepted ones, file."""
    accepted = str(counts.get("accepted", 0))
    return run.name, run.state, local(run.started_at), str(sum(counts.values())), accepted, run.file


def _result(settled: Settled) -> MessageResult:
    return MessageResult(to=settled.item.message.to, receipt=settled.receipt, message=settled.item.message)


_MOST_REASONS = _MOST_UNKNOWN = 20


def _stop_row(problem: Problem, counts: Mapping[str, int]) -> ErrorRow:
    """Return what stopped a run, and for how many rows."""
    left = counts_document(counts)["remaining"]
    said = problem.message, problem.meaning, problem.remedy
    return ErrorRow(problem.http_status, problem.code, "remaining", left, "", *said)


def _error_row(reason: Reason) -> ErrorRow:
    """Return why rows ended alike, and what the catalogue knows about that."""
    entry = entry_for(reason.state, reason.http_status, reason.code)
    return ErrorRow(
        reason.http_status,
        reason.code,
        reason.state,
        reason.rows,
        f"line {reason.line}",
        reason.error or "",
        entry.meaning if entry else "",
        entry.remedy if entry else "",
    )


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


def next_steps(
    run: Run, counts: Mapping[str, int], flags: Mapping[str, str] | None = None, *, holder: str | None = None
) -> Iterator[str]:
    """Yield what a person would do now, what matters most last; while rows are left nothing but to go on.

    ``holder`` is the owner of a run that is being sent.

    Of what the command line said about the account a run remembers all but where the configuration is.
    """
    flags = {name: value for name, value in (flags or {}).items() if name == "--config"}
    name = for_shell(run.name)
    document = counts_document(counts)
    rest = for_shell(*(word for flag in flags.items() for word in flag))
    command = f"{name} {rest}".rstrip()
    if document["remaining"] and holder:
        yield f"It is being sent by process {process_of(holder)}: wait for it, or stop it first."
        return
    if document["remaining"]:
        yield f"Continue with: exosms runs resume {command}"
        return
    if document["rejected"] and run.file != "-" and run.terms.content is not None:
        export = f"exosms runs export {name} rejected.csv --outcome rejected --with {for_shell(run.file)}"
        yield f"Get the rejected rows, to be corrected and sent, with: {export}"
    if document["not_sent"]:
        yield f"Send what was not sent with: exosms runs retry {command}"
    if document["unknown"]:
        how = how_to_find_out([run.name], account="", flags=flags)
        yield f"{document['unknown']} may have been sent. {how}"


def failure(out: Out, error: ExosmsError | Interrupted, *, file: str, run: str | None = None, **more: Any) -> int:
    """Print what kept a whole run back, before its first request, and return the exit code."""
    counts = more.pop("counts", counts_document({}))
    if isinstance(error, ExosmsError) and error.again_with:
        error.remedy = f"{error.remedy.rstrip('.')}: {command_again(out.arguments, error.again_with)}"
    out.failure(error, command="bulk", run=run, file=file, counts=counts, **more)
    return error.exit_code
