"""``exosms runs``: what bulk began, and what a person decides about unknown messages."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exosms.bulk.request import RunOptions, paths_of
from exosms.cli import completion_values, option_values
from exosms.cli import options as o
from exosms.cli import reconcile as reconciling
from exosms.cli import resolve as resolving
from exosms.cli.commands import group
from exosms.cli.context import run_of, settings_of_run
from exosms.cli.ledgers import are_others_named, join, open_ledger, run_context, runs_of, shared_ledger
from exosms.cli.output.out import Format, Out
from exosms.cli.prompts import agree, can_ask
from exosms.config.settings import AccountOptions
from exosms.errors import ExitCode, ExosmsError, InputError, Interrupted, UsageError
from exosms.ledger.entry import State
from exosms.ledger.messages import Ledger
from exosms.ledger.runs import Journal
from exosms.sms.message import Outcome
from exosms.system import times
from exosms.system.suggest import did_you_mean
from exosms.system.wording import counted

if TYPE_CHECKING:
    from exosms.system.signals import Interrupts

_STATES = tuple(dict.fromkeys((*State, Outcome.SKIPPED, Outcome.PENDING, Outcome.DELIVERED, Outcome.FAILED)))


def _outcomes(given: Sequence[str]) -> Sequence[str]:
    """Read the outcomes that are asked for, each given by itself or in a list with commas."""
    words = [word.strip() for each in given for word in each.split(",")]
    for word in words:
        if word not in _STATES:
            known = ", ".join(map(repr, map(str, _STATES)))
            raise UsageError(
                f"{word!r} is no outcome of a row{did_you_mean(word, _STATES)}", remedy=f"There are {known}."
            )
    return words


_OUTCOMES = o.Repeated(
    o.option(
        "--outcome",
        metavar="WORD",
        autocompletion=completion_values.words(*_STATES),
        help="Only rows with this outcome (see `exosms help outcomes`); can be repeated, or a comma-separated list.",
    ),
    read=_outcomes,
)

Name = Annotated[
    str,
    typer.Argument(
        metavar="RUN", autocompletion=completion_values.runs, help="The run's name, as `runs list` shows it."
    ),
]


def list_(*, out: o.Printer) -> int:
    """List bulk runs: one line each, with state, rows and accepted rows.

    exosms runs list

    exosms runs list --json
    """
    from exosms.cli.output.runs import draw_list, listed, run_in_list

    with _journal() as (journal, _):
        runs = [(run, journal.counts(run)) for run in journal.runs()]
    if out.is_json:
        out.listing("runs", [run_in_list(run, counts) for run, counts in runs])
    elif not out.is_human:
        out.lines(listed(run, counts) for run, counts in runs)
    elif runs:
        draw_list(out, runs)
    else:
        out.tell("no bulk run was started from this machine yet")
    return ExitCode.OK


def show(*, name: Name, out: o.QuietPrinter) -> int:
    """Show the outcomes of a run's rows, grouped by reason, and what to do now.

    exosms runs show customers-20261123-1

    exosms runs show customers-20261123-1 --json
    """
    from exosms.cli.output.runs import show_run

    with _journal() as (journal, _):
        show_run(run_of(journal, name), journal, out)
    return ExitCode.OK


def resume(*, name: Name, options: RunOptions, account: o.AccountFlags, out: o.FullPrinter) -> int:
    """Send the remaining rows of a run; rows that may have been sent are not sent again.

    exosms runs resume customers-20261123-1 --yes

    exosms runs resume customers-20261123-1 --limit 100 --results results.csv
    """
    return _send(name, options, account, out)


def retry(
    *,
    name: Name,
    rejected: Annotated[
        bool, o.option("--rejected", group="Sending", help="Send rejected rows again as well.")
    ] = False,
    options: RunOptions,
    dry_run: bool = False,
    account: o.AccountFlags,
    out: o.FullPrinter,
) -> int:
    """Send again the rows of a run that were certainly not sent; never rows that may have been sent.

    exosms runs retry customers-20261123-1 --dry-run

    exosms runs retry customers-20261123-1 --yes

    exosms runs retry customers-20261123-1 --rejected
    """
    states = [State.NOT_SENT, *([State.REJECTED] if rejected else [])]
    if dry_run:
        from exosms.cli.foresee import foresee

        chosen = AccountOptions(*account, rate=options.rate)
        return foresee(name, states, chosen, out, limit=options.handling.limit)
    return _send(name, options, account, out, again=states)


def export(
    *,
    name: Name,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Where to write it; without it, or with -, standard output."),
    ] = None,
    outcomes: Annotated[Sequence[str], _OUTCOMES] = (),
    original: Annotated[
        Path | None,
        o.option(
            "--with",
            metavar="FILE",
            help="The file that was sent: write its own rows and columns, to be corrected and sent again.",
        ),
    ] = None,
    yes: bool = False,
    no_input: bool = False,
    out: o.QuietPrinter,
) -> int:
    """Write the outcome of every row of a run as CSV; what is not sent yet is waiting, or in_flight.

    A file that is there is written over, unless it has rows of the run that were corrected since.

    exosms runs export customers-20261123-1 results.csv

    exosms runs export june --outcome rejected --with customers.csv
    """
    from exosms.bulk import results_csv
    from exosms.cli.export import rows_writer

    is_file = file is not None and str(file) != "-"
    with _journal() as (journal, _), rows_writer(name, journal, outcomes, original) as (run, write):
        if file is not None and is_file:
            if file.suffix.lower() in {".xlsx", ".ods", ".xls"}:
                remedy = f"Name {file.with_suffix('.csv')} instead, which every spreadsheet opens."
                raise InputError(f"{file} would be a CSV with the name of a sheet", remedy=remedy)
            target = results_csv.check_file(file, AccountOptions(), *paths_of(run.file), original)
            if not yes and write.may_lose(file):
                question = f"{file} has rows that may have been corrected since they were exported. Write over them?"
                remedy = "Name another file, or add --yes."
                agree(out, question, yes=yes, no_input=no_input, remedy=remedy)
            results_csv.replace_file(target, write, run=run)
            if out.is_json:
                out.result(exit_code=0, run=run.name, file=str(file), written=write.rows, error=None)
            elif write.rows:
                out.tell(f"{counted(write.rows, 'row')} to {file}")
        elif out.format is Format.JSON:
            out.long_result("rows", write.documents(), lambda: {"exit_code": 0, "run": run.name, "error": None})
        elif out.format is Format.JSONL:
            out.listing("rows", write.documents())
        else:
            out.copy(write)
        if not write.rows:
            out.tell(f"no row of the run {run.name} is {' or '.join(outcomes) or 'kept'}")
    return ExitCode.OK


def purge(
    *,
    older_than: Annotated[
        float,
        o.option(
            "--older-than",
            metavar="DURATION",
            parser=option_values.duration,
            help="Delete records older than this, such as 90d.",
        ),
    ],
    yes: bool = False,
    no_input: bool = False,
    out: o.Printer,
) -> int:
    """Delete records of older messages: numbers, Sids, outcomes and texts, of single sends too.

    Unknown and unfinished messages stay, and so do once keys that are still valid. Deleted rows no longer count as
    sent before. On a terminal it asks first.

    exosms runs purge --older-than 90d

    exosms runs purge --older-than 365d --yes
    """
    from exosms.bulk.lifecycle import leave_what_is_over

    with _journal() as (journal, ledger):
        if can_ask(out, no_input=no_input):  # a cron job has said how old by --older-than
            before = times.for_people(time.time() - older_than)
            agree(out, f"Delete the records of what was sent before {before}?", yes=yes, no_input=no_input)
        with shared_ledger(AccountOptions()) or nullcontext() as elsewhere:
            join(ledger, elsewhere)
            ledger.is_one_of_several = are_others_named(elsewhere)
            if elsewhere is not None:
                leave_what_is_over(journal, runs_of(ledger, elsewhere))
            messages = ledger.purge(older_than) + journal.purge(older_than)
            if elsewhere is not None:
                messages += elsewhere.purge(older_than)
                runs_of(ledger, elsewhere).purge(older_than, [run.name for run in journal.runs()])
    out.done(f"{counted(messages, 'message')} deleted", purged=messages)
    return ExitCode.OK


def _send(name: str, options: RunOptions, account: o.AccountFlags, out: Out, *, again: Sequence[State] = ()) -> int:
    """Take a run and send what is left of it; with ``again`` only the rows that ended so."""
    from exosms.bulk import results_csv
    from exosms.cli.output.runs import counts_document, failure
    from exosms.cli.send_run import go_on
    from exosms.system.signals import Interrupts

    out.goes_on = True
    interrupts = Interrupts()
    file, counts = "", counts_document({})
    with interrupts.installed():
        try:
            with _journal(out, interrupts) as (journal, ledger):
                with interrupts.at_once():
                    chosen = AccountOptions(*account, rate=options.rate)
                    run = run_of(journal, name, chosen)
                    file, counts = run.file, counts_document(journal.counts(run))
                    handling = results_csv.checked(options.handling, chosen, *paths_of(file))
                    settings = settings_of_run(out, run, chosen)
                ask = partial(agree, out, yes=options.yes, no_input=options.no_input)
                with run_context(settings, ledger, out, interrupts) as context:
                    return go_on(run, handling, context, out, batch=options.batch, ask=ask, again=again)
        except UsageError:
            raise
        except (ExosmsError, Interrupted) as error:
            return failure(out, error, file=file, run=name, counts=counts)


@contextmanager
def _journal(out: Out | None = None, interrupts: "Interrupts | None" = None) -> Iterator[tuple[Journal, Ledger]]:
    with open_ledger(out, interrupts) as ledger:
        yield Journal(ledger), ledger


command = group(
    "runs",
    {
        "list": list_,
        "show": show,
        "resume": resume,
        "retry": retry,
        "reconcile": reconciling.reconcile,
        "resolve": resolving.resolve,
        "export": export,
        "purge": purge,
    },
    document="runs",
    examples=("exosms runs list", "exosms runs resume customers-20261123-1 --yes"),
)
