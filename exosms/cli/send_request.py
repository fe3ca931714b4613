"""What ``exosms send`` does once its options are read: check everything, then deliver, message by message."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

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
from exosms.cli.message_options import Heading, guards_for, letterhead_for
from exosms.cli.output.messages import Report, Result
from exosms.cli.output.out import Out, counted
from exosms.config import paths
from exosms.config.settings import Options, Settings
from exosms.errors import (
    ExitCode,
    ExosmsError,
    InputError,
    Interrupted,
    RecipientsError,
    UsageError,
)
from exosms.ledger.messages import OnceKey, State
from exosms.send.one import Desk, used_before
from exosms.sms import dlt, phone, segments
from exosms.sms.compose import compose
from exosms.sms.message import Message, MessageType, Outcome, Receipt
from exosms.system.signals import Interrupts

if TYPE_CHECKING:
    from exosms.templates.registry import Registered

_MANY_PARTS = 7


class Wish(NamedTuple):
    """What the command line asks for, before any of it is checked."""

    heading: Heading
    recipients: Sequence[str]
    body: str | None
    body_file: str | None
    template: str | None
    variables: Mapping[str, str]
    fit: bool
    once: str | None
    within: float | None
    retry_for: float
    wait: float | None
    dry_run: bool


def send(wish: Wish, options: Options, out: Out) -> int:
    """Send what is wished for and return the exit code."""
    report = Report(out, "send", recipients=wish.recipients)
    interrupts = Interrupts()
    with interrupts.installed():
        try:
            _send(wish, options, report, out, interrupts)
        except UsageError:
            raise  # standard output stays empty
        except ExosmsError as error:
            report.fail(error)
        except Interrupted as interrupted:
            report.interrupt(interrupted)
        return report.conclude()


def _send(wish: Wish, options: Options, report: Report, out: Out, interrupts: Interrupts) -> None:
    with interrupts.at_once():
        settings = find_settings(out, options, account_needed=not wish.dry_run)
        report.profile, report.sandbox = settings.profile, settings.is_sandbox
        report.template = wish.template
        registered = find_template(settings, wish.template) if wish.template else None
        if registered is not None:
            report.template = registered.name
        messages = _compose_all(wish, options, settings, registered, out)
        report.expect(messages)
    if wish.dry_run:
        receipts = _planned(wish, settings, messages)
    else:
        receipts = _delivered(wish, options, settings, messages, out, interrupts)
    for message, receipt in zip(messages, receipts, strict=True):
        report.add(Result(to=message.to, receipt=receipt, message=message))
        if receipt.outcome is Outcome.ACCEPTED and (receipt.status or "").startswith("failed"):
            out.warn(f"Exotel accepted the message to {message.to} and says already that it {receipt.status}")


def _compose_all(
    wish: Wish, options: Options, settings: Settings, registered: "Registered | None", out: Out
) -> Sequence[Message]:
    """Return a message for every recipient, warning about what may be a mistake."""
    body = _body(wish, registered, out)
    letterhead = letterhead_for(wish.heading, options, settings, registered, out)
    recipients = _parse_all(wish.recipients, country=settings.country, warn=out.warn)
    messages = [compose(to, body, letterhead) for to in recipients]
    if wish.body is not None or wish.body_file is not None:
        _warn_about_shell(body, out)
    _warn_about_size(body, messages[0], out)
    if any(map(phone.is_indian, recipients)) and not settings.is_sandbox:
        for warning in dlt.missing_ids(letterhead.dlt_entity_id, letterhead.dlt_template_id):
            out.warn(warning)
        if letterhead.dlt_template_id is None and letterhead.type is not MessageType.PROMOTIONAL:
            _warn_of_registered_texts(body, settings, out)
    return messages


def _warn_of_registered_texts(body: str, settings: Settings, out: Out) -> None:
    """Say whether a text that names no template is one of those that are kept here, if any are."""
    if settings.templates is None or not paths.is_there(settings.templates):
        return
    from exosms.templates.check import against_all

    try:
        verdict = against_all(body, open_registry(settings))
    except ExosmsError:  # a file that was not asked for, or is empty
        return
    if verdict.matches and verdict.template:
        name = verdict.template.name
        out.warn(f"the text matches the template {name!r}; give -t {name}, so that its ids and type are sent with it")
    else:
        out.warn(
            f"the text matches no template in {settings.templates}: operators may drop it, or send it as"
            " promotional; exosms check-template shows where it differs"
        )


def _body(wish: Wish, registered: "Registered | None", out: Out) -> str:
    """Return the text that goes out: given, or rendered; either way as the template has it, if there is one."""
    body = wish.body
    if body is None and wish.body_file is not None:
        body = read_text(wish.body_file)
    if registered is None:
        return body or ""
    from exosms.templates.check import MismatchError, against, rendered

    if body is None:
        body, warnings = rendered(registered, wish.variables, fit=wish.fit)
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


def _planned(wish: Wish, settings: Settings, messages: Sequence[Message]) -> Iterator[Receipt]:
    """Check everything that a real run checks, and send nothing."""
    guards = guards_for(wish.heading, settings)
    guards.check_all(messages, now=time.time(), parts_today=_parts_today(settings))
    yield from [_foreseen(message, wish, settings) for message in messages]


def _foreseen(message: Message, wish: Wish, settings: Settings) -> Receipt:
    """Return what a real run would say of a message as far as that can be known, which is planned or skipped."""
    if wish.once and settings.account and ledger_exists():
        with open_ledger() as ledger:
            once = OnceKey(key=wish.once, within=wish.within)
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
    wish: Wish,
    options: Options,
    settings: Settings,
    messages: Sequence[Message],
    out: Out,
    interrupts: Interrupts,
) -> Iterator[Receipt]:
    account = settings.account
    if account is None:  # find_settings was told that one is needed
        raise AssertionError
    guards = guards_for(wish.heading, settings)
    limited = settings.max_parts_per_day is not None
    once = OnceKey(key=wish.once, within=wish.within) if wish.once else None
    needed_for = "--once" if once else "max_parts_per_day" if limited else None
    with ledger_or_memory(out, needed_for=needed_for) as ledger:
        parts_today = ledger.parts_today(account.identity) if limited else 0
        guards.check_all(messages, now=time.time(), parts_today=parts_today)
        with interrupts.at_once():  # a token command may take its time
            client = open_client(out, account, timeout=wish.heading.timeout, must_leave=interrupts.must_leave)
        desk = Desk(
            client=client,
            ledger=ledger,
            account=account.identity,
            profile=settings.profile,
            rate=None if settings.is_sandbox else settings.rate,
            retry_until=time.monotonic() + wish.retry_for,
            check=lambda message: guards.check_hour(message, now=time.time()),
            within_limit=guards.check_day if limited else None,
            pause=interrupts.pause,
            warn=out.warn,
            tell=out.tell,
        )
        receipts = drained(desk.deliver_all(messages, once=once), out, interrupts)
        if wish.wait is None:
            yield from receipts
            return
        from exosms.cli.wait import awaited

        check = partial(_compared, settings)
        yield from awaited(receipts, messages, desk=desk, seconds=wish.wait, options=options, check=check, out=out)


def _compared(settings: Settings, message: Message) -> str | None:
    """Return what `check-template` finds for a text that was sent; None where its template is not kept here."""
    from exosms.cli.output.template_check import sentence
    from exosms.templates.check import against

    wanted = message.template or message.dlt_template_id
    try:
        return sentence(against(message.body, find_template(settings, wanted))) if wanted else None
    except ExosmsError:  # no such template, or no file that can be read: nothing is known
        return None
