"""What commands work with: settings, and what sends and asks by them, made from options and environment."""

import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from exosms.cli.ledgers import begun_elsewhere
from exosms.cli.output.out import Out
from exosms.config import paths
from exosms.config.account import is_of_sandbox
from exosms.config.settings import Account, AccountOptions, Settings, resolve
from exosms.errors import ConfigError, InputError, UsageError
from exosms.exotel.client import Client
from exosms.exotel.transport import HttpsTransport, InProcessTransport, Transport
from exosms.ledger.database import DATABASE
from exosms.ledger.interface import MessageLedger
from exosms.ledger.messages import Ledger
from exosms.send.session import AccountSession, callback_address
from exosms.sms.message import Receipt
from exosms.sms.rate import Rate
from exosms.system.signals import Interrupts, never
from exosms.system.suggest import did_you_mean

if TYPE_CHECKING:
    from exosms.ledger.runs import Journal, Run
    from exosms.sandbox.emulator import Emulator
    from exosms.send.one import Dispatcher
    from exosms.sms.guards import Guards


NAME_ACCOUNT = "Name its profile with -p, or set its EXOTEL_* variables, and its --region or --base-url."
"""What to do where a command is about another account than that of the settings, or about one of several."""


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
        token=account.token.fetch(environ=os.environ, warn=out.warn).reveal(),
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
        is_of_row=_look_at_rows(settings, account),
        flags=out.account_flags or {},
    )


def _look_at_rows(settings: Settings, account: Account) -> Callable[[str], bool]:
    """Return what tells whether a row has a Sid, where single messages are in another ledger than rows are."""
    if settings.ledger is None or settings.state_dir is None:
        return lambda _sid: False
    from exosms.ledger.runs import is_of_row

    return partial(is_of_row, (settings.state_dir / DATABASE).absolute(), account.identity)


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


def run_of(journal: "Journal", name: str, options: AccountOptions | None = None) -> "Run":
    """Return the run of that name; raises InputError for one that is unknown, with the nearest name.

    If the ledger that ``options`` share with other machines knows it, it is told where its rows are.
    """
    with suppress(KeyError):
        return journal.run(name)
    if there := begun_elsewhere(name, options or AccountOptions()):
        raise InputError(
            f"There is no run {name!r} in this state directory. {there}",
            remedy="Run the command there, or name the state directory that has the run with EXOSMS_STATE_DIR.",
        )
    hint = did_you_mean(name, [run.name for run in journal.runs()])
    raise InputError(f"There is no run {name!r}{hint}", remedy="`exosms runs list` shows them.")


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
    if settings.account is not None or account_needed:
        _check_account(f"run {run.name}", [run.account], settings)
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
        if is_of_sandbox(account):
            options = options._replace(region="sandbox")
        elif not _is_of_account(options, account):
            options = options._replace(profile=profile)
    settings = find_settings(out, options)
    if accounts:
        _check_account(f"once key {once_key!r}", accounts, settings)
    return settings


def _is_of_account(options: AccountOptions, account: str) -> bool:
    """Whether options lead to an account without a profile's name, which another machine may not have."""
    try:
        return resolve(options, os.environ).own_account.identity == account
    except ConfigError:
        return False


def _check_account(what: str, accounts: Collection[str], settings: Settings) -> None:
    """Raise ConfigError for what belongs to other accounts than that of the settings."""
    ours = settings.own_account.identity
    if ours not in accounts:
        raise ConfigError(
            f"The {what} belongs to the account {' and '.join(accounts)}, not to {ours}",
            remedy=NAME_ACCOUNT,
        )


def _note_flags(out: Out, options: AccountOptions) -> None:
    """Keep what the command line says about the account, before a run or a key says more."""
    if out.account_flags is None:
        out.account_flags = options.flags


def run_or_key() -> UsageError:
    """Return what is wrong with a command line that does not name one of the two."""
    return UsageError("Give either a RUN or --once KEY", remedy="`exosms runs list` shows the runs.")


def no_such_key(once_key: str) -> InputError:
    """Return what is wrong with a once key that the ledger does not have."""
    return InputError(
        f"No message was sent with the once key {once_key!r} from this machine",
        remedy="`exosms log` lists what was sent.",
    )
