"""What ``exosms bulk`` does once its options are read: have the whole file checked, show the plan, ask, then send."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from exosms.bulk import results_csv
from exosms.bulk.decide import run_to_go_on_with
from exosms.bulk.lifecycle import RunContext, begin, check_copies, check_elsewhere
from exosms.bulk.plan import Plan, plan_for
from exosms.bulk.prepare import BadRowsError, BulkSetup, Inspection, inspect, no_row_can_be_sent, samples, warnings
from exosms.bulk.request import BulkRequest, SentBefore
from exosms.bulk.run import exit_code_of_rows
from exosms.bulk.table import RowError
from exosms.cli.body_text import read_text
from exosms.cli.context import dispatcher_for, drained, find_settings
from exosms.cli.foresee import show_rows
from exosms.cli.ledgers import ledger_if_there, open_ledger, run_context
from exosms.cli.options import AccountFlags
from exosms.cli.output.flaws import tell_flaws, tell_some, told
from exosms.cli.output.messages import MessageResult, SendReport
from exosms.cli.output.out import Document, Out
from exosms.cli.output.plan import laid_out, otherwise, show_plan, tell_plan
from exosms.cli.output.runs import counts_document, failure, show_end, show_left_out
from exosms.cli.prompts import agree
from exosms.cli.send_run import carry_out, client_for, go_on, hand_out_results
from exosms.config.settings import AccountOptions, Settings
from exosms.errors import ExitCode, ExosmsError, Interrupted, UsageError
from exosms.ledger.database import LedgerError
from exosms.ledger.entry import State
from exosms.ledger.runs import Run
from exosms.ledger.staging import Staging
from exosms.send.message_fields import fields_for, find_template, guards_for
from exosms.sms.message import Message, Outcome, Receipt
from exosms.sms.phone import parse
from exosms.system.escaping import for_shell
from exosms.system.signals import Interrupts
from exosms.system.wording import counted, some

_RETRY_FOR = 120.0
"""Seconds for which a sample that was not sent is tried again."""

_MOST_FLAWS, _MOST_WARNINGS = 15, 7
"""Lines about a file, of each kind: with what else there is to say at most twenty, and a screen holds them."""

_MOST_COLUMNS = 50
"""Names of columns that are told."""

_CONTINUE = "Send what is left of the run?"
_STANDARD_INPUT = Path("/dev/stdin")


def bulk(request: BulkRequest, account: AccountFlags, out: Out) -> int:
    """Send the file, or say what would be sent, and return the exit code."""
    interrupts = Interrupts()
    with interrupts.installed():
        try:
            return _checked_and_sent(request, account.options_of(request), out, interrupts)
        except UsageError:
            raise  # standard output stays empty
        except ExosmsError as error:
            return _refused(out, error, request, counts_document({}))
        except Interrupted as interrupted:
            return failure(out, interrupted, file=request.file_name, run=request.run)


def _checked_and_sent(request: BulkRequest, options: AccountOptions, out: Out, interrupts: Interrupts) -> int:
    if not request.dry_run:
        handling = results_csv.checked(request.handling, options, *_sources(request))
        request = request._replace(handling=handling)
    if request.body_file is not None:
        with interrupts.at_once():  # a pipe may stay silent
            request = request._replace(body=read_text(request.body_file))
    settings = find_settings(out, options, account_needed=not request.dry_run)
    with ExitStack() as files:
        ledger = files.enter_context(ledger_if_there() if request.dry_run else open_ledger(out, interrupts))
        context = files.enter_context(run_context(settings, ledger, out, interrupts, is_dry=request.dry_run))
        setup = _setup(request, options, settings, out)
        staging = _staging(setup, context)
        try:
            return _send(setup, staging, context, out)
        except UsageError:
            raise
        except ExosmsError as error:
            return _refused(out, error, request, _counts(staging))


def _sources(request: BulkRequest) -> Sequence[Path]:
    """Return the files that rows and text come from, also where a shell has opened them."""
    names = [request.file, *filter(None, [request.body_file])]
    return [_STANDARD_INPUT if name == "-" else Path(name) for name in names]


def _refused(out: Out, error: ExosmsError, request: BulkRequest, counts: Document) -> int:
    """Say why nothing was sent, row by row where rows are the reason."""
    if isinstance(error, BadRowsError):
        tell_flaws(out, error.flaws, most=_MOST_FLAWS)
        problems = [*map(_row_error_document, error.row_errors)]
        return failure(out, error, file=request.file_name, run=request.run, counts=counts, problems=problems)
    return failure(out, error, file=request.file_name, run=request.run, counts=counts)


def _counts(staging: Staging) -> Document:
    """Return how many rows are laid out; none if that is lost."""
    try:
        return laid_out(staging.totals())
    except LedgerError:  # what led here is the error to tell
        return counts_document({})


def _setup(request: BulkRequest, options: AccountOptions, settings: Settings, out: Out) -> BulkSetup:
    """Return what the file is checked with."""
    template = find_template(request.template, settings)
    fields = fields_for(request.message_options, settings, template, warn=out.warn, sender_needed=False)
    guards = guards_for(request.limits, settings, any_hour=request.any_hour)
    return BulkSetup(request, options, settings, template, fields, guards)


def _staging(setup: BulkSetup, context: RunContext) -> Staging:
    """Return the place where the rows are laid out."""
    with context.interrupts.at_once():
        if not setup.request.dry_run and setup.request.sample_to is None:
            context.journal.prepare()
        key = context.elsewhere.ledger.installation.key if context.elsewhere else None
        database, fields = context.ledger.database, setup.message_fields
        return Staging(database, account=setup.account, message_fields=fields, shared_key=key)


def _send(setup: BulkSetup, staging: Staging, context: RunContext, out: Out) -> int:
    """Check the file, plan and ask; then send, or do whatever else was asked for."""
    request = setup.request
    ask = partial(
        agree,
        out,
        yes=request.yes,
        no_input=request.no_input or request.path is None,
        remedy="Look at the plan first with --dry-run, or add --yes.",
    )
    with context.interrupts.at_once():
        inspection = _inspect(setup, staging, out)
    if request.sample_to is not None:
        return _send_samples(request.sample_to, setup, staging, context, out, ask)
    named = run_to_go_on_with(request.run, staging, context.journal)
    if named is not None:
        return _go_on(named, setup, context, out, ask)
    with context.interrupts.at_once():
        plan = _plan(setup, inspection, staging, context, out)
        if not request.dry_run:
            _agree(plan, request, out, ask)
    if request.dry_run:
        if plan.totals.rejected and not plan.totals.messages:  # the run would end with 3 as well
            raise no_row_can_be_sent(request)
        show_plan(plan, staging.planned(), out, run=request.run, file=request.file_name)
        return ExitCode.OK
    return _begin(plan, setup, staging, context, out)


def _inspect(setup: BulkSetup, staging: Staging, out: Out) -> Inspection:
    """Have the whole file checked, and warn about what may be a mistake."""
    inspection = inspect(setup, staging, warn=out.warn, now=time.time())
    left_out = [f"left out: {told(flaw)}" for flaw in inspection.flaws.told()]
    where = " of fewer rows, which are left out"
    tell_some(out.warn, left_out, most=_MOST_WARNINGS, noun="problem", where=where)
    if unused := inspection.mapper.unused:
        out.tell(f"columns that are not used: {some(unused, _MOST_COLUMNS)}")
    for column, name, rows in inspection.mapper.own_fields:
        rows_set = f"in {counted(rows, 'row')}"
        if name == "from" and inspection.mapper.usual_sender:
            instead = f"{inspection.mapper.named_senders}, instead of {inspection.mapper.usual_sender}"
            passing = f"--ignore-column {for_shell(column)} passes over it"
            out.warn(f"the column {column!r} sets the sender {rows_set}: {instead}; {passing}")
        else:
            field = "the sender" if name == "from" else repr(name)
            out.tell(f"the column {column!r} sets {field} {rows_set}; --ignore-column passes over it")
    tell_some(out.warn, [*warnings(setup, inspection, staging)], most=_MOST_WARNINGS, noun="warning")
    return inspection


def _plan(setup: BulkSetup, inspection: Inspection, staging: Staging, context: RunContext, out: Out) -> Plan:
    """Have planned what is sent, and tell what is not, lest it was sent before."""
    parts_today = _parts_today(setup, context)
    with _limiting(setup, context):
        plan = plan_for(setup, inspection, staging, context.journal, now=time.time(), parts_today=parts_today)
    check_elsewhere(setup, staging, context)
    if plan.before.unknown and setup.request.sent_before is SentBefore.SKIP:
        out.warn(f"left out, because they may have been sent before: {counted(plan.before.unknown, 'row')}")
    is_plan_seen = out.is_seen_at_once and (setup.request.dry_run or not setup.request.yes)
    if plan.texted_otherwise and not is_plan_seen:
        out.warn(otherwise(plan))
    return plan


def _parts_today(setup: BulkSetup, context: RunContext) -> int:
    return context.ledger.common.parts_today(setup.account) if setup.account else 0


def _limiting(setup: BulkSetup, context: RunContext) -> AbstractContextManager[None]:
    if setup.request.dry_run or setup.guards.max_parts_per_day is None:
        return nullcontext()
    return context.ledger.common.limiting(setup.account)


def _agree(plan: Plan, request: BulkRequest, out: Out, ask: Callable[[str], None]) -> None:
    """Show the plan and ask a person; where nobody can be asked, --yes must have said so."""
    if not request.yes:
        tell_plan(plan, out, file=request.file_name)
    messages = min(plan.totals.messages, request.handling.limit or plan.totals.messages)
    ask(f"Send {counted(messages, 'message')}?")


def _begin(plan: Plan, setup: BulkSetup, staging: Staging, context: RunContext, out: Out) -> int:
    request = setup.request
    client = client_for(context, out, timeout=request.timeout)
    run = begin(setup, staging, context)
    out.tell(f"run {run.name}: {counted(plan.totals.messages, 'message')}")
    show_left_out(out, staging.left_out())
    return carry_out(run, request.handling, context, client, out, failed=plan.totals.rejected)


def _go_on(run: Run, setup: BulkSetup, context: RunContext, out: Out, ask: Callable[[str], None]) -> int:
    """Continue the run that was named, within the limits of this command, or say again how it ended."""
    request = setup.request
    if request.dry_run:
        out.tell(f"the run {run.name} already exists; --run would continue it")
        if not run.is_finished:
            check_copies(run, context)
        return show_rows(run, context, [State.WAITING], setup.guards, out, limit=request.handling.limit)
    if not run.is_finished:
        return go_on(
            run,
            request.handling,
            context,
            out,
            batch=request.batch,
            ask=ask,
            question=_CONTINUE,
            guards=setup.guards,
        )
    exit_code = exit_code_of_rows(context.journal.outcomes(run))  # a person may have resolved rows since
    out.tell(f"the run {run.name} is finished; nothing was sent")
    show_end(run, context.journal, out, exit_code=exit_code)
    if request.handling.results:  # the command that finished it may have been killed before it wrote them
        hand_out_results(run, context, request.handling.results, out)
    return exit_code


def _send_samples(
    number: str, setup: BulkSetup, staging: Staging, context: RunContext, out: Out, ask: Callable[[str], None]
) -> int:
    """Send the first and the longest text to one number, and nothing else."""
    handling = setup.request.handling
    given = {"--run": setup.request.run, "--results": handling.results, "--limit": handling.limit}
    if passed_over := [name for name, value in given.items() if value is not None]:
        out.warn(f"samples are no run, so {', '.join(passed_over)} change{'s' * (len(passed_over) == 1)} nothing")
    with context.interrupts.at_once():
        to = parse(number, country=setup.settings.country)
        with _limiting(setup, context):
            messages = samples(setup, staging, to, now=time.time(), parts_today=_parts_today(setup, context))
        if not setup.request.dry_run:
            ask(f"Send {counted(len(messages), 'sample')} to {to}?")
    report = SendReport(out, recipients=[message.to for message in messages], is_dry=setup.request.dry_run)
    report.profile = setup.settings.profile
    try:
        for message, receipt in zip(messages, _receipts(messages, setup, context, out), strict=True):
            report.add(MessageResult(to=message.to, receipt=receipt, message=message))
    except Interrupted as interrupted:
        report.interrupt(interrupted)
    return report.conclude()


def _receipts(messages: Sequence[Message], setup: BulkSetup, context: RunContext, out: Out) -> Iterator[Receipt]:
    """Send the messages one by one, outside any run; in a dry run, say of each that it is planned."""
    if setup.request.dry_run:
        return iter([Receipt(outcome=Outcome.PLANNED, exit_code=ExitCode.OK)] * len(messages))
    dispatcher = dispatcher_for(
        setup.settings,
        context.ledger.common,
        setup.guards,
        out,
        context.interrupts,
        timeout=setup.request.timeout,
        retry_for=_RETRY_FOR,
    )
    return drained(dispatcher.deliver_all(messages), out, context.interrupts)


def _row_error_document(row_error: RowError) -> Mapping[str, Any]:
    return {
        "row": row_error.number,
        "line": row_error.line,
        "column": row_error.column,
        "value": row_error.value,
        "message": row_error.message,
        "remedy": row_error.remedy,
    }
