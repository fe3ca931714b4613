"""A run sent from the command line: `bulk` begins one, `runs resume` and `runs retry` go on with one."""

import gc
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from exosms.bulk import results_csv
from exosms.bulk.lifecycle import (
    RunContext,
    check_copies,
    check_rest,
    leave_elsewhere,
    release,
    run_dispatcher,
    take_up_elsewhere,
)
from exosms.bulk.request import Handling
from exosms.bulk.stop import stop_for
from exosms.cli.context import open_client
from exosms.cli.output.out import Out
from exosms.cli.output.runs import RunReport, counts_document, nothing_to_retry
from exosms.errors import ConfigError, ExitCode, GuardError, Interrupted, in_our_words
from exosms.exotel.client import Client
from exosms.ledger.database import LedgerError
from exosms.ledger.entry import State
from exosms.ledger.runs import Run
from exosms.sms.guards import Guards
from exosms.system.escaping import for_shell
from exosms.system.wording import counted

_SELDOM = 10_000
"""Objects more before cycles are looked for: rows and answers have none, and the usual 700 takes 1 % of a run."""

_STOPPING = "stopping after the requests in flight; press Ctrl-C again to leave at once, their outcome unknown"


def client_for(context: RunContext, out: Out, *, timeout: float) -> Client:
    """Return a client for the account; its token may fail to come, so a run begins after this."""
    with context.interrupts.at_once():
        return open_client(out, context.settings.own_account, timeout=timeout)


def go_on(
    run: Run,
    handling: Handling,
    context: RunContext,
    out: Out,
    *,
    batch: int | None,
    ask: Callable[[str], None],
    question: str | None = None,
    again: Sequence[State] = (),
    guards: Guards | None = None,
) -> int:
    """Take a run, ask a person, and send what is left of it; with ``again`` only the rows that ended so.

    ``guards`` are those of a command line that has some.
    """
    journal = context.journal
    with context.interrupts.at_once():
        left = counts_document(journal.counts(run))["remaining"]
        run = journal.take(run)
        if batch is not None:
            run = run._replace(terms=run.terms._replace(batch=batch))
        if guards is not None:
            run = run._replace(terms=run.terms._replace(any_hour=guards.any_hour))
        rows = journal.may_go_again(run, again) if again else left
        if again and not rows:
            journal.let_go(run)
            nothing_to_retry(run, journal, out)
            return ExitCode.OK
        if question is None:
            now = min(rows, handling.limit or rows)
            question = (
                f"Send {counted(now, 'row')} of {run.name} again?"
                if again
                else f"Send {f'{now} of ' if now < rows else ''}the {counted(rows, 'row')} left of {run.name}?"
            )
        try:
            if rows:  # else there is nothing to ask about: it only answers again
                if guards is not None:
                    check_rest(run, journal, guards, limit=handling.limit)
                check_copies(run, context, again=bool(again))
                ask(question)
            client = client_for(context, out, timeout=run.terms.timeout)
            if again:
                take_up_elsewhere(run, context)
        except (GuardError, ConfigError, Interrupted):
            journal.let_go(run)
            raise
    if again:
        journal.put_back(run, again)
    return carry_out(run, handling, context, client, out, again=rows if again else None)


def carry_out(
    run: Run,
    handling: Handling,
    context: RunContext,
    client: Client,
    out: Out,
    *,
    again: int | None = None,
    failed: int = 0,
) -> int:
    """Send what is left of a run that is ours, show it, and return the exit code.

    ``again`` are rows that were put back, which alone are sent; ``failed`` were rejected before the first request and
    count for ``--max-failures``.
    """
    if not gc.isenabled():  # the program switched it off while it started; a run lives long
        gc.freeze()  # what is there now stays to the end
        gc.set_threshold(_SELDOM)
        gc.enable()
    rows = context.journal.counts(run).get("waiting", 0) if again is None else again
    report = RunReport(out, rows=min(rows, handling.limit or rows))
    dispatcher = run_dispatcher(
        run, handling, context, client, again=again is not None, failed=failed, tell=report.tell
    )
    with context.interrupts.draining(partial(report.tell, _STOPPING)):
        for settled in dispatcher.send():
            report.show(settled)
    stop = dispatcher.stop
    if interrupted := context.interrupts.interruption:
        stop = stop_for(interrupted)
    run, exit_code, stop = end = release(run, context.journal, stop)
    leave_elsewhere(end, context, out.warn)
    try:
        report.conclude(run, context.journal, exit_code=exit_code, stop=None if run.is_finished else stop)
    except LedgerError as error:
        exit_code = stop.exit_code if stop else error.exit_code
        report.conclude_blindly(run, error, exit_code=exit_code)
    if run.is_finished and stop and stop.exit_code == ExitCode.BUG:  # it kept nothing back, and is told all the same
        out.fail(stop.problem.message, remedy=stop.problem.remedy)
    if handling.results:
        hand_out_results(run, context, handling.results, out)
    if exit_code == ExitCode.OK and out.is_human and run.is_finished and context.journal.counts(run).get("accepted"):
        out.tell(f"whether they were delivered: exosms status --run {for_shell(run.name)} --wait 5m")
    return exit_code


def hand_out_results(run: Run, context: RunContext, path: Path, out: Out) -> None:
    """Write a run's rows; failing is told, but the exit code stays the messages': 3 would say that none was sent."""
    try:
        with context.interrupts.once_more():  # a pipe may have no reader
            results_csv.write_file(run, context.journal, path)
    except Interrupted as interrupted:
        remedy = results_csv.elsewhere(run)
        out.fail(f"The result file {path} was not written: {interrupted.message}", remedy=remedy)
    except Exception as error:  # noqa: BLE001  # whatever it is, the messages were sent
        told = in_our_words(error)
        out.fail(told.message, remedy=told.remedy)
