"""What commands work with: settings, the client and the ledger, made from options and environment."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from exosms.cli.output.out import Out
from exosms.config import paths
from exosms.config.account import is_of_sandbox
from exosms.config.settings import Account, AccountOptions, Settings, ledger_of, resolve
from exosms.errors import ConfigError, InputError
from exosms.exotel.client import Client
from exosms.exotel.transport import HttpsTransport, InProcessTransport, Transport
from exosms.ledger.database import BUSY_TIMEOUT, DATABASE, LEAST_PATIENCE, LedgerError, LedgerUnavailableError
from exosms.ledger.interface import MessageLedger
from exosms.ledger.messages import Ledger
from exosms.send.session import AccountSession, callback_address
from exosms.sms.message import Receipt
from exosms.sms.rate import Rate
from exosms.system.signals import Interrupts, never
from exosms.system.suggest import did_you_mean

if TYPE_CHECKING:
    from exosms.bulk.lifecycle import RunContext
    from exosms.config.ledger_address import LedgerAddress
    from exosms.ledger.postgres.messages import SharedLedger
    from exosms.ledger.runs import Journal, Run
    from exosms.sandbox.emulator import Emulator
    from exosms.send.one import Dispatcher
    from exosms.sms.guards import Guards


def find_settings(out: Out, options: AccountOptions, *, account_needed: bool = True) -> Settings:
    """Return the settings, telling what is odd about them."""
    _note_flags(out, options)
    settings = resolve(options, os.environ, account_needed=account_needed)
    out.is_sandbox = settings.is_sandbox
    for warning in settings.warnings:
        out.warn(warning)
    return settings


def open_client(out: Out, account: Account, *, timeout: float, must_leave: Callable[[], bool] = never) -> Client:
    """Return a client for the account; the sandbox's emulator answers in this process."""
    return client_of(account, open_transport(out, account, timeout=timeout, must_leave=must_leave))


def client_of(account: Account, transport: Transport) -> Client:
    """Return a client for the account, which can tell where else that may be."""
    region = account.region_of_host
    other = str(account.other_regions[0]) if region else ""
    return Client(transport, account_sid=account.sid, region=region or "", other_region=other)


def open_transport(
    out: Out, account: Account, *, timeout: float, must_leave: Callable[[], bool] = never
) -> Transport:
    """Return what carries the account's requests."""
    if account.is_sandbox:
        out.tell("the sandbox answers; nothing is sent")
        return InProcessTransport(_emulator(out).answer, observe=out.trace)
    return HttpsTransport(
        account.base_url,
        key=account.key.reveal(),
        token=account.fetch_token(environ=os.environ, warn=out.warn).reveal(),
        timeout=timeout,
        observe=out.trace,
        must_leave=must_leave,
    )


def session_for(
    settings: Settings, ledger: MessageLedger, out: Out, interrupts: Interrupts, *, timeout: float
) -> AccountSession:
    """Return what sends from the account and asks about its messages."""
    account = settings.own_account
    with interrupts.at_once():  # a token command may take its time
        client = open_client(out, account, timeout=timeout, must_leave=interrupts.must_leave)
    return AccountSession(
        client=client,
        ledger=ledger,
        account=account.identity,
        rate=None if settings.is_sandbox else settings.rate,
        pause=interrupts.pause,
        tell=out.tell,
        profile=settings.profile,
        callbacks=callback_address(settings),
        flags=out.account_flags or {},
    )


def dispatcher_for(
    settings: Settings,
    ledger: MessageLedger,
    guards: "Guards",
    out: Out,
    interrupts: Interrupts,
    *,
    timeout: float,
    retry_for: float,
    is_ledger_needed: bool = True,
) -> "Dispatcher":
    """Return what sends messages one by one; what was not sent is tried again for ``retry_for`` seconds."""
    from exosms.send.one import Dispatcher

    session = session_for(settings, ledger, out, interrupts, timeout=timeout)
    until = time.monotonic() + retry_for
    return Dispatcher(session, guards, until, out.warn, retry_for + timeout, is_ledger_needed)


def drained(receipts: Iterator[Receipt], out: Out, interrupts: Interrupts) -> Iterator[Receipt]:
    """Pass receipts on; a first signal waits for the one whose request is in flight."""
    stopping = "stopping after the request in flight; press Ctrl-C again to leave at once, its outcome unknown"
    with interrupts.draining(partial(out.tell, stopping)):
        yield from receipts


def _emulator(out: Out) -> "Emulator":
    """Return the emulator, which remembers its messages for later commands where there is a place to."""
    import sqlite3

    from exosms.sandbox.emulator import Emulator
    from exosms.sandbox.store import MessageStore

    directory = paths.state_directory(os.environ)
    tell_loss = partial(
        out.warn, "the sandbox has no place to remember this message, so later commands will not know it"
    )
    if directory is not None:
        try:
            return Emulator(MessageStore(directory / "sandbox.db", tell_loss=tell_loss))
        except (OSError, sqlite3.Error):
            tell_loss()
    return Emulator(MessageStore())


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
) -> AbstractContextManager[MessageLedger]:
    from exosms.ledger.postgres.connection import PATIENCE
    from exosms.ledger.postgres.messages import SharedLedger, Terms

    terms = Terms(attempt, retry_for, keeps_numbers=settings.ledger_numbers == "full")
    patience = min(retry_for or PATIENCE, PATIENCE)
    with interrupts.at_once():
        ledger = SharedLedger.open(address, terms, patience=patience, is_hasty=needed_for is None)
    ledger.warn = out.warn
    return closing(ledger)


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
    from exosms.bulk.lifecycle import RunContext
    from exosms.ledger.runs import Journal

    context = RunContext(settings, Journal(ledger), ledger, interrupts)
    if settings.ledger is None:
        yield context
        return
    from exosms.ledger.fingerprints import key_of
    from exosms.ledger.postgres.messages import SharedLedger, Terms
    from exosms.ledger.postgres.runs import SharedRuns

    with ExitStack() as opened, interrupts.at_once():
        if not is_dry:
            context.journal.prepare()
        shared = SharedLedger.open_dry(settings.ledger) if is_dry else SharedLedger.open(settings.ledger, Terms())
        if shared is not None:
            opened.enter_context(closing(shared))
            shared.warn = out.warn
            join(ledger, shared)
            context = context._replace(elsewhere=SharedRuns.of(shared, key_of(ledger.database.connection)))
        rest = opened.pop_all()
    with rest:
        yield context


