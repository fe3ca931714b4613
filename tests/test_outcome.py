"""What every status with every code means, and that outcome, retry, exit code and words of it are of one mind."""

import re
from collections.abc import Iterator

import pytest

from exosms.cli.output.messages import entry_for
from exosms.codes import lookup
from exosms.codes.entry import Family
from exosms.errors import ExitCode
from exosms.exotel.exchange import Answer, Fault, NoAnswer
from exosms.exotel.outcome import refused, unanswered
from exosms.exotel.wire import Refusal
from exosms.sms.message import Outcome, Receipt, Retry, Then

Meaning = tuple[Outcome, ExitCode, Then]

REJECTED = (Outcome.REJECTED, ExitCode.REFUSED, Then.GO_ON)
UNKNOWN = (Outcome.UNKNOWN, ExitCode.UNKNOWN, Then.GO_ON)
ACCOUNT = (Outcome.NOT_SENT, ExitCode.REFUSED, Then.STOP)
MISCONFIGURED = (Outcome.NOT_SENT, ExitCode.CONFIG, Then.STOP)
RATE_LIMITED = (Outcome.NOT_SENT, ExitCode.RATE_LIMITED, Then.PAUSE)
THROTTLED = (Outcome.NOT_SENT, ExitCode.UNAVAILABLE, Then.PAUSE)

BY_STATUS = {
    401: MISCONFIGURED,
    402: ACCOUNT,
    403: ACCOUNT,
    407: MISCONFIGURED,
    408: UNKNOWN,
    409: UNKNOWN,
    429: RATE_LIMITED,
}
BY_CLASS = {3: ACCOUNT, 4: REJECTED}
BY_CODE = {
    # These two concern one recipient: country not enabled, number not whitelisted.
    (403, 40003): REJECTED,
    (403, 340030): REJECTED,
    # The ten messages of a trial account are used up: waiting does not help.
    (429, 40404): ACCOUNT,
}

RETRY = {Outcome.REJECTED: Retry.NO, Outcome.NOT_SENT: Retry.SAFE, Outcome.UNKNOWN: Retry.DECIDE}
REMEDY = {
    Outcome.REJECTED: r"(?!.*\bsend (it )?again\b)",
    Outcome.NOT_SENT: r".*\b(send|ask) again\b",
    Outcome.UNKNOWN: r"Do not send again yet",
}

STATUSES = [status for status in range(100, 600) if not 200 <= status < 300]
CODES = [entry.code for entry in lookup.everything() if entry.family is Family.EXOTEL]
UNHEARD_OF = 49999


def receipts() -> Iterator[tuple[int, Refusal | None, Receipt]]:
    """Go through every refusing status with every body: none of Exotel's, one without a code, one with each code."""
    refusals = [None, *(Refusal(message="", code=code, status=None) for code in (None, UNHEARD_OF, *CODES))]
    for status in STATUSES:
        for refusal in refusals:
            yield status, refusal, refused(Answer(status, b""), refusal)


def expected(status: int, refusal: Refusal | None) -> Meaning:
    if status == 503 and refusal:
        return THROTTLED
    by_code = BY_CODE.get((status, refusal.code or 0)) if refusal else None
    return by_code or BY_STATUS.get(status) or BY_CLASS.get(status // 100, UNKNOWN)


def test_every_status_with_every_code_means_what_is_documented() -> None:
    wrong = [
        (status, refusal, receipt)
        for status, refusal, receipt in receipts()
        if (receipt.outcome, receipt.exit_code, receipt.then) != expected(status, refusal)
    ]
    assert wrong == []


def test_every_status_with_every_code_has_one_mind() -> None:
    """Nobody may be told that it was not sent, and to send again, of what exosms takes for refused or unknown."""
    for status, refusal, receipt in receipts():
        problem = receipt.problem
        assert problem is not None
        assert (problem.kind, problem.retry) == (receipt.outcome, RETRY[receipt.outcome]), (status, refusal)
        assert re.match(REMEDY[receipt.outcome], problem.remedy, re.IGNORECASE), (status, refusal)
        shown = entry_for(receipt.outcome, status, problem.code)
        assert shown is not None, (status, refusal)
        assert (shown.meaning, shown.remedy) == (problem.meaning, problem.remedy), (status, refusal)


@pytest.mark.parametrize("status", [0, 600, 999])
def test_a_status_that_is_none_leaves_the_message_unknown(status: int) -> None:
    receipt = refused(Answer(status, b""), None)
    assert (receipt.outcome, receipt.exit_code, receipt.then) == UNKNOWN


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("fault", Fault)
def test_silence_is_unknown_exactly_if_the_request_was_written(fault: Fault, written: bool) -> None:
    receipt = unanswered(NoAnswer(written=written, fault=fault))
    assert (receipt.outcome is Outcome.UNKNOWN) == written
    assert (receipt.exit_code is ExitCode.UNKNOWN) == written
    assert (receipt.then in {Then.RETRY, Then.PAUSE}) <= (receipt.outcome is Outcome.NOT_SENT)
    assert receipt.problem is not None
    assert (receipt.problem.kind, receipt.problem.retry) == (receipt.outcome, RETRY[receipt.outcome])
    assert receipt.problem.remedy
