"""Questions to Exotel within the account's pace, each repeated for a while until it has an answer."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from exosms.exotel.delivery_report import DeliveryReport
from exosms.exotel.message_content import MessageContent
from exosms.exotel.message_list import Page
from exosms.send.session import AccountSession
from exosms.sms.message import Then
from exosms.sms.rate import back_off, pause_of

_MOST = 10
"""Times that a question is asked; each of them counts in the account's pace."""

_Answer = TypeVar("_Answer")


class GaveUpError(Exception):
    """Exotel says nothing more now; why not is in the report."""

    def __init__(self, report: DeliveryReport) -> None:
        super().__init__(report.exit_code)
        self.report = report


class Asking(NamedTuple):
    """What one command asks about one account's messages."""

    session: AccountSession

    def about(self, sid: str) -> tuple[DeliveryReport, MessageContent | None]:
        """Ask what a Sid is, and keep the answer; raises GaveUpError where no question would have one."""
        report, content = self._repeated(lambda: self.session.client.content(sid), lambda answer: answer[0])
        if report.delivery:
            kept = content.sid if content else sid
            self.session.ledger.keep_delivery(self.session.account, kept, report.delivery)
        return report, content

    def listed(self, since: float, until: float, *, host: str) -> Iterator[Page]:
        """Yield the pages of Exotel's list of messages; raises GaveUpError where there is none."""
        pages = self.session.client.listed(since, until, host=host)
        while page := self._repeated(lambda: next(pages, None), _no_page):
            if isinstance(page, DeliveryReport):
                raise GaveUpError(page)
            yield page

    def _repeated(self, ask: Callable[[], _Answer], report_of: Callable[[_Answer], DeliveryReport | None]) -> _Answer:
        session = self.session
        retry = 0
        while True:
            session.take_turn()
            answer = ask()
            session.pause(0)
            report = report_of(answer)
            if report is None or report.then is Then.GO_ON or retry == _MOST - 1:
                return answer
            if report.then is Then.STOP:
                raise GaveUpError(report)
            delay = back_off(retry, chance=session.chance())
            if report.then is Then.PAUSE:
                delay = pause_of(report.retry_after, retry, chance=session.chance())
                session.pace.block(delay)
            why = (report.problem.status_text or report.problem.message) if report.problem else ""
            session.tell(f"no answer yet ({why}); asking again in {delay:.1f} s")
            session.pause(delay)
            retry += 1


def _no_page(answer: Page | DeliveryReport | None) -> DeliveryReport | None:
    return answer if isinstance(answer, DeliveryReport) else None
