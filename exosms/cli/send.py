"""``exosms send``: one text to one or several recipients, one request each."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from exosms.cli import option_values
from exosms.cli import options as o
from exosms.cli.output.out import Out
from exosms.errors import ExosmsError, Interrupted, UsageError, in_our_words
from exosms.send.request import SendRequest
from exosms.sms.message import Message, Outcome, Receipt

if TYPE_CHECKING:  # what a help page has no use for, and takes half of its time
    from exosms.cli.output.messages import SendReport
    from exosms.config.settings import AccountOptions, Settings
    from exosms.system.signals import Interrupts


def command(*, request: SendRequest, account: o.AccountFlags, out: o.FullPrinter, _yes: bool = False) -> int:
    """Send one text to one or several recipients, one request each.

    exosms send --to 9876543210 --body "Backup finished"

    exosms send --to 9876543210 -t otp --var code=123456 --var app=login

    exosms send --to 9876543210,@oncall -F alert.txt --once nightly --json
    """
    o.refuse_empty_of(request)
    if not (request.to or request.to_file):
        raise UsageError("Give a recipient with --to or --to-file")
    if [*request.to_file, request.body_file].count("-") > 1:
        raise UsageError("Standard input can be read only once", remedy="Give one of the files by its name.")
    given = _is_given(request, out)
    if (request.variables or request.fit) and (request.template is None or given):
        raise UsageError(
            "--var and --fit are for the template of -t, when no text is given",
            remedy="Name a template with -t and leave --body out, or leave --var and --fit out.",
        )
    o.refuse_within_alone(request)
    from exosms.cli.output.messages import SendReport
    from exosms.system.signals import Interrupts

    out.goes_on = True
    report = SendReport(out, recipients=request.to, is_dry=request.dry_run)
    interrupts = Interrupts()
    with interrupts.installed():
        try:
            _send(request, account, report, out, interrupts)
        except UsageError:
            raise  # standard output stays empty
        except Interrupted as interrupted:
            report.interrupt(interrupted)
        except Exception as error:  # noqa: BLE001  # whatever it is, what was sent is to be told
            report.fail(in_our_words(error))
        exit_code = report.conclude()
        return out.unless_lost(exit_code) if request.dry_run else exit_code


def _is_given(request: SendRequest, out: Out) -> bool:
    """Return whether there is a text beside a template; raises UsageError, with the command that was meant."""
    if request.body == "-":
        from exosms.cli.meant import text_is_a_dash

        raise text_is_a_dash(out.arguments)
    if request.body is not None and request.body_file is not None:
        raise UsageError("Give the text with either --body or --body-file")
    given = request.body is not None or request.body_file is not None
    if not given and request.template is None:
        from exosms.cli.meant import no_text

        raise no_text(out.arguments)
    return given


def _send(
    request: SendRequest, account: o.AccountFlags, report: "SendReport", out: Out, interrupts: "Interrupts"
) -> None:
    """Prepare the messages, then show what became of each, or would."""
    from exosms.cli.body_text import read_recipients, read_text
    from exosms.cli.context import find_settings
    from exosms.cli.output.messages import MessageResult
    from exosms.send.message_fields import find_template
    from exosms.send.prepare import prepare, review
    from exosms.send.recipients import find_recipients

    options = account.options_of(request)
    with interrupts.at_once():
        settings = find_settings(out, options, account_needed=not request.dry_run)
        report.profile = settings.profile
        report.template = request.template
        given_to = [*request.to, *read_recipients(*request.to_file)]
        recipients = find_recipients(given_to, settings)
        report.expect(recipients.as_given)
        registered = find_template(request.template, settings)
        if registered is not None:
            report.template = registered.name
        given = request.body if request.body_file is None else read_text(request.body_file)
        messages = prepare(request, given, recipients, settings, registered, warn=out.warn)
        review(given, messages, settings, warn=out.warn)
        report.expect(messages)
        report.leave_out(recipients.refused)
    receipts = receipts_of(messages, request, settings, options, out, interrupts)
    for message, receipt in zip(messages, receipts, strict=True):
        report.add(MessageResult(to=message.to, receipt=receipt, message=message))
        if receipt.outcome is Outcome.ACCEPTED and (receipt.status or "").startswith("failed"):
            out.warn(f"Exotel accepted the message to {message.to} and says already that it {receipt.status}")


def receipts_of(
    messages: Sequence[Message],
    request: SendRequest,
    settings: "Settings",
    options: "AccountOptions",
    out: Out,
    interrupts: "Interrupts",
) -> Iterator[Receipt]:
    """Yield what became of each message; in a dry run, which checks the same and writes nothing, what would."""
    from exosms.cli.context import dispatcher_for, drained
    from exosms.cli.ledgers import message_ledger, message_ledger_if_there
    from exosms.ledger.entry import OnceKey
    from exosms.send.message_fields import guards_for
    from exosms.send.one import check_what_leaves, foreseen

    guards = guards_for(request.limits, settings, any_hour=request.any_hour)
    once = OnceKey(key=request.once, within=request.within) if request.once else None
    limited = guards.max_parts_per_day is not None
    needed_for = "--once" if once else "max_parts_per_day" if limited else None
    account = settings.account.identity if settings.account else ""
    with (
        message_ledger_if_there(settings, needed=bool(needed_for))
        if request.dry_run
        else message_ledger(
            settings, out, interrupts, needed_for, attempt=request.timeout, retry_for=request.retry_for
        ) as ledger
    ):
        parts_today = ledger.parts_today(account) if limited else 0
        with ledger.limiting(account) if limited and not request.dry_run else nullcontext():
            check_what_leaves(messages, guards, ledger, account, once, parts_today=parts_today)
        if request.dry_run:
            flags = out.account_flags or {}
            yield from [foreseen(message, ledger, account, once, flags) for message in messages]
            return
        dispatcher = dispatcher_for(
            settings,
            ledger,
            guards,
            out,
            interrupts,
            timeout=request.timeout,
            retry_for=request.retry_for,
            is_ledger_needed=bool(needed_for),
        )
        receipts = drained(dispatcher.deliver_all(messages, once=once), out, interrupts)
        if request.wait is not None:
            from exosms.cli.wait import awaited

            receipts = awaited(receipts, messages, dispatcher.session, request.wait, settings.templates, options, out)
        yield from receipts


def tell_failure(out: Out, error: ExosmsError, values: Mapping[str, Any]) -> None:
    """Tell why nobody can be sent anything, recipient by recipient."""
    from exosms.cli.output.messages import SendReport

    report = SendReport(out, recipients=option_values.recipients(values["to"] or []))
    report.fail(error)
    report.conclude()
