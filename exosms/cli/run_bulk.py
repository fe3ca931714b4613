"""A run sent from the command line: `bulk` begins one, `runs resume` and `runs retry` go on with one."""

import gc
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from exosms.bulk import results_csv
from exosms.bulk.request import BulkRequest, RunOptions
from exosms.bulk.run import RunDispatcher, RunSetup, exit_code_of_rows, size_for
from exosms.bulk.stop import Stop, stop_for
from exosms.cli.context import open_client
from exosms.cli.output.out import Out
from exosms.cli.output.runs import RunReport
from exosms.config.settings import Settings
from exosms.errors import ExosmsError, InputError
from exosms.exotel.client import Client
from exosms.ledger.database import LedgerError
from exosms.ledger.messages import Ledger
from exosms.ledger.runs import Journal, Run
from exosms.sms.guards import Guards
from exosms.sms.message import Message, problem_of
from exosms.system.signals import Interrupts

_SELDOM = 10_000
"""Objects more before cycles are looked for: rows and answers have none, and the usual 700 takes 1 % of a run."""

_STOPPING = "stopping after the requests in flight; press Ctrl-C again to leave at once, their outcome unknown"


class RunContext(NamedTuple):
    """What every step of a run needs of this command."""

    settings: Settings
    journal: Journal
    ledger: Ledger
    out: Out
    interrupts: Interrupts


def client_for(context: RunContext, *, timeout: float) -> Client:
    """Return a client for the account; its token may fail to come, so a run begins after this."""
    with context.interrupts.at_once():
        return open_client(context.out, context.settings.own_account, timeout=timeout)


def carry_out(
    run: Run,
    options: RunOptions | BulkRequest,
    context: RunContext,
    client: Client,
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
    counts = context.journal.counts(run)
    rows = counts.get("waiting", 0) if again is None else again
    rows = min(rows, options.limit or rows)
    report = RunReport(context.out, rows=rows, sandbox=context.settings.is_sandbox)
    setup = _setup(
        run, options, context, client, rows=sum(counts.values()), again=again, failed=failed, report=report
    )
    sender = RunDispatcher(run, setup)
    with context.interrupts.draining(partial(report.tell, _STOPPING)):
        for settled in sender.send():
            report.show(settled)
    interrupted = context.interrupts.interruption
    stop = sender.stop
    if interrupted:
        problem = problem_of(interrupted)._replace(meaning="The remaining rows were not sent.")
        stop = Stop(exit_code=interrupted.exit_code, problem=problem)
    try:
        run, exit_code = _released(run, context.journal, stop)
    except LedgerError as error:  # what was sent is told all the same
        stop = stop or stop_for(error)
        exit_code = stop.exit_code
    try:
        report.conclude(run, context.journal, exit_code=exit_code, stop=None if run.is_finished else stop)
    except LedgerError as error:
        exit_code = stop.exit_code if stop else error.exit_code
        report.conclude_blindly(run, error, exit_code=exit_code)
    if options.results:
        hand_out_results(run, context.journal, options.results, context.out)
    return exit_code


def _setup(
    run: Run,
    options: RunOptions | BulkRequest,
    context: RunContext,
    client: Client,
    *,
    rows: int,
    again: int | None,
    failed: int,
    report: RunReport,
) -> RunSetup:
    settings = context.settings
    guards = Guards(any_hour=run.terms.any_hour, max_parts_per_day=settings.max_parts_per_day, allow=settings.allow)

    def check(messages: Iterable[Message]) -> None:
        now = time.time()
        for message in messages:
            guards.check_message(message)
            guards.check_hour(message, now=now)

    return RunSetup(
        client=client,
        ledger=context.ledger,
        journal=context.journal,
        rate=None if settings.is_sandbox else settings.rate,
        batch=size_for(rows, asked=options.batch or run.terms.batch),
        most_failures=options.max_failures.of(rows) if options.max_failures else None,
        most_messages=options.limit,
        again=again is not None,
        failed=failed,
        check=check,
        within_limit=guards.check_day if guards.max_parts_per_day is not None else None,
        asked_to_stop=lambda: context.interrupts.interruption is not None,
        must_leave=context.interrupts.must_leave,
        tell=report.tell,
    )


def _released(run: Run, journal: Journal, stop: Stop | None) -> tuple[Run, int]:
    """Let go of the run and return it with the exit code of this command."""
    counts = journal.counts(run)
    if counts.get("in_flight"):  # nobody waits any more for what became of them
        journal.abandon(run)
        counts = journal.counts(run)
    left = counts.get("waiting", 0) + counts.get("in_flight", 0)  # where another process has the run, in flight there
    exit_code = int(exit_code_of_rows(journal.outcomes(run)))
    journal.release(run, exit_code=None if left else exit_code)
    return journal.run(run.name), stop.exit_code if left and stop else exit_code


def check_results(path: Path | None, *, source: Path | None) -> None:
    """Raise InputError, before anything is sent, for a result file that cannot be written, or that is the source."""
    if path is None:
        return
    try:
        if source is not None and path.exists() and source.exists() and path.samefile(source):
            raise InputError(
                f"The results would be written over the messages themselves, {path}", remedy="Name another file."
            )
        if not path.exists():
            path.open("x").close()
            path.unlink()
        elif path.is_file() or path.is_dir():  # whoever reads a pipe would take this for its end
            path.open("a").close()
    except OSError as error:
        raise InputError(f"The result file {path} cannot be written: {error.strerror}") from error


def hand_out_results(run: Run, journal: Journal, path: Path, out: Out) -> None:
    """Write a run's rows; failing is told, but the exit code stays the messages': 3 would say that none was sent."""
    try:
        write_results(run, journal, path)
    except ExosmsError as error:
        out.fail(error.message, remedy=error.remedy)


def write_results(run: Run, journal: Journal, path: Path) -> None:
    """Write a run's rows; raises InputError where the file cannot be written, and then the old one stands."""
    import tempfile

    from exosms.ledger.history import History

    rows = History(journal.ledger).rows(run)
    try:
        if path.exists() and not path.is_file():  # a pipe or a device has no content to be spared
            with path.open("w", encoding="utf-8", newline="") as file:
                results_csv.write(rows, file)
            return
        path = path.resolve()  # a link stays one
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - a descriptor, not a path
                results_csv.write(rows, file)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(
            f"The result file {path} cannot be written: {error.strerror}",
            remedy=f"Write it elsewhere with: exosms runs export {run.name} FILE",
        ) from error
