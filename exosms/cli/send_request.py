"""What ``exosms send`` does once its options are read: check everything, then deliver, message by message."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from exosms.cli.body_text import read_text
from exosms.cli.context import (
    drained,
    find_settings,
    find_template,
    ledger_exists,
    ledger_or_memory,
    open_client,
    open_ledger,
    open_registry,
)
from exosms.cli.message_options import fields_for, guards_for, options_for
from exosms.cli.options import AccountFlags
from exosms.cli.output.messages import MessageResult, SendReport
from exosms.cli.output.out import Out
from exosms.config import paths
from exosms.config.settings import AccountOptions, Settings
from exosms.errors import (
    ExitCode,
    ExosmsError,
    InputError,
    Interrupted,
    RecipientsError,
    UsageError,
)
from exosms.ledger.messages import OnceKey, State
from exosms.send.one import Dispatcher, used_before
from exosms.send.request import SendRequest
from exosms.sms import dlt, phone, segments
from exosms.sms.compose import compose
from exosms.sms.message import Message, MessageType, Outcome, Receipt
from exosms.system.signals import Interrupts
from exosms.system.wording import counted

if TYPE_CHECKING:
    from exosms.templates.registry import Registered

_MANY_PARTS = 7


def send(request: SendRequest, account: AccountFlags, out: Out) -> int:
    """Send what is asked for and return the exit code."""
    options = options_for(request, account)
    report = SendReport(out, recipients=request.to)
    interrupts = Interrupts()
    with interrupts.installed():
        try:
            _send(request, options, report, out, interrupts)
        except UsageError:
            raise  # standard output stays empty
        except ExosmsError as error:
            report.fail(error)
        except Interrupted as interrupted:
            report.interrupt(interrupted)
        return report.conclude()


def _send(
    request: SendRequest, options: AccountOptions, report: SendReport, out: Out, interrupts: Interrupts
) -> None:
    with interrupts.at_once():
        settings = find_settings(out, options, account_needed=not request.dry_run)
        report.profile, report.sandbox = settings.profile, settings.is_sandbox
        report.template = request.template
        registered = find_template(settings, request.template) if request.template else None
        if registered is not None:
            report.template = registered.name
        messages = _compose_all(request, settings, registered, out)
        report.expect(messages)
    if request.dry_run:
        receipts = _planned(request, settings, messages)
    else:
        receipts = _delivered(request, options, settings, messages, out, interrupts)
    for message, receipt in zip(messages, receipts, strict=True):
        report.add(MessageResult(to=message.to, receipt=receipt, message=message))
        if receipt.outcome is Outcome.ACCEPTED and (receipt.status or "").startswith("failed"):
            out.warn(f"Exotel accepted the message to {message.to} and says already that it {receipt.status}")


def _compose_all(
    request: SendRequest, settings: Settings, registered: "Registered | None", out: Out
) -> Sequence[Message]:
    """Return a message for every recipient, warning about what may be a mistake."""
    body = _body(request, registered, out)
    message_fields = fields_for(request.message_options, settings, registered, out)
    recipients = _parse_all(request.to, country=settings.country, warn=out.warn)
    messages = [compose(to, body, message_fields) for to in recipients]
    if request.body is not None or request.body_file is not None:
        _warn_about_shell(body, out)
    _warn_about_size(body, messages[0], out)
    if any(map(phone.is_indian, recipients)) and not settings.is_sandbox:
        for warning in dlt.missing_ids(message_fields.dlt_entity_id, message_fields.dlt_template_id):
            out.warn(warning)
        if message_fields.dlt_template_id is None and message_fields.type is not MessageType.PROMOTIONAL:
            _warn_of_registered_texts(body, settings, out)
    return messages


def _warn_of_registered_texts(body: str, settings: Settings, out: Out) -> None:
    """Say whether a text that names no template is one of those that are kept here, if any are."""
    if settings.templates is None or not paths.is_there(settings.templates):
        return
    from exosms.templates.check import against_all

    try:
        registry = open_registry(settings)
        verdict = against_all(body, registry)
    except ExosmsError:  # a file that was not asked for, or is empty
        return
    if verdict.matches and verdict.template:
        name = verdict.template.name
        out.warn(f"the text matches the template {name!r}; give -t {name}, so that its ids and type are sent with it")
    else:
        none = "no template that can be read" if registry.flawed else "no template"
        out.warn(
            f"the text matches {none} in {settings.templates}: operators may drop it, or send it as"
            " promotional; exosms check-template shows where it differs"
        )


def _body(request: SendRequest, registered: "Registered | None", out: Out) -> str:
    """Return the text that goes out: given, or rendered; either way as the template has it, if there is one."""
    body = request.body
    if body is None and request.body_file is not None:
        body = read_text(request.body_file)
    if registered is None:
        return body or ""
    from exosms.templates.check import MismatchError, against, rendered

    if body is None:
        body, warnings = rendered(registered, request.variables, fit=request.fit)
        for warning in warnings:
            out.warn(warning)
    verdict = against(body, registered)
    if not verdict.matches:
        raise MismatchError(verdict)
    for warning in verdict.warnings:
        out.warn(warning)
    return body


def _parse_all(numbers: Sequence[str], *, country: str, warn: Callable[[str], None]) -> Sequence[str]:
    """Return the recipients in E.164, each once; raises RecipientsError naming every one that is refused."""
    parsed: dict[str, None] = {}
    refused: dict[str, InputError] = {}
    for number in numbers:
        try:
            to = phone.parse(number, country=country)
        except InputError as error:
            refused[number] = error
            continue
        if to in parsed:
            warn(f"{to} was given more than once and gets one message")
        parsed[to] = None
    if refused:
        raise RecipientsError(refused)
    return list(parsed)


def _warn_about_shell(body: str, out: Out) -> None:
    if "\\n" in body:
        out.warn(r"the text contains a literal \n, which is sent as it is; for a new line use $'…\n…' or a file")
    if lone := re.search(r"\{\w+\}|%[sd]\b", body):
        out.warn(f"the text contains {lone[0]}, which is sent as it is")
    if body.startswith("@") and paths.is_file(Path(body[1:])):
        out.warn(
            f"the text is {body!r} itself, not the content of that file; to send that, use --body-file {body[1:]}"
        )


def _warn_about_size(body: str, message: Message, out: Out) -> None:
    measure = segments.measure(body, message.encoding)
    few = len({forcing.character for forcing in measure.forcing}) <= segments.FEW_FORCING
    if measure.forcing and (few or measure.segments_if_plain != measure.segments):
        shown = ", ".join(f"{segments.describe(f.character)} at offset {f.offset}" for f in measure.forcing[:3])
        more = f" and {len(measure.forcing) - 3} more" if len(measure.forcing) > 3 else ""
        out.warn(
            f"{shown}{more} {'makes' if len(measure.forcing) == 1 else 'make'} the text Unicode:"
            f" {counted(measure.segments, 'part')}, {measure.segments_if_plain} without"
        )
    if message.segments > _MANY_PARTS:
        out.warn(f"the text takes {message.segments} parts, and each part is charged")


def _planned(request: SendRequest, settings: Settings, messages: Sequence[Message]) -> Iterator[Receipt]:
    """Check everything that a real run checks, and send nothing."""
    guards = guards_for(request, settings)
    guards.check_all(messages, now=time.time(), parts_today=_parts_today(settings))
    yield from [_foreseen(message, request, settings) for message in messages]


def _foreseen(message: Message, request: SendRequest, settings: Settings) -> Receipt:
    """Return what a real run would say of a message as far as that can be known, which is planned or skipped."""
    if request.once and settings.account and ledger_exists():
        with open_ledger() as ledger:
            once = OnceKey(key=request.once, within=request.within)
            used = ledger.used(once, recipient=message.to, account=settings.account.identity)
        if used and used.state not in {State.IN_FLIGHT, State.WAITING}:
            return used_before(used)
    return Receipt(outcome=Outcome.PLANNED, exit_code=ExitCode.OK)


def _parts_today(settings: Settings) -> int:
    """Return what a dry run, which writes nothing, can know of the parts that were used today."""
    if settings.max_parts_per_day is None or settings.account is None or not ledger_exists():
        return 0
    with open_ledger() as ledger:
        return ledger.parts_today(settings.account.identity)


def _delivered(
    request: SendRequest,
    options: AccountOptions,
    settings: Settings,
    messages: Sequence[Message],
    out: Out,
    interrupts: Interrupts,
) -> Iterator[Receipt]:
    account = settings.own_account
    guards = guards_for(request, settings)
    limited = settings.max_parts_per_day is not None
    once = OnceKey(key=request.once, within=request.within) if request.once else None
    needed_for = "--once" if once else "max_parts_per_day" if limited else None
    with ledger_or_memory(out, needed_for=needed_for) as ledger:
        parts_today = ledger.parts_today(account.identity) if limited else 0
        guards.check_all(messages, now=time.time(), parts_today=parts_today)
        with interrupts.at_once():  # a token command may take its time
            client = open_client(out, account, timeout=request.timeout, must_leave=interrupts.must_leave)
        dispatcher = Dispatcher(
            client=client,
            ledger=ledger,
            account=account.identity,
            profile=settings.profile,
            rate=None if settings.is_sandbox else settings.rate,
            retry_until=time.monotonic() + request.retry_for,
            check=lambda message: guards.check_hour(message, now=time.time()),
            within_limit=guards.check_day if limited else None,
            pause=interrupts.pause,
            warn=out.warn,
            tell=out.tell,
        )
        receipts = drained(dispatcher.deliver_all(messages, once=once), out, interrupts)
        if request.wait is None:
            yield from receipts
            return
        from exosms.cli.wait import awaited

        check = partial(_compared, settings)
        yield from awaited(
            receipts, messages, dispatcher=dispatcher, seconds=request.wait, options=options, check=check, out=out
        )


def _compared(settings: Settings, message: Message) -> str | None:
    """Return what `check-template` finds for a text that was sent; None where its template is not kept here."""
    from exosms.cli.output.template_check import sentence
    from exosms.templates.check import against

    wanted = message.fields.template or message.fields.dlt_template_id
    try:
        return sentence(against(message.body, find_template(settings, wanted))) if wanted else None
    except ExosmsError:  # no such template, or no file that can be read: nothing is known
        return None
