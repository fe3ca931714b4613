"""What sending the rest of a run would do: a dry run of ``runs retry``, and of ``bulk --run``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from exosms.bulk.lifecycle import RunContext, check_copies, check_each, check_rest, guards_of_run
from exosms.cli.context import run_of, settings_of_run
from exosms.cli.ledgers import ledger_if_there, run_context
from exosms.cli.output.messages import MessageResult, detail
from exosms.cli.output.out import Document, Format, Out
from exosms.cli.output.plan import PLANNED, draw_plan, planned_document
from exosms.cli.output.runs import counts_document, failure, nothing_to_retry, row_document, run_document
from exosms.config.account import is_of_sandbox
from exosms.config.settings import AccountOptions
from exosms.errors import ExitCode, ExosmsError
from exosms.ledger.entry import State
from exosms.ledger.run_rows import ClaimedRow
from exosms.ledger.runs import Journal, Run
from exosms.ledger.staging import RowMessage
from exosms.sms.guards import Guards
from exosms.sms.message import Message, Outcome, Receipt
from exosms.system.signals import Interrupts
from exosms.system.wording import counted


def foresee(name: str, states: Sequence[State], options: AccountOptions, out: Out, *, limit: int | None) -> int:
    """Show which rows of a run would be sent again; needs no credentials and writes nothing."""
    file, counts = "", counts_document({})
    try:
        with ledger_if_there() as ledger:
            journal = Journal(ledger)
            run = run_of(journal, name, options)
            file, counts = run.file, counts_document(journal.counts(run))
            settings = settings_of_run(out, run, options, account_needed=False)
            if not journal.may_go_again(run, states):
                nothing_to_retry(run, journal, out)
                return ExitCode.OK
            with run_context(settings, ledger, out, Interrupts(), is_dry=True) as context:
                check_copies(run, context, again=True)
                return show_rows(run, context, states, guards_of_run(run, settings), out, limit=limit)
    except ExosmsError as error:
        return failure(out, error, file=file, run=name, counts=counts)


def show_rows(
    run: Run, context: RunContext, states: Sequence[State], guards: Guards, out: Out, *, limit: int | None
) -> int:
    """Show the first ``limit`` rows of a run in these states as they would be sent, or all.

    Raises GuardError for what a guard says.
    """
    out.is_sandbox = is_of_sandbox(run.account)
    journal, foreseen = context.journal, _Foreseen()
    check_each(guards, foreseen.messages(islice(journal.would_go(run, states), limit)))
    check_rest(run, journal, guards, limit=limit)
    if guards.max_parts_per_day is not None:
        guards.check_day(context.ledger.common.parts_today(run.account) + foreseen.parts)
    if out.format in {Format.PLAIN, Format.JSONL} and not out.quiet:
        for row, held in islice(journal.would_go(run, states), limit):
            _show(row, held, out)
    if out.is_json:
        document = run_document(run, journal.counts(run), exit_code=ExitCode.OK, error=None)
        out.result(**document, outcome=Outcome.PLANNED, plan=foreseen.document(), **out.sandbox_mark)
    elif out.is_human:
        draw_plan(out, [("run", run.name), ("account", run.account), *foreseen.rows()])
    else:
        out.tell(f"run {run.name}: {foreseen.sentence}")
    return ExitCode.OK


def _show(row: ClaimedRow, held: str | None, out: Out) -> None:
    receipt = PLANNED if held is None else Receipt(outcome=Outcome.SKIPPED, exit_code=ExitCode.OK, note=held)
    result = MessageResult(to=row.message.to, receipt=receipt, message=row.message)
    if out.format is Format.JSONL:
        out.item(row_document(row.number, row.line, result, with_text=True))
    else:
        out.line(receipt.outcome, result.to, "", detail(result))


class _Foreseen:
    """Sums up what would be sent, as it is gone through."""

    def __init__(self) -> None:
        self.parts = 0
        self._planned = self._skipped = 0
        self._first: ClaimedRow | None = None
        self._longest: ClaimedRow | None = None

    def messages(self, rows: Iterable[tuple[ClaimedRow, str | None]]) -> Iterator[Message]:
        """Yield the messages that would be sent, having taken them."""
        for row, held in rows:
            if held is not None:
                self._skipped += 1
                continue
            self._planned += 1
            self.parts += row.message.segments
            self._first = self._first or row
            if self._longest is None or len(row.message.body) > len(self._longest.message.body):
                self._longest = row
            yield row.message

    @property
    def counts(self) -> Mapping[str, int]:
        """The rows by what would become of them, and the parts."""
        counts = {"planned": self._planned, "skipped": self._skipped, "parts": self.parts}
        return {name: count for name, count in counts.items() if count}

    @property
    def sentence(self) -> str:
        """The same in one line."""
        return f"{counted(self._planned, 'message')}, {counted(self.parts, 'part')}, {self._skipped} skipped"

    def document(self) -> Document:
        """Return the sum with the keys of the plan of a file."""
        return {
            "messages": self._planned,
            "parts": self.parts,
            "skipped": self._skipped,
            "first": self._document(self._first),
            "longest": self._document(self._longest),
        }

    def rows(self) -> Sequence[tuple[str, str]]:
        """Return the sum as names and values."""
        texts = {"first": self._first, "longest": self._longest if self._longest != self._first else None}
        return [
            *((name, str(count)) for name, count in self.counts.items()),
            *((name, f"{row.message.to}: {row.message.body}") for name, row in texts.items() if row),
        ]

    @staticmethod
    def _document(row: ClaimedRow | None) -> Document | None:
        return None if row is None else planned_document(RowMessage(row.number, row.line, row.message))
