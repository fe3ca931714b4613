"""Which ledger a command works with: that of this machine, the one that machines share, or one in memory."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from exosms.cli.output.out import Out
from exosms.config import paths
from exosms.config.settings import AccountOptions, Settings, ledger_of, shared_ledgers
from exosms.errors import ConfigError, GuardError
from exosms.ledger.database import (
    BUSY_TIMEOUT,
    DATABASE,
    LEAST_PATIENCE,
    LedgerError,
    LedgerUnavailableError,
    require_none_lost,
)
from exosms.ledger.interface import MessageLedger
from exosms.ledger.messages import Ledger
from exosms.system.signals import Interrupts

if TYPE_CHECKING:
    from exosms.bulk.lifecycle import RunContext
    from exosms.config.ledger_address import LedgerAddress
    from exosms.ledger.postgres.messages import SharedLedger
    from exosms.ledger.postgres.runs import SharedRuns
    from exosms.ledger.runs import Run


def open_ledger(out: Out | None = None, interrupts: Interrupts | None = None) -> "closing[Ledger]":
    """Hand out the ledger in the state directory; ``out`` warns of times in it that are corrected.

    Another process that changes its tables is waited for, until a signal comes.
    """
    return closing(_opened_ledger(out, interrupts))


def _opened_ledger(
    out: Out | None = None, interrupts: Interrupts | None = None, *, patience: float = BUSY_TIMEOUT
) -> Ledger:
    with interrupts.at_once() if interrupts else nullcontext():
        ledger = Ledger.open(_state_directory(), patience=patience)
    if out:
        ledger.warn = out.warn
    return ledger


def message_ledger(
    settings: Settings,
    out: Out,
    interrupts: Interrupts,
    needed_for: str | None = None,
    *,
    attempt: float = 0.0,
    retry_for: float | None = None,
) -> AbstractContextManager[MessageLedger]:
    """Hand out the ledger of single messages; where there is none, a command that does not need it goes on without.

    That is of the state directory, or the one that other machines share, whose claims hold while an ``attempt`` may
    last, and which is waited for as long as ``retry_for`` has it. Both are in seconds.
    """
    from exosms.send.one import going_on_without

    try:
        if settings.ledger is not None:
            return _open_shared(settings, settings.ledger, out, interrupts, needed_for, attempt, retry_for or 0.0)
        ledger = _opened_ledger(
            out,
            interrupts,
            patience=min(BUSY_TIMEOUT, max(BUSY_TIMEOUT if retry_for is None else retry_for, LEAST_PATIENCE)),
        )
    except (LedgerUnavailableError, LedgerError) as error:
        if needed_for and isinstance(error, LedgerUnavailableError):
            raise ConfigError(f"{error.message}, and {needed_for} needs it", remedy=error.remedy) from error
        if needed_for:
            raise
        out.warn(going_on_without(error))
        return closing(Ledger.in_memory())
    ledger.database.interrupts = interrupts
    return closing(ledger)


def _open_shared(
    settings: Settings,
    address: "LedgerAddress",
    out: Out,
    interrupts: Interrupts,
    needed_for: str | None,
    attempt: float,
    retry_for: float,
) -> "closing[SharedLedger]":
    from exosms.ledger.postgres.connection import PATIENCE
    from exosms.ledger.postgres.messages import SharedLedger, Terms

    terms = Terms(attempt, retry_for, keeps_numbers=settings.ledger_numbers == "full")
    patience = min(retry_for or PATIENCE, PATIENCE)
    with interrupts.at_once():
        ledger = SharedLedger.open(address, terms, patience=patience, is_hasty=needed_for is None)
    ledger.warn = out.warn
    return closing(ledger)


@contextmanager
def joined_ledger(settings: Settings, out: Out, interrupts: Interrupts) -> Iterator[MessageLedger]:
    """Hand out this machine's ledger, which has the rows of runs, and beside it the one that machines share.

    Without either goes on a command that finds out about messages which were sent.
    """
    from exosms.send.one import going_on_without

    with message_ledger(settings._replace(ledger=None), out, interrupts) as ledger, ExitStack() as opened:
        if settings.ledger is not None and isinstance(ledger, Ledger):
            try:
                shared = _open_shared(settings, settings.ledger, out, interrupts, None, 0.0, 0.0)
            except LedgerError as error:
                out.warn(going_on_without(error))
            else:
                join(ledger, opened.enter_context(shared))
        yield ledger


def message_ledger_if_there(settings: Settings, *, needed: bool) -> AbstractContextManager[MessageLedger]:
    """Hand out the ledger of single messages to look into; none is created."""
    if not needed or settings.ledger is None:
        return ledger_if_there(needed=needed)
    from exosms.ledger.postgres.messages import SharedLedger

    found = SharedLedger.open_dry(settings.ledger)
    return closing(Ledger.in_memory()) if found is None else closing(found)


@contextmanager
def run_context(
    settings: Settings, ledger: Ledger, out: Out, interrupts: Interrupts, *, is_dry: bool = False
) -> "Iterator[RunContext]":
    """Hand out what a run needs; where other machines share a ledger it is needed, or they would not be heard of."""
    from exosms.bulk.lifecycle import RunContext, leave_what_is_over
    from exosms.ledger.runs import Journal

    context = RunContext(settings, Journal(ledger), ledger, interrupts)
    if settings.ledger is None:
        yield context
        return
    from exosms.ledger.postgres.messages import SharedLedger, Terms

    with ExitStack() as opened, interrupts.at_once():
        if not is_dry:
            context.journal.prepare()
        shared = SharedLedger.open_dry(settings.ledger) if is_dry else SharedLedger.open(settings.ledger, Terms())
        if shared is not None:
            opened.enter_context(closing(shared))
            shared.warn = out.warn
            join(ledger, shared)
            elsewhere = runs_of(ledger, shared)
            context = context._replace(elsewhere=elsewhere)
            if not is_dry:
                leave_what_is_over(context.journal, elsewhere)
        rest = opened.pop_all()
    with rest:
        yield context


def runs_of(ledger: Ledger, shared: "SharedLedger") -> "SharedRuns":
    """Return the runs of all machines as this one sees them."""
    from exosms.ledger.fingerprints import key_of
    from exosms.ledger.postgres.runs import SharedRuns

    return SharedRuns.of(shared, key_of(ledger.database.connection))


def shared_ledger(options: AccountOptions) -> "AbstractContextManager[SharedLedger] | None":
    """Hand out the ledger that other machines share, for whoever needs no account; None where none is named."""
    address = ledger_of(options, os.environ)
    if address is None:
        return None
    from exosms.ledger.postgres.messages import SharedLedger, Terms

    return closing(SharedLedger.open(address, Terms(), is_hasty=True))


def shared_ledger_of_run(run: "Run", options: AccountOptions) -> "AbstractContextManager[SharedLedger] | None":
    """Hand out the ledger that the account of a run shares with other machines: Sids of its messages are taken."""
    return shared_ledger(options if options.profile is not None else options._replace(profile=run.profile))


def begun_elsewhere(name: str, options: AccountOptions) -> str:
    """Return the sentence about a run of that name that another state directory has; empty where none is known of."""
    try:
        address = ledger_of(options, os.environ)
        if address is None:
            return ""
        from exosms.ledger.postgres.messages import SharedLedger
        from exosms.ledger.postgres.runs import Begun, SharedRuns

        shared = SharedLedger.open_dry(address)
        if shared is not None:
            with closing(shared):
                SharedRuns.of(shared, b"").check(Begun(name, b"", {}), within=0, resend=True)
    except GuardError as taken:
        return taken.message
    except ConfigError:  # nobody can be asked
        pass
    return ""


def join(ledger: Ledger, shared: "SharedLedger | None") -> None:
    """Have this machine's ledger ask the one that other machines share, too, if there is one."""
    if shared is not None:
        from exosms.ledger.postgres.unknown import Common

        ledger.shared = Common(shared)


def are_others_named(shared: "SharedLedger | None") -> bool:
    """Whether profiles name further ledgers that machines share, or may do so where they are flawed."""
    if os.environ.get("EXOSMS_LEDGER"):  # which is that of every profile
        return False
    flaws: list[str] = []
    try:
        named = {address.url for address in shared_ledgers(None, os.environ, flaws.append)}
    except ConfigError:  # for an account of the environment the file is not needed
        return True
    return bool(flaws or named - {shared.database.address.url if shared else ""})


def ledger_if_there(*, needed: bool = True) -> "closing[Ledger]":
    """Hand out the ledger to look into: where nothing was ever sent from, none is created."""
    directory = paths.state_directory(os.environ)
    if directory is None or not needed:
        return closing(Ledger.in_memory())
    if paths.is_there(directory / DATABASE):
        return open_ledger()
    require_none_lost(directory)
    return closing(Ledger.in_memory())


def _state_directory() -> Path:
    directory = paths.state_directory(os.environ)
    if directory is None:
        raise LedgerUnavailableError("There is no home directory for the ledger", remedy="Set EXOSMS_STATE_DIR.")
    return directory
