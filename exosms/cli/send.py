"""``exosms send``: one text to one or several recipients, one request each."""

from collections.abc import Mapping
from typing import Any

from exosms.cli import options as o
from exosms.cli.output.out import Out
from exosms.errors import ExosmsError, UsageError
from exosms.send.request import SendRequest


def command(*, request: SendRequest, account: o.AccountFlags, out: o.FullPrinter, _yes: bool = False) -> int:
    """Send one text to one or several recipients, one request each.

    exosms send --to 9876543210 --body "Backup finished"

    exosms send --to 9876543210 -t otp --var code=123456 --var app=login

    exosms send --to 9876543210,9876543211 -F alert.txt --once nightly --json
    """
    o.refuse_empty_of(request)
    if request.body is not None and request.body_file is not None:
        raise UsageError("Give the text with either --body or --body-file")
    given = request.body is not None or request.body_file is not None
    if not given and request.template is None:
        raise UsageError("Give the text with --body or --body-file, or a template with -t")
    if (request.variables or request.fit) and (request.template is None or given):
        raise UsageError(
            "--var and --fit are for the template of -t, when no text is given",
            remedy="Name a template with -t and leave --body out, or leave --var and --fit out.",
        )
    if request.within is not None and request.once is None:
        raise UsageError("--within says how long a once key is valid, so it needs --once KEY")
    from exosms.cli.send_request import send  # half of a help page's time

    out.goes_on = True
    return send(request, account, out)


def tell_failure(out: Out, error: ExosmsError, values: Mapping[str, Any]) -> None:
    """Tell why nobody can be sent anything, recipient by recipient."""
    from exosms.cli.output.messages import SendReport

    report = SendReport(out, recipients=o.recipients(values["to"]))
    report.fail(error)
    report.conclude()
