"""``exosms runs reconcile``: what became of messages whose answer was lost."""

import errno
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import typer

from exosms.cli import completion_values
from exosms.cli import options as o
from exosms.cli.context import find_settings, run_of, run_or_key, session_for, settings_of_key, settings_of_run
from exosms.cli.ledgers import join, open_ledger, shared_ledger, shared_ledger_of_run
from exosms.cli.output.out import Document, Out, error_document
from exosms.cli.output.reconcile import (
    ReconcileProgress,
    counts_of,
    of_strangers,
    sentence,
    show_result,
    tell_unasked,
)
from exosms.cli.sid_list import words_of
from exosms.config.account import is_of_sandbox
from exosms.config.settings import AccountOptions, Settings
from exosms.errors import ExitCode, ExosmsError, InputError, Interrupted, UsageError
from exosms.exotel.listed import SID, Listed
from exosms.exotel.message_list import spans
from exosms.ledger.messages import Ledger
from exosms.ledger.runs import Journal, Run
from exosms.ledger.unknown import UnknownMessages, unknown_elsewhere
from exosms.ledger.unsettled import Unsettled
from exosms.send.asking import Asking, GaveUpError
from exosms.send.reconcile import Found, Reconciliation
from exosms.sms.message import Outcome
from exosms.sms.rate import Rate
from exosms.system.escaping import for_shell, shown
from exosms.system.files import unreadable
from exosms.system.signals import Interrupts
from exosms.system.wording import counted

_NO_LIST = (
    "Exotel has no list of this account's messages: export the SMS Detailed Report from its dashboard, with Type set"
    " to All, and give it with --report FILE"
)


_MANY_MACHINES = "other machines send for this account as well"
_NO_WHOLE_LIST = "Sids that a person lists prove no absence, which takes the whole report alone: --report FILE"


class _Absent(StrEnum):
    """What may be said of messages that Exotel does not have."""

    NOT_SENT = Outcome.NOT_SENT


class Wanted(NamedTuple):
    """Which unknown messages are looked at."""

    name: str | None = None
    once: str | None = None
    since: float | None = None


class Sources(NamedTuple):
    """What lists Sids that may be theirs."""

    report: Path | None = None
    sids: str | None = None
    search: bool = False

    @property
    def incomplete(self) -> str:
        """Why what they list need not be all that there is of a time; nothing if it should be.

        Sids beside a report may be of a time that it does not cover.
        """
        return "" if self.sids is None else _NO_WHOLE_LIST


_WANTED = {
    "name": typer.Argument(
        metavar="[RUN]",
        autocompletion=completion_values.runs,
        help="Only the rows of this run; else all messages.",
    ),
    "once": o.option("--once", metavar="KEY", group="Options", help="Only the messages with this once key."),
    "since": o.SINCE,
}
_SOURCES = {
    "report": o.option(
        "--report", metavar="FILE", help="The dashboard's SMS Detailed Report (Type: All), as CSV or a workbook."
    ),
    "sids": o.option("--sids", metavar="FILE", help="A file with a Sid on each line; - is standard input."),
    "search": o.option("--search", help="Ask Exotel for a list of messages, which it may not have."),
}


def reconcile(
    *,
    wanted: Annotated[Wanted, _WANTED],
    sources: Annotated[Sources, _SOURCES],
    absent: Annotated[
        _Absent | None,
        o.choice(
            _Absent,
            "--absent",
            about="Count as not sent what is not listed although others before and after it are.",
            show_default=False,
        ),
    ] = None,
    timeout: float = 30,
    rate: Rate | None = None,
    account: o.AccountFlags,
    out: o.FullPrinter,
) -> int:
    """Find out what became of unknown messages: ask Exotel about the Sids that a report lists, and compare.

    A message is accepted if recipient, sender, text and time agree, and if no other may have that Sid. It can be run
    again at any time, and goes on. Exit code 0: nothing unknown is left; 9: something is, of any account if neither
    RUN nor a key nor an account is named.

    exosms runs reconcile customers-20261123-1 --report report.csv

    exosms runs reconcile --since 24h --report report.csv --absent not_sent
    """
    out.command = "runs reconcile"
    if sources == Sources():
        raise UsageError(
            "Give --report FILE, --sids FILE or --search",
            remedy="Exotel's dashboard exports the report: SMS Detailed Report, Type All.",
        )
    if wanted.name is not None and wanted.once is not None:
        raise run_or_key()
    options = AccountOptions(*account, rate=rate)
    return _Command(out, options, wanted, sources, says_absent=absent is not None, timeout=timeout).run()


