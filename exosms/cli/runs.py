"""``exosms runs``: decide about messages whose outcome is unknown."""

from enum import StrEnum
from typing import Annotated

import typer

from exosms.cli import options as o
from exosms.cli.commands import group
from exosms.cli.context import open_ledger
from exosms.cli.render import Format
from exosms.errors import ExitCode, InputError
from exosms.message import Outcome


class _Decision(StrEnum):
    """What a person may say about an unknown message."""

    ACCEPTED = Outcome.ACCEPTED
    NOT_SENT = Outcome.NOT_SENT


def resolve(
    once: Annotated[str, typer.Option("--once", metavar="KEY", help="The once key of the unknown messages.")],
    decision: Annotated[_Decision, typer.Option("--as", help="What became of them, as you found out.")],
    output: o.Output = Format.AUTO,
    json: o.Json = False,
) -> int:
    """Say what became of messages that exosms knows only as unknown.

    Look for them in Exotel's dashboard first: after not_sent the key is free, and the next send goes out.

    exosms runs resolve --once backup-2026-11-23 --as accepted

    exosms runs resolve --once backup-2026-11-23 --as not_sent
    """
    out = o.out(output, json=json)
    with open_ledger() as ledger:
        if not any(ledger.log(once_key=once)):
            error = InputError(
                f"No message was sent with the once key {once!r} from here", remedy="exosms log lists what was sent."
            )
            out.failure("runs", error)
            return error.exit_code
        resolved = ledger.resolve(once, outcome=Outcome(decision))
    if out.format in {Format.JSON, Format.JSONL}:
        out.document(
            {
                "schema": 1,
                "command": "runs",
                "exit_code": 0,
                "once": once,
                "as": decision,
                "resolved": resolved,
                "error": None,
            }
        )
    elif not resolved:
        out.tell(f"nothing of the once key {once!r} is unknown")
    else:
        out.line(f"{resolved} message{'s'[: resolved > 1]} of the once key {once!r}: {decision}")
    return ExitCode.OK


command = group("runs", resolve=resolve)
