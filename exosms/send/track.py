"""What became of messages that Exotel accepted: asked about in rounds, within the account's pace.

Asking changes nothing, so a question without an answer is simply asked again. Every answer is kept in the ledger.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from exosms.errors import ExitCode, ExosmsError
from exosms.exotel.delivery_report import ASK_AGAIN, DeliveryReport, found, is_about_the_template
from exosms.send.session import AccountSession
from exosms.sms.message import Message, Outcome, Problem, Receipt, Retry, Then
from exosms.sms.rate import MOST_RETRIES, back_off, pause_of
from exosms.system.escaping import for_shell

FIRST_INTERVAL = 2.0
LONGEST_INTERVAL = 30.0
_GROWTH = 1.5

PATIENCE = 30.0
"""Seconds for which a question without an answer is repeated where nobody asked to wait."""

_GRACE = 1.0
"""Seconds by which the last round of a wait may begin late."""

_ENOUGH = 3
"""Questions in a row without an answer after which a round is given up."""

_EXIT_CODES = {
    Outcome.PENDING: ExitCode.PENDING,
    Outcome.DELIVERED: ExitCode.OK,
    Outcome.FAILED: ExitCode.FAILED,
}

_PASSING = {Then.RETRY, Then.PAUSE}


class Poller(NamedTuple):
    """Everything that a question about a message needs, for one account and one command."""

    session: AccountSession
    sent: Mapping[str, Message] = {}
    """What went out under a Sid, where it is still at hand."""
    templates: Path | None = None
    """Where the templates are with which it may be compared."""

    def known(self, sid: str) -> DeliveryReport | None:
        """Return what was found earlier, if it was final: nothing more can come."""
        delivery = self.session.ledger.delivery(self.session.account, sid)
        return self._with_check(found(sid, delivery)) if delivery and delivery.is_final else None

    def ask(self, sid: str, *, until: float) -> DeliveryReport:
        """Ask once and keep the answer; no wait for our turn begins that would end after ``until``."""
        session = self.session
        session.pause(0)  # as before a turn
        blocked = session.pace.blocked_for()
        if blocked and session.now() + blocked > until:
            return _paused(sid, blocked)
        session.take_turn()
        report = session.client.details(sid)
        session.pause(0)
        if report.delivery:
            session.ledger.keep_delivery(session.account, sid, report.delivery)
        if report.then is Then.PAUSE:
            session.pace.block(pause_of(report.retry_after, 0, chance=session.chance()))
        return self._with_check(report)

    def _with_check(self, report: DeliveryReport) -> DeliveryReport:
        """Say in the remedy what the check of the template finds, where it failed for that and one is known."""
        problem = report.problem
        if problem is None or not is_about_the_template(problem):
            return report
        check = _compared(self.sent.get(report.sid), self.templates)
        if check is None:
            sent = self.session.ledger.sent_as(self.session.account, report.sid)
            check = _checked_when_sent(sent.template) if sent and sent.template else None
        if check is None:
            return report
        return report._replace(problem=problem._replace(remedy=f"{problem.remedy} {check}"))


class Watch:
    """Messages that are asked about in rounds; ``reports`` holds at any moment what is known of each."""

    def __init__(self, poller: Poller, sids: Sequence[str], *, fresh: Collection[str] = ()) -> None:
        """``fresh``: Sids that Exotel gave us, so that whatever else it answers about one means not yet."""
        self.reports: dict[str, DeliveryReport] = {}
        self.asked: Callable[[int], None] = lambda _place: None
        """Told after each question which one of the round it was, from 1."""
        self._poller = poller
        self._session = poller.session
        self._fresh = fresh
        self._sids = sids
        self._open = list(sids)
        self._told = ""

    @property
    def open(self) -> Sequence[str]:
        """The messages that another round would ask about."""
        return tuple(self._open)

    @property
    def not_final(self) -> Sequence[str]:
        """The messages of which more may become known."""
        return [sid for sid in self._sids if not _has_ended(self.reports.get(sid))]

    @property
    def final(self) -> int:
        """How many messages are as they will stay."""
        return len(self._sids) - len(self.not_final)

    def ask_all(self) -> Iterator[float]:
        """Ask until every question has an answer, for a while; yields the seconds before each further round."""
        until = self._session.now() + PATIENCE
        for retry in range(MOST_RETRIES + 1):
            stop = self._round(until, is_settled=lambda report: report.then not in _PASSING)
            delay = back_off(retry, chance=self._session.chance())
            if stop or not self._open or retry == MOST_RETRIES or self._session.now() + delay > until:
                break
            yield delay
            self._session.pause(delay)
        self._give_up()

    def wait(self, seconds: float) -> Iterator[float]:
        """Ask until every message is final or the time is over; yields the seconds before each further round."""
        until = self._session.now() + seconds
        interval = FIRST_INTERVAL
        while not self._round(until, is_settled=self._is_final) and self._open:
            left = until - self._session.now()
            if left <= 0:
                break
            yield min(interval, left)
            self._session.pause(min(interval, left))
            interval = min(LONGEST_INTERVAL, interval * _GROWTH)
        self._give_up()
        for sid in self._open:
            report = self.reports[sid]
            if report.delivery and report.problem is None:
                self.reports[sid] = report._replace(exit_code=ExitCode.PENDING)

    def _round(self, until: float, *, is_settled: Callable[[DeliveryReport], bool]) -> bool:
        """Ask about every open message once; return whether to ask no more at all."""
        silent = 0
        report: DeliveryReport | None = None
        for place, sid in enumerate(self._open, start=1):
            if sid in self.reports and self._session.now() > until + _GRACE:
                break
            report = self._poller.known(sid) or self._poller.ask(sid, until=until)
            self.reports[sid] = _merged(self.reports.get(sid), report)
            self.asked(place)
            silent = silent + 1 if report.then in _PASSING else 0
            if silent == 1 and report.problem:
                why = report.problem.status_text or report.problem.message
                self._tell_once(f"the delivery state of {sid} is not known yet ({why})")
            if report.then is Then.STOP or silent == _ENOUGH:
                break
        self._open = [sid for sid in self._open if sid not in self.reports or not is_settled(self.reports[sid])]
        return report is not None and report.then is Then.STOP

    def _tell_once(self, doubt: str) -> None:
        """Tell what keeps being so in the first of the rounds alone."""
        if doubt != self._told:
            self._session.tell(doubt)
        self._told = doubt

    def _is_final(self, report: DeliveryReport) -> bool:
        if report.delivery:
            return report.delivery.is_final
        return report.then not in _PASSING and report.sid not in self._fresh

    def _give_up(self) -> None:
        """Whoever was not asked, because others were not answered, has the same reason."""
        last = next((report for report in reversed(self.reports.values()) if not report.delivery), None)
        for sid in self._open:
            if last and sid not in self.reports:
                self.reports[sid] = last._replace(sid=sid)


def watch_over(
    receipts: Sequence[Receipt], messages: Sequence[Message], session: AccountSession, templates: Path | None
) -> Watch:
    """Return a watch over all messages that have a Sid, those too that a once key kept from going out again."""
    sids = [receipt.sid for receipt in receipts if receipt.sid and is_followed(receipt)]
    sent = {
        receipt.sid: message
        for receipt, message in zip(receipts, messages, strict=False)
        if receipt.sid and receipt.outcome is Outcome.ACCEPTED  # with a used key it may have been another text
    }
    return Watch(Poller(session, sent, templates), sids, fresh=sids)


def is_followed(receipt: Receipt) -> bool:
    """Whether there is a message whose delivery can be waited for."""
    return receipt.sid is not None and receipt.outcome in {Outcome.ACCEPTED, Outcome.SKIPPED}


def later(receipt: Receipt, report: DeliveryReport | None) -> Receipt:
    """Return the receipt with the later truth; a question without an answer leaves it accepted.

    A skipped message stays so if the earlier one was delivered: nothing was to be done.
    """
    if not is_followed(receipt):
        return receipt
    delivery = report.delivery if report else None
    if report is None or delivery is None:
        return receipt._replace(exit_code=ExitCode.PENDING)
    done = receipt.outcome is Outcome.SKIPPED and delivery.outcome is Outcome.DELIVERED
    return receipt._replace(
        outcome=receipt.outcome if done else delivery.outcome,
        exit_code=_EXIT_CODES[delivery.outcome],
        status=delivery.status or receipt.status,
        detailed_status_code=delivery.detailed_status_code,
        detailed_status=delivery.detailed_status,
        problem=report.problem if delivery.outcome is Outcome.FAILED else None,
        delivery=delivery,
    )


def _has_ended(report: DeliveryReport | None) -> bool:
    return report is not None and report.delivery is not None and report.delivery.is_final


def _compared(message: Message | None, templates: Path | None) -> str | None:
    """Return what `check-template` finds for a text that was sent; None where its template is not kept here."""
    wanted = message and (message.fields.template or message.fields.dlt_template_id)
    if message is None or wanted is None or templates is None:
        return None
    from exosms.templates import registry
    from exosms.templates.check import against, sentence

    try:
        return sentence(against(message.body, registry.read(templates).get(wanted)))
    except ExosmsError:  # no such template, or no file that can be read: nothing is known
        return None


def _checked_when_sent(template: str) -> str:
    """Return what is known of a message that went out with a template, and so matched it, though its text is gone."""
    return (
        f"It matched the template {template!r} as stored here then, so compare that template's text and id with the"
        f" DLT portal. The message's text is not stored; to check it again, give it: exosms check-template -t"
        f" {for_shell(template)} --body TEXT"
    )


def _merged(before: DeliveryReport | None, now: DeliveryReport) -> DeliveryReport:
    """A question without an answer leaves what was known; one after which none can follow also says why."""
    if before is None or before.delivery is None or now.delivery:
        return now
    return now._replace(delivery=before.delivery) if now.then is Then.STOP else before


def _paused(sid: str, seconds: float) -> DeliveryReport:
    return DeliveryReport(
        sid=sid,
        exit_code=ExitCode.RATE_LIMITED,
        then=Then.PAUSE,
        problem=Problem(
            kind=ExitCode.RATE_LIMITED.name.lower(),
            message=f"Exotel asked this account to pause (429); {math.ceil(seconds)} s left",
            meaning="Exotel was not asked about the message.",
            remedy=ASK_AGAIN,
            retry=Retry.SAFE,
        ),
    )
