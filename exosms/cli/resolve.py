"""``exosms runs resolve``: what a person found out about unknown messages."""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from exosms.cli import completion_values
from exosms.cli import options as o
from exosms.cli.context import open_ledger, run_of
from exosms.errors import ExitCode, InputError, UsageError
from exosms.ledger.messages import Ledger
from exosms.ledger.runs import Journal, being_sent
from exosms.ledger.unknown import NotUnknownError, Rows, resolve_key, resolve_rows
from exosms.sms.message import Outcome
from exosms.system.wording import counted


class _Decision(StrEnum):
    """What a person may say about an unknown message."""

    ACCEPTED = Outcome.ACCEPTED
    NOT_SENT = Outcome.NOT_SENT


def row_ranges(text: str) -> Sequence[Rows]:
    """Read ``3-17,20``: numbers from 1, in any order."""
    found = []
    for part in text.replace(" ", "").split(","):
        match = re.fullmatch(r"([1-9]\d{0,40})(?:-([1-9]\d{0,40}))?", part, re.ASCII)
        if not match or int(match[2] or match[1]) < int(match[1]):
            raise typer.BadParameter(f"{text!r} names no rows: write numbers and ranges, such as 3-17,20")
        found.append(Rows(int(match[1]), int(match[2] or match[1])))
    return sorted(found)


def resolve(
    *,
    decision: Annotated[_Decision, o.choice(_Decision, "--as", about="What happened to them, as you found out.")],
    name: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", autocompletion=completion_values.runs, help="The run with the unknown rows."),
    ] = None,
    once: Annotated[
        str | None,
        o.option("--once", metavar="KEY", help="The once key of the unknown messages."),
    ] = None,
    row: Annotated[
        Sequence[Rows] | None,
        o.option("--row", metavar="ROWS", parser=row_ranges, help="Only these rows of the run, such as 3-17,20."),
    ] = None,
    out: o.Printer,
) -> int:
    """Say what happened to messages whose outcome is unknown.

    Look for them in Exotel's dashboard first: after not_sent they can be sent again.

    exosms runs resolve customers-20261123-1 --as accepted --row 3-17,20

    exosms runs resolve --once backup-2026-11-23 --as not_sent
    """
    if (name is None) == (once is None):
        raise UsageError("Give either a RUN or --once KEY", remedy="exosms runs list shows the runs.")
    if row is not None and name is None:
        raise UsageError("--row needs a RUN")
    with open_ledger() as ledger:
        if once is not None:
            what, resolved = f"once key {once!r}", _resolve_key(ledger, once, Outcome(decision))
        else:
            what, resolved = f"run {name}", _resolve_rows(ledger, name or "", Outcome(decision), row or ())
    if not (resolved or out.is_json):
        out.tell(f"the {what} has no unknown messages")
        return ExitCode.OK
    about = {"once": once} if once else {"run": name}
    out.done(
        f"{counted(resolved, 'message')} of the {what}: {decision}", **about, **{"as": decision}, resolved=resolved
    )
    return ExitCode.OK


def _resolve_key(ledger: Ledger, once: str, outcome: Outcome) -> int:
    from exosms.send.one import UNSETTLED, in_use

    if not ledger.with_key(once):
        raise InputError(
            f"No message was sent with the once key {once!r} from this machine",
            remedy="exosms log lists what was sent.",
        )
    resolved = resolve_key(ledger, once, outcome=outcome)
    unsettled = [entry for entry in ledger.with_key(once) if entry.state in UNSETTLED]
    if unsettled and not resolved:
        raise in_use(once, unsettled[0])
    return resolved


def _resolve_rows(ledger: Ledger, name: str, outcome: Outcome, rows: Sequence[Rows]) -> int:
    run = run_of(Journal(ledger), name)
    try:
        resolved = resolve_rows(ledger, run, outcome=outcome, rows=rows)
    except NotUnknownError as error:
        raise InputError(
            f"The run {name} has no unknown row {error.row}; nothing was changed",
            remedy=f"exosms runs export {name} shows its rows.",
        ) from error
    if not resolved and run.owner is not None:
        raise being_sent(run)
    return resolved
