"""``exosms send``: one text to one or several recipients, one request each."""

from collections.abc import Mapping, Sequence
from typing import Any

from exosms.cli import options as o
from exosms.cli.output.out import Format, Out
from exosms.errors import ExosmsError, UsageError
from exosms.sms.message import Priority


def command(
    to: o.To,
    body: o.Body = None,
    body_file: o.BodyFile = None,
    template: o.Template = None,
    var: o.Var = None,
    fit: o.Fit = False,
    templates: o.Templates = None,
    sender: o.Sender = None,
    dlt_entity_id: o.DltEntityId = None,
    dlt_template_id: o.DltTemplateId = None,
    sms_type: o.Type = None,
    priority: o.PriorityOption = Priority.NORMAL,
    encoding: o.EncodingOption = None,
    status_callback: o.StatusCallback = None,
    custom_field: o.CustomField = None,
    once: o.Once = None,
    within: o.Within = None,
    max_segments: o.MaxSegments = None,
    max_parts: o.MaxParts = None,
    any_hour: o.AnyHour = False,
    timeout: o.Timeout = 90,
    rate: o.RateOption = None,
    retry_for: o.RetryFor = 120.0,
    wait: o.Wait = None,
    dry_run: o.DryRun = False,
    profile: o.Profile = None,
    region: o.Region = None,
    base_url: o.BaseUrl = None,
    config: o.Config = None,
    output: o.Output = Format.AUTO,
    json: o.Json = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    _yes: o.Yes = False,
) -> int:
    """Send one text to one or several recipients, one request each.

    exosms send --to 9876543210 --body "Backup finished"

    exosms send --to 9876543210 -t otp --var code=123456 --var app=login

    exosms send --to 9876543210,9876543211 -F alert.txt --once nightly --json
    """
    values = o.variables(var)
    o.refuse_empty(
        ("-t", template),
        ("--from", sender),
        ("--dlt-entity-id", dlt_entity_id),
        ("--dlt-template-id", dlt_template_id),
    )
    if body is not None and body_file is not None:
        raise UsageError("Give the text with either --body or --body-file")
    if body is None and body_file is None and template is None:
        raise UsageError("Give the text with --body or --body-file, or a template with -t")
    given = body is not None or body_file is not None
    if (values or fit) and (template is None or given):
        raise UsageError(
            "--var and --fit are for the template of -t, when no text is given",
            remedy="Name a template with -t and leave --body out, or leave --var and --fit out.",
        )
    if within is not None and once is None:
        raise UsageError("--within says how long a once key is valid, so it needs --once KEY")
    from exosms.cli.message_options import MessageOptions
    from exosms.cli.send_request import SendRequest, send  # half of a help page's time
    from exosms.config.settings import AccountOptions

    request = SendRequest(
        message_options=MessageOptions(
            dlt_template_id=dlt_template_id,
            type=sms_type,
            priority=priority,
            encoding=encoding,
            status_callback=status_callback,
            custom_field=custom_field,
            any_hour=any_hour,
            max_segments=max_segments,
            max_parts=max_parts,
            timeout=timeout,
        ),
        recipients=_recipients(to),
        body=body,
        body_file=body_file,
        template=template,
        variables=values,
        fit=fit,
        once=once,
        within=within,
        retry_for=retry_for,
        wait=wait,
        dry_run=dry_run,
    )
    out = o.out(output, json=json, quiet=quiet, verbose=verbose, goes_on=True)
    options = AccountOptions(
        profile=profile,
        region=region,
        base_url=base_url,
        config=config,
        sender=sender,
        dlt_entity_id=dlt_entity_id,
        rate=rate,
        templates=templates,
    )
    return send(request, options, out)


def tell_failure(out: Out, name: str, error: ExosmsError, options: Mapping[str, Any]) -> None:
    """Tell why nobody can be sent anything, recipient by recipient."""
    from exosms.cli.output.messages import SendReport

    report = SendReport(out, name, recipients=_recipients(options["to"]))
    report.fail(error)
    report.conclude()


def _recipients(to: Sequence[str]) -> list[str]:
    return [number.strip() for item in to for number in item.split(",")]