class _Command:
    """One reconciliation, what it found, and how it ends."""

    def __init__(
        self,
        out: Out,
        options: AccountOptions,
        wanted: Wanted,
        sources: Sources,
        *,
        says_absent: bool,
        timeout: float,
    ) -> None:
        self._out = out
        self._options = options
        self._wanted = wanted
        self._sources = sources
        self._says_absent = says_absent
        self._timeout = timeout
        self._interrupts = Interrupts()
        self._work: Reconciliation | None = None
        self._incomplete = sources.incomplete
        self._elsewhere: Sequence[str] = ()
        """Other accounts with unknown messages, where no run or key says whose are meant."""

    def run(self) -> int:
        """Reconcile, print, and return the exit code, whatever cuts it short."""
        with self._interrupts.installed():
            try:
                self._reconcile()
            except UsageError:
                raise
            except GaveUpError as gave_up:
                return self._conclude(gave_up.report.exit_code, tell_unasked(self._out, gave_up.report))
            except (ExosmsError, Interrupted) as error:
                remedy = error.remedy or "What was found is kept; run it again to go on."
                self._out.fail(error.message, remedy=remedy)
                return self._conclude(error.exit_code, error_document(error), is_fatal=True)
            return self._conclude(ExitCode.UNKNOWN, None)

    def _reconcile(self) -> None:
        self._out.goes_on = True
        with self._interrupts.at_once():
            _require_there(self._sources.report)
            sids = [*_sids_of(self._sources.sids)] if self._sources.sids is not None else []
        with open_ledger(self._out, self._interrupts) as ledger, ExitStack() as opened:
            with self._interrupts.at_once():
                name = self._wanted.name
                run = run_of(Journal(ledger), name, self._options) if name is not None else None
                shared = shared_ledger_of_run(run, self._options) if run else shared_ledger(self._options)
                if shared:
                    join(ledger, opened.enter_context(shared))
                settings = self._settings(ledger, run)
            if shared and run is None:  # of a run all is here
                self._incomplete = self._incomplete or _MANY_MACHINES
            session = session_for(settings, ledger, self._out, self._interrupts, timeout=self._timeout)
            if self._wanted.name is None and self._wanted.once is None:
                elsewhere = unknown_elsewhere(ledger, session.account, since=self._since)
                self._elsewhere = [account for account in elsewhere if not is_of_sandbox(account)]
            unknown = UnknownMessages(ledger, session.account).all()
            targets = [one for one in unknown if self._is_wanted(one, run)]
            keys = {one.key for one in targets}
            others = [one for one in unknown if one.key not in keys]
            work = Reconciliation(session, targets, others, asks_all=self._says_absent and not self._incomplete)
            self._work = work
            with self._interrupts.at_once():
                work.take(sids)
                work.take(_of_report(self._sources.report, self._note_left_out))
            if self._sources.search:
                self._search(work, Asking(session), settings)
            progress = ReconcileProgress(self._out)
            work.asked = progress.asked
            try:
                work.resolve()
            finally:
                progress.clear()
            if self._says_absent and (why := work.call_absent(incomplete=self._incomplete)):
                self._out.tell(f"what was not found stays unknown: {why}")

    def _settings(self, ledger: Ledger, run: Run | None) -> Settings:
        """Return the settings with the account whose messages are looked at."""
        if run is not None:
            return settings_of_run(self._out, run, self._options)
        if self._wanted.once is None:
            return find_settings(self._out, self._options)
        return settings_of_key(self._out, ledger, self._wanted.once, self._options)

    def _is_wanted(self, one: Unsettled, run: Run | None) -> bool:
        return (
            (run is None or one.run_id == run.id)
            and (self._wanted.once is None or one.once_key == self._wanted.once)
            and one.until >= self._since
        )

    def _search(self, work: Reconciliation, asking: Asking, settings: Settings) -> None:
        """Take what Exotel lists of the times in which the messages were sent; where it lists nothing, say so."""
        attempts = [(one.message.since, one.message.until) for one in work.found.values()]
        host = urlsplit(settings.own_account.base_url).netloc
        try:
            for since, until in spans(attempts):
                for page in asking.listed(since, until, host=host):
                    work.take(page.listed)
                    if not page.is_whole:
                        self._incomplete = "Exotel's list does not show all messages, or not their Sids"
                    if page.is_cut:
                        self._incomplete = "the list goes on at another host"
                        self._out.warn("the list goes on at another host, which is not asked: it would get the key")
        except GaveUpError as gave_up:
            if gave_up.report.exit_code is not ExitCode.REFUSED:
                raise
            self._incomplete = "Exotel has no list of this account's messages"
            self._out.fail(_NO_LIST)

    @property
    def _since(self) -> float:
        """The moment, in seconds since the epoch, after which a message was last tried to be looked at."""
        return 0.0 if self._wanted.since is None else time.time() - self._wanted.since

    @property
    def _is_account_named(self) -> bool:
        """Whether somebody said whose messages are meant, so that the others are no concern of this command."""
        named = (
            self._options.profile,
            self._options.region,
            self._options.base_url,
            os.environ.get("EXOSMS_PROFILE"),
        )
        return any(named)

    def _note_left_out(self, line: int) -> None:
        """Keep absence from being proven by a report in which there may be a Sid that cannot be read."""
        self._incomplete = self._incomplete or f"line {line} of {self._sources.report} has no Sid that can be read"

    def _conclude(self, exit_code: int, error: Document | None, *, is_fatal: bool = False) -> int:
        """Print what was found; with nothing unknown left nothing else matters, unless it could not even be seen.

        What other accounts have counts as left, unless somebody said whose messages are meant.
        """
        is_refused = exit_code == ExitCode.INPUT  # the file: then nothing was looked at
        found = [*self._work.found.values()] if self._work and not is_refused else []
        strangers = self._work.strangers if self._work else 0
        counts = counts_of(found, strangers)
        if not (counts["remaining"] or is_fatal):
            is_left = self._elsewhere and not self._is_account_named
            exit_code, error = ExitCode.UNKNOWN if is_left else ExitCode.OK, None
        show_result(self._out, found, counts, exit_code=exit_code, error=error)
        if not is_refused:
            self._out.tell(sentence(counts))
        if strangers:
            self._out.tell(of_strangers(strangers))
        if exit_code == ExitCode.UNKNOWN and counts["remaining"]:
            self._out.fail(
                f"{counted(counts['remaining'], 'message')} may have been sent, and it is not known whether",
                remedy=_next_step(found, self._out.account_flags or {}),
            )
        if self._elsewhere and not is_fatal:
            self._tell_of_others(is_the_reason=exit_code == ExitCode.UNKNOWN and not counts["remaining"])
        return int(exit_code)

    def _tell_of_others(self, *, is_the_reason: bool) -> None:
        names = ", ".join(self._elsewhere)
        if is_the_reason:
            self._out.fail(
                f"messages of other accounts may have been sent, and it is not known whether: {names}",
                remedy="Name a profile of theirs with -p and give that account's report.",
            )
        else:
            self._out.tell(
                f"messages of other accounts are unknown as well: {names}; name a profile of theirs with -p"
            )


