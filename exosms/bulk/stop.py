"""What ends a run before its last row."""

from collections.abc import Sequence
from typing import NamedTuple

from exosms.errors import ExitCode, ExosmsError, Interrupted
from exosms.ledger.batons import ContinuedElsewhereError
from exosms.sms.message import Outcome, Problem, Receipt, Retry, problem_of

_MOST = {Outcome.NOT_SENT: 10, Outcome.UNKNOWN: 3, Outcome.REJECTED: 5}
"""Requests in a row, after their retries, that end the same way before a run stops."""

_REMAIN = "The remaining rows were not sent."


class Stop(NamedTuple):
    """Why a run ended before its last row."""

    exit_code: int
    problem: Problem
    is_for_good: bool = False
    """Whether nothing of the run goes on from here."""


class Streak:
    """Requests that end the same bad way one after another."""

    def __init__(self) -> None:
        self._kind: object = None
        self._length = 0

    def count(self, final: Sequence[Receipt]) -> Stop | None:
        """Take what the rows of one more request came to; return the stop if there are too many alike."""
        accepted = any(receipt.outcome is Outcome.ACCEPTED for receipt in final)
        kinds = set() if accepted else {_kind(receipt) for receipt in final}
        if len(kinds) != 1:
            self._kind, self._length = None, 0
            return None
        kind = kinds.pop()
        self._length = self._length + 1 if self._kind == kind else 1
        self._kind = kind
        if self._length < _MOST[final[0].outcome]:
            return None
        return stop_after(final[0], f"{self._length} requests in a row ended like this: ")


def _kind(receipt: Receipt) -> object:
    if receipt.outcome is Outcome.REJECTED:
        return receipt.outcome, receipt.http_status, receipt.problem and receipt.problem.code
    return receipt.outcome


def stop_for(error: ExosmsError | Interrupted) -> Stop:
    """Return the stop that one of our own errors makes, or a signal."""
    problem = problem_of(error)._replace(meaning=_REMAIN)
    return Stop(error.exit_code, problem, is_for_good=isinstance(error, ContinuedElsewhereError))


def stop_after(receipt: Receipt, prefix: str = "") -> Stop | None:
    """Return the stop that a result makes; what was accepted makes none."""
    problem = receipt.problem
    if problem is None:
        return None
    said = prefix + (problem.message or f"HTTP {problem.http_status}")
    return Stop(exit_code=receipt.exit_code, problem=problem._replace(message=said))


def too_many_failed(rows: int, run: str) -> Stop:
    """Return the stop that --max-failures makes."""
    problem = Problem(
        kind="max_failures",
        message=f"{rows} row{'' if rows == 1 else 's'} failed, and --max-failures stopped the run",
        meaning=_REMAIN,
        remedy=f"See why with `exosms runs show {run}`.",
        retry=Retry.DECIDE,
    )
    return Stop(exit_code=ExitCode.PARTIAL, problem=problem)
