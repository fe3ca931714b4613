"""``exosms status``: what became of messages that Exotel accepted."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from exosms.cli import completion_values
from exosms.cli import options as o
from exosms.cli.context import find_settings, run_of, session_for, settings_of_run
from exosms.cli.ledgers import joined_ledger, ledger_if_there, open_ledger
from exosms.cli.output.delivery_reports import INTERRUPTED, document, refusals, show
from exosms.cli.output.out import Format, Out, error_document
from exosms.cli.output.refusals import draw_refusals, tell_refusals
from exosms.cli.sid_list import words_of
from exosms.cli.wait import follow, how_to_go_on, not_final
from exosms.config.account import SANDBOX_IDENTITY, is_of_sandbox
from exosms.config.settings import AccountOptions, Settings
from exosms.errors import ConfigError, ExitCode, ExosmsError, InputError, Interrupted, UsageError
from exosms.exotel.delivery_report import DeliveryReport, decisive
from exosms.exotel.listed import SID
from exosms.ledger.entry import LedgerEntry
from exosms.ledger.history import History
from exosms.ledger.interface import MessageLedger
from exosms.ledger.runs import Journal
from exosms.send.track import Poller, Watch
from exosms.sms.message import Problem, Retry
from exosms.sms.rate import Rate
from exosms.system.escaping import for_shell
from exosms.system.signals import Interrupts

_LIKELY = re.compile(r"[0-9a-f]{32}")
"""A Sid as Exotel makes them; any other word may be the name of a run."""

_ONLY_SIDS = "`exosms send … -q` prints only Sids."


def command(
    *,
    sids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SID...]", help="Sids of messages; - reads them from standard input."),
    ] = None,
    run: Annotated[
        str | None,
        o.option(
            "--run",
            metavar="RUN",
            autocompletion=completion_values.runs,
            help="The accepted messages of this bulk run.",
        ),
    ] = None,
    wait: float | None = None,
    timeout: float = 30,
    rate: Rate | None = None,
    account: o.AccountFlags,
    out: o.FullPrinter,
) -> int:
    """Ask Exotel whether accepted messages were delivered; `exosms log` shows the answers too.

    Exit code 0: all are delivered or, without --wait, pending; 6: one is not found; 8: --wait ended while one was
    pending; 12: one failed.

    exosms status 0f477d60517e6e6a0f6d9a7e9af8630e

    exosms send --to 9876543210 --body "Hello" -q | exosms status - --wait 15m

    exosms status --run customers-20261123-1 --wait 1h
    """
    if bool(sids) == (run is not None):
        raise UsageError("Give either SIDs or --run RUN", remedy="`exosms log` and `exosms runs list` show them.")
    options = AccountOptions(*account, rate=rate)
    return _Inquiry(out, options, run=run, wait=wait, timeout=timeout).answer(sids or [])


class _Inquiry:
    """What is asked about, what was found, in the order that was asked for, and how the command ends."""

    def __init__(
        self, out: Out, options: AccountOptions, *, run: str | None, wait: float | None, timeout: float
    ) -> None:
        self._out = out
        self._options = options
        self._run = run
        self._wait = wait
        self._timeout = timeout
        self._interrupts = Interrupts()
        self._sids: Sequence[str] = ()
        self._settings: Settings | None = None
        self._watch: Watch | None = None
        self._shown: list[tuple[DeliveryReport, LedgerEntry | None]] = []

    def answer(self, given: Sequence[str]) -> int:
        """Ask, print, and return the exit code, whatever cuts it short."""
        with self._interrupts.installed():
            try:
                self._ask(given)
            except UsageError:
                raise  # standard output stays empty
            except ExosmsError as error:
                return self._fail(error)
            except Interrupted as interrupted:
                return self._stop(interrupted)
            return self._conclude()

    def _ask(self, given: Sequence[str]) -> None:
        with self._interrupts.at_once():
            if self._run is None:
                self._sids, settings = _checked(given), find_settings(self._out, self._options)
            else:
                self._sids, settings = _of_run(self._run, self._options, self._out)
            self._settings = settings
        with joined_ledger(settings, self._out, self._interrupts) as ledger:
            session = session_for(settings, ledger, self._out, self._interrupts, timeout=self._timeout)
            _refuse_of_sandbox(self._sids, session.account, ledger)
            entries = {sid: ledger.sent_as(session.account, sid) for sid in self._sids}
            watch = Watch(Poller(session), self._sids, fresh={sid for sid, entry in entries.items() if entry})
            self._watch = watch
            try:
                follow(watch, watch.ask_all() if self._wait is None else watch.wait(self._wait), self._out)
            finally:
                self._show_all(watch.reports, entries)

    def _show_all(self, reports: Mapping[str, DeliveryReport], entries: Mapping[str, LedgerEntry | None]) -> None:
        """Print every message, those too that an interruption kept from being asked about."""
        for sid in self._sids:
            found = reports.get(sid) or _not_asked(sid), entries[sid]
            self._shown.append(found)
            show(self._out, *found, is_alone=len(self._sids) == 1)

    def _fail(self, error: ExosmsError) -> int:
        """Print the error that ended the command."""
        if self._out.format is Format.JSONL and not self._shown:  # or nothing at all would say it there
            self._out.failure(error)
            return error.exit_code
        self._out.fail(error.message, remedy=error.remedy)
        return self._conclude(error.exit_code, error)

    def _stop(self, interrupted: Interrupted) -> int:
        """Print how to go on with what is open."""
        left = self._watch.open if self._watch else self._sids
        remedy = how_to_go_on(left, self._options, self._wait, run=self._run)
        self._out.fail(f"interrupted by {interrupted.name}", remedy=remedy if self._sids else "")
        return self._conclude(interrupted.exit_code)

    def _conclude(self, exit_code: int | None = None, error: ExosmsError | None = None) -> int:
        """Say why, print the one JSON document, if that is the format, and return the exit code."""
        report = decisive([report for report, _ in self._shown])
        if exit_code is None:
            exit_code = report.exit_code if report else ExitCode.OK
        refused = refusals(self._shown)
        if refused and self._out.is_human and len(self._shown) > 1:
            draw_refusals(self._out, refused)
        tell_refusals(self._out, refused)
        if exit_code == ExitCode.PENDING and self._watch:
            not_final(self._out, self._watch.not_final, self._options, self._wait, run=self._run)
        if self._out.format is Format.JSON:
            self._out.result(
                profile=self._settings.profile if self._settings else None,
                **self._out.sandbox_mark,
                exit_code=int(exit_code),
                outcome=report.outcome if report else None,
                messages=[document(*found) for found in self._shown],
                error=error_document(error) if error else None,
            )
        return int(exit_code)


def _checked(given: Sequence[str]) -> Sequence[str]:
    """Return the Sids, each once, those of standard input where ``-`` stands; raises InputError for what is none."""
    sids = [sid for word in given for sid in (words_of(word, remedy=_ONLY_SIDS) if word == "-" else [word])]
    if not sids:
        raise InputError("Standard input has no Sid", remedy=_ONLY_SIDS)
    for sid in sids:
        if sid.startswith("+"):
            raise InputError(
                f"{sid!r} is a phone number, not a Sid", remedy=f"To see its Sids: exosms log --to {for_shell(sid)}"
            )
        if not _LIKELY.fullmatch(sid) and _is_run(sid):
            raise InputError(
                f"{sid!r} is a run, not a Sid", remedy=f"To ask about it: exosms status --run {for_shell(sid)}"
            )
        if not SID.fullmatch(sid):
            raise InputError(f"{sid!r} is not a valid Sid", remedy="Copy it from `exosms log`; it has 32 characters.")
    return list(dict.fromkeys(sids))


def _refuse_of_sandbox(sids: Sequence[str], account: str, ledger: MessageLedger) -> None:
    """Raise InputError for the Sid of a message that only the sandbox in this program got: Exotel has none such."""
    if is_of_sandbox(account):
        return
    for sid in sids:
        if ledger.sent_as(SANDBOX_IDENTITY, sid):
            raise InputError(
                f"{sid!r} is the Sid of a message that the sandbox got, not Exotel",
                remedy=f"To ask about it: exosms status {sid} --region sandbox",
            )


def _is_run(name: str) -> bool:
    """Whether a run has that name; a ledger that cannot be used knows of none, and is told of later."""
    try:
        with ledger_if_there() as ledger:
            Journal(ledger).run(name)
    except (KeyError, ConfigError):
        return False
    return True


def _of_run(name: str, options: AccountOptions, out: Out) -> tuple[Sequence[str], Settings]:
    """Return the Sids that Exotel gave to the rows of a run, and the settings with its account."""
    with open_ledger() as ledger:
        journal = Journal(ledger)
        run = run_of(journal, name, options)
        sids = [row.sid for row in History(ledger).rows(run) if row.sid]
    if not sids:
        raise InputError(f"No message of the run {name} was accepted yet", remedy=f"exosms runs show {name}")
    return sids, settings_of_run(out, run, options)


def _not_asked(sid: str) -> DeliveryReport:
    return DeliveryReport(
        sid=sid,
        exit_code=ExitCode.PENDING,
        problem=Problem(
            kind=INTERRUPTED,
            message=INTERRUPTED,
            meaning="Exotel was not asked about the message.",
            remedy="",
            retry=Retry.SAFE,
        ),
    )