def _next_step(found: Sequence[Found], flags: Mapping[str, str]) -> str:
    """Return what a person can do about the first of those that are left, and so about all."""
    look = (
        "A later report may have it, and with --absent not_sent what a whole report does not have counts as not sent,"
        " once a later message of this account is listed."
    )
    one = next(one.message for one in found if one.outcome is Outcome.UNKNOWN)
    if not one.run and one.once_key is None:  # then only a Sid names it to a command
        command = for_shell("exosms", "runs", "reconcile", *(word for flag in flags.items() for word in flag))
        return f"{look} If the dashboard shows it, its Sid settles it: {command} --sids FILE"
    which = f"{for_shell(one.run)} --row {one.row}" if one.run else f"--once {for_shell(one.once_key or '')}"
    return f"{look} Or decide with `exosms runs resolve {which} --as accepted`, or with --as not_sent."


def _require_there(report: Path | None) -> None:
    """Find out about a report that is not there before anything else."""
    if report is not None and not os.access(report, os.R_OK):
        try:
            report.stat()
            code = errno.EACCES
        except OSError as error:
            code = error.errno or errno.ENOENT
        raise unreadable(str(report), OSError(code, os.strerror(code)))


def _of_report(report: Path | None, left_out: Callable[[int], None]) -> Iterator[Listed]:
    from exosms.exotel.report_file import sids_in

    return iter(()) if report is None else sids_in(report, left_out)


def _sids_of(source: str) -> Iterator[Listed]:
    """Yield the Sids of a file, or of standard input; raises InputError for what is none."""
    name = "standard input" if source == "-" else source
    remedy = "Write a Sid a line, as in `exosms log`."
    for sid in words_of(source, remedy=remedy):
        if not SID.fullmatch(sid) or sid.startswith("+"):
            raise InputError(f"{name}: {shown(sid)!r} is not a Sid", remedy=remedy)
        yield Listed(sid)