def shared_ledger(options: AccountOptions) -> "AbstractContextManager[SharedLedger] | None":
    """Hand out the ledger that other machines share, for whoever needs no account; None where none is named."""
    address = ledger_of(options, os.environ)
    if address is None:
        return None
    from exosms.ledger.postgres.messages import SharedLedger, Terms

    return closing(SharedLedger.open(address, Terms(), is_hasty=True))


def join(ledger: Ledger, shared: "SharedLedger") -> None:
    """Have this machine's ledger ask the one that other machines share, too."""
    from exosms.ledger.postgres.unknown import Common

    ledger.shared = Common(shared)


def ledger_if_there(*, needed: bool = True) -> "closing[Ledger]":
    """Hand out the ledger to look into: where nothing was ever sent from, none is created."""
    directory = paths.state_directory(os.environ)
    is_there = directory is not None and paths.is_there(directory / DATABASE)
    return open_ledger() if needed and is_there else closing(Ledger.in_memory())


def run_of(journal: "Journal", name: str) -> "Run":
    """Return the run of that name; raises InputError, with the nearest name, for one that is unknown."""
    try:
        return journal.run(name)
    except KeyError:
        hint = did_you_mean(name, [run.name for run in journal.runs()])
        raise InputError(f"There is no run {name!r}{hint}", remedy="exosms runs list shows them.") from None


def settings_of_run(out: Out, run: "Run", options: AccountOptions, *, account_needed: bool = True) -> Settings:
    """Return the settings with the account that the run began with; raises ConfigError for another one.

    Where the account is not needed there may be none.
    """
    _note_flags(out, options)
    if options.profile is None and is_of_sandbox(run.account):
        for option, value in (("--region", options.region), ("--base-url", options.base_url)):
            if value not in {None, "sandbox"}:
                out.warn(f"{option} is ignored, because the run {run.name} is the sandbox's")
        options = options._replace(region="sandbox", base_url=None)
    elif options.profile in {None, run.profile}:
        options = options._replace(profile=run.profile)
        if options.region is None and options.base_url is None:
            options = options._replace(region=run.terms.region, base_url=run.terms.base_url)
    if options.rate is None and run.terms.rate is not None:
        options = options._replace(rate=Rate.parse(run.terms.rate))
    settings = find_settings(out, options, account_needed=account_needed)
    if settings.account is None and not account_needed:
        return settings
    if settings.account is None or settings.account.identity != run.account:
        other = settings.account.identity if settings.account else "none"
        raise ConfigError(
            f"The run {run.name} belongs to the account {run.account}, not to {other}",
            remedy="Name its profile with -p, or set its EXOTEL_* variables, and its --region or --base-url.",
        )
    return settings


def settings_of_key(out: Out, ledger: Ledger, once_key: str, options: AccountOptions) -> Settings:
    """Return the settings with the account that has unknown messages of a once key, whichever where none has.

    Raises InputError for a key that was never used, ConfigError where only other accounts have some.
    """
    from exosms.ledger.unknown import unknown_elsewhere

    _note_flags(out, options)
    if not (ledger.with_key(once_key) or (ledger.shared and ledger.shared.messages.with_key(once_key))):
        raise no_such_key(once_key)
    accounts = unknown_elsewhere(ledger, "", once_key)
    if len(accounts) == 1 and (options.profile, options.region, options.base_url) == (None, None, None):
        ((account, profile),) = accounts.items()
        is_sandbox = is_of_sandbox(account)
        options = options._replace(region="sandbox") if is_sandbox else options._replace(profile=profile)
    settings = find_settings(out, options)
    if accounts and settings.own_account.identity not in accounts:
        raise ConfigError(
            f"The once key {once_key!r} belongs to the account {' and '.join(accounts)}, not to"
            f" {settings.own_account.identity}",
            remedy="Name its profile with -p, or set its EXOTEL_* variables, and its --region or --base-url.",
        )
    return settings


def _note_flags(out: Out, options: AccountOptions) -> None:
    """Keep what the command line says about the account, before a run or a key says more."""
    if out.account_flags is None:
        out.account_flags = options.flags


def no_such_key(once_key: str) -> InputError:
    """Return what is wrong with a once key that the ledger does not have."""
    return InputError(
        f"No message was sent with the once key {once_key!r} from this machine",
        remedy="exosms log lists what was sent.",
    )


def _state_directory() -> Path:
    directory = paths.state_directory(os.environ)
    if directory is None:
        raise LedgerUnavailableError("There is no home directory for the ledger", remedy="Set EXOSMS_STATE_DIR.")
    return directory
