"""One command's time with a run: it begins or takes one, sends with what it has, and lets go."""

import re
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from exosms.bulk.batches import size_for
from exosms.bulk.prepare import BulkSetup
from exosms.bulk.relay import Relay
from exosms.bulk.request import Handling, SentBefore
from exosms.bulk.run import RunDispatcher, RunSetup, exit_code_of_rows
from exosms.bulk.stop import Stop, stop_for
from exosms.config.settings import Settings
from exosms.errors import ExosmsError, Interrupted
from exosms.exotel.client import Client
from exosms.ledger.batons import batons_by_name, batons_of, new_baton, unnamed
from exosms.ledger.database import LedgerError
from exosms.ledger.messages import Ledger
from exosms.ledger.run_terms import RunTerms
from exosms.ledger.runs import Journal, Run
from exosms.ledger.staging import Staging, seal
from exosms.send.session import callback_address
from exosms.sms.guards import Guards
from exosms.sms.message import Message
from exosms.system.signals import Interrupts

if TYPE_CHECKING:
    from exosms.ledger.postgres.runs import Begun, SharedRuns


class RunContext(NamedTuple):
    """What every step of a run needs of this command."""

    settings: Settings
    journal: Journal
    ledger: Ledger
    interrupts: Interrupts
    elsewhere: "SharedRuns | None" = None
    """The runs of other machines, where the ledger is shared."""


class RunEnd(NamedTuple):
    """How a command left a run."""

    run: Run
    exit_code: int
    stop: Stop | None


def begin(setup: BulkSetup, staging: Staging, context: RunContext) -> Run:
    """Begin a run of what is laid out; raises GuardError where it was begun already, here or on another machine."""
    journal, elsewhere = context.journal, context.elsewhere
    if elsewhere is None:
        return _begin(_name(setup, context), setup, staging, journal)
    with ExitStack() as others:  # of this machine: they would take what we begin elsewhere for left behind
        with context.interrupts.at_once():
            others.enter_context(journal.ledger.database.one_at_a_time())
        name = _name(setup, context)
        journal.require_free(name, digest=staging.digest)
        return _begin_everywhere(name, setup, staging, context, elsewhere)


def _name(setup: BulkSetup, context: RunContext) -> str:
    mark = context.elsewhere.mark if context.elsewhere else None
    return setup.request.run or _free_name(context.journal, setup.request.path, mark=mark)


def _begin_everywhere(
    name: str, setup: BulkSetup, staging: Staging, context: RunContext, elsewhere: "SharedRuns"
) -> Run:
    request = setup.request
    resend = request.sent_before is SentBefore.SEND
    begun, baton = _as_others_see_it(name, staging, context), new_baton()
    elsewhere.begin(begun, setup.account, baton, within=request.within, resend=resend)
    try:
        return _begin(name, setup, staging, context.journal, baton)
    except (ExosmsError, Interrupted):
        with suppress(LedgerError):  # the name can be taken again from here
            elsewhere.forget(name, baton)
        raise


def check_elsewhere(setup: BulkSetup, staging: Staging, context: RunContext) -> None:
    """Raise GuardError for what another machine is sending, or sent."""
    if context.elsewhere is not None:
        request = setup.request
        resend = request.sent_before is SentBefore.SEND
        begun = _as_others_see_it(request.run, staging, context)
        context.elsewhere.check(begun, within=request.within, resend=resend)


def _as_others_see_it(name: str | None, staging: Staging, context: RunContext) -> "Begun":
    from exosms.ledger.postgres.runs import Begun

    return Begun(name, staging.shared_digest, batons_by_name(context.ledger.database))


def take_up_elsewhere(run: Run, context: RunContext) -> None:
    """Have all machines, and copies of this one, know that a run is gone on with, before rows are put back.

    By a new baton: a copy would go on to take the run for finished, and begin anew what waits here.
    """
    if relay := relay_of(run, context):
        relay.take_up()


def leave_elsewhere(end: RunEnd, context: RunContext, warn: Callable[[str], None]) -> None:
    """Say on behalf of all machines how a run was left; one of which that cannot be said keeps its content."""
    if context.elsewhere is not None:
        try:
            _leave(end.run, context.journal, context.elsewhere)
        except LedgerError as error:
            warn(f"other machines go on to take this run for unfinished: {error.message}")


def leave_what_is_over(journal: Journal, elsewhere: "SharedRuns") -> None:
    """Say of runs of this machine that they are over, where who finished them died before, or could not."""
    if unfinished := elsewhere.unfinished():
        for run in journal.runs():
            if run.is_finished and run.owner is None and run.name in unfinished:  # who has it may be retrying it
                _leave(run, journal, elsewhere)


def _leave(run: Run, journal: Journal, elsewhere: "SharedRuns") -> None:
    elsewhere.leave(run.name, batons_of(journal.ledger.database, run.id), is_finished=run.is_finished)


