"""What ``exosms bulk`` does once its options are read: check the whole file, plan, ask, then send."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

from exosms.bulk.plan import MANY_PARTS, MOST_FLAWS, Inspection, Plan, requests_for, seconds_for
from exosms.bulk.policies import Duplicates, SentBefore
from exosms.bulk.request import BulkRequest
from exosms.bulk.row_message import RowMapper
from exosms.bulk.run import exit_code_of_rows, size_for
from exosms.bulk.table import RowError, open_table
from exosms.cli.context import drained, find_settings, find_template, ledger_exists, open_client, open_ledger
from exosms.cli.message_options import fields_for, guards_for, options_for, require_sender, warn_of_no_sender
from exosms.cli.options import AccountFlags
from exosms.cli.output.messages import MessageResult, SendReport
from exosms.cli.output.out import Format, Out, counted, facts
from exosms.cli.output.plan import plan_document, plan_rows, sample_rows
from exosms.cli.output.runs import RunReport, counts_document, failure, show_left_out
from exosms.cli.prompts import agree
from exosms.cli.run_bulk import RunContext, carry_out, check_results, client_for, hand_out_results
from exosms.config.settings import AccountOptions
from exosms.errors import ExitCode, ExosmsError, GuardError, InputError, Interrupted, UsageError
from exosms.ledger.database import LedgerError
from exosms.ledger.messages import Ledger
from exosms.ledger.run_terms import RunTerms
from exosms.ledger.runs import Journal, Run, already_on_its_way
from exosms.ledger.staging import Staging
from exosms.send.one import Dispatcher
from exosms.sms.message import Message, Outcome, Receipt
from exosms.sms.phone import parse
from exosms.sms.segments import FEW_FORCING
from exosms.system.signals import Interrupts

_RETRY_FOR = 120.0
"""Seconds for which a sample that was not sent is tried again."""


class BadRowsError(InputError):
    """Rows of the file cannot be sent as they are."""

    def __init__(self, message: str, *, remedy: str, row_errors: Sequence[RowError]) -> None:
        super().__init__(message, remedy=remedy)
        self.row_errors = sorted(row_errors, key=attrgetter("number"))


def mail(request: BulkRequest, account: AccountFlags, out: Out) -> int:
    """Send the file, or say what would be sent, and return the exit code."""
    options = options_for(request, account)
    interrupts = Interrupts()
    try:
        with interrupts.installed():
            check_results(None if request.dry_run else request.results, source=request.path)
            settings = find_settings(out, options, account_needed=not request.dry_run)
            with _ledger(request) as ledger:
                context = RunContext(
                    settings=settings, journal=Journal(ledger), ledger=ledger, out=out, interrupts=interrupts
                )
                mailing = _Mailing(request, options, context)
                try:
                    with interrupts.at_once():
                        send = mailing.prepare()
                    return send()
                except UsageError:
                    raise
                except ExosmsError as error:
                    return _refused(out, error, request, mailing.counts())
    except UsageError:
        raise  # standard output stays empty
    except ExosmsError as error:
        return _refused(out, error, request, {})
    except Interrupted as interrupted:
        return failure(out, interrupted, file=request.file_name, run=request.run)


def _refused(out: Out, error: ExosmsError, request: BulkRequest, counts: Mapping[str, int]) -> int:
    """Say why nothing was sent, row by row where rows are the reason."""
    document = counts_document(counts)
    if isinstance(error, BadRowsError):
        for row_error in error.row_errors:
            out.fail(_said(row_error))
        if len(error.row_errors) >= MOST_FLAWS:
            out.fail("and more")
        problems = [*map(_row_error_document, error.row_errors)]
        return failure(out, error, file=request.file_name, run=request.run, counts=document, problems=problems)
    return failure(out, error, file=request.file_name, run=request.run, counts=document)


@contextmanager
def _ledger(request: BulkRequest) -> Iterator[Ledger]:
    """Hand out the ledger; a dry run does not create one."""
    if request.dry_run and not ledger_exists():
        ledger = Ledger.in_memory()
        try:
            yield ledger
        finally:
            ledger.close()
        return
    with open_ledger() as ledger:
        yield ledger


class _Mailing:
    """One file on its way from CSV to run."""

    def __init__(self, request: BulkRequest, options: AccountOptions, context: RunContext) -> None:
        self._request = request
        self._options = options
        self._context = context
        self._out = context.out
        self._settings = context.settings
        self._journal = context.journal
        registered = find_template(self._settings, request.template) if request.template else None
        self._registered = registered
        self._message_fields = fields_for(
            request.message_options, self._settings, registered, self._out, sender_needed=False
        )
        self._guards = guards_for(request, self._settings)
        account = self._settings.account
        self._account = account.identity if account else ""
        self._staging = Staging(context.ledger.database, account=self._account, message_fields=self._message_fields)

    def prepare(self) -> Callable[[], int]:
        """Check, plan and ask; return what sends, or does whatever else was asked for, and gives the exit code."""
        request = self._request
        inspection = self._inspect()
        if request.sample_to is not None:
            return self._samples(request.sample_to)
        named = self._named_run()
        if named is not None and named.digest == self._staging.digest:
            return self._go_on(named)
        self._refuse_duplicates()
        self._refuse_what_is_on_its_way(named)
        self._guards_refuse(inspection)
        before = self._compare_with_earlier()
        plan = self._plan(inspection, before)
        if request.dry_run:
            return partial(self._show, plan)
        self._agree(plan)
        return partial(self._begin, plan)

    def counts(self) -> Mapping[str, int]:
        """Return how many rows are laid out, by what becomes of them where nothing is sent; none if that is lost."""
        try:
            totals = self._staging.totals()
        except LedgerError:  # what led here is the error to tell
            return {}
        return {"waiting": totals.messages, "rejected": totals.rejected, "skipped": totals.skipped}

    def _inspect(self) -> Inspection:
        """Lay the whole file out; raises BadRowsError for rows that cannot be sent and were not given up."""
        request = self._request
        if not request.dry_run and request.sample_to is None:
            self._journal.prepare()
            self._staging = Staging(
                self._context.ledger.database, account=self._account, message_fields=self._message_fields
            )
        with open_table(request.path, delimiter=request.delimiter, encoding=request.csv_encoding) as sheet:
            how = RowMapper.of(
                sheet.headers,
                message_fields=self._message_fields,
                country=self._settings.country,
                to_column=request.to_column,
                template=self._registered,
                variables=request.variables,
                body=request.body,
                fit=request.fit,
                allow_empty=request.allow_empty,
                sender_needed=self._settings.account is not None,
            )
            if not (self._message_fields.sender or how.reads("from")):
                require_sender(None, self._settings)
                warn_of_no_sender(self._out)
            inspection = Inspection(mapper=how, guards=self._guards, now=time.time())
            self._staging.lay_out(inspection.drafts(sheet.rows()))
        rows = self._staging.totals().rows
        if not rows:
            raise InputError(f"{request.file_name} has a header but no rows", remedy="Add a row for each message.")
        if inspection.flawed and (inspection.broken or not request.skip_invalid):
            raise self._bad_rows(inspection, rows=rows)
        self._mention(inspection)
        return inspection

    def _bad_rows(self, inspection: Inspection, *, rows: int) -> BadRowsError:
        """Return everything that is wrong with the file, rows that repeat earlier ones included."""
        message = f"{counted(inspection.flawed, 'bad row')} in a file of {counted(rows, 'row')}"
        fix = "the quotes first." if inspection.broken else "or leave these rows out with --skip-invalid."
        remedy = f"Nothing was sent. Fix what is wrong, {fix}"
        repeated = self._repeated()
        if repeated:
            message += f", and {counted(self._staging.duplicates(), 'row')} with the same message as an earlier one"
            remedy += " For repeated rows, choose --duplicates first (or all)."
        return BadRowsError(message, remedy=remedy, row_errors=[*inspection.row_errors, *repeated])

    def _repeated(self) -> Sequence[RowError]:
        """Return a flaw for each row that repeats an earlier one, where that is not to be."""
        if self._request.duplicates is not Duplicates.REFUSE:
            return ()
        return [
            RowError(
                number=number,
                line=line,
                column=None,
                value=recipient,
                message=f"the message to {recipient} is the same as in line {first}",
                remedy="Remove it, or choose --duplicates first (or all).",
            )
            for number, line, first, recipient in self._staging.first_duplicates(MOST_FLAWS)
        ]

    def _mention(self, inspection: Inspection) -> None:
        out = self._out
        for row_error in inspection.row_errors:
            out.warn(f"left out: {_said(row_error)}")
        if inspection.mapper.unused:
            out.tell(f"columns that are not used: {', '.join(inspection.mapper.unused)}")
        for warning, count in inspection.mapper.warnings.items():
            out.warn(f"{warning} ({counted(count, 'row')})")
        if inspection.long:
            out.warn(f"{counted(inspection.long, 'text')} of more than {MANY_PARTS} parts, and each part is charged")
        if self._settings.country == "IN" and not self._settings.is_sandbox:
            for warning, count in inspection.missing_ids():
                some = "" if count == self._staging.totals().messages else f" ({counted(count, 'row')})"
                out.warn(warning + some)

    def _named_run(self) -> Run | None:
        """Return the run that ``--run`` names, if there is one, whatever is in it."""
        try:
            return self._journal.run(self._request.run) if self._request.run is not None else None
        except KeyError:
            return None

    def _refuse_what_is_on_its_way(self, named: Run | None) -> None:
        """Raise GuardError for a name that is taken, and for a file already on its way, changed or not."""
        request = self._request
        if named is not None:
            raise GuardError(
                f"The run {named.name} was started with other messages: {self._changes(named)}",
                remedy="Nothing was sent. Give this run another name.",
            )
        same = self._journal.unfinished(digest=self._staging.digest)
        if same is not None:
            raise already_on_its_way(same)
        if request.sent_before is SentBefore.REFUSE:
            other = self._journal.unfinished_of(request.file_name, account=self._account)
            if other is not None and request.path is not None:
                raise GuardError(
                    f"The file has changed since its unfinished run {other.name}: {self._changes(other)}",
                    remedy=f"Nothing was sent. Continue with the old content: `exosms runs resume {other.name}`, or"
                    " send the rows that were not sent yet with --sent-before skip.",
                )

    def _changes(self, run: Run) -> str:
        same, new, gone = self._staging.changed_since(run.id)
        return f"{same} of its rows unchanged, {new} new, {gone} gone"

    def _go_on(self, run: Run) -> Callable[[], int]:
        """Continue the run that was named, or say again how it ended."""
        if self._request.dry_run:
            return partial(self._say_it_exists, run)
        if run.is_finished:
            return partial(self._say_again, run)
        self._agree(None)
        return partial(self._resume, run)

    def _say_it_exists(self, run: Run) -> int:
        self._conclude(run, f"the run {run.name} already exists; --run would continue it", exit_code=ExitCode.OK)
        return ExitCode.OK

    def _resume(self, run: Run) -> int:
        client = client_for(self._context, timeout=run.terms.timeout)
        return carry_out(self._journal.take(run), self._request, self._context, client)

    def _say_again(self, run: Run) -> int:
        exit_code = exit_code_of_rows(self._journal.outcomes(run))  # a person may have resolved rows since
        self._conclude(run, f"the run {run.name} is finished; nothing was sent", exit_code=exit_code)
        if self._request.results:  # the command that finished it may have been killed before it wrote them
            hand_out_results(run, self._journal, self._request.results, self._out)
        return exit_code

    def _conclude(self, run: Run, text: str, *, exit_code: int) -> None:
        self._out.tell(text)
        report = RunReport(self._out, rows=0, sandbox=self._settings.is_sandbox)
        report.conclude(run, self._journal, exit_code=exit_code, stop=None)

    def _refuse_duplicates(self) -> None:
        if self._request.duplicates is Duplicates.FIRST:
            self._staging.skip_duplicates()
        if repeated := self._repeated():
            raise BadRowsError(
                f"{counted(self._staging.duplicates(), 'row')} with the same recipient, text and sender as an earlier"
                " one",
                remedy="Nothing was sent. Remove them, or choose --duplicates first (or all).",
                row_errors=repeated,
            )

    def _guards_refuse(self, inspection: Inspection) -> None:
        if inspection.refused is not None:
            raise inspection.refused
        totals = self._staging.totals()
        parts = totals.parts if self._request.limit is None else self._staging.parts_of_first(self._request.limit)
        self._guards.check_total(parts, parts_today=self._parts_today())

    def _parts_today(self) -> int:
        return self._context.ledger.parts_today(self._account) if self._account else 0

    def _compare_with_earlier(self) -> int:
        """Return how many rows earlier runs sent or may have sent; by the policy they are refused or left out."""
        policy, since = self._request.sent_before, time.time() - self._request.within
        before = self._staging.sent_before(since)
        if before.rows and policy is SentBefore.REFUSE:
            perhaps = f", and possibly {before.unknown} more" if before.unknown else ""
            raise GuardError(
                f"Sent before, for example in the run {before.run}: {counted(before.accepted, 'message')}{perhaps}",
                remedy="Nothing was sent. Send only the others with --sent-before skip, or all with"
                " --sent-before send.",
            )
        if policy is SentBefore.SKIP:
            if before.unknown:
                self._out.warn(f"left out, because they may have been sent before: {counted(before.unknown, 'row')}")
            self._staging.skip_sent_before(since)
        return before.rows

    def _plan(self, inspection: Inspection, sent_before: int) -> Plan:
        totals = self._staging.totals()
        size = size_for(totals.rows, asked=self._request.batch or 0)
        requests = requests_for(self._staging.envelopes(), size=size)
        price = self._settings.price_per_part
        return Plan(
            totals=totals,
            duplicates=self._staging.duplicates(),
            sent_before=sent_before,
            requests=requests,
            seconds=None if self._settings.is_sandbox else seconds_for(requests, self._settings.rate),
            cost=None if price is None else price * totals.parts,
            forcing=inspection.most_forcing(FEW_FORCING + 1),
        )

    def _show(self, plan: Plan) -> int:
        out = self._out
        if out.format in {Format.JSON, Format.JSONL}:
            counts = {
                "waiting": plan.totals.messages,
                "rejected": plan.totals.rejected,
                "skipped": plan.totals.skipped,
            }
            out.result(
                run=self._request.run,
                file=self._request.file_name,
                exit_code=0,
                outcome="planned",
                counts=counts_document(counts),
                plan=plan_document(plan),
                error=None,
            )
        elif out.is_human:
            out.draw(facts([("plan for", self._request.file_name), *plan_rows(plan), *self._what_goes_out()]))
        else:
            for name, value in plan_rows(plan):
                out.line(name, value)
        return ExitCode.OK

    def _what_goes_out(self) -> Sequence[tuple[str, str]]:
        """Return what a person looks at before paying: the account, and the first and the longest message."""
        account = self._settings.account
        whose = [("account", account.identity)] if account else []
        return [*whose, *sample_rows([*self._staging.samples()])]

    def _agree(self, plan: Plan | None) -> None:
        """Show the plan and ask a person; where nobody can be asked, --yes must have said so."""
        question = "Send what is left of the run?"
        if plan:
            messages = min(plan.totals.messages, self._request.limit or plan.totals.messages)
            question = f"Send {counted(messages, 'message')}?"
            if not self._request.yes:
                goes_out = self._what_goes_out() if self._out.stderr.isatty() else ()  # no texts in a log
                for name, value in [*plan_rows(plan), *goes_out]:
                    self._out.tell(f"{name}: {value}")
        self._ask(question)

    def _ask(self, question: str) -> None:
        request = self._request
        agree(
            self._out,
            question,
            yes=request.yes,
            no_input=request.no_input or request.path is None,
            remedy="Add --yes, or look at the plan first with --dry-run.",
        )

    def _begin(self, plan: Plan) -> int:
        request = self._request
        client = client_for(self._context, timeout=request.timeout)
        run = self._journal.begin(
            request.run or _free_name(self._journal, request.path),
            account=self._account,
            profile=self._settings.profile,
            file=request.file_name,
            digest=self._staging.digest,
            terms=RunTerms(
                message_fields=self._message_fields,
                any_hour=request.any_hour,
                timeout=request.timeout,
                batch=request.batch or 0,
                resend=request.sent_before is SentBefore.SEND,
                within=request.within,
                region=self._options.region,
                base_url=self._options.base_url,
                rate=str(self._options.rate) if self._options.rate else None,
            ),
        )
        self._out.tell(f"run {run.name}: {counted(plan.totals.messages, 'message')}")
        show_left_out(self._out, self._staging.left_out(), sandbox=self._settings.is_sandbox)
        return carry_out(run, request, self._context, client, failed=plan.totals.rejected)

    def _samples(self, number: str) -> Callable[[], int]:
        """Check the first and the longest text for one number, and ask; return what sends them, and nothing else."""
        to = parse(number, country=self._settings.country)
        samples = [message._replace(to=to) for message in self._staging.samples()]
        self._guards.check_all(samples, now=time.time(), parts_today=self._parts_today())
        if not self._request.dry_run:
            self._ask(f"Send {counted(len(samples), 'sample')} to {to}?")
        return partial(self._send_samples, samples)

    def _send_samples(self, samples: Sequence[Message]) -> int:
        report = SendReport(self._out, recipients=[sample.to for sample in samples])
        report.profile, report.sandbox = self._settings.profile, self._settings.is_sandbox
        try:
            if self._request.dry_run:
                receipts = iter([Receipt(outcome=Outcome.PLANNED, exit_code=ExitCode.OK)] * len(samples))
            else:
                receipts = drained(self._setup().deliver_all(samples), self._out, self._context.interrupts)
            for message, receipt in zip(samples, receipts, strict=True):
                report.add(MessageResult(to=message.to, receipt=receipt, message=message))
        except Interrupted as interrupted:
            report.interrupt(interrupted)
        return report.conclude()

    def _setup(self) -> Dispatcher:
        account = self._settings.own_account

        def check(message: Message) -> None:
            self._guards.check_hour(message, now=time.time())

        return Dispatcher(
            client=open_client(
                self._out,
                account,
                timeout=self._request.timeout,
                must_leave=self._context.interrupts.must_leave,
            ),
            ledger=self._context.ledger,
            account=account.identity,
            profile=self._settings.profile,
            rate=None if self._settings.is_sandbox else self._settings.rate,
            retry_until=time.monotonic() + _RETRY_FOR,
            check=check,
            within_limit=self._guards.check_day if self._guards.max_parts_per_day is not None else None,
            pause=self._context.interrupts.pause,
            warn=self._out.warn,
            tell=self._out.tell,
        )


def _free_name(journal: Journal, file: Path | None) -> str:
    """Return a name for a run that can be typed: the file's, the day's, and a number."""
    stem = re.sub(r"[^A-Za-z0-9_]+", "-", file.stem if file else "stdin")[:24].strip("-") or "run"
    day = time.strftime("%Y%m%d")
    taken = {run.name for run in journal.runs()}
    return next(name for n in range(1, len(taken) + 2) if (name := f"{stem}-{day}-{n}") not in taken)


def _said(row_error: RowError) -> str:
    column = f", column {row_error.column}" if row_error.column else ""
    return f"line {row_error.line}{column}: {row_error.message}"


def _row_error_document(row_error: RowError) -> Mapping[str, Any]:
    return {
        "row": row_error.number,
        "line": row_error.line,
        "column": row_error.column,
        "value": row_error.value,
        "message": row_error.message,
        "remedy": row_error.remedy,
    }
