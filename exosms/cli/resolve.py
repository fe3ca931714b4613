"""``exosms runs resolve``: what a person found out about unknown messages."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from typing import Annotated

import typer

from exosms.cli import completion_values
from exosms.cli import options as o
from exosms.cli.context import (
    NAME_ACCOUNT,
    no_such_key,
    run_of,
    run_or_key,
    session_for,
    settings_of_key,
    settings_of_run,
)
from exosms.cli.ledgers import join, open_ledger, shared_ledger, shared_ledger_of_run
from exosms.cli.output.out import Out
from exosms.cli.output.reconcile import tell_unasked
from exosms.config.settings import AccountOptions
from exosms.errors import ConfigError, ExitCode, InputError, UsageError
from exosms.ledger.candidates import known_sids
from exosms.ledger.interface import MessageLedger
from exosms.ledger.messages import Ledger
from exosms.ledger.runs import Journal, Run, being_sent
from exosms.ledger.unknown import (
    NotUnknownError,
    Rows,
    UnknownMessages,
    resolve_rows,
    unknown_elsewhere,
    unknown_rows,
)
from exosms.ledger.unsettled import Unsettled
from exosms.send.asking import Asking, GaveUpError
from exosms.send.evidence import differences
from exosms.sms.message import Outcome
from exosms.system.signals import Interrupts
from exosms.system.wording import counted

_TIMEOUT = 30.0
"""Seconds that a question may take."""


class _Decision(StrEnum):
    """What a person may say about an unknown message."""

    ACCEPTED = Outcome.ACCEPTED
    NOT_SENT = Outcome.NOT_SENT


def row_ranges(text: str) -> Sequence[Rows]:
    """Read ``3-17,20``: numbers from 1, in any order."""
    found = []
    for part in text.replace(" ", "").split(","):
        match = re.fullmatch(r"([1-9]\d{0,40})(?:-([1-9]\d{0,40}))?", part, re.ASCII)
        if not match or int(match[2] or match[1]) < int(match[1]):
            raise typer.BadParameter(f"{text!r} names no rows: write numbers and ranges, such as 3-17,20")
        found.append(Rows(int(match[1]), int(match[2] or match[1])))
    return sorted(found)


def resolve(
    *,
    decision: Annotated[_Decision, o.choice(_Decision, "--as", about="What happened to them, as you found out.")],
    name: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", autocompletion=completion_values.runs, help="The run with the unknown rows."),
    ] = None,
    once: Annotated[
        str | None,
        o.option("--once", metavar="KEY", help="The once key of the unknown messages."),
    ] = None,
    row: Annotated[
        Sequence[Rows] | None,
        o.option("--row", metavar="ROWS", parser=row_ranges, help="Only these rows of the run, such as 3-17,20."),
    ] = None,
    sid: Annotated[
        str | None,
        o.option(
            "--sid", metavar="SID", help="The Sid that the message has; Exotel is asked whether it is this message's."
        ),
    ] = None,
    account: o.AccountFlags,
    out: o.FullPrinter,
) -> int:
    """Say what happened to messages whose outcome is unknown.

    Look for them in Exotel's dashboard first: after not_sent they can be sent again. If several accounts have
    unknown messages of one key, name the one that is meant.

    exosms runs resolve customers-20261123-1 --as accepted --row 3-17,20

    exosms runs resolve --once backup-2026-11-23 --as not_sent

    exosms runs resolve j --as accepted --sid 0f477d60517e6e6a0f6d9a7e9af8630e
    """
    if (name is None) == (once is None):
        raise run_or_key()
    if row is not None and name is None:
        raise UsageError("--row needs a RUN")
    if sid is not None and decision is not _Decision.ACCEPTED:
        raise UsageError("--sid is of a message that Exotel has", remedy="Use it with --as accepted.")
    what = f"once key {once!r}" if once is not None else f"run {name}"
    options = AccountOptions(*account)
    shared = shared_ledger(options) if once is not None else None
    with open_ledger(out) as ledger, shared or nullcontext() as elsewhere:
        join(ledger, elsewhere)
        if sid is not None:
            try:
                resolved = _Identification(out, ledger, options).settle(name, once, row or (), sid)
            except GaveUpError as gave_up:
                error = tell_unasked(out, gave_up.report)
                if out.is_json:
                    out.result(exit_code=int(gave_up.report.exit_code), error=error)
                return gave_up.report.exit_code
        elif once is not None:
            whose = _account_of_key(out, ledger, once, options)
            resolved = _resolve_key(elsewhere or ledger, once, Outcome(decision), whose)
        else:
            resolved = _resolve_rows(ledger, name or "", options, Outcome(decision), row or ())
    about = {"once": once} if once else {"run": name}
    return _tell(out, resolved, what, {**about, "as": decision, **({} if sid is None else {"sid": sid})})


def _tell(out: Out, resolved: int, what: str, about: Mapping[str, str | None]) -> int:
    """Say how many messages were settled, and as what."""
    if not (resolved or out.is_json):
        out.tell(f"the {what} has no unknown messages")
        return ExitCode.OK
    out.done(f"{counted(resolved, 'message')} of the {what}: {about['as']}", **about, resolved=resolved)
    return ExitCode.OK


class _Identification:
    """A person says under which Sid Exotel has a message, and Exotel is asked whether that is so."""

    def __init__(self, out: Out, ledger: Ledger, options: AccountOptions) -> None:
        self._out = out
        self._ledger = ledger
        self._options = options

    def settle(self, name: str | None, once: str | None, rows: Sequence[Rows], sid: str) -> int:
        """Give the one message that is meant that Sid; raises InputError if it is another's, or nobody's."""
        run = run_of(Journal(self._ledger), name, self._options) if name is not None else None
        if run is None:
            return self._settle(None, once, rows, sid)
        with shared_ledger_of_run(run, self._options) or nullcontext() as elsewhere:
            join(self._ledger, elsewhere)
            return self._settle(run, None, rows, sid)

    def _settle(self, run: Run | None, once: str | None, rows: Sequence[Rows], sid: str) -> int:
        numbers: Sequence[int] = ()
        if run is not None:
            settings = settings_of_run(self._out, run, self._options)
            with _named(run):
                numbers = unknown_rows(self._ledger, run, rows)
        else:
            settings = settings_of_key(self._out, self._ledger, once or "", self._options)
        interrupts = Interrupts()
        with interrupts.installed():
            session = session_for(settings, self._ledger, self._out, interrupts, timeout=_TIMEOUT)
            messages = UnknownMessages(self._ledger, session.account)
            meant = [
                one
                for one in messages.all()
                if (one.run_id == run.id and one.id in numbers if run else one.once_key == once)
            ]
            if not meant:
                return 0
            if len(meant) > 1:
                raise InputError(
                    f"{len(meant)} messages are unknown, and --sid is of one", remedy="Name it with --row N."
                )
            return self._compare(meant[0], messages, sid, Asking(session))

    def _compare(self, one: Unsettled, messages: UnknownMessages, sid: str, asking: Asking) -> int:
        report, content = asking.about(sid)
        if report.delivery is None and report.problem and report.problem.kind != "not_found":
            raise GaveUpError(report)
        if content is None:
            raise InputError(
                f"Exotel has no message of this account under the Sid {sid!r}; nothing was changed",
                remedy="Compare the Sid with the report, and account and region with `exosms profile show`.",
            )
        wrong = "; ".join(differences(messages.named(one, content.to), content, messages.fingerprints))
        if wrong:
            raise InputError(
                f"{sid!r} is not that message: {wrong}; nothing was changed", remedy="Look for its Sid in the report."
            )
        with messages.at_once():
            if one not in messages.all():
                raise _settled_meanwhile()
            if known_sids(self._ledger, messages.account, [content.sid]):
                raise InputError(
                    f"{sid!r} is the Sid of another message; nothing was changed",
                    remedy="`exosms log` shows whose it is.",
                )
            messages.accept(one, content.sid, report.delivery.status if report.delivery else None)
            if messages.now(one) != (Outcome.ACCEPTED, content.sid):  # another machine was quicker
                raise _settled_meanwhile()
        messages.erase_texts()
        return 1


def _settled_meanwhile() -> InputError:
    return InputError(
        "Another command settled that message meanwhile, or tried it again; nothing was changed",
        remedy="Run it again.",
    )


def _account_of_key(out: Out, ledger: Ledger, once: str, options: AccountOptions) -> str | None:
    """Return the account whose messages of a key are meant; None where no other one has any.

    A key is one account's. Raises ConfigError where several have unknown messages of that name and none is named: a
    person looked at one of them only.
    """
    is_named = any((options.profile, options.region, options.base_url))
    accounts = () if is_named else unknown_elsewhere(ledger, "", once)
    if len(accounts) > 1 and not os.environ.get("EXOSMS_PROFILE"):
        raise ConfigError(
            f"The once key {once!r} has unknown messages of {len(accounts)} accounts: {', '.join(accounts)}",
            remedy=f"Nothing was changed. {NAME_ACCOUNT}",
        )
    if is_named or len(accounts) > 1:
        return settings_of_key(out, ledger, once, options).own_account.identity
    return None


def _resolve_key(ledger: MessageLedger, once: str, outcome: Outcome, account: str | None) -> int:
    from exosms.send.one import UNSETTLED, in_use

    if not ledger.with_key(once):
        raise no_such_key(once)
    resolved = ledger.resolve_key(once, outcome=outcome, account=account)
    entries = [entry for entry in ledger.with_key(once) if account in {None, entry.account}]
    unsettled = [entry for entry in entries if entry.state in UNSETTLED]
    if unsettled and not resolved:
        raise in_use(once, unsettled[0])
    return resolved


def _resolve_rows(ledger: Ledger, name: str, options: AccountOptions, outcome: Outcome, rows: Sequence[Rows]) -> int:
    run = run_of(Journal(ledger), name, options)
    with _named(run):
        resolved = resolve_rows(ledger, run, outcome=outcome, rows=rows)
    if not resolved and run.owner is not None:
        raise being_sent(run)
    return resolved


@contextmanager
def _named(run: Run) -> Iterator[None]:
    """Say of which run a row is not unknown."""
    try:
        yield
    except NotUnknownError as error:
        raise InputError(
            f"The run {run.name} has no unknown row {error.row}; nothing was changed",
            remedy=f"`exosms runs export {run.name}` shows its rows.",
        ) from error