def _begin(name: str, setup: BulkSetup, staging: Staging, journal: Journal, baton: bytes | None = None) -> Run:
    request, options = setup.request, setup.options
    return journal.begin(
        name,
        account=setup.account,
        profile=setup.settings.profile,
        file=request.file_name,
        digest=staging.digest,
        baton=baton,
        terms=RunTerms(
            message_fields=setup.message_fields,
            any_hour=request.any_hour,
            timeout=request.timeout,
            batch=request.batch or 0,
            resend=request.sent_before is SentBefore.SEND,
            within=request.within,
            region=options.region,
            base_url=options.base_url,
            rate=str(options.rate) if options.rate else None,
            content=seal(journal.ledger.database, setup.account, staging.content),
            delimiter=request.delimiter,
            csv_encoding=request.csv_encoding,
            sheet=request.sheet,
        ),
    )


def guards_of_run(run: Run, settings: Settings) -> Guards:
    """Return what may keep the rest of a run back, by the settings of today."""
    return Guards(any_hour=run.terms.any_hour, max_parts_per_day=settings.max_parts_per_day, allow=settings.allow)


def check_each(guards: Guards, messages: Iterable[Message]) -> None:
    """Raise GuardError for the first of the messages that may not be sent now."""
    now = time.time()
    for message in messages:
        guards.check_message(message)
        guards.check_hour(message, now=now)


def check_rest(run: Run, journal: Journal, guards: Guards, *, limit: int | None) -> None:
    """Raise GuardError for what the limits of a command keep back that goes on with a run, to its last row."""
    if guards.max_segments is None and guards.max_parts is None:  # all else is checked before each request
        return
    parts = 0
    for place, row in enumerate(journal.waiting(run)):
        guards.check_message(row.message)
        parts += row.message.segments if limit is None or place < limit else 0
    guards._replace(max_parts_per_day=None).check_total(parts, parts_today=0)


def relay_of(run: Run, context: RunContext) -> Relay | None:
    """Return what keeps copies of a run from being sent as well, where there is a ledger that can tell."""
    return Relay(run, context.journal, context.elsewhere) if context.elsewhere else None


def check_copies(run: Run, context: RunContext, *, again: bool = False) -> None:
    """Raise GuardError for a run that was continued from a copy, or may have been and no ledger is named to tell.

    ``again``: whether rows of it are to be retried, which another machine may have sent since.
    """
    if relay := relay_of(run, context):
        relay.check()
        if again:
            relay.check_retry()
    elif context.settings.ledger is None and batons_of(context.ledger.database, run.id).latest is not None:
        raise unnamed(run.name)


def run_dispatcher(
    run: Run,
    handling: Handling,
    context: RunContext,
    client: Client,
    *,
    again: bool,
    failed: int,
    tell: Callable[[str], None],
) -> RunDispatcher:
    """Return what sends the rest of a run that is ours; ``again`` and ``failed`` are as in ``RunSetup``."""
    settings, interrupts = context.settings, context.interrupts
    guards = guards_of_run(run, settings)
    rows = sum(context.journal.counts(run).values())

    setup = RunSetup(
        client=client,
        ledger=context.ledger,
        journal=context.journal,
        rate=None if settings.is_sandbox else settings.rate,
        batch=size_for(rows, asked=run.terms.batch),
        most_failures=handling.max_failures.of(rows) if handling.max_failures else None,
        most_messages=handling.limit,
        again=again,
        failed=failed,
        check=partial(check_each, guards),
        within_limit=guards.check_day if guards.max_parts_per_day is not None else None,
        asked_to_stop=lambda: interrupts.interruption is not None,
        must_leave=interrupts.must_leave,
        tell=tell,
        callbacks=callback_address(settings),
        relay=relay_of(run, context),
    )
    return RunDispatcher(run, setup)


def release(run: Run, journal: Journal, stop: Stop | None) -> RunEnd:
    """Let go of the run, and say how this command ends, even where that cannot be recorded."""
    try:
        counts = journal.counts(run)
        if counts.get("in_flight"):  # nobody waits any more for what became of them
            journal.abandon(run)
            counts = journal.counts(run)
        left = counts.get("waiting", 0) + counts.get("in_flight", 0)  # another process has the run, where in flight
        exit_code = int(exit_code_of_rows(journal.outcomes(run)))
        run = journal.release(run, exit_code=None if left else exit_code)
        return RunEnd(run, stop.exit_code if left and stop else exit_code, stop)
    except LedgerError as error:  # what was sent is told all the same
        stop = stop or stop_for(error)
        return RunEnd(run._replace(exit_code=None), stop.exit_code, stop)  # it may be from before a retry


def _free_name(journal: Journal, file: Path | None, *, mark: str | None) -> str:
    """Return a name for a run that can be typed: the file's, the day's, the machine's if there are some, a number."""
    stem = re.sub(r"[^A-Za-z0-9_]+", "-", file.stem if file else "stdin")[:24].strip("-") or "run"
    day = time.strftime("%Y%m%d")
    if mark:
        day += f"-{re.sub(r'[^A-Za-z0-9]+', '-', socket.gethostname())[:16].strip('-') or 'here'}-{mark}"
    taken = {run.name for run in journal.runs()}
    return next(name for n in range(1, len(taken) + 2) if (name := f"{stem}-{day}-{n}") not in taken)
