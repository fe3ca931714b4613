"""Exosms without one of its precautions, as ``python -m naive VARIANT ARGUMENT…``: for the campaign to notice."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from exosms.cli.app import entry_point
from exosms.cli.output import messages
from exosms.errors import ExitCode
from exosms.exotel import client, exchange, outcome, reply_matching
from exosms.ledger import dead_processes, run_rows, runs
from exosms.ledger.database import Database


def resends_what_was_in_flight() -> None:
    """Take what a process that died had in flight for not sent."""

    def lose(database: Database, run: int, *, because: str) -> int:
        return database.connection.execute(
            "UPDATE rows SET state = 'waiting', error = ? WHERE run = ? AND state = 'in_flight'", (because, run)
        ).rowcount

    dead_processes.lose = lose


def claims_too_late() -> None:
    """Write down what is sent only once the answer is there."""

    def claim(_self: object, _run: object, items: Sequence[Any], **_: object) -> run_rows.Claim:
        return run_rows.Claim(items)

    runs.Journal.claim = claim  # type: ignore[method-assign, assignment]  # that is the point


def retries_without_an_answer() -> None:
    """Take no answer for not sent, as most retry libraries do."""
    client.unanswered = lambda silence: outcome.unanswered(  # type: ignore[attr-defined]  # that is the point
        exchange.NoAnswer(written=False, fault=silence.fault)
    )


def trusts_the_order_of_a_reply() -> None:
    """Give the first Sid to the first message and so on."""

    def match(messages: Sequence[Any], items: Sequence[Any]) -> reply_matching.Matching:
        said = (*items, *[None] * len(messages))[: len(messages)]
        return reply_matching.Matching(said=said, fits=True)

    reply_matching.match = match


def calls_the_unknown_sent() -> None:
    """End with 0 where nobody can tell."""
    verdict = messages.SendReport._verdict

    def lie(self: messages.SendReport) -> tuple[int, Any]:
        code, outcome = verdict(self)
        return 0 if code == ExitCode.UNKNOWN else code, outcome

    messages.SendReport._verdict = lie  # type: ignore[method-assign]  # that is the point


VARIANTS: dict[str, Callable[[], None]] = {
    variant.__name__: variant
    for variant in (
        resends_what_was_in_flight,
        claims_too_late,
        retries_without_an_answer,
        trusts_the_order_of_a_reply,
    )
}
OF_SIBLINGS = {variant.__name__: variant for variant in (retries_without_an_answer, calls_the_unknown_sent)}
"""Those that a campaign of mixed commands has to notice."""

if __name__ == "__main__":
    {**VARIANTS, **OF_SIBLINGS}[sys.argv.pop(1)]()
    entry_point()
