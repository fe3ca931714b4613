"""``exosms bulk``: declares its options; ``mailing`` does the work."""

import re
from pathlib import Path
from typing import Annotated

import typer

from exosms.bulk.policies import Duplicates, SentBefore
from exosms.cli import completion_values
from exosms.cli import options as o
from exosms.cli.output.out import Format
from exosms.config.settings import AccountOptions
from exosms.errors import UsageError
from exosms.sms.message import Priority


def run_name(text: str) -> str:
    """Read the name of a run."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", text, re.ASCII):
        raise typer.BadParameter(f"{text!r} is not a valid run name: write letters, digits, _, . and -")
    return text


def command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A CSV file; - is standard input.")],
    template: o.Template = None,
    var: Annotated[
        list[str] | None,
        typer.Option(
            "--var",
            metavar="NAME=TEXT",
            help="A variable's value; {Column} is replaced by the cell. Can be repeated.",
            show_default=False,
        ),
    ] = None,
    body: Annotated[
        str | None,
        typer.Option(
            "-b",
            "--body",
            metavar="TEXT",
            help="The text; {Column} is replaced by the cell, and {{ and }} are literal braces.",
            show_default=False,
        ),
    ] = None,
    fit: o.Fit = False,
    templates: o.Templates = None,
    to_column: Annotated[
        str | None,
        typer.Option(
            "--to-column",
            metavar="COLUMN",
            help="The recipients.  [default: to, phone or mobile]",
            show_default=False,
        ),
    ] = None,
    sender: o.Sender = None,
    dlt_entity_id: o.DltEntityId = None,
    dlt_template_id: o.DltTemplateId = None,
    type_: o.Type = None,
    priority: o.PriorityOption = Priority.NORMAL,
    encoding: o.EncodingOption = None,
    status_callback: o.StatusCallback = None,
    custom_field: o.CustomField = None,
    any_hour: o.AnyHour = False,
    max_segments: o.MaxSegments = None,
    max_parts: o.MaxParts = None,
    duplicates: Annotated[
        Duplicates, o.choice(Duplicates, "--duplicates", about="Rows with the same recipient, text and sender.")
    ] = Duplicates.REFUSE,
    sent_before: Annotated[
        SentBefore, o.choice(SentBefore, "--sent-before", about="Rows that an earlier run sent, or may have sent.")
    ] = SentBefore.REFUSE,
    within: Annotated[
        float,
        typer.Option(
            "--within",
            metavar="DURATION",
            parser=o.duration,
            help="How far back to look for rows sent before.  [default: 12h]",
            show_default=False,
        ),
    ] = 12 * 3600.0,
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Leave bad rows out; they count as rejected.")
    ] = False,
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="Let a text use an empty cell.")] = False,
    delimiter: o.Delimiter = None,
    csv_encoding: o.CsvEncoding = None,
    sample_to: Annotated[
        str | None,
        typer.Option(
            "--sample-to",
            metavar="NUMBER",
            help="Send the first and the longest text to this number, and nothing else.",
            show_default=False,
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="NAME",
            parser=run_name,
            autocompletion=completion_values.runs,
            help="Start or continue the run with this name; a finished run sends nothing.",
            show_default=False,
        ),
    ] = None,
    batch: o.BatchOption = None,
    rate: o.RateOption = None,
    timeout: o.Timeout = 90,
    max_failures: o.MaxFailures = None,
    limit: o.Limit = None,
    results: o.Results = None,
    dry_run: o.DryRun = False,
    yes: o.Yes = False,
    no_input: o.NoInput = False,
    profile: o.Profile = None,
    region: o.Region = None,
    base_url: o.BaseUrl = None,
    config: o.Config = None,
    output: o.Output = Format.AUTO,
    json: o.Json = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> int:
    """Send the rows of a CSV file, each row once, whatever happens.

    The whole file is checked before the first message leaves, and every row is kept in a journal: `exosms runs`
    shows, resumes, retries and exports it. Columns named from, dlt_template_id, type, … win over the options.

    exosms bulk customers.csv --template otp --dry-run

    exosms bulk customers.csv --body "Dear {name}, {order} has left. - Acme"
    """
    if template is not None and body is not None:
        raise UsageError("Give either --template or --body")
    if template is None and (var or fit):
        raise UsageError("--var and --fit need a template", remedy="Name one with -t, or leave them out.")
    o.refuse_empty(
        ("-t", template),
        ("--from", sender),
        ("--dlt-entity-id", dlt_entity_id),
        ("--dlt-template-id", dlt_template_id),
    )
    from exosms.cli.mailing import BulkRequest, mail
    from exosms.cli.message_options import MessageOptions

    request = BulkRequest(
        message_options=MessageOptions(
            dlt_template_id=dlt_template_id,
            type=type_,
            priority=priority,
            encoding=encoding,
            status_callback=status_callback,
            custom_field=custom_field,
            any_hour=any_hour,
            max_segments=max_segments,
            max_parts=max_parts,
            timeout=timeout,
        ),
        file=None if file == "-" else Path(file),
        template=template,
        variables=o.variables(var),
        body=body,
        fit=fit,
        to_column=to_column,
        duplicates=duplicates,
        sent_before=sent_before,
        within=within,
        skip_invalid=skip_invalid,
        allow_empty=allow_empty,
        delimiter=delimiter,
        csv_encoding=csv_encoding,
        sample_to=sample_to,
        run=run,
        batch=batch or 0,
        max_failures=max_failures,
        limit=limit,
        results=results,
        dry_run=dry_run,
        yes=yes,
        no_input=no_input,
    )
    options = AccountOptions(
        profile=profile,
        region=region,
        base_url=base_url,
        config=config,
        templates=templates,
        sender=sender,
        dlt_entity_id=dlt_entity_id,
        rate=rate,
    )
    return mail(request, options, o.out(output, json=json, quiet=quiet, verbose=verbose, goes_on=True))
