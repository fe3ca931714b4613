"""``exosms bulk``: declares its options; ``bulk_request`` does the work."""

import re
from typing import Annotated

import typer

from exosms.bulk.request import BulkRequest, Duplicates, SentBefore
from exosms.cli import completion_values, option_values
from exosms.cli import options as o
from exosms.cli.output.out import Out
from exosms.config.paths import is_there
from exosms.errors import UsageError


def run_name(text: str) -> str:
    """Read the name of a run."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", text, re.ASCII):
        raise typer.BadParameter(f"{text!r} is not a valid run name: write letters, digits, _, . and -")
    return text


_OPTIONS = {
    "file": typer.Argument(metavar="FILE", help="A CSV file, or a sheet (.xlsx, .ods, .xls); - is standard input."),
    "variables": o.PATTERNS,
    "body": o.option(
        "-b",
        "--body",
        metavar="TEXT",
        help="The text; {Column} is replaced by the cell, and {{ and }} are literal braces.",
    ),
    "to_column": o.option(
        "--to-column",
        metavar="COLUMN",
        group="Recipients",
        help="The column of the recipients.  [default: the one called to, phone, mobile, contact, …]",
    ),
    "ignored": o.Repeated(
        o.option(
            "--ignore-column",
            metavar="NAME",
            group="File",
            help="Pass over the column of that name, which is about something else; can be repeated.",
        ),
        read=list,
    ),
    "duplicates": o.choice(
        Duplicates,
        "--duplicates",
        group="Safety",
        about="What to do about rows with the same recipient, text and sender.",
    ),
    "sent_before": o.choice(
        SentBefore,
        "--sent-before",
        group="Safety",
        about="What to do about rows that an earlier run sent, or may have sent.",
    ),
    "within": o.option(
        "--within",
        metavar="DURATION",
        parser=option_values.duration,
        help="How far back to look for rows sent before, such as 7d.  [default: 12h]",
    ),
    "skip_invalid": o.option("--skip-invalid", help="Leave bad rows out; they count as rejected."),
    "allow_empty": o.option("--allow-empty", group="File", help="Let a text use an empty cell."),
    "allow_damaged": o.option(
        "--allow-damaged",
        group="File",
        help="Let a text use a cell that a spreadsheet damaged, such as #REF! or 1.1E+18.",
    ),
    "sample_to": o.option(
        "--sample-to",
        metavar="NUMBER",
        group="Recipients",
        help="Send the first and the longest text to this number, and nothing else.",
    ),
    "run": o.option(
        "--run",
        metavar="NAME",
        parser=run_name,
        autocompletion=completion_values.runs,
        group="Sending",
        help="Start or continue the run with this name; a finished run sends nothing.",
    ),
}


def command(*, request: Annotated[BulkRequest, _OPTIONS], account: o.AccountFlags, out: o.FullPrinter) -> int:
    """Send the rows of a CSV or a sheet, each row once, whatever happens.

    The whole file is checked before the first message leaves, and every row is kept in a journal: `exosms runs`
    shows, resumes, retries and exports it. Columns called from, dlt_template_id, type, … set these for their rows,
    as `exosms help columns` says.

    exosms bulk customers.csv --template otp --dry-run

    exosms bulk customers.csv --template otp --run june --yes

    exosms bulk customers.csv --body "Dear {name}, {order} has left. - Acme"
    """
    _refuse_a_number(request, out)
    if [request.template, request.body, request.body_file].count(None) < 2:
        raise UsageError("Give either --template, --body or --body-file")
    if "-" in {request.body, request.body_file} and request.path is None:
        raise UsageError("Standard input cannot be both the rows and the text")
    if request.body == "-":
        from exosms.cli.meant import text_is_a_dash

        raise text_is_a_dash(out.arguments)
    if request.template is None and (request.variables or request.fit):
        raise UsageError("--var and --fit need a template", remedy="Name one with -t, or leave them out.")
    o.refuse_empty_of(request)
    from exosms.cli.bulk_request import bulk

    out.goes_on = True
    exit_code = bulk(request, account, out)
    return out.unless_lost(exit_code) if request.dry_run else exit_code


def _refuse_a_number(request: BulkRequest, out: Out) -> None:
    """Raise UsageError for a recipient in the place of a file, with the command that was meant."""
    if request.path is not None and not is_there(request.path):
        from exosms.cli.meant import no_file

        if error := no_file(request.path, out.arguments):
            raise error
