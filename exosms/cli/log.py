"""``exosms log``: what this machine sent."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from exosms.cli import options as o
from exosms.cli.context import open_ledger
from exosms.cli.render import Format, Out
from exosms.errors import ExitCode
from exosms.ledger import Entry
from exosms.message import Outcome


def command(
    to: Annotated[str | None, typer.Option("--to", metavar="NUMBER", help="Only this recipient.")] = None,
    since: Annotated[
        float | None, typer.Option("--since", metavar="DURATION", parser=o.duration, help="Only as old as this.")
    ] = None,
    once: Annotated[str | None, typer.Option("--once", metavar="KEY", help="Only this once key.")] = None,
    outcome: Annotated[Outcome | None, typer.Option("--outcome", help="Only this outcome.")] = None,
    output: o.Output = Format.AUTO,
    json: o.Json = False,
) -> int:
    """Show what this machine sent, oldest first; the texts are not kept.

    exosms log --since 24h --outcome unknown

    exosms log --to 9876543210 --json
    """
    from exosms.phone import parse

    out = o.out(output, json=json)
    with open_ledger() as ledger:
        entries = ledger.log(
            to=parse(to) if to else None, since=since, once_key=once, outcome=str(outcome) if outcome else None
        )
    match out.format:
        case Format.JSON:
            out.document(
                {"schema": 1, "command": "log", "exit_code": 0, "messages": [*map(_document, entries)], "error": None}
            )
        case Format.JSONL:
            for entry in entries:
                out.document(_document(entry))
        case Format.HUMAN:
            _draw(out, entries)
        case _:
            for entry in entries:
                out.line(_time(entry.created_at), entry.state, entry.recipient, entry.sid or "", _about(entry))
    return ExitCode.OK


def _document(entry: Entry) -> Mapping[str, Any]:
    return {
        "at": _time(entry.created_at),
        "updated_at": _time(entry.updated_at),
        "account": entry.account,
        "profile": entry.profile,
        "once": entry.once_key,
        "to": entry.recipient,
        "from": entry.sender,
        "outcome": entry.state,
        "sid": entry.sid,
        "status": entry.status,
        "http_status": entry.http_status,
        "code": entry.code,
        "message": entry.error,
        "template": entry.template,
        "segments": entry.segments,
        "attempts": entry.attempts,
    }


def _draw(out: Out, entries: Sequence[Entry]) -> None:
    if not entries:
        out.tell("nothing was sent from here that fits")
        return
    for entry in entries:
        out.line(f"{_time(entry.created_at)}  {entry.state}  {entry.recipient}")
        about = "  ".join(filter(None, (entry.sid, _about(entry))))
        if about:
            out.line(f"  {about}")


def _about(entry: Entry) -> str:
    status = f"HTTP {entry.http_status}" if entry.http_status and entry.error else ""
    once = f"once {entry.once_key}" if entry.once_key else ""
    return "; ".join(filter(None, (": ".join(filter(None, (status, entry.error or entry.status))), once)))


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).astimezone().isoformat(timespec="seconds")
